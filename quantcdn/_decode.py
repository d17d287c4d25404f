"""From an answer to the model that was asked for, or to the exception of its status. Pure."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import from_json

from quantcdn._call import Call, Result
from quantcdn._headers import Headers
from quantcdn._message import Response
from quantcdn.exceptions import (
    ApiException,
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    OutcomeUnknownServiceException,
    ResponseFormatException,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from quantcdn.models._base import ResponseModel

T = TypeVar("T")

_EXCEPTION_OF_STATUS: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ConflictException,
    422: UnprocessableEntityException,
    429: TooManyRequestsException,
}


def decode(call: Call[T], response: Response) -> T:
    """What a successful answer to a call holds.

    Raises:
        ApiException: the answer is of another status; each has its subclass.
        ResponseFormatException: the answer cannot be read as what was asked.
    """
    if not 200 <= response.status < 300:
        raise exception_of(response, repeatable=call.repeatable)
    try:
        data = call.result.adapter.validate_json(response.body)
    except ValidationError:
        data = None
    if data is None:
        data = _decode_leniently(call.result, response)
    if isinstance(data, ResponseModel) and data.model_extra and _is_failure(data):
        raise _unreadable(call.result, response, "it reports an error, in spite of its status")
    return data


def exception_of(response: Response, *, repeatable: bool) -> ApiException:
    """The exception for an answer that is no success."""
    status = response.status
    text, data = _text_and_json(response)
    reason = response.reason
    if 300 <= status < 400:
        target = re.sub(r"//[^/?#]*@|[?#].*", _hide, response.headers.get("location", "an unnamed place"))
        reason = f"{reason or 'Redirect'} (redirects are not followed; this one leads to {target})"
    if status >= 500:
        kind: type[ApiException] = ServiceException if repeatable else OutcomeUnknownServiceException
    else:
        kind = _EXCEPTION_OF_STATUS.get(status, ApiException)
    return kind.answered(status, reason, Headers(response.headers.items()), text, data)


def _hide(match: re.Match[str]) -> str:
    return "//***@" if match[0].startswith("//") else f"{match[0][0]}***"


def _decode_leniently(result: Result[T], response: Response) -> T:
    """A second pass, over Python objects: for other charsets, wrapped values, and timestamps and ids in other forms."""
    if response.status == 204 and result.when_gone is not None:
        return result.when_gone()
    if not response.body:
        raise _unreadable(result, response, "it is empty")
    try:
        value: object = from_json(text_of(response))
        return result.adapter.validate_python(_unwrapped(value, result.wrapped_in))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "at its top"
        problem = f"{place}: {first['msg']}"
    except (ValueError, LookupError) as error:
        problem = f"it is not JSON, {error}"
    # Not inside the clauses above: a context of pydantic's holds the input, and cannot be pickled with the exception.
    raise _unreadable(result, response, problem)


def _unwrapped(value: object, names: tuple[str, ...]) -> object:
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, object]", value)
    name = next((name for name in names if name in fields), None)
    return fields if name is None or _reports_failure(fields) else _unwrapped(fields[name], names)


def _is_failure(data: ResponseModel) -> bool:
    """Whether an answer tells of an error and of no session: some services do so under the status of a success."""
    return _reports_failure(data.model_extra or {}) and data.model_fields_set.isdisjoint(("id", "session_id"))


def _reports_failure(fields: Mapping[str, object]) -> bool:
    return bool(fields.get("error") or fields.get("errors"))


def _unreadable(result: Result[T], response: Response, problem: str) -> ResponseFormatException:
    return ResponseFormatException.answered(
        response.status,
        f"The answer cannot be read as {result.expected} ({problem})",
        Headers(response.headers.items()),
        _text_and_json(response)[0],
    )


def text_of(response: Response) -> str:
    """The body as text, in the charset that is declared.

    Raises:
        ValueError: it is no text in it.
        LookupError: there is no such charset.
    """
    declared = re.search(r"charset\s*=\s*[\"']?([^\s\"';]+)", response.headers.get("content-type", ""), re.IGNORECASE)
    charset = declared[1].lower() if declared else "utf-8"
    text = response.body.decode("utf-8-sig" if charset in ("utf-8", "utf8") else charset)
    text.encode()  # some charsets, like UTF-7, carry lone surrogates, which no text may hold
    return text


def _text_and_json(response: Response) -> tuple[str, Any]:
    try:
        text = text_of(response)
    except (ValueError, LookupError):
        return response.body.decode("utf-8", "replace"), None
    try:
        return text, from_json(text)
    except ValueError:
        return text, None
