"""The body of an answer, read whole: unpacked, and within its limits of size and time."""

import contextlib
import io
import math
import zlib
from typing import Final

import urllib3
from urllib3.exceptions import DecodeError

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._transport.deadline import Deadline
from quantcdn._wire.headers import Headers
from quantcdn.exceptions import ResponseFormatException

_PIECE: Final = 65_536
"""How much is unpacked at a time, in bytes as they come."""
_LARGEST_PIECE: Final = 1_048_576
"""How much of a body is held at a time before its size and the time are looked at again, in bytes."""
_MOST_MEMBERS: Final = 100
"""Of how many parts a gzip file may be made. Each costs the time of a copy, and an empty one has 20 bytes."""
_NONE: Final = frozenset(["", "identity"])
_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""What zlib is to expect of a coding. Nobody is asked for them; some gateways pack all the same."""


def whole_body(response: urllib3.BaseHTTPResponse, limit: int, deadline: Deadline) -> bytes:
    """The whole body of an answer.

    Args:
        response: the answer, of which nothing was read.
        limit: how large it may be, in bytes, as it comes and once unpacked.
        deadline: by when it must be there.

    Raises:
        ResponseFormatException: it is too large, or not packed as it says, or in a way that nobody asked for.
        TimeoutError: the time was over while it was unpacked.
        urllib3.exceptions.HTTPError: not all of it came.
    """
    size = response.length_remaining
    packing = response.headers.get("content-encoding")
    if packing is None and size is not None and size <= limit:
        return response.read()
    if size is not None and size > limit:
        raise _too_large(response, limit)
    coding = (packing or "").strip().lower()
    if coding in _NONE or size == 0:
        body = bytearray()
        # In pieces, since room is made beforehand for as much as is asked for, be it more than there is.
        while piece := response.read(min(limit + 1 - len(body), _LARGEST_PIECE), decode_content=False):
            body += piece
            if len(body) > limit:
                raise _too_large(response, limit)
        return bytes(body)
    if coding not in _WINDOW:
        raise unreadable(response, f"its Content-Encoding is {coding[:40]!r}, which was not asked for")
    try:
        return _unpacked(response, coding, limit, deadline)
    except zlib.error:
        raise unreadable(response, f"its body is not {coding}, as it says") from None


def unread_body(response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    """The body of an answer, or the rest of it where something was read already.

    Args:
        response: the answer.
        limit: how large what is read here may be, in bytes, as it comes and once unpacked.

    Raises:
        ResponseFormatException: it is too large, or not packed as it says, or in a way that nobody asked for.
        urllib3.exceptions.HTTPError: not all of it came.
    """
    if response.closed:
        return response.data
    if _is_untouched(response):
        return whole_body(response, limit, Deadline(math.inf))
    body = bytearray()
    try:
        # At the end of one that is filled up, urllib3 lets an error of zlib 1.3.2 and later out; all is there by then.
        with contextlib.suppress(zlib.error):
            while piece := response.read(_LARGEST_PIECE):
                body += piece
                if len(body) > limit:
                    raise _too_large(response, limit)
    except DecodeError as error:
        if error.__cause__ is not None and raised_by_signal_handler(error.__cause__):
            raise
        raise unreadable(response, "what is left of its body cannot be unpacked") from None
    return bytes(body)


def _is_untouched(response: urllib3.BaseHTTPResponse) -> bool:
    try:
        return response.tell() == 0
    except io.UnsupportedOperation:  # in a browser
        return True


def unreadable(response: urllib3.BaseHTTPResponse, problem: str) -> ResponseFormatException:
    """The exception for a body that cannot be read."""
    return ResponseFormatException.answered(
        response.status, f"The answer cannot be read: {problem}", Headers(response.headers.items())
    )


def _unpacked(response: urllib3.BaseHTTPResponse, coding: str, limit: int, deadline: Deadline) -> bytes:
    body = bytearray()
    members, member = 0, None
    came = 0
    while packed := response.read(_PIECE, decode_content=False):
        came += len(packed)
        while packed:
            if member is None:
                members += 1
                if members > _MOST_MEMBERS:
                    raise unreadable(response, f"its {coding} is of more than {_MOST_MEMBERS} parts")
                member = zlib.decompressobj(_window_of(coding, packed[0]))
            body += member.decompress(packed, _LARGEST_PIECE)
            if max(len(body), came) > limit:
                raise _too_large(response, limit)
            if deadline.left() <= 0:
                raise TimeoutError("timed out")
            packed = member.unconsumed_tail
            if member.eof:
                packed = member.unused_data.lstrip(b"\0")  # zeros may fill up the last block of a file
                member = None
    if member is not None:
        raise unreadable(response, f"its {coding} is cut off after {came} bytes")
    return bytes(body)


def _window_of(coding: str, first: int) -> int:
    """What zlib is to expect of a coding: some send deflate without the header of zlib, which begins with an 8."""
    return -zlib.MAX_WBITS if coding == "deflate" and first & 0x0F != 8 else _WINDOW[coding]


def _too_large(response: urllib3.BaseHTTPResponse, limit: int) -> ResponseFormatException:
    return unreadable(response, f"it is larger than {limit} bytes, the configured max_response_size")
