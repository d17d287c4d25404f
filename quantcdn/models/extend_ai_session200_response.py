"""The model `ExtendAISession200Response`."""

from quantcdn.models._base import ResponseModel
from quantcdn.models._types import Id, Timestamp


class ExtendAISession200Response(ResponseModel):
    """The session after its expiry was moved."""

    session_id: Id | None = None
    expires_at: Timestamp | None = None
    message: str | None = None
