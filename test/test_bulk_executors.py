"""Bulk work by executors of the application's own: process pools, loky, a Dask cluster, and workers that are lost."""

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import logging
import multiprocessing
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Connect
from servers import scripted_server
from workers import Met, OddApi, die_after, slowly, token_of, token_until_death

from quantcdn import AISessionsApi, ApiClient, ApiTypeError, ApiValueError, Configuration, RetryPolicy, bulk
from quantcdn.rest import RESTClientObject
from quantcdn.sandbox import RunningSandbox, running

loky = pytest.importorskip("loky")
distributed = pytest.importorskip("distributed")

SPAWN = multiprocessing.get_context("spawn")
TOKEN = "qc_token_that_nobody_may_see"
KINDS = ["processes", "loky", "cluster"]


@contextlib.contextmanager
def pool(kind: str, size: int = 2) -> Generator[Executor, None, None]:
    """A pool of so many processes."""
    made = ProcessPoolExecutor(size, mp_context=SPAWN) if kind == "processes" else loky.ProcessPoolExecutor(size)
    with made as executor:
        yield executor


@contextlib.contextmanager
def dask_cluster(size: int) -> Generator[Any, None, None]:
    """A client of a Dask cluster of so many processes."""
    cluster = distributed.LocalCluster(
        n_workers=size, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
    )
    try:
        with distributed.Client(cluster) as client:
            client.wait_for_workers(size)
            yield client
    finally:
        with contextlib.suppress(asyncio.TimeoutError):  # where it is just starting a worker in the place of another
            cluster.close()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a cluster that tests share which kill none of its workers."""
    with dask_cluster(2) as client:
        yield client


@pytest.fixture
def mortal() -> Iterator[Any]:
    """A client of a cluster of a test's own, which may kill two workers: Dask does not start others each time."""
    with dask_cluster(3) as client:
        yield client


@pytest.fixture(scope="module")
def pools(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Executor]]:
    """The executor of a kind, which tests share that break none."""
    with contextlib.ExitStack() as opened:
        made: dict[str, Executor] = {}

        def shared(kind: str) -> Executor:
            if kind == "cluster":
                executor: Executor = request.getfixturevalue("client").get_executor()
                return executor
            if kind not in made:
                made[kind] = opened.enter_context(pool(kind))
            return made[kind]

        yield shared


@pytest.fixture(scope="module")
def started() -> Iterator[RunningSandbox]:
    with running(access_token=TOKEN) as sandbox:
        yield sandbox


@pytest.fixture
def service(started: RunningSandbox) -> RunningSandbox:
    """A sandbox as new."""
    started.reset()
    return started


@pytest.fixture
def api(service: RunningSandbox, connect: Connect) -> AISessionsApi:
    return connect(service.host, service.access_token)


def seeded(service: RunningSandbox, count: int) -> list[str]:
    """The ids of so many sessions that are there."""
    messages = [{"role": "user", "content": "Hello"}]
    return [service.seed(id=f"s-{number:04}", messages=messages) for number in range(count)]


def asked(service: RunningSandbox, operation: str) -> Counter[str | None]:
    """How often each session was asked for."""
    return Counter(request.session_id for request in service.requests.of(operation))


def ids_of(report: bulk.Report, *outcomes: str) -> set[str]:
    return {result.session_id for result in report.results if result.outcome in outcomes}


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for part in sorted(folder.glob("part-*")) for line in part.read_bytes().splitlines()]


# Each kind does what threads do


