"""The model `UpdateAISessionRequestNewMessagesInner`."""

from typing import ClassVar, Literal, TypeAlias

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import OneOf, Text

Role: TypeAlias = Literal["user", "assistant"]


class UpdateAISessionRequestNewMessagesInner(RequestModel):
    """A message to append."""

    _caption: ClassVar[str] = "Message"

    role: OneOf[Role] | None = None
    """Who speaks: ``user`` or ``assistant``. A message of the system can only be an initial one."""
    content: Text | None = None
    """What is said."""


class UpdateAISessionRequestNewMessagesInnerDict(TypedDict, total=False):
    """The same as a dict."""

    role: Role
    content: str
