"""The model `CreateAISession201Response`."""

from quantcdn.models._base import ResponseModel
from quantcdn.models._types import Id, Timestamp


class CreateAISession201Response(ResponseModel):
    """The session that was created."""

    session_id: Id | None = None
    status: str | None = None
    expires_at: Timestamp | None = None
    created_at: Timestamp | None = None
