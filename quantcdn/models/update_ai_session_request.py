"""The model `UpdateAISessionRequest`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import Integer, Metadata, OneOf
from quantcdn.models.update_ai_session_request_new_messages_inner import (
    UpdateAISessionRequestNewMessagesInner,
    UpdateAISessionRequestNewMessagesInnerDict,
)

Status: TypeAlias = Literal["active", "completed"]


class UpdateAISessionRequest(RequestModel):
    """Messages to append and tokens to add, and what else to change."""

    _caption: ClassVar[str] = "Request to update a session"

    new_messages: list[UpdateAISessionRequestNewMessagesInner] | None = None
    """The messages to append."""
    tokens_used: Integer | None = None
    """How many tokens to add to the total of the session."""
    status: OneOf[Status] | None = None
    """The state to put the session in: ``active`` or ``completed``."""
    metadata: Metadata | None = None
    """Metadata for the session, as far as JSON can hold it."""


class UpdateAISessionRequestDict(TypedDict, total=False):
    """The same as a dict."""

    newMessages: list[UpdateAISessionRequestNewMessagesInnerDict]
    tokensUsed: int
    status: Status
    metadata: Mapping[str, Any]
