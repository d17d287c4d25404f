"""How an answer is read that is not quite as the contract has it: what can be read of it, and the rest as it came."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from quantcdn._interrupts import raise_with_its_context, raised_by_signal_handler

T = TypeVar("T")

ID_NAMES = ("sessionId", "session_id", "id")
"""Under which names the id of a session comes."""

# The escapes of a high surrogate before no low one, and of a low one after no high one.
_HIGH, _LOW = (rf"\\u[dD][{digits}][0-9a-fA-F]{{2}}" for digits in ("89abAB", "c-fC-F"))
_HALVES = re.compile(f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")


def read_json(text: str) -> object:
    """The value of a JSON text. Half an emoji, which is what a cut in UTF-16 leaves of one, is read as U+FFFD.

    Raises:
        ValueError: the text is not JSON.
    """
    try:
        return cast("object", from_json(text))
    except ValueError as error:
        if "\0" in text or raised_by_signal_handler(error):  # the first is nowhere in JSON
            raise
        # What follows an escaped backslash is no escape.
        mended = _HALVES.sub(r"\\ufffd", text.replace(r"\\", "\0\0")).replace("\0\0", r"\\")
        if mended == text:
            raise
    return cast("object", from_json(mended))


def read_leniently(read: Callable[[object], T], value: object) -> T:
    """Read Python objects as an answer, or a list of them as answers.

    A field that cannot be read costs that field: it is None, and what came stands among the extras, under the name
    that it came with.

    Args:
        read: makes of the objects what they are to be read as.
        value: the objects. They are left as they are.

    Raises:
        pydantic.ValidationError: something else than a field cannot be read, or an id cannot.
    """
    is_list = isinstance(value, list)
    rows = [*cast("list[object]", value)] if is_list else [value]
    unread: dict[int, dict[str, object]] = {}
    while True:
        try:
            answers = read(rows if is_list else rows[0])
            break
        except ValidationError as error:
            pass_on_interrupt(error)
            if not _set_aside(error, rows, unread, is_list=is_list):
                raise
    for index, fields in unread.items():
        answer = cast("list[BaseModel]", answers)[index] if is_list else cast("BaseModel", answers)
        cast("dict[str, Any]", answer.model_extra).update(fields)
    return answers


def pass_on_interrupt(error: ValidationError) -> None:
    """Raise what a signal handler raised while pydantic checked, as it is: pydantic tells it as a value that is wrong.

    So it does with what is a ValueError or an AssertionError; anything else passes through it.
    """
    for problem in error.errors(include_url=False, include_input=False):
        cause: object = problem.get("ctx", {}).get("error")
        if isinstance(cause, Exception) and raised_by_signal_handler(cause):
            raise_with_its_context(cause)


def _set_aside(
    error: ValidationError, rows: list[object], unread: dict[int, dict[str, object]], *, is_list: bool
) -> bool:
    """Move the fields that an error names from the rows to the unread ones, and tell whether there was any."""
    found = False
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place = problem["loc"] if is_list else (0, *problem["loc"])
        if len(place) < 2:
            continue
        index, name = cast("tuple[int, str]", place[:2])
        row = cast("Mapping[str, object]", rows[index])
        if name not in ID_NAMES and row.get(name) is not None:  # a field can have several errors
            unread.setdefault(index, {})[name] = row[name]
            rows[index] = {**row, name: None}  # in its place, so that no other spelling takes it
            found = True
    return found
