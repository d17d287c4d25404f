"""The client: it carries out calls, and holds the only loop, over the attempts of a call."""

import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from typing_extensions import Self

from quantcdn._exchange import Exchange, publish
from quantcdn._shared import Default
from quantcdn._transport.deadline import Deadline
from quantcdn._version import __version__
from quantcdn._wire.call import Call
from quantcdn._wire.decode import decode
from quantcdn._wire.encode import encode
from quantcdn._wire.headers import Headers, check_header, has_credential
from quantcdn._wire.message import Request, Response
from quantcdn._wire.secrets import forgetful, hide_secrets
from quantcdn.api_response import ApiResponse
from quantcdn.configuration import Configuration
from quantcdn.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    TokenException,
    TransportException,
    with_unknown_outcome,
)
from quantcdn.rest import RESTClientObject, RESTResponse, low_level_request
from quantcdn.retry import Ending, RetryPolicy, delay_before_retry

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")


Finished = TypeVar("Finished")

_REPEATABLE_METHODS = frozenset(["GET", "HEAD", "OPTIONS", "DELETE"])


class ApiClient:
    """A client of the service. One serves many threads; used as a context manager, it closes its connections.

    Args:
        configuration: the options; the default configuration if None. What names the server, and the token, are
            read at each call, everything else now.
        header_name: the name of a default header field.
        header_value: its value.
        cookie: a ``Cookie`` to send with each request.

    Attributes:
        configuration: the options.
        rest_client: the connections.
        default_headers: header fields to send with each request. They win over the SDK's own.
        cookie: the ``Cookie``.

    Raises:
        ApiTypeError: the configuration is none.
    """

    _default: ClassVar[Default["ApiClient"]] = Default()

    @forgetful
    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
    ) -> None:
        if not isinstance(cast("object", configuration), Configuration | None):
            raise ApiTypeError(f"configuration must be a Configuration, not {type(configuration).__name__}")
        self.configuration: Configuration = configuration or Configuration.get_default()
        self.rest_client: RESTClientObject = RESTClientObject(self.configuration)
        self.default_headers: Headers = Headers()
        self.user_agent = f"quantcdn-python/{__version__} Python/{platform.python_version()}"
        if header_name is not None:
            self.set_default_header(header_name, header_value or "")
        self.cookie = cookie
        self._retry_policy = RetryPolicy.of(self.configuration.retries)
        self._on_attempt = self.configuration.on_attempt

    @property
    def user_agent(self) -> str:
        """The ``User-Agent`` of each request."""
        return self.default_headers["User-Agent"]

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.set_default_header("User-Agent", value)

    @property
    def cookie(self) -> str | None:
        """The ``Cookie`` of each request."""
        return self.default_headers.get("Cookie")

    @cookie.setter
    @forgetful
    def cookie(self, value: str | None) -> None:
        if value is None:
            changed = self.default_headers.copy()
            changed.discard("Cookie")
            self.default_headers = changed
        else:
            self.set_default_header("Cookie", value)

    @forgetful
    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Send a header field with each request. It wins over the SDK's own.

        Raises:
            ApiValueError: it cannot be sent. The message does not show the value.
        """
        check_header(header_name, header_value)
        changed = self.default_headers.copy()  # a call of another thread may be reading the present ones
        changed[header_name] = header_value
        self.default_headers = changed

    @classmethod
    def set_default(cls, default: "ApiClient | None") -> None:
        """Make this the client of API classes that are made without one."""
        ApiClient._default.put(default)

    @classmethod
    def get_default(cls) -> "ApiClient":
        """The client of API classes that are made without one."""
        return ApiClient._default.get(cls)

    def close(self) -> None:
        """Close every connection. A later call opens new ones."""
        self.rest_client.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "rest_client"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.rest_client = RESTClientObject(self.configuration)  # connections stay where they are

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def execute(self, call: Call[T]) -> T:
        """Carry out a call and return what its answer holds."""
        return self._read(call)[1]

    def execute_with_http_info(self, call: Call[T]) -> ApiResponse[T]:
        """Carry out a call and return its answer with everything around the data."""
        response, data = self._read(call)
        return ApiResponse(
            status_code=response.status, headers=Headers(response.headers.items()), data=data, raw_data=response.body
        )

    def execute_without_preload_content(self, call: Call[T]) -> "BaseHTTPResponse":
        """Carry out a call and return the urllib3 response, unread, whatever its status."""
        timeout = call.options.get("_request_timeout")
        return self._send_unread(lambda: self._encode(call), timeout, repeatable=call.repeatable).response

    @forgetful
    def call_api(
        self,
        method: str,
        url: str,
        header_params: Mapping[str, str] | None = None,
        body: object = None,
        post_params: Sequence[tuple[str, Any]] | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
    ) -> RESTResponse:
        """Send a request of your own, with the headers given and no token, and return the answer, unread.

        Args:
            method: the HTTP method.
            url: the whole URL.
            header_params: the header fields.
            body: the body: bytes and text are sent as they are, anything else as JSON.
            post_params: the fields of a form, instead of a body.
            _request_timeout: as for the operations.

        Raises:
            TransportException: no answer came.
            ApiValueError: what was given cannot be sent.
        """
        request = low_level_request(method, url, header_params, body, post_params)
        repeatable = request.method in _REPEATABLE_METHODS
        return self._send_unread(lambda: request, _request_timeout, repeatable=repeatable)

    def _encode(self, call: Call[T]) -> Request:
        configuration = self.configuration
        host = configuration.host_for(call.options.get("_host_index", 0))
        token = configuration.bearer_token() if call.options.get("_request_auth") is None else None
        request = encode(call, host, self.default_headers, token, configuration.host_header)
        if token is None and configuration.cert_file is None and not has_credential(request.headers):
            raise ApiValueError(
                "No access token is configured: give Configuration(access_token=...), or set QUANT_API_TOKEN and use "
                "Configuration.from_environment()"
            )
        return request

    def _read(self, call: Call[T]) -> tuple[Response, T]:
        deadline = Deadline.of(call.options.get("_request_timeout"), self.rest_client.timeout)
        response, exchanges = self._send(
            lambda: self._encode(call), self.rest_client.read, deadline, repeatable=call.repeatable
        )
        after_loss = response.status == 404 and any(exchange.ending.unknown for exchange in exchanges)
        try:
            return response, decode(call, response, after_loss=after_loss)
        except ApiException as error:
            failure = error
        _finish(failure, exchanges)
        raise failure

    def _send_unread(
        self,
        encoded: Callable[[], Request],
        request_timeout: float | tuple[float, float] | None,
        *,
        repeatable: bool,
    ) -> RESTResponse:
        deadline = Deadline.of(request_timeout, self.rest_client.timeout)
        response, exchanges = self._send(encoded, _as_it_is, deadline, repeatable=repeatable)
        return self.rest_client.leave_unread(response, exchanges[-1].request, deadline)

    def _send(
        self,
        encoded: Callable[[], Request],
        finish: "Callable[[BaseHTTPResponse, Request, Deadline], Finished]",
        deadline: Deadline,
        *,
        repeatable: bool,
    ) -> tuple[Finished, list[Exchange]]:
        """Send a request, and again where that may be and helps. What was exchanged comes with the answer."""
        exchanges: list[Exchange] = []
        needs_fresh = False
        opened = None
        try:
            while True:
                request = _request_of(encoded, exchanges)
                opened = answer = failure = None
                number = len(exchanges) + 1
                has_another = repeatable and number < self._retry_policy.attempts
                started = time.monotonic()
                try:
                    opened = self.rest_client.open(request, deadline, needs_fresh=needs_fresh, has_another=has_another)
                    answer = finish(opened, request, deadline)
                    ending = Ending.answered(opened.status, opened.headers, self._retry_policy)
                except ApiException as error:
                    failure = error
                    ending = Ending.of(error, on_kept_connection=deadline.sending.is_kept)
                ended = time.monotonic()
                delay = delay_before_retry(
                    self._retry_policy,
                    ending,
                    repeatable=repeatable,
                    attempt=number,
                    time_left=deadline.left() if deadline.is_finite else self.rest_client.timeout,
                    chance=random.random,
                    now=_now,
                    earlier=[exchange.ending for exchange in exchanges],
                )
                failed = type(failure).__name__ if failure else None
                exchanges.append(Exchange(number, request, opened, failed, ending, ended - started, delay))
                publish(exchanges[-1], self._on_attempt)
                if opened is not None and (failure is not None or delay is not None):
                    opened.close()
                if delay is not None:
                    needs_fresh = needs_fresh or ending.is_stale
                    time.sleep(delay)
                elif failure is None:
                    return cast("Finished", answer), exchanges
                else:
                    raised = failure
                    if isinstance(failure, TransportException):
                        failure.never_sent = all(exchange.ending.never_sent for exchange in exchanges)
                        if not repeatable and ending.unknown:
                            raised = with_unknown_outcome(failure)
                    raised.__cause__ = failure.__cause__
                    _finish(raised, exchanges)
                    raise raised
        except BaseException:  # a failure, or an interrupt wherever it strikes
            if opened is not None:
                opened.close()
            raise


def _request_of(encoded: Callable[[], Request], exchanges: Sequence[Exchange]) -> Request:
    """The request of the next attempt. Where there is none any more, tell of the attempts before."""
    try:
        return encoded()
    except (TokenException, ApiTypeError, ApiValueError) as error:
        if not exchanges and not isinstance(error, TokenException):
            raise
        failure = error if isinstance(error, TokenException) else TokenException(f"No further attempt: {error}")
        failure.never_sent = all(exchange.ending.never_sent for exchange in exchanges)
        failure.permanent = True
        failure.__cause__ = error.__cause__
    failure.attempts = tuple(exchange.attempt() for exchange in exchanges)
    raise failure


def _finish(error: ApiException, exchanges: Sequence[Exchange]) -> None:
    """Tell in an exception what was tried, and hide the secrets that its answer repeats."""
    error.attempts = tuple(exchange.attempt() for exchange in exchanges)
    hide_secrets(error, exchanges[-1].request)


def _as_it_is(response: "BaseHTTPResponse", _request: Request, _deadline: Deadline) -> "BaseHTTPResponse":
    return response


def _now() -> datetime:
    return datetime.now(timezone.utc)
