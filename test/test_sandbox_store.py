"""What the sandbox keeps: how much work an operation is, and the files of earlier versions.

Work is counted in steps of SQLite's machine, not timed.
"""

from __future__ import annotations

import functools
import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from test_sandbox import MISSING, START, Client, Clock, assert_error, client_of, port_of

from quantcdn import sandbox

OLD_TABLES = """
PRAGMA application_id = 0x51434149;
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, organisation TEXT NOT NULL,
    user_id TEXT NOT NULL, session_group TEXT, model TEXT, metadata TEXT NOT NULL, status TEXT NOT NULL,
    total_tokens INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, expires_at TEXT NOT NULL
);
CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
    role TEXT NOT NULL, content TEXT NOT NULL
);
CREATE INDEX messages_by_session ON messages (session);
"""


class Steps:
    """Counts the steps of SQLite's machine on the connections that are opened while it is there."""

    def __init__(self) -> None:
        self.taken = 0
        self.connections: list[sqlite3.Connection] = []
        self.traced: Callable[[str], object] = lambda statement: None
        self.interrupting = False
        self._connect = sqlite3.connect

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = self._connect(*arguments, **options)
        connection.set_progress_handler(self._step, 1)
        connection.set_trace_callback(lambda statement: self.traced(statement))
        self.connections.append(connection)
        return connection

    def _step(self) -> bool:
        self.taken += 1
        return self.interrupting

    def of(self, client: Client, method: str, path: str = "", **rest: Any) -> int:
        before = self.taken
        answer = client.send(method, path, **rest)
        assert answer.status < 300, answer.data
        return self.taken - before


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps = Steps()
    monkeypatch.setattr(sqlite3, "connect", steps.connect)
    return steps


def messages(count: int) -> list[dict[str, str]]:
    """As a history that the title is looked for in vain would be: not one message of a user."""
    return [{"role": "assistant", "content": "x"}] * count


LIST = ("GET", "?limit=2", {})
UPDATE = ("PUT", "/{session}", {"newMessages": messages(1), "tokensUsed": 1, "metadata": {"a": 1}})
EXTEND = ("PUT", "/{session}/extend", {})


@pytest.mark.parametrize(("method", "path", "body"), [LIST, UPDATE, EXTEND], ids=["list", "update", "extend"])
def test_an_operation_does_not_become_more_work_as_histories_grow(
    steps: Steps, method: str, path: str, body: dict[str, Any]
) -> None:
    with sandbox.running() as service:
        client = client_of(service)
        taken: list[int] = []
        for count in (1, 2000):
            client.create(initialMessages=messages(count))
            session = client.create(initialMessages=messages(count))
            taken.append(steps.of(client, method, path.format(session=session), json=body))
    assert taken[1] <= 1.2 * taken[0] + 20


@pytest.mark.parametrize("query", ["", "&userId=user-1", "&sessionGroup=g&model=m"])
def test_a_list_does_not_become_more_work_as_sessions_are_added(steps: Steps, query: str) -> None:
    with sandbox.running() as service:
        client = client_of(service)
        taken: list[int] = []
        for _ in range(2):
            for _ in range(100):
                client.create(sessionGroup="g", metadata={"model": "m"})
            taken.append(steps.of(client, "GET", f"?limit=10{query}"))
    assert taken[1] <= taken[0]


def test_the_rows_before_a_page_are_passed_over_in_the_index(steps: Steps) -> None:
    with sandbox.running() as service:
        client = client_of(service)
        for _ in range(200):
            client.create()
        (database,) = steps.connections
        plan = database.execute(
            "EXPLAIN QUERY PLAN SELECT number FROM sessions WHERE organisation = 'o' AND expires_at > 'now' AND"
            " status = 'active' AND user_id = 'u' AND session_group = 'g' AND model = 'm'"
            " ORDER BY created_at DESC, number DESC LIMIT 10 OFFSET 100"
        ).fetchall()
        first, second = (steps.of(client, "GET", f"?limit=10&offset={offset}") for offset in (0, 100))
    (how,) = (row["detail"] for row in plan)
    assert how == "SEARCH sessions USING COVERING INDEX sessions_to_list (organisation=? AND status=?)"
    assert second - first < 100 * 10


