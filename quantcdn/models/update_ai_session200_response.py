"""The model `UpdateAISession200Response`."""

from typing import ClassVar

from quantcdn.models._base import ResponseModel
from quantcdn.models._types import Id, Timestamp


class UpdateAISession200Response(ResponseModel):
    """The session after the update, with its totals."""

    _caption: ClassVar[str] = "Updated session"

    session_id: Id | None = None
    """The id of the session."""
    status: str | None = None
    """The state of the session."""
    total_messages: int | None = None
    """How many messages it has now."""
    total_tokens: int | None = None
    """How many tokens it has used in all."""
    updated_at: Timestamp | None = None
    """When it was changed."""
