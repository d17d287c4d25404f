"""urllib3's connections, made to keep a deadline.

A socket's timeout bounds a single operation, so whoever sends a byte a second is never timed out. Here the timeout of
the socket is set anew, to the time that is left, before each operation that Python code repeats: for each address when
connecting, for each piece of a large body when sending, and for each piece of an answer (`answer.py`). (A single
``sendall``, TLS handshake or ``recv`` keeps to its timeout by itself, in C.) The system's name lookup is not bounded.
"""

import codecs
import contextlib
import errno
import http.client
import math
import os
import queue
import re
import socket
import ssl
import time
from collections import deque
from typing import Any

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError, SSLError
from urllib3.util import SKIP_HEADER
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_match_hostname import CertificateError
from urllib3.util.wait import wait_for_read

from quantcdn._transport.answer import Answer, Incoming
from quantcdn._transport.connect import connected
from quantcdn._transport.deadline import Deadline, TimeLeft

HAS_SOCKETS = http.client.HTTPConnection in HTTPConnection.__mro__
"""Whether connections are Python's. In a browser they are its own, as are its certificates: urllib3 only asks it."""

codecs.lookup("idna")  # `getaddrinfo` would load it amid a call, and an interrupt could leave Python's imports locked

_PIECE = 16_384  # one TLS record: SSLSocket.sendall is a loop in Python, of one record each time


class ProxyRefusal(ProxyError):
    """The proxy refused, and would do so again."""


# What is idle for long is forgotten by somebody between: routers from a minute on, AWS and Azure after four to six.
# uvicorn, Node.js and Apache close it after five seconds, unless configured otherwise. A write on a connection that is
# closed at that very moment is an unknown outcome.
_MAX_IDLE_OF_WRITES = 4.0
_REPEATABLE = frozenset(["GET", "HEAD", "OPTIONS", "DELETE"])
_find_timeout = re.compile(r"timeout\s*=\s*\"?(\d{1,9})(?!\d)", re.IGNORECASE | re.ASCII).search


def _seconds_announced(keep_alive: str) -> float | None:
    """How long a server says that it keeps an idle connection open, less a second for the way there."""
    found = _find_timeout(keep_alive)
    return max(float(found[1]) - 1, 0.001) if found else None


# The proxy answered 4xx. It says of two of these that they pass: 408, a timeout, and 429, too many requests.
_tunnel_refused = re.compile(r"Tunnel connection failed: (?!408|429)4").match


# When TCP begins to ask whether the other side is still there, and how often, in seconds; and how often in vain, before
# it gives up. macOS has a name of its own for the first.
_SIGNS_OF_LIFE = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in _SIGNS_OF_LIFE.items()
        if hasattr(socket, name)
    ),
]
"""What is set on each socket: no waiting for more to send, and signs of life, which keep routers from forgetting it."""


class StaleConnection(Exception):
    """A kept connection is not to be used any more. No byte of the request was sent on it.

    It is none of the errors that urllib3 knows, so it comes through as it is, and the connection is closed.
    """


_are_fields = re.compile(r"(?:[!-9;-~]+: .*\r\n)*").fullmatch


def _with_fields(fields: list[str], head: bytes, *body: bytes) -> bytes:
    """A request with these header fields after those that are in its head."""
    text = "".join(fields)
    # A pattern that says what no value may hold takes half as long again to go through them.
    if not _are_fields(text) or not text.count("\r") == text.count("\n") == len(fields) or "\0" in text:
        raise ValueError("A header field cannot be sent")
    return b"".join((head[:-2], text.encode("latin-1"), b"\r\n", *body))


