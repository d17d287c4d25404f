"""What a call costs an asynchronous program: ``python -m benchmarks.asynchronous [--quick]`` prints a table.

Many tasks make their calls at a time, in threads, of a service that takes a while to answer, as over a network. While
they wait, the event loop is asked every millisecond whether it still turns.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple

from benchmarks.canned import Canned
from benchmarks.report import machine
from benchmarks.worker import WARM_UP, call_of, client_of, repeat

LATENCY = 0.02  # seconds, from request to answer
TASKS = 200
THREADS = 64
Ask = Callable[[Callable[[], Any]], Awaitable[Any]]


class Distant(Canned):
    """A connection to a service that is some way off."""

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(LATENCY, super().data_received, data)


class Figures(NamedTuple):
    """What came of it.

    Attributes:
        rate: calls a second.
        held_up: the longest that the event loop did not turn, in milliseconds; the median of all rounds.
    """

    rate: float
    held_up: float


async def measure(ask: Ask, call: Callable[[], Any], rounds: int) -> Figures:
    """Have so many tasks make a call each, some times over."""
    rates: list[float] = []
    longest: list[float] = []
    for _ in range(rounds):
        beats = asyncio.create_task(_longest_beat())
        began = time.perf_counter()
        await asyncio.gather(*(ask(call) for _ in range(TASKS)))
        rates.append(TASKS / (time.perf_counter() - began))
        await asyncio.sleep(0.002)  # a beat that is due comes first
        beats.cancel()
        longest.append(await beats)
    return Figures(median(rates), 1000 * median(longest))


async def _longest_beat() -> float:
    longest = 0.0
    try:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began - 0.001)
    except asyncio.CancelledError:
        return longest


async def report(url: str, rounds: int) -> Iterator[str]:
    """The table, line by line."""
    call = call_of(client_of("sdk", url), "get")
    repeat(call, WARM_UP)
    with ThreadPoolExecutor(THREADS) as threads:

        async def blocking(call: Callable[[], Any]) -> None:
            call()

        async def in_own_threads(call: Callable[[], Any]) -> None:
            await asyncio.get_running_loop().run_in_executor(threads, call)

        ways: dict[str, Ask] = {
            "called as it is, which blocks the event loop": blocking,
            "`asyncio.to_thread`": asyncio.to_thread,
            f"`run_in_executor` with {THREADS} threads": in_own_threads,
        }
        figures = {way: await measure(ask, call, rounds) for way, ask in ways.items()}
    rows = [f"{way} | {rate:,.0f} | {held_up:,.0f} ms" for way, (rate, held_up) in figures.items()]
    return iter(["Way | Calls a second | Event loop held up", "------------ | -------------: | -------------:", *rows])


@contextmanager
def distant_server() -> Iterator[str]:
    """Run the server in a process of its own; the value is its URL."""
    command = [sys.executable, "-m", "benchmarks.asynchronous", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Distant, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    if "--serve" in sys.argv:
        asyncio.run(_serve())
        return
    with distant_server() as url:
        print(f"Measured on {machine()}.\n")
        print(*asyncio.run(report(url, 1 if "--quick" in sys.argv else 15)), sep="\n")


if __name__ == "__main__":
    main()
