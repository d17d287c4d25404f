"""The programs in `docs/examples`, run with the commands that `docs/Examples.md` names, against the sandbox over HTTP.

Servers and jobs run in processes of their own, as their users start them. The model that they call is their stand-in.
"""

import contextlib
import hashlib
import importlib
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Connect
from programs import end
from servers import CLOSE, Answer, answer, json_answer, scripted_server

import quantcdn
from quantcdn import AISessionsApi, Conversation, bulk, environment
from quantcdn.sandbox import Sandbox, running

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
COMMANDS = {
    name: [word.replace("docs/examples", str(EXAMPLES)) for word in shlex.split(command)]
    for name, command in re.findall(
        r"^\[(\w+)\.py\].* \| `python (.+)`$", (ROOT / "docs" / "Examples.md").read_text("utf-8"), re.MULTILINE
    )
}
ON_ANY_PORT = {
    "chat_flask": ["--port", "0"],
    "chat_fastapi": ["--port", "0"],
    "chat_django": ["--noreload", "127.0.0.1:0"],
}

STREAMING = {"stream_fastapi": ["--port", "0"]}
JOBS = sorted(
    example for example in COMMANDS.keys() - ON_ANY_PORT.keys() - STREAMING.keys() if not example.startswith("memory_")
)


def environ(host: str, access_token: str = "token", organisation: str = "org") -> dict[str, str]:
    """The environment of an example that is to use this service."""
    names = {*environment.ACCESS_TOKEN, *environment.ORGANISATION}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    own = {"QUANT_BASE_URL": host, "QUANT_API_TOKEN": access_token, "QUANT_ORGANISATION": organisation}
    return {**inherited, **own, "PYTHONUNBUFFERED": "1"}


def of(service: Sandbox) -> dict[str, str]:
    return environ(service.host, service.access_token, service.organisation)


# On Python 3.15, showing a traceback in a process that a fork server started warns, within Python.
STRICTLY = ["-W", "error", "-W", "ignore:Module globals is missing a __spec__.loader:DeprecationWarning"]


def run(
    example: str, env: dict[str, str], arguments: Sequence[str] | None = None, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run an example to its end, with the arguments of its documented command, or with others."""
    program, *documented = COMMANDS[example]
    command = [sys.executable, *STRICTLY, program, *(documented if arguments is None else arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, **options)


def test_every_example_has_a_command_and_every_command_its_example() -> None:
    assert set(COMMANDS) == {path.stem for path in EXAMPLES.glob("*.py")}


# Chat backends


Ask = Callable[..., urllib3.BaseHTTPResponse]


@contextlib.contextmanager
def serving(example: str, env: dict[str, str]) -> Generator[Ask, None, None]:
    """Run a backend in a process of its own. The value sends it a request, in the name of a user."""
    command = [sys.executable, "-m", *COMMANDS[example][1:]]
    if COMMANDS[example][0] != "-m":
        command = [sys.executable, *COMMANDS[example]]
    with subprocess.Popen(
        [*command, *{**ON_ANY_PORT, **STREAMING}[example]],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            output = ""
            while (address := re.search(r"http://127\.0\.0\.1:\d+", output)) is None:
                line = process.stdout.readline()
                assert line, f"it did not start: {output}"
                output += line
            with urllib3.PoolManager(maxsize=16, retries=False, timeout=30) as connections:

                def ask(
                    method: str, path: str, user: str = "", body: object = None, preload: bool = True, **more: str
                ) -> urllib3.BaseHTTPResponse:
                    content = body if isinstance(body, bytes) else json.dumps(body).encode()
                    headers = {"Content-Type": "application/json", "X-Forwarded-User": user, **more}
                    url = f"{address[0]}{path}"
                    return connections.request(method, url, headers=headers, body=content, preload_content=preload)

                yield ask
        finally:
            end(process)


@pytest.fixture(scope="module", params=ON_ANY_PORT)
def backend(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Ask]:
    with serving(request.param, of(sandbox)) as ask:
        yield ask


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A user whom no other test knows."""
    return f"user-{request.node.name}"


def begun(ask: Ask, user: str) -> str:
    """The path of a chat that this user has begun."""
    answered = ask("POST", "/chats", user)
    assert answered.status == 201
    return f"/chats/{answered.json()['id']}"


def texts(answered: urllib3.BaseHTTPResponse) -> list[str]:
    assert answered.status == 200
    return [message["content"] for message in answered.json()]


def test_a_chat_keeps_its_history(backend: Ask, user: str) -> None:
    chat = begun(backend, user)

    replies = [backend("POST", chat, user, {"text": text}) for text in ("Hello", "Grüße 🙂\n\0")]

    assert [reply.status for reply in replies] == [200, 200]
    assert replies[1].json() == {"reply": "You said: Grüße 🙂\n\0"}
    assert texts(backend("GET", chat, user)) == ["Hello", "You said: Hello", "Grüße 🙂\n\0", "You said: Grüße 🙂\n\0"]
    assert backend("GET", "/chats", user).json() == [{"id": chat.removeprefix("/chats/"), "title": "Hello"}]


def test_a_user_reaches_no_chat_of_another(backend: Ask, user: str) -> None:
    chat = begun(backend, user)
    backend("POST", chat, user, {"text": "A secret"})
    other = f"not-{user}"
    begun(backend, other)

    assert backend("GET", chat, other).status == 404
    assert backend("POST", chat, other, {"text": "Mine now"}).status == 404
    assert chat.removeprefix("/chats/") not in backend("GET", "/chats", other).data.decode()
    assert texts(backend("GET", chat, user)) == ["A secret", "You said: A secret"]


@pytest.mark.parametrize("path", ["/chats", "/chats/any"])
def test_who_is_not_logged_in_is_told_so(backend: Ask, path: str) -> None:
    assert [backend(method, path, "", {"text": "Hello"}).status for method in ("GET", "POST")] == [401, 401]


@pytest.mark.parametrize("chat_id", ["no-such-chat", "%20", "..%2f..", "%E2%80%AE", "a%00b"])
def test_a_chat_that_is_not_there_is_not_found(backend: Ask, user: str, chat_id: str) -> None:
    assert backend("GET", f"/chats/{chat_id}", user).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": 5},
        {"text": "x" * 10_001},
        [],
        b"",
        b"text",
        b'{"text": "\\ud800"}',
        b'{"text": "\xff"}',
    ],
    ids=["no text", "empty", "a number", "too long", "a list", "nothing", "no JSON", "a lone surrogate", "no UTF-8"],
)
def test_what_is_no_message_is_refused_and_not_stored(backend: Ask, user: str, body: object) -> None:
    chat = begun(backend, user)

    assert backend("POST", chat, user, body).status in (400, 422)

    assert texts(backend("GET", chat, user)) == []


