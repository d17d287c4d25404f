"""The types of fields that need more than pydantic's own: what is read leniently, and what is refused."""

import functools
import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, cast, get_args
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, Strict, TypeAdapter
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import Self

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._shared import undisturbed


class _InstantSchema:
    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.datetime_schema()


Instant = Annotated[datetime, _InstantSchema]
"""A datetime. Pydantic is not asked what that is: where a test has stopped the clock by then, it does not know."""

# Where calls take more of a stack that is short, pydantic writes fewer levels.
MAX_JSON_DEPTH = 50 if sys.platform == "emscripten" else 100 if sys.implementation.name == "pypy" else 200
_MINUTE = timedelta(minutes=1)


# Requests


def has_lone_surrogate(text: str) -> bool:
    """Whether a text holds half of a character of UTF-16, which UTF-8 cannot carry."""
    return any("\ud800" <= character <= "\udfff" for character in text)


class _Checked:
    """Checks a value with pydantic's own compiled code: a Python function would be called for each field."""

    def __init__(self, schema: core_schema.CoreSchema, problem: str, **context: str) -> None:
        self.schema: core_schema.CoreSchema = core_schema.custom_error_schema(
            schema, "not_allowed", custom_error_message=problem, custom_error_context={**context}
        )

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return self.schema


class _CheckedText(_Checked):
    """Checks a string. What is none is refused as such, before that."""

    def __init__(self, schema: core_schema.CoreSchema, problem: str) -> None:
        super().__init__(schema, problem)
        self.schema = core_schema.chain_schema([core_schema.str_schema(strict=True), self.schema])


Text = Annotated[
    str,
    _CheckedText(
        core_schema.str_schema(strict=True, min_length=0),  # without a bound, pydantic would not look into it
        "Input should be a valid string, without lone surrogates",
    ),
]
"""A string that UTF-8 can carry."""


Filter = Annotated[
    str,
    _CheckedText(
        core_schema.str_schema(strict=True, pattern=r"[^\s\p{Cc}\x{200b}\x{feff}]"),  # others trim these as well
        "Input should be a valid string, not blank (a service may take that for no filter at all) and without lone "
        "surrogates",
    ),
]
"""What a list is filtered by."""


def _has_too_many_digits(number: int) -> bool:
    try:
        str(number)
    except ValueError as error:  # Python's limit, of 4300 digits
        if raised_by_signal_handler(error):
            raise
        return True
    return False


def _refuse_too_many_digits(value: int) -> int:
    if _has_too_many_digits(value):
        raise PydanticCustomError("too_many_digits", "Input should be a number with fewer digits")
    return value


Integer = Annotated[int, Strict(), AfterValidator(_refuse_too_many_digits)]
"""A number that can be written out."""


if TYPE_CHECKING:
    Strings = TypeVar("Strings")
    OneOf: TypeAlias = Annotated[Strings, "checked"]
else:

    class OneOf:
        """One of the strings that a Literal names. To whoever asks at run time it is a string, as in other clients."""

        def __class_getitem__(cls, literal: object) -> object:
            allowed = get_args(literal)
            listed = ", ".join(map(repr, allowed))
            schema = core_schema.literal_schema([*allowed])
            return Annotated[str, _Checked(schema, "Input should be one of {allowed}", allowed=listed)]


# What JSON can hold, or be written as. (A union in an isinstance would be built anew each time.)
_CONTAINERS = (dict, list, tuple)
_NUMBERS = (float, Decimal)
_TIMES = (datetime, time)
_OTHERS = (date, UUID)


