"""The model `ExtendAISession200Response`."""

from typing import ClassVar

from quantcdn.models._base import ResponseModel
from quantcdn.models._types import Id, Timestamp


class ExtendAISession200Response(ResponseModel):
    """The session after its expiry was moved."""

    _caption: ClassVar[str] = "Extended session"

    session_id: Id | None = None
    """The id of the session."""
    expires_at: Timestamp | None = None
    """When it expires now."""
    message: str | None = None
    """What the service says of it, in words."""
