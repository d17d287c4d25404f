"""The model `UpdateAISessionRequestNewMessagesInner`."""

from typing import Annotated, Literal

from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel
from quantcdn.models._types import Text, one_of


class UpdateAISessionRequestNewMessagesInner(RequestModel):
    """A message to append. `role` is ``user`` or ``assistant``."""

    role: Annotated[str, one_of("user", "assistant")] | None = None
    content: Text | None = None


class UpdateAISessionRequestNewMessagesInnerDict(TypedDict, total=False):
    """The same as a dict."""

    role: Literal["user", "assistant"]
    content: str
