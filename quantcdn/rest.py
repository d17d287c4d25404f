"""Where a request meets urllib3: it is sent, its answer is read, and urllib3's errors end here."""

import http.client
import json
import math
import os
import ssl
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3 import exceptions as errors
from urllib3.filepost import encode_multipart_formdata
from urllib3.util import Retry, parse_url

from quantcdn._body import whole_body
from quantcdn._deadline import Deadline, Sending
from quantcdn._headers import Headers, is_token, merge_headers
from quantcdn._interrupts import interrupt_within
from quantcdn._message import Request, Response
from quantcdn._origin import origin_of
from quantcdn._pool import HandshakeError, ProxyRefusal, StaleConnection
from quantcdn._routes import Routes
from quantcdn._secrets import forgetful, hide_secrets
from quantcdn.configuration import DEFAULT_MAX_RESPONSE_SIZE, Configuration
from quantcdn.exceptions import (
    ApiException,
    ApiValueError,
    ConnectionException,
    ResponseFormatException,
    TimeoutException,
    TLSException,
    TransportException,
    excerpt,
)

__all__ = ["ApiException", "ApiValueError", "RESTClientObject", "RESTResponse", "RESTResponseType"]

RESTResponseType = urllib3.HTTPResponse

# The client decides about another attempt, and redirects are not followed: a token must not travel to another origin.
_ONE_ATTEMPT = Retry(False, redirect=False)

_FAILURES = (errors.HTTPError, http.client.HTTPException, OSError)

# OpenSSL's codes for certificates that are sound, but of an authority that it does not know.
_UNTRUSTED = frozenset([18, 19, 20, 21])


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
        self._max_size = DEFAULT_MAX_RESPONSE_SIZE
        self.status: int = resp.status
        self.reason: str | None = resp.reason
        self.data: bytes | None = None

    def read(self) -> bytes:
        """The body, read to its end.

        Raises:
            ResponseFormatException: it is larger than `Configuration.max_response_size`, or not packed as it says.
            urllib3.exceptions.HTTPError: not all of it came.
        """
        if self.data is None:
            response = self.response
            is_begun = response.closed or response.tell() > 0  # by whoever read of it himself
            self.data = response.data if is_begun else whole_body(response, self._max_size, Deadline(math.inf))
        return self.data

    def getheaders(self) -> Headers:
        """The header fields."""
        return Headers(self.response.headers.items())

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """A header field, whatever the case of its name."""
        return self.response.headers.get(name, default)


class _LimitedResponse(RESTResponse):
    """An answer that may be as large as a configuration says."""

    def __init__(self, resp: urllib3.BaseHTTPResponse, max_size: int) -> None:
        super().__init__(resp)
        self._max_size = max_size


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
        self._renewal = threading.Lock()
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
                    raise _failure(error, request, deadline, self._routes) from error
            raise interrupt

    def _open(self, request: Request, deadline: Deadline) -> urllib3.BaseHTTPResponse:
        origin = request.origin
        manager = self._routes.manager_for(origin)
        if manager.proxy is None:
            pool = manager.connection_from_host(origin.host, origin.port, origin.scheme)
            return pool.urlopen(
                request.method,
                request.target,
                request.body,
                request.headers,
                retries=_ONE_ATTEMPT,
                redirect=False,
                assert_same_host=False,
                timeout=deadline,
                preload_content=False,
            )
        return manager.urlopen(
            request.method,
            origin._replace(prefix=request.target).url,
            redirect=False,
            body=request.body,
            headers=request.headers,
            retries=_ONE_ATTEMPT,
            timeout=deadline,
            preload_content=False,
        )

    def _renew(self) -> None:
        """Begin anew after a fork: the connections belong to the process before it."""
        with self._renewal:
            if self._process != os.getpid():
                self._routes.open()
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
                raise interrupt from None
            if not 400 <= response.status < 500:
                raise _failure(error, request, deadline, self._routes) from error
            body = b""  # What refuses a request before it is read may reset the connection, and the reason is lost.
        return Response(response.status, response.reason, response.headers, body)

    def leave_unread(self, response: urllib3.BaseHTTPResponse, deadline: Deadline) -> RESTResponse:
        """Let an answer be read by whoever asked for it. From now on, the deadline holds for each read."""
        deadline.hold_for_each_read()
        self._unread[id(response)] = response
        return _LimitedResponse(response, self._max_response_size)

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
            return self.leave_unread(response, deadline)
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
            raise ApiValueError(f"The body cannot be sent: {error}") from None
        if not isinstance(body, str):
            given.setdefault("Content-Type", "application/json")
    return Request(method.upper(), origin, parsed.request_uri, merge_headers(given), content)