def test_expired_sessions_are_removed_a_few_at_a_time(steps: Steps, clock: Clock) -> None:
    with sandbox.running(clock=clock) as service:
        client = client_of(service)
        client.create()
        fresh = steps.of(client, "POST", json={"userId": "u"})
        for _ in range(200):
            client.create()
        clock.advance(days=1)
        assert client.listed() == []
        first = steps.of(client, "POST", json={"userId": "u"})
        for _ in range(20):
            client.create()
        (database,) = steps.connections
        (left,) = database.execute("SELECT count(*) FROM sessions").fetchone().values()
        clean = steps.of(client, "POST", json={"userId": "u"})
    assert first < 200 * 20
    assert left == 21
    assert clean <= fresh + 20


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The file while another process is about to write."""
    other = sqlite3.connect(path)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


def test_reading_waits_for_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with sandbox.running(database=path) as service:
        client = client_of(service)
        session = client.create(initialMessages=messages(1))
        with locked(path):
            assert client.contents(session) == ["x"]
            assert client.listed() == [session]
            assert_error(client.send("PUT", f"/{MISSING}", json={}), 404)


def test_a_write_is_on_the_disk_when_it_is_answered(tmp_path: Path, steps: Steps) -> None:
    with sandbox.running(database=tmp_path / "sessions.db") as service:
        client_of(service).create()
        database = steps.connections[0]
        pragmas = [database.execute(f"PRAGMA {name}").fetchone()[name] for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]  # a log that is synchronised at each commit: one wait for the disk
    assert [file.name for file in tmp_path.iterdir()] == ["sessions.db"]


class SlowDisk:
    """Holds the first commit until it is ready."""

    def __init__(self) -> None:
        self.waiting, self.ready = threading.Event(), threading.Event()

    def __call__(self, statement: str) -> None:
        if statement == "COMMIT" and not self.waiting.is_set():
            self.waiting.set()
            assert self.ready.wait(30)


def test_reading_waits_for_no_disk(tmp_path: Path, steps: Steps) -> None:
    """It is told what was kept before."""
    disk = SlowDisk()
    with sandbox.running(database=tmp_path / "sessions.db") as service, ThreadPoolExecutor(2) as pool:
        client = client_of(service)
        session = client.create()
        steps.traced = disk
        try:
            update = pool.submit(client.send, "PUT", f"/{session}", json={"newMessages": messages(1)})
            assert disk.waiting.wait(30)
            extension = pool.submit(client.send, "PUT", f"/{session}/extend")
            assert client.contents(session) == []
            assert client.listed() == [session]
            assert_error(client.send("PUT", f"/{MISSING}", json={}), 404)
            assert not update.done()
            assert not extension.done()
        finally:
            disk.ready.set()
        assert (update.result().status, extension.result().status) == (200, 200)
        assert client.contents(session) == ["x"]


@pytest.mark.parametrize("how", ["in the process", "over HTTP"])
def test_what_puts_sessions_there_waits_for_its_turn_and_holds_up_nobody(
    tmp_path: Path, steps: Steps, how: str
) -> None:
    disk = SlowDisk()
    with sandbox.running(database=tmp_path / "sessions.db") as service, ThreadPoolExecutor(2) as pool:

        def seed() -> object:
            if how == "in the process":
                return service.seed()
            headers = {"X-Sandbox-Secret": service.secret}
            return urllib3.request("POST", f"{service.host}/_sandbox/sessions", headers=headers, json={}).json()["id"]

        client = client_of(service)
        session = client.create()
        steps.traced = disk
        try:
            update = pool.submit(client.send, "PUT", f"/{session}", json={"newMessages": messages(1)})
            assert disk.waiting.wait(30)
            seeded = pool.submit(seed)
            assert client.contents(session) == []
            assert client.listed() == [session]
            assert not seeded.done()
        finally:
            disk.ready.set()
        assert update.result().status == 200
        assert {session, seeded.result()} == set(client.listed())
        service.reset()
        assert client.listed() == []


def test_an_export_is_put_there_at_once_whole_or_not_at_all(tmp_path: Path, steps: Steps) -> None:
    lines = [json.dumps({"id": f"s-{number}"}) for number in range(50)]
    commits: list[str] = []
    with sandbox.running(database=tmp_path / "sessions.db") as service:
        client = client_of(service)
        with pytest.raises(ValueError, match="there is a session with the id s-7 already"):
            service.load([*lines, lines[7]])
        assert client.listed() == []
        steps.traced = lambda statement: commits.append(statement) if statement == "COMMIT" else None
        assert service.load(lines) == 50
        assert len(client.listed()) == 50
    assert len(commits) == 1


class Moment:
    """Sixteen appends that come at the same moment: the sandbox is held up by its clock until all have been sent."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.holding, self.sent = threading.Event(), threading.Event()
        self.statuses: list[int] = []
        self.contents: list[str] = []

    def _clock(self) -> datetime:
        if self.holding.is_set():
            assert self.sent.wait(30)
        return START

    def come(self) -> None:
        with sandbox.running(database=self.database, clock=self._clock) as service, ExitStack() as stack:
            client = client_of(service)
            session = client.create()
            connections = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port_of(service)), timeout=30))
                for _ in range(17)
            ]
            head = (
                f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.access_token}\r\nConnection: close\r\n"
            )
            self.holding.set()
            connections[0].sendall(f"GET {client.base} {head}\r\n".encode())
            for number, connection in enumerate(connections[1:]):
                body = json.dumps({"newMessages": [{"role": "user", "content": f"message {number}"}]})
                head_of_body = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                connection.sendall(f"PUT {client.base}/{session} {head}{head_of_body}\r\n{body}".encode())
            self.sent.set()
            for connection in connections[1:]:
                answer = b"".join(iter(functools.partial(connection.recv, 65536), b""))
                self.statuses.append(int(answer.split()[1]))
        with sandbox.running(database=self.database, access_token="t", clock=lambda: START) as service:
            self.contents = client_of(service).contents(session)


