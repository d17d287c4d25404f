"""Which instant a value names, and how long ago it was, as a person says it. Pure."""

import re
from datetime import datetime, timedelta

_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))
_rfc_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII).fullmatch

TIME_NAMES = ("_at", "At")
"""How the names of fields end that hold an instant."""


def instant(value: object) -> datetime | None:
    """The instant that a value is, or is in the words of RFC 3339; None of anything else.

    A field that the contract does not list for an answer comes as text, also where it is an instant.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else None
    if not isinstance(value, str) or not (match := _rfc_3339(value)):
        return None
    day, time, fraction, zone = match.groups(default="")
    try:
        return datetime.fromisoformat(f"{day} {time}.{fraction[:6]:0<6}{zone if zone[1:] else '+00:00'}")
    except ValueError:  # there is no such day, hour or zone
        return None


def age(instant: datetime, now: datetime) -> str:
    """The time between two instants, whichever comes first, in its largest unit: ``3 h``."""
    passed = abs(now - instant)
    for name, unit in _UNITS:
        if passed >= unit:
            return f"{passed // unit} {name}"
    return f"{passed.seconds} s"
