"""Extending a session in the background, by the service's own sense of time."""

import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple

from typing_extensions import Self

from quantcdn._shared import start
from quantcdn.conversation._turns import SLICE
from quantcdn.exceptions import (
    ApiValueError,
    ResponseFormatException,
    ServiceException,
    TooManyRequestsException,
    TransportException,
)

# What may pass. Where an extension took effect all the same, trying again extends the session once more: no harm.
_PASSING = (TransportException, ServiceException, TooManyRequestsException, ResponseFormatException)
# The shortest pause, in seconds, and that after an extension to a time that is over: of what a service does that does
# not extend any further, only it can tell the end.
_SHORTEST_PAUSE = 1.0
_PAUSE_BEYOND_THE_END = 15.0


class Expiry(NamedTuple):
    """When a session expires, on two clocks. The wall clock of this machine is none of them: it may be hours wrong.

    The service's own timestamps are compared with each other only. How long a session lived when it was created is the
    difference of two of them; each later expiry moves the end by its difference to the one before.

    Attributes:
        told: the expiry as the service last said it, or None where it did not.
        ends: the same instant on the monotonic clock, rather too early than too late, or None where it is not known.
    """

    told: datetime | None = None
    ends: float | None = None

    @classmethod
    def of_new(cls, created_at: datetime | None, expires_at: datetime | None, asked: float) -> Self:
        """The expiry of a session that was asked for at an instant of the monotonic clock."""
        if created_at is None or expires_at is None:
            return cls(expires_at)
        return cls(expires_at, asked + (expires_at - created_at).total_seconds())

    def moved_to(self, told: datetime | None, at_least: float | None = None) -> "Expiry":
        """What is known after another answer told the expiry. Whatever that is, the session lives until `at_least`."""
        if told is None or self.told is None or self.ends is None:
            return Expiry(told, self.ends if at_least is None else at_least)
        return Expiry(told, self.ends + (told - self.told).total_seconds())


class Stop:
    """Tells a thread to stop. Unlike `threading.Event`, it is not broken by what a signal handler raises within it."""

    def __init__(self) -> None:
        self._going = threading.Lock()
        self._going.acquire()

    def set(self) -> None:
        """Let the thread stop, now or when it comes to wait."""
        if self._going.locked():
            self._going.release()

    def is_set(self) -> bool:
        """Whether the thread is to stop."""
        return not self._going.locked()

    def wait(self, seconds: float) -> bool:
        """Wait so many seconds, or until it is time to stop, and tell whether it is. For the thread that stops then."""
        return self._going.acquire(timeout=seconds)


class KeepAlive:
    """Keeps a session from expiring for the length of a `with` block, once.

    A thread extends it each time that half of the life that it had left is over. An extension that fails in a way that
    may pass is tried again when half of the rest is over, until the session has expired. Leaving the block stops the
    thread: no extension follows, and one that is under way is waited for. So does an interrupt in the very moment of
    entering or leaving, at the latest when nothing refers to the object any more.

    Args:
        extend: extends the session.
        left: tells for how many seconds it still lives at least: 0 where that is not known.
        wait: waits so many seconds, or until it is time to stop; tells whether it is.
    """

    _extending: "_Extending | None" = None

    def __init__(
        self,
        extend: Callable[[], object],
        left: Callable[[], float],
        wait: Callable[[Stop, float], bool] = Stop.wait,
    ) -> None:
        self._extend = extend
        self._left = left
        self._wait = wait

    @property
    def failure(self) -> BaseException | None:
        """What ended it before its time, or None while the session is kept alive."""
        return None if self._extending is None else self._extending.failure

    def __enter__(self) -> Self:
        if self._extending is not None:
            raise ApiValueError("This keep-alive was entered before: make another one for another block")
        if self._left() <= 0:
            self._extend()  # here, so that the caller learns at once where this fails
        self._extending = _Extending(self._extend, self._left, self._wait)
        try:
            start(self._extending.thread)
        except BaseException:
            self._extending.stop.set()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._extending is None:
            return
        self._extending.stop.set()
        while self._extending.thread.is_alive():
            self._extending.thread.join(SLICE)
        if error is None and self._extending.failure is not None:
            raise self._extending.failure

    def __del__(self) -> None:
        if self._extending is not None:
            self._extending.stop.set()


class _Extending:
    """The work of the thread. It does not refer to the keep-alive, which can so be collected while the thread runs."""

    def __init__(
        self, extend: Callable[[], object], left: Callable[[], float], wait: Callable[[Stop, float], bool]
    ) -> None:
        self._extend = extend
        self._left = left
        self._wait = wait
        self.stop = Stop()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="quantcdn-keep-alive", daemon=True)

    def _run(self) -> None:
        pause = self._left() / 2
        while not self._wait(self.stop, min(max(pause, 0.0), threading.TIMEOUT_MAX)):
            failure = None
            try:
                self._extend()
            except BaseException as error:  # SystemExit too, which would end the thread without a word
                failure = error
            left = self._left()
            if failure is not None and (left <= 0 or not isinstance(failure, _PASSING)):
                self.failure = failure
                return
            pause = max(left / 2, _SHORTEST_PAUSE) if left > 0 else _PAUSE_BEYOND_THE_END
