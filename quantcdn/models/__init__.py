"""One module per schema of the contract."""

from quantcdn.models.create_ai_session201_response import CreateAISession201Response
from quantcdn.models.create_ai_session_request import CreateAISessionRequest, CreateAISessionRequestDict
from quantcdn.models.create_ai_session_request_initial_messages_inner import (
    CreateAISessionRequestInitialMessagesInner,
    CreateAISessionRequestInitialMessagesInnerDict,
)
from quantcdn.models.delete_ai_session200_response import DeleteAISession200Response
from quantcdn.models.extend_ai_session200_response import ExtendAISession200Response
from quantcdn.models.extend_ai_session_request import ExtendAISessionRequest, ExtendAISessionRequestDict
from quantcdn.models.get_ai_session200_response import GetAISession200Response
from quantcdn.models.list_ai_sessions200_response_inner import ListAISessions200ResponseInner
from quantcdn.models.update_ai_session200_response import UpdateAISession200Response
from quantcdn.models.update_ai_session_request import UpdateAISessionRequest, UpdateAISessionRequestDict
from quantcdn.models.update_ai_session_request_new_messages_inner import (
    UpdateAISessionRequestNewMessagesInner,
    UpdateAISessionRequestNewMessagesInnerDict,
)

__all__ = [
    "CreateAISession201Response",
    "CreateAISessionRequest",
    "CreateAISessionRequestDict",
    "CreateAISessionRequestInitialMessagesInner",
    "CreateAISessionRequestInitialMessagesInnerDict",
    "DeleteAISession200Response",
    "ExtendAISession200Response",
    "ExtendAISessionRequest",
    "ExtendAISessionRequestDict",
    "GetAISession200Response",
    "ListAISessions200ResponseInner",
    "UpdateAISession200Response",
    "UpdateAISessionRequest",
    "UpdateAISessionRequestDict",
    "UpdateAISessionRequestNewMessagesInner",
    "UpdateAISessionRequestNewMessagesInnerDict",
]
