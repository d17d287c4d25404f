"""What became of the sessions that a piece of bulk work was for."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import ValidationError

from quantcdn._show.notebook import repr_html
from quantcdn._show.visible import visible
from quantcdn.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    NotFoundException,
    TransportException,
    excerpt,
    problem_of,
)
from quantcdn.models import ListAISessions200ResponseInner

if TYPE_CHECKING:
    from quantcdn._show.html import Page

Outcome = Literal["done", "gone", "planned", "failed", "unknown", "not_tried"]
"""What became of a session:

- ``done``: it was deleted, extended, exported or imported.
- ``gone``: it was not there any more.
- ``planned``: it would have been its turn, but for the dry run.
- ``failed``: nothing was changed; the error says why. (Of an import, what was sent before is there, as `new_id` says.)
- ``unknown``: it may have been deleted, extended or imported, or not. It was not tried again.
- ``not_tried``: its turn did not come before the work was interrupted.
"""


class Result(NamedTuple):
    """What became of a session.

    Attributes:
        session_id: its id; empty where the service sent none.
        outcome: what became of it.
        session: what the list said of it; None where its id was given, or taken down earlier.
        error: what went wrong.
        new_id: the id of what it became in an import; None where there is none, or it is not known.
    """

    session_id: str
    outcome: Outcome
    session: ListAISessions200ResponseInner | None = None
    error: Exception | None = None
    new_id: str | None = None

    def __repr__(self) -> str:
        error = ""
        if self.error is not None:
            error = f": {visible(excerpt(problem_of(self.error), 500) or type(self.error).__name__)}"
        return f"<Result {self.session_id!r}: {self.outcome}{error}>"


@dataclass(frozen=True, repr=False)
class Report:
    """What became of the sessions.

    Attributes:
        results: one for each session, in the order in which their ids were taken down.
    """

    results: tuple[Result, ...]

    @property
    def _known(self) -> tuple[Result, ...]:
        """The results; none where a debugger looks at a report that is not made yet."""
        return vars(self).get("results") or ()

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many sessions there are of each outcome that there is."""
        return dict(Counter(result.outcome for result in self._known))

    @property
    def failures(self) -> list[Result]:
        """What failed, is unknown or was not tried."""
        return [result for result in self.results if result.outcome in ("failed", "unknown", "not_tried")]

    def __str__(self) -> str:
        return ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items()) or "no sessions"

    def __repr__(self) -> str:
        first = next((f"; the first error is in {result!r}" for result in self._known if result.error), "")
        return f"<Report: {self}{first}>"

    def _shown(self, page: "Page") -> str:
        counts = page.fields(page.counted(len(self.results), "session"), dict(self.counts.items()))
        if not self.failures:
            return counts
        return counts + page.many(
            page.counted(len(self.failures), "failure"),
            "failure",
            ("Id", "Outcome", "Error"),
            self.failures,
            lambda result: (
                page.name(result.session_id),
                page.line(result.outcome),
                page.block(problem_of(result.error)) if result.error else "",
            ),
        )

    _repr_html_ = repr_html


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed: nothing was begun from then on, and what was under way was waited for.

    Attributes:
        report: what became of the sessions until then; empty where it was not yet known which there are. Where Ctrl-C
            was pressed again, nothing was waited for, and the outcome of what was under way is unknown.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return f"interrupted: {vars(self).get('report', 'not made yet')}"


def outcome_of(error: Exception, *, changes: bool) -> Outcome:
    """What became of a session whose call ended in an error.

    Args:
        error: the error.
        changes: whether the call was to change something.
    """
    if isinstance(error, NotFoundException):
        return "gone"
    return "unknown" if changes and _may_have_taken_effect(error) else "failed"


def _may_have_taken_effect(error: Exception) -> bool:
    """Whether any attempt of the call may have done what it was to do."""
    if isinstance(error, ValidationError | ApiValueError | ApiTypeError):
        return False  # it was refused before anything was sent
    if not isinstance(error, ApiException):
        return True  # nobody knows when it came
    if any(attempt.outcome_unknown for attempt in error.attempts):
        return True  # a delete is tried again after an answer that was lost
    if isinstance(error, TransportException):
        return not (error.never_sent or error.attempts)  # what was refused by each of its attempts took none
    return error.status is None or not 300 <= error.status < 500
