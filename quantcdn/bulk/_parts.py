"""The folder of an export by an executor: a part for each batch of sessions, which one worker at a time writes.

It is to an export what the one file is without an executor: ``<path>.partial`` until nothing is missing. A part is
whatever lines stand in it, so a worker that was lost takes none with it, and the next one goes on behind them.
"""

import errno
import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from quantcdn.bulk import _files
from quantcdn.bulk._export import Export, Manifest, Part, size_of
from quantcdn.bulk._lines import Lines, whole_lines
from quantcdn.bulk._selection import Selection

_LOCK = "lock"


class ExportFolder(Export):
    """A folder of parts.

    Args:
        path: where it is to stand in the end.
        size: how many sessions a part is for, of so many in all.
    """

    def __init__(self, path: Path, size: Callable[[int], int]) -> None:
        super().__init__(path)
        self._size = size

    def look(self, host: str, organisation: str, selection: Selection) -> tuple[Manifest | None, set[str]]:
        """What stands there of this same export."""
        self._refuse_to_overwrite()
        self._refuse_a_file()
        if not self._partial.exists():
            return self._begun(None, host, organisation, selection), set()
        _files.check_own_folder(self._partial)
        manifest = self._begun(self._standing_size(is_new=False), host, organisation, selection)
        standing: set[str] = set()
        for part, ids in _shares(manifest, manifest.parts) if manifest else ():
            with suppress(FileNotFoundError), _files.read_own(self._partial / part.name) as lines:
                standing.update(name for name, _ in whole_lines(lines, ids))
        return manifest, standing

    def begin(self, manifest: Manifest) -> set[str]:
        """Make ready for parts. Which lines stand there, the workers find out, each in its own."""
        self._parts = {part.name: part for part in manifest.parts or self._planned(len(manifest.session_ids))}
        self.step = max((part.ids for part in self._parts.values()), default=1)
        self._paths = {ids: self._partial / part.name for part, ids in _shares(manifest, self._parts.values())}
        self._has_begun = True
        self._write(manifest.model_copy(update={"parts": tuple(self._parts.values())}))
        return set()

    def path_of(self, session_ids: tuple[str, ...]) -> Path:
        """Where the lines of these sessions go, while the export is at work."""
        return self._paths[session_ids]

    def note(self, part: Part) -> None:
        """Note what a worker wrote."""
        self._parts[part.name] = part

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest; where it is complete, the parts become the folder."""
        parts = tuple(self._parts.values())
        manifest = manifest.model_copy(update={"parts": parts, "size": sum(part.size for part in parts)})
        if manifest.complete:
            self._check(parts)
        self._refuse_to_overwrite()
        self._write(manifest)
        if manifest.complete:
            _files.rename_around(self._file, self._partial, self._path)
            (self._path / _LOCK).unlink()
        return manifest

    def _planned(self, count: int) -> Iterator[Part]:
        size = self._size(count)
        for number, first in enumerate(range(0, count, size)):
            yield Part(name=f"part-{number:06}.jsonl", ids=min(size, count - first))

    def _check(self, parts: Sequence[Part]) -> None:
        """Make sure that the workers wrote to this very folder, and not each to one of its own machine."""
        for part in parts:
            path = self._partial / part.name
            with _files.read_own(path) as lines:
                if size_of(lines) != part.size:
                    raise OSError(
                        errno.EIO, "This is not as a worker wrote it: have all of them share the folder", str(path)
                    )

    def _made(self) -> Path:
        self._refuse_a_file()
        with suppress(FileExistsError):
            self._partial.mkdir(mode=0o700)
        _files.check_own_folder(self._partial)
        return self._partial / _LOCK

    def _unmake(self) -> None:
        with suppress(OSError):  # it is not empty
            self._partial.rmdir()

    def _standing_size(self, *, is_new: bool) -> int | None:
        parts = [*self._partial.glob("part-*.jsonl")]
        return None if is_new and not parts else sum(os.lstat(part).st_size for part in parts)

    def _refuse_a_file(self) -> None:
        if os.path.lexists(self._partial) and not self._partial.is_dir():
            reason = "Not a directory, as without an executor: go on without one, or remove it"
            raise NotADirectoryError(errno.ENOTDIR, reason, str(self._partial))


@contextmanager
def open_part(path: Path, session_ids: Collection[str]) -> Generator[Lines, None, None]:
    """Open a part to write to, for the length of a ``with`` block. At its end, the lines are on the disk.

    Raises:
        BlockingIOError: another worker is at work on it.
        OSError: it cannot be written.
    """
    try:
        file = _files.open_new(path)
    except FileExistsError:
        file = _files.open_own(path)
    with file:
        if not _files.lock(file, path):
            raise BlockingIOError(errno.EWOULDBLOCK, "Another worker writes here", str(path))
        yield Lines(file, session_ids)
        os.fsync(file.fileno())


def _shares(manifest: Manifest, parts: Iterable[Part]) -> Iterator[tuple[Part, tuple[str, ...]]]:
    """Each part with the ids that it is for."""
    ids = iter(manifest.session_ids)
    for part in parts:
        yield part, tuple(islice(ids, part.ids))
