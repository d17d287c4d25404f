"""A service in a process of its own, which does what it is told: a sandbox, or beside it Starlette's hello world.

``with serving() as service: ...`` starts a sandbox. The hello world runs in a thread, on uvicorn with the settings that
the sandbox has.
"""

import json
import os
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import Interpreter

ORGANISATION = "sandbox"
SESSIONS = f"/api/v3/organizations/{ORGANISATION}/ai/sessions"
KINDS = ("hello", "sandbox")
_MESSAGE = {"role": "user", "content": "What are your opening hours? " * 4}
_length = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search


class Service:
    """It runs.

    Attributes:
        host: its URL.
        token: the token that it accepts.
    """

    def __init__(self, process: "Popen[str]") -> None:
        self._process = process
        self.host, self.token = self.ask("address")

    def ask(self, *order: object) -> Any:
        """Give it an order, and read its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def seed(self, group: str, number: int, messages: int = 8) -> list[str]:
        """Put so many sessions of a group there; the value are their ids."""
        self.ask("seed", group, number, messages)
        return [session_id(group, index) for index in range(number)]

    def counted(self, operation: str) -> dict[str, int]:
        """How many sessions were asked for how often, since this was asked last."""
        counts: dict[str, int] = self.ask("counted", operation)
        return counts

    def cpu(self) -> float:
        """The CPU time that its process has taken, in seconds."""
        seconds: float = self.ask("cpu")
        return seconds


class Connection:
    """A connection on which requests are sent, and answers read, with next to no work of one's own."""

    def __init__(self, host: str, token: str) -> None:
        self._field = f"Authorization: Bearer {token}"
        where = urlsplit(host)
        self._socket = socket.create_connection((where.hostname, where.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """A request, to be sent again and again."""
        fields = f"Host: 127.0.0.1\r\n{self._field}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        return f"{method} {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body

    def ask(self, request: bytes) -> None:
        """Send a request, and read its answer whole, which is 200."""
        self._socket.sendall(request)
        answer = self._come()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._come()
        length = _length(answer, 0, end)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert length is not None
        while len(answer) < end + 4 + int(length[1]):
            answer += self._come()

    def _come(self) -> bytes:
        piece = self._socket.recv(65_536)
        assert piece, "the connection was closed before the answer was there"
        return piece


@contextmanager
def serving(
    kind: str = "sandbox", database: Path | None = None, interpreter: Interpreter | None = None
) -> Iterator[Service]:
    """Run one for the length of a ``with`` block, with the sessions in memory or in a file."""
    options = [str(database)] if database else []
    with (interpreter or Interpreter()).start("-m", "benchmarks.service", kind, *options) as process:
        yield Service(process)


def session_id(group: str, index: int) -> str:
    """The id of a session of a group."""
    return f"{group}-{index:06}"


@contextmanager
def hello_world() -> Iterator[str]:
    """Starlette's hello world in a thread; the value is its URL."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def hello(_: Request) -> JSONResponse:
        return JSONResponse({"hello": "world"})

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        Starlette(routes=[Route("/", hello)]),
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield "http://{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        thread.join()


def start(kind: str) -> None:
    """Start one, ask it once, and print what that took, in seconds of CPU and of wall time; "nothing" starts none."""
    from http.client import HTTPConnection

    cpu, wall = time.process_time(), time.perf_counter()
    with ExitStack() as stack:
        if kind == "hello":
            url, path, fields = stack.enter_context(hello_world()), "/", {}
        elif kind == "sandbox":
            from quantcdn.sandbox import running

            sandbox = stack.enter_context(running())
            url, path, fields = sandbox.host, SESSIONS, {"Authorization": f"Bearer {sandbox.access_token}"}
        if kind in KINDS:
            connection = HTTPConnection(urlsplit(url).netloc)
            connection.request("GET", path, headers=fields)
            assert connection.getresponse().status == 200
        print(time.process_time() - cpu, time.perf_counter() - wall, flush=True)
        os._exit(0)  # how it ends is not asked


def _serve_sandbox(database: str | None = None) -> None:
    from quantcdn.sandbox import running

    came: dict[str, list[str]] = {}
    with (
        running(database=database) as sandbox,
        sandbox.requests.told(
            lambda request: came.setdefault(request.operation or "", []).append(request.session_id or "")
        ),
    ):
        for line in sys.stdin:
            order, *arguments = json.loads(line)
            answer: object = None
            if order == "address":
                answer = sandbox.host, sandbox.access_token
            elif order == "seed":
                group, number, messages = arguments
                fields = {"sessionGroup": group, "messages": [_MESSAGE] * messages}
                lines = (json.dumps({"id": session_id(group, index), **fields}) for index in range(number))
                answer = sandbox.load(lines)
            elif order == "delay":
                sandbox.mend()
                if arguments[0]:
                    sandbox.fail("any", delay=arguments[0])
            elif order == "cpu":
                answer = time.process_time()
            else:
                answer = Counter(Counter(came.pop(arguments[0], [])).values())
            print(json.dumps(answer), flush=True)


def _serve_hello() -> None:
    with hello_world() as url:
        for line in sys.stdin:
            print(json.dumps((url, "none") if json.loads(line) == ["address"] else time.process_time()), flush=True)


if __name__ == "__main__":
    what, *options = sys.argv[1:]
    if what == "start":
        start(*options)
    elif what == "hello":
        _serve_hello()
    else:
        _serve_sandbox(*options)
