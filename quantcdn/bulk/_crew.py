"""Threads that work through sessions, at most so many at a time, and tell the truth whenever they are interrupted.

An exception out of a signal handler, such as Ctrl-C, comes between any two steps of the main thread. What takes a lock
in Python code may stay locked for ever then: a `Condition`, a `queue.Queue`, an executor, which moreover takes no work
once the main thread has ended. So what the threads share are single operations of C, which are done or are not:
`SimpleQueue.put` and `get`, and adding to a list or a set, or putting something in its place.
"""

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

from quantcdn._wire.secrets import forget_locals
from quantcdn.api import AISessionsApi
from quantcdn.bulk._progress import Bar
from quantcdn.bulk._report import Interrupted, Report, Result, outcome_of
from quantcdn.exceptions import ApiTypeError, ApiValueError

T = TypeVar("T")

_SLICE = 0.1
"""How long to wait without looking up, in seconds: on Windows, Ctrl-C is not heard before."""


class Crew:
    """Threads that work through sessions. It is for one piece of work.

    Args:
        api: the operations that they use.
        workers: how many threads.
        on_result: what to call with each result, in the thread that waits for the work.

    Raises:
        ApiTypeError: `on_result` cannot be called.
        ApiValueError: there cannot be so many threads.
    """

    def __init__(self, api: AISessionsApi, workers: int, on_result: Callable[[Result], object] | None) -> None:
        number = cast("object", workers)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ApiValueError(f"workers must be a whole number above 0, not {workers!r}")
        if not (on_result is None or callable(cast("object", on_result))):
            raise ApiTypeError(f"on_result must be a function that takes a Result, or None, not {on_result!r}")
        self._size = int(min(workers, _most(api)))
        self._on_result = on_result
        self._results: list[Result] = []
        self._jobs: SimpleQueue[int | None] = SimpleQueue()
        self._news: SimpleQueue[int | None] = SimpleQueue()
        self._handed_out: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._left: list[BaseException | None] = []

    @contextmanager
    def interruptible(self) -> Generator[None, None, None]:
        """Where Ctrl-C is pressed in a ``with`` block, tell what became of the sessions until then.

        Raises:
            Interrupted: it was.
        """
        try:
            yield
        except KeyboardInterrupt:
            self._send_home()
            raise Interrupted(self._report()) from None

    def pretend(self, targets: Sequence[Result]) -> Report:
        """Do nothing, and say so."""
        self._results = [_planned(target) for target in targets]
        for result in self._results:
            if result.outcome == "planned":
                self._tell(result)
        return self._report()

    def work(
        self,
        targets: Sequence[Result],
        call: Callable[[str], T],
        shown: Bar,
        keep: Callable[[T], object] | None = None,
    ) -> Report:
        """Call something with the id of each session that was not tried yet.

        Args:
            targets: the sessions.
            call: what to call; an exception is the result of that session. It changes something, unless its value is
                to be kept.
            shown: the bar to advance.
            keep: what to do with its value; an exception ends the work, and is raised.
        """
        results = self._results = list(targets)

        # Whoever does a job notes its result: an interrupt comes to the main thread only, and can lose none.
        def do(job: int) -> None:
            target = results[job]
            results[job] = target._replace(outcome="unknown")  # until it has ended
            try:
                value = call(target.session_id)
            except Exception as error:
                forget_locals(error)
                outcome = outcome_of(error, changes=keep is None)
                results[job] = target._replace(outcome=outcome, error=None if outcome == "gone" else error)
            else:
                if keep is not None:
                    keep(value)
                results[job] = target._replace(outcome="done")

        todo = [job for job, target in enumerate(targets) if target.outcome == "not_tried"]
        shown.expect(len(targets))
        shown.advance(len(targets) - len(todo))
        try:
            for job in self._each(do, todo):
                self._tell(results[job])
                shown.advance()
        finally:
            self._send_home()
            self._wait_until_all_left()
        return self._report()

    def _each(self, do: Callable[[int], None], todo: Sequence[int]) -> Iterator[int]:
        """Have each of the jobs done, and yield it when it is.

        As few are under way as there are threads, so that whatever ends the loop ends the work.
        """
        jobs = iter(todo)
        self._start(do, min(self._size, len(todo)))
        if not self._threads:  # there is no other than this one: on Pyodide, or where the system's limit is reached
            for job in jobs:
                do(job)
                yield job
            return
        for job in islice(jobs, len(self._threads)):
            self._hand_out(job)
        for _ in todo:
            yield self._done()
            for job in islice(jobs, 1):
                self._hand_out(job)

    def _start(self, do: Callable[[int], None], size: int) -> None:
        """Start as many threads as there can be."""
        with suppress(RuntimeError):  # no further one can be
            for _ in range(size):
                # As daemons, they do not keep a process whose work was given up. They end with the work otherwise.
                thread = threading.Thread(target=self._live, args=(do,), name="quantcdn-bulk", daemon=True)
                thread.start()
                self._threads.append(thread)

    def _live(self, do: Callable[[int], None]) -> None:
        """What each thread does."""
        error: BaseException | None = None
        try:
            while (job := self._jobs.get()) is not None:
                do(job)
                self._news.put(job)
        except BaseException as raised:
            error = raised
        self._left.append(error)
        self._send_home()
        self._news.put(None)

    def _hand_out(self, job: int) -> None:
        self._handed_out.add(job)  # before it may be begun
        self._jobs.put(job)

    def _done(self) -> int:
        """Wait for the next job that is done."""
        while True:
            with suppress(Empty):
                job = self._news.get(timeout=_SLICE)
                if job is None:  # a thread has left before its time
                    raise next(error for error in self._left if error is not None)
                return job

    def _send_home(self) -> None:
        """Have all threads leave when they have done what they do: each that takes this from the queue puts it back."""
        self._jobs.put(None)

    def _all_left(self) -> bool:
        return len(self._left) >= len(self._threads)

    def _wait_until_all_left(self) -> None:
        while not self._all_left():  # not by counting what comes: an interrupt may have lost some of it
            with suppress(Empty):
                self._news.get(timeout=_SLICE)
        for thread in self._threads:
            thread.join()

    def _report(self) -> Report:
        if self._all_left():
            return Report(tuple(self._results))
        # What was handed out may be begun at any moment.
        return Report(
            tuple(
                result._replace(outcome="unknown")
                if result.outcome == "not_tried" and job in self._handed_out
                else result
                for job, result in enumerate(self._results)
            )
        )

    def _tell(self, result: Result) -> None:
        if self._on_result is not None:
            self._on_result(result)


def _most(api: AISessionsApi) -> float:
    """How many calls at a time there may be.

    More than the client keeps connections would open one for each call, and urllib3 would warn each time. A double that
    stands in for the operations in a test keeps none.
    """
    client = cast("object", getattr(api, "api_client", None))
    number = getattr(getattr(client, "configuration", None), "connection_pool_maxsize", math.inf)
    return number or 1 if isinstance(number, int | None) else math.inf


def _planned(target: Result) -> Result:
    return target._replace(outcome="planned") if target.outcome == "not_tried" else target
