"""The model `CreateAISessionRequestInitialMessagesInner`."""

from typing import Annotated, Literal

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import Text, one_of


class CreateAISessionRequestInitialMessagesInner(RequestModel):
    """A message that a session starts with. `role` is ``system``, ``user`` or ``assistant``."""

    role: Annotated[str, one_of("system", "user", "assistant")] | None = None
    content: Text | None = None


class CreateAISessionRequestInitialMessagesInnerDict(TypedDict, total=False):
    """The same as a dict."""

    role: Literal["system", "user", "assistant"]
    content: str
