"""The door of a sandbox's control interface, for browsers too, and what is asked and heard behind it, over real HTTP.

What the page itself shows and does stands in test_sandbox_page.py.
"""

from __future__ import annotations

import gc
import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from stalls import HOPS, measured_stall

from quantcdn import AISessionsApi
from quantcdn.sandbox import RunningSandbox, running
from quantcdn.sandbox._journal import Received

HTML = files("quantcdn.sandbox").joinpath("page.html").read_text("utf-8")
TABLE = Path("/proc/self/net/tcp")
SAID = {"newMessages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good morning"}]}


def ask(service: RunningSandbox, path: str, method: str = "GET", fields: object = None, **headers: str) -> Any:
    """Ask for something below /_sandbox, without a secret and without following to another place."""
    body = {} if fields is None else {"json": fields}
    address = f"{service.host}/_sandbox{path}"
    return urllib3.request(method, address, headers=headers, retries=False, redirect=False, timeout=10, **body)


def cookie_of(service: RunningSandbox) -> str:
    """What a browser sends that opened the page."""
    return str(ask(service, f"/?secret={service.secret}").headers["Set-Cookie"].partition(";")[0])


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


# Who gets to see it


def test_the_address_with_the_secret_opens_it_and_leads_to_one_without(service: RunningSandbox) -> None:
    led = ask(service, service.page.partition("/_sandbox")[2])
    assert (led.status, led.headers["Location"], led.data) == (303, "/_sandbox/", b"")
    cookie, *attributes = led.headers["Set-Cookie"].split("; ")
    assert {attribute.lower() for attribute in attributes} == {"httponly", "path=/_sandbox", "samesite=strict"}
    opened = ask(service, "/", Cookie=cookie)
    assert (opened.status, opened.data.decode()) == (200, HTML)
    assert ask(service, "", Cookie=cookie).status == 200


