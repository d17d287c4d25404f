"""The control interface of a sandbox, beside the API: faults, clock, what came, and sessions, for other processes.

It is served at ``/_sandbox``, and opened by a secret of its own, in the header field ``X-Sandbox-Secret``. Requests
that a page of another site makes are refused. The page to look into the sandbox uses it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from quantcdn.sandbox import _app
from quantcdn.sandbox._bench import Bench, Connection
from quantcdn.sandbox._clock import UNITS
from quantcdn.sandbox._commits import Commits
from quantcdn.sandbox._door import HEADERS, PATH, Door
from quantcdn.sandbox._events import events, summary
from quantcdn.sandbox._faults import rule_from
from quantcdn.sandbox._journal import Received
from quantcdn.sandbox._page import Page
from quantcdn.sandbox._seed import organisation_of, seeded
from quantcdn.sandbox._validation import Refusal

_WHOLE = "[0-9]{1,15}"
_Endpoint = Callable[[Request], Awaitable[Response]]


def applications(commits: Commits, bench: Bench, secret: str, organisation: str) -> Mapping[str, ASGIApp]:
    """What is served beside the API, by the first segment of its path."""
    door = Door(secret)
    page = Page(door).answer
    control = _Control(commits, bench, organisation)
    paths: dict[str, dict[str, _Endpoint]] = {
        "/clock": {"GET": control.clock, "POST": control.advance},
        "/faults": {"GET": control.faults, "POST": control.fail, "DELETE": control.mend},
        "/faults/{number}": {"DELETE": control.remove},
        "/requests": {"GET": control.requests},
        "/events": {"GET": control.events},
        "/organisations": {"GET": control.organisations},
        "/sessions": {"GET": control.sessions, "POST": control.seed},
        "/reset": {"POST": control.reset},
    }
    routes = [
        Route(f"{PATH}{path}", partial(_guarded, door, methods), methods=list(methods))
        for path, methods in paths.items()
    ]
    routes += [Route(path, page) for path in (PATH, f"{PATH}/")]
    errors = {HTTPException: partial(_unrouted, f"the page {PATH}/ and {', '.join(paths)} below it")}
    beside = Starlette(routes=routes, exception_handlers=errors)
    beside.router.redirect_slashes = False
    return {
        "_sandbox": beside,
        "healthz": Starlette(routes=[Route("/healthz", _health)]),
        "openapi.json": Starlette(routes=[Route("/openapi.json", _contract)]),
    }


def _unrouted(known: str, request: Request, exception: Exception) -> Response:
    allowed = (exception.headers or {}).get("Allow") if isinstance(exception, HTTPException) else None
    return _app.not_allowed(request.method, allowed.split(", ")) if allowed else _app.not_found(known)


async def _guarded(door: Door, methods: Mapping[str, _Endpoint], request: Request) -> Response:
    """Answer those whom the door lets in."""
    try:
        door.refuse_others(request)
        return await methods["GET" if request.method == "HEAD" else request.method](request)
    except Refusal as refusal:
        return _app.error(refusal.status, refusal.message, refusal.headers)
    except (TypeError, ValueError) as error:
        return _app.error(400, f"{error}.")
    except Exception:
        return _app.failed()


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _contract(request: Request) -> Response:
    from importlib.resources import files  # a hundredth of a start, and nobody may ever ask

    contract = json.loads(files("quantcdn.sandbox").joinpath("openapi.json").read_text("utf-8"))
    return JSONResponse({**contract, "servers": [{"url": str(request.base_url).rstrip("/")}]})


class _Control:
    def __init__(self, commits: Commits, bench: Bench, organisation: str) -> None:
        self._commits = commits
        self._store = commits.store
        self._bench = bench
        self._organisation = organisation

    async def clock(self, request: Request) -> Response:
        return _json(self._time())

    async def advance(self, request: Request) -> Response:
        lengths = await _fields(request)
        for name in lengths:
            if name not in UNITS:
                raise ValueError(f"the clock is put forward by days, hours, minutes and seconds, not by {name!a}")
        self._bench.clock.advance(**lengths)
        return await self.clock(request)

    async def faults(self, request: Request) -> Response:
        return _json(self._rules())

    async def fail(self, request: Request) -> Response:
        rule = rule_from(await _fields(request))
        self._bench.faults.add(rule)
        return _json(asdict(rule), 201)

    async def remove(self, request: Request) -> Response:
        given = request.path_params["number"]
        if not (re.fullmatch(_WHOLE, given) and self._bench.faults.remove(int(given))):
            raise Refusal(404, f"There is no fault {given[:40]!a}, or it was removed.")
        return await self.faults(request)

    async def mend(self, request: Request) -> Response:
        self._bench.faults.clear()
        return await self.faults(request)

    async def requests(self, request: Request) -> Response:
        query = _query(request, "number", "after", "limit")
        number, after, limit = _whole(query, "number", None), _whole(query, "after", 0), _whole(query, "limit", None)
        kept = [each for each in self._bench.requests if each.number > after and number in (None, each.number)]
        latest = kept if limit is None else kept[max(0, len(kept) - limit) :]
        return _json([_whole_request(each) for each in latest])

    async def events(self, request: Request) -> Response:
        requests = self._bench.requests
        query = _query(request, "after")
        if again := request.headers.get("last-event-id"):
            query["after"] = again
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=HEADERS)
        ending = cast("Connection", request.scope["state"]["connection"]).last()
        told = events(requests, _whole(query, "after", requests.latest), self._state, ending)
        return StreamingResponse(told, media_type="text/event-stream", headers=HEADERS)

    async def organisations(self, request: Request) -> Response:
        return _json({self._organisation: 0} | self._store.organisations())

    async def sessions(self, request: Request) -> Response:
        query = _query(request, "id", "organisation", "search", "limit", "messages")
        limit, messages = _whole(query, "limit", -1), _whole(query, "messages", 0)
        found = self._store.overview(
            query.get("id"), query.get("organisation"), query.get("search", ""), limit, messages
        )
        return _json(found)

    async def seed(self, request: Request) -> Response:
        fields = await _fields(request)
        organisation = organisation_of({"organisation": fields.pop("organisation", None)}, self._organisation)
        session = seeded(fields, self._bench.clock())
        await self._commits.kept(partial(self._store.add, organisation, [session]))
        return _json({"id": session.id}, 201)

    async def reset(self, request: Request) -> Response:
        await self._commits.kept(partial(self._bench.reset, self._store))
        return _json({"message": "The sandbox begins anew"})

    def _time(self) -> dict[str, Any]:
        clock = self._bench.clock
        return {"now": clock().isoformat(), "ahead_seconds": clock.ahead.total_seconds()}

    def _rules(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self._bench.faults.rules()]

    def _state(self) -> dict[str, Any]:
        """What may change without a request: the clock, the faults, the version of the sessions, and what is kept."""
        return {
            "clock": self._time(),
            "faults": self._rules(),
            "sessions_version": self._store.version,
            "requests_forgotten": self._bench.requests.latest - len(self._bench.requests),
        }


def _whole_request(request: Received) -> dict[str, Any]:
    return {**summary(request), "body": request.body, "raw_body": request.raw_body.decode("utf-8", "replace")}


def _json(value: object, status: int = 200) -> Response:
    # In ASCII: a request may have held half a character.
    return Response(json.dumps(value), status, HEADERS, "application/json")


async def _fields(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "The Content-Type of a body must be application/json.")
    fields: object = json.loads(await request.body())
    if not isinstance(fields, dict):
        raise ValueError("the body must be a JSON object")
    return cast("dict[str, Any]", fields)


def _query(request: Request, *known: str) -> dict[str, str]:
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    for name in query:
        if name not in known:
            raise ValueError(f"there is no parameter {name!a}; known here are {', '.join(known)}")
    return query


_T = TypeVar("_T")


def _whole(query: Mapping[str, str], name: str, otherwise: _T) -> int | _T:
    if name not in query:
        return otherwise
    if not re.fullmatch(_WHOLE, query[name]):
        raise ValueError(f"{name} must be a whole number, not {query[name][:40]!a}")
    return int(query[name])
