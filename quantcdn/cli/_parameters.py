"""The parameters that several commands take."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from quantcdn._show.visible import is_blank, visible
from quantcdn.cli import _completion as completion
from quantcdn.cli._connection import read_text
from quantcdn.cli._exits import Exit, Failure

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_is_no_id = re.compile(r"""[\s,;"'\[\]{}]""").search
"""What stands between ids, or around them, in a table, CSV or JSON. An id that holds it can be given as JSON."""

_ONE_A_LINE = "Give an id a line, or a session as list --output jsonl writes it"


def duration(text: str) -> timedelta:
    """The length of time that a text like ``2d``, ``90m`` or ``1d12h`` stands for."""
    parts = re.findall(r"(?<!\d)(\d+)([smhdw])", text, re.ASCII)
    if not parts or "".join(map("".join, parts)) != text:
        raise typer.BadParameter("it must be like 90m, 12h, 2d or 1d12h, of the units s, m, h, d and w")
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except (OverflowError, ValueError):
        raise typer.BadParameter("it is too long") from None


def json_object(text: str) -> dict[str, Any]:
    """The object that a text holds as JSON."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"it is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter('it must be a JSON object, like {"source": "web-app"}')
    return cast("dict[str, Any]", value)


def not_blank(text: str) -> str:
    """The text, unless a filter could not name it: none may be blank."""
    if is_blank(text):
        raise typer.BadParameter("it is blank")
    return text


def choose(ways: Sequence[Mapping[str, object]], allowed: str) -> None:
    """Refuse sessions that are chosen in no way, or in more than one.

    Args:
        ways: the options of each way, by their names, with what they were given: None, nothing or False where they
            were not.
        allowed: what to give, in words.
    """
    given = [[name for name, value in way.items() if value not in (None, False, [])] for way in ways]
    first, *others = [names for names in given if names] or [[]]
    if not first:
        raise Failure(Exit.USAGE, f"Nothing says which sessions. Give {allowed}")
    if others:
        raise Failure(Exit.USAGE, f"{first[0]} does not go with {others[0][0]}. Give {allowed}")


def ids_in(path: Path) -> list[str]:
    """The ids in a file, or on standard input where it is ``-``: one a line, or the session as JSON Lines have it.

    There may be none, as where what writes them into a pipe has found none.
    """
    source = None if str(path) == "-" else path
    lines = re.split(r"\r\n|\r|\n", read_text(source))  # a text in JSON may hold what else str.splitlines splits at
    name = visible(str(source or "standard input"))
    return [_id_in(line, f"Line {number} of {name}") for number, line in enumerate(map(str.strip, lines), 1) if line]


def _id_in(line: str, where: str) -> str:
    if not line.startswith("{"):
        if line.lower() == "id":
            raise Failure(Exit.USAGE, f"{where} is the heading of a table. {_ONE_A_LINE}")
        if _is_no_id(line):
            raise Failure(Exit.USAGE, f"{where} is no id. {_ONE_A_LINE}")
        return line
    try:
        session = json_object(line)
    except typer.BadParameter:
        raise Failure(Exit.USAGE, f"{where} is not JSON. {_ONE_A_LINE}") from None
    if "new_id" in session:
        raise Failure(Exit.USAGE, f"{where} is of an import, and names two, by id and new_id: give the ids alone")
    session_id = session.get("id") or session.get("sessionId")
    if not isinstance(session_id, str):
        raise Failure(Exit.USAGE, f"{where} is JSON, and has no id")
    return session_id


def column_names(text: str) -> list[str]:
    """The names in a text like ``id,title``."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise typer.BadParameter("it must be like id,title,updated_at")
    return names


SessionId = Annotated[
    str, typer.Argument(metavar="ID", autocompletion=completion.session_ids, help="The id of the session.")
]
SessionIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", autocompletion=completion.session_ids, help="The ids.", show_default=False),
]
User = Annotated[
    str | None, typer.Option(metavar="ID", autocompletion=completion.users, help="Only sessions of this user.")
]
Group = Annotated[
    str | None, typer.Option(metavar="NAME", autocompletion=completion.groups, help="Only sessions of this group.")
]
Model = Annotated[
    str | None, typer.Option(metavar="NAME", autocompletion=completion.models, help="Only sessions with this model.")
]
IdleFor = Annotated[
    timedelta | None,
    typer.Option(
        metavar="DURATION",
        parser=duration,
        help="Only sessions whose last update is at least so long ago: 90m, 12h, 2d, 1d12h.",
    ),
]
IdsFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The sessions with the ids in this file, completed ones too: one a line, or JSON Lines; - for standard "
        "input. Where it holds none, nothing is done.",
    ),
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="How many calls to make at a time.")]