def _failure(error: Exception, request: Request, deadline: Deadline, routes: Routes) -> TransportException:
    """The SDK's exception for an error of urllib3.

    Whether the request was sent is asked of the connection, never of the class of the error: behind a proxy, urllib3
    calls an answer that was lost a failure to reach the proxy.
    """
    if isinstance(error, errors.ClosedPoolError):
        return ConnectionException("The client was closed by another thread at that moment", never_sent=True)
    if deadline.sending.sent is False:
        return _unreached(error, request, deadline, routes)
    return _lost(error.original_error if isinstance(error, errors.ProxyError) else error, request, deadline)


def _unreached(error: Exception, request: Request, deadline: Deadline, routes: Routes) -> TransportException:
    """The exception for a request of which no byte was sent."""
    where = request.origin.url
    if isinstance(error, errors.ProxyError):
        cause = error.original_error
        proxy = routes.proxy_to(request.origin)
        if isinstance(cause, errors.TimeoutError) and not isinstance(cause, errors.NewConnectionError):
            return TimeoutException(f"The proxy {proxy} did not connect to {where} in time", never_sent=True)
        permanent = isinstance(error, ProxyRefusal) or (isinstance(cause, HandshakeError) and not _was_dropped(cause))
        return ConnectionException(
            f"No connection through the proxy {proxy}: {_cause(cause)}", never_sent=True, permanent=permanent
        )
    if isinstance(error, errors.NameResolutionError):
        return ConnectionException(f"The name of {where} could not be found", never_sent=True)
    if isinstance(error, HandshakeError):
        untrusted = getattr(error.__cause__, "verify_code", None) in _UNTRUSTED
        advice = f"; {routes.certificates.advice}" if untrusted else ""
        reason = f"No secure connection to {where}: {_cause(error)}{advice}"
        return TLSException(reason, never_sent=True, permanent=not _was_dropped(error))
    if isinstance(error, errors.ProtocolError) and _is_timeout(error):
        return TimeoutException(f"The time was over before {where} could be asked ({deadline})", never_sent=True)
    if _is_timeout(error) and not isinstance(error, errors.NewConnectionError):
        return TimeoutException(f"Could not connect to {where} in time ({deadline})", never_sent=True)
    return ConnectionException(f"Could not connect to {where}: {_cause(error)}", never_sent=True)


def _lost(error: Exception, request: Request, deadline: Deadline) -> TransportException:
    """The exception for a request that may have been sent, and whose answer did not come."""
    where = request.origin.url
    if _is_timeout(error) or deadline.left() <= 0:
        return TimeoutException(f"{where} did not answer in time ({deadline})")
    if isinstance(error, errors.SSLError):
        return ConnectionException(f"The secure connection to {where} was lost: {_cause(error)}")
    reason = f"The connection to {where} was lost"
    inner = error.args[-1] if isinstance(error, errors.ProtocolError) and error.args else error
    if isinstance(error, ValueError | OverflowError) or _is_nonsense(inner):
        reason = f"{where} did not answer in HTTP that can be read"
    return ConnectionException(f"{reason}: {_cause(error)}")


def _is_timeout(error: Exception) -> bool:
    """Whether a step took too long. While a body is sent, that arrives as a ProtocolError."""
    inner = error.args[-1] if error.args else None
    return any(isinstance(part, errors.TimeoutError | TimeoutError) for part in (error, inner))


def _was_dropped(error: HandshakeError) -> bool:
    """Whether a handshake was closed or reset, as a restarting gateway does: another attempt may end otherwise."""
    return isinstance(error.__cause__, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _is_nonsense(error: object) -> bool:
    """Whether something came that is no HTTP, rather than nothing or too little."""
    return isinstance(error, http.client.HTTPException) and not isinstance(
        error, http.client.RemoteDisconnected | http.client.IncompleteRead
    )


def _cause(error: BaseException) -> str:
    """What went wrong at the bottom of an error, in words."""
    cause = error.__cause__ or next((part for part in error.args if isinstance(part, Exception)), error)
    if isinstance(cause, errors.NewConnectionError):  # its text begins with the repr of the connection
        return str(cause).rpartition(": ")[2]
    return (cause.strerror if isinstance(cause, OSError) else None) or excerpt(str(cause)) or type(cause).__name__
