"""The clock of a sandbox: it shows the time that it was given, and can be put forward."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import cast

UNITS = ("days", "hours", "minutes", "seconds")


class Clock:
    """Tells the time of a sandbox, as an aware datetime, when it is called. Several threads may use it."""

    def __init__(self, time: Callable[[], datetime] | None = None) -> None:
        if time is not None and not callable(cast("object", time)):
            kind = type(cast("object", time)).__name__
            raise ValueError(f"clock must be a function that tells the time, not of type {kind}")
        self._time = time or _system_time
        self._ahead = timedelta(0)
        self._lock = threading.Lock()
        self._given()  # here, where whoever gave the function learns what is wrong

    def __call__(self) -> datetime:
        return self._given() + self._ahead

    def _given(self) -> datetime:
        time = self._time()
        is_datetime = isinstance(cast("object", time), datetime)
        if not is_datetime or time.utcoffset() is None:
            kind = "a naive one" if is_datetime else f"of type {type(time).__name__}"
            raise ValueError(f"clock must return an aware datetime, such as datetime.now(timezone.utc), not {kind}")
        return time

    @property
    def ahead(self) -> timedelta:
        """How far it was put forward."""
        return self._ahead

    def advance(
        self,
        *,
        days: float | None = None,
        hours: float | None = None,
        minutes: float | None = None,
        seconds: float | None = None,
    ) -> datetime:
        """Put the clock forward: idle times and expiry come without waiting. They add up; at least one is needed.

        Args:
            days: how many days, 0 or more.
            hours: how many hours, 0 or more.
            minutes: how many minutes, 0 or more.
            seconds: how many seconds, 0 or more.

        Returns:
            the time that it shows now.

        Raises:
            ValueError: none is given, or one is no number, or the clock would go back, or past the last year that there
                is.
        """
        given = {
            name: number
            for name, number in zip(UNITS, (days, hours, minutes, seconds), strict=True)
            if number is not None
        }
        if not given:
            raise ValueError("say how far the clock is put forward: give days, hours, minutes or seconds")
        for name, number in given.items():
            if isinstance(number, bool) or not isinstance(cast("object", number), (int, float)):
                raise ValueError(f"{name} must be a number, 0 or more, not of type {type(number).__name__}")
            if not number >= 0:  # so put, NaN fails too
                raise ValueError(f"{name} must be 0 or more, not {number}: the clock goes forward only")
        with self._lock:
            try:
                ahead = self._ahead + timedelta(**given)
                now = self._given() + ahead
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
