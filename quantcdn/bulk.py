"""Delete, extend or export many sessions.

All three choose the sessions in the same way, and take down their ids before they begin, so that deleting skips none.
A bounded number of calls is under way at a time. A session that fails stops nothing: each has its `Result`.
"""

import os
from collections import Counter
from collections.abc import Callable, Container, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, cast

from typing_extensions import Unpack

from quantcdn._arguments import check_arguments
from quantcdn._call import RequestOptions
from quantcdn._export import ExportFile, Manifest
from quantcdn._selection import Selection, distinct
from quantcdn._visible import visible
from quantcdn.api import AISessionsApi
from quantcdn.api_response import ApiResponse
from quantcdn.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    NotFoundException,
    ResponseFormatException,
    excerpt,
)
from quantcdn.models import ExtendAISessionRequest, GetAISession200Response, ListAISessions200ResponseInner
from quantcdn.progress import Bar, bar

__all__ = ["Interrupted", "Manifest", "Outcome", "Report", "Result", "Selection", "delete", "export", "extend"]

T = TypeVar("T")

Outcome = Literal["done", "gone", "planned", "failed", "unknown", "not_tried"]
"""What became of a session:

- ``done``: it was deleted, extended or exported.
- ``gone``: it was not there any more.
- ``planned``: it would have been its turn, but for the dry run.
- ``failed``: nothing was changed; the error says why.
- ``unknown``: it may have been deleted or extended, or not. It was not tried again.
- ``not_tried``: its turn did not come before the work was interrupted.
"""


class Result(NamedTuple):
    """What became of a session.

    Attributes:
        session_id: its id; empty where the service sent none.
        outcome: what became of it.
        session: what the list said of it; None where its id was given, or taken down earlier.
        error: what went wrong.
    """

    session_id: str
    outcome: Outcome
    session: ListAISessions200ResponseInner | None = None
    error: Exception | None = None

    def __repr__(self) -> str:
        error = "" if self.error is None else f": {visible(excerpt(str(self.error), 500) or type(self.error).__name__)}"
        return f"<Result {self.session_id!r}: {self.outcome}{error}>"


