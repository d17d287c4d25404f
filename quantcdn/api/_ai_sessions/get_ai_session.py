"""The operation `get_ai_session`."""

from typing_extensions import Unpack

from quantcdn._wire.call import Call, RequestOptions, Shape
from quantcdn._wire.segment import Segment
from quantcdn.api._operation import operation
from quantcdn.models import GetAISession200Response

_SESSION = Shape(GetAISession200Response, expected="a session")


@operation
def get_ai_session(
    organisation: Segment, session_id: Segment, **options: Unpack[RequestOptions]
) -> Call[GetAISession200Response]:
    """Get a session with its messages.

    Contract operation: getAISession, ``GET /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.

    Args:
        organisation: the id of the organisation.
        session_id: the id of the session.
        **options: see `RequestOptions`.

    Returns:
        the session.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
        NotFoundException: there is no such session, or it has expired.
        ApiException: any other failure.
    """
    return Call(
        "GET",
        f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}",
        _SESSION,
        options,
        repeatable=True,
    )
