"""http.client's answers, made to keep a deadline and to notice what is wrong with them.

The timeout of the socket is set anew, to the time that is left, before each piece of an answer is read. And how an
answer is framed is told here, by RFC 9112: http.client takes a cut for an end, and the announcement of an answer for
the answer.

Python closes a file that nobody holds any more, also one whose making was cut short by an interrupt: so what closing
needs is there in the class.
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
from typing import Any, cast

from urllib3.util.ssltransport import SSLTransport

from quantcdn._transport.deadline import Deadline
from quantcdn._transport.head import Fields, read_fields, read_head, shown

_STALE_AFTER = 0.02  # seconds that a timeout may be out of date, so that quick answers pay for one clock reading only

_MOST_ANNOUNCEMENTS = 100  # the standard library stops there as well
_LARGEST_PIECE = 16_777_216  # of a body that is read at once
_BUFFER = 8192  # bytes; from 3.14 on Python's own is 131072, in which too long a line would pass as come whole
_LONGEST_SIZE = 4096  # of a line with the size of a chunk and its extensions, which nobody sends

_size_of_chunk = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n\0]*)?\r\n").fullmatch
_is_length = re.compile(r"[0-9]{1,18}").fullmatch
_BODILESS = frozenset([HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED])


class _TimedFile(io.RawIOBase):
    """What comes on a socket whose timeout is kept up to date."""

    _file = io.RawIOBase()

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", 0)
        self._position = 0

    def start(self, deadline: Deadline) -> None:
        """From now on, keep this deadline, to which the socket was set."""
        self._deadline = deadline
        self._armed = time.monotonic()

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


class Incoming(io.BufferedReader):
    """What comes on a connection: a file from which one answer is read after the other.

    It ends a connection on which more came than one answer. What is left in a buffer shows neither in the socket nor
    to urllib3, which would use the connection again, and what still follows would be taken for the answer to the next
    request.

    Args:
        sock: the connection.

    Attributes:
        is_free: whether it stands between two answers, so that another may be read from it.
    """

    _process: int | None = None

    def __init__(self, sock: socket.socket) -> None:
        self._timed = _TimedFile(sock)
        # Python asks for the position here, and drops what a signal handler raises meanwhile: in C, none is called.
        vars(self._timed)["tell"] = int
        super().__init__(self._timed, _BUFFER)
        del vars(self._timed)["tell"]
        self._sock = sock
        self._process = os.getpid()
        self.is_free = True

    def start(self, deadline: Deadline) -> None:
        """Begin with an answer that is to be there by then."""
        self.is_free = False
        self._timed.start(deadline)

    def makefile(self, _mode: str) -> "Incoming":
        """Itself: http.client asks a socket for a file."""
        return self

    def leave(self) -> None:
        """Let another answer follow, unless it has come already."""
        if self.closed or self._is_left():
            self.close()
        else:
            self.is_free = True

    def close(self) -> None:
        """Close the file, and where something is left that nobody will read, shut the connection down."""
        self.is_free = False
        mine = self._process == os.getpid()  # the child of a fork must not shut down what its parent reads
        if mine and not self.closed and self._is_left():
            with contextlib.suppress(OSError):  # the server may have left
                getattr(self._sock, "socket", self._sock).shutdown(socket.SHUT_RDWR)  # of TLS in TLS, the outer one
        super().close()

    def _is_left(self) -> bool:
        """Whether something has come that was not read."""
        return self.tell() < self._timed.tell() or self._decrypted() > 0

    def _decrypted(self) -> int:
        """How much has left the system's own buffer, and waits in those of TLS."""
        inner: object = self._sock
        if isinstance(inner, SSLTransport):  # TLS in TLS
            outer: Any = inner.socket
            return inner.sslobj.pending() + inner.incoming.pending + int(outer.pending())
        return inner.pending() if isinstance(inner, ssl.SSLSocket) else 0


