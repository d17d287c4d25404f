"""Terminals for tests: a pseudo-terminal, whose bytes are read, and tmux, whose screen is.

A test that needs tmux is skipped by name where it is absent; ``test/install-programs`` installs it.
"""

import contextlib
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE = 15.0
"""How long to wait for what should be on a screen soon, in seconds."""


def in_terminal(command: Sequence[str], env: Mapping[str, str], columns: int = 80) -> tuple[int, str]:
    """Run a command on a pseudo-terminal, with nothing typed, and return its exit code and all that it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    written = b""
    with (
        subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process,
        open(ours, "rb", 0) as end,
    ):
        os.close(theirs)
        with contextlib.suppress(OSError):  # Linux says EIO where nobody holds the other end any more
            while piece := end.read(65536):
                written += piece
    return process.returncode, written.decode().replace("\r\n", "\n")


@dataclass(frozen=True)
class Screen:
    """What a terminal shows."""

    socket: Path

    def tmux(self, *arguments: str) -> str:
        run = subprocess.run(["tmux", "-S", self.socket, *arguments], capture_output=True, text=True, check=True)
        return run.stdout

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
    shown = Screen(directory / "tmux")
    options = directory / "tmux.conf"
    options.write_text("set -g remain-on-exit on\nset -g default-shell /bin/sh\n")
    start = [
        "tmux",
        "-u",
        "-S",
        shown.socket,
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
