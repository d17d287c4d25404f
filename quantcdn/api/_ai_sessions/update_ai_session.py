"""The operation `update_ai_session`."""

from typing import Annotated

from pydantic import SkipValidation
from typing_extensions import Unpack

from quantcdn._wire.call import Call, RequestOptions, Shape
from quantcdn._wire.segment import Segment
from quantcdn.api._operation import operation
from quantcdn.models import UpdateAISession200Response, UpdateAISessionRequest, UpdateAISessionRequestDict

_UPDATED = Shape(UpdateAISession200Response, expected="the session after the update")


@operation
def update_ai_session(
    organisation: Segment,
    session_id: Segment,
    update_ai_session_request: Annotated[UpdateAISessionRequest | UpdateAISessionRequestDict, SkipValidation],
    **options: Unpack[RequestOptions],
) -> Call[UpdateAISession200Response]:
    """Append messages to a session, add to its token count, or change its status or metadata.

    Contract operation: updateAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
    It appends and adds, so it is not sent again when its outcome is unknown.

    Args:
        organisation: the id of the organisation.
        session_id: the id of the session.
        update_ai_session_request: what to append and change, as a model or a dict.
        **options: see `RequestOptions`.

    Returns:
        the session after the update, with its totals.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
        NotFoundException: there is no such session, or it has expired.
        OutcomeUnknownException: the update may have taken effect, or not.
        ApiException: any other failure.
    """
    return Call(
        "PUT",
        f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}",
        _UPDATED,
        options,
        body=UpdateAISessionRequest.model_validate(update_ai_session_request),
    )
