"""The running server: a listening socket, a thread with an event loop, and uvicorn's HTTP/1.1 protocol in it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ipaddress
import socket
import struct
import sys
import threading
from collections.abc import Coroutine, Generator, Sequence
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from quantcdn.sandbox import _app

_BACKLOG = 1024
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 0.25
_SLICE = 0.1
"""The longest to wait at a time, in seconds: on Windows, Ctrl-C is not heard before."""


def listen(host: str, port: int, *, allow_remote: bool = False) -> socket.socket:
    """Bind to a loopback address, unless more is allowed: there is no TLS."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise ValueError(f"the host must be a loopback address, such as 127.0.0.1, not {host}") from None
    if not (address.is_loopback or allow_remote):
        raise ValueError(
            f"the sandbox listens on loopback only, such as 127.0.0.1, not on {host}, unless allow_remote"
            " (--allow-remote) says that other machines may reach it"
        )
    if type(port) is not int or not 0 <= port <= 65535:
        raise ValueError(f"the port must be from 0 to 65535, not {port}")
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    listener = socket.create_server((str(address), port), family=family, backlog=_BACKLOG)
    # Accepted sockets inherit it. asyncio sets it only on sockets made for TCP by number, and this one was not. Without
    # it an answer that is sent in pieces waits some 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


T = TypeVar("T")


class Serving(NamedTuple):
    """A server at work: where it listens, and the loop that it runs on."""

    address: str
    loop: asyncio.AbstractEventLoop

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done in the thread of the server, between its requests, and wait for what it returns.

        What a signal handler raises meanwhile must leave nothing locked that the server needs. A future of
        `concurrent.futures` would be: its lock is taken in Python code. A `SimpleQueue` is a single piece of C.
        """
        done: SimpleQueue[asyncio.Task[T]] = SimpleQueue()
        self.loop.call_soon_threadsafe(lambda: self.loop.create_task(work).add_done_callback(done.put))
        while True:
            with contextlib.suppress(Empty):
                return done.get(timeout=_SLICE).result()
            self.loop.call_soon_threadsafe(lambda: None)  # to wake it: asyncio swallows an OSError that strikes then


@contextlib.contextmanager
def serving(app: ASGIApp, listener: socket.socket) -> Generator[Serving, None, None]:
    """Serve from a thread of its own for the length of a ``with`` block."""
    started: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = concurrent.futures.Future()

    def run() -> None:
        try:
            asyncio.run(_serve(app, listener, started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="quantcdn-sandbox", daemon=True)
    thread.start()
    while not concurrent.futures.wait([started], _SLICE).done:
        pass
    loop, stop = started.result()
    try:
        host, port = listener.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, str(host))
        yield Serving(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}", loop)
    finally:
        loop.call_soon_threadsafe(stop.set)
        while thread.is_alive() and not sys.is_finalizing():  # at the end of Python, no other thread goes on
            thread.join(_SLICE)


async def _serve(
    app: ASGIApp,
    listener: socket.socket,
    started: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
) -> None:
    async def until_given_up(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    # Not uvicorn.Server: it takes signals, logs for the embedding program and polls for its end.
    config = uvicorn.Config(
        until_given_up,
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    config.load()
    state = _State()
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: _Protocol(config, state, {}), sock=listener, backlog=_BACKLOG)
    started.set_result((loop, stop))
    await stop.wait()
    state.end_what_lasts()
    # Accepting ends first and the server later: closing it loses what is accepted but not yet a connection.
    with contextlib.suppress(NotImplementedError):  # Windows
        loop.remove_reader(listener)
    if accepting := _other_tasks() - state.tasks:
        await asyncio.wait(accepting, timeout=_GRACE_SECONDS)
    await state.end()
    server.close()
    await asyncio.gather(*_other_tasks(), return_exceptions=True)
    await server.wait_closed()


def _other_tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


class _State(ServerState):
    """The connections, and how they end: what was read is answered, or not done."""

    def __init__(self) -> None:
        super().__init__()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ending = False

    def end_what_lasts(self) -> None:
        """End the answers that last as long as the sandbox, and give up those that nobody reads."""
        self.over.set_result(None)
        for connection in self._connections():
            if connection.lasts and connection.transport.get_write_buffer_size():
                connection.give_up()

    async def end(self) -> None:
        self.ending = True
        self.default_headers.append((b"connection", b"close"))
        for connection in self._connections():
            connection.end()
        while connections := self._connections():
            ended = [connection.ended for connection in connections]
            done, _ = await asyncio.wait(ended, timeout=_GRACE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
        # Those that are left wait for clients that neither send nor read on. What they have sent by now, counts.
        for connection in self._connections():
            connection.transport.pause_reading()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=_GRACE_SECONDS)
        for connection in self._connections():
            connection.give_up()
        for request in list(self.tasks):
            request.cancel()

    def _connections(self) -> list[_Protocol]:
        return [connection for connection in self.connections if isinstance(connection, _Protocol)]


class _WholeAnswers(h11.Connection):
    """HTTP/1.1 in which the head of an answer waits for what follows it: both leave in one piece, and come in one."""

    _head: Sequence[bytes] = ()

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        pieces = super().send_with_data_passthrough(event)
        if isinstance(event, h11.Response):
            pieces, self._head = [], pieces or ()
        elif pieces is not None:
            pieces, self._head = [*self._head, *pieces], ()
        return pieces


class _Protocol(H11Protocol):
    """uvicorn's protocol, with errors in JSON, a log of its own, and an end that loses no answer."""

    _refused = False
    lasts = False

    def __init__(self, config: uvicorn.Config, state: _State, app_state: dict[str, Any]) -> None:
        super().__init__(config, state, {**app_state, "connection": self})
        self.conn = _WholeAnswers(h11.SERVER)
        self.logger = _app.logger
        self.access_log = False
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self._state = state

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._state.ending:
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.set_result(None)

    def end(self) -> None:
        """Close the connection, or have the answer that is under way close it."""
        if not self.cycle or self.cycle.response_complete:
            self.transport.close()

    async def pause(self, seconds: float) -> None:
        """Hold the answer under way back for so long, or until the sandbox ends."""
        await asyncio.wait([self._state.over], timeout=seconds)

    def last(self) -> asyncio.Future[None]:
        """Let the answer under way last as long as the sandbox: it is to end when what this returns is done."""
        self.lasts = True
        return self._state.over

    def drop(self, *, reset: bool) -> None:
        """Close the connection, or reset it, without a word."""
        if self.cycle:
            self.cycle.disconnected = True
        if reset:
            never_linger = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, never_linger)
            self.transport.abort()
        else:
            self.transport.close()

    def give_up(self) -> None:
        if self.cycle:
            self.cycle.disconnected = True
        self.transport.abort()

    def _get_upgrade(self) -> None:
        """Go on in HTTP/1.1, whatever else a client offers."""

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, then read on for a moment: closing at once could lose the answer on its way."""
        self._refused = True
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        exception = sys.exc_info()[1]
        status = exception.error_status_hint if isinstance(exception, h11.RemoteProtocolError) else 400
        # Nothing of the exception's own text: it may quote a header.
        message = "The headers are too large." if status == 431 else "The request is not valid HTTP/1.1."
        response = _app.error(status, message, {"Connection": "close"})
        headers = [*response.raw_headers, *_app.common_headers(datetime.now(timezone.utc))]
        for event in (
            h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status]),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.write_eof()
        self.loop.call_later(_GRACE_SECONDS, self.transport.close)
