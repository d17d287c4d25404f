"""The parameters that several commands take."""

import json
import re
from datetime import timedelta
from typing import Annotated, Any, cast

import typer

from quantcdn._show.visible import is_blank

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


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


SessionId = Annotated[str, typer.Argument(metavar="ID", help="The id of the session.")]
User = Annotated[str | None, typer.Option(metavar="ID", help="Only sessions of this user.")]
Group = Annotated[str | None, typer.Option(metavar="NAME", help="Only sessions of this group.")]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="Only sessions with this model.")]
IdleFor = Annotated[
    timedelta | None,
    typer.Option(
        metavar="DURATION",
        parser=duration,
        help="Only sessions whose last update is at least so long ago: 90m, 12h, 2d, 1d12h.",
    ),
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="How many calls to make at a time.")]
