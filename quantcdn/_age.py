"""How long ago, as a person says it. Pure."""

from datetime import datetime, timedelta

_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))


def age(instant: datetime, now: datetime) -> str:
    """The time between two instants, whichever comes first, in its largest unit: ``3 h``."""
    passed = abs(now - instant)
    for name, unit in _UNITS:
        if passed >= unit:
            return f"{passed // unit} {name}"
    return f"{passed.seconds} s"
