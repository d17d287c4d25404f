"""How data is written to standard output: as a table where a person looks, else in a form for programs.

A record is a dict under the names of the wire. JSON holds all of it; tables and CSV hold the columns that are named.
In a text, what would hide or act on a terminal is written as an escape: in JSON one of JSON's own, and so exact.
Tables and CSV are for people; and as CSV is for their spreadsheets, no text in it is a formula.
"""

import io
import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from enum import Enum
from typing import Annotated, Any, TypeAlias, cast

import typer

from quantcdn._show.age import TIME_NAMES, age, instant
from quantcdn._show.visible import shortened, visible

Record: TypeAlias = Mapping[str, Any]

_FREE_TEXT = frozenset(["title", "model", "error"])  # what a narrow table may cut; an id is there to be copied
_SHORTEST, _LONGEST = 12, 100  # in cells: what is left of it at least, before a column goes, and shown at most
_GAP = 2
# https://owasp.org/www-community/attacks/CSV_Injection
_is_formula = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]").match
# Where a semicolon parts columns, as in much of Europe, a quote amid a line quotes nothing: a cell begins here as well.
_find_beginnings = re.compile(r"[;\n][;\s\"]*")
_needs_quotes = re.compile(r"[\",\r\n]").search


class Form(str, Enum):
    """The forms of data."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


Output = Annotated[
    Form | None,
    typer.Option("--output", "-o", help="The form of the data. [default: table on a terminal, else jsonl]"),
]


def write_records(records: Iterable[Record], columns: Sequence[str], form: Form | None) -> None:
    """Write many records; as JSON Lines and CSV, each as it comes."""
    form = chosen(form)
    if form is Form.TABLE:
        _write_table(list(records), columns)
    elif form is Form.CSV:
        _write_csv(records, columns)
    elif form is Form.JSON:
        print(_json(list(records), indent=2))
    else:
        for record in records:
            print(_json(record))


def write_record(record: Record, form: Form | None) -> None:
    """Write one record."""
    form = chosen(form)
    if form is Form.TABLE:
        width = max(map(len, record), default=0)
        for name in record:
            print(f"{visible(name):{width}}  {_shown(record, name, exact=True)}")
    elif form is Form.CSV:
        _write_csv([record], list(record))
    else:
        print(_json(record, indent=2 if form is Form.JSON else None))


def write_session(session: Record, form: Form | None) -> None:
    """Write a session with its messages: as a table its transcript, as CSV a row for each message."""
    form = chosen(form)
    messages: list[Record] = session.get("messages") or []
    if form is Form.CSV:
        _write_csv(messages, ["role", "content"])
        return
    if form is not Form.TABLE:
        write_record(session, form)
        return
    write_record({name: value for name, value in session.items() if name != "messages"}, form)
    for message in messages:
        print(f"\n{_shown(message, 'role')}:")
        # Indented, so that no message can pass for another.
        for line in visible(_plain(message.get("content")), multiline=True).split("\n"):
            print(f"  {line}".rstrip())


def chosen(form: Form | None) -> Form:
    """The form to write, where none may have been asked for."""
    for_person = prepared()
    return form or (Form.TABLE if for_person else Form.JSONL)


def prepared() -> bool:
    """Make standard output ready for any text. Returns whether it goes to a person."""
    output = cast("io.TextIOWrapper", sys.stdout)
    if output.isatty():
        output.reconfigure(errors="backslashreplace")
    else:
        output.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")  # the same bytes on every system
    return output.isatty()


def _write_table(records: Sequence[Record], columns: Sequence[str]) -> None:
    from rich.cells import cell_len, set_cell_size
    from rich.console import Console
    from rich.text import Text

    # As wide as the terminal or COLUMNS says. Without either, there is room for all.
    total = shutil.get_terminal_size((sys.maxsize, 0)).columns
    cells = {name: [_shown(record, name) for record in records] for name in columns}
    for name in _FREE_TEXT.intersection(columns):
        cells[name] = [shortened(text, min(total, _LONGEST)) for text in cells[name]]
    headings = {name: name.removesuffix("_at").upper() for name in columns}
    widths = _fitted({name: max(map(cell_len, [headings[name], *cells[name]])) for name in columns}, total)

    def line(row: Mapping[str, str]) -> str:
        shown = (
            set_cell_size(row[name], width)
            if cell_len(row[name]) <= width
            else f"{set_cell_size(row[name], width - 1)}…"
            for name, width in widths.items()
        )
        return (" " * _GAP).join(shown).rstrip()

    console = Console()
    console.print(Text(line(headings), "" if console.no_color else "bold"), soft_wrap=True)
    for row in range(len(records)):
        print(line({name: cells[name][row] for name in widths}))


def _fitted(widths: dict[str, int], total: int) -> dict[str, int]:
    """The widths of the columns that fit side by side: free text is cut, and then the last columns are left out."""
    fitted = dict(widths)
    excess = sum(widths.values()) + _GAP * (len(widths) - 1) - total
    while excess > 0:
        free = [name for name in fitted if name in _FREE_TEXT and fitted[name] > _SHORTEST]
        if not free:
            return _fitted(dict(list(widths.items())[:-1]), total) if len(widths) > 1 else widths
        fitted[max(free, key=fitted.__getitem__)] -= 1
        excess -= 1
    return fitted


def _write_csv(records: Iterable[Record], columns: Sequence[str]) -> None:
    print(_csv_row(columns))
    for record in records:
        print(_csv_row([record.get(name) for name in columns]))


def _csv_row(values: Iterable[object]) -> str:
    """A row by RFC 4180."""
    fields = map(_cell, values)
    return ",".join('"' + field.replace('"', '""') + '"' if _needs_quotes(field) else field for field in fields)


def _cell(value: object) -> str:
    """A value as a spreadsheet may have it: an apostrophe keeps a text from being a formula."""
    text = _plain(value)
    if isinstance(value, str) and _is_formula(text):
        text = f"'{text}"
    return _find_beginnings.sub(_guarded, visible(text, multiline=not sys.stdout.isatty()))


def _guarded(beginning: re.Match[str]) -> str:
    return f"{beginning[0]}'" if _is_formula(beginning.string, beginning.end()) else beginning[0]


def _json(value: object, indent: int | None = None) -> str:
    from pydantic_core import to_jsonable_python

    separators = None if indent else (",", ":")
    # Not to_json, which refuses the lone surrogates of a path or an argument that is no text.
    jsonable = to_jsonable_python(value, inf_nan_mode="null")
    text = json.dumps(jsonable, ensure_ascii=False, indent=indent, separators=separators)
    if visible(text, multiline=True) == text:
        return text
    # What would hide stands in strings only, where an escape means the same.
    return "".join(char if visible(char, multiline=True) == char else json.dumps(char)[1:-1] for char in text)


def _plain(value: object) -> str:
    """A value as text: a string as it is, anything else as JSON writes it."""
    if value is None or isinstance(value, str):
        return value or ""
    return _json(value).strip('"')


def _shown(record: Record, name: str, *, exact: bool = False) -> str:
    """A value as people read it, on one line: of an instant, how far away it is; if exact, after when it is."""
    value = record.get(name)
    text = visible(_plain(value))
    when = instant(value) if name.endswith(TIME_NAMES) else None
    if when is None:
        return text
    now = datetime.now(timezone.utc)
    distance = f"in {age(when, now)}" if when > now else f"{age(when, now)} ago"
    return f"{text}, {distance}" if exact else distance
