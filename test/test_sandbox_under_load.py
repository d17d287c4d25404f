"""The sandbox while sixteen clients use it at once: what was answered was done, and what was done was answered.

`HYPOTHESIS_PROFILE=thorough` stops it more often, and uses it for a minute.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from stalls import measured_stall
from test_sandbox import Client, client_of, process

from quantcdn import sandbox

CLIENTS = 16
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
ROUNDS = 25 if THOROUGH else 4
SECONDS = 60 if THOROUGH else 3
GROWTH = 8 * 2**20
"""By how much the process may grow in two thirds of that time, in bytes: caches fill up, and pages are half used."""


class Load:
    """Sixteen clients that append to one session, until the service is gone."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.session = client.create(expirationMinutes=1440)
        self.answered: list[str] = []
        self.under_way = threading.Event()
        self.enough = threading.Event()
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Append in the background; when the block ends, wait for all clients to have met an error, or enough."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._append) for _ in range(CLIENTS)]
            try:
                assert self.under_way.wait(60)
                yield
            except BaseException:
                self.enough.set()
                raise
        for client in clients:
            client.result()

    def _append(self) -> None:
        for number in self._numbers:
            turn = [{"role": role, "content": str(number)} for role in ("user", "assistant")]
            try:
                answer = self.client.send("PUT", f"/{self.session}", json={"newMessages": turn, "tokensUsed": 2})
            except urllib3.exceptions.HTTPError:
                return
            assert answer.status == 200, answer.data
            self.answered.append(str(number))
            if len(self.answered) > 3 * CLIENTS:
                self.under_way.set()
            if self.enough.is_set():
                return


def appended(found: dict[str, Any]) -> list[str]:
    """What was appended, once it is known to be whole: a message of each role, one after the other, and two tokens."""
    contents = [message["content"] for message in found["messages"]]
    assert contents[::2] == contents[1::2]
    assert found["total_tokens"] == len(contents)
    return contents[::2]


def stored(database: Path, load: Load) -> list[str]:
    with sandbox.running(database=database, access_token="my-token") as service:
        found = client_of(service).send("GET", f"/{load.session}").json()
        total = client_of(service).send("PUT", f"/{load.session}", json={}).json()["totalMessages"]
    assert total == len(found["messages"])
    return appended(found)


def stop_by_leaving(database: Path) -> Load:
    with contextlib.ExitStack() as clients, sandbox.running(database=database) as service:
        load = Load(client_of(service))
        clients.enter_context(load.running())
    return load


def stop_by_signal(number: signal.Signals) -> Callable[[Path], Load]:
    def stop(database: Path) -> Load:
        with process("--database", str(database)) as (running, client):
            load = Load(client)
            with load.running():
                running.send_signal(number)
                assert running.wait(30) == 0
            assert running.stderr
            assert running.stderr.read() == ""
        return load

    return stop


@pytest.mark.parametrize(
    "stop",
    [stop_by_leaving, stop_by_signal(signal.SIGINT), stop_by_signal(signal.SIGTERM)],
    ids=["leaving running()", "SIGINT", "SIGTERM"],
)
def test_stopping_loses_no_answer(tmp_path: Path, stop: Callable[[Path], Load]) -> None:
    for number in range(ROUNDS):
        load = stop(tmp_path / f"{number}.db")
        assert sorted(stored(tmp_path / f"{number}.db", load)) == sorted(load.answered)


def test_what_was_answered_stands_once_after_kill_9(tmp_path: Path) -> None:
    """Each client may have had one append more that was stored, whole, and not answered."""
    for number in range(ROUNDS):
        database = tmp_path / f"{number}.db"
        with process("--database", str(database)) as (running, client):
            load = Load(client)
            with load.running():
                os.kill(running.pid, signal.SIGKILL)
                running.wait()
        contents = stored(database, load)
        assert len(set(contents)) == len(contents)
        assert set(load.answered) <= set(contents)
        assert len(contents) - len(load.answered) <= CLIENTS


