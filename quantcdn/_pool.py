"""urllib3's connections, made to keep a deadline.

A socket's timeout bounds a single operation, so whoever sends a byte a second is never timed out. Here the timeout of
the socket is set anew, to the time that is left, before each operation that Python code repeats: for each address when
connecting, for each piece of a large body when sending, and for each piece of the answer when reading. (A single
``sendall``, TLS handshake or ``recv`` keeps to its timeout by itself, in C.) The system's name lookup is not bounded.
"""

import contextlib
import http.client
import io
import math
import os
import re
import socket
import ssl
import time
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError, SSLError
from urllib3.util.connection import allowed_gai_family, create_connection
from urllib3.util.ssl_match_hostname import CertificateError

from quantcdn._deadline import Deadline, TimeLeft

_PIECE = 16_384  # one TLS record: SSLSocket.sendall is a loop in Python, of one record each time
_HEADER_DEFECTS = (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
_STALE_AFTER = 0.02  # seconds that a timeout may be out of date, so that quick answers pay for one clock reading only


class _TimedFile(io.RawIOBase):
    """What http.client reads an answer from: a socket whose timeout is kept up to date."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._deadline = deadline
        self._armed = time.monotonic()
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int | None:
        now = time.monotonic()
        if now - self._armed > _STALE_AFTER:
            if self._deadline.left() <= 0:  # what is there already would be read whatever the timeout
                raise TimeoutError("timed out")
            self._sock.settimeout(self._deadline.read_timeout)
            self._armed = now
        count = self._file.readinto(buffer)
        self._position += count or 0
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Reader(io.BufferedReader):
    """A file that remembers the last line that was read, and ends a connection on which more came than one answer.

    What is left in a buffer shows neither in the socket nor to urllib3, which would use the connection again, and
    what still follows would be taken for the answer to the next request.
    """

    last_line = b""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__(_TimedFile(sock, deadline))
        self._sock = sock
        self._process = os.getpid()

    def readline(self, size: int | None = -1, /) -> bytes:
        self.last_line = super().readline(size)
        return self.last_line

    def close(self) -> None:
        """Close the file, and where something is left that nobody will read, shut the connection down."""
        mine = self._process == os.getpid()  # the child of a fork must not shut down what its parent reads
        if mine and not self.closed and (self.tell() < self.raw.tell() or self._decrypted()):
            with contextlib.suppress(OSError):  # the server may have left
                self._sock.shutdown(socket.SHUT_RDWR)
        super().close()

    def _decrypted(self) -> int:
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0


class _Answer(http.client.HTTPResponse):
    """An answer that is refused where its head is cut or is no HTTP: http.client reads over both.

    And http.client takes an announcement of the answer, like 103 Early Hints, for the answer itself; the real one
    would then be taken for the answer to the next request.
    """

    def begin(self) -> None:
        """Read the head, after any announcements."""
        reader: Any = self.fp
        super().begin()
        while 100 <= self.status < 200:
            if self.status == http.client.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("it switched protocols unasked")
            self.headers = self.msg = cast("Any", None)  # else this would do nothing
            super().begin()
        if not reader.last_line:
            raise http.client.RemoteDisconnected("Remote end closed connection inside the headers of its answer")
        if any(isinstance(defect, _HEADER_DEFECTS) for defect in self.msg.defects):
            raise http.client.HTTPException("one of its headers is none")
        lengths = ",".join(self.msg.get_all("content-length", ())).split(",")
        if len({length.strip() for length in lengths}) > 1:
            raise http.client.HTTPException("it is of more than one length")


class ProxyRefusal(ProxyError):
    """The proxy refused, and would do so again."""


# The proxy answered 4xx. It says of two of these that they pass: 408, a timeout, and 429, too many requests.
_tunnel_refused = re.compile(r"Tunnel connection failed: (?!408|429)4").match


class KeepsDeadline(HTTPConnection):
    """A connection that keeps to the deadline of the request it carries."""

    # http.client would print each request, with its token, to standard output where an application sets this there.
    debuglevel = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the address alone: urllib3's errors refer to the connection, which knows the proxy's password."""
        return str, (f"{self.host}:{self.port}",)

    @property
    def _deadline(self) -> Deadline:
        """The deadline of the request under way: urllib3 hands it over as this connection's timeout."""
        return self.timeout.deadline if isinstance(self.timeout, TimeLeft) else Deadline(math.inf)

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

    def send(self, data: Any) -> None:
        if not isinstance(data, bytes) or len(data) <= _PIECE:
            super().send(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), _PIECE):
            if self.sock is not None:
                self.sock.settimeout(self._deadline.read_timeout)
            super().send(view[start : start + _PIECE])

    def _timed_answer(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        """Read the answer from a file over the socket that keeps the deadline."""
        timed: Any = _TimedSocket(sock, self._deadline)
        return _Answer(timed, *args, **kwargs)

    response_class: Any = _timed_answer  # http.client calls it, with the socket


class _Connection(KeepsDeadline):
    """A connection that tries every address of a server within the deadline."""

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, each in its share of the time."""
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        failure: OSError | None = None
        for index, (*_, address) in enumerate(addresses):
            left = self._deadline.connect_timeout
            try:
                sock = create_connection(
                    (str(address[0]), int(address[1])),
                    None if left is None else left / (len(addresses) - index),
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                failure = error
            else:
                sock.settimeout(self._deadline.connect_timeout)  # for the TLS handshake
                return sock
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from failure
        raise NewConnectionError(self, f"Failed to establish a new connection: {failure}") from failure


class HandshakeError(SSLError):
    """TLS could not be agreed on, so no request was sent."""


class TellsHandshake(HTTPSConnection):
    """A connection whose errors tell whether they came before the request was sent."""

    def connect(self) -> None:
        try:
            super().connect()
        except (ssl.SSLError, SSLError, CertificateError) as error:
            raise HandshakeError(error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out in the TLS handshake") from error
        except OSError as error:
            raise HandshakeError(error) from error


class _TLSConnection(_Connection, TellsHandshake):
    """The same over TLS."""


class _TimedSocket:
    """As much of a socket as `http.client.HTTPResponse` asks for: a file to read from."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> _Reader:
        return _Reader(self._sock, self._deadline)


# The connection class is given through a property because tools that record traffic, like vcrpy, put theirs on
# urllib3's own pool classes: a plain class attribute here would silently win over it.


class _Pool(HTTPConnectionPool):
    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802  # urllib3's name
        current: Any = HTTPConnectionPool.ConnectionCls
        return _Connection if current is HTTPConnection else current


class _TLSPool(HTTPSConnectionPool):
    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802  # urllib3's name
        current: Any = HTTPSConnectionPool.ConnectionCls
        return _TLSConnection if current is HTTPSConnection else current


POOL_CLASSES: dict[str, type[HTTPConnectionPool] | type[HTTPSConnectionPool]] = {"http": _Pool, "https": _TLSPool}
"""What a `urllib3.PoolManager` makes its pools of, by scheme."""
