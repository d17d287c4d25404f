"""The model `CreateAISession201Response`."""

from typing import ClassVar

from quantcdn.models._base import ResponseModel
from quantcdn.models._types import Id, Timestamp


class CreateAISession201Response(ResponseModel):
    """The session that was created."""

    _caption: ClassVar[str] = "Created session"

    session_id: Id | None = None
    """The id of the session, to use in every further call."""
    status: str | None = None
    """The state of the session: ``active``."""
    expires_at: Timestamp | None = None
    """When it expires."""
    created_at: Timestamp | None = None
    """When it was created."""