@pytest.mark.parametrize("kind", KINDS)
def test_an_executor_gets_exports_extends_and_deletes_each_session_once(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], kind: str, tmp_path: Path
) -> None:
    executor, org = pools(kind), service.organisation
    ids = seeded(service, 120)
    told: list[bulk.Result] = []

    got = list(bulk.get(api, org, executor=executor))
    manifest = bulk.export(api, org, tmp_path / "all", executor=executor)
    extended = bulk.extend(api, org, 5, executor=executor, on_result=told.append)
    deleted = bulk.delete(api, org, session_ids=[*ids, "none"], executor=executor)

    assert sorted(str(session.id) for session in got) == ids
    assert got[0].messages == [{"role": "user", "content": "Hello"}]
    assert (manifest.complete, manifest.counts) == (True, {"done": 120})
    assert sorted(line["id"] for line in lines_of(tmp_path / "all")) == ids
    assert (extended.counts, deleted.counts) == ({"done": 120}, {"done": 120, "gone": 1})
    assert sorted(result.session_id for result in told) == ids
    assert all(result.session is not None for result in extended.results), "the report tells what the list said"
    for operation in ("extend", "delete"):
        assert set(asked(service, operation).values()) == {1}
    assert asked(service, "get") == dict.fromkeys(ids, 2)
    assert len(service.requests.of("list")) == 3 * 3, "the list is read once: two pages, and an empty one"
    assert api.list_ai_sessions(org) == []


@pytest.mark.parametrize("kind", KINDS)
def test_errors_come_back_as_they_were(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], kind: str
) -> None:
    ids = seeded(service, 4)
    service.fail("extend", status=403, times=1)
    service.fail("extend", drop="after", times=1, after=1)

    report = bulk.extend(api, service.organisation, 5, session_ids=[*ids, ""], executor=pools(kind), workers=1)

    assert [result.outcome for result in report.results] == ["failed", "unknown", "done", "done", "failed"]
    refused, lost, *_, invalid = (result.error for result in report.results)
    assert (type(refused).__name__, type(lost).__name__) == ("ForbiddenException", "OutcomeUnknownConnectionException")
    assert "extend_ai_session" in str(refused)
    assert isinstance(invalid, ValueError)
    assert "ValidationError" in repr(type(invalid)) + str(invalid), "that of an older pydantic travels as its text"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_cannot_travel_takes_no_other_result_with_it(
    service: RunningSandbox, pools: Callable[[str], Executor], kind: str
) -> None:
    with ApiClient(Configuration(service.host, service.access_token)) as client:
        report = bulk.delete(OddApi(client), "org", session_ids=["a", "b"], executor=pools(kind), workers=1)

    assert [result.outcome for result in report.results] == ["unknown", "unknown"]
    assert "Unportable: refused: by the application" in str(report.results[0].error)


def test_a_dry_run_hands_nothing_to_the_executor(service: RunningSandbox, api: AISessionsApi, tmp_path: Path) -> None:
    ids = seeded(service, 3)
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    org = service.organisation

    deleted = bulk.delete(api, org, everything=True, dry_run=True, executor=executor)
    manifest = bulk.export(api, org, tmp_path / "all", dry_run=True, executor=executor)

    assert ids_of(deleted, "planned") == {*ids}
    assert (manifest.complete, manifest.counts, str(manifest)) == (False, {"planned": 3}, "not complete: 3 planned")
    assert list(bulk.get(api, org, dry_run=True, executor=executor)) == []
    assert list(tmp_path.iterdir()) == []


# What travels


