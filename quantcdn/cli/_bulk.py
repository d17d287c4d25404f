"""The commands that work on many sessions."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantcdn._show.covered import ACTIVE
from quantcdn._show.visible import visible
from quantcdn.cli._connection import Connection, command
from quantcdn.cli._exits import Exit, Failure, code_of, say, text_of, writing
from quantcdn.cli._help import MANY, SERVED
from quantcdn.cli._output import Output, write_record, write_records
from quantcdn.cli._parameters import Group, IdleFor, IdsFrom, Model, SessionIds, User, Workers, choose, ids_in
from quantcdn.cli._sessions import sessions
from quantcdn.exceptions import problem_of

if TYPE_CHECKING:
    from quantcdn.bulk import Report, Result

GOES_ON = "The same command goes on from there."
_PLANNED = ("id", "title", "updated_at", "model")
_DELETED = ("id", "outcome", "title", "updated_at", "model")
_EXPORTED = {"covers", "complete", "counts", "gone", "size", "sha256"}
_BEFORE = "done_before"
"""The outcome, in a row, of what an earlier run has done."""
_BEFORE_ANYTHING = "Interrupted, before anything was done."
_WORDS = {
    "gone": "gone already",
    "planned": "to be deleted",
    "unknown": "of unknown outcome",
    "not_tried": "not tried",
}


@command(
    sessions,
    "Delete sessions with their messages. It does not ask. By filters, and to look first, there is prune.",
    [
        'quantcdn sessions delete -- "$session"',
        "quantcdn sessions list --user user-7 | quantcdn sessions delete --ids-from -",
    ],
    MANY,
)
def delete(
    connection: Connection,
    session_ids: SessionIds = None,
    ids_from: IdsFrom = None,
    workers: Workers = 4,
    output: Output = None,
) -> Exit | None:
    from quantcdn import bulk

    choose(
        [{"An ID": session_ids}, {"--ids-from": ids_from}],
        "ids, or a file of them with --ids-from; filters are for prune",
    )
    ids = (session_ids or []) if ids_from is None else ids_in(ids_from)
    progress = len(ids) > 1 and not connection.quiet
    with connection.open() as (api, organisation):
        report = told(
            connection,
            lambda: bulk.delete(api, organisation, session_ids=ids, workers=workers, progress=progress),
            _DELETED[:2],
            output,
        )
    missing = [result for result in report.results if result.outcome == "gone"]
    return exit_of([*report.failures, *missing], len(report.results))


@command(
    sessions,
    """Move the expiry of a session, or of many.

    Each is sent once: where its outcome is unknown, the exit code says so. Of one session, the answer is written.
    """,
    [
        'quantcdn sessions extend --minutes 30 -- "$session"',
        "quantcdn sessions extend --group shop --minutes 30",
    ],
    MANY,
)
def extend(
    connection: Connection,
    session_ids: SessionIds = None,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How many minutes to add to its expiry.")] = 60,
    ids_from: IdsFrom = None,
    idle_for: IdleFor = None,
    user: User = None,
    group: Group = None,
    model: Model = None,
    workers: Workers = 4,
    output: Output = None,
) -> Exit | None:
    from quantcdn import bulk

    filters = {"idle_for": idle_for, "user_id": user, "session_group": group, "model": model}
    filters = {name: value for name, value in filters.items() if value is not None}
    choose(
        [
            {"An ID": session_ids},
            {"--ids-from": ids_from},
            {"--idle-for": idle_for, "--user": user, "--group": group, "--model": model},
        ],
        "the id of a session, or --ids-from, or --idle-for, --user, --group or --model",
    )
    if session_ids and len(session_ids) == 1:
        with connection.open() as (api, organisation), writing():
            extended = api.extend_ai_session(organisation, session_ids[0], {"additionalMinutes": minutes})
        write_record(extended.to_dict(), output)
        return None
    chosen: Any = filters or {"session_ids": session_ids if ids_from is None else ids_in(ids_from)}
    with connection.open() as (api, organisation):
        report = told(
            connection,
            lambda: bulk.extend(api, organisation, minutes, workers=workers, progress=not connection.quiet, **chosen),
            _DELETED if filters else _DELETED[:2],
            output,
            "extended",
        )
    if filters:
        connection.tell(f"Covered: {ACTIVE}.")
    missing = [result for result in report.results if result.outcome == "gone"]
    return exit_of([*report.failures, *([] if filters else missing)], len(report.results))


@command(
    sessions,
    f"""List the sessions that filters choose; --yes deletes them.

    The filters combine. They cover {ACTIVE}.
    """,
    [
        "quantcdn sessions prune --idle-for 2d --group shop",
        "quantcdn sessions prune --idle-for 2d --group shop --yes",
    ],
    MANY,
)
def prune(
    connection: Connection,
    idle_for: IdleFor = None,
    user: User = None,
    group: Group = None,
    model: Model = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All active sessions, instead of those that a filter chooses.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete them. Without it, they are only listed.")] = False,
    workers: Workers = 4,
    output: Output = None,
) -> Exit | None:
    from quantcdn import bulk

    choose(
        [{"--everything": everything}, {"--idle-for": idle_for, "--user": user, "--group": group, "--model": model}],
        "--idle-for, --user, --group or --model, or else --everything, which is all active sessions",
    )
    with connection.open() as (api, organisation):
        report = told(
            connection,
            lambda: bulk.delete(
                api,
                organisation,
                user_id=user,
                session_group=group,
                model=model,
                idle_for=idle_for,
                everything=everything,
                dry_run=not yes,
                workers=workers,
                progress=yes and not connection.quiet,
            ),
            _DELETED if yes else _PLANNED,
            output,
        )
    connection.tell(f"Covered: {ACTIVE}.")
    if not yes and report.results:
        connection.tell("Nothing was deleted: --yes does it.")
    return exit_of(report.failures, len(report.results))  # one that was gone already is what was asked for


@command(
    sessions,
    """Write sessions with their messages to a file of JSON Lines.

    All active ones, or those that the filters choose together, or those with the ids of --ids-from. Completed sessions
    are not listed by the service: only ids cover them. A manifest stands beside the file. Where it ends before its
    time, the same command goes on from there.
    """,
    [
        "quantcdn sessions export --group shop -- shop.jsonl",
        'echo "$session" | quantcdn sessions export --ids-from - -- one.jsonl',
    ],
    (*SERVED, Exit.PARTLY_FAILED),
)
def export(
    connection: Connection,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    idle_for: IdleFor = None,
    user: User = None,
    group: Group = None,
    model: Model = None,
    ids_from: IdsFrom = None,
    workers: Workers = 4,
    output: Output = None,
) -> Exit | None:
    from quantcdn import bulk

    if path.is_dir():  # also where the argument is empty
        raise Failure(Exit.USAGE, f"{path} is a directory: give a file")
    if ids_from is not None:
        filters = {"--idle-for": idle_for, "--user": user, "--group": group, "--model": model}
        choose([{"--ids-from": ids_from}, filters], "either, or neither for all active sessions")
    ids = None if ids_from is None else ids_in(ids_from)
    failures: list[Result] = []

    def note(result: "Result") -> None:
        if result.error is not None:
            failures.append(result)

    with connection.open() as (api, organisation):
        try:
            manifest = bulk.export(
                api,
                organisation,
                path,
                session_ids=ids,
                user_id=user,
                session_group=group,
                model=model,
                idle_for=idle_for,
                workers=workers,
                progress=not connection.quiet,
                on_result=note,
            )
        except bulk.Interrupted as interruption:
            if not interruption.report.results:
                raise KeyboardInterrupt(_BEFORE_ANYTHING) from None
            done = interruption.report.counts.get("done", 0)
            raise KeyboardInterrupt(
                f"Interrupted: {done} of {len(interruption.report.results)} sessions stand in the file. {GOES_ON}"
            ) from None
    say_failures(failures)
    write_record({"file": str(path), **manifest.model_dump(include=_EXPORTED)}, output)
    connection.tell(f"Covered: {manifest.covers}.")
    return exit_of(failures, len(manifest.session_ids))


def told(
    connection: Connection,
    work: "Callable[[], Report]",
    columns: Sequence[str],
    output: Output,
    done: str = "deleted",
    is_before: "Callable[[Result], bool]" = lambda _: False,
    interrupted: str = "Interrupted.",
) -> "Report":
    """The report of a piece of work, once it is told; also that of one that is interrupted.

    Args:
        done: what was done, in a word.
        is_before: whether a result is of an earlier run, which the report may tell too.
        interrupted: what to say last where the work was interrupted.
    """
    from quantcdn.bulk import Interrupted

    try:
        report = work()
    except Interrupted as interruption:
        if not interruption.report.results:
            raise KeyboardInterrupt(_BEFORE_ANYTHING) from None
        with suppress(BrokenPipeError):  # Ctrl-C has ended the reader too, as in `| tee`
            _tell(connection, interruption.report, columns, output, done, is_before)
        raise KeyboardInterrupt(interrupted) from None
    _tell(connection, report, columns, output, done, is_before)
    return report


def _tell(
    connection: Connection,
    report: "Report",
    columns: Sequence[str],
    output: Output,
    done: str,
    is_before: "Callable[[Result], bool]",
) -> None:
    before = {result.session_id for result in report.results if is_before(result)}
    records = ({**_record(it), **({"outcome": _BEFORE} if it.session_id in before else {})} for it in report.results)
    try:
        write_records(records, columns, output)
    finally:  # what was done is said also where it cannot be written
        say_failures(report.failures)
        words = {**_WORDS, "done": done}
        found = {words.get(outcome, outcome): count for outcome, count in report.counts.items()}
        if before:
            found |= {done: found[done] - len(before), f"{done} before": len(before)}
        counts = (f"{count} {what}" for what, count in found.items() if count)
        connection.tell(f"Sessions: {', '.join(counts) or 'none'}.")


def _record(result: "Result") -> dict[str, Any]:
    record = {"id": result.session_id, "outcome": result.outcome}
    if result.new_id is not None:
        record["new_id"] = result.new_id
    listed = {} if result.session is None else result.session.to_dict()
    return {**listed, **record, **({} if result.error is None else {"error": text_of(result.error, problem_of)})}


def say_failures(results: "Sequence[Result]") -> None:
    for result in results:
        if result.error is not None:
            say(f"{visible(result.session_id)}: {text_of(result.error, problem_of)}")


def exit_of(failures: "Sequence[Result]", total: int) -> Exit | None:
    """The exit code where some of the sessions failed: that of the failure only where none went well."""
    if not failures:
        return None
    if len(failures) < total:
        return Exit.PARTLY_FAILED
    first = failures[0]
    if first.outcome == "gone":
        return Exit.NOT_FOUND
    if first.outcome == "unknown":
        return Exit.OUTCOME_UNKNOWN
    return Exit.FAILED if first.error is None else code_of(first.error) or Exit.FAILED
