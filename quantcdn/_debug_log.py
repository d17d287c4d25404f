"""The log on standard error, as `Configuration.debug` shows it: for the whole process, as all of logging is."""

import logging
import sys
from typing import TextIO, cast

from quantcdn._interrupts import raised_by_signal_handler

_logger = logging.getLogger("quantcdn")
_level_before: int | None = None


def show_debug_log() -> None:
    """Show the log at level DEBUG, unless the application does so itself."""
    global _level_before
    if _level_before is None or _logger.level != logging.DEBUG:
        _level_before = _logger.level
    _logger.setLevel(logging.DEBUG)
    if not _is_shown(_logger):
        _logger.addHandler(_DebugHandler())


def hide_debug_log() -> None:
    """Show it no longer, and leave the logger as it was before."""
    global _level_before
    if _logger.level == logging.DEBUG and _level_before is not None:
        _logger.setLevel(_level_before)
    _level_before = None
    for handler in list(_logger.handlers):
        if isinstance(handler, _DebugHandler):
            _logger.removeHandler(handler)


class _DebugHandler(logging.Handler):
    """Shows the log on what is standard error at the time, which programs and tests replace and close.

    Its type tells it from the application's handlers.
    """

    def handle(self, record: logging.LogRecord) -> bool:
        """Show it without the lock of `logging`, which is taken in Python code: an interrupt could leave it locked."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        stream = cast("TextIO | None", sys.stderr)  # without a console there is none
        if stream is None or getattr(stream, "closed", False):
            return
        try:
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            self.handleError(record)


def _is_shown(logger: logging.Logger | None) -> bool:
    """Whether a handler shows what a logger says at level DEBUG."""
    while logger is not None:
        for handler in logger.handlers:
            if handler.level <= logging.DEBUG and not isinstance(handler, logging.NullHandler):
                return True
        logger = logger.parent if logger.propagate else None
    return False
