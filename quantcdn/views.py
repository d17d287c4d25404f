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

from quantcdn._age import TIME_NAMES, age, instant
from quantcdn._visible import shortened, visible
from quantcdn.api_response import ApiResponse
from quantcdn.bulk import Report, Result
from quantcdn.conversation import Conversation
from quantcdn.exceptions import ApiException, excerpt, message_of
from quantcdn.models import (
    CreateAISession201Response,
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    DeleteAISession200Response,
    ExtendAISession200Response,
    ExtendAISessionRequest,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    UpdateAISession200Response,
    UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
)

__all__ = ["html"]

# The most that is shown, in characters and in rows. How much more there is, is said.
_LINE = 100
_BLOCK = 10_000
_ROWS = 100
_MESSAGES = 50
_FIELDS = 50

_WORDS: dict[type, str] = {
    ListAISessions200ResponseInner: "Session",
    CreateAISession201Response: "Created session",
    UpdateAISession200Response: "Updated session",
    ExtendAISession200Response: "Extended session",
    DeleteAISession200Response: "Deleted session",
    CreateAISessionRequest: "Request to create a session",
    UpdateAISessionRequest: "Request to update a session",
    ExtendAISessionRequest: "Request to extend a session",
    CreateAISessionRequestInitialMessagesInner: "Message",
    UpdateAISessionRequestNewMessagesInner: "Message",
}

# The text of others may be TeX, which notebooks typeset, links included: MathJax 2 and 3 leave out what has these.
_NO_TEX = "tex2jax_ignore mathjax_ignore"

_HEADERS = ("Content-Type", "Date", "Retry-After", "RateLimit-Remaining", "X-RateLimit-Remaining")

# Notebooks style tables themselves, by longer selectors: what is marked as important must win over theirs.
_STYLE = """<style>
.quantcdn-view { overflow-x: auto; }
.quantcdn-view table { min-width: 10em; border-collapse: collapse; margin: 0 0 0.5em; color: inherit; font: inherit; }
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
    """The HTML that a notebook shows for what the SDK returns or raises: a model, a list of sessions, an exception.

    Args:
        value: what to show. Something else is shown as JSON, or as Python writes it where it cannot be JSON.
        now: from when to count ages, with a time zone; the present if None.
    """
    try:
        shown = _any(value, now or datetime.now(timezone.utc))
    except (AttributeError, LookupError, TypeError):  # a model that was made unchecked holds what it does not declare
        shown = _block(value)
    return f'<div class="quantcdn-view {_NO_TEX}" lang="en" dir="ltr">{_STYLE}{shown}</div>'


def _any(value: object, now: datetime) -> str:
    if isinstance(value, GetAISession200Response):
        return _session(value, now)
    if isinstance(value, BaseModel):
        return _table(_line(_WORDS.get(type(value), type(value).__name__)), *_fields(dict(value), now))
    if isinstance(value, Conversation):
        return _conversation(value, now)
    if isinstance(value, Report):
        return _report(value, now)
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
    rows = [
        _row(
            _title(session.title),
            _value("updated_at", session.updated_at, now),
            _line(session.model),
            _value("created_at", session.created_at, now),
            _line(session.id),
        )
        for session in sessions[:_ROWS]
    ]
    return _list("session", len(sessions), ("Title", "Updated", "Model", "Created", "Id"), rows)


def _session(session: GetAISession200Response, now: datetime) -> str:
    elsewhere = {"title", "messages"}.difference(session.unread)
    fields = {name: value for name, value in session if name not in elsewhere}
    transcript = _transcript(session.messages or []) if "messages" in elsewhere else ""
    return _table(_title(session.title), *_fields(fields, now)) + transcript


def _conversation(conversation: Conversation, now: datetime) -> str:
    fields = {name: getattr(conversation, name) for name in ("session_id", "expires_at", "total_tokens")}
    return _table("Conversation", *_fields(fields, now)) + _transcript(conversation.messages)


def _transcript(messages: Sequence[Mapping[str, Any]]) -> str:
    last = messages[-_MESSAGES:]
    earlier = _left_out(len(messages) - len(last), "earlier message")
    return _table(_counted(len(messages), "message"), *earlier, *map(_message, last))


def _message(message: Mapping[str, Any]) -> str:
    further = {name: value for name, value in message.items() if name not in ("role", "content")}
    parts = [part for part in (message.get("content"), further or None) if part is not None]
    return _row(_line(message.get("role")), "".join(map(_block, parts)))


def _report(report: Report, now: datetime) -> str:
    counts = _table(_counted(len(report.results), "session"), *_fields(dict(report.counts.items()), now))
    failures = report.failures
    rows = list(map(_failure, failures[:_ROWS]))
    return counts + (_list("failure", len(failures), ("Id", "Outcome", "Error"), rows) if failures else "")


def _failure(result: Result) -> str:
    return _row(_line(result.session_id), _line(result.outcome), _block(str(result.error)) if result.error else "")


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
    # The id of the last answer has a row of its own.
    attempts = [
        attempt._replace(request_id=None) if attempt.request_id == error.request_id else attempt
        for attempt in error.attempts
    ]
    fields = {
        "Status": error.status,
        "Reason": error.reason,
        "Message": message_of(error.data) or excerpt(error.body),
        "Request id": error.request_id,
        "Attempts": "\n".join(map(str, attempts)) or None,
    }
    return _table(_line(type(error).__name__), *_fields(fields, now))


def _fields(fields: Mapping[str, object], now: datetime) -> list[str]:
    """A row for each field that is not None."""
    known = [(name, value) for name, value in fields.items() if value is not None]
    rows = [_row(_line(name), _value(name, value, now)) for name, value in known[:_FIELDS]]
    return [*rows, *_left_out(len(known) - len(rows), "more field")]


def _value(name: str, value: object, now: datetime) -> str:
    if value is None:
        return ""
    when = instant(value) if name.endswith(TIME_NAMES) else None
    return _block(value) if when is None else _time(when, now)


def _list(noun: str, count: int, names: Sequence[str], rows: Sequence[str]) -> str:
    """A table with a row for each of many, as far as there are rows."""
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    left_out = _left_out(count - len(rows), f"more {noun}")
    return _table(_counted(count, noun), f"<thead><tr>{head}</tr></thead>", *rows, *left_out)


def _table(caption: str, *rows: str) -> str:
    return f"<table><caption>{caption}</caption>{''.join(rows)}</table>"


def _row(header: str, *cells: str) -> str:
    return f'<tr><th scope="row">{header}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _left_out(count: int, noun: str) -> list[str]:
    return [f'<tr><td colspan="5"><i>and {_counted(count, noun)}</i></td></tr>'] if count else []


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _time(when: datetime, now: datetime) -> str:
    exact = when.isoformat(sep=" ", timespec="seconds")
    distance = f"in {age(when, now)}" if when > now else f"{age(when, now)} ago"
    return f'<time datetime="{exact}" title="{exact}">{distance}</time>'


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
    # A key that JSON does not know, or a cycle, in a request that is not checked yet, or a model that is not made yet.
    except (AttributeError, TypeError, ValueError):
        return repr(value)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, BaseModel) else str(value)
