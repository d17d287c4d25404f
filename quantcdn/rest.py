"""The only room that knows urllib3: it sends a request, reads the answer, and turns urllib3's errors into the SDK's."""

import http.client
import json
import os
import ssl
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3 import exceptions as errors
from urllib3.filepost import encode_multipart_formdata
from urllib3.poolmanager import PoolManager, ProxyManager
from urllib3.util import Retry, make_headers, parse_url

from quantcdn._deadline import Deadline
from quantcdn._headers import Headers, merge_headers
from quantcdn._message import Request, Response
from quantcdn._origin import origin_of
from quantcdn._pool import POOL_CLASSES
from quantcdn.configuration import Configuration
from quantcdn.exceptions import (
    ApiException,
    ApiValueError,
    ConnectionException,
    TimeoutException,
    TLSException,
    TransportException,
)

__all__ = ["ApiException", "ApiValueError", "RESTClientObject", "RESTResponse", "RESTResponseType"]

RESTResponseType = urllib3.HTTPResponse

# The client decides about another attempt, and redirects are not followed: a token must not travel to another origin.
_ONE_ATTEMPT = Retry(False, redirect=False)


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
        self.status = resp.status
        self.reason = resp.reason
        self.data: bytes | None = None

    def read(self) -> bytes:
        """The body, read to its end."""
        if self.data is None:
            self.data = self.response.data
        return self.data

    def getheaders(self) -> Headers:
        """The header fields."""
        return Headers(self.response.headers)

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """A header field, whatever the case of its name."""
        return self.response.headers.get(name, default)


class RESTClientObject:
    """The connections of a client. They open when they are needed, and belong to the process that opened them.

    Args:
        configuration: the options. What concerns connections is read here, once.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._timeout = configuration.timeout
        self._proxy = configuration.proxy
        self._pool_options = _pool_options(configuration)
        self._proxy_headers = dict(configuration.proxy_headers or {})
        self._open()

    def _open(self) -> None:
        if self._proxy:
            self._manager: PoolManager = _proxy_manager(self._proxy, self._proxy_headers, self._pool_options)
        else:
            self._manager = PoolManager(**self._pool_options)
            # Everything else in a pool's key is the same for all pools of this manager.
            key: Any = itemgetter("scheme", "host", "port")
            self._manager.key_fn_by_scheme = {"http": key, "https": key}
        self._manager.pool_classes_by_scheme = POOL_CLASSES
        self._process = os.getpid()

    def open(self, request: Request, deadline: Deadline) -> urllib3.BaseHTTPResponse:
        """Send a request and return as soon as the header fields of the answer are there.

        Raises:
            TransportException: no answer came.
        """
        if self._process != os.getpid():
            self._open()
        method, origin, target, headers, body = request
        manager = self._manager
        try:
            if manager.proxy is None:
                pool = manager.connection_from_host(origin.host, origin.port, origin.scheme)
                return pool.urlopen(
                    method,
                    target,
                    body,
                    headers,
                    retries=_ONE_ATTEMPT,
                    redirect=False,
                    assert_same_host=False,
                    timeout=deadline,
                    preload_content=False,
                )
            return manager.urlopen(
                method,
                origin._replace(prefix=target).url,
                redirect=False,
                body=body,
                headers=headers,
                retries=_ONE_ATTEMPT,
                timeout=deadline,
                preload_content=False,
            )
        except (errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise _failure(error, request, deadline) from error

    def read(self, response: urllib3.BaseHTTPResponse, request: Request, deadline: Deadline) -> Response:
        """Read an answer to its end.

        Raises:
            TransportException: not all of it came.
        """
        try:
            body = response.read()
        except (errors.HTTPError, OSError) as error:
            raise _failure(error, request, deadline) from error
        return Response(response.status, response.reason, response.headers, body)

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
        return RESTResponse(self.open(request, Deadline.of(_request_timeout, self._timeout)))

    def close(self) -> None:
        """Close every connection. A later call opens new ones."""
        self._manager.clear()


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
    parsed = parse_url(url)
    origin = origin_of(f"{parsed.scheme}://{parsed.netloc}")
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
    elif isinstance(body, str):
        content = body.encode()
    else:
        content = json.dumps(body, allow_nan=False).encode()
        given.setdefault("Content-Type", "application/json")
    return Request(method.upper(), origin, parsed.request_uri, merge_headers(given), content)


def _pool_options(configuration: Configuration) -> dict[str, Any]:
    options: dict[str, Any] = {
        "maxsize": configuration.connection_pool_maxsize,
        "cert_reqs": ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE,
        "ca_certs": configuration.ssl_ca_cert,
        "ca_cert_data": configuration.ca_cert_data,
        "cert_file": configuration.cert_file,
        "key_file": configuration.key_file,
        "assert_hostname": configuration.assert_hostname,
        "server_hostname": configuration.tls_server_name,
        "socket_options": configuration.socket_options,
    }
    return {name: value for name, value in options.items() if value is not None}


def _proxy_manager(proxy: str, headers: Mapping[str, str], options: dict[str, Any]) -> PoolManager:
    url = parse_url(proxy)
    if url.scheme not in ("http", "https"):
        raise ApiValueError("The proxy must be an http or https URL, like 'http://proxy.example:3128'")
    credentials = make_headers(proxy_basic_auth=url.auth) if url.auth else {}
    return ProxyManager(url._replace(auth=None).url, proxy_headers=merge_headers(credentials, headers), **options)


def _failure(error: Exception, request: Request, deadline: Deadline) -> TransportException:
    """The SDK's exception for an error of urllib3."""
    where = request.origin.url
    if isinstance(error, errors.ProxyError):
        return ConnectionException(f"The proxy could not be used: {_cause(error.original_error)}", never_sent=True)
    if isinstance(error, errors.NameResolutionError):
        return ConnectionException(f"The name of {where} could not be found", never_sent=True)
    if isinstance(error, errors.NewConnectionError):
        return ConnectionException(f"Could not connect to {where}: {_cause(error)}", never_sent=True)
    if isinstance(error, errors.ConnectTimeoutError):
        return TimeoutException(f"Could not connect to {where} in time", never_sent=True)
    # A timeout while sending a body arrives as a ProtocolError.
    if isinstance(error, errors.TimeoutError | TimeoutError) or deadline.left() <= 0:
        return TimeoutException(f"{where} did not answer in time")
    if isinstance(error, errors.SSLError):
        refused = isinstance(error.args[0] if error.args else None, ssl.SSLCertVerificationError)
        return TLSException(f"No secure connection to {where}: {error}", never_sent=refused, permanent=refused)
    return ConnectionException(f"The connection to {where} was lost: {error}")


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error
    return cause.strerror or str(cause) if isinstance(cause, OSError) else str(cause)
