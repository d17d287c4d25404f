"""The model `UpdateAISessionRequest`."""

from typing import Annotated, Any, Literal

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import Integer, Metadata, one_of
from quantcdn.models.update_ai_session_request_new_messages_inner import (
    UpdateAISessionRequestNewMessagesInner,
    UpdateAISessionRequestNewMessagesInnerDict,
)


class UpdateAISessionRequest(RequestModel):
    """Messages to append and tokens to add, and what else to change. `status` is ``active`` or ``completed``."""

    new_messages: list[UpdateAISessionRequestNewMessagesInner] | None = None
    tokens_used: Integer | None = None
    status: Annotated[str, one_of("active", "completed")] | None = None
    metadata: Metadata | None = None


class UpdateAISessionRequestDict(TypedDict, total=False):
    """The same as a dict."""

    newMessages: list[UpdateAISessionRequestNewMessagesInnerDict]
    tokensUsed: int
    status: Literal["active", "completed"]
    metadata: dict[str, Any]
