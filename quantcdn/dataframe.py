"""Sessions as a pandas data frame. It needs the extra ``pandas``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from itertools import chain
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel

from quantcdn._show.age import TIME_NAMES, instant
from quantcdn.exceptions import ApiTypeError
from quantcdn.models import GetAISession200Response, ListAISessions200ResponseInner

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_dataframe"]


def to_dataframe(sessions: Iterable[ListAISessions200ResponseInner | GetAISession200Response]) -> pd.DataFrame:
    """A data frame of sessions, one a row, in their order.

    The columns are what the contract lists for a session in a list, and then one for each further field that came.

    A column whose name ends in ``_at`` or ``At`` holds times in UTC (NaT where a session has none), if all that came in
    it are times: as text, that is RFC 3339. Any other column holds its values as they came (dtype object; None where a
    session has none). A session has none where its value is `unread`.

    Args:
        sessions: a list from `list_ai_sessions`, what `iter_ai_sessions` yields, or sessions from `get_ai_session`.

    Raises:
        ApiTypeError: it is no iterable, or of something else; for one session, give ``[session]``.
        ImportError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            'to_dataframe needs pandas; in a clone, pip install ".[pandas]" brings it', name=error.name
        ) from error
    given = cast("object", sessions)
    if isinstance(given, BaseModel) or not isinstance(given, Iterable):
        raise ApiTypeError(f"to_dataframe takes an iterable of sessions, like [session], not {type(given).__name__}")
    rows = [_row(session) for session in sessions]
    columns: dict[str, pd.Series] = {}
    for name in dict.fromkeys(chain(ListAISessions200ResponseInner.model_fields, *rows)):
        values = [row.get(name) for row in rows]
        instants = [instant(value) for value in values]
        if name.endswith(TIME_NAMES) and instants.count(None) == values.count(None):
            # Microseconds, because nanoseconds end in the year 2262.
            columns[name] = pd.Series([_in_utc(each) for each in instants], dtype="datetime64[us, UTC]")
        else:
            columns[name] = pd.Series(values, dtype=object)
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame


def _row(session: object) -> dict[str, object]:
    if not isinstance(session, ListAISessions200ResponseInner | GetAISession200Response):
        raise ApiTypeError(f"to_dataframe takes sessions as list and get return them, not {type(session).__name__}")
    row: dict[str, object] = {**dict(session), **dict.fromkeys(session.unread)}  # one odd time is no column of texts
    if "updated_at" not in row and "updatedAt" in row:  # get lists neither spelling
        row["updated_at"] = row.pop("updatedAt")
    return row


def _in_utc(when: datetime | None) -> datetime | None:
    try:
        return when and when.astimezone(timezone.utc)
    except OverflowError:  # it lies before the year 1, or after the year 9999
        return None
