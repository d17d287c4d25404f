"""The model `UpdateAISessionRequest`."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import Integer, Metadata, OneOf
from quantcdn.models.update_ai_session_request_new_messages_inner import (
    UpdateAISessionRequestNewMessagesInner,
    UpdateAISessionRequestNewMessagesInnerDict,
)

Status: TypeAlias = Literal["active", "completed"]


class UpdateAISessionRequest(RequestModel):
    """Messages to append and tokens to add, and what else to change. `status` is ``active`` or ``completed``."""

    new_messages: list[UpdateAISessionRequestNewMessagesInner] | None = None
    tokens_used: Integer | None = None
    status: OneOf[Status] | None = None
    metadata: Metadata | None = None


class UpdateAISessionRequestDict(TypedDict, total=False):
    """The same as a dict."""

    newMessages: list[UpdateAISessionRequestNewMessagesInnerDict]
    tokensUsed: int
    status: Status
    metadata: Mapping[str, Any]
