"""The operation `delete_ai_session`."""

from typing_extensions import Unpack

from quantcdn._wire.call import Call, RequestOptions, Shape
from quantcdn._wire.segment import Segment
from quantcdn.api._operation import operation
from quantcdn.models import DeleteAISession200Response

_DELETED = Shape(
    DeleteAISession200Response, expected="the confirmation of a deletion", when_gone=DeleteAISession200Response
)


@operation
def delete_ai_session(
    organisation: Segment, session_id: Segment, **options: Unpack[RequestOptions]
) -> Call[DeleteAISession200Response]:
    """Delete a session with its messages.

    Contract operation: deleteAISession, ``DELETE /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
    Where the answer to a first attempt was lost and a second one finds nothing, the session is deleted.

    Args:
        organisation: the id of the organisation.
        session_id: the id of the session.
        **options: see `RequestOptions`.

    Returns:
        what the service says of the deletion.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
        NotFoundException: there is no such session, or it has expired.
        ApiException: any other failure.
    """
    return Call(
        "DELETE",
        f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}",
        _DELETED,
        options,
        repeatable=True,
    )
