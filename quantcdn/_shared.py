"""What threads share, made so that an exception out of a signal handler at any moment leaves nothing locked.

Such an exception, like Ctrl-C, comes between any two steps of the main thread; from Python 3.14 on also between taking
a lock and entering the ``with`` block that gives it back. So what is here are single operations of C, which are done or
are not.
"""

import _thread
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")


class Default(Generic[T]):
    """A value that all threads share, and that is made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, T] = {}

    def put(self, value: T | None) -> None:
        """Take another one; None to have it made again."""
        self._made = {} if value is None else {"": value}

    def get(self, make: Callable[[], T]) -> T:
        """The value. Several threads may make one each, all but one of which are forgotten."""
        made = self._made
        return made[""] if "" in made else made.setdefault("", make())


def undisturbed(work: Callable[[], T]) -> T:
    """Do work where no signal handler runs: in a thread of its own, unless this one is none in which they run.

    An import, for one, takes locks in Python code. Where it is interrupted, they may stay locked for all threads.
    """
    if threading.current_thread() is not threading.main_thread() or sys.is_finalizing():
        return work()
    results: list[T] = []
    failures: list[BaseException] = []
    running = _thread.allocate_lock()  # of the kind that the thread is of, be it gevent's

    def do() -> None:
        try:
            results.append(work())
        except BaseException as error:
            failures.append(error)
        finally:
            running.release()

    running.acquire()
    try:
        _thread.start_new_thread(do, ())
    except RuntimeError:  # there are no threads, or no more
        return work()
    running.acquire()
    if failures:
        raise failures.pop()  # its traceback holds this function, which must not hold it
    return results[0]


def start(thread: threading.Thread) -> None:
    """Start a thread where no signal handler runs: that takes locks of all threads.

    Raises:
        RuntimeError: no further thread can be started.
    """
    context = copy_context()  # which what traces an application hands on to the threads that are started
    undisturbed(lambda: context.run(thread.start))