@pytest.mark.parametrize("origin", ["https://other.example", "http://127.0.0.1:1", "null"])
def test_what_a_page_of_another_site_posts_is_refused(backend: Ask, user: str, origin: str) -> None:
    chat = begun(backend, user)

    assert backend("POST", "/chats", user, Origin=origin).status == 403
    assert backend("POST", chat, user, {"text": "Not mine"}, Origin=origin).status == 403

    assert texts(backend("GET", chat, user, Origin=origin)) == []
    assert len(backend("GET", "/chats", user).json()) == 1


def test_what_its_own_page_posts_is_taken(backend: Ask, user: str) -> None:
    assert backend("POST", "/chats", user, Host="localhost:7", Origin="https://localhost:7").status == 201


def test_one_client_serves_many_users_at_a_time(backend: Ask, user: str) -> None:
    def talk(number: int) -> list[str]:
        chat = begun(backend, f"{user}-{number}")
        for text in ("one", "two"):
            backend("POST", chat, f"{user}-{number}", {"text": f"{text} of {number}"})
        return texts(backend("GET", chat, f"{user}-{number}"))

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(talk, range(8)))

    assert said == [
        [f"one of {number}", f"You said: one of {number}", f"two of {number}", f"You said: two of {number}"]
        for number in range(8)
    ]


@pytest.mark.parametrize("example", ON_ANY_PORT)
def test_what_the_service_answers_has_its_status_and_a_failure_gives_nothing_away(example: str) -> None:
    own, secret = json_answer([{"id": "s-1"}]), {"message": "internal matters"}
    message = {"role": "user", "content": "Hello", "id": 7, "tools": []}  # with more than the contract has
    cases: list[tuple[str, str, list[Answer], int]] = [
        ("GET", "/chats/s-1", [own, json_answer({"messages": [message]})], 200),
        ("GET", "/chats", [json_answer(secret, 401)], 503),
        ("GET", "/chats", [answer(200, b"no JSON")], 502),
        ("GET", "/chats/s-1", [own, json_answer(secret, 404)], 404),
        ("POST", "/chats", [[CLOSE]], 502),
        ("POST", "/chats", [answer(201, b"no JSON")], 502),
        ("POST", "/chats", [json_answer(secret, 500)], 502),
        ("POST", "/chats/s-1", [own, json_answer({"id": "s-1"}), json_answer(secret, 403)], 503),
    ]
    script = [step for *_, steps, _ in cases for step in steps]
    with scripted_server(script) as server, serving(example, environ(server.host)) as ask:
        answers = [ask(method, path, "ann", {"text": "Hello"}) for method, path, _, _ in cases]

    assert [given.status for given in answers] == [status for *_, status in cases]
    assert [given.data for given in answers if b"internal" in given.data or b"token" in given.data] == []
    assert all(given.headers["content-type"].startswith("application/json") for given in answers)


