"""What happened in one attempt of a call: one record, for the log, for a hook and for exceptions."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from quantcdn._headers import secrets_of, without_secrets
from quantcdn._message import Request
from quantcdn._request_id import request_id_of
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
        size: how many bytes of the body were received.
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
        return text


class Exchange(NamedTuple):
    """An attempt as the client keeps it. The record of it is made only where somebody looks."""

    number: int
    request: Request
    response: "BaseHTTPResponse | None"
    failure: str | None  # its name: the exception would hold all that was at hand when it was raised
    outcome: Outcome
    seconds: float
    retry_in: float | None

    def attempt(self) -> Attempt:
        """The record that others may see: without secrets, also where the service repeats one."""
        request_id = request_id_of(self.response.headers) if self.response else None
        return Attempt(
            self.request.method,
            self.request.path,
            self.number,
            self.outcome.status,
            self.failure,
            self.outcome.unknown,
            self.response.tell() if self.response else 0,
            self.seconds,
            without_secrets(request_id, secrets_of(self.request.headers)) if request_id else None,
            self.retry_in,
        )


def report(exchange: Exchange, hook: Callable[[Attempt], object] | None) -> None:
    """Log an attempt, and hand it to the application's hook. A hook that fails cannot lose the answer."""
    is_logged = _log.isEnabledFor(logging.DEBUG)
    if not is_logged and hook is None:
        return
    attempt = exchange.attempt()
    if is_logged:
        _log.debug("%s", attempt)
    if hook is not None:
        try:
            hook(attempt)
        except Exception:
            _log.warning("The on_attempt hook failed", exc_info=True)
