"""The files of an export: lines that stand or are cut off, and a manifest that says what they are.

While an export is at work, its lines go to ``<path>.partial``, and ``<path>.manifest.json`` says what it is to hold.
Whenever it stops, even in the middle of a line, what stands there is enough to go on. The manifest is written anew when
the work is done, and only then, and only where nothing is missing, do the lines become ``<path>``.
"""

import errno
import hashlib
import json
import os
import re
import threading
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, ClassVar

from pydantic import BaseModel, ConfigDict

from quantcdn._wire.decode import text_of
from quantcdn._wire.message import Response
from quantcdn.api_response import ApiResponse
from quantcdn.bulk import _files
from quantcdn.bulk._selection import Selection
from quantcdn.exceptions import ApiValueError, ResponseFormatException
from quantcdn.models import GetAISession200Response
from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Instant

# Some services write numbers that are none, which JSON does not have.
_TEXT_OR_CONSTANT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|-?(?:NaN|Infinity)')


class Manifest(BaseModel):
    """What an export holds.

    Attributes:
        covers: which sessions can be in it at all, in words.
        complete: whether each session is in the file, or was gone when it was asked for.
        host: the server.
        organisation: the id of the organisation.
        selection: which sessions were asked for.
        listed_at: when their ids were taken down.
        session_ids: these ids.
        finished_at: when the last of them was dealt with.
        counts: how many sessions there are of each outcome.
        gone: the ids of those that were gone when they were asked for.
        failures: what kept the others from being exported, by their ids.
        size: the size of the lines, in bytes.
        sha256: the SHA-256 of the lines, as hexadecimal digits.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    covers: str = ""
    complete: bool = False
    host: str
    organisation: str
    selection: Selection
    listed_at: Instant
    session_ids: tuple[str, ...]
    finished_at: Instant | None = None
    counts: Mapping[str, int] = {}
    gone: tuple[str, ...] = ()
    failures: Mapping[str, str] = {}
    size: int = 0
    sha256: str = ""

    def __str__(self) -> str:
        known = vars(self)  # not all of it, where a debugger looks at one that is not made yet
        state = "complete" if known.get("complete") else "not complete"
        by_outcome: Mapping[str, int] = known.get("counts") or {}
        counts = [f"{count} {outcome}" for outcome, count in by_outcome.items()] or ["no sessions"]
        size = [f"{known.get('size')} bytes"] if known.get("sha256") else []  # a dry run counts none
        return f"{state}: {', '.join(counts + size)}"

    def __repr__(self) -> str:
        return f"<Manifest: {self}>"

    def is_of(self, host: str, organisation: str, selection: Selection) -> bool:
        """Whether it is the manifest of the export of these sessions."""
        return (self.host, self.organisation, self.selection) == (host, organisation, selection)


class ExportFile:
    """The file of an export, and those beside it.

    Args:
        path: where the lines are to stand in the end.
    """

    def __init__(self, path: Path) -> None:
        path = path.absolute()  # the current directory may change meanwhile
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._manifest = path.with_name(f"{path.name}.manifest.json")
        self._lock = threading.Lock()  # of the threads of a crew: no signal handler runs in them

    def look(self, host: str, organisation: str, selection: Selection) -> tuple[Manifest | None, set[str]]:
        """What stands there of this same export, where it was begun before: its manifest, and the ids of its lines.

        Raises:
            ApiValueError: another export was begun here and did not end.
            FileExistsError: a finished export stands there, or its manifest.
            PermissionError: a file is not ours alone.
        """
        self._refuse_to_overwrite()
        try:
            lines = _files.read_own(self._partial)
        except FileNotFoundError:
            return self._begun(None, host, organisation, selection), set()
        with lines:
            manifest = self._begun(_size(lines), host, organisation, selection)
            return manifest, {name for name, _ in _whole(lines, manifest.session_ids if manifest else ())}

    @contextmanager
    def taken(self, host: str, organisation: str, selection: Selection) -> Generator[Manifest | None, None, None]:
        """Keep every other export from the files for the length of a ``with`` block.

        The value is the manifest of this same export, where it was begun before and did not end. Where the block ends
        before `begin`, nothing is left that was not there.

        Raises:
            ApiValueError: another export was begun here and did not end.
            BlockingIOError: another export is at work here.
            FileExistsError: a finished export stands there, or its manifest.
            PermissionError: a file is not ours alone.
            OSError: the file cannot be written.
        """
        self._refuse_to_overwrite()
        try:
            self._lines, is_new = _files.open_new(self._partial), True
        except FileExistsError:
            self._lines, is_new = _files.open_own(self._partial), False
        with self._lines:
            self._has_begun = False
            try:
                if not _files.lock(self._lines, self._partial):
                    is_new = False  # it is theirs by now
                    raise BlockingIOError(errno.EWOULDBLOCK, "Another export writes here", str(self._partial))
                self._refuse_to_overwrite()  # what was finished until now
                yield self._begun(None if is_new else _size(self._lines), host, organisation, selection)
            finally:
                if is_new and not self._has_begun:
                    _files.remove_open(self._lines, self._partial)

    def begin(self, manifest: Manifest) -> set[str]:
        """Make ready for lines; the value is the ids of those that stand already. The rest is cut off."""
        self._sha256, self._size = hashlib.sha256(), 0
        standing: set[str] = set()
        for session_id, line in _whole(self._lines, manifest.session_ids):
            standing.add(session_id)
            self._count(line)
        self._has_begun = True
        self._lines.seek(self._size)
        self._lines.truncate()
        if not standing:
            self._write(manifest)  # before the first line
        return standing

    def append(self, line: bytes) -> None:
        """Add a line, which ends where it says. Several threads may."""
        with self._lock:
            self._lines.write(line)
            self._lines.flush()
            self._count(line)

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest, with the size and the hash of the lines; where it is complete, the lines become the file.

        Raises:
            FileExistsError: a file came there meanwhile.
            OSError: a file could not be written, or was taken away meanwhile.
        """
        manifest = manifest.model_copy(update={"size": self._size, "sha256": self._sha256.hexdigest()})
        os.fsync(self._lines.fileno())
        self._refuse_to_overwrite()
        self._write(manifest)
        if manifest.complete:
            _files.rename_open(self._lines, self._partial, self._path)
        return manifest

    def _begun(self, size: int | None, host: str, organisation: str, selection: Selection) -> Manifest | None:
        """The manifest of this same export, where lines of it, of so many bytes, stand there."""
        try:
            with _files.read_own(self._manifest) as file:
                manifest = Manifest.model_validate_json(file.read())
        except FileNotFoundError:
            manifest = None
        except ValueError:
            raise ApiValueError(f"{self._manifest} is not the manifest of an export: remove it first") from None
        same = manifest is not None and manifest.is_of(host, organisation, selection)
        if size and not same:
            raise ApiValueError(
                f"{self._partial} was begun by an export of other sessions: finish that one, or remove the file"
            )
        if manifest and manifest.complete and manifest.size != size:
            raise FileExistsError(errno.EEXIST, "The manifest of a finished export is there", str(self._manifest))
        return manifest if same and size is not None else None

    def _count(self, line: bytes) -> None:
        self._sha256.update(line)
        self._size += len(line)

    def _refuse_to_overwrite(self) -> None:
        if os.path.lexists(self._path):
            raise FileExistsError(errno.EEXIST, "There is such a file already", str(self._path))

    def _write(self, manifest: Manifest) -> None:
        _files.write_whole(self._manifest, manifest.model_dump_json(indent=2).encode() + b"\n")


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


def _whole(lines: Iterable[bytes], session_ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
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
    except ValueError:
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


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
