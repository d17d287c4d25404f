"""Terminals for tests: a pseudo-terminal, whose bytes are read, and tmux, whose screen is.

A test that needs one of them is skipped by name where it is absent: tmux, which ``test/install-programs`` installs, or
a pseudo-terminal, as on Windows.
"""

import contextlib
import os
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE = 60.0
"""How long to wait for what should be on a screen soon, in seconds."""


def open_terminal(columns: int) -> tuple[int, int]:
    """Our end and theirs of a pseudo-terminal that is so wide."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return ours, theirs


def read_terminal(ours: int) -> str:
    """All that is written to a pseudo-terminal, until nobody holds their end any more."""
    written = b""
    with open(ours, "rb", 0) as end, contextlib.suppress(OSError):  # Linux says EIO at the end
        while piece := end.read(65536):
            written += piece
    return written.decode().replace("\r\n", "\n")


def in_terminal(command: Sequence[str], env: Mapping[str, str], columns: int = 80) -> tuple[int, str]:
    """Run a command on a pseudo-terminal, with nothing typed, and return its exit code and all that it wrote."""
    ours, theirs = open_terminal(columns)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        written = read_terminal(ours)
    return process.returncode, written


@dataclass(frozen=True)
class Screen:
    """What a terminal shows, by a tmux whose socket is in a folder."""

    folder: Path

    def tmux(self, *arguments: str) -> str:
        # From within the folder, for the whole path may be longer than that of a socket can be.
        command = ["tmux", "-S", "tmux", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names of them."""
        self.tmux("send-keys", *keys)

    def text(self) -> str:
        return self.tmux("capture-pane", "-p").rstrip("\n")

    def wait_for(self, pattern: str) -> str:
        """The screen as soon as it shows something."""
        ends = time.monotonic() + PATIENCE
        while not re.search(pattern, text := self.text(), re.MULTILINE):
            assert time.monotonic() < ends, f"{pattern!r} is not on the screen:\n{text}"
            time.sleep(0.02)
        return text


@contextlib.contextmanager
def screen(command: str, directory: Path, env: Mapping[str, str], columns: int = 80) -> Generator[Screen, None, None]:
    """Run a command of the shell in tmux, for the length of a ``with`` block. The screen stays when it has ended."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    shown = Screen(directory)
    options = directory / "tmux.conf"
    options.write_text("set -g remain-on-exit on\nset -g default-shell /bin/sh\n")
    start = [
        "tmux",
        "-u",
        "-S",
        "tmux",
        "-f",
        options,
        "new-session",
        "-d",
        "-x",
        str(columns),
        "-y",
        "40",
        command,
    ]
    subprocess.run(start, env=env, cwd=directory, check=True)
    try:
        yield shown
    finally:
        shown.tmux("kill-server")
