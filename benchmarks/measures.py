"""What is measured, each into figures: samples by rival and column.

The n-th samples of all rivals were taken in the same round, in which they took turns, so that they can be compared
one by one.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from benchmarks.answers import TOKEN, organisation_with, session_with
from benchmarks.canned import Server, serving
from benchmarks.processes import Interpreter, Worker, one_core, order
from benchmarks.promises import WITHOUT
from benchmarks.relay import Relay, relaying
from benchmarks.rivals import RIVALS
from benchmarks.tables import Figures

Job = TypeVar("Job")

THREADS = (1, 4, 16)


@dataclass(frozen=True)
class Bench:
    """All that a measurement needs.

    Attributes:
        server: the server that answers.
        secure_server: the same over TLS.
        packages: where the package of a rival is found.
        rivals: who takes part, the floor first.
        scenarios: the calls to measure, and how many to make at a time.
        rounds: how many times the rivals take turns where time is measured.
        sizes: how many sessions to work on where there are many.
    """

    server: Server
    secure_server: Server
    packages: dict[str, Path]
    rivals: list[str]
    scenarios: dict[str, int]
    rounds: int
    sizes: list[int]

    @property
    def few_rounds(self) -> int:
        """How many there are of what takes long and repeats well."""
        return self.rounds // 5

    def interpreter(self, rival: str) -> Interpreter:
        """Python as this rival runs it."""
        return Interpreter(self.packages.get(rival), self.server.authority)

    def workers(self, stack: ExitStack) -> dict[str, Worker]:
        """A worker for each rival, at work until the stack unwinds."""
        return {
            rival: stack.enter_context(self.interpreter(rival).work(rival, self.server.url)) for rival in self.rivals
        }


def instructions(bench: Bench, scenarios: dict[str, int]) -> Figures:
    """How many instructions a call takes."""
    return _instructions(bench, {rival: (rival, bench.server.url) for rival in bench.rivals}, scenarios)


def promises(bench: Bench, scenarios: dict[str, int]) -> tuple[Figures, Figures]:
    """How many instructions a call takes, and how many in a process that does without one of the promises."""
    every = {"sdk": ("sdk", bench.server.url)}
    all_but_one = {promise: ("sdk", bench.server.url, promise) for promise in WITHOUT}
    return _instructions(bench, every, scenarios), _instructions(bench, all_but_one, scenarios)


def _instructions(bench: Bench, workers: Mapping[str, tuple[str, ...]], scenarios: dict[str, int]) -> Figures:
    """By worker and scenario: what so many calls add to a process that makes none, shared among them."""

    def count(job: tuple[tuple[str, ...], str, int]) -> float:
        arguments, scenario, calls = job
        return bench.interpreter(arguments[0]).count(
            "-m", "benchmarks.worker", *arguments, orders=order(scenario, calls)
        )

    orders = [("get", 0), *scenarios.items()]
    counts = at_once(count, [(worker, *job) for worker in workers.values() for job in orders])
    return {
        name: {
            scenario: [(counts[worker, scenario, calls] - counts[worker, "get", 0]) / calls]
            for scenario, calls in scenarios.items()
        }
        for name, worker in workers.items()
    }


def imports(bench: Bench) -> Figures:
    """How many instructions it takes to import what is needed; and that, a client, and a first call answered."""

    def count(job: tuple[str, str]) -> float:
        rival, what = job
        return bench.interpreter(rival).count("-c", _program(bench, rival, what))

    counts = at_once(count, [(rival, what) for rival in bench.rivals for what in ("nothing", *_PROGRAMS)])
    return {
        rival: {what: [counts[rival, what] - counts[rival, "nothing"]] for what in _PROGRAMS} for rival in bench.rivals
    }


def import_times(bench: Bench) -> Figures:
    """The same in seconds of CPU time."""
    figures: Figures = {rival: {what: [] for what in _PROGRAMS} for rival in bench.rivals}
    for _ in range(bench.rounds):
        for rival, columns in figures.items():
            interpreter = bench.interpreter(rival)
            nothing = _cpu_of(interpreter, "pass")
            for what, samples in columns.items():
                samples.append(_cpu_of(interpreter, _program(bench, rival, what)) - nothing)
    return figures


_PROGRAMS = ("import", "import, client and first call")


def _program(bench: Bench, rival: str, what: str) -> str:
    if what == "nothing":
        return "pass"
    if what == "import":
        return RIVALS[rival].imports
    get = f"Client({bench.server.url!r}, {TOKEN!r}).get_session({organisation_with(2)!r}, {session_with(2)!r})"
    return f"from benchmarks.rivals.{RIVALS[rival].module} import Client; {get}"


def _cpu_of(interpreter: Interpreter, program: str) -> float:
    return interpreter.time("-c", program).cpu


def times(bench: Bench) -> tuple[Figures, Figures]:
    """How many seconds a call takes, of CPU and of wall time, on the core of the server.

    On another one it takes longer, and not always as much: each answer would have to wake that core.
    """
    cpu: Figures = {rival: {scenario: [] for scenario in bench.scenarios} for rival in bench.rivals}
    wall: Figures = {rival: {scenario: [] for scenario in bench.scenarios} for rival in bench.rivals}
    with ExitStack() as stack:
        with one_core():
            workers = bench.workers(stack)
        for _ in range(bench.rounds):
            for scenario, calls in bench.scenarios.items():
                for rival, worker in workers.items():
                    timed = worker.do(scenario, calls)
                    cpu[rival][scenario].append(timed.cpu / calls)
                    wall[rival][scenario].append(timed.wall / calls)
    return cpu, wall


def threads(bench: Bench, calls: int) -> tuple[Figures, Figures]:
    """How many calls a second some threads make that share a client, and how many connections that client opened."""
    rates: Figures = {rival: {} for rival in bench.rivals}
    connections: Figures = {rival: {} for rival in bench.rivals}
    for number in THREADS:
        column = f"{number} thread{'s' if number > 1 else ''}"
        with ExitStack() as stack:
            workers = bench.workers(stack)
            for rival in bench.rivals:
                rates[rival][column], connections[rival][column] = [], [1]  # it has one, of its first calls
            for _ in range(bench.rounds):
                for rival, worker in workers.items():
                    before = bench.server.accepted()
                    rates[rival][column].append(calls / worker.do("get", calls, number).wall)
                    connections[rival][column][0] += bench.server.accepted() - before
    return rates, connections


def memory(bench: Bench, rounds: int = 3) -> Figures:
    """How many bytes 10,000 listed sessions hold, and how many reading a session of 20 MB takes at its peak."""
    figures: Figures = {rival: {} for rival in bench.rivals}
    for _ in range(rounds):
        for rival, columns in figures.items():
            for what, title in _MEMORY.items():
                size = bench.interpreter(rival).run("-m", "benchmarks.memory", what, rival, bench.server.url)
                columns.setdefault(title, []).append(float(size))
    return figures


_MEMORY = {"held": "10,000 listed sessions hold", "peak": "reading a session of 20 MB takes at its peak"}


def connections(bench: Bench) -> Figures:
    """How many seconds a get takes over a new TLS connection, the first of a client and a further one."""
    secure = replace(bench, server=bench.secure_server)
    return _by_network(secure, {what: (what, secure.server.url) for what in ("first", "further")})[0]


def proxied(bench: Bench) -> Figures:
    """How many seconds a create takes: directly, with socket options of one's own, and behind a proxy."""
    with relaying(Relay(bench.server.port)) as proxy:
        calls = {
            "directly": ("create", bench.server.url),
            "with `socket_options`": ("tuned create", bench.server.url),
            "behind a proxy": ("create", bench.server.url, proxy),
        }
        return _by_network(bench, calls)[0]


