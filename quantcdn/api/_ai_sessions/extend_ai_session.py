"""The operation `extend_ai_session`."""

from typing import Annotated

from pydantic import SkipValidation
from typing_extensions import Unpack

from quantcdn._wire.call import Call, RequestOptions, Shape
from quantcdn._wire.segment import Segment
from quantcdn.api._operation import operation
from quantcdn.models import ExtendAISession200Response, ExtendAISessionRequest, ExtendAISessionRequestDict

_EXTENDED = Shape(ExtendAISession200Response, expected="the session after the extension")


@operation
def extend_ai_session(
    organisation: Segment,
    session_id: Segment,
    extend_ai_session_request: Annotated[
        ExtendAISessionRequest | ExtendAISessionRequestDict | None, SkipValidation
    ] = None,
    **options: Unpack[RequestOptions],
) -> Call[ExtendAISession200Response]:
    """Move the expiry of a session: add 60 minutes, or as many as the request says.

    Contract operation: extendAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}/extend``.
    It adds, so it is not sent again when its outcome is unknown.

    Args:
        organisation: the id of the organisation.
        session_id: the id of the session.
        extend_ai_session_request: how many minutes to add, as a model or a dict; without one, no body is sent.
        **options: see `RequestOptions`.

    Returns:
        the session with its new expiry.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
        NotFoundException: there is no such session, or it has expired.
        OutcomeUnknownException: the expiry may have been moved, or not.
        ApiException: any other failure.
    """
    return Call(
        "PUT",
        f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}/extend",
        _EXTENDED,
        options,
        body=(
            None
            if extend_ai_session_request is None
            else ExtendAISessionRequest.model_validate(extend_ai_session_request)
        ),
    )
