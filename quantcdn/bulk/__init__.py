"""Delete, extend or export many sessions.

All three choose the sessions in the same way, and take down their ids before they begin, so that deleting skips none.
A bounded number of calls is under way at a time. A session that fails stops nothing: each has its `Result`.
"""

import os
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from typing_extensions import Unpack

from quantcdn._wire.call import RequestOptions
from quantcdn._wire.secrets import forgetful
from quantcdn.api import AISessionsApi
from quantcdn.api._arguments import check_arguments
from quantcdn.bulk._crew import Crew
from quantcdn.bulk._export import ExportFile, Manifest, line_of
from quantcdn.bulk._progress import bar
from quantcdn.bulk._report import Interrupted, Outcome, Report, Result
from quantcdn.bulk._selection import Selection, distinct
from quantcdn.exceptions import ApiValueError
from quantcdn.models import ExtendAISessionRequest, ListAISessions200ResponseInner

__all__ = ["Interrupted", "Manifest", "Outcome", "Report", "Result", "Selection", "delete", "export", "extend"]


@forgetful
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
        idle_for: only sessions whose last update is at least so long ago, by this machine's clock. One that was never
            updated is never idle, nor is one whose last update is before the year 2000 or before its creation.
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

    crew = Crew(api, workers, on_result)
    with crew.interruptible(), bar("Deleting", shown=progress) as shown:
        targets = _targets(selection.sessions(api, organisation, _now(), shown, **options))
        return crew.pretend(targets) if dry_run else crew.work(targets, call, shown)


@forgetful
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
        idle_for: only sessions whose last update is at least so long ago, by this machine's clock. One that was never
            updated is never idle, nor is one whose last update is before the year 2000 or before its creation.
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

    crew = Crew(api, workers, on_result)
    with crew.interruptible(), bar("Extending", shown=progress) as shown:
        targets = _targets(selection.sessions(api, organisation, _now(), shown, **options))
        return crew.pretend(targets) if dry_run else crew.work(targets, call, shown)


@forgetful
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

    Each line is a session with its messages, as the service sent it, in UTF-8: nothing is left out. What JSON does not
    have, such as NaN, becomes null, and a session that does not name itself gets the id that it was asked for by.
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
        idle_for: only sessions whose last update is at least so long ago, by this machine's clock. One that was never
            updated is never idle, nor is one whose last update is before the year 2000 or before its creation.
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
        BlockingIOError: another export is at work here. Nothing was sent.
        PermissionError: a file that is there already is not ours alone. Nothing was sent.
        OSError: a file could not be written.
        ApiException: the sessions could not be listed.
        Interrupted: Ctrl-C was pressed.
    """
    check_arguments(export, api, organisation=organisation, **options)
    selection = Selection(distinct(session_ids), user_id, session_group, model, idle_for)
    host = api.api_client.configuration.host_for(options.get("_host_index", 0))

    def call(session_id: str) -> bytes:
        return line_of(session_id, api.get_ai_session_with_http_info(organisation, session_id, **options))

    def prepared(begun: Manifest | None) -> tuple[Manifest, list[Result]]:
        if begun is not None:
            return begun, _targets((session_id, None) for session_id in begun.session_ids)
        now = _now()
        targets = _targets(selection.sessions(api, organisation, now, shown, **options))
        manifest = Manifest(
            host=host,
            organisation=organisation,
            selection=selection,
            listed_at=now,
            session_ids=tuple(target.session_id for target in targets),
        )
        return manifest, targets

    crew = Crew(api, workers, on_result)
    file = ExportFile(Path(path))
    with crew.interruptible(), bar("Exporting", shown=progress) as shown:
        if dry_run:
            begun, standing = file.look(host, organisation, selection)
            manifest, targets = prepared(begun)
            report = crew.pretend(_resumed(targets, standing))
            return _concluded(manifest, report).model_copy(update={"complete": False})
        with file.taken(host, organisation, selection) as begun:
            manifest, targets = prepared(begun)
            report = crew.work(_resumed(targets, file.begin(manifest)), call, shown, keep=file.append)
            return file.finish(_concluded(manifest, report))


def _targets(sessions: Iterable[tuple[str, ListAISessions200ResponseInner | None]]) -> list[Result]:
    return [Result(session_id, "not_tried", session) for session_id, session in sessions]


def _resumed(targets: Sequence[Result], standing: Container[str]) -> list[Result]:
    """The sessions of an export that was begun: those whose lines stand are done."""
    return [target._replace(outcome="done") if target.session_id in standing else target for target in targets]


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
