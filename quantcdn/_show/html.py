"""What a notebook shows, as small pieces of HTML, drawn from plain values.

A piece takes its colours from the page around it, so that it is readable in light and in dark. It holds no scripts and
no ids, and loads nothing. The service's text is escaped, isolated from the text around it and bounded in length, and
its characters that would act or hide are written out.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from html import escape
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from quantcdn._show.age import TIME_NAMES, age, instant
from quantcdn._show.visible import shortened, visible

T = TypeVar("T")

# The most that is shown, in characters and in rows. How much more there is, is said.
_LINE = 100
_BLOCK = 10_000
_ROWS = 100
_MESSAGES = 50
_FIELDS = 50

# The text of others may be TeX, which notebooks typeset, links included: MathJax 2 and 3 leave out what has these.
_NO_TEX = "tex2jax_ignore mathjax_ignore"

# Where a notebook is not trusted, it leaves out the element with the styles below, and keeps these: without them,
# its own would put boxes on stripes, and everything to the right.
_ALIGNED = "text-align: left"
_PLAIN = "background-color: transparent"

# Notebooks style tables themselves, by longer selectors: what is marked as important must win over theirs.
_STYLE = """<style>
.quantcdn-view { overflow-x: auto; }
.quantcdn-view table { min-width: 10em; border-collapse: collapse; margin: 0 0 0.5em; color: inherit; font: inherit; }
.quantcdn-view :is(caption, th, td) {
  padding: 0.25em 0.6em; overflow: hidden; overflow-wrap: anywhere; text-align: start !important;
}
.quantcdn-view :is(th, td) {
  max-width: 50em !important; border-bottom: 1px solid rgba(127, 127, 127, 0.4) !important;
  vertical-align: top !important;
}
.quantcdn-view caption { color: inherit; font-weight: bold; }
.quantcdn-view pre {
  margin: 0; padding: 0; border: none !important; background: none !important; color: inherit; font: inherit !important;
  white-space: pre-wrap; word-break: normal !important;
}
.quantcdn-view :is(time, [scope="col"]) { white-space: nowrap !important; }
.quantcdn-view .quantcdn-name { display: inline-block; width: max-content; max-width: 24em; }
</style>"""


def _message(message: Mapping[str, Any]) -> str:
    further = {name: value for name, value in message.items() if name not in ("role", "content")}
    parts = [part for part in (message.get("content"), further or None) if part is not None]
    return _row(_name(message.get("role")), "".join(map(_block, parts)))


def _counted(count: int, noun: str) -> str:
    """So many things."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _title(text: str | None) -> str:
    """The title of a session."""
    return _line(text) if text else "<i>untitled</i>"


def _line(value: object) -> str:
    """A value in one line."""
    text = "" if value is None else _text(value)
    return f'<bdi lang="">{escape(shortened(visible(text[: _LINE + 1]), _LINE))}</bdi>'


def _name(value: object) -> str:
    """A value in one line that is copied rather than read, like an id: broken only where it is very long."""
    return f'<span class="quantcdn-name">{_line(value)}</span>'


def _block(value: object) -> str:
    """A value in as many lines as it has."""
    text = _text(value)
    more = f"<i>… and {_counted(len(text) - _BLOCK, 'more character')}</i>" if len(text) > _BLOCK else ""
    # The line break at its beginning is not part of it: HTML ignores that one.
    shown = escape(visible(text[:_BLOCK], multiline=True))
    return f'<pre dir="auto" lang="" style="{_PLAIN}">\n{shown}</pre>{more}'


def _table(caption: str, *rows: str) -> str:
    heading = f'<caption style="{_ALIGNED}; font-weight: bold">{caption}</caption>'
    return f"<table>{heading}{''.join(rows)}</table>"


def _row(header: str, *cells: str, weight: str = "bold") -> str:
    head = f'<th scope="row" style="{_ALIGNED}; font-weight: {weight}">{header}</th>'
    data = "".join(f'<td style="{_ALIGNED}">{cell}</td>' for cell in cells)
    return f"<tr>{head}{data}</tr>"


def _left_out(count: int, noun: str, columns: int) -> list[str]:
    cell = f'<td colspan="{columns}" style="{_ALIGNED}"><i>and {_counted(count, noun)}</i></td>'
    return [f"<tr>{cell}</tr>"] if count else []


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


@runtime_checkable
class Shows(Protocol):
    """A value that says what is shown of it."""

    def _shown(self, page: "Page") -> str:
        """What there is to see, drawn on a page."""
        ...


class Page:
    """What a value is drawn on.

    Args:
        now: from when ages are counted.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now

    def any(self, value: object) -> str:
        """A value that says what it shows; anything else as JSON, or as Python writes it."""
        return value._shown(self) if isinstance(value, Shows) else _block(value)  # pyright: ignore[reportPrivateUsage]

    def fields(self, caption: str, fields: Mapping[str, object]) -> str:
        """A table with a row for each field that is not None."""
        known = [(name, value) for name, value in fields.items() if value is not None]
        rows = [_row(_name(name), self.value(name, value)) for name, value in known[:_FIELDS]]
        return _table(caption, *rows, *_left_out(len(known) - len(rows), "more field", 2))

    def value(self, name: str, value: object) -> str:
        """The value of a field. Where its name says that it is an instant, how long ago that was."""
        if value is None:
            return ""
        when = instant(value) if name.endswith(TIME_NAMES) else None
        return _block(value) if when is None else self._time(when)

    def _time(self, when: datetime) -> str:
        exact = when.isoformat(sep=" ", timespec="seconds")
        distance = f"in {age(when, self._now)}" if when > self._now else f"{age(when, self._now)} ago"
        return f'<time datetime="{exact}" title="{exact}">{distance}</time>'

    def many(
        self, caption: str, noun: str, names: Sequence[str], things: Sequence[T], cells: Callable[[T], Iterable[str]]
    ) -> str:
        """A table with a row for each of many things.

        Args:
            caption: what they are.
            noun: what one of them is called.
            names: the names of the columns.
            things: the things.
            cells: the cells of one.
        """
        head = "".join(f'<th scope="col" style="{_ALIGNED}">{name}</th>' for name in names)
        shown = things[:_ROWS]
        left_out = _left_out(len(things) - len(shown), f"more {noun}", len(names))
        rows = (_row(*cells(thing), weight="normal") for thing in shown)
        return _table(caption, f"<thead><tr>{head}</tr></thead>", *rows, *left_out)

    def transcript(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """A table with a row for each message."""
        last = messages[-_MESSAGES:]
        earlier = _left_out(len(messages) - len(last), "earlier message", 2)
        return _table(_counted(len(messages), "message"), *earlier, *map(_message, last))

    counted = staticmethod(_counted)
    title = staticmethod(_title)
    line = staticmethod(_line)
    name = staticmethod(_name)
    block = staticmethod(_block)


def html(value: object, now: datetime | None = None) -> str:
    """The HTML for a value.

    Args:
        value: the value.
        now: from when to count ages, with a time zone; the present if None.
    """
    try:
        shown = Page(now or datetime.now(timezone.utc)).any(value)
    except (AttributeError, LookupError, TypeError):  # a model that was made unchecked holds what it does not declare
        shown = _block(value)
    return f'<div class="quantcdn-view {_NO_TEX}" lang="en" dir="ltr">{_STYLE}{shown}</div>'
