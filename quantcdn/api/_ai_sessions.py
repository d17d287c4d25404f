"""The six operations on AI sessions: what each takes, and the call that comes of it."""

from typing import Annotated

from pydantic import Field, SkipValidation, Strict
from typing_extensions import Unpack

from quantcdn._wire.call import Call, RequestOptions, Shape
from quantcdn._wire.segment import Segment
from quantcdn.models import (
    CreateAISession201Response,
    CreateAISessionRequest,
    CreateAISessionRequestDict,
    DeleteAISession200Response,
    ExtendAISession200Response,
    ExtendAISessionRequest,
    ExtendAISessionRequestDict,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    UpdateAISession200Response,
    UpdateAISessionRequest,
    UpdateAISessionRequestDict,
)
from quantcdn.models._sessions import Sessions
from quantcdn.models._types import Filter, Integer

_CREATED = Shape(CreateAISession201Response, expected="the session that was created", named_by="session_id")
_LISTED: Shape[list[ListAISessions200ResponseInner]] = Shape(
    Sessions,
    expected="a list of sessions",
    # The contract says a bare array; nearly every other list of this API is wrapped in an object.
    wrapped_in=("sessions", "data", "items", "results"),
)
_SESSION = Shape(GetAISession200Response, expected="a session")
_UPDATED = Shape(UpdateAISession200Response, expected="the session after the update")
_EXTENDED = Shape(ExtendAISession200Response, expected="the session after the extension")
_DELETED = Shape(
    DeleteAISession200Response, expected="the confirmation of a deletion", when_gone=DeleteAISession200Response
)


def create_ai_session(
    organisation: Segment,
    create_ai_session_request: Annotated[CreateAISessionRequest | CreateAISessionRequestDict, SkipValidation],
    **options: Unpack[RequestOptions],
) -> Call[CreateAISession201Response]:
    """Create a session for a user of yours. It expires, after 60 minutes unless the request says otherwise.

    Contract operation: createAISession, ``POST /api/v3/organizations/{organisation}/ai/sessions``.
    It makes a new session each time, so it is not sent again when its outcome is unknown.

    Args:
        organisation: the id of the organisation.
        create_ai_session_request: the session to create, as a model or a dict.
        **options: see `RequestOptions`.

    Returns:
        the new session, with its id and expiry.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
        BadRequestException: the service refused the request.
        OutcomeUnknownException: the session may have been created, or not.
        ApiException: any other failure.
    """
    return Call(
        "POST",
        f"/api/v3/organizations/{organisation}/ai/sessions",
        _CREATED,
        options,
        body=CreateAISessionRequest.model_validate(create_ai_session_request),
    )


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
