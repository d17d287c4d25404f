"""The model `CreateAISessionRequestInitialMessagesInner`."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import OneOf, Text

Role: TypeAlias = Literal["system", "user", "assistant"]


class CreateAISessionRequestInitialMessagesInner(RequestModel):
    """A message that a session starts with. `role` is ``system``, ``user`` or ``assistant``."""

    role: OneOf[Role] | None = None
    content: Text | None = None


class CreateAISessionRequestInitialMessagesInnerDict(TypedDict, total=False):
    """The same as a dict."""

    role: Role
    content: str
