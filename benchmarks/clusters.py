"""What work on many sessions costs by clusters, and that none is lost or doubled: ``python -m benchmarks.clusters``.

One sandbox in a process of its own has the sessions, and counts how often each was asked for. They are exported by Dask
clusters of so many processes, of a service that takes a while to answer, as over a network; and then all of them are
worked on by one cluster for each piece of work, of which three workers are killed amid it. It needs psutil and
distributed, and a quarter of an hour; ``--quick`` takes a minute.
"""

import argparse
import itertools
import json
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.many import connected
from benchmarks.page import with_parts
from benchmarks.report import machine
from benchmarks.service import ORGANISATION, Service, serving
from quantcdn import AISessionsApi, bulk

LATENCY = 0.02  # seconds, from request to answer, where clusters of several sizes are compared
_MEGABYTE = 1e6


@contextmanager
def cluster(size: int) -> Iterator[Any]:
    """A client of a Dask cluster of so many processes of one thread each."""
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=size, threads_per_worker=1, **options) as made, Client(made) as client:
        yield client


def by_clusters(service: Service, sizes: list[int], count: int, folder: Path) -> Iterator[str]:
    """A table of the rate of an export against the number of workers."""
    yield "Workers | Sessions exported a second"
    yield "-----: | -----:"
    ids = service.seed("cluster", count)
    service.ask("delay", LATENCY)
    api = connected(service.host, service.token)
    for size in sizes:
        with cluster(size) as client:
            client.wait_for_workers(size)
            began = time.perf_counter()
            executor = client.get_executor()
            manifest = bulk.export(
                api, ORGANISATION, folder / f"of-{size}", session_ids=ids, executor=executor, workers=size
            )
            rate = count / (time.perf_counter() - began)
        assert manifest.complete
        yield f"{size} | {rate:,.0f}"
    service.counted("get")
    service.ask("delay", 0)


@dataclass
class Memory:
    """The memory of this process and of the largest worker, looked at now and then, in bytes."""

    here: list[int] = field(default_factory=list)
    worker: list[int] = field(default_factory=list)

    @contextmanager
    def watched(self, client: Any) -> Iterator[None]:
        """Look for the length of a ``with`` block."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.5):
                self.here.append(psutil.Process().memory_info().rss)
                sizes = [w["metrics"]["memory"] for w in client.scheduler_info(n_workers=-1)["workers"].values()]
                self.worker.append(max(sizes, default=0))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def __str__(self) -> str:
        parts = (self._early_and_late(sizes) for sizes in (self.here, self.worker))
        return " | ".join(f"{early / _MEGABYTE:,.0f} to {late / _MEGABYTE:,.0f} MB" for early, late in parts)

    @staticmethod
    def _early_and_late(sizes: list[int]) -> tuple[int, int]:
        fifth = max(1, len(sizes) // 5)
        return max(sizes[fifth : 2 * fifth], default=0), max(sizes[-fifth:], default=0)


def with_a_worker_killed(service: Service, size: int, count: int, folder: Path) -> Iterator[str]:
    """A table of work on all sessions, each by a cluster of its own, of which a worker is killed at each quarter."""
    yield "Work | Sessions a second | Outcomes | Asked for once, again | Memory here | Memory of a worker"
    yield "---- | -----: | ---- | ---- | ---- | ----"
    service.seed("all", count)
    api = connected(service.host, service.token)
    for work in ("export", "extend", "delete"):
        memory = Memory()
        with cluster(size) as client:
            client.wait_for_workers(size)
            began = time.perf_counter()
            with memory.watched(client), _killing(client, count) as kill:
                options: Any = {"session_group": "all", "executor": client.get_executor(), "workers": size}
                counts = _done(work, api, folder, {**options, "on_result": kill})
                rate = count / (time.perf_counter() - began)
        asked = service.counted({"export": "get"}.get(work, work))
        assert sum(counts.values()) == count
        assert work != "extend" or set(asked) <= {"1"}, asked
        outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in counts.items())
        once = asked.pop("1", 0)
        yield f"{work} | {rate:,.0f} | {outcomes} | {once:,}, {sum(asked.values()):,} | {memory}"
    assert api.list_ai_sessions(ORGANISATION, session_group="all") == []


def _done(work: str, api: AISessionsApi, folder: Path, options: Any) -> dict[str, int]:
    if work == "export":
        manifest = bulk.export(api, ORGANISATION, folder / "all", **options)
        assert manifest.complete
        parts = [(folder / "all" / part.name).read_bytes() for part in manifest.parts]
        ids = [json.loads(line)["id"] for part in parts for line in part.splitlines()]
        assert sorted(ids) == sorted(manifest.session_ids), "none is missing, and none comes twice"
        return dict(manifest.counts)
    report = (
        bulk.extend(api, ORGANISATION, 5, **options) if work == "extend" else bulk.delete(api, ORGANISATION, **options)
    )
    return {str(outcome): number for outcome, number in report.counts.items()}


@contextmanager
def _killing(client: Any, count: int) -> Iterator[Callable[[bulk.Result], None]]:
    """What kills a worker, but not the last, when a quarter of so many sessions is dealt with, a half, and three."""
    _, *workers = client.run(os.getpid).values()  # one lives: Dask does not promise to start others in their place
    left = iter(workers)
    marks = {count // 4, count // 2, 3 * count // 4}
    dealt_with = itertools.count(1)
    timers: list[threading.Timer] = []

    def note(_: bulk.Result) -> None:
        if next(dealt_with) in marks:
            for pid in itertools.islice(left, 1):
                timers.append(threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)))
                timers[-1].start()

    yield note
    for timer in timers:  # it has fired before the cluster ends, and the worker with it
        timer.join()


def tables(service: Service, folder: Path, *, quick: bool) -> Iterator[str]:
    """What was measured on what, and both tables with what they are of."""
    sizes, killed, most = ([1, 2], 2, 2_000) if quick else ([1, 2, 4, 8], 4, 100_000)
    yield f"Measured on {machine()}."
    yield f"""\
By a Dask cluster of so many processes of one thread each, {most // 25:,} sessions, of a service that answers after
{1000 * LATENCY:.0f} ms:"""
    yield "\n".join(by_clusters(service, sizes, most // 25, folder))
    yield f"""\
By a cluster of {killed} processes for each piece of work, {most:,} sessions, of a service that answers at once. A
worker is killed, amid a batch, when a quarter, a half and three quarters are dealt with."""
    yield "\n".join(with_a_worker_killed(service, killed, most, folder))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clusters", description="Measure work by clusters.")
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument("--into", type=Path, metavar="FILE", help="a page to write the tables into as well")
    arguments = parser.parse_args()
    parts: list[str] = []
    with serving() as service, tempfile.TemporaryDirectory() as temporary:
        for part in tables(service, Path(temporary), quick=arguments.quick):
            print(part, end="\n\n", flush=True)
            parts.append(part)
    if arguments.into:
        page = arguments.into.read_text(encoding="utf-8")
        arguments.into.write_text(with_parts(page, {"by clusters": "\n\n".join(parts)}), encoding="utf-8")


if __name__ == "__main__":
    main()
