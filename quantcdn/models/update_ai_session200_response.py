"""The model `UpdateAISession200Response`."""

from quantcdn.models._base import ResponseModel
from quantcdn.models._types import Id, Timestamp


class UpdateAISession200Response(ResponseModel):
    """The session after the update, with its totals."""

    session_id: Id | None = None
    status: str | None = None
    total_messages: int | None = None
    total_tokens: int | None = None
    updated_at: Timestamp | None = None
