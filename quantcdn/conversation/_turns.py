"""One turn of a conversation at a time, whatever threads, interrupts and forks there are."""

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from quantcdn.exceptions import TimeoutException

T = TypeVar("T")

SLICE = 0.2
"""The longest to wait at a time, in seconds: on Windows, Ctrl-C does not wake who waits for a lock."""


class Turns:
    """Lets one thread at a time work, which may begin further work within its own.

    Args:
        after_fork: what is to be done in a child process before the first work in it.
    """

    def __init__(self, after_fork: Callable[[], object]) -> None:
        self._after_fork = after_fork
        self._process = os.getpid()
        # Of each process: in a child, the thread that would release the lock of its parent is missing.
        self._locks: dict[int, threading.RLock] = {}

    def take(self, work: Callable[[], T], seconds: float) -> T:
        """Do some work, alone.

        Args:
            work: the work.
            seconds: how long to wait for other threads; `math.inf` for no limit.

        Raises:
            TimeoutException: the work of another thread did not end in time.
        """
        process = os.getpid()
        lock = self._locks.setdefault(process, threading.RLock())
        ends = time.monotonic() + seconds
        taken: list[bool] = []
        try:
            while True not in taken:
                left = ends - time.monotonic()
                if taken and left <= 0:
                    reason = f"The turn of another thread did not end in time ({seconds:.3g} s allowed for waiting)"
                    raise TimeoutException(reason, never_sent=True)
                # Taken and noted in one call of C: between two of them, an exception of a signal handler would leave
                # it locked for ever. So would one at the beginning of an `__exit__`, were this a context manager.
                taken.extend(map(lock.acquire, [True], [min(max(left, 0), SLICE)]))
            if self._process != process:
                self._after_fork()
                self._process = process
            return work()
        finally:
            if True in taken:
                lock.release()
