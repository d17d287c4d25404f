"""Threads that work through sessions, at most so many at a time, and tell the truth whenever they are interrupted.

An exception out of a signal handler, such as Ctrl-C, comes between any two steps of the main thread. What takes a lock
in Python code may stay locked for ever then: a `Condition`, a `queue.Queue`, an executor, which moreover takes no work
once the main thread has ended. So what the threads share are single operations of C, which are done or are not:
`SimpleQueue.put` and `get`, adding to a list, and putting something in the place of another.
"""

import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._shared import start
from quantcdn._wire.secrets import forget_locals
from quantcdn.api import AISessionsApi
from quantcdn.bulk._progress import Bar
from quantcdn.bulk._report import Interrupted, Report, Result, outcome_of
from quantcdn.exceptions import ApiTypeError, ApiValueError

T = TypeVar("T")

Perform = Callable[[Sequence[Result]], Iterable[Result]]
"""Does what there is to do for some sessions, and says what became of each, in their order."""

_SLICE = 0.1
"""How long to wait without looking up, in seconds: on Windows, Ctrl-C is not heard before."""


class Crew:
    """Threads that work through sessions. It is for one piece of work.

    Args:
        api: the operations that they use; None where they use none.
        workers: how many threads.
        on_result: what to call with each result, in the thread that waits for the work.

    Attributes:
        is_leaving: whether nothing more is to be begun.

    Raises:
        ApiTypeError: `on_result` cannot be called.
        ApiValueError: there cannot be so many threads.
    """

    def __init__(self, api: AISessionsApi | None, workers: int, on_result: Callable[[Result], object] | None) -> None:
        number = cast("object", workers)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ApiValueError(f"workers must be a whole number above 0, not {workers!r}")
        if not (on_result is None or callable(cast("object", on_result))):
            raise ApiTypeError(f"on_result must be a function that takes a Result, or None, not {on_result!r}")
        self._size = int(min(workers, _most(api)))
        self._on_result = on_result
        self._results: list[Result] = []
        self._jobs: SimpleQueue[Sequence[int] | None] = SimpleQueue()
        self._news: SimpleQueue[Sequence[int] | None] = SimpleQueue()
        self._last_handed_out = -1  # they are handed out in their order
        self._threads: list[threading.Thread] = []
        self._left: list[BaseException | None] = []
        self.is_leaving = False

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

    def work(self, targets: list[Result], perform: Perform, shown: Bar, size: int = 1) -> Report:
        """Have done what there is to do for each session that was not tried yet.

        Args:
            targets: the sessions; in their place comes what became of them, so that there is one record of each.
            perform: does it.
            shown: the bar to advance.
            size: how many sessions to hand to `perform` at a time.
        """
        try:
            for _ in self.each(targets, perform, shown, size):
                pass
        finally:
            self.leave()
        return self._report()

    def each(self, targets: list[Result], perform: Perform, shown: Bar, size: int = 1) -> Iterator[Result]:
        """The same, and yield what became of each as it comes; at the end, whatever it is, comes `leave`."""
        results = self._results = targets

        # Whoever does a job notes its result: an interrupt comes to the main thread only, and can lose none.
        def do(jobs: Sequence[int]) -> None:
            given = [results[job] for job in jobs]
            for job in jobs:
                results[job] = results[job]._replace(outcome="unknown")  # until it has ended
            for job, result in zip(jobs, perform(given), strict=True):
                results[job] = result

        todo = [job for job, target in enumerate(results) if target.outcome == "not_tried"]
        shown.expect(len(results))
        shown.advance(len(results) - len(todo))
        firsts = range(0, len(todo), size)
        for jobs in self._each(do, (todo[first : first + size] for first in firsts), len(firsts)):
            shown.advance(len(jobs))
            for job in jobs:
                self._tell(results[job])
                yield results[job]

    def leave(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._send_home()
        while not self._all_left():  # not by counting what comes: an interrupt may have lost some of it
            with suppress(Empty):
                self._news.get(timeout=_SLICE)
        for thread in self._threads:
            thread.join()

    def _each(
        self, do: Callable[[Sequence[int]], None], pending: Iterator[Sequence[int]], count: int
    ) -> Iterator[Sequence[int]]:
        """Have each of so many jobs done, and yield it when it is.

        As few are under way as there are threads, so that whatever ends the loop ends the work.
        """
        self._start(do, min(self._size, count))
        if not self._threads:  # there is no other than this one: on Pyodide, or where the system's limit is reached
            for jobs in pending:
                do(jobs)
                yield jobs
            return
        for jobs in islice(pending, len(self._threads)):
            self._hand_out(jobs)
        for _ in range(count):
            yield self._done()
            for jobs in islice(pending, 1):
                self._hand_out(jobs)

    def _start(self, do: Callable[[Sequence[int]], None], size: int) -> None:
        """Start as many threads as there can be."""
        for _ in range(size):
            # As daemons, they do not keep a process whose work was given up. They end with the work otherwise.
            thread = threading.Thread(target=self._live, args=(do,), name="quantcdn-bulk", daemon=True)
            try:
                start(thread)
            except RuntimeError as error:
                if raised_by_signal_handler(error):
                    raise
                return  # no further one can be
            self._threads.append(thread)

    def _live(self, do: Callable[[Sequence[int]], None]) -> None:
        """What each thread does."""
        error: BaseException | None = None
        try:
            while (jobs := self._jobs.get()) is not None:
                do(jobs)
                self._news.put(jobs)
        except BaseException as raised:
            error = raised
        self._left.append(error)
        self._send_home()
        self._news.put(None)

    def _hand_out(self, jobs: Sequence[int]) -> None:
        self._last_handed_out = jobs[-1]  # before they may be begun
        self._jobs.put(jobs)

    def _done(self) -> Sequence[int]:
        """Wait for the next job that is done."""
        while True:
            with suppress(Empty):
                jobs = self._news.get(timeout=_SLICE)
                if jobs is None:  # a thread has left before its time
                    raise next(error for error in self._left if error is not None)
                return jobs

    def _send_home(self) -> None:
        """Have all threads leave when they have done what they do: each that takes this from the queue puts it back."""
        self.is_leaving = True
        self._jobs.put(None)

    def _all_left(self) -> bool:
        return len(self._left) >= len(self._threads)

    def _report(self) -> Report:
        if self._all_left():
            return Report(tuple(self._results))
        # What was handed out may be begun at any moment.
        return Report(
            tuple(
                result._replace(outcome="unknown")
                if result.outcome == "not_tried" and job <= self._last_handed_out
                else result
                for job, result in enumerate(self._results)
            )
        )

    def _tell(self, result: Result) -> None:
        if self._on_result is not None:
            self._on_result(result)


def calling(call: Callable[[str], T], keep: Callable[[T], object] | None = None) -> Perform:
    """Call something with the id of each session.

    Args:
        call: what to call; an exception is the result of that session. It changes something, unless its value is to be
            kept.
        keep: what to do with its value; an exception ends the work, and is raised.
    """

    def perform(targets: Sequence[Result]) -> Iterator[Result]:
        for target in targets:
            try:
                value = call(target.session_id)
            except Exception as error:
                if raised_by_signal_handler(error):  # without threads, this is the main one
                    raise
                forget_locals(error)
                outcome = outcome_of(error, changes=keep is None)
                yield target._replace(outcome=outcome, error=None if outcome == "gone" else error)
            else:
                if keep is not None:
                    keep(value)
                yield target._replace(outcome="done")

    return perform


def in_a_thread(ask: Callable[[], T]) -> T:
    """What a function returns that takes locks, and waits: an interrupt of the main thread leaves none of them locked.

    Raises:
        BaseException: it did.
    """
    answers: SimpleQueue[T] = SimpleQueue()
    errors: list[BaseException] = []

    def live() -> None:
        try:
            answers.put(ask())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=live, name="quantcdn-bulk", daemon=True)
    try:
        start(thread)
    except RuntimeError as error:
        if raised_by_signal_handler(error):
            raise
        return ask()  # there is no other than this one
    while True:
        with suppress(Empty):
            return answers.get(timeout=_SLICE)
        if errors:
            raise errors[0]


def _most(api: AISessionsApi | None) -> float:
    """How many calls at a time there may be.

    More than the client keeps connections would open one for each call, and urllib3 would warn each time. A double that
    stands in for the operations in a test keeps none.
    """
    client = cast("object", getattr(api, "api_client", None))
    number = getattr(getattr(client, "configuration", None), "connection_pool_maxsize", math.inf)
    return number or 1 if isinstance(number, int | None) else math.inf


def _planned(target: Result) -> Result:
    return target._replace(outcome="planned") if target.outcome == "not_tried" else target
