"""Sessions as a pandas data frame. It needs the extra ``pandas``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from quantcdn.models import ListAISessions200ResponseInner

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_dataframe"]

_TEXTS = ("id", "title", "model")
_INSTANTS = ("created_at", "updated_at")


def to_dataframe(sessions: Iterable[ListAISessions200ResponseInner]) -> pd.DataFrame:
    """A data frame of sessions, one a row, in their order.

    The columns are those of the contract, and one for each further field that the service sent, whose values stay as
    they came (dtype object; None where a session lacks the field). Timestamps are in UTC, also where there are none.

    Args:
        sessions: a list from `list_ai_sessions`, or what `iter_ai_sessions` yields.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            'to_dataframe needs pandas; in a clone, pip install ".[pandas]" brings it', name=error.name
        ) from error
    rows = list(sessions)
    further = dict.fromkeys(name for row in rows for name in row.model_extra or {})
    frame: pd.DataFrame = pd.DataFrame(
        {
            **{name: pd.Series([getattr(row, name) for row in rows]) for name in _TEXTS},
            **{
                # Microseconds, because nanoseconds end in the year 2262.
                name: pd.Series([_in_utc(getattr(row, name)) for row in rows], dtype="datetime64[us, UTC]")
                for name in _INSTANTS
            },
            **{name: pd.Series([(row.model_extra or {}).get(name) for row in rows], dtype=object) for name in further},
        }
    )
    return frame


def _in_utc(instant: datetime | None) -> datetime | None:
    try:
        return instant and instant.astimezone(timezone.utc)
    except OverflowError:  # it lies before the year 1, or after the year 9999
        return None
