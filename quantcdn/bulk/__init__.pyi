# Written by test/stubs.py from the module beside it, for editors and type checkers.
"""Delete, extend, get or export many sessions, and import an export.

The first four choose the sessions in the same way, and take down their ids before they begin, so that deleting skips
none. A bounded number of calls is under way at a time. A session that fails stops nothing: each has its `Result`.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures._base import Executor
from datetime import timedelta
from os import PathLike
from quantcdn._wire.call import RequestOptions
from quantcdn.api.ai_sessions_api import AISessionsApi
from quantcdn.bulk._export import Manifest
from quantcdn.bulk._export import Part
from quantcdn.bulk._report import Interrupted
from quantcdn.bulk._report import Outcome
from quantcdn.bulk._report import Report
from quantcdn.bulk._report import Result
from quantcdn.bulk._selection import Selection
from quantcdn.models.get_ai_session200_response import GetAISession200Response
from typing_extensions import Unpack

__all__ = [
    "Interrupted",
    "Manifest",
    "Outcome",
    "Part",
    "Report",
    "Result",
    "Selection",
    "delete",
    "export",
    "extend",
    "get",
    "import_",
]

def delete(
    api: AISessionsApi,
    organisation: str,
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
    executor: Executor | None = None,
    everything: bool = False,
    **options: Unpack[RequestOptions],
) -> Report:
    """Delete the sessions with these ids, or the active ones that these filters choose. Filters combine.

    A session that is used between the listing and its turn is deleted all the same.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        everything: delete all that are active, where there is neither a filter nor an id.
        session_ids: the ids, instead of filters. One that comes twice counts once.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago, by the clock of the service (the ``Date`` of
            its answers; without one, by this machine's). One that was never updated is never idle, nor is one whose
            last update is before the year 2000 or before its creation.
        dry_run: change and write nothing, and tell what would be done.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        executor: what does the work instead of threads of this process: a process pool, say, or
            ``Client.get_executor()`` of a Dask cluster. Sessions travel to its workers in batches, of which `workers`
            are under way at a time, each one call after another. The configuration travels too, with its token.
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

def export(
    api: AISessionsApi,
    organisation: str,
    path: str | PathLike[str],
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
    executor: Executor | None = None,
    **options: Unpack[RequestOptions],
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
        session_ids: the ids, instead of filters. One that comes twice counts once.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago, by the clock of the service (the ``Date`` of
            its answers; without one, by this machine's). One that was never updated is never idle, nor is one whose
            last update is before the year 2000 or before its creation.
        dry_run: change and write nothing, and tell what would be done.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        executor: what does the work instead of threads of this process: a process pool, say, or
            ``Client.get_executor()`` of a Dask cluster. Sessions travel to its workers in batches, of which `workers`
            are under way at a time, each one call after another. The configuration travels too, with its token.
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
    executor: Executor | None = None,
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
        idle_for: only sessions whose last update is at least so long ago, by the clock of the service (the ``Date`` of
            its answers; without one, by this machine's). One that was never updated is never idle, nor is one whose
            last update is before the year 2000 or before its creation.
        dry_run: change and write nothing, and tell what would be done.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        executor: what does the work instead of threads of this process: a process pool, say, or
            ``Client.get_executor()`` of a Dask cluster. Sessions travel to its workers in batches, of which `workers`
            are under way at a time, each one call after another. The configuration travels too, with its token.
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

def get(
    api: AISessionsApi,
    organisation: str,
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
    executor: Executor | None = None,
    **options: Unpack[RequestOptions],
) -> Iterator[GetAISession200Response]:
    """Go through the sessions with these ids, or the active ones that these filters choose, each with its messages.

    They are listed when the first one is due, and come in the order in which their answers do. Few are kept at a time:
    where you take your time, no more are asked for. Leaving the loop waits for the calls that are under way.

    A session that is gone when it is asked for does not come. One that cannot be had is raised, which ends the loop;
    with an `on_result`, which is told of it, the loop goes on without it.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        session_ids: the ids, instead of filters. One that comes twice counts once.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago, by the clock of the service (the ``Date`` of
            its answers; without one, by this machine's). One that was never updated is never idle, nor is one whose
            last update is before the year 2000 or before its creation.
        dry_run: change and write nothing, and tell what would be done.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        executor: what does the work instead of threads of this process: a process pool, say, or
            ``Client.get_executor()`` of a Dask cluster. Sessions travel to its workers in batches, of which `workers`
            are under way at a time, each one call after another. The configuration travels too, with its token.
        **options: see `RequestOptions`. They hold for each call, `_request_timeout` too.

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

def import_(
    api: AISessionsApi,
    organisation: str,
    path: str | PathLike[str],
    *,
    user_id: str | None = None,
    workers: int = 4,
    progress: bool = False,
    on_result: Callable[[Result], object] | None = None,
    **options: Unpack[RequestOptions],
) -> Report:
    """Make the sessions of an export again, in this organisation, by create and update.

    What these two take is carried over: user, group, metadata, messages, tokens, whether it is completed, and how long
    it is still to live. The service gives new ids and times of its own, and nothing else is carried over. A session
    that has expired by now lives for as long as the service chooses.

    What became of each stands in ``<path>.imported.jsonl``, for each server and organisation. Where something is
    missing, the same call goes on where the last one ended: what is done is not done again, and nothing is sent twice.
    Where the outcome of a request is unknown, the session is not tried again: look whether it is there. If it is not,
    remove its lines from that file; if it is, add one like them that says ``done``.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        path: the file that `export` wrote.
        user_id: whose the sessions are that do not say it themselves.
        workers: how many sessions at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        **options: see `RequestOptions`. They hold for each call, `_request_timeout` too.

    Returns:
        the report, with a result for each session, in the order of the file; `Result.new_id` is what each became.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiTypeError: an argument is of the wrong type. Nothing was sent.
        ApiValueError: an argument is not valid, or a line of the file is no session. Nothing was sent.
        BlockingIOError: another import of the file is at work. Nothing was sent.
        PermissionError: ``<path>.imported.jsonl`` is not ours alone. Nothing was sent.
        OSError: the file could not be read, or that one not be written.
        Interrupted: Ctrl-C was pressed.
    """