@dataclass(frozen=True, repr=False)
class Report:
    """What became of the sessions.

    Attributes:
        results: one for each session, in the order in which their ids were taken down.
    """

    results: tuple[Result, ...]

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many sessions there are of each outcome that there is."""
        return dict(Counter(result.outcome for result in self.results))

    @property
    def failures(self) -> list[Result]:
        """What failed, is unknown or was not tried."""
        return [result for result in self.results if result.outcome in ("failed", "unknown", "not_tried")]

    def __str__(self) -> str:
        return ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items()) or "no sessions"

    def __repr__(self) -> str:
        first = next((f"; the first error is in {result!r}" for result in self.results if result.error), "")
        return f"<Report: {self}{first}>"

    def _repr_html_(self) -> str:
        from quantcdn import views  # for notebooks only

        return views.html(self)


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
        return f"interrupted: {self.report}"


def delete(
    api: AISessionsApi,
    organisation: str,
    *,
    session_ids: Iterable[str] | None = None,
    user_id: str | None = None,
    session_group: str | None = None,
    model: str | None = None,
    idle_for: timedelta | None = None,
    everything: bool = False,
    dry_run: bool = False,
    workers: int = 4,
    progress: bool = False,
    on_result: Callable[[Result], object] | None = None,
    **options: Unpack[RequestOptions],
) -> Report:
    """Delete the sessions with these ids, or the active ones that these filters choose. Filters combine.

    A session that is used between the listing and its turn is deleted all the same.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        session_ids: the ids, instead of filters.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago, by this machine's clock. One without a last
            update is never idle.
        everything: delete all that are active, where there is neither a filter nor an id.
        dry_run: delete nothing, and report what would be deleted.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        **options: see `RequestOptions`. They hold for each call, `_request_timeout` too.

    Returns:
        the report, with a result for each session.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent. Of an id that was given,
            it is the error in its result.
        ApiTypeError: an argument is of the wrong type. Nothing was sent.
        ApiValueError: nothing says which sessions, or an argument is not valid. Nothing was sent.
        ApiException: the sessions could not be listed. Nothing was deleted.
        Interrupted: Ctrl-C was pressed.
    """
    check_arguments(delete, api, organisation=organisation, **options)
    selection = Selection(distinct(session_ids), user_id, session_group, model, idle_for)
    if selection.selects_everything != everything:
        raise ApiValueError(
            "everything=True contradicts what says which sessions to delete: give one of them"
            if everything
            else "Nothing says which sessions to delete: give session_ids or a filter, or everything=True"
        )

    def call(session_id: str) -> None:
        api.delete_ai_session(organisation, session_id, **options)

    crew = _Crew(api, workers, on_result)
    with crew.interruptible(), bar("Deleting", shown=progress) as shown:
        targets = _targets(selection.sessions(api, organisation, _now(), shown, **options))
        return crew.pretend(targets) if dry_run else crew.work(targets, call, shown)


def extend(
    api: AISessionsApi,
    organisation: str,
    additional_minutes: int,
    *,
    session_ids: Iterable[str] | None = None,
    user_id: str | None = None,
    session_group: str | None = None,
    model: str | None = None,
    idle_for: timedelta | None = None,
    dry_run: bool = False,
    workers: int = 4,
    progress: bool = False,
    on_result: Callable[[Result], object] | None = None,
    **options: Unpack[RequestOptions],
) -> Report:
    """Move the expiry of the sessions with these ids, or of the active ones that these filters choose.

    Each is extended at most once. Where it is unknown whether it was, its outcome says so.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        additional_minutes: how many minutes to add to each, 1 to 1440.
        session_ids: the ids, instead of filters. One that comes twice counts once.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago, by this machine's clock. One without a last
            update is never idle.
        dry_run: extend nothing, and report what would be extended.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        **options: see `RequestOptions`. They hold for each call, `_request_timeout` too.

    Returns:
        the report, with a result for each session.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent. Of an id that was given,
            it is the error in its result.
        ApiTypeError: an argument is of the wrong type. Nothing was sent.
        ApiValueError: an argument is not valid. Nothing was sent.
        ApiException: the sessions could not be listed. Nothing was extended.
        Interrupted: Ctrl-C was pressed.
    """
    check_arguments(extend, api, organisation=organisation, **options)
    selection = Selection(distinct(session_ids), user_id, session_group, model, idle_for)
    request = ExtendAISessionRequest(additional_minutes=additional_minutes)

    def call(session_id: str) -> None:
        api.extend_ai_session(organisation, session_id, request, **options)

    crew = _Crew(api, workers, on_result)
    with crew.interruptible(), bar("Extending", shown=progress) as shown:
        targets = _targets(selection.sessions(api, organisation, _now(), shown, **options))
        return crew.pretend(targets) if dry_run else crew.work(targets, call, shown)


def export(
    api: AISessionsApi,
    organisation: str,
    path: str | os.PathLike[str],
    *,
    session_ids: Iterable[str] | None = None,
    user_id: str | None = None,
    session_group: str | None = None,
    model: str | None = None,
    idle_for: timedelta | None = None,
    dry_run: bool = False,
    workers: int = 4,
    progress: bool = False,
    on_result: Callable[[Result], object] | None = None,
    **options: Unpack[RequestOptions],
) -> Manifest:
    """Write the sessions with these ids, or the active ones that these filters choose, to a file of JSON Lines.

    Each line is a session with its messages, as the service sent it: nothing is read into it, and nothing is left out.
    The lines are in the order in which they came.

    They are written to ``<path>.partial`` first, as they come, beside ``<path>.manifest.json``. When every session is
    there, or was gone when it was asked for, the lines become ``path``, so what stands there is always complete.
    Where something is missing, the same call goes on where the last one ended, with the ids that were taken down then.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        path: the file to write. It must not be there yet.
        session_ids: the ids, instead of filters.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago, by this machine's clock. One without a last
            update is never idle.
        dry_run: write nothing, and tell what would be exported.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        **options: see `RequestOptions`. They hold for each call, `_request_timeout` too.

    Returns:
        the manifest, which says whether the export is complete, and what is missing.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent. Of an id that was given,
            it is the error in its result.
        ApiTypeError: an argument is of the wrong type. Nothing was sent.
        ApiValueError: an argument is not valid, or an export of other sessions was begun here. Nothing was sent.
        FileExistsError: the file is there already. Nothing was sent.
        BlockingIOError: another process is writing this export.
        OSError: a file could not be written.
        ApiException: the sessions could not be listed.
        Interrupted: Ctrl-C was pressed.
    """
    check_arguments(export, api, organisation=organisation, **options)
    selection = Selection(distinct(session_ids), user_id, session_group, model, idle_for)
    host = api.api_client.configuration.host_for(options.get("_host_index", 0))

    def call(session_id: str) -> bytes:
        return _line(api.get_ai_session_with_http_info(organisation, session_id, **options))

    crew = _Crew(api, workers, on_result)
    file = ExportFile(Path(path))
    with crew.interruptible(), bar("Exporting", shown=progress) as shown:
        manifest = file.begun(host, organisation, selection)
        if manifest is not None:
            targets = _targets((session_id, None) for session_id in manifest.session_ids)
            if dry_run:
                targets = _resumed(targets, file.standing(manifest))
        else:
            now = _now()
            targets = _targets(selection.sessions(api, organisation, now, shown, **options))
            manifest = Manifest(
                host=host,
                organisation=organisation,
                selection=selection,
                listed_at=now,
                session_ids=tuple(target.session_id for target in targets),
            )
        if dry_run:
            return _concluded(manifest, crew.pretend(targets)).model_copy(update={"complete": False})
        with file.opened(manifest) as standing:
            report = crew.work(_resumed(targets, standing), call, shown, keep=file.append)
            return file.finish(_concluded(manifest, report))


class _Crew:
    """Threads that work through sessions, at most so many at a time.

    Args:
        api: the operations that they use.
        workers: how many threads.
        on_result: what to call with each result, in the thread that waits for the work.

    Raises:
        ApiTypeError: `on_result` cannot be called.
        ApiValueError: there cannot be so many threads.
    """

    def __init__(self, api: AISessionsApi, workers: int, on_result: Callable[[Result], object] | None) -> None:
        number = cast("object", workers)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ApiValueError(f"workers must be a whole number above 0, not {workers!r}")
        if not (on_result is None or callable(cast("object", on_result))):
            raise ApiTypeError(f"on_result must be a function that takes a Result, or None, not {on_result!r}")
        # More threads than the client keeps connections would open one for each call, and urllib3 would warn each time.
        self._size = min(workers, api.api_client.configuration.connection_pool_maxsize or 1)
        self._on_result = on_result
        self._results: list[Result] = []

    @contextmanager
    def interruptible(self) -> Generator[None, None, None]:
        """Where Ctrl-C is pressed in a ``with`` block, tell what became of the sessions until then.

        Raises:
            Interrupted: it was.
        """
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(Report(tuple(self._results))) from None

    def pretend(self, targets: Sequence[Result]) -> Report:
        """Do nothing, and say so."""
        self._results = [_planned(target) for target in targets]
        for result in self._results:
            if result.outcome == "planned":
                self._tell(result)
        return Report(tuple(self._results))

    def work(
        self,
        targets: Sequence[Result],
        call: Callable[[str], T],
        shown: Bar,
        keep: Callable[[T], object] | None = None,
    ) -> Report:
        """Call something with the id of each session that was not tried yet.

        Args:
            targets: the sessions.
            call: what to call; an exception is the result of that session. It changes something, unless its value is
                to be kept.
            shown: the bar to advance.
            keep: what to do with its value; an exception ends the work, and is raised.
        """
        results = self._results = list(targets)

        # Each thread notes the results itself: Ctrl-C interrupts only the main thread, and can lose none of them.
        def work(index: int) -> Result:
            target = results[index]
            results[index] = target._replace(outcome="unknown")  # until it has ended
            try:
                value = call(target.session_id)
            except Exception as error:
                outcome = _outcome_of(error, changes=keep is None)
                result = target._replace(outcome=outcome, error=None if outcome == "gone" else error)
            else:
                if keep is not None:
                    keep(value)
                result = target._replace(outcome="done")
            results[index] = result
            return result

        todo = iter([index for index, target in enumerate(targets) if target.outcome == "not_tried"])
        shown.expect(len(targets))
        shown.advance(sum(target.outcome != "not_tried" for target in targets))
        # As few are handed out as there are threads, so that whatever ends the loop ends the work.
        with ThreadPoolExecutor(self._size, "quantcdn-bulk") as threads:
            running = {threads.submit(work, index) for index in islice(todo, self._size)}
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._tell(future.result())
                    shown.advance()
                running |= {threads.submit(work, index) for index in islice(todo, len(ended))}
        return Report(tuple(results))

    def _tell(self, result: Result) -> None:
        if self._on_result is not None:
            self._on_result(result)


def _targets(sessions: Iterable[tuple[str, ListAISessions200ResponseInner | None]]) -> list[Result]:
    return [Result(session_id, "not_tried", session) for session_id, session in sessions]


def _resumed(targets: Sequence[Result], standing: Container[str]) -> list[Result]:
    """The sessions of an export that was begun: those whose lines stand are done."""
    return [target._replace(outcome="done") if target.session_id in standing else target for target in targets]


def _planned(target: Result) -> Result:
    return target._replace(outcome="planned") if target.outcome == "not_tried" else target


def _outcome_of(error: Exception, *, changes: bool) -> Outcome:
    if isinstance(error, NotFoundException):
        return "gone"
    if changes and isinstance(error, ApiException):
        # A delete is tried again after an answer that was lost; what came of the attempts before counts too.
        lost = any(attempt.outcome_unknown for attempt in error.attempts)
        return "unknown" if lost or isinstance(error, ResponseFormatException) else "failed"
    return "failed"


def _line(answer: ApiResponse[GetAISession200Response]) -> bytes:
    """The session in an answer, as it came, on a line of its own."""
    text = answer.raw_data.decode("utf-8-sig")
    # In JSON, these can only stand between values: within a text they are written as escapes.
    return text.replace("\r", " ").replace("\n", " ").encode() + b"\n"


def _concluded(manifest: Manifest, report: Report) -> Manifest:
    return manifest.model_copy(
        update={
            "complete": all(result.outcome in ("done", "gone") for result in report.results),
            "finished_at": _now(),
            "counts": report.counts,
            "gone": tuple(result.session_id for result in report.results if result.outcome == "gone"),
            "failures": {result.session_id: str(result.error) for result in report.results if result.error},
        }
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)
