"""One call of an operation, as data: what a builder of `quantcdn.api` returns and the client carries out."""

from collections.abc import Callable, Mapping
from typing import Annotated, Generic, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import NamedTuple, TypedDict

from quantcdn._wire.headers import check_header
from quantcdn.exceptions import ApiValueError
from quantcdn.models._base import RequestModel, with_types
from quantcdn.models._types import Integer

T = TypeVar("T")


def _sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        try:
            check_header(name, value)
        except ApiValueError as error:
            raise PydanticCustomError("header", "{problem}", {"problem": str(error)}) from None
    return headers


def _sendable_media_type(content_type: str) -> str:
    _sendable({"Content-Type": content_type})
    return content_type


def _in_one_line(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """Read a timeout; pydantic would say of each of its forms why it is not that."""
    try:
        return read(value)
    except ValidationError:
        raise PydanticCustomError(
            "timeout", "Input should be a number of seconds above 0, or a pair of them: connect, read"
        ) from None


Seconds = Annotated[float, Strict(), Field(gt=0)]


@with_config(ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True))
class RequestOptions(TypedDict, total=False):
    """The options that every operation takes, by keyword.

    Attributes:
        _request_timeout: the longest the call may take in all, in seconds (`math.inf` for no limit), or a pair: the
            longest to connect, and the longest to wait for each piece of the answer. `Configuration.timeout` if None.
        _request_auth: a token for this call instead of the configured one:
            ``{"type": "bearer", "in": "header", "key": "Authorization", "value": "Bearer <token>"}``.
        _content_type: the media type to declare for the body.
        _headers: header fields for this call. They win over default headers, which win over the SDK's own.
        _host_index: which server of the service to use, where the configuration gives no host.
    """

    _request_timeout: Annotated[Seconds | tuple[Seconds, Seconds] | None, WrapValidator(_in_one_line)]
    _request_auth: Mapping[str, str] | None
    _content_type: Annotated[str, AfterValidator(_sendable_media_type)] | None
    _headers: Annotated[Mapping[str, str], AfterValidator(_sendable)] | None
    _host_index: Annotated[Integer, Field(ge=0)]


def without_input(error: ValidationError, title: str | None = None) -> ValidationError:
    """The same error without what was given, which may be a secret: `errors()` and pickling would show it."""
    return with_types(error, title, keep_input=False)


class Shape(Generic[T]):
    """The shape of a successful answer: what its body is read as.

    Args:
        type_: a model, or a list of models.
        expected: what that is, in words for an error.
        wrapped_in: the fields of an object under which the value may stand instead of standing alone.
        when_gone: makes what a delete returns when the session is known to be gone and no body says so.
        named_by: the field that names the session, where an answer without one would tell nothing.
    """

    __slots__ = ("adapter", "expected", "named_by", "when_gone", "wrapped_in")

    def __init__(
        self,
        type_: type[T],
        *,
        expected: str,
        wrapped_in: tuple[str, ...] = (),
        when_gone: Callable[[], T] | None = None,
        named_by: str | None = None,
    ) -> None:
        self.adapter: TypeAdapter[T] = TypeAdapter(type_)
        self.expected: str = expected
        self.wrapped_in: tuple[str, ...] = wrapped_in
        self.when_gone: Callable[[], T] | None = when_gone
        self.named_by: str | None = named_by


class Call(NamedTuple, Generic[T]):
    """One call of an operation. Printed, it shows neither its options nor its query nor its body.

    Attributes:
        method: the HTTP method.
        path: the path below the base URL, percent-encoded.
        shape: what the answer is read as.
        options: the per-call options.
        repeatable: whether it may be sent again when it is unknown whether the first request took effect.
        query: the parameters of the query; one that is None is left out.
        body: the request body, checked.
    """

    method: str
    path: str
    shape: Shape[T]
    options: RequestOptions
    repeatable: bool = False
    query: Mapping[str, str | int | None] = {}
    body: RequestModel | None = None

    def __repr__(self) -> str:
        return f"<Call {self.method} {self.path}>"
