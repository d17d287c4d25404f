"""The files of an export: lines that stand or are cut off, and a manifest that says what they are.

While an export is at work, its lines go to ``<path>.partial``, and ``<path>.manifest.json`` says what it is to hold.
Whenever it stops, even in the middle of a line, what stands there is enough to go on. The manifest is written anew when
the work is done, and only then, and only where nothing is missing, do the lines become ``<path>``.
"""

import errno
import hashlib
import os
import sys
import threading
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from quantcdn._selection import Selection
from quantcdn.exceptions import ApiValueError
from quantcdn.models import GetAISession200Response

if sys.platform != "win32":
    import fcntl


class Manifest(BaseModel):
    """What an export holds.

    Attributes:
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

    model_config = ConfigDict(frozen=True)

    complete: bool = False
    host: str
    organisation: str
    selection: Selection
    listed_at: datetime
    session_ids: tuple[str, ...]
    finished_at: datetime | None = None
    counts: Mapping[str, int] = {}
    gone: tuple[str, ...] = ()
    failures: Mapping[str, str] = {}
    size: int = 0
    sha256: str = ""

    def __str__(self) -> str:
        state = "complete" if self.complete else "not complete"
        counts = [f"{count} {outcome}" for outcome, count in self.counts.items()] or ["no sessions"]
        size = [f"{self.size} bytes"] if self.sha256 else []  # a dry run counts none
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

    Raises:
        FileExistsError: a finished export stands there.
    """

    def __init__(self, path: Path) -> None:
        path = path.absolute()  # the current directory may change meanwhile
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._manifest = path.with_name(f"{path.name}.manifest.json")
        self._lock = threading.Lock()
        self._refuse_to_overwrite()

    def begun(self, host: str, organisation: str, selection: Selection) -> Manifest | None:
        """The manifest of this same export, where it was begun before and did not end.

        Raises:
            ApiValueError: another export was begun here and did not end.
            FileExistsError: the manifest of a finished export is in the way.
        """
        size = self._partial.stat().st_size if self._partial.exists() else None
        try:
            manifest = Manifest.model_validate_json(self._manifest.read_bytes())
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

    def standing(self, manifest: Manifest) -> set[str]:
        """The ids of the sessions whose lines stand already, in an export that was begun."""
        with open(self._partial, "rb") as lines:
            return {session_id for session_id, _ in _whole(lines, manifest.session_ids)}

    @contextmanager
    def opened(self, manifest: Manifest) -> Generator[set[str], None, None]:
        """Open the lines for the length of a ``with`` block; the value is the ids of those that stand already.

        Raises:
            BlockingIOError: another process has them open.
            FileExistsError: another process has finished the export meanwhile.
        """
        with open(self._partial, "r+b", opener=_private) as self._lines:
            if sys.platform != "win32":
                try:
                    fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise BlockingIOError(error.errno, "Another export writes here", str(self._partial)) from None
            self._refuse_to_overwrite()
            self._sha256, self._size = hashlib.sha256(), 0
            standing: set[str] = set()
            for session_id, line in _whole(self._lines, manifest.session_ids):
                standing.add(session_id)
                self._count(line)
            self._lines.seek(self._size)
            self._lines.truncate()
            if not standing:
                self._write(manifest)  # before the first line
            yield standing

    def append(self, line: bytes) -> None:
        """Add a line, which ends where it says. Several threads may."""
        with self._lock:
            self._lines.write(line)
            self._lines.flush()
            self._count(line)

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest, with the size and the hash of the lines; where it is complete, the lines become the file.

        Raises:
            FileExistsError: another export was finished there meanwhile.
        """
        manifest = manifest.model_copy(update={"size": self._size, "sha256": self._sha256.hexdigest()})
        os.fsync(self._lines.fileno())
        self._refuse_to_overwrite()
        self._write(manifest)  # while nobody else may write
        self._lines.close()
        if manifest.complete:
            self._partial.replace(self._path)
        return manifest

    def _count(self, line: bytes) -> None:
        self._sha256.update(line)
        self._size += len(line)

    def _refuse_to_overwrite(self) -> None:
        if os.path.lexists(self._path):
            raise FileExistsError(errno.EEXIST, "There is such a file already", str(self._path))

    def _write(self, manifest: Manifest) -> None:
        new = self._manifest.with_name(f"{self._manifest.name}.new")
        with open(new, "wb", opener=_private) as file:
            file.write(manifest.model_dump_json(indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._manifest)


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
        return GetAISession200Response.from_json(line.decode()).id if line.endswith(b"\n") else None
    except ValueError:
        return None


def _private(path: str, flags: int) -> int:
    """Open a file, or make it, that nobody else may read: conversations are private."""
    return os.open(path, flags | os.O_CREAT, 0o600)
