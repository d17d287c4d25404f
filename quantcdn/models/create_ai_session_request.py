"""The model `CreateAISessionRequest`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, Strict
from typing_extensions import Required, TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import Metadata, Text
from quantcdn.models.create_ai_session_request_initial_messages_inner import (
    CreateAISessionRequestInitialMessagesInner,
    CreateAISessionRequestInitialMessagesInnerDict,
)


class CreateAISessionRequest(RequestModel):
    """A session to create. `expiration_minutes` is 5 to 1440."""

    user_id: Text
    session_group: Text | None = None
    metadata: Metadata | None = None
    expiration_minutes: Annotated[int, Strict(), Field(ge=5, le=1440)] | None = 60
    initial_messages: list[CreateAISessionRequestInitialMessagesInner] | None = None


class CreateAISessionRequestDict(TypedDict, total=False):
    """The same as a dict."""

    userId: Required[str]
    sessionGroup: str
    metadata: Mapping[str, Any]
    expirationMinutes: int
    initialMessages: list[CreateAISessionRequestInitialMessagesInnerDict]
