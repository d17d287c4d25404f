"""What comes from outside takes a time that grows with its length, and not with the square of it.

A factor of growth is measured between two lengths, in CPU time: 8 where it is linear, and 64 where it is quadratic.
The bound lies between, so that neither a slow machine nor a busy one makes a difference.
"""

import ast
import contextlib
import importlib
import itertools
import math
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import quantcdn
from quantcdn import ApiException
from quantcdn._wire.decode import decode

from .calls import CALLS, answer

LONGER = 8
BOUND = 24


def growth(work: Callable[[Any], object], make: Callable[[int], Any], length: int) -> float:
    """How many times as long the work takes with what is eight times as long.

    Where that seems too long it is measured again: what disturbs a machine passes, and a square stays.
    """

    def cpu_time(given: Any) -> int:
        times: list[int] = []
        for _ in range(5):
            started = time.process_time_ns()
            work(given)
            times.append(time.process_time_ns() - started)
        return max(min(times), 1)

    short, long = make(length), make(LONGER * length)
    factors = (cpu_time(long) / cpu_time(short) for _ in range(5))
    return next((factor for factor in factors if factor < BOUND), math.inf)


# Regular expressions


def patterns() -> Iterator[tuple[str, Callable[[Any], object], bool]]:
    """Each use of a pattern in the package: where it stands, the use, and whether it is one of bytes."""
    for module in pkgutil.walk_packages(quantcdn.__path__, "quantcdn."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            pattern = value if isinstance(value, re.Pattern) else getattr(value, "__self__", None)
            if isinstance(pattern, re.Pattern):
                # One that is kept as a method is used by it alone.
                use = replacing(pattern) if pattern is value else value
                yield f"{module.name}.{name}", use, isinstance(pattern.pattern, bytes)
        for node in ast.walk(ast.parse(Path(str(loaded.__file__)).read_text())):
            match node:
                case ast.Call(ast.Attribute(ast.Name("re"), method), [ast.Constant(str(text)), *_]):
                    pattern = re.compile(text, re.IGNORECASE)
                    use = replacing(pattern) if method in ("compile", "sub") else getattr(pattern, method)
                    if method != "compile":
                        yield f"{module.name}:{node.lineno}", use, False


def replacing(pattern: re.Pattern[Any]) -> Callable[[Any], object]:
    return lambda text: pattern.sub(text[:0], text)


PATTERNS = {place: (use, is_bytes) for place, use, is_bytes in patterns()}
PIECES = [*'aZ10 -:,.;/+=@?#"\\%[{(_\t\n', "\r\n", "//", "\\u", "ud83d", "bearer ", "charset", "é"]
PUMPS = [*PIECES, *map("".join, itertools.permutations(PIECES, 2))]


def test_the_patterns_of_the_package_are_found() -> None:
    assert {"quantcdn.models._types._is_number", "quantcdn._wire.decode._find_parts"} < PATTERNS.keys()
    assert any(place.startswith("quantcdn._wire.decode:") for place in PATTERNS)


@pytest.mark.parametrize("place", PATTERNS)
def test_no_pattern_takes_a_time_that_grows_with_the_square(place: str) -> None:
    use, is_bytes = PATTERNS[place]

    def work(text: Any) -> None:
        found = use(text)
        if hasattr(found, "__next__"):
            for _ in found:  # type: ignore[attr-defined]
                pass

    for pump, before, after in itertools.product(PUMPS, ("", "1", '"'), ("", "!")):

        def make(count: int, pump: str = pump, before: str = before, after: str = after) -> Any:
            text = before + pump * count + after
            return text.encode() if is_bytes else text

        text = make(500)
        started = time.process_time_ns()
        work(text)
        # Linear ones take some nanoseconds a character. Only what takes more is looked at more closely.
        if time.process_time_ns() - started > 200 * len(text):
            assert growth(work, make, 500) < BOUND, f"{before!r}, {pump!r} again and again, {after!r}"


# Answers


def _as_field(name: str, text: str) -> Callable[[int], bytes]:
    return lambda length: f'{{"id":"s","{name}":"{text * (length // len(text))}"}}'.encode()


def _around(start: str, middle: str, end: str) -> Callable[[int], bytes]:
    return lambda length: (start + middle * max(length // len(middle), 1) + end).encode()


BODIES: dict[str, Callable[[int], bytes]] = {
    **{
        f"time of {text!r}": _as_field("created_at", text)
        for text in ("1", "1.", "1-", "1,", " ", "a", "a+", "1 ", "May ", "10:", "2024-05-06T07:08:09Z", "+", "9" * 64)
    },
    **{
        f"text of {text}": _as_field("title", text)
        for text in (r"\ud83d", r"\ude00", r"\ud83d\ude00", r"\\", r"\\\ud83d", r"\"", r"\n", r"\u0000")
    },
    **{
        f"time of digits before {end}": _around('{"id":"s","created_at":"', "1", end + '"}') for end in ("x", "-", ".x")
    },
    "text that does not end": _around('{"id":"\\ud83d', "\\\\", ""),
    "half an emoji after backslashes": _around('{"id":"', "\\\\", '\\ud83d"}'),
    "lists in lists": _around("", "[", ""),
    "objects in objects": _around("", '{"a":', ""),
    "empty objects": _around("[", "{},", "{}]"),
    "odd messages": _around('{"messages":[', '"a",', '"a"]}'),
    "odd titles": _around("[", '{"id":"s","title":1,"model":[],"created_at":"never"},', "{}]"),
    "times for dateutil": _around("[", '{"created_at":"Mon, 06 May 2024 07:08:09 GMT"},', "{}]"),
    "a number": _around('{"id":"s","n":1.', "1", "}"),
    "numbers": _around('{"id":"s","n":[', "1" * 4000 + ",", "1]}"),
    # From 4,300 digits on, Python refuses a whole number, which is then read in another way: both lengths lie beyond.
    "a whole number": lambda length: b'{"id":"s","n":' + b"1" * (2 * length) + b"}",
    "one name again and again": _around("{", '"title":1,', '"id":"s"}'),
    "names": lambda length: ("{" + "".join(f'"{n}":0,' for n in range(length // 10)) + '"id":"s"}').encode(),
    "white space": _around("", " ", "{}"),
    "no JSON": _around("", "<html>", ""),
    "wrapped": lambda length: b'{"data":' * 50 + b"[" + b"{}," * (length // 3) + b"{}]" + b"}" * 50,
}


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES)
def test_no_body_takes_a_time_that_grows_with_the_square(make: Callable[[int], bytes]) -> None:
    def work(body: bytes) -> None:
        for operation, status in [("get", 200), ("list", 200), ("delete", 200), ("get", 404)]:
            with contextlib.suppress(ApiException):
                decode(CALLS[operation], answer(body, status))

    assert growth(work, make, 3_000) < BOUND


CHARSETS = [
    *["utf-8-sig", "utf-16", "utf-32", "latin-1", "gb18030", "big5", "euc-kr"],
    *["punycode", "idna", "utf-7", "unicode_escape", "raw_unicode_escape", "hex", "base64", "uu", "quopri", "zlib"],
]


@pytest.mark.parametrize("charset", CHARSETS)
def test_no_charset_takes_a_time_that_grows_with_the_square(charset: str) -> None:
    def work(body: bytes) -> None:
        with pytest.raises(ApiException):
            decode(CALLS["get"], answer(body, content_type=f"application/json; charset={charset}"))

    for first, last in [(b"a", b"9"), (b"a", b"b"), (b"-", b"a-"), (b"\xe9", b"+")]:
        assert growth(work, lambda length, a=first, b=last: a * length + b"-" + b * length, 10_000) < BOUND


@pytest.mark.parametrize("header", ["Content-Type", "Location"])
@pytest.mark.parametrize("piece", ["charset", "charset ", "charset=", "charset= ", "//", "//a", "//@", "@", "?", "#"])
def test_no_header_takes_a_time_that_grows_with_the_square(header: str, piece: str) -> None:
    def work(value: str) -> None:
        with pytest.raises(ApiException):
            decode(CALLS["get"], answer("<", 302, **{header: value}))

    assert growth(work, lambda length: piece * length, 2_000) < BOUND
