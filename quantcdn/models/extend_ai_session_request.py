"""The model `ExtendAISessionRequest`."""

from typing import Annotated, ClassVar

from pydantic import Field, Strict
from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel


class ExtendAISessionRequest(RequestModel):
    """How many minutes to add to the expiry."""

    _caption: ClassVar[str] = "Request to extend a session"

    additional_minutes: Annotated[int, Strict(), Field(ge=1, le=1440)] | None = 60
    """How many minutes to add, 1 to 1440. None leaves the choice to the service."""


class ExtendAISessionRequestDict(TypedDict, total=False):
    """The same as a dict."""

    additionalMinutes: int