class Answer(http.client.HTTPResponse):
    """An answer that keeps a deadline, and is read strictly.

    Args:
        incoming: where it comes from.
        deadline: when it must be there.
        debuglevel: what http.client gives.
        method: the method of the request.
        is_last: whether no other may follow on this connection, whatever the answer says.

    Attributes:
        headers: its header fields, as urllib3 keeps them: http.client would make an email of them.
        keep_alive: what the server says of how long it keeps the connection, if it does.
    """

    fp: Any = None
    headers: Any
    msg: Any
    length: int | None = None
    keep_alive: str | None = None

    def __init__(
        self,
        incoming: Incoming,
        deadline: Deadline,
        debuglevel: int = 0,
        method: str | None = None,
        *,
        is_last: bool = False,
    ) -> None:
        incoming.start(deadline)
        self._incoming = incoming
        super().__init__(cast("Any", incoming), debuglevel, method)
        self._is_last = is_last
        self._most_fields = deadline.sending.max_headers
        self._has_body = method != "HEAD"

    def begin(self, **_limits: object) -> None:
        """Read the head, after any announcements of the answer, like 103 Early Hints.

        Python 3.15 and later may say how many header fields there may be; here that is an option.
        """
        for _ in range(_MOST_ANNOUNCEMENTS):
            minor_version, self.status, self.reason, fields = read_head(self.fp, self._most_fields)
            if self.status >= 200:
                break
            if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("it switched protocols unasked")
        else:
            raise http.client.HTTPException(f"it was announced more than {_MOST_ANNOUNCEMENTS} times")
        self.code = self.status
        self.version = 11 if minor_version else 10
        self.headers = self.msg = fields
        self.keep_alive = fields.get("keep-alive")
        self._frame(fields)

    def _frame(self, fields: Fields) -> None:
        """Tell where the body ends, and whether another answer may follow it."""
        told, coding = fields.get("content-length"), fields.get("transfer-encoding")
        length = None if told is None else _length(told)
        chunked = coding is not None and _is_chunked(coding)
        has_body = self._has_body and self.status not in _BODILESS
        self.chunked = chunked and has_body
        if self.chunked:
            self.fp = _Chunks(self.fp, self._most_fields)
        self.chunk_left = None
        self.length = (None if chunked else length) if has_body else 0
        self._size = self.length or 0
        connection = fields.get("connection", "").lower()
        stays_open = (
            not self._is_last
            and "close" not in connection
            and (self.version == 11 or ("keep-alive" in connection and not chunked))  # HTTP/1.0 knows no chunks
        )
        is_contradiction = not has_body and (chunked or bool(length))  # what follows it may be its body
        self.will_close = not stays_open or (self.length is None and not chunked) or is_contradiction

    def read(self, amt: int | None = None) -> bytes:
        """The rest of the body, or so much of it."""
        left = self.length
        if left is None or self.fp is None:
            return super().read(amt)
        wanted = left if amt is None or not 0 <= amt < left else amt
        data = _read_whole(self.fp, wanted)
        self._count(len(data), left, wanted)
        return data

    def read1(self, n: int = -1) -> bytes:
        """What is there of the body, but no more than so much."""
        left = self.length
        if left is None or self.fp is None:
            return super().read1(n)
        wanted = left if not 0 <= n < left else n
        data: bytes = self.fp.read1(wanted)
        self._count(len(data), left, min(wanted, 1))
        return data

    def _count(self, came: int, left: int, least: int) -> None:
        """Count what came of the rest of a body of known length, and refuse to take its loss for its end."""
        self.length = left - came
        if came < least:
            come = self._size - self.length
            raise http.client.RemoteDisconnected(f"after {come} of the {self._size} bytes of its answer")
        if not self.length:
            self._close_conn()

    def flush(self) -> None:
        """Do nothing: an answer is only read. What http.client flushes, the collection of garbage may have closed."""

    def _close_conn(self) -> None:
        """Leave the connection to the next answer where this one was read to its end and another may follow.

        http.client, whose method this is, closes the file.
        """
        file, self.fp = self.fp, None
        is_read = file.is_over if isinstance(file, _Chunks) else self.length == 0
        if is_read and not self.will_close:
            self._incoming.leave()
        else:
            self._incoming.close()


class _Chunks(io.BufferedIOBase):
    """A body in chunks, of which http.client and urllib3 read each line and each part only once it is checked.

    Both read chunks themselves, and take -1 for a size and a cut for the end. Here they are read as strictly as the
    head, by RFC 9112, section 7.1, and whoever asks for a line or a part gets it whole, or an error.

    Attributes:
        is_over: whether all was read, the trailer as well.
    """

    def __init__(self, file: io.BufferedReader, most_fields: int) -> None:
        self._file = file
        self._most_fields = most_fields
        self._left = 0
        self._came = 0
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readline(self, _limit: int | None = -1, /) -> bytes:
        """The line with the size of the next chunk; after the last one, the line that ends the trailer."""
        if self.is_over:
            return b"\r\n"
        line = self._file.readline(_LONGEST_SIZE)
        size = _size_of_chunk(line)
        if size is None:
            if len(line) < _LONGEST_SIZE and not line.endswith(b"\n"):
                raise self._cut()
            raise http.client.HTTPException(f"the size of a chunk is none: {shown(line)}")
        self._left = int(size[1], 16)
        if not self._left:
            read_fields(self._file, self._most_fields)  # of the trailer
            self.is_over = True
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        """So much of a chunk; after its data, the two bytes that end it."""
        if not size:
            return b""
        if not self._left:
            return self._end()
        wanted = self._wanted(size)
        data = _read_whole(self._file, wanted)
        self._count(data)
        if len(data) < wanted:
            raise self._cut()
        return data

    def read1(self, size: int = -1, /) -> bytes:
        """What is there of a chunk."""
        data = self._file.read1(self._wanted(size))
        self._count(data)
        if not data:
            raise self._cut()
        return data

    def _wanted(self, size: int | None) -> int:
        return self._left if size is None or size < 0 else min(size, self._left)

    def _count(self, data: bytes) -> None:
        self._left -= len(data)
        self._came += len(data)

    def _end(self) -> bytes:
        end = self._file.read(2)
        if len(end) < 2:
            raise self._cut()
        if end != b"\r\n":
            raise http.client.HTTPException(f"a chunk does not end where it should: {shown(end)}")
        return end

    def _cut(self) -> http.client.HTTPException:
        return http.client.RemoteDisconnected(f"after {self._came} bytes of its answer, before its last chunk")


def _read_whole(file: io.BufferedReader, size: int) -> bytes:
    """So many bytes, or what is there of them. Room is made for what came, and not for what an answer says to have."""
    if size <= _LARGEST_PIECE:
        return file.read(size)
    whole = io.BytesIO()
    while piece := file.read(min(size - whole.tell(), _LARGEST_PIECE)):
        whole.write(piece)
    return whole.getvalue()


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
