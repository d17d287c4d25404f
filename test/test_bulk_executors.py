"""Bulk work by executors of the application's own: a process pool, and a Dask cluster."""

import logging
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from conftest import Connect

from quantcdn import ApiTypeError, bulk
from quantcdn.sandbox import Sandbox, running

COUNT = 250


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=["processes", "threads", "dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "processes":
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield pool
    elif request.param == "threads":
        with ThreadPoolExecutor(2) as pool:
            yield pool
    else:
        distributed = pytest.importorskip("distributed")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client.get_executor()


def test_an_executor_gets_extends_and_deletes_each_session_once(
    service: Sandbox, connect: Connect, executor: Executor
) -> None:
    api = connect(service.host, service.access_token)
    made = {str(api.create_ai_session("sandbox", {"userId": "u"}).session_id) for _ in range(COUNT)}

    got = [str(session.id) for session in bulk.get(api, "sandbox", executor=executor)]
    extended = bulk.extend(api, "sandbox", 5, executor=executor)
    deleted = bulk.delete(api, "sandbox", everything=True, executor=executor)

    assert sorted(got) == sorted(made)
    assert (extended.counts, deleted.counts) == ({"done": COUNT}, {"done": COUNT})
    assert api.list_ai_sessions("sandbox") == []


def test_what_cannot_travel_is_refused(service: Sandbox, connect: Connect) -> None:
    api = connect(service.host, lambda: service.access_token)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as pool, pytest.raises(ApiTypeError, match="cannot be pickled"):
        bulk.delete(api, "sandbox", session_ids=["a"], executor=pool)
