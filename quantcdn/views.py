"""How models, answers and exceptions look in a notebook: as small pieces of HTML.

A piece takes its colours from the page around it, so that it is readable in light and in dark. It holds no scripts and
no ids, and loads nothing. The service's text is escaped, isolated from the text around it and bounded in length, and
its characters that would act or hide are written out.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from html import escape
from typing import Any, TypeGuard, cast

from pydantic import BaseModel

from quantcdn._age import age
from quantcdn._visible import shortened, visible
from quantcdn.api_response import ApiResponse
from quantcdn.exceptions import ApiException, excerpt, message_of
from quantcdn.models import GetAISession200Response, ListAISessions200ResponseInner

__all__ = ["html"]

# The most that is shown, in characters and in rows. How much more there is, is said.
_LINE = 100
_BLOCK = 10_000
_SESSIONS = 100
_MESSAGES = 50
_FIELDS = 50

_HEADERS = ("Content-Type", "Date", "Retry-After", "RateLimit-Remaining", "X-RateLimit-Remaining")

# Notebooks style tables themselves, by longer selectors: what is marked as important must win over theirs.
_STYLE = """<style>
.quantcdn-view { overflow-x: auto; }
.quantcdn-view table { border-collapse: collapse; margin: 0 0 0.5em; color: inherit; font: inherit; }
.quantcdn-view :is(caption, th, td) {
  padding: 0.25em 0.75em; overflow: hidden; overflow-wrap: anywhere; text-align: start !important;
}
.quantcdn-view :is(th, td) {
  max-width: 50em !important; border-bottom: 1px solid rgba(127, 127, 127, 0.4) !important;
  vertical-align: top !important;
}
.quantcdn-view caption { color: inherit; font-weight: bold; }
.quantcdn-view pre {
  margin: 0; padding: 0; background: none; color: inherit; font: inherit;
  white-space: pre-wrap; word-break: normal !important;
}
.quantcdn-view :is(time, [scope="col"]) { white-space: nowrap !important; }
</style>"""


def html(value: object, *, now: datetime | None = None) -> str:
    """The HTML that a notebook shows for a model, a list of sessions, an `ApiResponse` or an `ApiException`.

    Args:
        value: what to show. Something else is shown as JSON, or as Python writes it where it cannot be JSON.
        now: from when to count ages, with a time zone; the present if None.
    """
    shown = _any(value, now or datetime.now(timezone.utc))
    return f'<div class="quantcdn-view" lang="en" dir="ltr">{_STYLE}{shown}</div>'


def _any(value: object, now: datetime) -> str:
    if isinstance(value, GetAISession200Response):
        return _transcript(value, now)
    if isinstance(value, BaseModel):
        return _table(_line(type(value).__name__), *_fields(dict(value), now))
    if isinstance(value, ApiResponse):
        return _response(cast("ApiResponse[object]", value), now)
    if isinstance(value, ApiException):
        return _exception(value, now)
    return _sessions(value, now) if _are_sessions(value) else _block(value)


def _are_sessions(value: object) -> TypeGuard[list[ListAISessions200ResponseInner]]:
    return isinstance(value, list) and all(
        isinstance(item, ListAISessions200ResponseInner) for item in cast("list[object]", value)
    )


def _sessions(sessions: Sequence[ListAISessions200ResponseInner], now: datetime) -> str:
    if not sessions:
        return "<p>No sessions</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Title", "Model", "Age", "Id"))
    rows = [
        _row(
            _title(session.title),
            _line(session.model),
            _time(session.created_at, age(session.created_at, now)) if session.created_at else "",
            _line(session.id),
        )
        for session in sessions[:_SESSIONS]
    ]
    left_out = len(sessions) - len(rows)
    caption = _counted(len(sessions), "session")
    return _table(caption, f"<thead><tr>{head}</tr></thead>", *rows, *_left_out(left_out, "more session"))


def _transcript(session: GetAISession200Response, now: datetime) -> str:
    fields = {name: value for name, value in session if name not in ("title", "messages")}
    messages = session.messages or []
    last = messages[-_MESSAGES:]
    earlier = _left_out(len(messages) - len(last), "earlier message")
    transcript = _table(_counted(len(messages), "message"), *earlier, *map(_message, last))
    return _table(_title(session.title), *_fields(fields, now)) + transcript


def _message(message: Mapping[str, Any]) -> str:
    further = {name: value for name, value in message.items() if name not in ("role", "content")}
    parts = [part for part in (message.get("content"), further or None) if part is not None]
    return _row(_line(message.get("role")), "".join(map(_block, parts)))


def _response(response: ApiResponse[object], now: datetime) -> str:
    headers = response.headers or {}
    fields = {
        "Status": response.status_code,
        "Request id": response.request_id,
        **{name: headers.get(name) for name in _HEADERS},
    }
    data = "" if response.data is None else _any(response.data, now)
    return _table("ApiResponse", *_fields(fields, now)) + data


def _exception(error: ApiException, now: datetime) -> str:
    fields = {
        "Status": error.status,
        "Reason": error.reason,
        "Message": message_of(error.data) or excerpt(error.body),
        "Request id": error.request_id,
        **{f"Attempt {attempt.number}": str(attempt) for attempt in error.attempts},
    }
    return _table(_line(type(error).__name__), *_fields(fields, now))


def _fields(fields: Mapping[str, object], now: datetime) -> list[str]:
    """A row for each field that is not None."""
    known = [(name, value) for name, value in fields.items() if value is not None]
    rows = [_row(_line(name), _value(value, now)) for name, value in known[:_FIELDS]]
    return [*rows, *_left_out(len(known) - len(rows), "more field")]


def _value(value: object, now: datetime) -> str:
    if isinstance(value, datetime):
        distance = age(value, now)
        return _time(value, f"in {distance}" if value > now else f"{distance} ago")
    return _block(value)


def _table(caption: str, *rows: str) -> str:
    return f"<table><caption>{caption}</caption>{''.join(rows)}</table>"


def _row(header: str, *cells: str) -> str:
    return f'<tr><th scope="row">{header}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _left_out(count: int, noun: str) -> list[str]:
    return [f'<tr><td colspan="4"><i>and {_counted(count, noun)}</i></td></tr>'] if count else []


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _time(instant: datetime, text: str) -> str:
    exact = instant.isoformat(sep=" ", timespec="seconds")
    return f'<time datetime="{exact}" title="{exact}">{text}</time>'


def _title(title: str | None) -> str:
    return _line(title) if title else "<i>untitled</i>"


def _line(value: object) -> str:
    text = "" if value is None else _text(value)
    return f'<bdi lang="">{escape(shortened(visible(text[: _LINE + 1]), _LINE))}</bdi>'


def _block(value: object) -> str:
    text = _text(value)
    more = f"<i>… and {_counted(len(text) - _BLOCK, 'more character')}</i>" if len(text) > _BLOCK else ""
    # The line break at its beginning is not part of it: HTML ignores that one.
    return f'<pre dir="auto" lang="">\n{escape(visible(text[:_BLOCK], multiline=True))}</pre>{more}'


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):  # a key that JSON does not know, or a cycle, in a request that is not checked yet
        return repr(value)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, BaseModel) else str(value)
