"""From an answer to the model that was asked for, or to the exception of its status. Pure."""

import http.client
import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._wire.call import Call, Shape
from quantcdn._wire.headers import Headers
from quantcdn._wire.message import Response
from quantcdn.exceptions import (
    OUTCOME_UNKNOWN,
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
from quantcdn.models._lenient import read_json, read_leniently

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


# A few bytes can become an object of hundreds, and nothing interrupts the reading. So what a body holds is bounded.
_MOST_VALUES = 1_000_000
_LEAST_BYTES = 1.5  # of what counts as a value: `{},` counts as two
_NOT_BEFORE_VALUES = bytes(set(range(256)).difference(b"[{,"))
# A text without escapes, or the beginning of one; or what stands before a value.
_find_parts = re.compile(rb'"[^"]*"?|([\[{,])').finditer

# Python knows others, some of which take a time that grows with the square of the length.
_CHARSETS = frozenset(
    [
        *("utf-8", "utf8", "utf-8-sig", "us-ascii", "ascii", "latin-1", "latin1", "koi8-r", "koi8-u"),
        *("gb18030", "gbk", "gb2312", "big5", "shift-jis", "euc-jp", "euc-kr"),
        *(f"utf-{bits}{order}" for bits in (16, 32) for order in ("", "le", "be", "-le", "-be")),
        *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),
        *(f"{name}{number}" for name in ("windows-", "cp") for number in range(1250, 1259)),
    ]
)

# What a delete is answered, but for white space, by services that have nothing to say of it.
_NOTHING = frozenset(["", "null", "true", "[]", "ok", '"ok"', '""'])


class _NotReadError(ValueError):
    """An answer is refused before it is looked at."""


def decode(call: Call[T], response: Response, *, after_loss: bool = False) -> T:
    """What a successful answer to a call holds.

    Args:
        call: the call.
        response: the answer.
        after_loss: whether an earlier attempt may have taken effect.

    Raises:
        ApiException: the answer is of another status; each has its subclass.
        ResponseFormatException: the answer cannot be read as what was asked.
    """
    shape = call.shape
    if not 200 <= response.status < 300:
        if after_loss and response.status == 404 and shape.when_gone is not None:
            if _is_of_the_service(response):
                return shape.when_gone()  # the attempt whose answer was lost has deleted it
            raise _unreadable(
                shape, response, "this 404 is not the service's, and an earlier attempt may have deleted it or not"
            )
        raise exception_of(response, repeatable=call.repeatable)
    body = response.body
    if len(body) > _LEAST_BYTES * _MOST_VALUES and _holds_too_much(body):
        raise _unreadable(shape, response, f"it holds more than {_MOST_VALUES:,} values")
    try:
        data = shape.adapter.validate_json(body)
    except ValidationError:
        data = None
    if data is None:
        data = _decode_leniently(shape, response)
    if isinstance(data, ResponseModel) and data.model_extra and _is_failure(data):
        raise _unreadable(shape, response, "it reports an error, in spite of its status")
    if shape.named_by is not None and not getattr(data, shape.named_by):
        raise _unreadable(shape, response, "it does not name the session, which may be there nevertheless")
    return data


def exception_of(response: Response, *, repeatable: bool) -> ApiException:
    """The exception for an answer that is no success."""
    status = response.status
    text, data = _text_and_json(response)
    reason = response.reason or http.client.responses.get(status)
    kind = _EXCEPTION_OF_STATUS.get(status, ApiException)
    if status == 304:
        reason = f"{reason} (an answer out of a cache in between: the request asked whether nothing was modified)"
    elif 300 <= status < 400:
        target = re.sub(r"//[^/?#]*@|[?#].*", _hide, response.headers.get("location", "an unnamed place"))
        reason = f"{reason or 'Redirect'} (redirects are not followed; this one leads to {target})"
    elif status >= 500 and repeatable:
        kind = ServiceException
    elif status >= 500:
        kind = OutcomeUnknownServiceException
        reason = f"{reason or 'Service error'}; {OUTCOME_UNKNOWN}"
    return kind.answered(status, reason, Headers(response.headers.items()), text, data)


def _hide(match: re.Match[str]) -> str:
    return "//***@" if match[0].startswith("//") else f"{match[0][0]}***"


def _is_of_the_service(response: Response) -> bool:
    """Whether an answer of an error is the service's: a gateway's says nothing of the session."""
    data = _text_and_json(response)[1]
    return isinstance(data, dict) and not {"message", "error", "code"}.isdisjoint(cast("dict[str, object]", data))


def _decode_leniently(shape: Shape[T], response: Response) -> T:
    """A second pass, over Python objects: for other charsets, wrapped values, and whatever came in another form."""
    if shape.when_gone is not None and (response.status == 204 or _says_nothing(response)):
        return shape.when_gone()
    if not response.body:
        raise _unreadable(shape, response, "it is empty")
    try:
        value = _unwrapped(_json(text_of(response)), shape.wrapped_in)
        return read_leniently(shape.adapter.validate_python, value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "at its top"
        problem = f"{place}: {first['msg']}"
    except _NotReadError as error:
        problem = str(error)
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        problem = f"it is not JSON, {error}"
    # Not inside the clauses above: a context of pydantic's holds the input, and cannot be pickled with the exception.
    raise _unreadable(shape, response, problem)


def _says_nothing(response: Response) -> bool:
    return response.body[:20].decode("ascii", "replace").strip().lower() in _NOTHING and len(response.body) <= 20


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


def _unreadable(shape: Shape[T], response: Response, problem: str) -> ResponseFormatException:
    return ResponseFormatException.answered(
        response.status,
        f"The answer cannot be read as {shape.expected} ({problem})",
        Headers(response.headers.items()),
        *_text_and_json(response),
    )


def text_of(response: Response) -> str:
    """The body as text, in the charset that is declared.

    Raises:
        ValueError: it is no text in it, or the charset is not one of those that are read.
    """
    declared = re.search(r"charset\s*=\s*[\"']?([^\s\"';]+)", response.headers.get("content-type", ""), re.IGNORECASE)
    charset = declared[1].lower().replace("_", "-") if declared else "utf-8"
    if charset not in _CHARSETS:
        raise _NotReadError(f"its charset is {charset[:40]!a}, which is not one of those that are read")
    return response.body.decode(charset).removeprefix("\ufeff")


def _json(text: str) -> Any:
    if _holds_too_much(text.encode()):
        raise _NotReadError(f"it holds more than {_MOST_VALUES:,} values")
    return read_json(text)


def _holds_too_much(body: bytes) -> bool:
    """Whether there are too many values in a JSON text."""
    if len(body.translate(None, _NOT_BEFORE_VALUES)) <= _MOST_VALUES:  # a third of the time that counting each takes
        return False
    values = 0
    for number, part in enumerate(_find_parts(body.replace(rb"\\", b"").replace(rb"\"", b""))):
        values += part[1] is not None
        # A value with its name and a comma is three parts.
        if values > _MOST_VALUES or number > 4 * _MOST_VALUES:
            return True
    return False


def _text_and_json(response: Response) -> tuple[str, Any]:
    try:
        text = text_of(response)
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        text = response.body.decode("utf-8", "replace")
    try:
        return text, _json(text)
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        return text, None
