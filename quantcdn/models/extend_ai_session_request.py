"""The model `ExtendAISessionRequest`."""

from typing import Annotated

from pydantic import Field, Strict
from typing_extensions import TypedDict

from quantcdn.models._base import RequestModel


class ExtendAISessionRequest(RequestModel):
    """How many minutes to add to the expiry: 1 to 1440."""

    additional_minutes: Annotated[int, Strict(), Field(ge=1, le=1440)] | None = 60


class ExtendAISessionRequestDict(TypedDict, total=False):
    """The same as a dict."""

    additionalMinutes: int
