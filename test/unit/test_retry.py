"""Whether a request is sent again, and when: the decision, the backoff, Retry-After and the policies."""

import math
import pickle
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3 import Retry

from quantcdn import ApiValueError, ConnectionException, RetryPolicy, ServiceException, TimeoutException, TLSException
from quantcdn.retry import Ending, delay_before_retry, seconds_until

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


def delay(
    ending: Ending,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008  # it is frozen
    *,
    repeatable: bool = True,
    attempt: int = 1,
    time_left: float = 60.0,
    chance: float = 1.0,
    earlier: Any = (),
) -> float | None:
    return delay_before_retry(
        policy,
        ending,
        repeatable=repeatable,
        attempt=attempt,
        time_left=time_left,
        chance=lambda: chance,
        now=lambda: NOW,
        earlier=earlier,
    )


# The decision

NEVER_SENT = Ending(never_sent=True)
LOST = Ending()
UNTRUSTED = Ending(never_sent=True, permanent=True)

ALWAYS, WHEN_REPEATABLE, NEVER = "always", "when repeatable", "never"
RULES = {
    NEVER_SENT: ALWAYS,
    UNTRUSTED: NEVER,
    LOST: WHEN_REPEATABLE,
    **{Ending(status): NEVER for status in (200, 201, 204, 301, 400, 401, 403, 404, 409, 422)},
    Ending(429): ALWAYS,
    **{Ending(status): WHEN_REPEATABLE for status in (500, 501, 502, 503, 504, 599)},
}


@pytest.mark.parametrize(("ending", "rule"), RULES.items(), ids=str)
def test_the_decision_is_the_rules_and_nothing_else(ending: Ending, rule: str) -> None:
    for repeatable, attempt, time_left in product([True, False], [1, 2, 3, 4], [60.0, 0.1, 0.0, -1.0]):
        allowed = rule == ALWAYS or (rule == WHEN_REPEATABLE and repeatable)
        expected = allowed and attempt < 3 and time_left == 60.0
        assert (delay(ending, repeatable=repeatable, attempt=attempt, time_left=time_left) is not None) == expected


