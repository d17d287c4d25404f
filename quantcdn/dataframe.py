"""Sessions as a pandas data frame. It needs the extra ``pandas``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def to_dataframe(
    sessions: Iterable[ListAISessions200ResponseInner | GetAISession200Response], *, messages: bool = False
) -> pd.DataFrame:
    """A data frame of sessions, one a row, in their order; or of their messages.

    The columns are what the contract lists for a session in a list, and then one for each further field that came. Of
    messages, they are ``session_id``, ``position`` (0 is the first message of its session), ``role`` and ``content``,
    and then one for each further field; one that would go by a name of these is called ``message.session_id``, say.

    A column whose name ends in ``_at`` or ``At`` holds times in UTC (NaT where there is none), if all that came in it
    are times: as text, that is RFC 3339. One in which all are whole numbers is ``int64``, or ``Int64`` where some are
    missing; with fractions, ``float64``; one of truth values ``bool`` or ``boolean``; one of texts ``string``. A number
    is exact: where the type of the column cannot hold one, and in any other column, values are as they came (dtype
    ``object``; None where there is none). A session has none where its value is `unread`.

    Args:
        sessions: a list from `list_ai_sessions`, what `iter_ai_sessions` or `bulk.get` yields, or sessions from
            `get_ai_session`.
        messages: make a row of each message. It takes whole sessions, as `bulk.get` and `get_ai_session` give them.

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
    if messages:
        rows = [row for session in sessions for row in _message_rows(session)]
        first: Iterable[str] = _OF_MESSAGES
    else:
        rows = [_row(session) for session in sessions]
        first = ListAISessions200ResponseInner.model_fields
    columns: dict[str, pd.Series] = {}
    for name in dict.fromkeys(chain(first, *rows)):
        values = [row.get(name) for row in rows]
        instants = [instant(value) for value in values] if name.endswith(TIME_NAMES) else []
        if name.endswith(TIME_NAMES) and instants.count(None) == values.count(None):
            # Microseconds, because nanoseconds end in the year 2262.
            columns[name] = pd.Series([_in_utc(each) for each in instants], dtype="datetime64[us, UTC]")
        else:
            dtype = _INTEGER if name == _POSITION else _dtype(values, default=_TEXT if name in first else _ANY)
            # Python's own texts: those of Arrow cannot hold half a character, which JSON can.
            columns[name] = pd.Series(values, dtype=pd.StringDtype("python") if dtype == _TEXT else dtype)
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame


_POSITION = "position"
_OF_MESSAGES = ("session_id", _POSITION, "role", "content")

_ANY, _INTEGER, _FLOAT, _TEXT = "object", "int64", "float64", "string"
_EXACT = 2**53
"""Up to here, each whole number is a float."""


def _dtype(values: Sequence[object], default: str) -> str:
    """The type of a column that can hold all these values exactly; the default where there is none of them."""
    present = [value for value in values if value is not None]
    is_whole = len(present) == len(values)
    kinds = {type(value) for value in present}
    if kinds == {bool}:
        return "bool" if is_whole else "boolean"
    if kinds == {int}:
        if any(not -(2**63) <= cast("int", value) < 2**63 for value in present):
            return _ANY
        return _INTEGER if is_whole else "Int64"
    if kinds == {float} or kinds == {int, float}:
        exact = all(isinstance(value, float) or abs(cast("int", value)) <= _EXACT for value in present)
        return _FLOAT if exact else _ANY
    if kinds == {str}:
        return _TEXT
    return _ANY if present else default


def _message_rows(session: object) -> Iterator[dict[str, object]]:
    if not isinstance(session, GetAISession200Response):
        raise ApiTypeError(
            f"to_dataframe with messages=True takes whole sessions, as bulk.get and get_ai_session give them, not "
            f"{type(session).__name__}"
        )
    for position, message in enumerate(session.messages or ()):
        fields = {f"message.{name}" if name in _OF_MESSAGES[:2] else name: value for name, value in message.items()}
        yield {"session_id": session.id, _POSITION: position, **fields}


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
