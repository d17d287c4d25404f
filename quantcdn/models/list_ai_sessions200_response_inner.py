"""The model `ListAISessions200ResponseInner`."""

from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Timestamp


class ListAISessions200ResponseInner(SnakeCaseResponseModel):
    """A session in a list."""

    id: Id | None = None
    title: str | None = None
    model: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
