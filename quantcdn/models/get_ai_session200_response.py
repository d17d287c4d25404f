"""The model `GetAISession200Response`."""

from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Messages, Timestamp


class GetAISession200Response(SnakeCaseResponseModel):
    """A session with its messages."""

    id: Id | None = None
    """The id of the session."""
    title: str | None = None
    """Its title."""
    model: str | None = None
    """The AI model that it is held with."""
    messages: Messages | None = None
    """The messages, oldest first, each a dict with what was sent: `role` and `content`."""
    created_at: Timestamp | None = None
    """When it was created."""
