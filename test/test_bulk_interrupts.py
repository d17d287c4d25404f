"""Bulk work that is interrupted at any moment, or outlives the main thread: it ends, and what it tells is true."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from types import FrameType

import pytest
from conftest import Connect
from faults import struck
from servers import STALL, ScriptedServer, json_answer, scripted_server

from quantcdn import AISessionsApi, bulk

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
pytestmark = pytest.mark.timeout(3600 if THOROUGH else 120)
ROUNDS = 10_000 if THOROUGH else 150
PATIENCE = 20.0
"""How long to wait for what should happen at once, in seconds."""


class Presses:
    """Ctrl-C, pressed so many seconds after the work begins, each time after the one before.

    Attributes:
        count: how often it reached the main thread while it was at work.
    """

    def __init__(self, *delays: float) -> None:
        self.count = 0
        self._delays = delays
        self._at_work = False

    @contextmanager
    def while_at_work(self) -> Generator[None, None, None]:
        before = signal.signal(signal.SIGINT, self._press)
        hand = threading.Thread(target=self._move)
        hand.start()
        try:
            self._at_work = True
            yield
        finally:
            self._at_work = False
            hand.join()
            signal.signal(signal.SIGINT, before)

    def _move(self) -> None:
        for delay in self._delays:
            time.sleep(delay)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self._at_work:
            self.count += 1
            raise KeyboardInterrupt


def crew() -> list[threading.Thread]:
    """The threads at work. Where an interrupt strikes while one is started, Python may list it after its end."""
    return [thread for thread in threading.enumerate() if thread.name == "quantcdn-bulk" and thread.is_alive()]


def wait_until_home() -> None:
    """Wait until no thread of a crew is left: also where the work was given up, they leave soon."""
    end = time.monotonic() + PATIENCE
    while crew():
        assert time.monotonic() < end, crew()
        time.sleep(0.001)


def sent(server: ScriptedServer) -> set[str]:
    return {request.target.rpartition("/")[2] for request in server.requests}


IDS = [str(number) for number in range(12)]


def shortest_work(connect: Connect, workers: int) -> float:
    """How long work takes here that nobody interrupts, in seconds: the shortest of some."""
    took = []
    for _ in range(5):
        with scripted_server(repeat([0.001, json_answer({})])) as server:
            api = connect(server.host)
            began = time.perf_counter()
            bulk.delete(api, "org", session_ids=IDS, workers=workers)
            took.append(time.perf_counter() - began)
    return min(took)


@pytest.mark.parametrize("workers", [1, 3])
def test_interrupted_at_any_moment_it_ends_and_tells_the_truth(
    connect: Connect, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # Python swallows a press that comes in a finalizer
    chance = random.Random(workers)
    stopped_halfway = 0
    whole = shortest_work(connect, workers)
    for number in range(ROUNDS // 2):
        presses = Presses(chance.uniform(0, whole), *[chance.uniform(0, 0.002)] * (number % 2))
        report = None
        with scripted_server(repeat([0.001, json_answer({})])) as server:
            api = connect(server.host)
            try:
                with presses.while_at_work():
                    report = bulk.delete(api, "org", session_ids=IDS, workers=workers)
            except bulk.Interrupted as interrupted:
                report = interrupted.report
            except KeyboardInterrupt:  # just before the work began, or just after its end
                assert presses.count
            wait_until_home()
        if report is None:
            continue
        found = {outcome: {r.session_id for r in report.results if r.outcome == outcome} for outcome in report.counts}
        assert found.keys() <= {"done", "unknown", "not_tried"}
        assert found.get("done", set()) <= sent(server)
        assert not found.get("not_tried", set()) & sent(server)
        if presses.count < 2:
            assert "unknown" not in found, "what is under way is waited for"
        stopped_halfway += found.keys() > {"not_tried"}

    assert stopped_halfway


IN_A_THREAD = """
import sys, threading, time
from quantcdn import AISessionsApi, ApiClient, Configuration, bulk

host, path = sys.argv[1:]
api = AISessionsApi(ApiClient(Configuration(host, "token")))
ids = [f"s{number}" for number in range(20)]

