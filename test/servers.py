"""A scripted HTTP server on 127.0.0.1, for tests that look at the exact bytes of a request, or at a broken answer.

A script holds one answer for each request, in the order in which the requests come, over all connections::

    with scripted_server([json_answer({"sessionId": "s-1"}), [b"HTTP/1.1 200 OK\\r\\n", RESET]]) as server:
        ...  # two requests to server.host
    assert server.requests[0].target == "/api/v3/..."

An answer is the bytes to send, after which the connection stays open for the next request, or a list of steps: bytes
to send, seconds to wait, and at its end `CLOSE`, `RESET` or `STALL`. `itertools.repeat(answer)` is a script without
end. A request for which the script holds no answer fails the test when the block ends.
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http.client import responses
from typing import Any, BinaryIO, TypeAlias

PATIENCE = 10.0
"""How long to wait, in seconds, for what should happen at once."""


class Ending(Enum):
    """How a list of steps can end a connection."""

    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


CLOSE = Ending.CLOSE
"""Close the connection in good order."""
RESET = Ending.RESET
"""Reset the connection, as a crashed peer does."""
STALL = Ending.STALL
"""Keep the connection open and say nothing more."""

Step: TypeAlias = bytes | float | Ending
Answer: TypeAlias = bytes | Sequence[Step]


def answer(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer, with its Content-Length."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} {responses.get(status, '')}", *(f"{name}: {fields[name]}" for name in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer with a JSON body."""
    return answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


@dataclass(frozen=True)
class Received:
    """A request as it arrived.

    Attributes:
        connection: the number of the connection it came over, from 1.
        head: the bytes up to the empty line, which is included.
        body: the bytes after it.
    """

    connection: int
    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        return self._request_line()[0]

    @property
    def target(self) -> str:
        return self._request_line()[1]

    @property
    def headers(self) -> dict[str, str]:
        """The header fields under their names in lower case; a repeated one is joined with a comma."""
        fields: dict[str, str] = {}
        for line in self.head.decode("latin-1").split("\r\n")[1:-2]:
            name, _, value = line.partition(":")
            name = name.lower()
            fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
        return fields

    def json(self) -> Any:
        return json.loads(self.body)

    def _request_line(self) -> list[str]:
        return self.head.partition(b"\r\n")[0].decode("latin-1").split(" ")


class ScriptedServer:
    """A running server. Its counts are final when it has ended, which the end of the `with` block does.

    Attributes:
        address: the address and the port.
        host: the base URL.
        requests: the requests that arrived whole, in their order.
        connections: how many connections were accepted.
        unanswered: how many requests came after the end of the script.
    """

    def __init__(
        self, script: Iterable[Answer], host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.unanswered = 0
        self._script = iter(script)
        self._ended = threading.Event()
        self._changed = threading.Condition()
        self._farewell: object = None
        self._open: list[socket.socket] = []
        self._workers: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._tls = tls
        # A given port may be one that a test keeps by a socket of its own.
        self._listener = socket.create_server((host, port), family=family, backlog=128, reuse_port=port > 0)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self.host = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.address[1]}"
        self._acceptor = threading.Thread(target=self._accept, name="scripted-server", daemon=True)
        self._acceptor.start()

    @property
    def request(self) -> Received:
        """The only request."""
        assert len(self.requests) == 1, f"{len(self.requests)} requests came instead of one"
        return self.requests[0]

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many requests have arrived whole."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.requests) >= count, PATIENCE)
        assert arrived, f"{len(self.requests)} requests came instead of {count}"

    def wait_for_end_of_connections(self) -> None:
        """Wait until every connection is closed, by the client or by the script."""
        with self._changed:
            left = self._changed.wait_for(lambda: not self._open, PATIENCE)
        assert left, f"{len(self._open)} connections are still open"

    def end(self) -> None:
        """Stop: end every connection, and wait for the threads. Afterwards the counts are final."""
        if self._ended.is_set():
            return
        self._ended.set()
        with socket.socket(self._listener.family) as farewell:
            farewell.bind((self.address[0], 0))
            self._farewell = farewell.getsockname()
            farewell.connect(self.address)  # after every connection that is still to be counted
            self._acceptor.join()
        self._listener.close()
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client may have left
                    connection.shutdown(socket.SHUT_RDWR)
        for worker in self._workers:
            worker.join()

    def _accept(self) -> None:
        while True:
            connection, peer = self._listener.accept()
            if peer == self._farewell:
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            worker = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._workers.append(worker)
            worker.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        if self._tls:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            except OSError:  # the client has left by now
                connection.close()
                return
        with self._changed:
            self._open.append(connection)
        try:
            with connection.makefile("rb") as stream, contextlib.suppress(ConnectionError, ssl.SSLError):
                while (received := _read_request(stream, number)) and self._answer(received, connection):
                    pass
        finally:
            connection.close()
            with self._changed:
                self._open.remove(connection)
                self._changed.notify_all()

    def _answer(self, received: Received, connection: socket.socket) -> bool:
        """Answer a request, and tell whether the connection goes on."""
        with self._changed:
            self.requests.append(received)
            self._changed.notify_all()
            reply = next(self._script, None)
            if reply is None:
                self.unanswered += 1
                return False
        for step in [reply] if isinstance(reply, bytes) else reply:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif not isinstance(step, Ending):
                self._ended.wait(step)
            else:
                if step is STALL:
                    self._ended.wait()
                elif step is RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        return True


@contextlib.contextmanager
def scripted_server(
    script: Iterable[Answer] = (), host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Generator[ScriptedServer, None, None]:
    """Run a server that follows a script, for the length of a `with` block."""
    server = ScriptedServer(script, host, port, tls)
    try:
        yield server
    finally:
        server.end()
    assert not server.unanswered, f"{server.unanswered} requests came for which the script holds no answer"


def _read_request(stream: BinaryIO, connection: int) -> Received | None:
    """The next request, or None where the client has left."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    length = int(Received(connection, head, b"").headers.get("content-length", 0))
    body = stream.read(length)
    return Received(connection, head, body) if len(body) == length else None
