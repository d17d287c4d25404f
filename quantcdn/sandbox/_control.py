"""The control interface of a sandbox, beside the API: faults, clock, what came, and sessions, for other processes.

It is served at ``/_sandbox``, and opened by a secret of its own, in the header field ``X-Sandbox-Secret``. Requests
that a page of another site makes are refused.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import asdict
from importlib.resources import files
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from quantcdn.sandbox import _app
from quantcdn.sandbox._bench import Bench
from quantcdn.sandbox._faults import rule_from
from quantcdn.sandbox._journal import Received
from quantcdn.sandbox._seed import seeded
from quantcdn.sandbox._store import Store
from quantcdn.sandbox._validation import Refusal

_Endpoint = Callable[[Request], Awaitable[Response]]


def applications(store: Store, bench: Bench, secret: str, organisation: str) -> Mapping[str, ASGIApp]:
    """What is served beside the API, by the first segment of its path."""
    control = _Control(store, bench, secret, organisation)
    routes = {
        ("GET", "/clock"): control.clock,
        ("POST", "/clock"): control.advance,
        ("GET", "/faults"): control.faults,
        ("POST", "/faults"): control.fail,
        ("DELETE", "/faults"): control.mend,
        ("GET", "/requests"): control.requests,
        ("GET", "/events"): control.events,
        ("GET", "/sessions"): control.sessions,
        ("POST", "/sessions"): control.seed,
        ("POST", "/reset"): control.reset,
    }
    return {
        "_sandbox": Starlette(
            routes=[
                Route(f"/_sandbox{path}", control.guarded(endpoint), methods=[method])
                for (method, path), endpoint in routes.items()
            ]
        ),
        "healthz": Starlette(routes=[Route("/healthz", _health)]),
        "openapi.json": Starlette(routes=[Route("/openapi.json", _contract)]),
    }


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _contract(request: Request) -> Response:
    contract = json.loads(files("quantcdn.sandbox").joinpath("openapi.json").read_text("utf-8"))
    return JSONResponse({**contract, "servers": [{"url": str(request.base_url).rstrip("/")}]})


class _Control:
    def __init__(self, store: Store, bench: Bench, secret: str, organisation: str) -> None:
        self._store = store
        self._bench = bench
        self._secret = secret.encode()
        self._organisation = organisation

    def guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """The same endpoint, for those who have the secret, and for no page of another site."""

        async def answer(request: Request) -> Response:
            try:
                _app.refuse_other_names(request)
                origin = request.headers.get("origin")
                if origin is not None and origin != f"{request.url.scheme}://{request.headers['host']}":
                    raise Refusal(403, "The control interface does not answer pages of other sites.")
                given = request.headers.get("x-sandbox-secret", "").encode("latin-1")
                if not hmac.compare_digest(given, self._secret):
                    raise Refusal(401, "The control interface needs its secret, in X-Sandbox-Secret.")
                return await endpoint(request)
            except Refusal as refusal:
                return _app.error(refusal.status, refusal.message, refusal.headers)
            except (TypeError, ValueError) as error:
                return _app.error(400, f"{error}.")

        return answer

    async def clock(self, request: Request) -> Response:
        clock = self._bench.clock
        return JSONResponse({"now": clock().isoformat(), "ahead_seconds": clock.ahead.total_seconds()})

    async def advance(self, request: Request) -> Response:
        lengths = await _fields(request)
        for name, length in lengths.items():
            if name not in ("days", "hours", "minutes", "seconds") or type(length) not in (int, float):
                raise ValueError("the clock is put forward by days, hours, minutes and seconds, each a number")
        self._bench.clock.advance(**lengths)
        return await self.clock(request)

    async def faults(self, request: Request) -> Response:
        return JSONResponse([asdict(rule) for rule in self._bench.faults.rules()])

    async def fail(self, request: Request) -> Response:
        self._bench.faults.add(rule_from(await _fields(request)))
        return await self.faults(request)

    async def mend(self, request: Request) -> Response:
        self._bench.faults.clear()
        return await self.faults(request)

    async def requests(self, request: Request) -> Response:
        return JSONResponse([_told(received) for received in self._bench.requests])

    async def events(self, request: Request) -> Response:
        return StreamingResponse(self._events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _events(self) -> AsyncGenerator[str, None]:
        came: asyncio.Queue[Received] = asyncio.Queue()
        with self._bench.requests.told(came.put_nowait):
            yield ": listening\n\n"
            while True:
                received = await came.get()
                yield f"event: request\nid: {received.number}\ndata: {json.dumps(_told(received))}\n\n"

    async def sessions(self, request: Request) -> Response:
        return JSONResponse(self._store.overview())

    async def seed(self, request: Request) -> Response:
        fields = await _fields(request)
        organisation = fields.pop("organisation", self._organisation)
        if not isinstance(organisation, str):
            raise ValueError("organisation must be a text")
        session = seeded(fields, self._bench.clock())
        self._store.add(organisation, session)
        return JSONResponse({"id": session.id}, 201)

    async def reset(self, request: Request) -> Response:
        self._bench.reset(self._store)
        return JSONResponse({"message": "The sandbox begins anew"})


async def _fields(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "The Content-Type of a body must be application/json.")
    fields: object = json.loads(await request.body())
    if not isinstance(fields, dict):
        raise ValueError("the body must be a JSON object")
    return cast("dict[str, Any]", fields)


def _told(received: Received) -> dict[str, Any]:
    return {**asdict(received), "time": received.time.isoformat()}