def job():
    while threading.main_thread().is_alive() and sys.argv:  # until the main thread has come to its end
        time.sleep(0.01)
    print(bulk.delete(api, "org", session_ids=ids), flush=True)
    print(bulk.export(api, "org", path, session_ids=["a"]).complete, flush=True)

threading.Thread(target=job).start()
"""


def test_in_a_thread_that_outlives_the_main_thread_all_is_done(tmp_path: Path) -> None:
    script = [*[json_answer({})] * 20, json_answer({"id": "a"})]
    with scripted_server(script) as server:
        command = [sys.executable, "-c", IN_A_THREAD, server.host, str(tmp_path / "a.jsonl")]
        run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (run.stdout, run.stderr) == ("20 done\nTrue\n", "")


@pytest.fixture
def _no_crew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread for a crew can be started, as none can on Pyodide."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "quantcdn-bulk":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.usefixtures("_no_crew")
def test_where_no_thread_can_be_started_it_works_without(connect: Connect, tmp_path: Path) -> None:
    told: list[bulk.Result] = []
    script = [json_answer({}), json_answer({}, 403), json_answer({}), json_answer({"id": "a"})]
    with scripted_server(script) as server:
        api = connect(server.host)
        report = bulk.delete(api, "org", session_ids=["a", "b", "c"], on_result=told.append)
        manifest = bulk.export(api, "org", tmp_path / "a.jsonl", session_ids=["a"])

    assert [result.outcome for result in report.results] == ["done", "failed", "done"]
    assert tuple(told) == report.results
    assert manifest.complete


@pytest.mark.usefixtures("_no_crew")
def test_without_threads_ctrl_c_ends_the_call_that_is_under_way(connect: Connect) -> None:
    def press() -> None:
        server.wait_for_requests(2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with scripted_server([json_answer({}), [STALL]]) as server:
        hand = threading.Thread(target=press)
        hand.start()
        with pytest.raises(bulk.Interrupted) as caught:
            bulk.delete(connect(server.host), "org", session_ids=["a", "b", "c"])
        hand.join()

    assert [result.outcome for result in caught.value.report.results] == ["done", "unknown", "not_tried"]


class Limit(RuntimeError):
    """What a task queue raises out of a signal handler when the time of a task is over."""


def raise_limit(_number: int, _frame: FrameType | None) -> None:
    raise Limit


def session_of(name: str) -> str:
    return json.dumps({"id": name, "user_id": "u", "messages": [{"role": "user", "content": "x"}]})


def imported(api: AISessionsApi, path: Path) -> object:
    path.write_text("".join(f"{session_of(name)}\n" for name in "abc"))
    return bulk.import_(api, "org", path)


@pytest.mark.usefixtures("_no_crew")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    "work",
    [
        lambda api, _: bulk.delete(api, "org", session_ids=["a", "b", "c"]),
        lambda api, path: bulk.export(api, "org", path, session_ids=["a", "b", "c"]),
        imported,
    ],
    ids=["delete", "export", "import"],
)
def test_without_threads_a_limit_of_the_application_passes(
    connect: Connect, work: Callable[[AISessionsApi, Path], object], tmp_path: Path
) -> None:
    with scripted_server([json_answer({"id": "a", "sessionId": "a"}), [STALL]]) as server:
        api = connect(server.host)
        with pytest.raises(Limit), struck(raise_limit, lambda: server.wait_for_requests(2)):
            work(api, tmp_path / "a.jsonl")
        assert len(server.requests) == 2


def test_what_ends_a_thread_ends_the_work_and_is_raised(connect: Connect) -> None:
    def token() -> str:
        if len(server.requests) >= 3:
            raise SystemExit("the identity provider says no more")
        return "token"

    with scripted_server(repeat(json_answer({}))) as server:
        with pytest.raises(SystemExit, match="no more"):
            bulk.delete(connect(server.host, token), "org", session_ids=map(str, range(50)), workers=3)
        assert len(server.requests) <= 3 + 3

    assert crew() == []
