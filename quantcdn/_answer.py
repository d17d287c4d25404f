"""http.client's answers, made to keep a deadline and to notice what is wrong with them.

The timeout of the socket is set anew, to the time that is left, before each piece of an answer is read. And where
http.client reads on over a head that was cut, is no HTTP, or only announces the answer, that is an error here.
"""

import contextlib
import http.client
import io
import os
import socket
import ssl
import time
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from typing import Any, cast

from quantcdn._deadline import Deadline

_HEADER_DEFECTS = (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
_STALE_AFTER = 0.02  # seconds that a timeout may be out of date, so that quick answers pay for one clock reading only


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
    """A file that remembers the last line that was read, and ends a connection on which more came than one answer.

    What is left in a buffer shows neither in the socket nor to urllib3, which would use the connection again, and
    what still follows would be taken for the answer to the next request.
    """

    last_line = b""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__(_TimedFile(sock, deadline))
        self._sock = sock
        self._process = os.getpid()

    def readline(self, size: int | None = -1, /) -> bytes:
        self.last_line = super().readline(size)
        return self.last_line

    def close(self) -> None:
        """Close the file, and where something is left that nobody will read, shut the connection down."""
        mine = self._process == os.getpid()  # the child of a fork must not shut down what its parent reads
        if mine and not self.closed and (self.tell() < self.raw.tell() or self._decrypted()):
            with contextlib.suppress(OSError):  # the server may have left
                self._sock.shutdown(socket.SHUT_RDWR)
        super().close()

    def _decrypted(self) -> int:
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0


class Answer(http.client.HTTPResponse):
    """An answer that is refused where its head is cut or is no HTTP: http.client reads over both.

    And http.client takes an announcement of the answer, like 103 Early Hints, for the answer itself; the real one
    would then be taken for the answer to the next request.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, *args: Any, **kwargs: Any) -> None:
        timed: Any = _TimedSocket(sock, deadline)
        super().__init__(timed, *args, **kwargs)

    def begin(self) -> None:
        """Read the head, after any announcements."""
        reader: Any = self.fp
        super().begin()
        while 100 <= self.status < 200:
            if self.status == http.client.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("it switched protocols unasked")
            self.headers = self.msg = cast("Any", None)  # else this would do nothing
            super().begin()
        if not reader.last_line:
            raise http.client.RemoteDisconnected("Remote end closed connection inside the headers of its answer")
        if any(isinstance(defect, _HEADER_DEFECTS) for defect in self.msg.defects):
            raise http.client.HTTPException("one of its headers is none")
        lengths = {length.strip() for length in self.msg.get_all("content-length", ())}
        if len(lengths) > 1 or any("," in length for length in lengths):
            raise http.client.HTTPException("it is of more than one length")


class _TimedSocket:
    """As much of a socket as `http.client.HTTPResponse` asks for: a file to read from."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> _Reader:
        return _Reader(self._sock, self._deadline)
