"""How a command ends: its exit code, and what it says of an error."""

import errno
import os
import signal
import stat
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from enum import IntEnum
from types import FrameType
from typing import TextIO

from quantcdn._show.visible import visible
from quantcdn.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    NotFoundException,
    OutcomeUnknownException,
    ResponseFormatException,
    ServiceException,
    TransportException,
)


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    SERVICE_FAILED = 6
    OUTCOME_UNKNOWN = 7
    PARTLY_FAILED = 8
    HUNG_UP = 129
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


MEANINGS = {
    Exit.DONE: "It is done.",
    Exit.FAILED: "Something on this machine failed: a file, or the command of --infer.",
    Exit.USAGE: "It cannot be meant, or something is not configured or installed.",
    Exit.REFUSED: "The service refused it: the token, the organisation, or what was asked.",
    Exit.NOT_FOUND: "The session is not there, or no longer.",
    Exit.UNREACHABLE: "The service could not be reached, or did not answer in time.",
    Exit.SERVICE_FAILED: "The service failed, or its answer cannot be read.",
    Exit.OUTCOME_UNKNOWN: "The outcome is unknown. Look before you repeat it.",
    Exit.PARTLY_FAILED: "Of several sessions, some failed. Standard error says why.",
    Exit.HUNG_UP: "The terminal was closed (SIGHUP).",
    Exit.INTERRUPTED: "Ctrl-C was pressed.",
    Exit.PIPE_CLOSED: "Whoever read the output left, as head does.",
    Exit.TERMINATED: "The process was to end (SIGTERM).",
}
"""What they mean, each in a line of a terminal."""

# The first that fits counts: what is unknown may also be a timeout.
_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (OutcomeUnknownException, Exit.OUTCOME_UNKNOWN),
    (TransportException, Exit.UNREACHABLE),
    (NotFoundException, Exit.NOT_FOUND),
    (ServiceException, Exit.SERVICE_FAILED),
    (ResponseFormatException, Exit.SERVICE_FAILED),
    (ApiException, Exit.REFUSED),
    (ApiValueError, Exit.USAGE),
    (ApiTypeError, Exit.USAGE),
    (OSError, Exit.FAILED),
)

_STOPS = {
    number: code
    for name, code in (("SIGTERM", Exit.TERMINATED), ("SIGHUP", Exit.HUNG_UP))
    if (number := getattr(signal, name, None)) is not None  # Windows has no SIGHUP
}
_stopped_by: list[int] = []
"""Which of these came, in their order."""

_LOOK_FIRST = "Whether it took effect is not known: look before you repeat it."


class Failure(Exception):
    """What ends a command, with its exit code. Its text is for people."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code


def code_of(error: BaseException) -> Exit | None:
    """The exit code of an error; None for one that nobody expects."""
    if isinstance(error, Failure):
        return error.code
    if isinstance(error, ApiException) and error.status is not None and error.status < 400:
        return Exit.SERVICE_FAILED  # no answer of the service, but a redirect, or nothing that can be read
    if _invalid(error) is not None:
        return Exit.USAGE
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)


def text_of(error: BaseException, text: Callable[[BaseException], str] = str) -> str:
    """What to say of an error, in a line or two.

    Args:
        error: the error.
        text: its text, where nothing else is to be said.
    """
    if (invalid := _invalid(error)) is not None:
        return invalid
    if isinstance(error, OutcomeUnknownException):
        return f"{text(error)}\n{_LOOK_FIRST}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return text(error)


def _invalid(error: BaseException) -> str | None:
    """What a validation error says, or None where it is none."""
    from pydantic import ValidationError  # costs more to import than all the rest that --help needs

    if not isinstance(error, ValidationError):
        return None
    lines = error.errors(include_url=False, include_input=False, include_context=False)
    return "\n".join(
        ": ".join(filter(None, [".".join(map(str, line["loc"])), line["msg"].removeprefix("Value error, ")]))
        for line in lines
    )


def say(text: str) -> None:
    """Tell people something, on standard error, if they can be told. Nothing in it acts on their terminal.

    Further lines are indented, so that none in the text of others can pass for a line of ours.
    """
    try:
        print(visible(text, multiline=True).replace("\n", "\n  "), file=sys.stderr)
    except OSError:
        _give_up(sys.stderr)


def heed_signals() -> None:
    """Take the signals that are to end this process as Ctrl-C is taken, so that what was done is said.

    One that is ignored, as under ``nohup``, stays so.
    """
    for number in _STOPS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    _stopped_by.append(number)
    raise KeyboardInterrupt


@contextmanager
def reporting() -> Generator[None, None, None]:
    """Turn what a command raises into a line on standard error and an exit code. What nobody expects is raised on."""
    warnings.showwarning = _show_warning
    try:
        try:
            yield
        except KeyboardInterrupt:
            with suppress(BrokenPipeError):  # Ctrl-C has ended the reader too, as in `| tee`
                _flush()
            raise
        finally:
            _flush()
    except KeyboardInterrupt as interruption:
        if sys.stderr.isatty():
            say("")  # what follows begins on a line of its own, after ^C
        say(str(interruption) or "Interrupted.")
        sys.exit(_STOPS[_stopped_by[0]] if _stopped_by else Exit.INTERRUPTED)
    except Exception as error:
        if _nobody_reads_on(error):  # as in `| head`
            sys.exit(Exit.PIPE_CLOSED)
        code = code_of(error)
        if code is None:
            raise
        say(f"Error: {text_of(error)}")
        sys.exit(code)


def _flush() -> None:
    """Write what is still buffered, here, where a failure can be told."""
    try:
        sys.stdout.flush()
    except OSError as error:
        is_over = _nobody_reads_on(error)
        _give_up(sys.stdout)
        if is_over:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
        raise


def _nobody_reads_on(error: Exception) -> bool:
    """Whether an error says that the reader of standard output has left. Windows calls a closed pipe invalid."""
    if isinstance(error, BrokenPipeError):
        return True
    return (
        isinstance(error, OSError)
        and (error.errno, error.filename) == (errno.EINVAL, None)
        and stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    )


def _give_up(stream: TextIO) -> None:
    """Let go of what is still buffered: writing it would fail again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def writing(begun: Callable[[], bool] = lambda: True) -> Generator[None, None, None]:
    """Say, of a write that is interrupted or whose answer cannot be read, that it may have taken effect.

    Args:
        begun: whether what was written may have been sent by then.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Interrupted. {_LOOK_FIRST}" if begun() else "Interrupted.") from None
    except ResponseFormatException as error:
        if not begun():
            raise
        raise Failure(Exit.OUTCOME_UNKNOWN, f"{error}\n{_LOOK_FIRST}") from None


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"Warning: {message}")