class _NotJson(Exception):
    """Something that JSON cannot hold. Its place is put together on the way up, from the inside out."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.steps: list[str] = []

    def found_at(self, step: str) -> Self:
        """The same, after one more step to it."""
        self.steps.insert(0, step)
        return self


def _check_json(value: object, parents: tuple[object, ...] = ()) -> None:
    """Refuse what JSON cannot hold."""
    if isinstance(value, str):
        if not value.isascii() and has_lone_surrogate(value):
            raise _NotJson("text with a lone surrogate cannot be written as JSON")
    elif isinstance(value, _CONTAINERS):
        _check_container(cast("Any", value), parents, is_dict=isinstance(value, dict))
    elif isinstance(value, int):
        if _has_too_many_digits(value):
            raise _NotJson("a number has too many digits")
    elif isinstance(value, _NUMBERS):
        if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            raise _NotJson("JSON has no NaN and no infinity")
    elif isinstance(value, _TIMES):
        offset = value.utcoffset()
        if offset is not None and offset % _MINUTE:
            raise _NotJson("its offset from UTC holds seconds, which no timestamp can; convert it to UTC")
    elif isinstance(value, Enum):
        _check_json(value.value, parents)
    elif value is not None and not isinstance(value, _OTHERS):
        raise _NotJson(
            f"a value of type {type(value).__name__} cannot be written as JSON; allowed are None, bool, int, float, "
            "str, list, tuple, dict, datetime, date, time, Decimal, UUID and Enum",
        )


def _check_container(container: Any, parents: tuple[object, ...], *, is_dict: bool) -> None:
    for parent in parents:
        if container is parent:
            raise _NotJson("it contains itself")
    if len(parents) == MAX_JSON_DEPTH:
        raise _NotJson(f"it is nested more than {MAX_JSON_DEPTH} levels deep")
    parents = (*parents, container)
    for key, member in container.items() if is_dict else enumerate(container):
        if is_dict and not (type(key) is str and key.isascii()):
            _check_key(key)
        if type(member) is str and member.isascii():
            continue
        try:
            _check_json(member, parents)
        except _NotJson as error:
            raise error.found_at(f".{key}" if is_dict else f"[{key}]") from None


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise _NotJson(f"a key is of type {type(key).__name__}, and only strings can be keys")
    if has_lone_surrogate(key):
        raise _NotJson("a key holds a lone surrogate")


def _check_metadata(value: Any) -> Any:
    if isinstance(value, (dict, Mapping)):  # in this order: an abstract class takes its time to say so
        try:
            _check_container(dict(cast("Any", value)), (), is_dict=True)
        except _NotJson as error:
            path, problem = f"metadata{''.join(error.steps)}", error.problem
            raise PydanticCustomError("not_json", "{path}: {problem}", {"path": path, "problem": problem}) from None
    return cast("object", value)


# Checked before pydantic reads it, which would turn a key of bytes into text.
Metadata = Annotated[dict[str, Any], BeforeValidator(_check_metadata)]
"""A dict that JSON can hold, at any depth."""


# Responses

# Two days that share no year, month, day or day of the week: what dateutil fills in from a default, it fills in
# differently from these two.
_DEFAULTS = (datetime(2000, 1, 1), datetime(2013, 12, 29))
# Longer than any timestamp. Whatever reads one takes more time, the longer the text is.
_LONGEST = 64
_LEAP_SECOND = re.compile(r"(?<=:\d\d:)60(?!\d)")
# People mean three hours ahead by GMT+3, and dateutil reads three hours behind; a single letter at the end is a time
# zone to some, and half of a.m. to dateutil; in a row of four numbers or more, dateutil guesses which is which.
_AMBIGUOUS = re.compile(r"(?<![A-Za-z-])[A-Za-z]+[+-]\d|\d\s*[A-Ya-y](?![A-Za-z\d])|\d(?:[-,]\d+){2}[-,]")
# The one form with a year of two digits in which it is known which number is the year: RFC 850 and RFC 822.
_has_two_digit_year = re.compile(r"[A-Za-z]+, \d\d?[ -][A-Za-z]{3}[ -]\d\d .*").fullmatch
_is_number = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*").fullmatch
# A number is read as seconds or milliseconds since 1970 where that gives a year from 2000 to 2099. Anything else is
# more likely to mean something different: 2024, 20240506, or "never", as the last second of the year 9999.
_FIRST = datetime(2000, 1, 1, tzinfo=timezone.utc)
_PAST_LAST = datetime(2100, 1, 1, tzinfo=timezone.utc)
_any_datetime: TypeAdapter[datetime] = TypeAdapter(Instant)


def _zone(name: str | None, offset: int | None) -> timezone | None:
    if offset is None:
        if name is None:
            return None
        raise ValueError(f"{name} is not a time zone with one known offset")
    return timezone(timedelta(seconds=offset))


def _parse_of_dateutil() -> Callable[..., datetime]:
    from dateutil import parser  # costs 25 ms to import, and is hardly ever needed

    return parser.parse


_dateutil_parse = functools.cache(lambda: undisturbed(_parse_of_dateutil))


def _read_with_dateutil(text: str) -> datetime:
    if not text[:1].isalnum() or _AMBIGUOUS.search(text):
        raise ValueError("the text is ambiguous")
    # Where the year does not come first, day and month are ambiguous unless both orders give the same instant.
    day_first = not text[:4].isdigit()
    first, second = (
        _dateutil_parse()(text, default=default, dayfirst=day_first and default is _DEFAULTS[1], tzinfos=_zone)
        for default in _DEFAULTS
    )
    if first != second or not (f"{first.year:04}" in text or _has_two_digit_year(text)):
        raise ValueError("the text does not name one instant")
    return first


def _read_timestamp(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, str | int | float | datetime):
        raise _no_timestamp()
    if isinstance(value, str) and len(value) > _LONGEST:
        raise _no_timestamp()
    is_number = _is_number(value) if isinstance(value, str) else isinstance(value, int | float)
    try:
        instant = _any_datetime.validate_python(value)
    except ValueError as error:  # a ValidationError, or of pydantic 2.10 for the year 0 a plain one
        if raised_by_signal_handler(error):
            raise
        if is_number or not isinstance(value, str):
            raise _no_timestamp() from None
        text, leap_seconds = _LEAP_SECOND.subn("59", value)
        try:
            instant = _read_with_dateutil(text) + timedelta(seconds=leap_seconds)
        except Exception as problem:  # dateutil lets many kinds out, of decimal numbers too
            if raised_by_signal_handler(problem):
                raise
            raise _no_timestamp() from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)
    if is_number and not _FIRST <= instant < _PAST_LAST:
        raise _no_timestamp()
    return instant


def read_instant(value: object) -> object:
    """The instant that a value stands for; the value itself where it stands for none."""
    try:
        return _read_timestamp(value)
    except PydanticCustomError:
        return value


def _no_timestamp() -> PydanticCustomError:
    return PydanticCustomError("timestamp", "Input should be a timestamp")


def _read_id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _LenientFromPython:
    """Reads JSON with pydantic's strict and fast reader, and Python objects with a function of our own.

    An answer goes from bytes to model through the first; only one that it refuses is parsed to Python objects and
    goes through the second.
    """

    def __init__(self, strict_json: core_schema.CoreSchema, lenient: core_schema.CoreSchema) -> None:
        self.schema = core_schema.json_or_python_schema(json_schema=strict_json, python_schema=lenient)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return self.schema


Timestamp = Annotated[
    datetime,
    _LenientFromPython(
        # The bounds send numbers in quotes to the second pass, which knows them from text.
        core_schema.datetime_schema(strict=True, tz_constraint="aware", ge=_FIRST, lt=_PAST_LAST),
        core_schema.no_info_plain_validator_function(_read_timestamp),
    ),
]
"""An instant, always with a time zone. RFC 3339, RFC 1123, epoch seconds and their kin are read; no zone means UTC."""


class _FailingFast:
    """Tells of Python objects only the first item that cannot be read: there may be as many errors as items.

    JSON is read as ever, which is faster.
    """

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        schema = cast("core_schema.ListSchema", handler(source))
        fail_fast: core_schema.ListSchema = {**schema, "fail_fast": True}
        return core_schema.json_or_python_schema(json_schema=schema, python_schema=fail_fast)


Messages = Annotated[list[dict[str, Any]], _FailingFast()]
"""Messages, of whatever fields."""

Id = Annotated[
    str,
    _LenientFromPython(
        core_schema.str_schema(strict=True),
        core_schema.no_info_before_validator_function(_read_id, core_schema.str_schema(strict=True)),
    ),
]
"""An identifier. An integer is read as a string."""
