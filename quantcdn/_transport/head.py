"""The head of an answer, read strictly, by RFC 9112.

http.client reads on over one that was cut or is no HTTP, and parses header fields as those of an email, which costs
more than a quarter of a get (docs/Performance.md).
"""

import http.client
import io
import re
from functools import lru_cache
from typing import Any

from urllib3 import HTTPHeaderDict

_LONGEST_LINE = 65536  # http.client's own limit, give or take one

# Spaces are stripped afterwards. A pattern with room for them in two places would try every way to share them out.
_status_line = re.compile(rb"HTTP/1\.(\d)[ \t]+([1-9]\d\d)((?:[ \t][^\r\n\0]*)?)\r?\n").fullmatch
_find_fields = re.compile(r"^([!-9;-~]+):(.*)\n", re.MULTILINE).findall
_is_field = re.compile(r"[!-9;-~]+:[^\r\n\0]*").fullmatch
_fold = re.compile(r"\n[ \t]+")
_EMPTY_LINES = (b"\r\n", b"\n")


class Fields(HTTPHeaderDict):
    """The header fields of an answer, as urllib3 keeps them: put there at once, and looked up at once."""

    def take(self, fields: list[tuple[str, str]]) -> None:
        """Put all fields there are, with the spaces around their values, where none is yet."""
        by_name = self._container
        for name, text in fields:
            key, value = name.lower(), text.strip(" \t")
            if key in by_name:
                by_name[key].append(value)
            else:
                by_name[key] = [name, value]

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of a field, whatever the case of its name. One that came more than once has all of them."""
        found = self._container.get(name.lower())
        if found is None:
            return default
        return found[1] if len(found) == 2 else ", ".join(found[1:])


def read_head(file: io.BufferedReader, most: int) -> tuple[int, int, str, Fields]:
    """The minor version of HTTP/1, the status and its phrase, and the header fields: no more of them than so many.

    Nearly every head has come whole, and is read at once. Another is read line by line: what is no HTTP shows in the
    first one, and may never come to an end.

    Raises:
        http.client.HTTPException: it is none, or it was cut.
    """
    came = file.peek()
    end = came.find(b"\n\r\n") + 1
    if not end or came.find(b"\n\n", 0, end) >= 0:
        return *_status(file.readline(_LONGEST_LINE)), read_fields(file, most)
    head = file.read(end + 2)
    start = head.find(b"\n") + 1
    return *_status(head[:start]), _fields(head[start:end], most)


def read_fields(file: io.BufferedReader, most: int) -> Fields:
    """Header fields, line by line, up to the empty line after them.

    Raises:
        http.client.HTTPException: one of them is none, or they were cut, or there are more than so many.
    """
    lines: list[bytes] = []
    while len(lines) <= most and (line := file.readline(_LONGEST_LINE)) not in _EMPTY_LINES:
        if not line:
            raise http.client.RemoteDisconnected("Remote end closed connection inside the headers of its answer")
        if len(line) == _LONGEST_LINE:
            raise http.client.LineTooLong("its head")
        lines.append(line)
    return _fields(b"".join(lines), most)


def shown(line: bytes) -> str:
    """The beginning of a line, as it is safe to show."""
    return ascii(line[:40].rstrip().decode("latin-1"))


@lru_cache(maxsize=64)  # a service sends the same ones all the time
def _status(line: bytes) -> tuple[int, int, str]:
    if not line:
        raise http.client.RemoteDisconnected("Remote end closed connection without response")
    found = _status_line(line)
    if found is None:
        if len(line) == _LONGEST_LINE:
            raise http.client.LineTooLong("its head")
        raise http.client.BadStatusLine(line.decode("latin-1").rstrip())
    return int(found[1]), int(found[2]), found[3].strip().decode("latin-1")


def _fields(lines: bytes, most: int) -> Fields:
    text = lines.decode("latin-1").replace("\r\n", "\n")
    if text.count("\n") > most:
        raise http.client.HTTPException(f"it has more than {most} headers, the configured max_response_headers")
    if "\n " in text or "\n\t" in text:  # a value could once go on in the next line
        text = _fold.sub(" ", text)
    found = _find_fields(text)
    if len(found) != text.count("\n") or "\r" in text or "\0" in text:
        bad = next((line for line in text.split("\n") if not _is_field(line)), "")
        raise http.client.HTTPException(f"one of its headers is none: {shown(bad.encode('latin-1'))}")
    fields = Fields()
    fields.take(found)
    return fields
