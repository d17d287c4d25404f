"""The model `DeleteAISession200Response`."""

from quantcdn.models._base import ResponseModel


class DeleteAISession200Response(ResponseModel):
    """What the service says of a deletion."""

    message: str | None = None
