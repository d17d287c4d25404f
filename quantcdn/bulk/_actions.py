"""Delete, extend, get and export: what each does with every session."""

import os
from collections import deque
from collections.abc import Container, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from typing_extensions import Unpack

from quantcdn._wire.call import RequestOptions
from quantcdn._wire.secrets import forgetful, forgetful_generator
from quantcdn.api import AISessionsApi
from quantcdn.bulk._batches import Remote
from quantcdn.bulk._crew import Perform
from quantcdn.bulk._export import Export, ExportFile, Manifest
from quantcdn.bulk._lines import line_of
from quantcdn.bulk._options import BulkOptions
from quantcdn.bulk._parts import ExportFolder
from quantcdn.bulk._progress import bar
from quantcdn.bulk._report import Report, Result
from quantcdn.bulk._work import Call, Work, now
from quantcdn.exceptions import ApiValueError, problem_of
from quantcdn.models import ExtendAISessionRequest, GetAISession200Response

_SESSIONS = 25
"""How many whole sessions come together from a worker, at most: each has all of its messages."""

_LINES = 500
"""How many sessions a part of an export is for, at most."""


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
    return work.change("Deleting", partial(_delete, organisation, work.options), once=False)


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
    return work.change("Extending", partial(_extend, organisation, request, work.options), once=True)


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
    call = partial(_get, organisation, work.options)
    return forgetful_generator(_each(work, call, work.remote(call), is_strict=options.get("on_result") is None))


def _each(
    work: Work, call: Call[GetAISession200Response], remote: Remote | None, *, is_strict: bool
) -> Generator[GetAISession200Response, None, None]:
    arrived: deque[GetAISession200Response] = deque()
    with work.crew.interruptible(), bar("Getting", shown=work.progress) as shown:
        if remote is not None and not work.is_dry_run:
            remote.greet()
        targets = work.ids(now(), shown)
        if work.is_dry_run:
            work.crew.pretend(targets)
            return
        perform = work.near(call, arrived.append) if remote is None else remote.get(arrived.append)
        try:
            size = 1 if remote is None else work.size(len(targets), _SESSIONS)
            for result in work.crew.each(targets, perform, shown, size):
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

    With an executor, its workers write, and ``path`` is a folder of such files, which all of them must share.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        path: the file to write, or the folder. It must not be there yet.
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
    host = _host(api, work.options.get("_host_index", 0))
    call = partial(_line, organisation, work.options)
    remote = work.remote(call)
    files, perform = _kept(Path(path), work, call, remote)

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
            begun, standing = files.look(host, organisation, work.selection)
            manifest, targets = prepared(begun)
            report = work.crew.pretend(_resumed(targets, standing))
            return _concluded(manifest, report).model_copy(update={"complete": False})
        with files.taken(host, organisation, work.selection) as begun:
            if remote is not None:
                remote.greet()
            manifest, targets = prepared(begun)
            targets = _resumed(targets, files.begin(manifest))
            report = work.crew.work(targets, perform, shown, files.step)
            return files.finish(_concluded(manifest, report))


def _kept(path: Path, work: Work, call: Call[bytes], remote: Remote | None) -> tuple[Export, Perform]:
    """The files of an export, and what writes to them."""
    if remote is None:
        file = ExportFile(path)
        return file, work.near(call, file.append)
    folder = ExportFolder(path, lambda count: work.size(count, _LINES))
    return folder, remote.write(folder.path_of, folder.note)


def _delete(organisation: str, options: RequestOptions, api: AISessionsApi, session_id: str) -> None:
    api.delete_ai_session(organisation, session_id, **options)


def _extend(
    organisation: str, request: ExtendAISessionRequest, options: RequestOptions, api: AISessionsApi, session_id: str
) -> None:
    api.extend_ai_session(organisation, session_id, request, **options)


def _get(organisation: str, options: RequestOptions, api: AISessionsApi, session_id: str) -> GetAISession200Response:
    return api.get_ai_session(organisation, session_id, **options)


def _line(organisation: str, options: RequestOptions, api: AISessionsApi, session_id: str) -> bytes:
    return line_of(session_id, api.get_ai_session_with_http_info(organisation, session_id, **options))


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
