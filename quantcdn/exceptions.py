"""Every exception that the SDK raises, in one tree.

A call that reached nobody, was refused, or was answered with something else than what was asked raises a subclass of
`ApiException`. Bad input raises a `pydantic.ValidationError` or, where no model is involved, an `ApiValueError` or an
`ApiTypeError`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from quantcdn._request_id import request_id_of
from quantcdn._show.notebook import repr_html
from quantcdn._show.visible import visible
from quantcdn.attempt import Attempt

if TYPE_CHECKING:
    from typing_extensions import Self

    from quantcdn._show.html import Page


class OpenApiException(Exception):
    """The base of every exception of the SDK."""

    # BaseException compares by identity and pickles its positional arguments only; these hold keyword arguments too.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OpenApiException) or type(self) is not type(other):
            return NotImplemented
        return self.args == other.args and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (type(self), self.args), vars(self)


_Path: TypeAlias = Sequence[str | int]


def _located(msg: str, path_to_item: _Path | None) -> str:
    return f"{msg} at {''.join(f'[{step!r}]' for step in path_to_item)}" if path_to_item else msg


def _unpickled(kind: type[OpenApiException], args: tuple[object, ...]) -> OpenApiException:
    return kind.__new__(kind, *args)


class ApiTypeError(OpenApiException, TypeError):
    """An argument is of the wrong type.

    Args:
        msg: what is wrong.
        path_to_item: the keys and indices that lead to it; the text ends with them, as in ``at ['messages'][0]``.
        valid_classes: the types that it may be of.
        key_type: whether it is the key of a dict, rather than a value.

    Attributes:
        path_to_item: as it was given.
        valid_classes: as it was given.
        key_type: as it was given.
    """

    def __init__(
        self,
        msg: str = "",
        path_to_item: _Path | None = None,
        valid_classes: tuple[type, ...] | None = None,
        key_type: bool | None = None,
    ) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item
        self.valid_classes = valid_classes
        self.key_type = key_type


class ApiValueError(OpenApiException, ValueError):
    """An argument is of the right type, and its value cannot be used.

    Args:
        msg: what is wrong.
        path_to_item: the keys and indices that lead to it; the text ends with them, as in ``at ['messages'][0]``.

    Attributes:
        path_to_item: as it was given.
    """

    def __init__(self, msg: str = "", path_to_item: _Path | None = None) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiKeyError(OpenApiException, KeyError):
    """A key is missing.

    Args:
        msg: what is wrong.
        path_to_item: the keys and indices that lead to it; the text ends with them, as in ``at ['messages'][0]``.

    Attributes:
        path_to_item: as it was given.
    """

    def __init__(self, msg: str = "", path_to_item: _Path | None = None) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would show its message in quotes.


class ApiAttributeError(OpenApiException, AttributeError):
    """An attribute is missing.

    Args:
        msg: what is wrong.
        path_to_item: the keys and indices that lead to it; the text ends with them, as in ``at ['messages'][0]``.

    Attributes:
        path_to_item: as it was given.
    """

    def __init__(self, msg: str = "", path_to_item: _Path | None = None) -> None:
        super().__init__(_located(msg, path_to_item))
        self.path_to_item = path_to_item


class Answered(Protocol):
    """As much of a `quantcdn.rest.RESTResponse` as an exception tells of one."""

    status: int
    reason: str | None
    data: bytes | None

    def getheaders(self) -> Mapping[str, str]:
        """The header fields."""
        ...


class ApiException(OpenApiException):
    """A call did not give what was asked.

    Attributes:
        operation: the operation and what it was about, such as ``get_ai_session acme/s-1``; its text begins with it.
            None of a request that is no operation.
        status: the HTTP status code, or None where no answer came.
        reason: the status phrase, or what went wrong where no answer came.
        body: the body of the answer as text.
        data: the body of the answer as parsed JSON, or None where it is not JSON.
        headers: the header fields of the answer.
        request_id: the id under which the service logged the request, where it sent one.
        attempts: what happened in each attempt of the call, the last one last.
    """

    # What an exception says that was made without its constructor.
    operation: str | None = None
    status: int | None = None
    reason: str | None = None
    body: str | None = None
    data: Any = None
    headers: Mapping[str, str] | None = None
    attempts: tuple[Attempt, ...] = ()

    def __init__(
        self,
        status: int | None = None,
        reason: str | None = None,
        http_resp: Answered | None = None,
        *,
        body: str | None = None,
        data: Any = None,
    ) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.body = body
        self.data = data
        self.headers = None
        self.attempts = ()
        if http_resp is not None:
            self.status = http_resp.status if status is None else status
            self.reason = http_resp.reason if reason is None else reason
            self.headers = http_resp.getheaders()
            if body is None and http_resp.data is not None:
                self.body = http_resp.data.decode("utf-8", "replace")

    @classmethod
    def answered(
        cls, status: int, reason: str | None, headers: Mapping[str, str], body: str | None = None, data: Any = None
    ) -> "Self":
        """The exception for an answer of the service."""
        exception = cls(status, reason, body=body, data=data)
        exception.headers = headers
        return exception

    @property
    def request_id(self) -> str | None:
        """The id under which the service logged the request, where it sent one."""
        return request_id_of(self.headers)

    def __str__(self) -> str:
        parts = [str(part) for part in (self.status, self.reason) if part not in (None, "")]
        text = " ".join(parts) or type(self).__name__
        message = excerpt(message_of(self.data), 500) or excerpt(self.body)
        if message:
            text = f"{text}: {message}"
        if self.request_id:
            text = f"{text} (request id {self.request_id})"
        if self.attempts and len(self.attempts) > 1:
            text = f"{text} (after {len(self.attempts)} attempts)"
        return visible(f"{self.operation}: {text}" if self.operation else text)

    def _shown(self, page: "Page") -> str:
        # The id of the last answer has a row of its own.
        attempts = [
            attempt._replace(request_id=None) if attempt.request_id == self.request_id else attempt
            for attempt in self.attempts
        ]
        fields = {
            "Operation": self.operation,
            "Status": self.status,
            "Reason": self.reason,
            "Message": message_of(self.data) or excerpt(self.body),
            "Request id": self.request_id,
            "Attempts": "\n".join(map(str, attempts)) or None,
        }
        return page.fields(page.line(type(self).__name__), fields)

    _repr_html_ = repr_html


class BadRequestException(ApiException):
    """400: the service refused a parameter."""


class UnauthorizedException(ApiException):
    """401: the token is missing, wrong or expired."""


class ForbiddenException(ApiException):
    """403: the token has no access to this organisation or session."""


class NotFoundException(ApiException):
    """404: the session is not there, or no longer."""


class ConflictException(ApiException):
    """409: the request contradicts the state of the session."""


class UnprocessableEntityException(ApiException):
    """422: the service understood the request and refused its content."""


class TooManyRequestsException(ApiException):
    """429: the service asks for fewer calls."""


class ServiceException(ApiException):
    """5xx: the service or a gateway before it failed."""


class TransportException(ApiException):
    """No answer came.

    Attributes:
        never_sent: whether it is certain that the service did not see the request, in any attempt.
        permanent: whether it is certain that another attempt would fail in the same way.
    """

    def __init__(self, reason: str, *, never_sent: bool = False, permanent: bool = False) -> None:
        super().__init__(reason=reason)
        self.never_sent = never_sent
        self.permanent = permanent


class ConnectionException(TransportException):
    """The service could not be reached, or the connection was lost."""


class TLSException(ConnectionException):
    """No secure connection could be made, for example because the server's certificate is not trusted."""


