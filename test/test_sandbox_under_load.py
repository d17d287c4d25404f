"""The sandbox while sixteen clients write at once: what was answered was done, and what was done was answered."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3
from test_sandbox import Client, client_of, process

from quantcdn import sandbox

CLIENTS = 16
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
ROUNDS = 25 if THOROUGH else 4


class Load:
    """Sixteen clients that append to one session, until the service is gone."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.session = client.create(expirationMinutes=1440)
        self.answered: list[str] = []
        self.under_way = threading.Event()
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Append in the background; when the block ends, wait for all clients to have met an error."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._append) for _ in range(CLIENTS)]
            assert self.under_way.wait(60)
            yield
        for client in clients:
            client.result()

    def _append(self) -> None:
        for number in self._numbers:
            change = {"newMessages": [{"role": "user", "content": str(number)}], "tokensUsed": 1}
            try:
                answer = self.client.send("PUT", f"/{self.session}", json=change)
            except urllib3.exceptions.HTTPError:
                return
            assert answer.status == 200, answer.data
            self.answered.append(str(number))
            if len(self.answered) > 3 * CLIENTS:
                self.under_way.set()


def stored(database: Path, load: Load) -> list[str]:
    with sandbox.running(database=database, access_token="my-token") as service:
        found = client_of(service).send("GET", f"/{load.session}").json()
        contents = [message["content"] for message in found["messages"]]
        total = client_of(service).send("PUT", f"/{load.session}", json={}).json()["totalMessages"]
    assert found["total_tokens"] == total == len(contents)
    return contents


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
