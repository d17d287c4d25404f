"""Where a request meets urllib3: it is sent, its answer is read, and urllib3's errors end here."""

import http.client
import json
import os
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3 import exceptions as errors
from urllib3.filepost import encode_multipart_formdata
from urllib3.util import Retry, parse_url

from quantcdn._interrupts import raise_as_it_is, raised_by_signal_handler
from quantcdn._transport.body import unread_body, whole_body
from quantcdn._transport.deadline import Deadline, Sending
from quantcdn._transport.failure import failure_of, interrupt_within
from quantcdn._transport.pool import StaleConnection
from quantcdn._transport.routes import Routes
from quantcdn._wire.headers import Headers, is_token, merge_headers
from quantcdn._wire.message import Request, Response
from quantcdn._wire.origin import origin_of
from quantcdn._wire.secrets import forgetful, hide_secrets
from quantcdn.configuration import DEFAULT_MAX_RESPONSE_SIZE, Configuration
from quantcdn.exceptions import (
    ApiException,
    ApiValueError,
    ConnectionException,
    ResponseFormatException,
)

__all__ = ["ApiException", "ApiValueError", "RESTClientObject", "RESTResponse", "RESTResponseType"]

RESTResponseType = urllib3.HTTPResponse

# The client decides about another attempt, and redirects are not followed: a token must not travel to another origin.
_ONE_ATTEMPT = Retry(False, redirect=False)

_FAILURES = (errors.HTTPError, http.client.HTTPException, OSError)


class RESTResponse:
    """An answer of the low-level surface.

    Attributes:
        status: the HTTP status code.
        reason: the status phrase.
        data: the body, once `read` was called; None before.
        response: the urllib3 response.
    """

    def __init__(self, resp: urllib3.BaseHTTPResponse) -> None:
        self.response = resp
        self._failure: Exception | None = None
        self.status: int = resp.status
        self.reason: str | None = resp.reason
        self.data: bytes | None = None

    def read(self) -> bytes:
        """The body, read to its end.

        Where it was not read to its end, it cannot be read again: that is told each time, and an interrupt once.

        Raises:
            ResponseFormatException: it is larger than `Configuration.max_response_size`, or not packed as it says.
            TransportException: not all of it came. Of a response that you made it from yourself, this is an error of
                urllib3.
        """
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if self.data is None:
            try:
                self.data = self._body()
            except BaseException as error:
                lost = ConnectionException("The answer was not read to its end")
                self._failure = error if isinstance(error, (ApiException, errors.HTTPError)) else lost
                self.response.close()  # what was read by then is lost
                raise
        return self.data

    def _body(self) -> bytes:
        return unread_body(self.response, DEFAULT_MAX_RESPONSE_SIZE)

    def getheaders(self) -> Headers:
        """The header fields."""
        return Headers(self.response.headers.items())

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """A header field, whatever the case of its name."""
        return self.response.headers.get(name, default)


class _UnreadResponse(RESTResponse):
    """An answer that a client has left unread."""

    def __init__(self, resp: urllib3.BaseHTTPResponse, read: Callable[[], bytes]) -> None:
        super().__init__(resp)
        self._read_unread = read

    def _body(self) -> bytes:
        return self._read_unread()


