"""Whether a request is sent again, and when. Pure: clock and chance are arguments.

The rules:

- What never reached the service (connection refused, name not found, no connection in time) and what was answered
  429 may be sent again, whatever the operation.
- Everything else that leaves the outcome unknown (the connection lost after sending, no answer in time, any 5xx) is
  repeated only for get, list and delete, and so is what was answered 408. A create, update or extend would risk to
  happen twice.
- The wait is the greater of the service's ``Retry-After`` and a growing backoff with jitter. Where it passes the time
  that is left, or a day, there is no further attempt.
- Where a connection that had been kept brought no answer, it was perhaps dead, and not the service: a new connection
  is tried at once.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from quantcdn._duration import is_duration
from quantcdn._interrupts import raised_by_signal_handler
from quantcdn.exceptions import ApiException, ApiValueError, TransportException

if TYPE_CHECKING:
    import urllib3

# Any backoff has reached its maximum long before; a float cannot hold twice as many.
_MOST_DOUBLINGS = 1000
# Where a call may take for ever, no answer makes it wait for years.
_LONGEST_WAIT = 86_400.0
_RETRIED = frozenset([408, 429])
_is_seconds = re.compile(r"[0-9]+(?:\.[0-9]+)?|inf").fullmatch  # the standard knows whole numbers only


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is sent, and how long to wait in between.

    Attributes:
        attempts: how often it is sent at most, the first time included.
        backoff: the wait before the second attempt, in seconds. It doubles with each attempt.
        backoff_max: the longest such wait, in seconds.
        statuses: the status codes that count as a failure to try again; None for 408, 429 and any 5xx.
        respect_retry_after: whether to wait as long as the service asks.
        connect: how many of the failures that never reached the service are retried; None for no limit of their own.
        read: the same for answers that were lost.
        status: the same for answers whose status counts as a failure.
    """

    attempts: int = 3
    backoff: float = 0.5
    backoff_max: float = 8.0
    statuses: frozenset[int] | None = None
    respect_retry_after: bool = True
    connect: int | None = None
    read: int | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        if not self.attempts >= 1:  # so put, NaN fails too
            raise ApiValueError(f"attempts must be at least 1, not {self.attempts}")
        if not all(wait == 0 or is_duration(wait) for wait in (self.backoff, self.backoff_max)):
            raise ApiValueError("backoff and backoff_max must be numbers of seconds, 0 or more")

    @classmethod
    def of(cls, retries: "RetryPolicy | urllib3.Retry | int | None") -> "RetryPolicy":
        """The policy that `Configuration.retries` stands for.

        Raises:
            ApiValueError: it stands for none.
        """
        if retries is None:
            return cls()
        if isinstance(retries, RetryPolicy):
            return retries
        if isinstance(retries, int):
            if retries < 0 or retries is True:
                raise ApiValueError("retries must be a number of retries, 0 or more, or False for none")
            return cls(attempts=1 + retries)
        if not hasattr(retries, "total"):
            raise ApiValueError("retries must be None, False, a number of retries, a RetryPolicy or a urllib3.Retry")
        connect, read, status = (_count(count) for count in (retries.connect, retries.read, retries.status))
        # Without a total, urllib3 would allow any number of the failures that have no count of their own.
        counted = sum(filter(None, (connect, read, status)))
        total = max(cls.attempts - 1, counted) if retries.total is None else int(retries.total)
        return cls(
            attempts=1 + total,
            backoff=retries.backoff_factor,
            backoff_max=retries.backoff_max,
            statuses=frozenset(retries.status_forcelist) | {429} if retries.status_forcelist else None,
            respect_retry_after=retries.respect_retry_after_header,
            connect=connect,
            read=read,
            status=status,
        )

    def allowance(self, ending: "Ending") -> int | None:
        """How many failures of this kind are retried; None for no limit of their own."""
        if ending.status is not None:
            return self.status
        return self.connect if ending.never_sent else self.read