def test_the_terminal_says_where_it_is() -> None:
    with subprocess.Popen([sys.executable, "-m", "quantcdn.sandbox"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = next(line.split()[-1] for line in process.stdout if line.startswith("A page to look into it: "))
        assert urllib3.request("GET", address, redirect=False).status == 303
        process.terminate()


@pytest.mark.parametrize("query", ["", "?secret=", "?secret=guess", "?secret=%ff", "?other=1"])
def test_without_the_secret_it_is_a_form_that_asks_for_it(service: RunningSandbox, query: str) -> None:
    refused = ask(service, f"/{query}")
    assert refused.status == 401
    assert b'name="secret"' in refused.data
    assert "Set-Cookie" not in refused.headers
    assert service.secret not in refused.data.decode()


def test_the_cookie_of_another_sandbox_is_none(service: RunningSandbox) -> None:
    with running() as other:
        name, _, _ = cookie_of(service).partition("=")
        others_name, _, others_secret = cookie_of(other).partition("=")
        assert name != others_name  # a browser sends both to both
        assert ask(service, "/", Cookie=f"{name}={others_secret}").status == 401
        assert ask(service, "/clock", Cookie=f"{name}={others_secret}").status == 401
        assert ask(service, "/clock", Cookie=f"{cookie_of(other)}; {cookie_of(service)}").status == 200


@pytest.mark.parametrize("path", ["/", "/?secret={}", "/clock", "/events", "/sessions"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403)],
    ids=str,
)
def test_neither_another_name_nor_another_site_gets_anything(
    service: RunningSandbox, path: str, headers: dict[str, str], status: int
) -> None:
    refused = ask(service, path.format(service.secret), Cookie=cookie_of(service), **headers)
    assert (refused.status, refused.json()["error"]) == (status, True)
    assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:1", "https://{host}", "null"], ids=str)
def test_a_cookie_changes_nothing_from_another_site(service: RunningSandbox, origin: str | None) -> None:
    service.seed()
    cookie = cookie_of(service)
    given = {} if origin is None else {"Origin": origin.format(host=urlsplit(service.host).netloc)}
    for method, path in (("POST", "/reset"), ("POST", "/faults"), ("DELETE", "/faults"), ("POST", "/clock")):
        assert ask(service, path, method, {"days": 1}, Cookie=cookie, **given).status == 403
    assert len(ask(service, "/sessions", Cookie=cookie).json()) == 1
    assert ask(service, "/clock", "POST", {"days": 1}, Cookie=cookie, Origin=service.host).status == 200


def test_a_wrong_secret_in_the_header_is_not_helped_by_a_cookie(service: RunningSandbox) -> None:
    assert ask(service, "/clock", Cookie=cookie_of(service), **{"X-Sandbox-Secret": "guess"}).status == 401


@pytest.mark.parametrize("opened", [True, False], ids=["page", "form"])
def test_the_policy_allows_what_is_in_the_file_and_nothing_else(service: RunningSandbox, opened: bool) -> None:
    answer = ask(service, "/", **({"Cookie": cookie_of(service)} if opened else {}))
    policy = dict(part.partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert re.fullmatch("'sha256-[^']+'" if opened else "'none'", policy["script-src"])
    assert re.fullmatch("'sha256-[^']+'", policy["style-src"])
    assert policy["connect-src"] == policy["form-action"] == "'self'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_file_names_no_place_elsewhere_and_writes_no_markup() -> None:
    assert set(re.findall(r"https?:[^\s'\"<>]+", HTML)) == {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\son\w+=| style=", HTML)
    assert len(re.findall("<script>", HTML)) == len(re.findall("<style>", HTML)) == 1


# What it asks the control interface for


@pytest.fixture
def control(service: RunningSandbox) -> Callable[..., Any]:
    """Ask the control interface as a program does."""

    def asked(path: str, method: str = "GET", fields: object = None) -> Any:
        return ask(service, path, method, fields, **{"X-Sandbox-Secret": service.secret})

    return asked


@pytest.mark.parametrize("path", ["/nothing", "/clock/", "/sessions/x", "//"])
def test_what_is_not_there_is_said_in_json(control: Callable[..., Any], path: str) -> None:
    answer = control(path)
    assert (answer.status, answer.json()["error"]) == (404, True)
    assert "/faults" in answer.json()["message"]


def test_a_method_that_is_not_allowed_is_told_those_that_are(control: Callable[..., Any]) -> None:
    answer = control("/faults", "PUT", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, POST")


def test_sessions_are_found_and_told_with_their_last_messages(
    service: RunningSandbox, control: Callable[..., Any]
) -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(5)]
    service.seed(id="..", user_id="Ada", metadata={"title": "Opening hours"}, messages=messages, age=timedelta(days=1))
    service.seed(id="b", organisation="acme", session_group="Web", expires_at=service.clock() - timedelta(hours=1))

    def ids(query: str) -> list[str]:
        return [session["id"] for session in control(f"/sessions{query}").json()]

    assert ids("") == ["b", ".."]
    assert ids("?limit=1") == ["b"]
    assert ids("?organisation=acme") == ids("?search=WEB") == ["b"]
    assert ids("?search=opening+h") == ids("?search=ada") == ids("?id=..") == [".."]
    assert ids("?search=%25") == ids("?id=c") == []
    (found,) = control("/sessions?id=..&messages=2").json()
    assert (found["messages"], found["total_messages"], found["organisation"]) == (messages[3:], 5, "sandbox")
    assert "messages" not in control("/sessions").json()[0]
    assert control("/organisations").json() == {"sandbox": 1, "acme": 1}


def test_requests_are_told_from_one_on(
    api: AISessionsApi, service: RunningSandbox, control: Callable[..., Any]
) -> None:
    session = service.seed()
    for _ in range(3):
        api.update_ai_session(service.organisation, session, SAID)

    def numbers(query: str) -> list[int]:
        return [request["number"] for request in control(f"/requests{query}").json()]

    assert numbers("") == [1, 2, 3]
    assert numbers("?after=1") == numbers("?limit=2") == [2, 3]
    assert numbers("?after=1&limit=1") == [3]
    assert numbers("?limit=0") == numbers("?number=4") == numbers("?number=0") == []
    (second,) = control("/requests?number=2").json()
    assert (second["number"], second["body"], json.loads(second["raw_body"])) == (2, SAID, SAID)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b'{"x": NaN}', None),
        (b'{"x": 1e999}', None),
        (b'{"x": "\\ud800"}', {"x": "\ud800"}),
        (b'{"x": "\\u0000"}', {"x": "\0"}),
        (b"[1, null]", [1, None]),
        (b"[" * 101 + b"]" * 101, None),
        (b"[" * 100_000, None),
        (b"1" * 400, int("1" * 400)),
        (b"1" * 5000, None),
        (b"\xff\x00", None),
        (b"null", None),
        (b"", None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_whatever_came_can_be_told(
    service: RunningSandbox, control: Callable[..., Any], sent: bytes, body: object
) -> None:
    address = f"{service.host}/api/v3/organizations/{service.organisation}/ai/sessions"
    headers = {"Authorization": f"Bearer {service.access_token}", "Content-Type": "application/json"}
    assert urllib3.request("POST", address, headers=headers, body=sent).status == 400
    (told,) = control("/requests").json()
    assert (told["body"], told["raw_body"]) == (body, sent.decode("utf-8", "replace"))
    (received,) = service.requests
    assert (received.body, received.raw_body) == (body, sent)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/sessions?name=x", "there is no parameter 'name'; known here are id, organisation, search, limit, messages"),
        ("/sessions?limit=-1", "limit must be a whole number, not '-1'"),
        ("/requests?after=x", "after must be a whole number, not 'x'"),
        ("/events?after=%D9%A1", "after must be a whole number"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(control: Callable[..., Any], path: str, message: str) -> None:
    answer = control(path)
    assert answer.status == 400
    assert message in answer.json()["message"]


def test_a_failure_is_said_in_json_and_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(database=tmp_path / "sessions.db") as service:
        with sqlite3.connect(tmp_path / "sessions.db") as elsewhere:
            elsewhere.execute("DROP TABLE messages")
        elsewhere.close()
        service.seed()
        answer = ask(service, "/sessions?messages=1", **{"X-Sandbox-Secret": service.secret})
    assert (answer.status, answer.json()["message"]) == (500, "The sandbox failed; its log says why.")
    assert "no such table: messages" in caplog.text


# What happens, as it happens


@contextmanager
def listening(service: RunningSandbox, query: str = "", **headers: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """The events of a sandbox, each with its kind and what it tells."""
    secret = {"X-Sandbox-Secret": service.secret, **headers}
    address = f"{service.host}/_sandbox/events{query}"
    with urllib3.request("GET", address, headers=secret, preload_content=False, timeout=20) as answer:
        assert answer.readline() == b": listening\n"

        def told() -> Iterator[tuple[str, Any]]:
            kind = ""
            while line := answer.readline().decode():
                if line.startswith("event: "):
                    kind = line[7:-1]
                elif line.startswith("data: "):
                    yield kind, json.loads(line[6:])

        yield told()


def numbers(told: Iterator[tuple[str, Any]]) -> list[int]:
    """The numbers of the requests that are told before the state is."""
    found = []
    for kind, value in told:
        if kind == "state":
            return found
        found.append(value["number"])
    raise AssertionError("it ended")


def test_a_listener_may_begin_with_what_came_before(service: RunningSandbox, api: AISessionsApi) -> None:
    for _ in range(3):
        api.list_ai_sessions(service.organisation)
    for query, header, expected in (
        ("", {}, []),
        ("?after=0", {}, [1, 2, 3]),
        ("?after=0", {"Last-Event-ID": "2"}, [3]),
        ("?after=9", {}, []),
    ):
        with listening(service, query, **header) as told:
            assert numbers(told) == expected


def test_the_head_of_the_events_has_an_end(service: RunningSandbox) -> None:
    with urllib3.PoolManager() as pool:
        for _ in range(2):
            head = pool.request("HEAD", f"{service.host}/_sandbox/events", headers={"X-Sandbox-Secret": service.secret})
            assert head.headers["Content-Type"].startswith("text/event-stream")


def test_what_others_do_is_told_as_well(service: RunningSandbox) -> None:
    def next_state() -> dict[str, Any]:
        return next(value for kind, value in told if kind == "state")

    def changed(holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return next(state for state in iter(next_state, None) if holds(state))

    with listening(service) as told:
        before = next_state()
        service.clock.advance(days=1)
        assert changed(lambda state: state["clock"]["ahead_seconds"] == 86400)
        service.fail("get", status=404)
        assert changed(lambda state: state["faults"] != [])["faults"][0]["operation"] == "get"
        service.seed()
        assert changed(lambda state: state["sessions_version"] != before["sessions_version"])


def test_another_process_that_writes_to_the_database_is_noticed(tmp_path: Path) -> None:
    shared = tmp_path / "shared.db"
    with running(database=shared) as one, running(database=shared) as two, listening(one) as told:
        _, before = next(told)
        two.seed()
        versions = (value["sessions_version"] for kind, value in told if kind == "state")
        assert next(version for version in versions if version != before["sessions_version"])


def test_the_bodies_of_requests_are_not_told_unasked(service: RunningSandbox, api: AISessionsApi) -> None:
    with listening(service) as told:
        api.create_ai_session(service.organisation, {"userId": "somebody"})
        _, request = next((kind, value) for kind, value in told if kind == "request")
        assert (request["operation"], request["status"], request["path"].count("/")) == ("create", 201, 6)
        assert "body" not in request


@contextmanager
def without_reading(service: RunningSandbox) -> Iterator[socket.socket]:
    """A listener that asks for all there is, and does not read what comes."""
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(20)
        slow.connect(("127.0.0.1", urlsplit(service.host).port))
        head = f"GET /_sandbox/events?after=0 HTTP/1.1\r\nHost: localhost\r\nX-Sandbox-Secret: {service.secret}\r\n\r\n"
        slow.sendall(head.encode())
        until(lambda: b"listening" in slow.recv(1000, socket.MSG_PEEK))
        yield slow


def ask_at_length(service: RunningSandbox, times: int) -> None:
    """Send requests that take 15 kB each to tell."""
    long = f"{service.host}/api/v3/organizations/x/ai/sessions?userId={'x' * 15_000}"
    with urllib3.PoolManager() as pool:
        for _ in range(times):
            assert pool.request("GET", long).status == 401


def test_who_does_not_read_costs_no_memory_and_misses_what_is_no_longer_kept(service: RunningSandbox) -> None:
    def kept() -> int:
        gc.collect()
        return sum(type(thing) is Received for thing in gc.get_objects())

    of_others = kept()
    with without_reading(service) as slow:
        ask_at_length(service, 1300)
        assert kept() - of_others <= 1002
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        told = bytearray()
        until(lambda: b"id: 1300\n" in (told.extend(slow.recv(1_000_000)) or told[-100_000:]))
    missed = 1300 - len(set(re.findall(rb"id: (\d+)\n", bytes(told))))
    assert 0 < missed < 300


@pytest.mark.skipif(not TABLE.exists(), reason="there is no /proc to count connections in")
def test_who_is_gone_is_forgotten(service: RunningSandbox) -> None:
    def connections() -> int:
        ours = f":{urlsplit(service.host).port:04X}"
        rows = (line.split() for line in TABLE.read_text().splitlines()[1:])
        return sum(local.endswith(ours) and state == "01" for _, local, _, state, *_ in rows)

    with ExitStack() as readers:
        for _ in range(20):
            readers.enter_context(listening(service))
        assert connections() == 20
    until(lambda: connections() == 0)


def test_the_end_of_the_sandbox_is_the_end_of_the_events_and_waits_for_no_reader() -> None:
    with ExitStack() as readers, ExitStack() as end:
        service = end.enter_context(running())
        ask_at_length(service, 300)
        stuck = readers.enter_context(without_reading(service))
        listeners = [readers.enter_context(listening(service)) for _ in range(3)]
        assert [next(told)[0] for told in listeners] == ["state"] * 3
        began = time.monotonic()
        with measured_stall() as stall:
            end.close()
        assert time.monotonic() - began < 0.1 + HOPS * stall.seconds
        for told in listeners:
            assert {kind for kind, _ in told} <= {"state"}  # and then it ends, as an answer does
        assert stuck.recv(10) == b"HTTP/1.1 2"
