"""What happened in one attempt of a call: one record, for the log, for a hook and for exceptions."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._message import Request
from quantcdn._request_id import request_id_of
from quantcdn._secrets import Hider, secrets_of
from quantcdn._visible import visible
from quantcdn.retry import Outcome

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_log = logging.getLogger("quantcdn")


class Attempt(NamedTuple):
    """One attempt of a call. It holds no secret and no content, so it may be logged and counted.

    Attributes:
        method: the HTTP method.
        path: the path, without the query.
        number: which attempt it was, from 1.
        status: the status code that was answered, or None where no answer came.
        failure: the name of the exception that it ended in, or None where an answer came.
        outcome_unknown: whether the request may have taken effect, or not.
        size: how many bytes of the body were received; 0 where urllib3 does not count them, as in a browser.
        seconds: how long it took.
        request_id: the id under which the service logged the request, where it sent one.
        retry_in: how many seconds later the next attempt follows, or None where none does.
    """

    method: str
    path: str
    number: int
    status: int | None
    failure: str | None
    outcome_unknown: bool
    size: int
    seconds: float
    request_id: str | None
    retry_in: float | None

    def __str__(self) -> str:
        outcome = " ".join(str(part) for part in (self.status, self.failure) if part is not None)
        text = (
            f"{self.method} {self.path}: {outcome}, {self.size} bytes "
            f"in {1000 * self.seconds:.0f} ms, attempt {self.number}"
        )
        if self.request_id:
            text = f"{text}, request id {self.request_id}"
        if self.retry_in is not None:
            text = f"{text}; the next one follows in {self.retry_in:.2f} s"
        return visible(text)


class Exchange:
    """An attempt as the client keeps it. The record of it is made only where somebody looks.

    Args:
        number: which attempt it was, from 1.
        request: what was sent.
        response: what was answered, or None where no answer came.
        failure: the name of the exception that it ended in: itself, it would hold all that was at hand.
        outcome: what it means for another attempt.
        seconds: how long it took.
        retry_in: how many seconds later the next attempt follows, or None where none does.
    """

    __slots__ = ("failure", "number", "outcome", "request", "response", "retry_in", "seconds")

    def __init__(
        self,
        number: int,
        request: Request,
        response: "BaseHTTPResponse | None",
        failure: str | None,
        outcome: Outcome,
        seconds: float,
        retry_in: float | None,
    ) -> None:
        self.number: int = number
        self.request: Request = request
        self.response: BaseHTTPResponse | None = response
        self.failure: str | None = failure
        self.outcome: Outcome = outcome
        self.seconds: float = seconds
        self.retry_in: float | None = retry_in

    def attempt(self) -> Attempt:
        """The record that others may see: without secrets, also where the service repeats one."""
        request_id = request_id_of(self.response.headers) if self.response else None
        return Attempt(
            self.request.method,
            visible(self.request.path),
            self.number,
            self.outcome.status,
            self.failure,
            self.outcome.unknown,
            _received(self.response),
            self.seconds,
            Hider(secrets_of(self.request)).hide(request_id) if request_id else None,
            self.retry_in,
        )


def _received(response: "BaseHTTPResponse | None") -> int:
    try:
        return response.tell() if response else 0
    except OSError:  # not every kind of answer counts: that of urllib3 in a browser does not
        return 0


def report(exchange: Exchange, hook: Callable[[Attempt], object] | None) -> None:
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
