"""The files of an export: lines that stand or are cut off, and a manifest that says what they are.

While an export is at work, its lines go to ``<path>.partial``, and ``<path>.manifest.json`` says what it is to hold.
Whenever it stops, even in the middle of a line, what stands there is enough to go on. The manifest is written anew when
the work is done, and only then, and only where nothing is missing, do the lines become ``<path>``.
"""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, ClassVar

from pydantic import BaseModel, ConfigDict

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn.bulk import _files
from quantcdn.bulk._lines import Lines, whole_lines
from quantcdn.bulk._selection import Selection
from quantcdn.exceptions import ApiValueError
from quantcdn.models._types import Instant


class Part(BaseModel):
    """A file of an export to a folder.

    Attributes:
        name: its name in the folder.
        ids: how many of the ids it is for.
        lines: how many lines it has: fewer, where sessions were gone or failed.
        size: its size, in bytes.
        sha256: its SHA-256, as hexadecimal digits; empty while it is not known.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    name: str
    ids: int
    lines: int = 0
    size: int = 0
    sha256: str = ""


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
        sha256: the SHA-256 of the lines, as hexadecimal digits; empty where they are in parts, which have their own.
        parts: the files of an export to a folder, one for so many of the ids each, in their order.
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
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        known = vars(self)  # not all of it, where a debugger looks at one that is not made yet
        state = "complete" if known.get("complete") else "not complete"
        by_outcome: Mapping[str, int] = known.get("counts") or {}
        counts = [f"{count} {outcome}" for outcome, count in by_outcome.items()] or ["no sessions"]
        is_written = known.get("finished_at") and (known.get("sha256") or known.get("parts"))  # not by a dry run
        size = [f"{known.get('size')} bytes"] if is_written else []
        return f"{state}: {', '.join(counts + size)}"

    def __repr__(self) -> str:
        return f"<Manifest: {self}>"

    def is_of(self, host: str, organisation: str, selection: Selection) -> bool:
        """Whether it is the manifest of the export of these sessions."""
        return (self.host, self.organisation, self.selection) == (host, organisation, selection)


class Export(ABC):
    """The files of an export: where its lines stand, and beside it the manifest.

    Args:
        path: where the lines are to stand in the end.

    Attributes:
        step: how many sessions to write at a time, from `begin` on.
    """

    step = 1

    def __init__(self, path: Path) -> None:
        path = path.absolute()  # the current directory may change meanwhile
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._manifest = path.with_name(f"{path.name}.manifest.json")

    @abstractmethod
    def look(self, host: str, organisation: str, selection: Selection) -> tuple[Manifest | None, set[str]]:
        """What stands there of this same export, where it was begun before: its manifest, and the ids of its lines.

        Raises:
            ApiValueError: another export was begun here and did not end.
            FileExistsError: a finished export stands there, or its manifest.
            PermissionError: a file is not ours alone.
        """

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
        locked = self._made()
        try:
            self._file, is_new = _files.open_new(locked), True
        except FileExistsError:
            self._file, is_new = _files.open_own(locked), False
        with self._file:
            self._has_begun = False
            try:
                if not _files.lock(self._file, locked):
                    is_new = False  # it is theirs by now
                    raise BlockingIOError(errno.EWOULDBLOCK, "Another export writes here", str(locked))
                self._refuse_to_overwrite()  # what was finished until now
                yield self._begun(self._standing_size(is_new=is_new), host, organisation, selection)
            finally:
                if is_new and not self._has_begun:
                    _files.remove_open(self._file, locked)
                    self._unmake()

    @abstractmethod
    def begin(self, manifest: Manifest) -> set[str]:
        """Make ready for lines; the value is the ids of those that stand already."""

    @abstractmethod
    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest, with the size and the hash of the lines; where it is complete, they stand at the path.

        Raises:
            FileExistsError: a file came there meanwhile.
            OSError: a file could not be written, or was taken away meanwhile.
        """

    @abstractmethod
    def _made(self) -> Path:
        """Make what the lines go to, where it is not there yet: the file in it to lock."""

    @abstractmethod
    def _unmake(self) -> None:
        """Take away what was made, where nothing stands in it."""

    @abstractmethod
    def _standing_size(self, *, is_new: bool) -> int | None:
        """The size of the lines that stand, in bytes, or None where no export was begun."""

    def _begun(self, size: int | None, host: str, organisation: str, selection: Selection) -> Manifest | None:
        """The manifest of this same export, where lines of it, of so many bytes, stand there."""
        try:
            with _files.read_own(self._manifest) as file:
                manifest = Manifest.model_validate_json(file.read())
        except FileNotFoundError:
            manifest = None
        except ValueError as error:
            if raised_by_signal_handler(error):
                raise
            raise ApiValueError(f"{self._manifest} is not the manifest of an export: remove it first") from None
        same = manifest is not None and manifest.is_of(host, organisation, selection)
        if size and not same:
            raise ApiValueError(
                f"{self._partial} was begun by an export of other sessions: finish that one, or remove the file"
            )
        if manifest and manifest.complete and manifest.size != size:
            raise FileExistsError(errno.EEXIST, "The manifest of a finished export is there", str(self._manifest))
        return manifest if same and size is not None else None

    def _refuse_to_overwrite(self) -> None:
        if os.path.lexists(self._path):
            raise FileExistsError(errno.EEXIST, "There is such a file already", str(self._path))

    def _write(self, manifest: Manifest) -> None:
        _files.write_whole(self._manifest, manifest.model_dump_json(indent=2).encode() + b"\n")


class ExportFile(Export):
    """One file that all lines go to."""

    def look(self, host: str, organisation: str, selection: Selection) -> tuple[Manifest | None, set[str]]:
        """What stands there of this same export."""
        self._refuse_to_overwrite()
        self._refuse_a_folder()
        try:
            lines = _files.read_own(self._partial)
        except FileNotFoundError:
            return self._begun(None, host, organisation, selection), set()
        with lines:
            manifest = self._begun(size_of(lines), host, organisation, selection)
            return manifest, {name for name, _ in whole_lines(lines, manifest.session_ids if manifest else ())}

    def begin(self, manifest: Manifest) -> set[str]:
        """Make ready for lines. What is no whole one is cut off."""
        self._lines = Lines(self._file, manifest.session_ids)
        self._has_begun = True
        if not self._lines.standing:
            self._write(manifest)  # before the first line
        return self._lines.standing

    def append(self, line: bytes) -> None:
        """Add a line, which ends where it says. Several threads may."""
        self._lines.append(line)

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest; where it is complete, the lines become the file."""
        manifest = manifest.model_copy(update={"size": self._lines.size, "sha256": self._lines.sha256})
        os.fsync(self._file.fileno())
        self._refuse_to_overwrite()
        self._write(manifest)
        if manifest.complete:
            _files.rename_open(self._file, self._partial, self._path)
        return manifest

    def _made(self) -> Path:
        self._refuse_a_folder()
        return self._partial

    def _unmake(self) -> None:
        """It is removed already."""

    def _standing_size(self, *, is_new: bool) -> int | None:
        return None if is_new else size_of(self._file)

    def _refuse_a_folder(self) -> None:
        if self._partial.is_dir():
            reason = "Is a directory, as with an executor: go on with one, or remove it"
            raise IsADirectoryError(errno.EISDIR, reason, str(self._partial))


def size_of(file: BinaryIO) -> int:
    """The size of an open file, in bytes."""
    return os.fstat(file.fileno()).st_size
