"""The command that imports an export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantcdn.cli._bulk import GOES_ON, exit_of, told
from quantcdn.cli._connection import Connection, command
from quantcdn.cli._exits import Exit, Failure
from quantcdn.cli._help import MANY
from quantcdn.cli._output import Output
from quantcdn.cli._parameters import Workers, not_blank
from quantcdn.cli._sessions import sessions

if TYPE_CHECKING:
    from quantcdn.bulk import Result


@command(
    sessions,
    """Make the sessions of an export again, in this organisation.

    The service gives them new ids and times of its own. Which session became which is written, and stands in
    FILE.imported.jsonl. Where it ends before its time, the same command goes on from there, and sends nothing twice.
    """,
    ["quantcdn sessions import -- sessions.jsonl", "quantcdn sessions import --user user-12345 -- sessions.jsonl"],
    MANY,
    name="import",
)
def import_(
    connection: Connection,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file that export wrote.")],
    user: Annotated[
        str | None,
        typer.Option(metavar="ID", parser=not_blank, help="Whose the sessions are that do not say it themselves."),
    ] = None,
    workers: Workers = 4,
    output: Output = None,
) -> Exit | None:
    from quantcdn import AISessionsApi, bulk

    if path.is_dir():  # also where the argument is empty
        raise Failure(Exit.USAGE, f"{path} is a directory: give a file")
    sent: set[str | None] = set()

    class Noting(AISessionsApi):
        """The operations, which note the sessions that this run makes or goes on with, also one that is interrupted."""

        def create_ai_session(self, *arguments: Any, **options: Any) -> Any:
            created = super().create_ai_session(*arguments, **options)
            sent.add(created.session_id)
            return created

        def update_ai_session(self, organisation: str, session_id: str, *arguments: Any, **options: Any) -> Any:
            sent.add(session_id)
            return super().update_ai_session(organisation, session_id, *arguments, **options)

    def is_before(result: "Result") -> bool:
        return result.outcome == "done" and result.new_id not in sent

    how: Any = {"user_id": user, "workers": workers, "progress": not connection.quiet}
    with connection.open() as (api, organisation):
        report = told(
            connection,
            lambda: bulk.import_(Noting(api.api_client), organisation, path, **how),
            ("id", "outcome", "new_id"),
            output,
            "imported",
            is_before,
            f"Interrupted. {GOES_ON}",
        )
    if report.results:
        connection.tell("Not carried over: ids, times, and what create and update do not take.")
        connection.tell(f"Which session became which stands in {path}.imported.jsonl.")
        if not report.failures and any(map(is_before, report.results)):
            connection.tell("To import all of them once more, move that file away.")
    return exit_of(report.failures, len(report.results))