QUICK = 0.025
"""How long ninety-nine of a hundred gets may take beside sixteen writers, in seconds."""


@contextlib.contextmanager
def written_to(client: Client) -> Iterator[str]:
    """A session that sixteen clients append to, in a process of their own, for the length of a `with` block."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (theirs, client.host, client.token, client.organisation)
    writers = multiprocessing.get_context("spawn").Process(target=write, args=arguments, daemon=True)
    writers.start()
    try:
        session: str = ours.recv()
        yield session
        ours.send("enough")
        assert ours.recv() > 3 * CLIENTS
    finally:
        writers.kill()
        writers.join()


def write(until: multiprocessing.connection.Connection, *service: str) -> None:
    load = Load(Client(*service))
    with load.running():
        until.send(load.session)
        until.recv()
        load.enough.set()
    until.send(len(load.answered))


def test_a_get_is_quick_beside_sixteen_writers(tmp_path: Path) -> None:
    times: list[float] = []
    with (
        process("--database", str(tmp_path / "sessions.db")) as (_, client),
        written_to(client),
        measured_stall() as stall,
    ):
        session = client.create(initialMessages=[{"role": "user", "content": "Hello"}])
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            began = time.perf_counter()
            assert client.contents(session) == ["Hello"]
            times.append(time.perf_counter() - began)
    assert sorted(times)[len(times) * 99 // 100] < QUICK + stall.seconds, f"it stalled for {stall.seconds:.3f} s"


def test_what_is_read_beside_sixteen_writers_is_whole(tmp_path: Path) -> None:
    """And a later answer has what an earlier one had."""
    contents: list[str] = []
    with process("--database", str(tmp_path / "sessions.db")) as (_, client), written_to(client) as session:
        for _ in range(20):
            before, contents = contents, appended(client.send("GET", f"/{session}").json())
            assert contents[: len(before)] == before
            assert len(set(contents)) == len(contents)


def test_it_holds_while_sixteen_clients_do_all_that_there_is_to_do(tmp_path: Path) -> None:
    with process("--database", str(tmp_path / "sessions.db")) as (running, client), ThreadPoolExecutor(CLIENTS) as pool:
        ends = time.monotonic() + SECONDS
        clients = [pool.submit(use, client, f"user-{number}", ends) for number in range(CLIENTS)]
        sizes: list[int] = []
        while not all(done.done() for done in clients):
            sizes.append(resident(running.pid))
            time.sleep(SECONDS / 100)
        rounds = [done.result() for done in clients]
        assert client.listed() == []
    assert all(rounds)
    if THOROUGH:
        assert max(sizes) - max(sizes[: len(sizes) // 3]) < GROWTH


def use(client: Client, user: str, ends: float) -> int:
    """Keep sessions as an application does, look at all that comes back, and tell how many there were."""
    for number in itertools.count():
        if number and time.monotonic() > ends:
            return number
        contents = [f"{user} {number} {index}" for index in range(20)]
        session = client.create(userId=user, initialMessages=[{"role": "user", "content": contents[0]}])
        for total, content in enumerate(contents[1:], start=2):
            change = {"newMessages": [{"role": "user", "content": content}], "tokensUsed": 1}
            answer = client.send("PUT", f"/{session}", json=change)
            assert (answer.status, answer.json()["totalMessages"]) == (200, total)
        assert client.send("PUT", f"/{session}/extend").status == 200
        assert client.contents(session) == contents
        assert client.listed(f"?userId={user}") == [session]
        assert client.send("DELETE", f"/{session}").status == 200
        assert client.listed(f"?userId={user}") == []
    raise AssertionError


def resident(process_id: int) -> int:
    """The memory that a process holds, in bytes; 0 where the system does not tell."""
    with contextlib.suppress(FileNotFoundError):
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
