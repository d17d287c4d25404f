"""The clock of a sandbox: it shows the time that it was given, and can be put forward."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone


class Clock:
    """Tells the time of a sandbox, as an aware datetime, when it is called. Several threads may use it."""

    def __init__(self, time: Callable[[], datetime] | None = None) -> None:
        self._time = time or _system_time
        self._ahead = timedelta(0)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        return self._time() + self._ahead

    @property
    def ahead(self) -> timedelta:
        """How far it was put forward."""
        return self._ahead

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Put the clock forward: idle times and expiry come without waiting.

        Args:
            days: how many days, 0 or more.
            hours: how many hours, 0 or more.
            minutes: how many minutes, 0 or more.
            seconds: how many seconds, 0 or more.

        Returns:
            the time that it shows now.

        Raises:
            ValueError: the clock would go back, or past the last year that there is.
        """
        for name, number in {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}.items():
            if not number >= 0:  # so put, NaN fails too
                raise ValueError(f"{name} must be 0 or more, not {number}: the clock goes forward only")
        with self._lock:
            try:
                ahead = self._ahead + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
                now = self._time() + ahead
                _ = now + timedelta(days=2)  # what expires must still have a date
            except OverflowError:
                raise ValueError("the clock ends with the year 9999") from None
            self._ahead = ahead
        return now

    def reset(self) -> None:
        """Show the time that it was given."""
        with self._lock:
            self._ahead = timedelta(0)


def _system_time() -> datetime:
    return datetime.now(timezone.utc)
