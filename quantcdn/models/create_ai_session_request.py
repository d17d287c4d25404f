"""The model `CreateAISessionRequest`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, Strict
from typing_extensions import Required, TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import Metadata, Text
from quantcdn.models.create_ai_session_request_initial_messages_inner import (
    CreateAISessionRequestInitialMessagesInner,
    CreateAISessionRequestInitialMessagesInnerDict,
)


class CreateAISessionRequest(RequestModel):
    """A session to create."""

    _caption: ClassVar[str] = "Request to create a session"

    user_id: Text
    """Your own id of the user whose session it is."""
    session_group: Text | None = None
    """A name to gather sessions under, such as an application or an environment."""
    metadata: Metadata | None = None
    """Anything else to keep with the session, as far as JSON can hold it."""
    expiration_minutes: Annotated[int, Strict(), Field(ge=5, le=1440)] | None = 60
    """In how many minutes it expires, 5 to 1440. None leaves the choice to the service."""
    initial_messages: list[CreateAISessionRequestInitialMessagesInner] | None = None
    """The messages that it starts with."""


class CreateAISessionRequestDict(TypedDict, total=False):
    """The same as a dict."""

    userId: Required[str]
    sessionGroup: str
    metadata: Mapping[str, Any]
    expirationMinutes: int
    initialMessages: list[CreateAISessionRequestInitialMessagesInnerDict]