class Recording(ThreadPoolExecutor):
    """An executor that keeps what it is handed."""

    def __init__(self) -> None:
        super().__init__(1)
        self.handed: list[tuple[Any, ...]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.handed.append((function, arguments, named))
        return super().submit(function, *arguments, **named)


def test_what_travels_is_small_and_holds_no_connection(service: RunningSandbox, api: AISessionsApi) -> None:
    ids = seeded(service, 100)
    api.list_ai_sessions(service.organisation)  # so that there is a connection
    with Recording() as executor:
        bulk.delete(api, service.organisation, everything=True, executor=executor, workers=1)

    sizes = [len(pickle.dumps(handed)) for handed in executor.handed]
    assert len(executor.handed) < 20  # a few sessions at a time on a slow machine, and never one by one
    assert max(sizes) < 2000 + sum(map(len, ids)) * 2


def test_what_travels_shows_neither_token_nor_id(service: RunningSandbox, api: AISessionsApi) -> None:
    seeded(service, 10)
    with Recording() as executor:
        bulk.delete(api, service.organisation, everything=True, executor=executor, workers=1)

    assert [function.__name__ for function, _, _ in executor.handed] == ["version_at", "perform_batch"]
    for _, (batch,), named in executor.handed:
        assert named == {}
        for shown in (repr(batch), str(batch), repr(dataclasses.replace(batch, name="again"))):
            assert TOKEN not in shown
            assert "s-00" not in shown


def test_no_token_shows_on_a_cluster(service: RunningSandbox, api: AISessionsApi, client: Any) -> None:
    ids = seeded(service, 40)
    bulk.delete(api, service.organisation, session_ids=ids[:20], executor=client.get_executor())
    with Recording() as recording:
        bulk.delete(api, service.organisation, session_ids=["a"], executor=recording)
    function, (batch,), _ = recording.handed[-1]
    future = client.submit(function, dataclasses.replace(batch, errand=TOKEN.encode()), pure=False)
    assert isinstance(future.exception(), pickle.UnpicklingError), "a worker logs what fails, with its arguments"
    events = client.run_on_scheduler(lambda dask_scheduler: repr((dask_scheduler.tasks, dask_scheduler.get_events())))
    logs = json.dumps([client.get_worker_logs(), client.get_scheduler_logs()])
    notes = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.extensions["events"]._events))

    assert "perform_batch" in logs
    assert "perform_batch" in events
    for shown in (logs, events, repr(future), str(future.key)):
        assert TOKEN not in shown
        assert "s-00" not in shown
    assert notes == 0, "nothing is left behind with the scheduler"


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_of_a_module_names_the_token_where_the_worker_is(
    service: RunningSandbox, connect: Connect, pools: Callable[[str], Executor], kind: str
) -> None:
    ids = seeded(service, 4)
    api = connect(service.host, partial(token_of, service.access_token))

    assert bulk.delete(api, service.organisation, session_ids=ids, executor=pools(kind)).counts == {"done": 4}


