"""Files that nobody else can read, written at once or not at all."""

import os
import tempfile
from pathlib import Path


def write_own(path: Path, text: str) -> None:
    """Put a file in the place of the one that is there, if there is one: at once, and for the owner alone."""
    path = Path(os.path.realpath(path))  # where it is a link, what it leads to
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # which nobody else can read
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
