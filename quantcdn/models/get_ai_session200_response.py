"""The model `GetAISession200Response`."""

from typing import TYPE_CHECKING

from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Messages, Timestamp

if TYPE_CHECKING:
    from quantcdn._show.html import Page


class GetAISession200Response(SnakeCaseResponseModel):
    """A session with its messages.

    What the service sends beyond the contract is kept: `updated_at` and `expires_at`, for example, are instants.
    """

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

    def _shown(self, page: "Page") -> str:
        elsewhere = {"title", "messages"}.difference(self.unread)
        fields = {name: value for name, value in self if name not in elsewhere}
        messages = page.transcript(self.messages or []) if "messages" in elsewhere else ""
        return page.fields(page.title(self.title), fields) + messages
