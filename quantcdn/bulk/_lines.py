"""The lines of an export: a session each, as it came; and those that stand in a file, whole or cut off."""

import hashlib
import json
import re
import threading
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._wire.decode import text_of
from quantcdn._wire.message import Response
from quantcdn.api_response import ApiResponse
from quantcdn.exceptions import ResponseFormatException
from quantcdn.models import GetAISession200Response
from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id

# Some services write numbers that are none, which JSON does not have.
_TEXT_OR_CONSTANT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|-?(?:NaN|Infinity)')


class Lines:
    """The lines in an open file. What stands there and is no whole line of these sessions is cut off.

    Args:
        file: the file.
        session_ids: the ids of the sessions that it is for.

    Attributes:
        standing: the ids of those whose lines stood there.
        count: how many lines there are.
        size: their size, in bytes.
    """

    def __init__(self, file: BinaryIO, session_ids: Collection[str]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._lock = threading.Lock()  # of the threads of a crew: no signal handler runs in them
        self.count = self.size = 0
        self.standing: set[str] = set()
        for session_id, line in whole_lines(file, session_ids):
            self.standing.add(session_id)
            self._count(line)
        file.seek(self.size)
        file.truncate()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the lines, as hexadecimal digits."""
        return self._sha256.hexdigest()

    def append(self, line: bytes) -> None:
        """Add a line, which ends where it says. Several threads may."""
        with self._lock:
            self._file.write(line)
            self._file.flush()
            self._count(line)

    def _count(self, line: bytes) -> None:
        self._sha256.update(line)
        self.size += len(line)
        self.count += 1


def line_of(session_id: str, answer: ApiResponse[GetAISession200Response]) -> bytes:
    """The session in an answer, as it came, on a line of its own, which is JSON and names it.

    Raises:
        ResponseFormatException: the answer is of another session.
        ValueError: it is not JSON.
    """
    if answer.data.id not in (None, session_id):
        reason = f"The answer is of another session, {answer.data.id!r}"
        raise ResponseFormatException.answered(answer.status_code, reason, answer.headers or {})
    text = text_of(Response(answer.status_code, None, answer.headers or {}, answer.raw_data))
    # In JSON, these can only stand between values: within a text they are written as escapes.
    text = text.replace("\r", " ").replace("\n", " ")
    name, is_strict = _read(text)
    if not is_strict:
        text = _TEXT_OR_CONSTANT.sub(lambda part: part[0] if part[0].startswith('"') else "null", text)
    if name != session_id:
        fields = text.rstrip().removesuffix("}").rstrip()
        text = f"{fields}{'' if fields.endswith('{') else ', '}{json.dumps('id')}: {json.dumps(session_id)}}}"
    return text.encode() + b"\n"


def whole_lines(lines: Iterable[bytes], session_ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """The lines that stand whole, with the ids of their sessions: those before the first one that does not."""
    missing = {*session_ids}
    for line in lines:
        session_id = _id_in(line)
        if session_id not in missing:
            return
        missing.remove(session_id)
        yield session_id, line


def _id_in(line: bytes) -> str | None:
    """The id of the session in a line, or None where the line is not whole."""
    try:
        return _read(line.decode())[0] if line.endswith(b"\n") else None
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        return None


class _Named(SnakeCaseResponseModel):
    """A session, of which nothing matters but its id."""

    id: Id | None = None


def _read(text: str) -> tuple[str | None, bool]:
    """The id of the session in a JSON text, if it is named there, and whether the text is strict JSON.

    Raises:
        ValueError: it is not JSON.
    """
    constants: list[str] = []
    # No number matters, and one may have more digits than Python reads.
    fields = json.loads(text, parse_constant=constants.append, parse_int=str, parse_float=str)
    return _Named.model_validate(fields).id, not constants
