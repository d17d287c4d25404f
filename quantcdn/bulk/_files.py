"""Files that are their owner's alone, also in a folder where others may write.

There, a name may lead to anything: to a link into somebody's files, to a pipe, to a file that somebody made beforehand
and keeps open. So what a name led to is looked at once it is open, and used only if it is a plain file of ours.
"""

import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""How long to wait for a program that holds a file open, in seconds: on Windows, a scanner for viruses may."""

if sys.platform == "win32":
    import msvcrt

    _LOCKED = 2**31 - 2  # one byte that no export reaches: what is locked there, nobody else can read

    def _try_to_lock(file: BinaryIO) -> bool:
        """Whether a file could be locked, until it is closed."""
        position = file.tell()
        file.seek(_LOCKED)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            file.seek(position)
        return True

else:
    import fcntl

    def _try_to_lock(file: BinaryIO) -> bool:
        """Whether a file could be locked, until it is closed."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def open_new(path: Path) -> BinaryIO:
    """Make a file that nobody else may read or write, and open it for both.

    Raises:
        FileExistsError: there is one.
    """
    return open(path, "x+b", opener=_private)


def open_own(path: Path) -> BinaryIO:
    """Open a file for reading and writing that is ours alone. From then on, nobody else may read it.

    Raises:
        PermissionError: it is not.
    """
    file = open(path, "r+b", opener=_own)  # noqa: SIM115  # it is handed out
    if sys.platform != "win32":
        os.fchmod(file.fileno(), 0o600)
    return file


def read_own(path: Path) -> BinaryIO:
    """Open a file for reading that is ours alone.

    Raises:
        PermissionError: it is not.
    """
    return open(path, "rb", opener=_own)


def lock(file: BinaryIO, path: Path) -> bool:
    """Lock a file until it is closed.

    Returns:
        whether it could be: False where somebody else has locked it, or has taken it away by then.

    Raises:
        OSError: no file can be locked there.
    """
    try:
        return _try_to_lock(file) and _is_at(file.fileno(), path)
    except OSError as error:
        reason = f"No file can be locked here ({error.strerror}): write it elsewhere, and copy it then"
        raise OSError(error.errno, reason, str(path)) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read: the whole of it, or nothing, in place of what stands there."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open_new(new) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _patiently(lambda: new.replace(path))


def rename_open(file: BinaryIO, path: Path, target: Path) -> None:
    """Give a file another name, and close it: only then, so that it stays locked, but on Windows, where it cannot.

    Raises:
        OSError: it is not there any more, or cannot be renamed.
    """
    if not _is_at(file.fileno(), path):
        raise FileNotFoundError(errno.ENOENT, "The file was taken away while it was written", str(path))
    try:
        path.replace(target)
    except PermissionError:
        file.close()
        _patiently(lambda: path.replace(target))
    file.close()


def rename_around(file: BinaryIO, folder: Path, target: Path) -> None:
    """Give the folder of an open, locked file another name, and close the file: only then, but on Windows."""
    try:
        folder.replace(target)
    except PermissionError:
        file.close()
        _patiently(lambda: folder.replace(target))
    file.close()


def check_own_folder(path: Path) -> None:
    """Make sure that a folder is ours alone to write to.

    Raises:
        PermissionError: it is not.
    """
    status = os.lstat(path)
    problem = None if stat.S_ISDIR(status.st_mode) else "it is a link"
    problem = problem or _foreign(status)
    if problem is not None:
        raise PermissionError(errno.EPERM, f"Not used, for {problem}: remove it, or write elsewhere", str(path))


def remove_open(file: BinaryIO, path: Path) -> None:
    """Remove a file that is open and locked, and close it: only then, but on Windows, where it cannot."""
    with suppress(FileNotFoundError):
        try:
            path.unlink()
        except PermissionError:
            file.close()
            with suppress(PermissionError):  # somebody else has opened it by now, and uses it
                path.unlink()
    file.close()


def _patiently(act: Callable[[], object]) -> None:
    for pause in _PAUSES:
        with suppress(PermissionError):
            act()
            return
        time.sleep(pause)
    act()


def _problem(descriptor: int, path: Path) -> str | None:
    """Why an open file is not ours alone, or None where it is."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return "it is no plain file"
    if not _is_at(descriptor, path):
        return "it is a link"
    if status.st_nlink > 1:
        return "it has other names too"
    return _foreign(status)


def _foreign(status: os.stat_result) -> str | None:
    """What somebody else may do to it, or None where nobody can."""
    if sys.platform != "win32":
        if status.st_uid != os.geteuid():
            return "it belongs to somebody else"
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "others may write to it"
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _own(path: str, flags: int) -> int:
    # A pipe would keep whoever opens it waiting.
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | careful)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        problem: str | None = "it is a link"
    else:
        problem = _problem(descriptor, Path(path))
        if problem is None:
            return descriptor
        os.close(descriptor)
    raise PermissionError(errno.EPERM, f"Not used, for {problem}: remove it, or write elsewhere", path)
