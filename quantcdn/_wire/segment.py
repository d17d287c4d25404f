"""A path parameter: one segment of a path, encoded once, or a refusal."""

import re
from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import AfterValidator, Strict
from pydantic_core import PydanticCustomError

from quantcdn.models._types import has_lone_surrogate

_find_unsafe = re.compile(r"\A(?:\.{0,2}|\s+)\Z|[/\\\x00-\x1f\x7f-\x9f]").search
_is_plain = re.compile(r"[A-Za-z0-9_~-]+").fullmatch
_MOST_DECODINGS = 10  # nobody encodes an id more often, and each takes time


def encoded_segment(value: str) -> str:
    """The percent-encoded form of a path segment.

    Whoever decodes a path once too often must not find another path in it, so what decodes to something unsafe is as
    unsafe as that.

    Raises:
        PydanticCustomError: it cannot stand in a path as one segment.
    """
    if _is_plain(value):
        return value
    if not value:
        raise PydanticCustomError("path_segment", "Input should be one path segment, and it is empty")
    decoded = value
    for _ in range(_MOST_DECODINGS):
        if _find_unsafe(decoded) or has_lone_surrogate(decoded):
            break
        decoded, before = unquote(decoded, errors="surrogateescape"), decoded
        if decoded == before:
            return quote(value, safe="")
    raise PydanticCustomError(
        "path_segment",
        "Input should be one path segment: not empty, blank, '.' or '..', and without '/', '\\', control characters "
        "and lone surrogates, percent-encoded ones included",
    )


Segment = Annotated[str, Strict(), AfterValidator(encoded_segment)]
"""A string that arrives percent-encoded where it is used."""
