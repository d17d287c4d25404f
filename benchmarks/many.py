"""What work on many sessions costs, and that none is lost or doubled.

A sandbox in a process of its own has the sessions, and counts how often each was asked for. They are exported and
deleted by eight threads, each piece of work in a fresh process:
``python -m benchmarks.many export|delete HOST TOKEN GROUP PATH`` does one, and prints what it took.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.memory import peak
from benchmarks.processes import Interpreter
from benchmarks.service import ORGANISATION, Service
from quantcdn import AISessionsApi, ApiClient, Configuration, bulk


class Taken(NamedTuple):
    """What a piece of work took.

    Attributes:
        sessions: how many sessions there were.
        work: what was done with them.
        wall: the wall time of a session, in seconds.
        cpu: the CPU time of a session, in seconds.
        served: the CPU time that the service took for a session, in seconds.
        memory: by how much the memory of the process grew, at most, in bytes.
    """

    sessions: int
    work: str
    wall: float
    cpu: float
    served: float
    memory: int


def by_threads(service: Service, sizes: list[int], folder: Path, interpreter: Interpreter) -> Iterator[Taken]:
    """Export so many sessions, and delete them."""
    for size in sizes:
        group = f"threads-{size}"
        service.seed(group, size)
        for work in ("export", "delete"):
            served = service.cpu()
            arguments = [work, service.host, service.token, group, str(folder / group)]
            wall, cpu, memory, count = json.loads(interpreter.run("-m", "benchmarks.many", *arguments))
            served = service.cpu() - served
            assert count == size, f"{count} of {size}"
            assert service.counted({"export": "get"}.get(work, work)) == {"1": size}
            yield Taken(size, work, wall / size, cpu / size, served / size, memory)


def connected(host: str, token: str) -> AISessionsApi:
    """The operations."""
    return AISessionsApi(ApiClient(Configuration(host, token)))


def main() -> None:
    """Do a piece of work, and print what it took: wall time, CPU time, memory at most, and how many were done."""
    work, host, token, group, path = sys.argv[1:]
    api = connected(host, token)
    api.list_ai_sessions(ORGANISATION, limit=100)
    before = peak()
    wall, cpu = time.perf_counter(), time.process_time()
    if work == "export":
        done = bulk.export(api, ORGANISATION, path, session_group=group, workers=8).counts["done"]
    else:
        done = bulk.delete(api, ORGANISATION, session_group=group, workers=8).counts["done"]
    took = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps([*took, peak() - before, done]))


if __name__ == "__main__":
    main()