class RESTClientObject:
    """The connections of a client. They open when they are needed, and belong to the process that opened them.

    Args:
        configuration: the options. What concerns connections is read here, once.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.timeout: float = configuration.timeout
        self._max_idle = configuration.connection_max_idle
        self._max_headers = configuration.max_response_headers
        self._max_response_size = configuration.max_response_size
        self._routes = Routes(configuration)
        self._process = os.getpid()
        self._unread: weakref.WeakValueDictionary[int, urllib3.BaseHTTPResponse] = weakref.WeakValueDictionary()

    def open(
        self, request: Request, deadline: Deadline, *, needs_fresh: bool = False, has_another: bool = False
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return as soon as the header fields of the answer are there.

        Args:
            request: the request.
            deadline: when the call must have ended.
            needs_fresh: whether only a new connection will do.
            has_another: whether another attempt may follow where no answer comes.

        Raises:
            TransportException: no answer came.
        """
        if self._process != os.getpid():
            self._renew()
        handled = sys.exc_info()[1]
        while True:
            deadline.sending = Sending(self._max_headers, self._max_idle, needs_fresh, has_another)
            try:
                return self._open(request, deadline)
            except StaleConnection:  # it is closed by now, and there are not many
                continue
            except Exception as error:
                interrupt = interrupt_within(error, handled)
                if interrupt is None:
                    if not isinstance(error, _FAILURES):
                        raise
                    raise failure_of(error, request, deadline, self._routes) from error
            raise_as_it_is(interrupt, handled)

    def _open(self, request: Request, deadline: Deadline) -> urllib3.BaseHTTPResponse:
        route = self._routes.to(request.origin)
        request.proxy_headers = route.proxy_headers
        return route.pool.urlopen(
            request.method,
            request.origin._replace(prefix=request.target).url if route.forwards else request.target,
            request.body,
            request.headers,
            retries=_ONE_ATTEMPT,
            redirect=False,
            assert_same_host=False,
            timeout=deadline,
            preload_content=False,
        )

    def _renew(self) -> None:
        """Begin anew after a fork: the connections belong to the process before it."""
        self._routes.open()  # several threads may, which does no harm
        self._process = os.getpid()

    def read(self, response: urllib3.BaseHTTPResponse, request: Request, deadline: Deadline) -> Response:
        """Read an answer to its end.

        Raises:
            TransportException: not all of it came.
            ResponseFormatException: it is too large, or not encoded as it says.
        """
        handled = sys.exc_info()[1]
        try:
            body = whole_body(response, self._max_response_size, deadline)
        except ResponseFormatException:
            response.close()
            if 200 <= response.status < 300:
                raise
            body = b""  # the status says enough
        except (errors.HTTPError, OSError) as error:
            interrupt = interrupt_within(error, handled)
            if interrupt is not None:
                response.close()
                raise_as_it_is(interrupt, handled)
            if not 400 <= response.status < 500:
                raise failure_of(error, request, deadline, self._routes) from error
            body = b""  # What refuses a request before it is read may reset the connection, and the reason is lost.
        return Response(response.status, response.reason, response.headers, body)

    def leave_unread(self, response: urllib3.BaseHTTPResponse, request: Request, deadline: Deadline) -> RESTResponse:
        """Let an answer be read by whoever asked for it. From now on, the deadline holds for each read."""
        deadline.hold_for_each_read()
        self._unread[id(response)] = response
        return _UnreadResponse(response, lambda: self._read_unread(response, request, deadline))

    def _read_unread(self, response: urllib3.BaseHTTPResponse, request: Request, deadline: Deadline) -> bytes:
        handled = sys.exc_info()[1]
        interrupt = None
        failure: ApiException
        try:
            return unread_body(response, self._max_response_size)
        except ResponseFormatException as error:
            failure = error
        except (errors.HTTPError, OSError) as error:
            interrupt = interrupt_within(error, handled)
            failure = failure_of(error, request, deadline, self._routes)
            failure.__cause__ = error
        if interrupt is not None:
            raise_as_it_is(interrupt, handled)
        hide_secrets(failure, request)
        raise failure

    @forgetful
    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        post_params: Sequence[tuple[str, Any]] | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
    ) -> RESTResponse:
        """Send one request, once, with the headers given and no token.

        Args:
            method: the HTTP method.
            url: the whole URL.
            headers: the header fields.
            body: the body: bytes and text are sent as they are, anything else as JSON.
            post_params: the fields of a form, instead of a body: sent as ``multipart/form-data`` where the headers
                say so, else as ``application/x-www-form-urlencoded``.
            _request_timeout: as for the operations.

        Raises:
            TransportException: no answer came.
            ApiValueError: what was given cannot be sent.
        """
        request = low_level_request(method, url, headers, body, post_params)
        deadline = Deadline.of(_request_timeout, self.timeout)
        try:
            response = self.open(request, deadline)
        except ApiException as error:
            failure = error
        else:
            return self.leave_unread(response, request, deadline)
        hide_secrets(failure, request)
        raise failure

    def close(self) -> None:
        """Close every connection, also under answers that were not read. A later call opens new ones."""
        for reference in self._unread.valuerefs():  # a copy: other threads may be at work
            response = reference()
            if response is not None:
                response.close()
        self._routes.close()


def low_level_request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    body: object,
    post_params: Sequence[tuple[str, Any]] | None,
) -> Request:
    """The request of a method, a URL, headers and a body of any kind."""
    if body is not None and post_params:
        raise ApiValueError("Give body or post_params, not both")
    if not is_token(method):
        raise ApiValueError(f"The method {method!r} is not valid: give one like 'GET'")
    try:
        parsed = parse_url(url)
    except errors.LocationParseError:
        raise ApiValueError("The URL is not valid: give a whole one, with 'https://' or 'http://'") from None
    origin = origin_of(f"{parsed.scheme}://{parsed.authority}")
    given = Headers(headers or {})
    content_type = given.get("content-type", "")
    content: bytes | None
    if post_params:
        if content_type.startswith("multipart/form-data"):
            content, content_type = encode_multipart_formdata(post_params)
        else:
            content, content_type = urlencode(post_params).encode(), "application/x-www-form-urlencoded"
        given["Content-Type"] = content_type
    elif body is None or isinstance(body, bytes):
        content = body
    else:
        try:
            content = (body if isinstance(body, str) else json.dumps(body, allow_nan=False)).encode()
        except (TypeError, ValueError, RecursionError) as error:
            if raised_by_signal_handler(error):
                raise
            raise ApiValueError(f"The body cannot be sent: {error}") from None
        if not isinstance(body, str):
            given.setdefault("Content-Type", "application/json")
    return Request(method.upper(), origin, parsed.request_uri, merge_headers(given), content)