FAILURES = [
    (quantcdn.NotFoundException(404), 404),
    (quantcdn.exceptions.OutcomeUnknownTimeoutException("late"), 502),
    (quantcdn.exceptions.OutcomeUnknownServiceException(500), 502),
    (quantcdn.TimeoutException("late"), 504),
    (quantcdn.ConnectionException("lost"), 503),
    (quantcdn.TooManyRequestsException(429), 503),
    (quantcdn.ServiceException(500), 503),
    (quantcdn.ResponseFormatException(200), 502),
]


@pytest.mark.parametrize("example", ON_ANY_PORT)
def test_each_kind_of_failure_has_its_status(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ("http://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    failed = importlib.import_module(example).failed

    def status_for(error: quantcdn.ApiException) -> int:
        answered = failed(None, error) if example == "chat_fastapi" else failed(error)
        return answered[1] if isinstance(answered, tuple) else answered.status_code

    assert [status_for(error) for error, _ in FAILURES] == [status for _, status in FAILURES]


# The backend that streams


Event = tuple[str, str]


def events(answered: urllib3.BaseHTTPResponse) -> list[Event]:
    """The events of an answer that has come whole."""
    assert (answered.status, answered.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", answered.data.decode())
    return [(name, json.loads(data)) for name, data in found]


def test_a_reply_is_streamed_as_events_and_then_stored(connect: Connect) -> None:
    with running() as service, serving("stream_fastapi", of(service)) as ask:
        first, second = (events(ask("POST", "/chat", "ann", {"text": text})) for text in ("Grüße", "a b"))
        said = texts(ask("GET", "/chat", "ann"))
        refused = [ask("POST", "/chat", user, {"text": text}).status for user, text in (("", "a"), ("ann", ""))]
        sessions = connect(service.host, service.access_token).list_ai_sessions(service.organisation)

    assert first == [("piece", "You "), ("piece", "said: "), ("piece", "Grüße "), ("stored", "")]
    assert [name for name, _ in second] == ["piece"] * 4 + ["stored"]
    assert said == ["Grüße", "You said: Grüße ", "a b", "You said: a b "]
    assert refused == [401, 422]
    assert len(sessions) == 1


def test_a_browser_that_leaves_stores_nothing_and_holds_nobody_up(connect: Connect) -> None:
    with running() as service, serving("stream_fastapi", of(service)) as ask:
        long = " ".join(["word"] * 2_000)  # of 20 seconds
        with contextlib.closing(ask("POST", "/chat", "ann", {"text": long}, preload=False)) as answered:
            assert answered.read(5) == b"event"
        after = events(ask("POST", "/chat", "ann", {"text": "b"}))
        said = texts(ask("GET", "/chat", "ann"))

    assert after[-1] == ("stored", "")
    assert said == ["b", "You said: b "]


def test_what_fails_in_a_stream_is_told_by_an_event_or_a_status() -> None:
    listed, nothing, session = json_answer([{"id": "s-1"}]), json_answer([]), json_answer({"messages": []})
    script = [
        *[json_answer({"message": "internal"}, 403)],
        *[listed, nothing, session, json_answer({"message": "internal"}, 403)],
        *[listed, nothing, session, [CLOSE], session],
    ]
    with scripted_server(script) as server, serving("stream_fastapi", environ(server.host)) as ask:
        answers = [ask("POST", "/chat", "ann", {"text": "a"}) for _ in range(3)]

    assert answers[0].status == 503
    assert [events(answered)[-1] for answered in answers[1:]] == [
        ("failed", "It was not stored."),
        ("failed", "Perhaps it was stored: read before you send it again."),
    ]
    assert [given.data for given in answers if b"internal" in given.data] == []


# Jobs


class Time:
    """Time that passes when it is told to, for the service and for the client alike."""

    def __init__(self) -> None:
        self._start = datetime.now(timezone.utc)
        self._seconds = 0.0
        self._wakes: float | None = None

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def clock(self) -> float:
        return self._seconds

    def wait(self, stopped: threading.Event, seconds: float) -> bool:
        """What a thread calls to wait until it is stopped, or until so much time is over."""
        wakes = self._wakes = self._seconds + seconds
        while not stopped.wait(0.001):
            if self._seconds >= wakes:
                return False
        return True

    def advance(self, hours: float) -> None:
        """Let time pass, so that a thread that wakes meanwhile does all its work at that moment."""
        ends, patience = self._seconds + 3600 * hours, time.monotonic() + 30
        while self._seconds < ends:
            while (wakes := self._wakes) is None:
                assert time.monotonic() < patience, "the thread does not come to wait again"
                time.sleep(0.001)
            if wakes <= ends:
                self._wakes = None
            self._seconds = min(wakes, ends)


def opened(api: AISessionsApi, organisation: str, group: str, text: str = "Hello") -> str:
    """The id of a new session with one message."""
    request = {
        "userId": "u",
        "sessionGroup": group,
        "expirationMinutes": 1440,
        "initialMessages": [{"role": "user", "content": text}],
    }
    session_id = api.create_ai_session(organisation, request).session_id
    assert session_id
    return session_id


def test_the_clean_up_deletes_what_is_idle_and_nothing_else(connect: Connect) -> None:
    hours_ago = [73.0]
    with running(clock=lambda: datetime.now(timezone.utc) - timedelta(hours=hours_ago[0])) as service:
        api = connect(service.host, service.access_token)
        idle, in_use = (opened(api, service.organisation, "support") for _ in range(2))
        other = opened(api, service.organisation, "sales")
        for hours_ago[0] in (50, 27, 4):  # a session lives for a day and a half at most
            for session_id in (idle, in_use, other):
                api.extend_ai_session(service.organisation, session_id, {"additionalMinutes": 1440})
        hours_ago[0] = 0
        api.update_ai_session(
            service.organisation, in_use, {"newMessages": [{"role": "user", "content": "Still there"}]}
        )

        def left() -> set[str | None]:
            return {session.id for session in api.list_ai_sessions(service.organisation)}

        planned = run("clean_up", of(service))
        assert left() == {idle, in_use, other}
        deleted, again = (run("clean_up", of(service), ["support", "--idle-days", "2"]) for _ in range(2))
        assert left() == {in_use, other}

    assert [done.returncode for done in (planned, deleted, again)] == [0, 0, 0]
    assert [done.stdout for done in (planned, deleted, again)] == ["", "", ""]
    logs = [[line.split(" ", 2)[2] for line in done.stderr.splitlines()] for done in (planned, deleted, again)]
    assert logs == [
        [f"INFO {idle}: planned", "INFO In all: 1 planned"],
        [f"INFO {idle}: done", "INFO In all: 1 done"],
        [],
    ]


IDLE = json_answer([{"id": "s-1", "updated_at": "2026-01-01T00:00:00Z"}])


@pytest.mark.parametrize(
    ("script", "code", "log"),
    [
        ([IDLE, json_answer([]), json_answer({}, 403)], 1, "In all: 1 failed"),
        (
            [json_answer({"message": "wrong token"}, 401)],
            2,
            "Nothing was deleted: list_ai_sessions org: 401 Unauthorized: wrong token",
        ),
    ],
    ids=["a session could not be deleted", "the sessions could not be listed"],
)
def test_the_clean_up_tells_a_failure_by_its_exit_code(script: list[Answer], code: int, log: str) -> None:
    with scripted_server(script) as server:
        done = run("clean_up", environ(server.host), ["support"])

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines()[-1].endswith(log)


def test_the_audit_export_holds_every_session_of_the_group_and_its_hash(
    sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    session_ids = {opened(api, sandbox.organisation, "support", f"Question {number}") for number in range(5)}
    opened(api, sandbox.organisation, "sales")
    try:
        done, again = (run("audit_export", of(sandbox), cwd=tmp_path) for _ in range(2))
    finally:
        for session_id in session_ids:
            api.delete_ai_session(sandbox.organisation, session_id)

    content = (tmp_path / "support.jsonl").read_bytes()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{hashlib.sha256(content).hexdigest()}  support.jsonl\n"
    sessions = [json.loads(line) for line in content.splitlines()]
    assert {session["id"] for session in sessions} == session_ids
    assert all(session["messages"][0]["content"].startswith("Question ") for session in sessions)
    assert json.loads((tmp_path / "support.jsonl.manifest.json").read_bytes())["complete"] is True
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("Not exported: ")


def test_the_audit_export_goes_on_where_it_ended(connect: Connect, tmp_path: Path) -> None:
    listed = json_answer([{"id": "s-1"}, {"id": "s-2"}])
    first, second = (json_answer({"id": session_id, "messages": []}) for session_id in ("s-1", "s-2"))
    refused = json_answer({"message": "not now"}, 403)
    with scripted_server([listed, json_answer([]), first, refused, refused, second]) as server:
        path = tmp_path / "support.jsonl"
        bulk.export(connect(server.host), "org", path, session_group="support", workers=1)
        stopped = run("audit_export", environ(server.host), cwd=tmp_path)
        assert not path.exists()
        finished = run("audit_export", environ(server.host), cwd=tmp_path)

    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (1, "", "s-2: 403 Forbidden: not now\n")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert [json.loads(line)["id"] for line in path.read_bytes().splitlines()] == ["s-1", "s-2"]


def test_the_agent_does_its_tasks_and_goes_on_in_the_same_session(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)

    first = run("agent", of(sandbox), input="Count the files\nSort the files\n")
    session_id, *replies = first.stdout.splitlines()
    lived_until = api.get_ai_session(sandbox.organisation, session_id).to_dict()["expires_at"]
    second = run("agent", of(sandbox), [session_id], input="Close the files\n")

    assert (first.returncode, first.stderr, second.returncode, second.stderr) == (0, "", 0, "")
    assert replies == ["Done: Count the files", "Done: Sort the files"]
    assert second.stdout.splitlines() == [session_id, "Done: Close the files"]
    session = api.get_ai_session(sandbox.organisation, session_id)
    assert [message["content"] for message in session.messages or []][1::2] == [
        "Count the files",
        "Sort the files",
        "Close the files",
    ]
    assert session.to_dict()["total_tokens"] == 9
    assert session.to_dict()["expires_at"] > lived_until
    api.delete_ai_session(sandbox.organisation, session_id)


def test_the_session_of_the_agent_outlives_a_task_of_a_whole_day(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passing = Time()
    monkeypatch.setattr(Conversation, "_clock", staticmethod(passing.clock))
    monkeypatch.setattr(Conversation, "_wait", staticmethod(passing.wait))

    def tasks() -> Iterator[str]:
        yield "Begin\n"
        passing.advance(hours=24)
        yield "End\n"

    monkeypatch.setattr(sys, "stdin", tasks())
    with running(clock=passing.now) as service:
        for name, value in of(service).items():
            monkeypatch.setenv(name, value)
        runpy.run_path(str(EXAMPLES / "agent.py"))["main"]()
        session_id, *replies = capsys.readouterr().out.splitlines()
        assert replies == ["Done: Begin", "Done: End"]
        session = connect(service.host, service.access_token).get_ai_session(service.organisation, session_id)

    expires_at = datetime.fromisoformat(session.to_dict()["expires_at"].replace("Z", "+00:00"))
    assert timedelta(0) < expires_at - passing.now() < timedelta(hours=2)


START = """
import multiprocessing, sys
import worker_pool
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    sys.exit(worker_pool.main("support"))
"""


@pytest.fixture
def work(sandbox: Sandbox, connect: Connect) -> Iterator[set[str]]:
    """What the pool is to say of the sessions there are."""
    api = connect(sandbox.host, sandbox.access_token)
    session_ids = [opened(api, sandbox.organisation, "support", "word " * number) for number in range(1, 13)]
    yield {f"{session_id}: 1 messages, {number} words" for number, session_id in enumerate(session_ids, 1)}
    for session_id in session_ids:
        api.delete_ai_session(sandbox.organisation, session_id)


def test_a_pool_of_processes_shares_the_work(sandbox: Sandbox, work: set[str]) -> None:
    done = run("worker_pool", of(sandbox))

    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.splitlines()) == work


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_pool_works_however_its_processes_are_started(sandbox: Sandbox, work: set[str], method: str) -> None:
    done = subprocess.run(
        [sys.executable, *STRICTLY, "-c", START, method],
        env={**of(sandbox), "PYTHONPATH": str(EXAMPLES)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.splitlines()) == work


def test_a_failure_in_a_process_of_the_pool_arrives_whole_and_stops_nothing() -> None:
    with scripted_server(
        [json_answer([{"id": "s-1"}]), json_answer([]), json_answer({"message": "no"}, 403)]
    ) as server:
        done = run("worker_pool", environ(server.host))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "s-1: get_ai_session org/s-1: 403 Forbidden: no\n"


@pytest.mark.parametrize("example", JOBS)
def test_a_job_without_settings_says_what_is_missing(example: str, tmp_path: Path) -> None:
    env = {name: value for name, value in environ("").items() if not name.startswith("QUANT_")}

    done = run(example, env, cwd=tmp_path, stdin=subprocess.DEVNULL)

    assert done.returncode != 0
    assert "set QUANT_" in done.stderr.splitlines()[-1]