def test_what_comes_at_the_same_moment_waits_for_the_disk_once(tmp_path: Path, steps: Steps) -> None:
    moment, commits = Moment(tmp_path / "sessions.db"), 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT" and moment.holding.is_set()

    steps.traced = count
    moment.come()
    assert moment.statuses == [200] * 16
    assert len(moment.contents) == 16
    assert commits < 8


def test_what_sqlite_takes_back_is_answered_as_not_done(
    tmp_path: Path, steps: Steps, caplog: pytest.LogCaptureFixture
) -> None:
    """An interrupted statement takes with it all that is not committed: what was written before it, too."""
    moment = Moment(tmp_path / "sessions.db")

    def interrupt(statement: str) -> None:
        steps.interrupting = "message 7" in statement

    steps.traced = interrupt
    moment.come()
    stored = [f"message {number}" for number, status in enumerate(moment.statuses) if status == 200]
    assert sorted(moment.contents) == sorted(stored)
    assert moment.statuses[7] == 500


def test_a_file_of_an_earlier_version_is_taken_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "sessions.db"
    moments = [f"2030-01-0{day}T00:00:00.000000Z" for day in (1, 1, 2)]
    with sqlite3.connect(path) as old:
        old.executescript(OLD_TABLES)
        for number, metadata in enumerate(({"title": "Given", "model": "m"}, {}, {"title": 5}, {}), start=1):
            old.execute(
                "INSERT INTO sessions VALUES (?, ?, 'sandbox', 'u', NULL, ?, ?, 'active', 7, ?, ?, ?)",
                [number, f"session-{number}", metadata.get("model"), json.dumps(metadata), *moments],
            )
        for session, role, content in [(1, "user", "a"), (2, "system", "b"), (2, "user", " c\nd "), (3, "user", " ")]:
            old.execute("INSERT INTO messages (session, role, content) VALUES (?, ?, ?)", [session, role, content])
    old.close()
    for _ in range(2):  # and once more, when it is no longer old
        with sandbox.running(database=path, clock=clock) as service:
            client = client_of(service)
            assert client.listed() == [f"session-{number}" for number in (4, 3, 2, 1)]
            titles = [session.get("title") for session in client.send("GET").json()]
            assert titles == [None, None, "c d", "Given"]
            found = client.send("GET", "/session-1").json()
            assert (found["model"], found["metadata"]) == ("m", {"title": "Given", "model": "m"})
            assert client.contents("session-2") == ["b", " c\nd "]
            totals = client.send("PUT", "/session-2", json={}).json()
            assert (totals["totalMessages"], totals["totalTokens"]) == (2, 7)
    with sandbox.running(database=path, clock=clock) as service:
        change = {"newMessages": [{"role": "user", "content": "e"}]}
        assert client_of(service).send("PUT", "/session-4", json=change).json()["totalMessages"] == 1
        assert client_of(service).send("GET", "/session-4").json()["title"] == "e"
        assert client_of(service).listed("?model=m") == ["session-1"]
    assert clock.now == START


def test_a_file_of_a_later_version_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with sandbox.running(database=path):
        pass
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    before = path.read_bytes()
    with pytest.raises(OSError, match="later version"), sandbox.running(database=path):
        pass
    assert path.read_bytes() == before


class Unfreeing(sqlite3.Connection):
    """A connection of a Python that frees nothing at once, such as PyPy."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursors: list[sqlite3.Cursor] = []

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self.cursors.append(super().execute(*arguments))
        return self.cursors[-1]


@pytest.mark.parametrize("file", [None, "sessions.db"])
def test_nothing_waits_for_what_was_read_to_be_freed(
    file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Unfreeing))
    for there in range(2 if file else 1):  # a file is made, and opened again
        with sandbox.running(database=file and tmp_path / file) as service:
            client = client_of(service)
            assert len(client.listed()) == there
            session_id = client.create()
            for content in ("a", "b"):
                change = {"newMessages": [{"role": "user", "content": content}]}
                assert client.send("PUT", f"/{session_id}", json=change).status == 200
                assert client.contents(session_id)[-1] == content
            assert len(client.listed()) == there + 1
