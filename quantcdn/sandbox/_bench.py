"""What stands between the HTTP of a sandbox and its operations: faults are played here, and what came is taken down."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import datetime, timezone
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quantcdn.sandbox import _app
from quantcdn.sandbox._clock import Clock
from quantcdn.sandbox._faults import Fault, Faults
from quantcdn.sandbox._journal import Requests
from quantcdn.sandbox._store import Store

_LARGEST_KEPT = 1024 * 1024
_PIECES = 20


class Connection(Protocol):
    """As much of the server as is needed behind its HTTP."""

    def drop(self, *, reset: bool) -> None:
        """Close the connection, or reset it, without a word."""
        ...

    async def pause(self, seconds: float) -> None:
        """Hold the answer under way back for so long, or until the sandbox ends."""
        ...

    def last(self) -> asyncio.Future[None]:
        """Let the answer under way last as long as the sandbox: it is to end when what this returns is done."""
        ...


class Bench:
    """The faults, the clock and the journal of a sandbox."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.faults: Faults = Faults()
        self.requests: Requests = Requests()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The same application, with faults, and with what comes taken down."""

        async def observed(scope: Scope, receive: Receive, send: Send) -> None:
            await _Exchange(self, scope, receive).carry_out(app, send)

        return observed

    def reset(self, store: Store) -> None:
        """Begin anew: without sessions, without faults, with nothing that came, and with the clock as it was given."""
        store.clear()
        self.faults.clear()
        self.requests.clear()
        self.clock.reset()


class _Exchange:
    """A request on its way to its answer."""

    def __init__(self, bench: Bench, scope: Scope, receive: Receive) -> None:
        self._bench = bench
        self._scope = scope
        self._receive = receive
        self._body = bytearray()
        self._answer: list[Message] = []
        path: str = scope["path"]
        found = _app.find_session(path)
        organisation, session_id, extend = found.groups() if found else (None, None, None)
        self._fields = {
            "time": datetime.now(timezone.utc),
            "method": scope["method"],
            "path": path,
            "organisation": organisation and unquote(organisation),
            "session_id": session_id and unquote(session_id),
            "query": dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        }
        operations = _app.OPERATIONS[session_id is not None, extend is not None]
        operation = operations.get(scope["method"]) if found else None
        self._operation = operation and operation[0]

    async def carry_out(self, app: ASGIApp, send: Send) -> None:
        began = time.perf_counter()
        fault = self._bench.faults.next(self._operation) if self._operation else None
        await self._ask(app, fault)
        self._note(fault, time.perf_counter() - began)
        if fault is None:
            for message in self._answer:
                await send(message)
        else:
            await self._fail(fault, send)

    async def _ask(self, app: ASGIApp, fault: Fault | None) -> None:
        if fault is not None and (fault.status is not None or fault.drop == "before"):
            while (await self._tee()).get("more_body"):
                pass
            if fault.status is None:
                return
            wait = {} if fault.retry_after is None else {"Retry-After": str(math.ceil(fault.retry_after))}
            app = _app.error(fault.status, "The sandbox was told to fail.", wait)
        await app(self._scope, self._tee, self._keep)

    async def _fail(self, fault: Fault, send: Send) -> None:
        connection = cast("Connection", self._scope["state"]["connection"])
        await connection.pause(fault.delay)
        if fault.drop or fault.reset:
            connection.drop(reset=fault.reset)
            return
        start, *rest = self._answer
        body = b"".join(message.get("body", b"") for message in rest)
        await send(start)
        if fault.garble:
            body = body[::-1]
        if fault.truncate:
            body = body[: len(body) // 2]
        size = math.ceil(len(body) / _PIECES) if fault.trickle else len(body)
        for begin in range(0, len(body), size or 1):
            await send({"type": "http.response.body", "body": body[begin : begin + size], "more_body": True})
            await connection.pause(fault.trickle / _PIECES)
        if fault.truncate:
            connection.drop(reset=False)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tee(self) -> Message:
        message = await self._receive()
        if len(self._body) <= _LARGEST_KEPT:
            self._body += message.get("body", b"")
        return message

    async def _keep(self, message: Message) -> None:
        self._answer.append(message)

    def _note(self, fault: Fault | None, duration: float) -> None:
        lost = not self._answer or (fault is not None and (fault.drop or fault.reset))
        self._bench.requests.add(
            **self._fields,
            operation=self._operation,
            raw_body=bytes(self._body),
            status=None if lost else self._answer[0]["status"],
            duration=duration,
            fault=None if fault is None else str(fault),
        )
