"""http.client's answers, made to keep a deadline and to notice what is wrong with them.

The timeout of the socket is set anew, to the time that is left, before each piece of an answer is read. And the head
of an answer is read here, by RFC 9112: http.client reads on over one that was cut or is no HTTP, takes the
announcement of an answer for the answer, and parses header fields as those of an email, which costs more than a
quarter of a get (docs/Performance.md).
"""

import contextlib
import http.client
import io
import os
import re
import socket
import ssl
import time
from http import HTTPStatus
from typing import Any

from urllib3.util.ssltransport import SSLTransport

from quantcdn._deadline import Deadline

_STALE_AFTER = 0.02  # seconds that a timeout may be out of date, so that quick answers pay for one clock reading only

# http.client's own limits, give or take one.
_LONGEST_LINE = 65536
_MOST_FIELDS = 100

# Spaces are stripped afterwards. A pattern with room for them in two places would try every way to share them out.
_status_line = re.compile(rb"HTTP/1\.(\d)[ \t]+([1-9]\d\d)((?:[ \t][^\r\n\0]*)?)\r?\n").fullmatch
_find_fields = re.compile(r"^([!-9;-~]+):([^\r\n\0]*)\r?\n", re.MULTILINE).findall
_fold = re.compile(r"\r?\n[ \t]+")
_is_length = re.compile(r"[0-9]{1,18}").fullmatch
_EMPTY_LINES = (b"\r\n", b"\n")
_BODILESS = frozenset([HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED])


class _TimedFile(io.RawIOBase):
    """What http.client reads an answer from: a socket whose timeout is kept up to date."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._deadline = deadline
        self._armed = time.monotonic()
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int | None:
        now = time.monotonic()
        if now - self._armed > _STALE_AFTER:
            if self._deadline.left() <= 0:  # what is there already would be read whatever the timeout
                raise TimeoutError("timed out")
            self._sock.settimeout(self._deadline.read_timeout)
            self._armed = now
        count = self._file.readinto(buffer)
        self._position += count or 0
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Reader(io.BufferedReader):
    """A file that ends a connection on which more came than one answer.

    What is left in a buffer shows neither in the socket nor to urllib3, which would use the connection again, and
    what still follows would be taken for the answer to the next request.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__(_TimedFile(sock, deadline))
        self._sock = sock
        self._process = os.getpid()

    def close(self) -> None:
        """Close the file, and where something is left that nobody will read, shut the connection down."""
        mine = self._process == os.getpid()  # the child of a fork must not shut down what its parent reads
        if mine and not self.closed and (self.tell() < self.raw.tell() or self._decrypted()):
            with contextlib.suppress(OSError):  # the server may have left
                getattr(self._sock, "socket", self._sock).shutdown(socket.SHUT_RDWR)  # of TLS in TLS, the outer one
        super().close()

    def _decrypted(self) -> int:
        """How much has left the system's own buffer, and waits in those of TLS."""
        inner: object = self._sock
        if isinstance(inner, SSLTransport):  # TLS in TLS
            outer: Any = inner.socket
            return inner.sslobj.pending() + inner.incoming.pending + int(outer.pending())
        return inner.pending() if isinstance(inner, ssl.SSLSocket) else 0


class _Fields(http.client.HTTPMessage):
    """The header fields of an answer."""

    def items(self) -> list[tuple[str, str]]:
        """Each name with its value, as it came: email would look for encodings in each that none has."""
        return list(self.raw_items())


class Answer(http.client.HTTPResponse):
    """An answer that keeps a deadline, and whose head is read strictly."""

    fp: Any

    def __init__(self, sock: socket.socket, deadline: Deadline, debuglevel: int = 0, method: str | None = None) -> None:
        timed: Any = _TimedSocket(sock, deadline)
        super().__init__(timed, debuglevel, method)
        self._has_body = method != "HEAD"

    def begin(self) -> None:
        """Read the head, after any announcements of the answer, like 103 Early Hints."""
        while True:
            minor_version, self.status, self.reason = _read_status(self.fp)
            fields = _read_fields(self.fp)
            if self.status >= 200:
                break
            if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("it switched protocols unasked")
        self.code = self.status
        self.version = 11 if minor_version else 10
        self.headers = self.msg = _Fields()
        by_name: dict[str, str] = {}
        for name, text in fields:
            value = text.strip(" \t")
            self.msg.set_raw(name, value)
            key = name.lower()
            by_name[key] = f"{by_name[key]}, {value}" if key in by_name else value
        self._frame(by_name)

    def _frame(self, fields: dict[str, str]) -> None:
        """Tell where the body ends, and whether another answer may follow it."""
        length = _length(fields["content-length"]) if "content-length" in fields else None
        chunked = "transfer-encoding" in fields and _is_chunked(fields["transfer-encoding"])
        has_body = self._has_body and self.status not in _BODILESS
        self.chunked = chunked and has_body
        self.chunk_left = None
        self.length = (None if chunked else length) if has_body else 0
        connection = fields.get("connection", "").lower()
        stays_open = "close" not in connection and (
            self.version == 11 or ("keep-alive" in connection and not chunked)  # HTTP/1.0 knows no chunks
        )
        self.will_close = not stays_open or (self.length is None and not chunked)


def _read_status(file: io.BufferedReader) -> tuple[int, int, str]:
    """The minor version of HTTP/1, the status and its phrase."""
    line = file.readline(_LONGEST_LINE)
    if not line:
        raise http.client.RemoteDisconnected("Remote end closed connection without response")
    found = _status_line(line)
    if found is None:
        if len(line) == _LONGEST_LINE:
            raise http.client.LineTooLong("its head")
        raise http.client.BadStatusLine(line.decode("latin-1"))
    return int(found[1]), int(found[2]), found[3].strip().decode("latin-1")


def _read_fields(file: io.BufferedReader) -> list[tuple[str, str]]:
    """The header fields, up to the empty line after them, with the spaces around their values."""
    lines: list[bytes] = []
    while (line := file.readline(_LONGEST_LINE)) not in _EMPTY_LINES:
        if not line:
            raise http.client.RemoteDisconnected("Remote end closed connection inside the headers of its answer")
        if len(line) == _LONGEST_LINE:
            raise http.client.LineTooLong("its head")
        if len(lines) == _MOST_FIELDS:
            raise http.client.HTTPException(f"it has more than {_MOST_FIELDS} headers")
        lines.append(line)
    text = b"".join(lines).decode("latin-1")
    if "\n " in text or "\n\t" in text:  # a value could once go on in the next line
        text = _fold.sub(" ", text)
    fields = _find_fields(text)
    if len(fields) != text.count("\n"):
        raise http.client.HTTPException("one of its headers is none")
    return fields


def _length(value: str) -> int:
    """How many bytes the body has. The same may be said more than once."""
    length, *others = _listed(value)
    if others:
        raise http.client.HTTPException("it is of more than one length")
    if not _is_length(length):
        raise http.client.HTTPException("its length is no number")
    return int(length)


def _is_chunked(value: str) -> bool:
    """Whether the body comes in chunks. It may be said twice, as a proxy does that repeats the service."""
    codings = _listed(value.lower()) - {"", "identity"}  # the latter was once the name of none
    if codings - {"chunked"}:
        raise http.client.HTTPException("its transfer coding is unknown")
    return bool(codings)


def _listed(value: str) -> set[str]:
    return {part.strip(" \t") for part in value.split(",")}


class _TimedSocket:
    """As much of a socket as `http.client.HTTPResponse` asks for: a file to read from."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> _Reader:
        return _Reader(self._sock, self._deadline)
