"""What the workers of an executor are given by tests: functions of a module that they can import."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from quantcdn import AISessionsApi
from quantcdn.attempt import Attempt


def token_of(token: str) -> str:
    """A token, as something that has it where the worker is would name it."""
    return token


def token_until_death(calls: Path, number: int, token: str) -> str:
    """A token for each attempt, but for the one with this number, over all processes: its process is killed."""
    _die_at(calls, number)
    return token


def die_after(calls: Path, number: int, attempt: Attempt) -> None:
    """Be killed when the attempt with this number has ended, over all processes, before anybody is told."""
    _die_at(calls, number)


def slowly(seconds: float, attempt: Attempt) -> None:
    """Take so long after each attempt."""
    time.sleep(seconds)


class Met(str):
    """A text that, where it is unpickled, waits until another process unpickles it as well, for a minute at most."""

    calls: Path

    def __reduce__(self) -> Any:
        return _met, (self.calls, str(self))


def _met(calls: Path, text: str) -> str:
    end = time.monotonic() + 60
    with open(calls, "ab") as file:
        file.write(b".")
        file.flush()
        number = file.tell()
        while os.fstat(file.fileno()).st_size < number + number % 2:
            if time.monotonic() > end:
                raise TimeoutError("No other process came")
            time.sleep(0.0001)
    return text


def _die_at(calls: Path, number: int) -> None:
    with open(calls, "ab") as file:
        file.write(b".")
        file.flush()
        if file.tell() == number:
            os.kill(os.getpid(), signal.SIGKILL)


class Unportable(Exception):
    """An error that can be pickled, but not unpickled."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")


class OddApi(AISessionsApi):
    """Operations of an application's own, whose errors do not travel."""

    def delete_ai_session(self, *arguments: Any, **options: Any) -> Any:
        raise Unportable("refused", "by the application")
