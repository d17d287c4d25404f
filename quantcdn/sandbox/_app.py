"""The HTTP of the sandbox, on Starlette: paths, access, bodies, answers and errors."""

from __future__ import annotations

import email.utils
import functools
import hmac
import ipaddress
import logging
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quantcdn._version import __version__
from quantcdn.sandbox import _validation
from quantcdn.sandbox._commits import Commits
from quantcdn.sandbox._store import Session, Store
from quantcdn.sandbox._validation import Refusal

logger = logging.getLogger("quantcdn.sandbox")

_find_unsafe = re.compile(r"\A(?:\.{0,2}|\s+)\Z|[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]").search
_with_authority = re.compile("https?://([^/]*)(.*)", re.IGNORECASE).fullmatch

_LARGEST_BODY = 1024 * 1024
_CHALLENGE = 'Bearer realm="QuantCDN sandbox"'
_SUMMARY = ("id", "title", "model", "created_at", "updated_at")
_DETAILS = ("expires_at", "status", "user_id", "session_group", "metadata", "total_tokens")


class Call(NamedTuple):
    """A request to an operation, after access was granted."""

    store: Store
    organisation: str
    session_id: str
    query: bytes
    body: bytes


def list_sessions(call: Call) -> Response:
    sessions = call.store.page(call.organisation, _validation.listing(call.query))
    return JSONResponse([_known(session, _SUMMARY) for session in sessions])


def create_session(call: Call) -> Response:
    session = call.store.create(call.organisation, _validation.creation(call.body))
    names = {"sessionId": "id", "status": "status", "expiresAt": "expires_at", "createdAt": "created_at"}
    return JSONResponse(_renamed(session, names), 201)


def get_session(call: Call) -> Response:
    session, messages = call.store.get(call.organisation, call.session_id)
    return JSONResponse({**_known(session, _SUMMARY + _DETAILS), "messages": messages})


def update_session(call: Call) -> Response:
    session = call.store.update(call.organisation, call.session_id, _validation.update(call.body))
    names = {"sessionId": "id", "status": "status", "updatedAt": "updated_at"}
    totals = {"totalMessages": "total_messages", "totalTokens": "total_tokens"}
    return JSONResponse(_renamed(session, names | totals))


def extend_session(call: Call) -> Response:
    minutes = _validation.extension(call.body)
    session, limited = call.store.extend(call.organisation, call.session_id, minutes)
    by = "to the limit of 24 hours from now" if limited else f"by {minutes} {'minute' if minutes == 1 else 'minutes'}"
    answer = _renamed(session, {"sessionId": "id", "expiresAt": "expires_at"})
    return JSONResponse({**answer, "message": f"Session extended {by}"})


def delete_session(call: Call) -> Response:
    call.store.delete(call.organisation, call.session_id)
    return JSONResponse({"message": "Session deleted"})


def _known(session: Session, names: Iterable[str]) -> dict[str, Any]:
    return {name: session[name] for name in names if session[name] is not None}


def _renamed(session: Session, names: Mapping[str, str]) -> dict[str, Any]:
    return {wire_name: session[name] for wire_name, name in names.items()}


_SESSIONS = "/api/v3/organizations/{organisation}/ai/sessions"
find_session = re.compile(r"/api/v3/organizations/([^/]+)/ai/sessions(?:/([^/]+)(/extend)?)?").fullmatch
# By whether a session is named, and whether it is to be extended: the name of each operation, and what carries it out.
OPERATIONS: dict[tuple[bool, bool], Mapping[str, tuple[str, Callable[[Call], Response]]]] = {
    (False, False): {
        "GET": ("list", list_sessions),
        "HEAD": ("list", list_sessions),
        "POST": ("create", create_session),
    },
    (True, False): {
        "GET": ("get", get_session),
        "HEAD": ("get", get_session),
        "PUT": ("update", update_session),
        "DELETE": ("delete", delete_session),
    },
    (True, True): {"PUT": ("extend", extend_session)},
}


def granted(tokens: Iterable[tuple[str, Collection[str]]]) -> dict[bytes, set[str]]:
    """Check the tokens and gather the organisations of each."""
    access: dict[bytes, set[str]] = {}
    for token, organisations in tokens:
        _validation.check_token(token)
        if isinstance(organisations, str) or not isinstance(cast("object", organisations), Collection):
            raise ValueError("the organisations of a token must be a collection of names")
        for organisation in organisations:
            if not isinstance(cast("object", organisation), str) or not _can_be_addressed(organisation):
                raise ValueError(
                    f"an organisation must be one segment of a path, not {organisation!a}: not empty, blank, '.' or"
                    " '..', and without '/', '\\', control characters and lone surrogates, percent-encoded or not"
                )
        access.setdefault(token.encode(), set()).update(organisations)
    return access


def _can_be_addressed(name: str) -> bool:
    """Tell whether clients can name it in a path: what decodes to another path, they refuse to send."""
    before = None
    while not _find_unsafe(name):
        if name == before:
            return True
        name, before = unquote(name, errors="surrogateescape"), name
    return False


