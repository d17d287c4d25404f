"""The model `DeleteAISession200Response`."""

from typing import ClassVar

from quantcdn.models._base import ResponseModel


class DeleteAISession200Response(ResponseModel):
    """What the service says of a deletion."""

    _caption: ClassVar[str] = "Deleted session"

    message: str | None = None
    """A confirmation in words. None where the service said nothing, or the SDK found out that the session is gone."""
