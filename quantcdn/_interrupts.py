"""Whether an exception came out of a signal handler: a limit of the application's own, wherever it struck. Pure."""

import inspect
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


def raised_by_signal_handler(error: BaseException) -> bool:
    """Whether a signal handler raised an exception, or something that it called."""
    return any(handles_signal(frame) for frame, _ in traceback.walk_tb(error.__traceback__))


def causes_within(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that led to it, each once, without what was handled already when the call began.

    Args:
        error: the exception.
        handled: what ``sys.exc_info()`` names at the beginning of the call: it, and all behind it, is the caller's.
    """
    seen = {id(handled)}
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop()
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += cause.__context__, cause.__cause__


def raise_as_it_is(interrupt: BaseException, handled: BaseException | None) -> NoReturn:
    """Raise what a signal handler raised, with the cause and the context that it has from there.

    Behind what came up in the handler stands what the caller was handling, and nothing that is the call's own.

    Args:
        interrupt: the exception.
        handled: as for `causes_within`.
    """
    handler = next(frame for frame, _ in traceback.walk_tb(interrupt.__traceback__) if handles_signal(frame))
    last, context = interrupt, interrupt.__context__
    while context is not None and _came_up_in(handler, context):
        last, context = context, context.__context__
    if last is not handled:
        last.__context__ = handled
    raise_with_its_context(interrupt)


def raise_with_its_context(interrupt: BaseException) -> NoReturn:
    """Raise an exception anew, and leave its context as it is: Python puts there what is handled now."""
    context = interrupt.__context__
    try:
        raise interrupt
    finally:
        interrupt.__context__ = context


def _came_up_in(function: FrameType, error: BaseException) -> bool:
    """Whether an exception was raised while a function was at work."""
    frame = error.__traceback__.tb_frame if error.__traceback__ else None
    while frame is not None and frame is not function:
        frame = frame.f_back
    return frame is not None


def handles_signal(frame: FrameType) -> bool:
    """Whether Python called a function amid another, and gave it the frame of that: so it calls handlers alone."""
    given = inspect.getargvalues(frame)
    values = [given.locals.get(name) for name in given.args]
    if given.varargs is not None:
        values += given.locals.get(given.varargs, ())
    return frame.f_back is not None and any(value is frame.f_back for value in values)