def test_what_the_workers_do_not_have_is_known_before_anything_is_sent_and_shows_no_token(
    service: RunningSandbox, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = types.ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", here)
    exec("def token(token): return token", vars(here))
    api = hooked(service, None, partial(vars(here)["token"], TOKEN))

    with pytest.raises(ModuleNotFoundError, match="only_here"):
        bulk.extend(api, service.organisation, 5, session_ids=["a"], executor=client.get_executor())

    logs = json.dumps([client.get_worker_logs(), client.get_scheduler_logs()])
    assert "only_here" in logs
    assert TOKEN not in logs
    assert len(service.requests) == 0


def test_what_cannot_travel_is_refused_by_name_before_anything_is_sent(connect: Connect) -> None:
    def refused(expected: str, **changes: Any) -> None:
        api = connect(server.host)
        for name, value in changes.items():
            setattr(api.api_client.configuration, name, value)
        with pytest.raises(ApiTypeError, match=expected) as caught:
            bulk.extend(api, "org", 5, executor=executor)
        with pytest.raises(ApiTypeError, match=expected):
            bulk.get(api, "org", executor=executor)
        assert "qc_test_token" not in str(caught.value)

    with scripted_server([]) as server, ThreadPoolExecutor(1) as executor:
        refused("access_token cannot be pickled", access_token=lambda: "qc_test_token")
        refused("on_attempt cannot be pickled", on_attempt=lambda _: None)
        refused("retries cannot be pickled", retries=type("Own", (RetryPolicy,), {})())
        api = connect(server.host)
        with pytest.raises(ApiTypeError, match="the options of each call travel"):
            bulk.delete(type("Local", (AISessionsApi,), {})(api.api_client), "org", everything=True, executor=executor)
        api.api_client.rest_client = type("Own", (RESTClientObject,), {})(api.api_client.configuration)
        with pytest.raises(ApiTypeError, match="rest_client of its own"):
            bulk.delete(api, "org", everything=True, executor=executor)
        with pytest.raises(ApiTypeError, match=r"executor must be a concurrent\.futures\.Executor, not int"):
            bulk.delete(connect(server.host), "org", everything=True, executor=4)  # type: ignore[arg-type]

    assert server.requests == []


def test_workers_that_cannot_work_are_known_before_anything_is_done(
    service: RunningSandbox, api: AISessionsApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    for work in (
        lambda: bulk.delete(api, "org", everything=True, executor=executor),
        lambda: bulk.export(api, "org", tmp_path / "all", executor=executor),
        lambda: list(bulk.get(api, "org", executor=executor)),
    ):
        with pytest.raises(RuntimeError, match="after shutdown"):
            work()
    monkeypatch.setattr("quantcdn.bulk._batches.version_at", lambda _: "0.1")
    with ThreadPoolExecutor(1) as executor, pytest.raises(ApiValueError, match=r"The workers have quantcdn 0\.1"):
        bulk.delete(api, "org", everything=True, executor=executor)

    assert len(service.requests) == 0
    assert list(tmp_path.iterdir()) == []


# A worker is lost


def deadly(service: RunningSandbox, calls: Path, number: int, *, before: bool) -> AISessionsApi:
    """Operations whose process is killed at the call with this number: before it is sent, or after its answer."""
    if before:
        return hooked(service, None, partial(token_until_death, calls, number, service.access_token))
    return hooked(service, partial(die_after, calls, number))


def hooked(service: RunningSandbox, on_attempt: Any, access_token: Any = None) -> AISessionsApi:
    configuration = Configuration(service.host, access_token or service.access_token, retries=False)
    configuration.on_attempt = on_attempt
    return AISessionsApi(ApiClient(configuration))


@pytest.mark.parametrize(("kind", "before"), [("processes", True), ("processes", False), ("loky", False)])
def test_of_a_pool_that_breaks_each_outcome_is_true_and_nothing_is_doubled(
    service: RunningSandbox, api: AISessionsApi, kind: str, before: bool, tmp_path: Path
) -> None:
    ids = seeded(service, 250)
    fatal = deadly(service, tmp_path / "calls", 130, before=before)
    with pool(kind, 1) as executor:
        report = bulk.extend(fatal, service.organisation, 5, session_ids=ids, executor=executor, workers=1)

    sent = asked(service, "extend")
    assert [result.outcome for result in report.results] == ["done"] * 100 + ["unknown"] * 100 + ["failed"] * 50
    assert isinstance(report.results[100].error, BrokenExecutor)
    assert set(sent) == {*ids[: 129 if before else 130]}
    assert set(sent.values()) == {1}

    rest = [result.session_id for result in report.results if result.outcome == "failed"]
    with pool(kind, 1) as executor:
        again = bulk.extend(api, service.organisation, 5, session_ids=rest, executor=executor)
    assert again.counts == {"done": 50}
    assert set(asked(service, "extend").values()) == {1}


@pytest.mark.parametrize("before", [True, False])
def test_on_a_cluster_that_loses_a_worker_no_extension_is_doubled(
    service: RunningSandbox, mortal: Any, before: bool, tmp_path: Path
) -> None:
    ids = seeded(service, 250)
    fatal = deadly(service, tmp_path / "calls", 130, before=before)
    report = bulk.extend(
        fatal, service.organisation, 5, session_ids=ids, executor=mortal.get_executor(retries=3), workers=1
    )

    sent = asked(service, "extend")
    assert [result.outcome for result in report.results] == ["done"] * 100 + ["unknown"] * 100 + ["done"] * 50
    assert "The worker that had it was lost" in str(report.results[100].error)
    assert set(sent) == {*ids[: 129 if before else 130], *ids[200:]}
    assert set(sent.values()) == {1}


def test_a_cluster_holds_no_batch_any_more_whose_note_is_taken_away(
    service: RunningSandbox, api: AISessionsApi, client: Any
) -> None:
    """It would have it done again where it loses the worker that keeps what the batch brought."""

    def held() -> set[str]:
        tasks = client.run_on_scheduler(lambda dask_scheduler: list(map(str, dask_scheduler.tasks)))
        return {name for name in [*tasks, *client.list_datasets()] if name.startswith(("perform_batch", "quantcdn"))}

    before = held()  # by work of other tests that was given up
    still_held: set[str] = set()

    def look(_: bulk.Result) -> None:
        still_held.update(held() - before)

    ids = seeded(service, 10)
    for session_id in ids:  # a batch each
        bulk.extend(
            api, service.organisation, 5, session_ids=[session_id], executor=client.get_executor(), on_result=look
        )

    assert set(asked(service, "extend")) == {*ids}
    assert still_held == set()


def test_of_two_workers_of_a_cluster_that_begin_a_batch_at_once_one_extends(
    service: RunningSandbox, api: AISessionsApi, mortal: Any, tmp_path: Path
) -> None:
    ids = seeded(service, 40)
    organisation = Met(service.organisation)
    organisation.calls = tmp_path / "calls"
    threads = ThreadPoolExecutor(1)
    addresses = list(mortal.scheduler_info()["workers"])
    workers = [mortal.get_executor(workers=[address], pure=False) for address in addresses[:2]]

    class Twice(distributed.cfexecutor.ClientExecutor):  # type: ignore[misc]
        """Has all done by each of the workers, as where one is given up for lost, and lives."""

        def submit(self, *given: Any, **named: Any) -> Future[Any]:
            futures = [worker.submit(*given, **named) for worker in workers]
            return threads.submit(lambda: wait(futures) and futures[0].result())

    with threads:
        for session_id in ids:  # a batch each
            bulk.extend(api, organisation, 5, session_ids=[session_id], executor=Twice(mortal))
    sent = asked(service, "extend")

    assert set(sent) == {*ids}
    assert set(sent.values()) == {1}
    assert [name for name in mortal.list_datasets() if name.startswith("quantcdn")] == []


def test_on_a_cluster_that_loses_a_worker_everything_is_deleted(
    service: RunningSandbox, api: AISessionsApi, mortal: Any, tmp_path: Path
) -> None:
    ids = seeded(service, 250)
    fatal = deadly(service, tmp_path / "calls", 130, before=False)
    report = bulk.delete(fatal, service.organisation, everything=True, executor=mortal.get_executor(), workers=1)

    assert report.counts == {"done": 250}, "what was gone when it was tried again had been deleted"
    assert api.list_ai_sessions(service.organisation) == []
    assert set(asked(service, "delete")) == {*ids}


def test_on_a_cluster_that_loses_a_worker_every_session_is_got_and_exported_once(
    service: RunningSandbox, mortal: Any, tmp_path: Path
) -> None:
    ids = seeded(service, 120)
    executor = mortal.get_executor()
    fatal = deadly(service, tmp_path / "first", 70, before=False)
    got = list(bulk.get(fatal, service.organisation, executor=executor))
    before = asked(service, "get")
    fatal = deadly(service, tmp_path / "second", 70, before=False)
    manifest = bulk.export(fatal, service.organisation, tmp_path / "all", executor=executor, workers=1)

    assert sorted(str(session.id) for session in got) == ids
    assert (manifest.complete, manifest.counts) == (True, {"done": 120})
    assert sorted(line["id"] for line in lines_of(tmp_path / "all")) == ids
    again = asked(service, "get") - before
    assert sorted(again.values()) == [1] * 119 + [2], "but for the last one, what stood in the part was kept"


def test_of_a_cluster_that_is_left_on_the_way_each_outcome_is_true(
    service: RunningSandbox, client: Any, tmp_path: Path
) -> None:
    ids = seeded(service, 350)
    api = hooked(service, partial(slowly, 0.002))
    leaving = distributed.Client(client.cluster, set_as_default=False)

    def leave(result: bulk.Result) -> None:
        if result.session_id == ids[0]:
            leaving.close()

    report = bulk.extend(
        api,
        service.organisation,
        5,
        session_ids=ids,
        executor=leaving.get_executor(),
        workers=1,
        on_result=leave,
    )

    sent = asked(service, "extend")
    assert set(sent.values()) == {1}
    assert ids_of(report, "done") >= {*ids[:100]}
    assert ids_of(report, "done", "unknown") >= set(sent)
    assert not ids_of(report, "failed") & set(sent)
    assert ids_of(report, "failed") >= {*ids[300:]}


def test_an_export_whose_pool_broke_goes_on_where_it_ended(
    service: RunningSandbox, api: AISessionsApi, tmp_path: Path
) -> None:
    ids = seeded(service, 90)
    fatal = deadly(service, tmp_path / "calls", 45, before=True)
    with pool("processes", 1) as executor:
        first = bulk.export(fatal, service.organisation, tmp_path / "all", executor=executor, workers=3)
        assert not first.complete
        assert not (tmp_path / "all").exists()
    service.seed(id="later")

    with pool("processes", 1) as executor:
        dry = bulk.export(api, service.organisation, tmp_path / "all", executor=executor, dry_run=True)
        second = bulk.export(api, service.organisation, tmp_path / "all", executor=executor, workers=1)

    assert dry.counts == {"done": 42, "planned": 48}, "two calls were the list"
    assert second.complete
    assert sorted(line["id"] for line in lines_of(tmp_path / "all")) == ids
    assert set(asked(service, "get").values()) == {1}, "what stood there was not asked for again"
    assert [part.lines for part in second.parts] == [30, 30, 30]


# Ctrl-C


@contextlib.contextmanager
def pressing(when: Callable[[], bool], times: int = 1) -> Generator[None, None, None]:
    """Press Ctrl-C when it is time."""
    ended = threading.Event()

    def press() -> None:
        while not when() and not ended.wait(0.005):
            pass
        for _ in range(times):
            if not ended.wait(0.3 if times > 1 else 0):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    hand = threading.Thread(target=press)
    hand.start()
    try:
        yield
    finally:
        ended.set()
        hand.join()


@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_ctrl_c_begins_nothing_more_and_waits_for_what_is_under_way(
    service: RunningSandbox, pools: Callable[[str], Executor], kind: str
) -> None:
    ids = seeded(service, 400)
    api = hooked(service, partial(slowly, 0.05))
    with (
        pytest.raises(bulk.Interrupted) as caught,
        pressing(lambda: len(service.requests.of("extend")) > 3),
    ):
        bulk.extend(api, service.organisation, 5, session_ids=ids, executor=pools(kind), workers=2)

    report = caught.value.report
    assert ids_of(report, "done") == set(asked(service, "extend")), "a batch comes back before it is through"
    assert report.counts.keys() == {"done", "not_tried"}
    assert set(asked(service, "extend").values()) == {1}
    assert report.counts["done"] < 200


def test_ctrl_c_takes_back_what_no_worker_has_begun(service: RunningSandbox) -> None:
    ids = seeded(service, 25)
    api = hooked(service, partial(slowly, 0.3))
    with (
        pool("processes", 1) as executor,
        pytest.raises(bulk.Interrupted) as caught,
        pressing(lambda: bool(service.requests.of("extend"))),
    ):
        bulk.extend(api, service.organisation, 5, session_ids=ids, executor=executor, workers=5)

    report = caught.value.report
    assert ids_of(report, "done") == set(asked(service, "extend"))
    assert report.counts.keys() == {"done", "not_tried"}
    assert report.counts["done"] <= 4 * 5, "such a pool takes two batches more than it has processes"


@pytest.mark.needs_pace
@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_ctrl_c_twice_waits_for_nothing_and_says_what_is_unknown(
    service: RunningSandbox, connect: Connect, pools: Callable[[str], Executor], kind: str
) -> None:
    service.reset()  # of what an earlier try left
    ids = seeded(service, 400)
    service.fail("extend", delay=3, after=2)
    api = connect(service.host, service.access_token)
    with pool("processes") if kind == "processes" else contextlib.nullcontext(pools("cluster")) as executor:
        with (
            pytest.raises(bulk.Interrupted) as caught,
            pressing(lambda: len(service.requests.of("extend")) > 2, times=2),
        ):
            bulk.extend(api, service.organisation, 5, session_ids=ids, executor=executor, workers=2)
        report = caught.value.report
        service.mend()
    assert report.counts == {"unknown": 200, "not_tried": 200}
    assert set(asked(service, "extend")) <= ids_of(report, "unknown")


IN_A_TERMINAL = """
import signal, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from quantcdn import AISessionsApi, ApiClient, Configuration, bulk

def prepare(ready):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(ready, "ab") as file:
        file.write(b".")

if __name__ == "__main__":
    host, token, ready = sys.argv[1:]
    api = AISessionsApi(ApiClient(Configuration(host, token)))
    ids = [f"s-{number:04}" for number in range(200)]
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=prepare, initargs=(ready,)) as executor:
        try:
            bulk.extend(api, "sandbox", 5, session_ids=ids, executor=executor, workers=4)
        except bulk.Interrupted as interrupted:
            counts = interrupted.report.counts
            print(counts["done"], sorted(counts), flush=True)
"""


def test_ctrl_c_in_a_terminal_breaks_no_pool_whose_processes_ignore_it(service: RunningSandbox, tmp_path: Path) -> None:
    seeded(service, 200)
    service.fail("extend", delay=0.05)
    script, ready = tmp_path / "script.py", tmp_path / "ready"
    script.write_text(IN_A_TERMINAL)
    ready.touch()
    command = [sys.executable, str(script), service.host, service.access_token, str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        while ready.stat().st_size < 2 or not service.requests.of("extend"):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)

    assert said == f"{len(asked(service, 'extend'))} ['done', 'not_tried']\n"


def test_leaving_the_loop_over_sessions_ends_the_work(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor]
) -> None:
    seeded(service, 400)
    for _ in bulk.get(api, service.organisation, executor=pools("processes"), workers=2):
        break

    assert len(service.requests.of("get")) <= 4 * 25, "few come at a time"


# An export


def test_an_export_is_a_folder_of_parts_that_the_manifest_describes(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], tmp_path: Path
) -> None:
    ids = seeded(service, 100)
    api.delete_ai_session(service.organisation, ids[0])

    manifest = bulk.export(
        api, service.organisation, tmp_path / "all", session_ids=ids, executor=pools("processes"), workers=3
    )

    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "all.manifest.json"]
    assert bulk.Manifest.model_validate_json((tmp_path / "all.manifest.json").read_bytes()) == manifest
    assert [(part.name, part.ids, part.lines) for part in manifest.parts] == [
        ("part-000000.jsonl", 34, 33),
        ("part-000001.jsonl", 34, 34),
        ("part-000002.jsonl", 32, 32),
    ]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [part.name for part in manifest.parts]
    for part in manifest.parts:
        lines = (tmp_path / "all" / part.name).read_bytes()
        assert (len(lines), hashlib.sha256(lines).hexdigest()) == (part.size, part.sha256)
        assert stat.S_IMODE((tmp_path / "all" / part.name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "all").stat().st_mode) == 0o700
    assert (manifest.gone, manifest.size) == ((ids[0],), sum(part.size for part in manifest.parts))
    assert str(manifest) == f"complete: 1 gone, 99 done, {manifest.size} bytes"


