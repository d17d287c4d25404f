"""The model `CreateAISessionRequestInitialMessagesInner`."""

from typing import ClassVar, Literal, TypeAlias

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import OneOf, Text

Role: TypeAlias = Literal["system", "user", "assistant"]


class CreateAISessionRequestInitialMessagesInner(RequestModel):
    """A message that a session starts with."""

    _caption: ClassVar[str] = "Message"

    role: OneOf[Role] | None = None
    """Who speaks: ``system``, ``user`` or ``assistant``."""
    content: Text | None = None
    """What is said."""


class CreateAISessionRequestInitialMessagesInnerDict(TypedDict, total=False):
    """The same as a dict."""

    role: Role
    content: str
