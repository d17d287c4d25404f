"""Ages, as a person says them."""

from datetime import datetime, timedelta, timezone

import pytest

from quantcdn._show.age import age


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=3, minutes=59), "3 h"),
        (timedelta(hours=24), "1 d"),
        (timedelta(days=400), "400 d"),
    ],
    ids=str,
)
def test_an_age_is_said_in_its_largest_unit(passed: timedelta, said: str) -> None:
    now = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)

    assert age(now - passed, now) == age(now + passed, now) == said