def test_an_export_that_failed_in_part_goes_on_with_other_workers_in_the_same_parts(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], tmp_path: Path
) -> None:
    ids = seeded(service, 60)
    executor = pools("processes")
    service.fail("get", status=500, rate=0.5)
    first = bulk.export(api, service.organisation, tmp_path / "all", executor=executor, workers=4)
    service.mend()
    torn = next(iter((tmp_path / "all.partial").glob("part-*")))
    torn.write_bytes(torn.read_bytes() + b'{"id": "s-0')

    second = bulk.export(api, service.organisation, tmp_path / "all", executor=executor, workers=1)

    assert (first.complete, second.complete) == (False, True)
    assert set(first.failures) == {result for result in ids if asked(service, "get")[result] == 2}
    assert [part.ids for part in second.parts] == [15, 15, 15, 15]
    assert sorted(line["id"] for line in lines_of(tmp_path / "all")) == ids


def test_an_export_of_nothing_is_an_empty_folder(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], tmp_path: Path
) -> None:
    manifest = bulk.export(api, service.organisation, tmp_path / "all", executor=pools("processes"))

    assert (manifest.complete, manifest.parts, manifest.size) == (True, (), 0)
    assert list((tmp_path / "all").iterdir()) == []


def test_what_stands_in_the_way_of_an_export_is_refused_before_anything_is_sent(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], tmp_path: Path
) -> None:
    executor = pools("processes")

    def refused(error: type[Exception], match: str, name: str, **options: Any) -> None:
        for dry_run in (True, False):
            with pytest.raises(error, match=match):
                bulk.export(api, "org", tmp_path / name, dry_run=dry_run, **options)

    (tmp_path / "there").mkdir()
    refused(FileExistsError, "There is such a file already", "there", executor=executor)
    (tmp_path / "file.partial").write_bytes(b"")
    refused(NotADirectoryError, "go on without one", "file", executor=executor)
    (tmp_path / "folder.partial").mkdir(mode=0o700)
    refused(IsADirectoryError, "go on with one", "folder")
    (tmp_path / "link.partial").symlink_to(tmp_path / "folder.partial")
    refused(PermissionError, "it is a link", "link", executor=executor)
    (tmp_path / "open.partial").mkdir()
    (tmp_path / "open.partial").chmod(0o777)
    refused(PermissionError, "others may write to it", "open", executor=executor)
    (tmp_path / "other.partial").mkdir(mode=0o700)
    (tmp_path / "other.partial" / "part-000000.jsonl").write_bytes(b'{"id": "a"}')
    refused(ApiValueError, "begun by an export of other sessions", "other", executor=executor)

    assert len(service.requests) == 0


