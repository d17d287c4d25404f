"""urllib3's connections, made to keep a deadline.

A socket's timeout bounds a single operation, so whoever sends a byte a second is never timed out. Here the timeout of
the socket is set anew, to the time that is left, before each operation that Python code repeats: for each address when
connecting, for each piece of a large body when sending, and for each piece of an answer (`_answer.py`). (A single
``sendall``, TLS handshake or ``recv`` keeps to its timeout by itself, in C.) The system's name lookup is not bounded.
"""

import contextlib
import http.client
import math
import re
import socket
import ssl
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError, SSLError
from urllib3.util.connection import allowed_gai_family, create_connection
from urllib3.util.ssl_match_hostname import CertificateError

from quantcdn._answer import Answer
from quantcdn._deadline import Deadline, TimeLeft

_PIECE = 16_384  # one TLS record: SSLSocket.sendall is a loop in Python, of one record each time


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
        return Answer(sock, self._deadline, *args, **kwargs)

    response_class: Any = _timed_answer  # http.client calls it, with the socket


class _Connection(KeepsDeadline):
    """A connection that tries every address of a server within the deadline."""

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, each in its share of the time."""
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError as error:  # no name of a host at all
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
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