def application(
    commits: Commits,
    access: Mapping[bytes, Collection[str]],
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    beside: Mapping[str, ASGIApp] | None = None,
) -> ASGIApp:
    """The operations over HTTP.

    Args:
        commits: the way into the store that keeps the sessions.
        access: the organisations of each token.
        around: what stands between the HTTP and the operations.
        beside: other applications, by the first segment of their paths.
    """
    store = commits.store

    async def answer(request: Request) -> Response:
        found = find_session(request.scope["path"])
        if not found:
            return not_found(f"{_SESSIONS} and what is below it")
        operations = OPERATIONS[found[2] is not None, found[3] is not None]
        method = request.method
        if method not in operations:
            return not_allowed(method, operations)
        try:
            refuse_other_names(request)
            organisation, session_id = _decoded(found[1]), _decoded(found[2] or "")
            _authorise(access, request, organisation)
            if method == "PUT":
                store.find(organisation, session_id)
            body = await _body(request) if method in ("POST", "PUT") else b""
            call = Call(store, organisation, session_id, request.scope["query_string"], body)
            # Run on the event loop, which does one thing at a time: SQLite has one writer at a time anyway.
            _, operation = operations[method]
            carry_out = functools.partial(operation, call)
            return carry_out() if method in ("GET", "HEAD") else await commits.kept(carry_out)
        except Refusal as refusal:
            return error(refusal.status, refusal.message, refusal.headers)
        except ClientDisconnect:
            return error(400, "The request ended early.")
        except Exception:
            return failed()

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    operations_app = around(answered)

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        withheld = any(name == b"expect" for name, _ in scope["headers"])

        async def receive_body() -> Message:
            nonlocal withheld
            withheld = False
            return await receive()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A body that was not asked for may come or not: only the end of the connection makes sure.
                end = [(b"connection", b"close")] if withheld else []
                message["headers"] = [*message["headers"], *common_headers(store.now()), *end]
            await send(message)

        scope = _located(scope)
        app = (beside or {}).get(scope["path"].partition("/")[2].partition("/")[0], operations_app)
        await app(scope, receive_body, send_with_headers)

    return asgi


def _located(scope: Scope) -> Scope:
    """The request with the path to route by, and the name of the server it was meant for."""
    # While still percent-encoded, so that an encoded slash splits nothing.
    path = scope["raw_path"].decode("ascii")
    if whole := _with_authority(path):  # as sent to a proxy; it counts, and not the header
        authority, path = whole.groups()
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        scope = {**scope, "headers": [*others, (b"host", authority.encode())]}
    return {**scope, "path": path}


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": True, "message": message}, status, headers)


def failed() -> JSONResponse:
    """The answer to a request that could not be carried out, after a line in the log about the exception at hand."""
    logger.exception("The sandbox could not answer a request")
    return error(500, "The sandbox failed; its log says why.")


def common_headers(now: datetime) -> list[tuple[bytes, bytes]]:
    """The headers that every answer has."""
    return [
        (b"server", f"quantcdn-sandbox/{__version__}".encode()),
        (b"date", _http_date(now.replace(microsecond=0))),
        (b"x-request-id", str(uuid.uuid4()).encode()),
    ]


@functools.lru_cache(maxsize=1)
def _http_date(second: datetime) -> bytes:
    return email.utils.format_datetime(second.astimezone(timezone.utc), usegmt=True).encode()


def not_found(known: str) -> Response:
    return error(404, f"There is nothing at this path; the sandbox knows {known}.")


def not_allowed(method: str, others: Iterable[str]) -> Response:
    allowed = ", ".join(sorted(others))
    return error(405, f"{method} is not allowed here; allowed are {allowed}.", {"Allow": allowed})


def _decoded(segment: str) -> str:
    _validation.refuse_odd_percent_signs("path", segment)
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(400, "The path is not UTF-8.") from None


def refuse_other_names(request: Request) -> None:
    """Answer what comes from this machine only where it was meant for this machine.

    A page in a browser could otherwise have a name of its own point here (DNS rebinding), and use the sandbox.
    """
    if not _is_loopback(request.scope["server"][0]):
        return
    given = request.headers.getlist("host")
    if len(given) != 1 or not _names_this_machine(given[0]):
        raise Refusal(421, "The sandbox answers to names of this machine only: localhost, 127.0.0.1, [::1].")


@functools.lru_cache(maxsize=64)
def _names_this_machine(host: str) -> bool:
    name = re.sub(r":\d*\Z", "", host).lower()
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


@functools.lru_cache(maxsize=64)
def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _authorise(access: Mapping[bytes, Collection[str]], request: Request, organisation: str) -> None:
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        challenge = {"WWW-Authenticate": _CHALLENGE}
        raise Refusal(401, "The request needs one Authorization header: Bearer, then a token.", challenge)
    # Every known token is compared, so that the time taken does not tell which one came close.
    matches = [known for known in access if hmac.compare_digest(known, token.strip().encode("latin-1"))]
    if not matches:
        challenge = {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
        raise Refusal(401, "The sandbox does not know this token.", challenge)
    if organisation not in access[matches[0]]:
        raise Refusal(403, "The token takes no part in this organisation.")


async def _body(request: Request) -> bytes:
    """Read the body. What can be refused before it is asked for is: a client may wait to be told to go on."""
    length = int(request.headers.get("content-length", "0"))
    _refuse_large(length)
    if length or "expect" in request.headers:
        _refuse_other_forms(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _refuse_large(len(body))  # the protocol discards what is still to come
    if body:
        _refuse_other_forms(request)
    return bytes(body)


def _refuse_large(length: int) -> None:
    if length > _LARGEST_BODY:
        raise Refusal(413, f"The body is larger than {_LARGEST_BODY} bytes.")


def _refuse_other_forms(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        message = "A body must be sent without a Content-Encoding: the sandbox does not unpack it."
        raise Refusal(415, message, {"Accept-Encoding": "identity"})
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refusal(415, "The Content-Type of a body must be application/json.")