def test_two_exports_do_not_write_to_the_same_folder(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], tmp_path: Path
) -> None:
    seeded(service, 30)
    refusals: list[Exception] = []

    def meddle(_: bulk.Result) -> None:
        with pytest.raises(BlockingIOError, match="Another export writes here") as caught:
            bulk.export(api, service.organisation, tmp_path / "all", executor=pools("processes"))
        refusals.append(caught.value)

    manifest = bulk.export(
        api, service.organisation, tmp_path / "all", executor=pools("processes"), workers=1, on_result=meddle
    )

    assert manifest.complete
    assert len(refusals) == 30


def test_workers_that_do_not_share_the_folder_are_found_out(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], tmp_path: Path
) -> None:
    seeded(service, 30)
    place = tmp_path / "all.partial"

    def elsewhere(_: bulk.Result) -> None:
        (place / "part-000000.jsonl").write_bytes(b"")

    with pytest.raises(OSError, match="have all of them share the folder"):
        bulk.export(
            api, service.organisation, tmp_path / "all", executor=pools("processes"), workers=1, on_result=elsewhere
        )

    assert not (tmp_path / "all").exists()


def test_a_worker_that_cannot_write_ends_the_export(
    service: RunningSandbox, api: AISessionsApi, pools: Callable[[str], Executor], tmp_path: Path
) -> None:
    seeded(service, 30)

    class Moving(ThreadPoolExecutor):
        """Workers on a machine without the folder."""

        def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
            (batch,) = arguments
            part = batch.part and Path("/nowhere") / batch.part.name
            return super().submit(function, dataclasses.replace(batch, part=part))

    with Moving(1) as executor, pytest.raises(FileNotFoundError, match="/nowhere/part-"):
        bulk.export(api, service.organisation, tmp_path / "all", executor=executor)
