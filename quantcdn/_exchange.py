"""An attempt as the client keeps it, and how others hear of it: in the log, at a hook and in exceptions."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._request_id import request_id_of
from quantcdn._show.visible import visible
from quantcdn._wire.message import Request
from quantcdn._wire.secrets import Hider, secrets_of
from quantcdn.attempt import Attempt
from quantcdn.retry import Ending

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_log = logging.getLogger("quantcdn")


class Exchange:
    """An attempt as the client keeps it. The record of it is made only where somebody looks.

    Args:
        number: which attempt it was, from 1.
        request: what was sent.
        response: what was answered, or None where no answer came.
        failure: the name of the exception that it ended in: itself, it would hold all that was at hand.
        ending: how it ended, as far as another depends on it.
        seconds: how long it took.
        retry_in: how many seconds later the next attempt follows, or None where none does.
    """

    __slots__ = ("ending", "failure", "number", "request", "response", "retry_in", "seconds")

    def __init__(
        self,
        number: int,
        request: Request,
        response: "BaseHTTPResponse | None",
        failure: str | None,
        ending: Ending,
        seconds: float,
        retry_in: float | None,
    ) -> None:
        self.number: int = number
        self.request: Request = request
        self.response: BaseHTTPResponse | None = response
        self.failure: str | None = failure
        self.ending: Ending = ending
        self.seconds: float = seconds
        self.retry_in: float | None = retry_in

    def attempt(self) -> Attempt:
        """The record that others may see: without secrets, also where the service repeats one."""
        request_id = request_id_of(self.response.headers) if self.response else None
        return Attempt(
            self.request.method,
            visible(self.request.path),
            self.number,
            self.ending.status,
            self.failure,
            self.ending.unknown,
            _received(self.response),
            self.seconds,
            Hider(secrets_of(self.request)).hide(request_id) if request_id else None,
            self.retry_in,
        )


def _received(response: "BaseHTTPResponse | None") -> int:
    try:
        return response.tell() if response else 0
    except OSError as error:  # not every kind of answer counts: that of urllib3 in a browser does not
        if raised_by_signal_handler(error):
            raise
        return 0


def publish(exchange: Exchange, hook: Callable[[Attempt], object] | None) -> None:
    """Log an attempt, and hand it to the application's hook. A hook that fails cannot lose the answer.

    What a signal handler raises meanwhile is a limit of the application's, and passes.
    """
    is_logged = _log.isEnabledFor(logging.DEBUG)
    if not is_logged and hook is None:
        return
    attempt = exchange.attempt()
    if is_logged:
        _log.debug("%s", attempt)
    if hook is not None:
        try:
            hook(attempt)
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            _log.warning("The on_attempt hook failed", exc_info=True)
