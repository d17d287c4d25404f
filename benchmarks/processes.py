"""A rival in a process of its own: run to its end, or under valgrind to count its instructions, or kept at work."""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_ROOT = Path(__file__).parent.parent

HAS_VALGRIND = shutil.which("valgrind") is not None
# Cachegrind without its caches counts instructions, and nothing else.
_VALGRIND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
# As many variables as a process usually has: some rivals look through them at each call.
_VARIABLES = {f"VARIABLE_{number}": "a value of some length" for number in range(30)}
_counted = re.compile(r"I +refs: +([\d,]+)").search


class Timed(NamedTuple):
    """What some calls, or a whole process, took, in seconds."""

    cpu: float
    wall: float


class Worker:
    """A rival that has made its first calls and waits for orders."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, scenario: str, calls: int, threads: int = 1) -> Timed:
        """Make calls, and tell what they took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(order(scenario, calls, threads), file=self._process.stdin, flush=True)
        return Timed(*map(float, self._process.stdout.readline().split()))


class Interpreter:
    """Python as the rivals run it: nothing differs between them but where a package is found first.

    Args:
        package: that place, or None.
        authority: the certificate of the authority to trust instead of the system's, or None.
        variables: what else stands in its environment.
    """

    def __init__(
        self, package: Path | None = None, authority: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        environment = {
            **_VARIABLES,
            **(variables or {}),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(place) for place in (package, _ROOT) if place is not None),
            "PYTHONHASHSEED": "0",
            **({"SSL_CERT_FILE": str(authority)} if authority else {}),
        }
        self._surroundings: dict[str, Any] = {"env": environment, "cwd": "/", "text": True}

    def run(self, *arguments: str) -> str:
        """Run it, and return what it prints."""
        command = [sys.executable, *arguments]
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        printed: str = subprocess.run(command, check=True, **pipes, **self._surroundings).stdout
        return printed

    def time(self, *arguments: str) -> Timed:
        """Run it, and tell what that took."""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        self.run(*arguments)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        return Timed(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)

    def count(self, *arguments: str, orders: str = "") -> int:
        """Run it under valgrind, and return how many instructions it took, without those of the kernel."""
        command = [*_VALGRIND, sys.executable, *arguments]
        ran = subprocess.run(command, input=orders, capture_output=True, **self._surroundings)
        counted = _counted(ran.stderr)
        if ran.returncode or counted is None:
            raise RuntimeError(f"It failed under valgrind:\n{ran.stderr}")
        return int(counted[1].replace(",", ""))

    @contextmanager
    def work(self, rival: str, url: str) -> Iterator[Worker]:
        """Keep a rival at work."""
        with self.start("-m", "benchmarks.worker", rival, url) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it is ready
            yield Worker(process)

    @contextmanager
    def start(self, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
        """Run it for the length of a ``with`` block, with pipes to and from it."""
        command = [sys.executable, *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **self._surroundings) as process:
            try:
                yield process
            finally:
                process.terminate()


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and those that are started here, to one core, always the same."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(cores)])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def order(scenario: str, calls: int, threads: int = 1) -> str:
    """What to tell a worker to do."""
    return f"{scenario},{calls},{threads}"