def packed(bench: Bench) -> tuple[Figures, Figures, dict[str, int]]:
    """How many seconds a history of 1,000 messages takes over a line, as it comes and packed, and how many of CPU.

    The line takes 20 ms there and back, and carries 10 Mbit/s. How many bytes came is told as well.
    """
    with serving(varied=True) as server, ExitStack() as stack:
        relays = {what: Relay(server.port, delay=0.01, rate=10e6 / 8) for what in ("plain", "gzip")}
        calls = {what: (what, stack.enter_context(relaying(relay))) for what, relay in relays.items()}
        wall, cpu = _by_network(bench, calls)
        return wall, cpu, {what: relay.largest for what, relay in relays.items()}


def _by_network(bench: Bench, calls: Mapping[str, tuple[str, ...]]) -> tuple[Figures, Figures]:
    """How many seconds calls take, of wall time and of CPU."""
    rivals = ("floor", "sdk")
    wall: Figures = {rival: {title: [] for title in calls} for rival in rivals}
    cpu: Figures = {rival: {title: [] for title in calls} for rival in rivals}
    for _ in range(bench.few_rounds):
        for title, call in calls.items():
            for rival in rivals:
                printed = bench.interpreter(rival).run("-m", "benchmarks.network", rival, *call)
                for samples, seconds in zip((wall[rival][title], cpu[rival][title]), printed.split(), strict=True):
                    samples.append(float(seconds))
    return wall, cpu


def at_once(count: Callable[[Job], float], jobs: Iterable[Job]) -> dict[Job, float]:
    """Count for each job, with all cores: instructions are the same whatever else the machine does."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {job: pool.submit(count, job) for job in jobs}
        return {job: future.result() for job, future in running.items()}
