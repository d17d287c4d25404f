"""A rival at work, in a process of its own: ``python -m benchmarks.worker RIVAL URL [PROMISE]``.

It makes each kind of call a few times, says that it is ready, and then does what each line of its standard input says:
a scenario, how many calls to make, and how many threads share them. It answers with the seconds of CPU and of wall
time that passed. Where a promise of the SDK is named, that one is not kept.
"""

import gc
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any

from benchmarks.answers import TOKEN, organisation_with, session_with
from benchmarks.rivals import RIVALS, Calls

WARM_UP = 5


def client_of(rival: str, url: str) -> Calls:
    """The client of a rival."""
    client: Calls = import_module(f"benchmarks.rivals.{RIVALS[rival].module}").Client(url, TOKEN)
    return client


def call_of(client: Calls, scenario: str) -> Callable[[], Any]:
    """The call of a scenario, like ``list`` or ``list 100``: its size is 2 unless it says otherwise."""
    operation, _, size = scenario.partition(" ")
    organisation, session_id = organisation_with(int(size or 2)), session_with(int(size or 2))
    return {
        "get": lambda: client.get_session(organisation, session_id),
        "list": lambda: client.list_sessions(organisation),
        "create": lambda: client.create_session(organisation),
        "update": lambda: client.update_session(organisation, session_id),
        "delete": lambda: client.delete_session(organisation, session_id),
    }[operation]


def repeat(call: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        call()


@cache
def pool_of(threads: int) -> ThreadPoolExecutor:
    """Threads that stay, so that each keeps its connection where a rival gives it one."""
    return ThreadPoolExecutor(threads)


def timed(call: Callable[[], Any], times: int, threads: int) -> tuple[float, float]:
    """Make a call so many times in all, and tell what CPU and wall time that took."""
    cpu, wall = time.process_time(), time.perf_counter()
    list(pool_of(threads).map(repeat, [call] * threads, [times // threads] * threads))
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    rival, url, *promises = sys.argv[1:]
    for promise in promises:
        import_module("benchmarks.promises").WITHOUT[promise]()
    client = client_of(rival, url)
    for operation in ("get", "list", "create", "update", "delete"):
        repeat(call_of(client, operation), WARM_UP)
    gc.collect()
    gc.freeze()  # so that when the collector runs, and over what, depends on the calls alone
    print("ready", flush=True)
    for line in sys.stdin:
        scenario, calls, threads = line.split(",")
        print(*timed(call_of(client, scenario), int(calls), int(threads)), flush=True)


if __name__ == "__main__":
    main()
