"""Delete, extend, get and export: what each does with every session."""

import os
from collections import deque
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from pathlib import Path
from typing import cast

from typing_extensions import Unpack

from quantcdn._wire.secrets import forgetful, forgetful_generator
from quantcdn.api import AISessionsApi
from quantcdn.bulk._batches import SIZE
from quantcdn.bulk._crew import calling
from quantcdn.bulk._export import ExportFile, Manifest, line_of
from quantcdn.bulk._options import BulkOptions
from quantcdn.bulk._progress import bar
from quantcdn.bulk._report import Report, Result
from quantcdn.bulk._work import Work, now
from quantcdn.exceptions import ApiValueError, problem_of
from quantcdn.models import ExtendAISessionRequest, GetAISession200Response


@forgetful
def delete(
    api: AISessionsApi,
    organisation: str,
    *,
    everything: bool = False,
    **options: Unpack[BulkOptions],
) -> Report:
    """Delete the sessions with these ids, or the active ones that these filters choose. Filters combine.

    A session that is used between the listing and its turn is deleted all the same.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        everything: delete all that are active, where there is neither a filter nor an id.
        **options: see `BulkOptions`.

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
    work = Work(delete, api, organisation, options)
    if work.selection.selects_everything != everything:
        raise ApiValueError(
            "everything=True contradicts what says which sessions to delete: give one of them"
            if everything
            else "Nothing says which sessions to delete: give session_ids or a filter, or everything=True"
        )

    def call(session_id: str) -> None:
        api.delete_ai_session(organisation, session_id, **work.options)

    return work.change("Deleting", call)


@forgetful
def extend(
    api: AISessionsApi,
    organisation: str,
    additional_minutes: int,
    **options: Unpack[BulkOptions],
) -> Report:
    """Move the expiry of the sessions with these ids, or of the active ones that these filters choose.

    Each is extended at most once. Where it is unknown whether it was, its outcome says so.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        additional_minutes: how many minutes to add to each, 1 to 1440.
        **options: see `BulkOptions`.

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
    work = Work(extend, api, organisation, options)
    request = ExtendAISessionRequest(additional_minutes=additional_minutes)

    def call(session_id: str) -> None:
        api.extend_ai_session(organisation, session_id, request, **work.options)

    return work.change("Extending", call, additional_minutes)


@forgetful
def get(
    api: AISessionsApi,
    organisation: str,
    **options: Unpack[BulkOptions],
) -> Iterator[GetAISession200Response]:
    """Go through the sessions with these ids, or the active ones that these filters choose, each with its messages.

    They are listed when the first one is due, and come in the order in which their answers do. Few are kept at a time:
    where you take your time, no more are asked for. Leaving the loop waits for the calls that are under way.

    A session that is gone when it is asked for does not come. One that cannot be had is raised, which ends the loop;
    with an `on_result`, which is told of it, the loop goes on without it.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        **options: see `BulkOptions`.

    Returns:
        an iterator over the sessions; with `dry_run`, over none.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Raised at once, not by the first `next`,
            but of an id that was given.
        ApiTypeError: an argument is of the wrong type. Raised at once.
        ApiValueError: an argument is not valid. Raised at once.
        ApiException: the sessions could not be listed, or one could not be had. Raised when it is due.
        Interrupted: Ctrl-C was pressed while the loop waited for a session.
    """
    work = Work(get, api, organisation, options)

    def call(session_id: str) -> GetAISession200Response:
        return api.get_ai_session(organisation, session_id, **work.options)

    return forgetful_generator(_each(work, call, options.get("on_result") is None))


def _each(
    work: Work, call: Callable[[str], GetAISession200Response], is_strict: bool
) -> Generator[GetAISession200Response, None, None]:
    arrived: deque[GetAISession200Response] = deque()
    remote = work.remote

    def far(batch: Sequence[Result]) -> list[Result]:
        assert remote is not None
        results, done = remote.perform(batch)
        arrived.extend(done.sessions)
        return results

    perform = far if remote else calling(call, keep=arrived.append)
    with work.crew.interruptible(), bar("Getting", shown=work.progress) as shown:
        targets = work.ids(now(), shown)
        if work.is_dry_run:
            work.crew.pretend(targets)
            return
        try:
            for result in work.crew.each(targets, perform, shown, SIZE if remote else 1):
                if is_strict and result.error is not None:
                    raise result.error
                while arrived:
                    yield arrived.popleft()
        finally:
            work.crew.leave()


@forgetful
def export(
    api: AISessionsApi,
    organisation: str,
    path: str | os.PathLike[str],
    **options: Unpack[BulkOptions],
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
        **options: see `BulkOptions`.

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
    work = Work(export, api, organisation, options)
    if work.remote is not None:
        raise ApiValueError("executor is for delete, extend and get: an export has none yet")
    host = _host(api, work.options.get("_host_index", 0))
    file = ExportFile(Path(path))

    def call(session_id: str) -> bytes:
        return line_of(session_id, api.get_ai_session_with_http_info(organisation, session_id, **work.options))

    def prepared(begun: Manifest | None) -> tuple[Manifest, list[Result]]:
        if begun is not None:
            return begun, [Result(session_id, "not_tried") for session_id in begun.session_ids]
        listed_at = now()
        targets = work.ids(listed_at, shown)
        manifest = Manifest(
            covers=work.selection.covers,
            host=host,
            organisation=organisation,
            selection=work.selection,
            listed_at=listed_at,
            session_ids=tuple(target.session_id for target in targets),
        )
        return manifest, targets

    with work.crew.interruptible(), bar("Exporting", shown=work.progress) as shown:
        if work.is_dry_run:
            begun, standing = file.look(host, organisation, work.selection)
            manifest, targets = prepared(begun)
            report = work.crew.pretend(_resumed(targets, standing))
            return _concluded(manifest, report).model_copy(update={"complete": False})
        with file.taken(host, organisation, work.selection) as begun:
            manifest, targets = prepared(begun)
            resumed = _resumed(targets, file.begin(manifest))
            report = work.crew.work(resumed, calling(call, keep=file.append), shown)
            return file.finish(_concluded(manifest, report))


def _resumed(targets: Sequence[Result], standing: Container[str]) -> list[Result]:
    """The sessions of an export that was begun: those whose lines stand are done."""
    return [target._replace(outcome="done") if target.session_id in standing else target for target in targets]


def _concluded(manifest: Manifest, report: Report) -> Manifest:
    return manifest.model_copy(
        update={
            "complete": all(result.outcome in ("done", "gone") for result in report.results),
            "finished_at": now(),
            "counts": report.counts,
            "gone": tuple(result.session_id for result in report.results if result.outcome == "gone"),
            "failures": {result.session_id: problem_of(result.error) for result in report.results if result.error},
        }
    )


def _host(api: AISessionsApi, index: int) -> str:
    """Where the sessions come from: with a double that stands in for the operations in a test, from nowhere."""
    host = cast("object", api.api_client.configuration.host_for(index))
    return host if isinstance(host, str) else ""