class Ending(NamedTuple):
    """What came of an attempt.

    Attributes:
        status: the status that was answered, or None where no answer came.
        never_sent: whether it is certain that the service did not see the request.
        permanent: whether it is certain that another attempt would fail in the same way.
        retry_after: what the service said of when to come back.
        is_stale: whether no answer came on a connection that had been kept, and may have been dead.
    """

    status: int | None = None
    never_sent: bool = False
    permanent: bool = False
    retry_after: str | None = None
    is_stale: bool = False

    @classmethod
    def of(cls, failure: ApiException, *, on_kept_connection: bool = False) -> "Ending":
        """What an exception says of an attempt."""
        if isinstance(failure, TransportException):
            is_stale = on_kept_connection and not failure.never_sent
            return cls(never_sent=failure.never_sent, permanent=failure.permanent, is_stale=is_stale)
        return cls(failure.status)

    @classmethod
    def answered(cls, status: int, headers: Mapping[str, str], policy: RetryPolicy) -> "Ending":
        """What an answer says of an attempt. When to come back is read only where the policy may ask for that."""
        ending = cls(status)
        return ending._replace(retry_after=headers.get("retry-after")) if ending.failed(policy.statuses) else ending

    @property
    def unknown(self) -> bool:
        """Whether the request may have taken effect, or not."""
        return not self.never_sent if self.status is None else self.status >= 500

    def is_like(self, other: "Ending") -> bool:
        """Whether both count as the same kind of failure: never sent, lost, or answered with a status."""
        return (self.status is None, self.never_sent) == (other.status is None, other.never_sent)

    def failed(self, statuses: frozenset[int] | None) -> bool:
        """Whether it is a failure that another attempt may mend."""
        if self.status is None:
            return not self.permanent
        return self.status in statuses if statuses is not None else self.status in _RETRIED or self.status >= 500


def delay_before_retry(
    policy: RetryPolicy,
    ending: Ending,
    *,
    repeatable: bool,
    attempt: int,
    time_left: float,
    chance: Callable[[], float],
    now: Callable[[], datetime],
    earlier: Sequence[Ending] = (),
) -> float | None:
    """How long to wait before the next attempt, in seconds, or None where there must be none.

    Args:
        policy: the policy.
        ending: what came of the attempt.
        repeatable: whether the request may be repeated when its outcome is unknown.
        attempt: the number of the attempt, from 1.
        time_left: how long the caller is still willing to wait, in seconds.
        chance: gives a random number from 0 to 1, for the jitter.
        now: gives the time of day, with its time zone, for a ``Retry-After`` that is a date.
        earlier: what came of the attempts before, for policies that count kinds of failures apart.
    """
    may_repeat = repeatable or ending.never_sent or ending.status == 429
    if attempt >= policy.attempts or not may_repeat or not ending.failed(policy.statuses):
        return None
    allowance = policy.allowance(ending)
    if allowance is not None and sum(map(ending.is_like, earlier)) >= allowance:
        return None
    if ending.is_stale and time_left > 0:
        return 0.0
    delay = min(policy.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS), policy.backoff_max) * (0.5 + chance() / 2)
    if policy.respect_retry_after and ending.retry_after is not None:
        asked = seconds_until(ending.retry_after, now())
        if asked > _LONGEST_WAIT:
            return None
        delay = max(delay, asked)
    return delay if delay < time_left else None


def _count(retries: int | bool | None) -> int | None:
    """A count of a `urllib3.Retry`, in which False stands for none."""
    return None if retries is None else int(retries)


def seconds_until(retry_after: str, now: datetime) -> float:
    """How long a ``Retry-After`` asks to wait, in seconds: 0 where it cannot be read or lies in the past."""
    seconds = retry_after.strip()
    if _is_seconds(seconds):
        return float(seconds)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError, TypeError, IndexError) as error:  # the last two of what is no date at all
        if raised_by_signal_handler(error):
            raise
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    try:
        return max(0.0, (moment - now).total_seconds())
    except OverflowError:  # at the end of the year 9999, in a zone behind UTC
        return math.inf
