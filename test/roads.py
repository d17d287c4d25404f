"""The roads on which a request reaches a server: directly, over TLS, and through each kind of proxy.

    with road.to(script) as (server, options), client(**options) as api:
        ...  # what `api` asks reaches `server`, over that road

A forward proxy is the server itself, which gets whole URLs to answer. A tunnel leads through a `Relay` to a server of
its own. What becomes of a connection on one side of a relay, its end or its reset, becomes of the other.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from faults import server_tls, trusted
from servers import Answer, ScriptedServer, scripted_server

ELSEWHERE = "http://service.test"
"""A server that only a forward proxy knows."""


class Wish(NamedTuple):
    """Where a connection is to lead, and what to say to it when it does, or cannot."""

    address: tuple[str, int]
    granted: bytes
    refused: bytes


class Relay:
    """A proxy on 127.0.0.1 that connects to where it is asked to, and passes on what comes from there or goes there.

    Args:
        greet: asks a new connection where it is to lead.
        tls: how it speaks TLS itself, if it does.

    Attributes:
        port: where it listens.
        tunnels: how many it has opened.
    """

    def __init__(self, greet: Callable[[socket.socket], Wish], tls: ssl.SSLContext | None = None) -> None:
        self._greet = greet
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.tunnels = 0
        self._ended, self._end = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept, name="relay", daemon=True)]
        self._threads[0].start()

    def end(self) -> None:
        """Close everything and wait for the threads."""
        self._end.close()
        for thread in self._threads:
            thread.join()
        self._ended.close()
        self._listener.close()

    def _accept(self) -> None:
        while self._ended not in select.select([self._listener, self._ended], [], [])[0]:
            connection, _ = self._listener.accept()
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, near: socket.socket) -> None:
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        near.settimeout(10)
        with contextlib.ExitStack() as stack:
            stack.enter_context(near)
            with contextlib.suppress(OSError, ValueError):  # whoever connected may leave, or ask for nothing sensible
                if self._tls is not None:
                    near = stack.enter_context(self._tls.wrap_socket(near, server_side=True))
                wish = self._greet(near)
                try:
                    far = stack.enter_context(socket.create_connection(wish.address, timeout=10))
                except OSError:
                    near.sendall(wish.refused)
                    return
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                near.sendall(wish.granted)
                self.tunnels += 1
                self._pass_on(near, far)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        while True:
            ready = [near] if isinstance(near, ssl.SSLSocket) and near.pending() else []
            ready = ready or select.select([near, far, self._ended], [], [])[0]
            if self._ended in ready:
                return
            for source in ready:
                try:
                    data = source.recv(65_536)
                except ConnectionResetError:
                    other[source].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if not data:
                    return
                other[source].sendall(data)


def connect_proxy(connection: socket.socket) -> Wish:
    """What an HTTP proxy does before a tunnel (RFC 9110, section 9.3.6)."""
    head = _read_until(connection, b"\r\n\r\n")
    host, _, port = head.split(b" ")[1].decode().rpartition(":")
    granted, refused = b"HTTP/1.1 200 Connection established\r\n\r\n", b"HTTP/1.1 502 Bad Gateway\r\n\r\n"
    return Wish((host, int(port)), granted, refused)


def socks5_proxy(connection: socket.socket) -> Wish:
    """What a SOCKS proxy does before a tunnel (RFC 1928), for addresses of IPv4."""
    count = _read(connection, 2)[1]
    _read(connection, count)
    connection.sendall(b"\x05\x00")
    _read(connection, 4)
    host, port = socket.inet_ntoa(_read(connection, 4)), int.from_bytes(_read(connection, 2), "big")
    return Wish((host, port), b"\x05\x00\x00\x01" + bytes(6), b"\x05\x05\x00\x01" + bytes(6))


@contextlib.contextmanager
def relay(greet: Callable[[socket.socket], Wish], tls: ssl.SSLContext | None = None) -> Generator[Relay, None, None]:
    """Run a relay for the length of a `with` block."""
    running = Relay(greet, tls)
    try:
        yield running
    finally:
        running.end()


@contextlib.contextmanager
def tls_before(port: int) -> Generator[int, None, None]:
    """An end of TLS before what listens on a port, for the length of a `with` block; the value is its own port."""
    with relay(lambda _: Wish(("127.0.0.1", port), b"", b""), server_tls()) as end:
        yield end.port


@dataclass(frozen=True)
class Road:
    """A way to a server.

    Attributes:
        name: how it is called.
        tls: whether the server speaks TLS.
        proxy: the scheme of the proxy, if there is one.
        forwards: whether the proxy gets the requests themselves, instead of opening a tunnel.
    """

    name: str
    tls: bool = False
    proxy: str | None = None
    forwards: bool = False

    def __str__(self) -> str:
        return self.name

    @contextlib.contextmanager
    def through(self, port: int) -> Generator[dict[str, Any], None, None]:
        """The options of a client that takes this road to what listens on a port of 127.0.0.1."""
        here = f"127.0.0.1:{port}"
        options = {"host": f"http{'s' if self.tls else ''}://{here}", "ca_cert_data": trusted(), "proxy": None}
        if self.forwards:
            yield options | {"host": ELSEWHERE, "proxy": f"{self.proxy}://{here}"}
        elif self.proxy is None:
            yield options
        else:
            greet = socks5_proxy if self.proxy.startswith("socks") else connect_proxy
            with relay(greet, server_tls() if self.proxy == "https" else None) as proxy:
                yield options | {"proxy": f"{self.proxy}://127.0.0.1:{proxy.port}"}

    @property
    def server_tls(self) -> ssl.SSLContext | None:
        """How what listens at its end speaks TLS, if it does."""
        return server_tls() if self.tls or (self.forwards and self.proxy == "https") else None

    @contextlib.contextmanager
    def to(self, script: Iterable[Answer]) -> Generator[tuple[ScriptedServer, dict[str, Any]], None, None]:
        """A server at its end that follows a script, and the options of a client that takes this road to it."""
        with scripted_server(script, tls=self.server_tls) as server, self.through(server.address[1]) as options:
            yield server, options


ROADS = [
    Road("direct"),
    Road("TLS", tls=True),
    Road("forward proxy", proxy="http", forwards=True),
    Road("forward proxy over TLS", proxy="https", forwards=True),
    Road("tunnel", tls=True, proxy="http"),
    Road("tunnel over TLS", tls=True, proxy="https"),
    Road("SOCKS", proxy="socks5"),
    Road("SOCKS and TLS", tls=True, proxy="socks5"),
]


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError("it has left")
        data += piece
    return data


def _read_until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += _read(connection, 1)
    return data
