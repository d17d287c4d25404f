"""The caller's whole wait, as a timeout that urllib3 understands."""

import math
import time
from dataclasses import dataclass
from typing import Any

from urllib3.util import Timeout

from quantcdn._duration import is_duration
from quantcdn.exceptions import ApiValueError

# urllib3 and sockets read 0 as "do not block", so what is left is never less than this.
_LEAST = 0.001
# The system counts a socket's timeout in milliseconds of 31 bits. No limit is this one, of 23 days.
_MOST = 2_000_000.0
_PART_OF_A_KEPT_CONNECTION = 0.75


@dataclass(slots=True)
class Sending:
    """What the connection that carries an attempt is told of it, and what it tells.

    Attributes:
        max_headers: how many header fields an answer may have.
        max_idle: how long a connection may have been idle before it is used again, in seconds.
        needs_fresh: whether only a new connection will do.
        has_another: whether another attempt may follow where no answer comes.
        sent: whether a byte of the request may have left this process; None where no connection of ours told.
        is_kept: whether the connection had carried a request before.
    """

    max_headers: int = 100
    max_idle: float = math.inf
    needs_fresh: bool = False
    has_another: bool = False
    sent: bool | None = None
    is_kept: bool = False


class Deadline(Timeout):
    """An instant by which a call must have ended. urllib3 asks it at each step how much time is left.

    Args:
        seconds: how long from now; `math.inf` for no limit.
        connect: the longest to connect, in seconds, where that is less.
        read: the longest to wait for each piece of the answer, in seconds, where that is less.

    Attributes:
        sending: the attempt under way: it reaches the connections as the time does.
    """

    def __init__(self, seconds: float, connect: float = math.inf, read: float = math.inf) -> None:
        super().__init__()
        self.sending: Sending = Sending()
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._connect_limit = connect
        self._read_limit = read

    @classmethod
    def of(cls, request_timeout: float | tuple[float, float] | None, default: float) -> "Deadline":
        """The deadline that a ``_request_timeout`` asks for.

        Raises:
            ApiValueError: it asks for none.
        """
        if request_timeout is None:
            return cls(default)
        limits: Any = request_timeout if isinstance(request_timeout, tuple) else (request_timeout,)
        if not (1 <= len(limits) <= 2 and all(is_duration(limit) for limit in limits)):
            raise ApiValueError(
                "_request_timeout must be a number of seconds above 0, or a pair of them: connect, read"
            )
        return cls(math.inf, *limits) if len(limits) == 2 else cls(*limits)

    @property
    def is_finite(self) -> bool:
        """Whether it bounds the whole call."""
        return self._ends != math.inf

    def __str__(self) -> str:
        limits = {"": self._seconds, " to connect": self._connect_limit, " for each read": self._read_limit}
        return ", ".join(f"{limit:g} s{step} allowed" for step, limit in limits.items() if limit != math.inf)

    def left(self) -> float:
        """How much time is left, in seconds; less than 0 when it has passed."""
        return self._ends - time.monotonic()

    def hold_for_each_read(self) -> None:
        """From now on, allow as much time for each single read as was allowed for the whole call."""
        self._ends = math.inf
        self._read_limit = min(self._read_limit, self._seconds)

    def clone(self) -> "Deadline":
        """Itself: urllib3 would clone a timeout to restart its clock."""
        return self

    def start_connect(self) -> float:
        """Nothing starts here: the clock runs since the call began."""
        return 0.0

    @property
    def connect_timeout(self) -> "TimeLeft":
        """How long connecting may take from now, in seconds."""
        return self._within(self._connect_limit)

    @property
    def read_timeout(self) -> "TimeLeft":
        """How long waiting for the next piece of the answer may take from now, in seconds."""
        return self._within(self._read_limit)

    @property
    def patience_with_a_kept_connection(self) -> "TimeLeft":
        """How long waiting for an answer may take from now, in seconds, where another attempt may follow.

        Who is between may have forgotten a kept connection, and swallow what is sent on it.
        """
        return self._within(min(self._read_limit, _PART_OF_A_KEPT_CONNECTION * self.left()))

    def _within(self, limit: float) -> "TimeLeft":
        seconds = self._ends - time.monotonic()
        if limit < seconds:
            seconds = limit
        left = TimeLeft(seconds if _LEAST < seconds < _MOST else min(max(seconds, _LEAST), _MOST))
        left.deadline = self
        return left


class TimeLeft(float):
    """A timeout in seconds that knows its deadline: so the deadline travels through urllib3 to the sockets."""

    __slots__ = ("deadline",)

    deadline: Deadline
