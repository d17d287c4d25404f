"""The model `GetAISession200Response`."""

from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Messages, Timestamp


class GetAISession200Response(SnakeCaseResponseModel):
    """A session with its messages."""

    id: Id | None = None
    title: str | None = None
    model: str | None = None
    messages: Messages | None = None
    created_at: Timestamp | None = None
