"""What the tests of faults and of deadlines share: quick clients, certificates, faults below HTTP, and signals."""

import contextlib
import os
import signal
import socket
import ssl
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import FrameType
from typing import Any

import trustme
from conftest import TOKEN

from quantcdn import AISessionsApi, ApiClient, Configuration, RetryPolicy

QUICK = RetryPolicy(backoff=0)
"""The default policy, without its waits."""


@contextlib.contextmanager
def client(host: str, retries: Any = QUICK, **attributes: Any) -> Iterator[AISessionsApi]:
    """An API class for a host, with attributes of its configuration. Its client is closed at the end."""
    configuration = Configuration(host, TOKEN, retries=retries)
    for name, value in attributes.items():
        setattr(configuration, name, value)
    with ApiClient(configuration) as api_client:
        yield AISessionsApi(api_client)


def open_sockets() -> set[int]:
    """The sockets that this process has open."""
    found: set[int] = set()
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself is gone
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found.add(status.st_ino)
    return found


@contextlib.contextmanager
def no_socket_left() -> Iterator[None]:
    """Check that a block closes every socket it opens."""
    before = open_sockets()
    yield
    assert not open_sockets() - before


# Certificates


@cache
def authority() -> trustme.CA:
    """The certificate authority that the servers of the tests are certified by."""
    return trustme.CA()


def trusted() -> str:
    """Its certificate, for `Configuration.ca_cert_data`."""
    return authority().cert_pem.bytes().decode()


@cache
def server_tls(ca: trustme.CA | None = None, to: str = "127.0.0.1", **terms: Any) -> ssl.SSLContext:
    """The TLS of a server whose certificate is for a name and of certain terms."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (ca or authority()).issue_cert(to, **terms).configure_cert(context)
    return context


# Faults below HTTP


@dataclass
class Port:
    """A port of 127.0.0.1 that stays ours, whether somebody listens on it or not."""

    _keeper: socket.socket = field(default_factory=socket.socket)

    def __post_init__(self) -> None:
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._keeper.bind(("127.0.0.1", 0))

    @property
    def number(self) -> int:
        port: int = self._keeper.getsockname()[1]
        return port

    def listen(self, backlog: int = 128) -> socket.socket:
        return socket.create_server(("127.0.0.1", self.number), backlog=backlog, reuse_port=True)

    def close(self) -> None:
        self._keeper.close()


@contextlib.contextmanager
def a_port() -> Iterator[Port]:
    with contextlib.closing(Port()) as port:
        yield port


@contextlib.contextmanager
def nobody(port: Port) -> Iterator[None]:
    """Nobody listens: a connection is refused."""
    yield


@contextlib.contextmanager
def full_backlog(port: Port) -> Iterator[None]:
    """The queue of connections is full, so that a further one is not even refused."""
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(port.listen(backlog=0)).getsockname()
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        yield


@contextlib.contextmanager
def silence(port: Port) -> Iterator[None]:
    """Connections open, and then nothing comes."""
    with port.listen():
        yield


def each_connection(
    serve: Callable[[socket.socket], object], tls: ssl.SSLContext | None = None
) -> Callable[[Port], contextlib.AbstractContextManager[None]]:
    """A server that does the same with each connection, in a thread of its own, and then closes it."""

    @contextlib.contextmanager
    def running(port: Port) -> Iterator[None]:
        connections: list[socket.socket] = []
        threads: list[threading.Thread] = []

        def served(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):  # the client may have left
                if isinstance(connection, ssl.SSLSocket):
                    connection.do_handshake()
                serve(connection)

        def accept(listener: socket.socket) -> None:
            with contextlib.suppress(OSError):  # the end, below
                while True:
                    connection, _ = listener.accept()
                    if tls:
                        connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                    connections.append(connection)
                    threads.append(threading.Thread(target=served, args=(connection,), daemon=True))
                    threads[-1].start()

        with port.listen() as listener:
            acceptor = threading.Thread(target=accept, args=(listener,), daemon=True)
            acceptor.start()
            try:
                yield
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                acceptor.join()
                for connection in connections:
                    with contextlib.suppress(OSError):  # it may be closed
                        connection.shutdown(socket.SHUT_RDWR)
                for thread in threads:
                    thread.join()

    return running


def reset(connection: socket.socket) -> None:
    """End a connection as a crashed peer does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# Signals


@contextlib.contextmanager
def struck(by: Callable[[int, FrameType | None], object], when: Callable[[], object]) -> Iterator[None]:
    """Have a signal handler called once in the main thread, within a ``with`` block, when something has returned.

    The signal is sent until it has been: one that comes just before a wait begins does not end that.
    """
    calls: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if not calls:
            calls.append(number)
            by(number, frame)

    def strike() -> None:
        when()
        while not calls:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            time.sleep(0.01)

    before = signal.signal(signal.SIGUSR1, handle)
    hand = threading.Thread(target=strike)
    hand.start()
    try:
        yield
    finally:
        hand.join()
        signal.signal(signal.SIGUSR1, before)