class TimeoutException(TransportException):
    """No answer came within the time allowed."""


class TokenException(TransportException):
    """The callable that gives the access token failed.

    What it raised is the cause. `never_sent` tells of the attempts before, where there were any.
    """


class ResponseFormatException(ApiException):
    """An answer came that cannot be read as what was asked."""


class OutcomeUnknownException(ApiException):
    """A create, update or extend may have taken effect, or not: the answer that would tell was lost.

    The SDK never sends such a request again by itself. Read the session back before you do.
    """


class OutcomeUnknownConnectionException(OutcomeUnknownException, ConnectionException):
    """The connection was lost after the request was sent."""


class OutcomeUnknownTimeoutException(OutcomeUnknownException, TimeoutException):
    """The answer did not come within the time allowed."""


class OutcomeUnknownServiceException(OutcomeUnknownException, ServiceException):
    """5xx: the service failed at an unknown point."""


OUTCOME_UNKNOWN = "whether the request took effect is not known"


def with_unknown_outcome(failure: TransportException) -> OutcomeUnknownException:
    """The exception for the same failure of a request that may have taken effect."""
    timed_out = isinstance(failure, TimeoutException)
    kind = OutcomeUnknownTimeoutException if timed_out else OutcomeUnknownConnectionException
    return kind(f"{failure.reason}; {OUTCOME_UNKNOWN}")


def message_of(data: object) -> str | None:
    """What the service itself says of an error, from any of the shapes of error body that it is known to send."""
    if not isinstance(data, Mapping):
        return None
    fields = cast("Mapping[str, object]", data)
    for key in ("message", "error", "detail", "errors"):
        value = fields.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict | list) and value:
            return message_of(cast("object", value)) or excerpt(str(cast("object", value)))
    return None


def problem_of(error: BaseException) -> str:
    """What an exception says, without the operation: for where that is told already."""
    text = str(error)
    return text.removeprefix(visible(f"{error.operation}: ")) if isinstance(error, ApiException) else text


def excerpt(text: str | None, length: int = 200) -> str | None:
    """The start of a text, on one line."""
    if not text:
        return None
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else f"{line[:length]}…"
