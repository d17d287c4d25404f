"""One module per schema of the contract: what editors and type checkers see."""

from quantcdn.models.create_ai_session201_response import CreateAISession201Response as CreateAISession201Response
from quantcdn.models.create_ai_session_request import CreateAISessionRequest as CreateAISessionRequest
from quantcdn.models.create_ai_session_request import CreateAISessionRequestDict as CreateAISessionRequestDict
from quantcdn.models.create_ai_session_request_initial_messages_inner import (
    CreateAISessionRequestInitialMessagesInner as CreateAISessionRequestInitialMessagesInner,
)
from quantcdn.models.create_ai_session_request_initial_messages_inner import (
    CreateAISessionRequestInitialMessagesInnerDict as CreateAISessionRequestInitialMessagesInnerDict,
)
from quantcdn.models.delete_ai_session200_response import DeleteAISession200Response as DeleteAISession200Response
from quantcdn.models.extend_ai_session200_response import ExtendAISession200Response as ExtendAISession200Response
from quantcdn.models.extend_ai_session_request import ExtendAISessionRequest as ExtendAISessionRequest
from quantcdn.models.extend_ai_session_request import ExtendAISessionRequestDict as ExtendAISessionRequestDict
from quantcdn.models.get_ai_session200_response import GetAISession200Response as GetAISession200Response
from quantcdn.models.list_ai_sessions200_response_inner import (
    ListAISessions200ResponseInner as ListAISessions200ResponseInner,
)
from quantcdn.models.update_ai_session200_response import UpdateAISession200Response as UpdateAISession200Response
from quantcdn.models.update_ai_session_request import UpdateAISessionRequest as UpdateAISessionRequest
from quantcdn.models.update_ai_session_request import UpdateAISessionRequestDict as UpdateAISessionRequestDict
from quantcdn.models.update_ai_session_request_new_messages_inner import (
    UpdateAISessionRequestNewMessagesInner as UpdateAISessionRequestNewMessagesInner,
)
from quantcdn.models.update_ai_session_request_new_messages_inner import (
    UpdateAISessionRequestNewMessagesInnerDict as UpdateAISessionRequestNewMessagesInnerDict,
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
