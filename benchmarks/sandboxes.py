"""What the sandbox costs, into figures: samples by row and column.

``python -m benchmarks.sandboxes HOST TOKEN ID...`` writes to sessions without end, each in a thread of its own.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from benchmarks.measures import Bench, at_once
from benchmarks.processes import Interpreter, Timed, one_core
from benchmarks.service import KINDS, SESSIONS, Connection, Service, serving
from benchmarks.tables import FLOOR, Figures
from benchmarks.worker import repeat

CALLS = 200
HISTORIES = (10, 1_000, 10_000)
LISTED = 20
WRITERS = 16
GETS = 400
_UPDATE = b'{"newMessages":[{"role":"user","content":"And on Sundays?"}],"tokensUsed":10}'
_PATIENCE = 60  # seconds: within the time that a test may take
_ROWS = {"hello": FLOOR, "sandbox": "the sandbox"}


def _interpreter(bench: Bench) -> Interpreter:
    return Interpreter(bench.packages.get("sdk"))


def starts(bench: Bench) -> Figures:
    """How many seconds it takes from nothing to the first answer, of CPU and of wall time."""
    interpreter = _interpreter(bench)
    figures: Figures = {row: {"CPU time": [], "wall time": []} for row in _ROWS.values()}
    for _ in range(bench.rounds):
        for kind, row in _ROWS.items():
            timed = interpreter.run("-m", "benchmarks.service", "start", kind).split()
            for samples, seconds in zip(figures[row].values(), timed, strict=True):
                samples.append(float(seconds))
    return figures


def start_instructions(bench: Bench) -> Figures:
    """How many instructions that takes."""
    interpreter = _interpreter(bench)
    counts = at_once(lambda kind: interpreter.count("-m", "benchmarks.service", "start", kind), ("nothing", *KINDS))
    return {row: {"instructions": [counts[kind] - counts["nothing"]]} for kind, row in _ROWS.items()}


def rates(bench: Bench) -> tuple[Figures, Figures]:
    """How many calls a second are answered on one core, and how many seconds of CPU the service takes for each."""
    rate: Figures = {row: {} for row in _ROWS.values()}
    cpu: Figures = {row: {} for row in _ROWS.values()}
    with ExitStack() as stack, one_core():
        jobs = {}
        for kind, row in _ROWS.items():
            service = stack.enter_context(serving(kind, interpreter=_interpreter(bench)))
            connection = stack.enter_context(Connection(service.host, service.token))
            path = "/" if kind == "hello" else f"{SESSIONS}/{service.seed('rate', 1, messages=2)[0]}"
            jobs[row] = service, connection, connection.request("GET", path)
        for _ in range(bench.rounds):
            for row, job in jobs.items():
                took = _asked(*job)
                rate[row].setdefault("get", []).append(1 / took.wall)
                cpu[row].setdefault("get", []).append(took.cpu)
    return rate, cpu


def histories(bench: Bench) -> Figures:
    """How many seconds of CPU the sandbox takes for a call, by how many messages each session has."""
    figures: Figures = {}
    for place in ("in memory", "in a file"):
        for messages in HISTORIES:
            with TemporaryDirectory() as folder, one_core():
                database = Path(folder, "sessions.db") if place == "in a file" else None
                with (
                    serving(database=database, interpreter=_interpreter(bench)) as service,
                    Connection(service.host, service.token) as connection,
                ):
                    ids = service.seed("history", LISTED, messages)
                    requests = {
                        f"list of {LISTED}, {place}": connection.request("GET", SESSIONS),
                        f"update, {place}": connection.request("PUT", f"{SESSIONS}/{ids[0]}", _UPDATE),
                    }
                    for row, request in requests.items():
                        samples = [_asked(service, connection, request).cpu for _ in range(bench.few_rounds)]
                        figures.setdefault(row, {})[f"{messages:,} messages"] = samples
    return figures


def beside_writers(bench: Bench) -> Figures:
    """How many seconds a get takes of a sandbox with its sessions in a file, alone and beside some who write."""
    figures: Figures = {}
    interpreter = _interpreter(bench)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        service = stack.enter_context(serving(database=Path(folder, "sessions.db"), interpreter=interpreter))
        connection = stack.enter_context(Connection(service.host, service.token))
        read, *written = service.seed("writers", 1 + WRITERS, messages=2)
        request = connection.request("GET", f"{SESSIONS}/{read}")
        for row in ("alone", f"beside {WRITERS} writers"):
            if row != "alone":
                stack.enter_context(writing(interpreter, service, written))
            columns = figures.setdefault(row, {"median": [], "99th percentile": []})
            for _ in range(bench.rounds):
                percentiles = quantiles((_seconds(lambda: connection.ask(request)) for _ in range(GETS)), n=100)
                columns["median"].append(percentiles[49])
                columns["99th percentile"].append(percentiles[98])
    return figures


@contextmanager
def writing(interpreter: Interpreter, service: Service, ids: list[str]) -> Iterator[None]:
    """Update each of some sessions, one time after the other, for the length of a ``with`` block."""
    with interpreter.start("-m", "benchmarks.sandboxes", service.host, service.token, *ids) as writers:
        assert writers.stdout is not None
        said = writers.stdout.readline()
        assert said == "at work\n", said or "The writers have ended"
        yield


def _asked(service: Service, connection: Connection, request: bytes) -> Timed:
    """What one of many equal requests takes, in seconds: of CPU in the service, and of wall time."""
    cpu = service.cpu()
    wall = _seconds(lambda: repeat(lambda: connection.ask(request), CALLS))
    return Timed((service.cpu() - cpu) / CALLS, wall / CALLS)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Write without end, and say when all have begun."""
    host, token, *ids = sys.argv[1:]
    begun = threading.Barrier(len(ids) + 1)
    waiting = dict.fromkeys(ids)

    def write(session_id: str) -> None:
        with Connection(host, token) as connection:
            request = connection.request("PUT", f"{SESSIONS}/{session_id}", _UPDATE)
            connection.ask(request)
            del waiting[session_id]
            begun.wait()
            while True:
                connection.ask(request)

    for session_id in ids:
        threading.Thread(target=write, args=[session_id], daemon=True).start()
    try:
        begun.wait(_PATIENCE)
    except threading.BrokenBarrierError:
        sys.exit(f"No first write to {', '.join(waiting)} within {_PATIENCE} s")
    print("at work", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