@pytest.mark.parametrize(
    ("failure", "ending"),
    [
        (ConnectionException("refused", never_sent=True), NEVER_SENT),
        (ConnectionException("lost"), LOST),
        (TimeoutException("slow"), LOST),
        (TLSException("untrusted", never_sent=True, permanent=True), UNTRUSTED),
        (ServiceException(503), Ending(503)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_says_what_came_of_the_attempt(failure: Any, ending: Ending) -> None:
    assert Ending.of(failure) == ending


@pytest.mark.parametrize(
    ("ending", "unknown"),
    [(LOST, True), (NEVER_SENT, False), (Ending(500), True), (Ending(429), False), (Ending(404), False)],
    ids=str,
)
def test_the_outcome_is_unknown_after_a_lost_answer_and_a_5xx(ending: Ending, unknown: bool) -> None:
    assert ending.unknown == unknown


def test_a_policy_with_one_attempt_never_repeats() -> None:
    assert all(delay(ending, RetryPolicy(attempts=1)) is None for ending in RULES)


def test_statuses_of_a_policy_replace_the_usual_ones_but_cannot_make_a_write_repeat() -> None:
    policy = RetryPolicy(statuses=frozenset([404, 503]))
    assert delay(Ending(404), policy) is not None
    assert delay(Ending(503), policy) is not None
    assert delay(Ending(500), policy) is None
    assert delay(Ending(429), policy) is None
    assert delay(LOST, policy) is not None
    for ending in (Ending(404), Ending(503), LOST):
        assert delay(ending, policy, repeatable=False) is None


@pytest.mark.parametrize(("kind", "ending"), [("connect", NEVER_SENT), ("read", LOST), ("status", Ending(503))])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_kind_of_failure_can_have_a_count_of_its_own(kind: str, ending: Ending, count: int) -> None:
    policy = RetryPolicy(attempts=10, **{kind: count})  # type: ignore[arg-type]
    others = [other for other in (NEVER_SENT, LOST, Ending(503)) if other != ending]
    for before in range(3):
        earlier = [ending] * before + others * 2
        retried = delay(ending, policy, attempt=1 + len(earlier), earlier=earlier) is not None
        assert retried == (before < count)
    assert all(delay(other, policy, attempt=4, earlier=[ending] * 3) is not None for other in others)


# The backoff


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (99, 8.0)]
)
def test_the_backoff_doubles_up_to_its_maximum_and_varies_by_half(attempt: int, longest: float) -> None:
    policy = RetryPolicy(attempts=100)
    assert delay(LOST, policy, attempt=attempt, chance=1.0) == longest
    assert delay(LOST, policy, attempt=attempt, chance=0.0) == longest / 2
    assert delay(LOST, policy, attempt=attempt, chance=0.5) == longest * 3 / 4


A_DAY = 86_400
"""No answer makes a call wait for longer, in seconds."""


@given(
    st.floats(0, 1e300),
    st.floats(0, 1e300),
    st.integers(1, 10_000),
    st.floats(0, 1),
    st.floats(0, 1e308),
    st.none() | st.sampled_from(["0", "5", "1e300", "inf", "x"]),
)
@example(0.0, 0.0, 9_999, 0.5, 1.0, None)
@example(1e300, 8.0, 5_000, 0.5, 60.0, None)
def test_any_wait_is_within_its_bounds_and_the_time_left(
    backoff: float, backoff_max: float, attempt: int, chance: float, time_left: float, retry_after: str | None
) -> None:
    policy = RetryPolicy(attempts=10_001, backoff=backoff, backoff_max=backoff_max)
    ending = Ending(503, retry_after=retry_after)
    wait = delay(ending, policy, attempt=attempt, chance=chance, time_left=time_left)
    asked = seconds_until(retry_after, NOW) if retry_after else 0.0
    if wait is None:
        assert max(asked, backoff_max) >= time_left or asked > A_DAY
    else:
        assert asked <= wait <= max(asked, backoff_max)
        assert wait < time_left


# Retry-After


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("5", 5.0),
        (" 5 ", 5.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("nan", 0.0),
        ("1_0", 0.0),
        ("1e3", 0.0),
        ("-inf", 0.0),
        ("inf", math.inf),
        ("9" * 5000, math.inf),
        ("Mon, 06 May 2024 07:08:19 GMT", 10.0),
        ("Monday, 06-May-24 07:08:19 GMT", 10.0),
        ("Mon May  6 07:08:19 2024", 10.0),
        ("Mon, 06 May 2024 09:08:19 +0200", 10.0),
        ("Mon, 06 May 2024 07:08:19 -0000", 10.0),
        ("Mon, 06 May 2024 07:08:09 GMT", 0.0),
        ("Sun, 05 May 2024 07:08:09 GMT", 0.0),
        (
            "Fri, 31 Dec 9999 23:59:59 GMT",
            (datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc) - NOW).total_seconds(),
        ),
        ("Mon, 06 May 2024 07:08:09 +99999999999999999", 0.0),
        ("Mon, 06 May 99999 07:08:09 GMT", 0.0),
        ("Mon, 99 May 2024 99:08:09 GMT", 0.0),
        ("2024-05-06T07:08:19Z", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("\x00", 0.0),
        ("7\x1f", 7.0),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_retry_after_is_seconds_or_a_date_or_nothing(text: str, seconds: float) -> None:
    assert seconds_until(text, NOW) == seconds


@given(st.text(max_size=30) | st.text(st.sampled_from("0123456789 ,:-+MonayGT"), max_size=40))
def test_any_retry_after_is_a_wait_of_no_less_than_zero(text: str) -> None:
    assert seconds_until(text, NOW) >= 0.0


@given(st.integers(0, 10**6))
def test_a_date_and_seconds_mean_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert seconds_until(date, NOW) == seconds_until(str(seconds), NOW) == seconds


@pytest.mark.parametrize(
    ("retry_after", "time_left", "wait"),
    [
        ("5", 60.0, 5.0),
        ("0", 60.0, 0.5),
        ("soon", 60.0, 0.5),
        ("nan", 60.0, 0.5),
        ("61", 60.0, None),
        ("60", 60.0, None),
        ("21600", 60.0, None),
        ("inf", 60.0, None),
        ("inf", math.inf, None),
        ("21600", math.inf, 21600.0),
        ("Mon, 06 May 2024 07:08:19 GMT", 60.0, 10.0),
    ],
)
def test_the_wait_is_the_longer_of_backoff_and_retry_after_if_there_is_time(
    retry_after: str, time_left: float, wait: float | None
) -> None:
    assert delay(Ending(429, retry_after=retry_after), time_left=time_left) == wait
    assert delay(Ending(503, retry_after=retry_after), time_left=time_left) == wait


@pytest.mark.parametrize("status", [202, 304, 429, 503])
def test_any_status_that_a_policy_names_may_ask_for_a_wait(status: int) -> None:
    policy = RetryPolicy(statuses=frozenset([status]))
    assert delay(Ending.answered(status, {"retry-after": "20"}, policy), policy) == 20


def test_a_policy_may_ignore_retry_after() -> None:
    assert delay(Ending(429, retry_after="5"), RetryPolicy(respect_retry_after=False)) == 0.5


# Policies


@pytest.mark.parametrize(
    ("retries", "policy"),
    [
        (None, RetryPolicy()),
        (0, RetryPolicy(attempts=1)),
        (False, RetryPolicy(attempts=1)),
        (1, RetryPolicy(attempts=2)),
        (7, RetryPolicy(attempts=8)),
        (RetryPolicy(attempts=4, backoff=2.0), RetryPolicy(attempts=4, backoff=2.0)),
        (Retry(4), RetryPolicy(attempts=5, backoff=0, backoff_max=120)),
        (Retry(0), RetryPolicy(attempts=1, backoff=0, backoff_max=120)),
        (Retry(False), RetryPolicy(attempts=1, backoff=0, backoff_max=120)),
        (Retry(total=None), RetryPolicy(attempts=3, backoff=0, backoff_max=120)),
        (
            Retry(5, connect=2, read=0, status=False),
            RetryPolicy(attempts=6, backoff=0, backoff_max=120, connect=2, read=0, status=0),
        ),
        (
            Retry(
                2,
                status_forcelist=[500, 502],
                backoff_factor=0.1,
                backoff_max=1.0,
                respect_retry_after_header=False,
            ),
            RetryPolicy(
                attempts=3,
                backoff=0.1,
                backoff_max=1.0,
                statuses=frozenset([429, 500, 502]),
                respect_retry_after=False,
            ),
        ),
    ],
    ids=str,
)
def test_retries_stand_for_a_policy(retries: Any, policy: RetryPolicy) -> None:
    assert RetryPolicy.of(retries) == policy


@pytest.mark.parametrize(
    "retries",
    [True, -1, "3", 2.0, math.nan, [3], object(), Retry(-1), Retry(backoff_factor=-1)],
    ids=lambda value: type(value).__name__ + str(value)[:12],
)
def test_what_stands_for_no_policy_is_refused(retries: Any) -> None:
    with pytest.raises(ApiValueError):
        RetryPolicy.of(retries)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *[({"attempts": value}, "attempts must be at least 1") for value in (0, -1, math.nan)],
        *[({name: value}, "0 or more") for name in ("backoff", "backoff_max") for value in (-0.1, math.nan, 10**400)],
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiValueError, match=message):
        RetryPolicy(**options)


def test_a_policy_cannot_be_changed_and_pickles() -> None:
    policy = RetryPolicy(attempts=4)
    with pytest.raises(AttributeError):
        policy.attempts = 5  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(policy)) == policy


@pytest.mark.parametrize("asked", ["86401", "99999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_answer_that_asks_for_more_than_a_day_is_raised_even_where_there_is_no_limit(asked: str) -> None:
    assert delay(Ending(429, retry_after=asked), time_left=math.inf) is None
    assert delay(Ending(429, retry_after=str(A_DAY)), time_left=math.inf) == A_DAY


def test_a_request_that_came_too_slowly_is_repeated_where_that_is_safe() -> None:
    assert delay(Ending(408), repeatable=True) is not None
    assert delay(Ending(408), repeatable=False) is None
    assert not Ending(408).unknown


def test_a_kept_connection_that_brought_no_answer_is_replaced_at_once() -> None:
    lost = Ending.of(ConnectionException("lost"), on_kept_connection=True)
    assert delay(lost, repeatable=True, time_left=0.001) == 0.0
    assert delay(lost, repeatable=False) is None
    assert delay(lost, repeatable=True, attempt=3) is None
    never_sent = Ending.of(ConnectionException("refused", never_sent=True), on_kept_connection=True)
    assert delay(never_sent, repeatable=True) != 0.0
