"""urllib3's errors end here: the SDK's exception for each."""

import http.client
import ssl

from urllib3 import exceptions as errors

from quantcdn._transport.deadline import Deadline
from quantcdn._transport.pool import HandshakeError, ProxyRefusal
from quantcdn._transport.routes import Routes
from quantcdn._wire.message import Request
from quantcdn.exceptions import (
    ConnectionException,
    TimeoutException,
    TLSException,
    TransportException,
    excerpt,
)

# OpenSSL's codes for certificates that are sound, but of an authority that it does not know.
_UNTRUSTED = frozenset([18, 19, 20, 21])


def failure_of(error: Exception, request: Request, deadline: Deadline, routes: Routes) -> TransportException:
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
