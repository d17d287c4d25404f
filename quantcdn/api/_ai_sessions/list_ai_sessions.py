"""The operation `list_ai_sessions`."""

from typing import Annotated

from pydantic import Field, Strict
from typing_extensions import Unpack

from quantcdn._wire.call import Call, RequestOptions, Shape
from quantcdn._wire.segment import Segment
from quantcdn.api._operation import operation
from quantcdn.models import ListAISessions200ResponseInner
from quantcdn.models._sessions import Sessions
from quantcdn.models._types import Filter, Integer

_LISTED: Shape[list[ListAISessions200ResponseInner]] = Shape(
    Sessions,
    expected="a list of sessions",
    # The contract says a bare array; nearly every other list of this API is wrapped in an object.
    wrapped_in=("sessions", "data", "items", "results"),
)


@operation
def list_ai_sessions(
    organisation: Segment,
    user_id: Filter | None = None,
    session_group: Filter | None = None,
    limit: Annotated[int, Strict(), Field(ge=1, le=100)] | None = None,
    offset: Annotated[Integer, Field(ge=0)] | None = None,
    model: Filter | None = None,
    **options: Unpack[RequestOptions],
) -> Call[list[ListAISessions200ResponseInner]]:
    """List the active sessions of an organisation. The filters combine.

    Contract operation: listAISessions, ``GET /api/v3/organizations/{organisation}/ai/sessions``.

    Args:
        organisation: the id of the organisation.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        limit: how many sessions at most, 1 to 100; the service takes 50 if None.
        offset: how many sessions to skip, 0 or more.
        model: only sessions with this model.
        **options: see `RequestOptions`.

    Returns:
        the sessions, without their messages.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
        ApiException: any failure.
    """
    return Call(
        "GET",
        f"/api/v3/organizations/{organisation}/ai/sessions",
        _LISTED,
        options,
        repeatable=True,
        query={
            "userId": user_id,
            "sessionGroup": session_group,
            "limit": limit,
            "offset": offset,
            "model": model,
        },
    )
