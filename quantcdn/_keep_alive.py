"""Extending a session in the background, by the service's own sense of time."""

import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple

from typing_extensions import Self

from quantcdn.exceptions import (
    ResponseFormatException,
    ServiceException,
    TooManyRequestsException,
    TransportException,
)

# What may pass. Where an extension took effect all the same, trying again extends the session once more: no harm.
_PASSING = (TransportException, ServiceException, TooManyRequestsException, ResponseFormatException)
# A service that does not extend any further is not asked more often.
_SHORTEST_PAUSE = 15.0


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


class KeepAlive:
    """Keeps a session from expiring for the length of a `with` block.

    A thread extends it each time that half of the life that it had left is over. An extension that fails in a way that
    may pass is tried again when half of the rest is over, until the session has expired. Leaving the block stops the
    thread: no extension follows, and one that is under way is waited for.

    Args:
        extend: extends the session.
        left: tells for how many seconds it still lives at least: 0 where that is not known.
        wait: waits until an event is set, or so many seconds are over; tells whether it was set.
    """

    def __init__(
        self,
        extend: Callable[[], object],
        left: Callable[[], float],
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._extend = extend
        self._left = left
        self._wait = wait
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quantcdn-keep-alive", daemon=True)
        self._failure: Exception | None = None

    @property
    def failure(self) -> Exception | None:
        """What ended it before its time, or None while the session is kept alive."""
        return self._failure

    def __enter__(self) -> Self:
        if self._left() <= 0:
            self._extend()  # here, so that the caller learns at once where this fails
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        if error is None and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        pause = self._left() / 2
        while not self._wait(self._stopped, min(max(pause, 0.0), threading.TIMEOUT_MAX)):
            failure = None
            try:
                self._extend()
            except Exception as error:
                failure = error
            left = self._left()
            if failure is not None and (left <= 0 or not isinstance(failure, _PASSING)):
                self._failure = failure
                return
            pause = max(left / 2, _SHORTEST_PAUSE)
