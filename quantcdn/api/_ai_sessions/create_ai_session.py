"""The operation `create_ai_session`."""

from typing import Annotated

from pydantic import SkipValidation
from typing_extensions import Unpack

from quantcdn._wire.call import Call, RequestOptions, Shape
from quantcdn._wire.segment import Segment
from quantcdn.api._operation import operation
from quantcdn.models import CreateAISession201Response, CreateAISessionRequest, CreateAISessionRequestDict

_CREATED = Shape(CreateAISession201Response, expected="the session that was created", named_by="session_id")


@operation
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
