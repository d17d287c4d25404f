"""The map of an import: a file of JSON Lines, beside the export, that says which session became which.

A line is added before a request is sent, and when what it was for is done, so that whenever an import ends, the next
one knows what may have been sent. Of the lines of a session, the last one counts. Each names the service and the
organisation that the sessions went to: imports into several share a file.
"""

import errno
import json
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from quantcdn.bulk import _files
from quantcdn.bulk._replay import State
from quantcdn.exceptions import ApiValueError


class _Line(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, hide_input_in_errors=True)

    id: str
    outcome: Literal["done", "failed", "unknown"]
    new_id: str | None = None
    messages: int = 0
    host: str
    organisation: str


@dataclass
class ImportMap:
    """What is known of the sessions of an export that go to an organisation.

    Attributes:
        path: where the map is.
        states: how far each session has come, by the id that it had.
    """

    path: Path
    host: str
    organisation: str
    states: dict[str, State] = field(default_factory=dict[str, State])

    def __post_init__(self) -> None:
        self._lock = threading.Lock()  # of the threads of a crew: no signal handler runs in them

    @contextmanager
    def taken(self) -> Generator[None, None, None]:
        """Read the map, and keep every other import from it for the length of a ``with`` block.

        Raises:
            ApiValueError: it is no map.
            BlockingIOError: another import is at work here.
            PermissionError: it is not ours alone.
        """
        try:
            self._file, is_new = _files.open_new(self.path), True
        except FileExistsError:
            self._file, is_new = _files.open_own(self.path), False
        with self._file:
            if not _files.lock(self._file, self.path):
                raise BlockingIOError(errno.EWOULDBLOCK, "Another import writes here", str(self.path))
            self._read()
            try:
                yield
            finally:
                if is_new and not self._file.tell():
                    _files.remove_open(self._file, self.path)

    def note(self, session_id: str, state: State) -> None:
        """Add what is known of a session. Several threads may."""
        told = {"id": session_id, **state._asdict(), "host": self.host, "organisation": self.organisation}
        line = json.dumps(told).encode() + b"\n"
        with self._lock:
            self.states[session_id] = state
            self._file.write(line)
            self._file.flush()
            if state.outcome == "unknown":  # no crash may forget what is about to be sent
                os.fsync(self._file.fileno())

    def _read(self) -> None:
        size = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break  # a crash has cut it off: what it was to say is not known
            size += len(line)
            try:
                told = _Line.model_validate_json(line)
            except ValidationError:
                raise ApiValueError(f"{self.path} is not the map of an import: line {number} cannot be read") from None
            if (told.host, told.organisation) == (self.host, self.organisation):
                self.states[told.id] = State(told.outcome, told.new_id, told.messages)
        self._file.seek(size)
        self._file.truncate()
