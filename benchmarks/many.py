"""What work on many sessions costs, and that none is lost or doubled: ``python -m benchmarks.many`` prints tables.

One sandbox in a process of its own has the sessions, and counts how often each was asked for. They are exported and
deleted by threads, in a process whose memory is looked at; then by Dask clusters of so many processes, of a service
that takes a while to answer, as over a network; and at last all of them by one cluster, of which three workers are
killed amid each piece of work. It needs psutil and distributed, and half an hour; ``--quick`` takes a minute.
"""

import argparse
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.report import machine
from quantcdn import AISessionsApi, ApiClient, Configuration, bulk
from quantcdn.sandbox import running

LATENCY = 0.02  # seconds, from request to answer, where clusters of several sizes are compared
ORGANISATION = "sandbox"
_MESSAGE = {"role": "user", "content": "What are your opening hours? " * 4}
_MEGABYTE = 1e6


class Service:
    """A sandbox in a process of its own, which does what it is told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.host, self.token = self.ask("address")

    def ask(self, *order: object) -> Any:
        """Give it an order, and read its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def counted(self, operation: str) -> dict[str, int]:
        """How many sessions were asked for how often, since this was asked last."""
        counts: dict[str, int] = self.ask("counted", operation)
        return counts


@contextmanager
def serving() -> Iterator[Service]:
    """Run it for the length of a ``with`` block."""
    command = [sys.executable, "-m", "benchmarks.many", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Service(process)
        finally:
            process.terminate()


def _serve() -> None:
    counts: dict[str, Counter[str]] = {}
    with (
        running() as sandbox,
        sandbox.requests.told(
            lambda request: counts.setdefault(request.operation or "", Counter()).update([request.session_id or ""])
        ),
    ):
        for line in sys.stdin:
            order, *arguments = json.loads(line)
            answer: object = None
            if order == "address":
                answer = sandbox.host, sandbox.access_token
            elif order == "seed":
                group, number = arguments
                answer = sandbox.load(
                    json.dumps({"id": f"{group}-{index:06}", "sessionGroup": group, "messages": [_MESSAGE] * 8})
                    for index in range(number)
                )
            elif order == "delay":
                sandbox.mend()
                if arguments[0]:
                    sandbox.fail("any", delay=arguments[0])
            else:
                answer = Counter(counts.pop(arguments[0], Counter()).values())
            print(json.dumps(answer), flush=True)


def connected(host: str, token: str) -> AISessionsApi:
    """The operations."""
    return AISessionsApi(ApiClient(Configuration(host, token)))


# By threads


def by_threads(service: Service, sizes: list[int], folder: Path) -> Iterator[str]:
    """A table of exports, and of the deletion of what was exported, by eight threads."""
    yield "Sessions | Work | Sessions a second | CPU time of each | Memory that it takes"
    yield "-----: | ---- | -----: | -----: | -----:"
    for size in sizes:
        group = f"threads-{size}"
        service.ask("seed", group, size)
        for work in ("export", "delete"):
            command = [sys.executable, "-m", "benchmarks.many", "--work", work, service.host, service.token, group]
            ran = subprocess.run([*command, str(folder / group)], check=True, capture_output=True, text=True)
            wall, cpu, memory, count = json.loads(ran.stdout)
            assert count == size, ran.stdout
            assert service.counted({"export": "get"}.get(work, work)) == {"1": size}
            yield (
                f"{size:,} | {work} | {size / wall:,.0f} | {1e6 * cpu / size:,.0f} µs | {memory / _MEGABYTE:,.1f} MB"
            )


def _work(work: str, host: str, token: str, group: str, path: str) -> None:
    """Do a piece of work, and print what it took: wall time, CPU time, memory at most, and how many were done."""
    import resource

    api = connected(host, token)
    api.list_ai_sessions(ORGANISATION, limit=100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    if work == "export":
        counts = dict(bulk.export(api, ORGANISATION, path, session_group=group, workers=8).counts)
    else:
        counts = dict(bulk.delete(api, ORGANISATION, session_group=group, workers=8).counts)
    took = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps([*took, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before), counts.get("done")]))


# By clusters


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
    service.ask("seed", "cluster", count)
    service.ask("delay", LATENCY)
    api = connected(service.host, service.token)
    ids = [f"cluster-{index:06}" for index in range(count)]
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
    """A table of work on all sessions by one cluster, of which a worker is killed at each quarter."""
    yield "Work | Sessions a second | Outcomes | Asked for once, again | Memory here | Memory of a worker"
    yield "---- | -----: | ---- | ---- | ---- | ----"
    service.ask("seed", "all", count)
    api = connected(service.host, service.token)
    with cluster(size) as client:
        for work in ("export", "extend", "delete"):
            client.wait_for_workers(size)
            options: Any = {"session_group": "all", "executor": client.get_executor(), "workers": size}
            options["on_result"] = _killing(client, count)
            memory = Memory()
            began = time.perf_counter()
            with memory.watched(client):
                counts = _done(work, api, folder, options)
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


def _killing(client: Any, count: int) -> Callable[[bulk.Result], None]:
    """What kills a worker, amid its work, when a quarter of so many sessions is dealt with, a half, and three."""
    workers = iter(client.run(os.getpid).values())  # those that are started in their place live
    marks = {count // 4, count // 2, 3 * count // 4}
    dealt_with = itertools.count(1)

    def note(_: bulk.Result) -> None:
        if next(dealt_with) in marks:
            for pid in itertools.islice(workers, 1):
                threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()

    return note


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description="Measure work on many sessions.")
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        _serve()
    elif arguments.work:
        _work(*arguments.work)
    else:
        most = 2_000 if arguments.quick else 100_000
        with serving() as service, tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            print(f"Measured on {machine()}.")
            for table in (
                by_threads(service, [most // 100, most // 10, most], folder),
                by_clusters(service, [1, 2] if arguments.quick else [1, 2, 4, 8], most // 25, folder),
                with_a_worker_killed(service, 2 if arguments.quick else 4, most, folder),
            ):
                print()
                for line in table:
                    print(line, flush=True)


if __name__ == "__main__":
    main()
