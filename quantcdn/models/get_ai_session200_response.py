"""The model `GetAISession200Response`."""

from typing import Any

from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Timestamp


class GetAISession200Response(SnakeCaseResponseModel):
    """A session with its messages."""

    id: Id | None = None
    title: str | None = None
    model: str | None = None
    messages: list[dict[str, Any]] | None = None
    created_at: Timestamp | None = None
