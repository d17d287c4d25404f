"""What happened in one attempt of a call: one record, for the log, for a hook and for exceptions."""

from typing import NamedTuple

from quantcdn._show.visible import visible


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
