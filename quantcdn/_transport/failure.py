"""urllib3's errors end here: the SDK's exception for each, or what a signal handler raised under it."""

import http.client
import ssl

from urllib3 import exceptions as errors

from quantcdn._interrupts import causes_within, raised_by_signal_handler
from quantcdn._transport.deadline import Deadline
from quantcdn._transport.pool import HandshakeError, ProxyRefusal
from quantcdn._transport.proxies import Proxy
from quantcdn._transport.routes import Routes
from quantcdn._wire.message import Request
from quantcdn._wire.origin import Origin
from quantcdn.exceptions import (
    ConnectionException,
    TimeoutException,
    TLSException,
    TransportException,
    excerpt,
)

# OpenSSL's codes for certificates that are sound, but of an authority that it does not know.
_UNTRUSTED = frozenset([18, 19, 20, 21])
# Its words, from version to version, for an answer in plain HTTP.
_NOT_TLS = frozenset(["WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"])


def interrupt_within(error: BaseException, handled: BaseException | None) -> BaseException | None:
    """What a signal handler raised of an exception and those that led to it, as `causes_within` names them.

    An error of urllib3 is none: it wraps what happened, and is raised with the traceback of that.
    """
    causes = (cause for cause in causes_within(error, handled) if not isinstance(cause, errors.HTTPError))
    return next(filter(raised_by_signal_handler, causes), None)


def failure_of(error: Exception, request: Request, deadline: Deadline, routes: Routes) -> TransportException:
    """The SDK's exception for an error of urllib3.

    Whether the request was sent is asked of the connection, never of the class of the error: behind a proxy, urllib3
    calls an answer that was lost a failure to reach the proxy.
    """
    if isinstance(error, errors.ClosedPoolError):
        return ConnectionException("The client was closed by another thread at that moment", never_sent=True)
    proxy = routes.proxy_to(request.origin)
    if deadline.sending.sent is False:
        if isinstance(error, errors.ProxyError) and proxy is not None:
            return _unreached_proxy(error, proxy, request.origin)
        return _unreached(error, _where(request.origin, proxy), deadline, routes)
    cause = error.original_error if isinstance(error, errors.ProxyError) else error
    return _lost(cause, _where(request.origin, proxy), deadline)


def _where(origin: Origin, proxy: Proxy | None) -> str:
    return origin.url if proxy is None else f"{origin.url} (through the proxy {proxy})"


def _unreached_proxy(error: errors.ProxyError, proxy: Proxy, origin: Origin) -> TransportException:
    """The exception for a request that did not get past a proxy."""
    cause = error.original_error
    if isinstance(cause, errors.TimeoutError) and not isinstance(cause, errors.NewConnectionError):
        reason = f"The proxy {proxy} did not connect to {origin.url} in time{proxy.way_around}"
        return TimeoutException(reason, never_sent=True)
    permanent = isinstance(error, ProxyRefusal) or (isinstance(cause, HandshakeError) and not _was_dropped(cause))
    advice = f"{_on_plain_http(cause, 'proxy')}{proxy.way_around}"
    reason = f"No connection to {origin.url} through the proxy {proxy}: {_cause(cause)}{advice}"
    return ConnectionException(reason, never_sent=True, permanent=permanent)


def _unreached(error: Exception, where: str, deadline: Deadline, routes: Routes) -> TransportException:
    """The exception for a request of which no byte was sent."""
    if isinstance(error, errors.NameResolutionError):
        return ConnectionException(f"The name of {where} could not be found", never_sent=True)
    if isinstance(error, HandshakeError):
        untrusted = getattr(error.__cause__, "verify_code", None) in _UNTRUSTED
        advice = f"; {routes.certificates.advice}" if untrusted else _on_plain_http(error, "server")
        reason = f"No secure connection to {where}: {_cause(error)}{advice}"
        return TLSException(reason, never_sent=True, permanent=not _was_dropped(error))
    if isinstance(error, errors.ProtocolError) and _is_timeout(error):
        return TimeoutException(f"The time was over before {where} could be asked ({deadline})", never_sent=True)
    if _is_timeout(error) and not isinstance(error, errors.NewConnectionError):
        return TimeoutException(f"Could not connect to {where} in time ({deadline})", never_sent=True)
    return ConnectionException(f"Could not connect to {where}: {_cause(error)}", never_sent=True)


def _lost(error: Exception, where: str, deadline: Deadline) -> TransportException:
    """The exception for a request that may have been sent, and whose answer did not come."""
    if _is_timeout(error) or deadline.left() <= 0:
        return TimeoutException(f"{where} did not answer in time ({deadline})")
    if isinstance(error, errors.SSLError):
        return ConnectionException(f"The secure connection to {where} was lost: {_cause(error)}")
    reason = f"The connection to {where} was lost"
    inner = error.args[-1] if isinstance(error, errors.ProtocolError) and error.args else error
    has_told = deadline.sending.sent is not None  # in a browser, each failure is the same error of HTTP
    if isinstance(error, ValueError | OverflowError) or (has_told and _is_nonsense(inner)):
        reason = f"{where} did not answer in HTTP that can be read"
    return ConnectionException(f"{reason}: {_cause(error)}")


def _is_timeout(error: Exception) -> bool:
    """Whether a step took too long. While a body is sent, that arrives as a ProtocolError."""
    inner = error.args[-1] if error.args else None
    return any(isinstance(part, errors.TimeoutError | TimeoutError) for part in (error, inner))


def _was_dropped(error: HandshakeError) -> bool:
    """Whether a handshake was closed or reset, as a restarting gateway does: another attempt may end otherwise."""
    return isinstance(error.__cause__, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _on_plain_http(error: BaseException, who: str) -> str:
    """What to say of a handshake that was answered in something else than TLS, to end a message with."""
    is_other = getattr(error.__cause__, "reason", None) in _NOT_TLS
    return f"; the {who} speaks plain HTTP there, it seems: then its URL begins with http://" if is_other else ""


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