class KeepsDeadline(HTTPConnection):
    """A connection that keeps to the deadline of the request it carries, and tells whether that was sent."""

    # http.client would print each request, with its token, to standard output where an application sets this there.
    debuglevel = 0

    _is_kept = False
    _idle_since = 0.0
    _announced_idle: float | None = None
    _fields: list[str] | None = None  # of the request that is being put together
    _pieces: list[bytes] | None = None
    _response_options: Any
    _incoming: Incoming | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the address alone: urllib3's errors refer to the connection, which knows the proxy's password."""
        return str, (f"{self.host}:{self.port}",)

    @property
    def _deadline(self) -> Deadline:
        """The deadline of the request under way: urllib3 hands it over as this connection's timeout."""
        return self.timeout.deadline if isinstance(self.timeout, TimeLeft) else Deadline(math.inf)

    @property
    def is_connected(self) -> bool:
        """Whether it is open. Whether it can still be used is asked at the last moment, in `request`."""
        return self.sock is not None

    def connect(self) -> None:
        self._is_kept = False
        self._deadline.sending.sent = False
        super().connect()

    def close(self) -> None:
        incoming, self._incoming = self._incoming, None
        try:
            super().close()
        finally:
            if incoming is not None and incoming.is_free:  # else it is closed, or an answer is read from it
                incoming.close()

    def _tunnel(self) -> None:
        with contextlib.ExitStack() as answers:  # http.client leaves the proxy's answer open before Python 3.11

            def answer(*args: Any, **kwargs: Any) -> http.client.HTTPResponse:
                return answers.enter_context(contextlib.closing(self._timed_answer(*args, **kwargs)))

            self.response_class = answer
            try:
                super()._tunnel()
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException) as error:
                kind = ProxyRefusal if _tunnel_refused(str(error)) else ProxyError
                raise kind("No tunnel", error) from error
            finally:
                del self.response_class
        if self.sock is not None:
            self.sock.settimeout(self._deadline.connect_timeout)  # for the TLS handshake

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Send a request whole, on a connection that still stands.

        Raises:
            StaleConnection: it does not, or may not.
        """
        deadline = self._deadline
        sending = deadline.sending
        if self._is_kept and self.sock is not None:
            if sending.needs_fresh or self._has_idled(method, sending.max_idle) or wait_for_read(self.sock, 0):
                raise StaleConnection
            sending.is_kept = True
        sending.sent = False
        self._is_kept = False
        pieces: list[bytes] = []
        fields: list[str] = []
        self._pieces, self._fields = pieces, fields
        try:
            super().request(method, url, *args, **kwargs)
        finally:
            self._pieces = self._fields = None
        self._transmit(_with_fields(fields, *pieces), deadline)
        self._is_kept = True

    def _has_idled(self, method: str, max_idle: float) -> bool:
        """Whether it has been idle for so long that the server, or somebody between, may have had enough of it."""
        idle = time.monotonic() - self._idle_since
        if method in _REPEATABLE:
            return idle >= min(max_idle, self._announced_idle or math.inf)
        return idle >= min(max_idle, self._announced_idle / 2 if self._announced_idle else _MAX_IDLE_OF_WRITES)

    def putheader(self, header: str, *values: Any) -> None:  # type: ignore[override]  # as urllib3's own
        """Note a header field. http.client would check each; they are checked once, all together."""
        fields = self._fields
        if fields is None or len(values) != 1 or type(values[0]) is not str or values[0] == SKIP_HEADER:
            super().putheader(header, *values)
        else:
            fields.append(f"{header}: {values[0]}\r\n")

    def send(self, data: Any) -> None:
        if self._pieces is None:
            super().send(data)  # to a proxy, which is asked for a tunnel
        else:
            self._pieces.append(data)

    def _transmit(self, data: bytes, deadline: Deadline) -> None:
        """Send all of a request, unless its time is over by now."""
        if self.sock is None:
            self.connect()
        if deadline.left() <= 0:
            raise TimeoutError("timed out")
        deadline.sending.sent = True
        if len(data) <= _PIECE:
            super().send(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), _PIECE):
            if self.sock is not None:
                self.sock.settimeout(deadline.read_timeout)
            super().send(view[start : start + _PIECE])

    def getresponse(self) -> Any:
        """The answer, as soon as its head is there.

        urllib3 would look once more for faults in the header fields, and copy them.
        """
        deadline = self._deadline
        if deadline.sending.is_kept and deadline.sending.has_another:
            self.timeout = deadline.patience_with_a_kept_connection
        asked, self._response_options = self._response_options, None
        if self.sock is None or asked is None:
            raise http.client.ResponseNotReady
        self.sock.settimeout(self.timeout)
        shut_down = getattr(self.sock, "shutdown", None)  # not every kind of socket has it
        answer: Any = http.client.HTTPConnection.getresponse(self)
        response = HTTPResponse(
            answer,
            answer.headers,
            answer.status,
            answer.version,
            version_string="HTTP/1.1",  # of the request, as urllib3 has it
            reason=answer.reason,
            preload_content=False,
            decode_content=asked.decode_content,
            original_response=answer,
            request_method=asked.request_method,
            request_url=asked.request_url,
            sock_shutdown=shut_down,
        )
        self._idle_since = time.monotonic()
        announced = answer.keep_alive
        self._announced_idle = _seconds_announced(announced) if announced else None
        return response

    def _timed_answer(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        """Read the answer from a file over the socket that keeps the deadline."""
        incoming = self._incoming
        if incoming is None or not incoming.is_free:
            incoming = self._incoming = Incoming(sock)
        # One that came before the request was through, which was then given up, leaves half a request behind.
        return Answer(incoming, self._deadline, *args, is_last=not self._is_kept, **kwargs)

    response_class: Any = _timed_answer  # http.client calls it, with the socket


class _Connection(KeepsDeadline):
    """A connection to the first address of a server that answers."""

    def _new_conn(self) -> socket.socket:
        deadline = self._deadline
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
            sock = connected(addresses, self.socket_options or (), deadline.connect_timeout)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError as error:  # no name of a host at all
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error
        sock.settimeout(deadline.connect_timeout)  # for the TLS handshake
        return sock


class HandshakeError(SSLError):
    """TLS could not be agreed on, so no request was sent."""


class TellsHandshake(HTTPSConnection):
    """A connection whose errors tell whether they came before the request was sent."""

    def connect(self) -> None:
        try:
            super().connect()
            if isinstance(self.sock, ssl.SSLSocket) and self.sock.version() is None:
                # Where the connection has ended before the handshake, Python leaves it out, and says nothing.
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        except (ssl.SSLError, SSLError, CertificateError) as error:
            raise HandshakeError(error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out in the TLS handshake") from error
        except OSError as error:
            raise HandshakeError(error) from error


class _TLSConnection(_Connection, TellsHandshake):
    """The same over TLS."""


class Stack:
    """Where a pool keeps its connections, the last one on top.

    urllib3's own, `queue.LifoQueue`, takes a lock in Python code. An exception out of a signal handler between taking
    and keeping it would leave it locked for good; a single operation of a deque cannot be torn.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._items: deque[Any] = deque()

    def get(self, block: bool = False, timeout: float | None = None) -> Any:
        """Take the item on top; nobody waits for one."""
        try:
            return self._items.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, item: Any, block: bool = False) -> None:
        """Put an item on top, where there is room; nobody waits for that."""
        if len(self._items) >= self._maxsize:
            raise queue.Full
        self._items.append(item)

    def qsize(self) -> int:
        """How many items there are."""
        return len(self._items)


# The connection class is given through a property because tools that record traffic, like vcrpy, put theirs on
# urllib3's own pool classes: a plain class attribute here would silently win over it.


class _Pool(HTTPConnectionPool):
    QueueCls: Any = Stack

    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802  # urllib3's name
        current: Any = HTTPConnectionPool.ConnectionCls
        return _Connection if HAS_SOCKETS and current is HTTPConnection else current


class _TLSPool(HTTPSConnectionPool):
    QueueCls: Any = Stack

    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802  # urllib3's name
        current: Any = HTTPSConnectionPool.ConnectionCls
        return _TLSConnection if HAS_SOCKETS and current is HTTPSConnection else current


POOL_CLASSES: dict[str, type[HTTPConnectionPool] | type[HTTPSConnectionPool]] = {"http": _Pool, "https": _TLSPool}
"""What a `urllib3.PoolManager` makes its pools of, by scheme."""
