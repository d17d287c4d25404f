"""The model `ListAISessions200ResponseInner`."""

from typing import ClassVar

from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Timestamp


class ListAISessions200ResponseInner(SnakeCaseResponseModel):
    """A session in a list."""

    _caption: ClassVar[str] = "Session"

    id: Id | None = None
    """The id of the session."""
    title: str | None = None
    """Its title."""
    model: str | None = None
    """The AI model that it is held with."""
    created_at: Timestamp | None = None
    """When it was created."""
    updated_at: Timestamp | None = None
    """When it was last changed."""
