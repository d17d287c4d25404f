"""The commands that carry out one operation each."""

import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from quantcdn._show.visible import visible
from quantcdn.cli import _completion as completion
from quantcdn.cli._connection import Connection, command, read_text
from quantcdn.cli._exits import Exit, Failure, say, writing
from quantcdn.cli._help import SERVED, WRITES
from quantcdn.cli._output import Form, Output, Record, prepared, write_record, write_records, write_session
from quantcdn.cli._parameters import Group, Model, SessionId, User, column_names, json_object, not_blank

COLUMNS = ("id", "title", "updated_at", "model", "created_at")

sessions = typer.Typer(help="List, read and change sessions.", no_args_is_help=True, rich_markup_mode=None)


class Role(str, Enum):
    """Who wrote a message."""

    USER = "user"
    ASSISTANT = "assistant"


class Status(str, Enum):
    """The state of a session."""

    ACTIVE = "active"
    COMPLETED = "completed"


@command(
    sessions,
    "List the active sessions, without their messages. The filters combine.",
    [
        "quantcdn sessions list --group shop",
        "quantcdn sessions list --output csv --columns id,title > sessions.csv",
    ],
    SERVED,
    name="list",
)
def list_(
    connection: Connection,
    user: User = None,
    group: Group = None,
    model: Model = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most.", show_default="all")] = None,
    columns: Annotated[
        Any,
        typer.Option(
            metavar="NAMES",
            parser=column_names,
            autocompletion=completion.columns,
            help=f"What to write of each: fields, in this order. [default of tables and CSV: {','.join(COLUMNS)}]",
        ),
    ] = None,
    output: Output = None,
) -> None:
    from quantcdn import iter_ai_sessions

    with connection.open() as (api, organisation):
        found = iter_ai_sessions(
            api,
            organisation,
            user_id=user,
            session_group=group,
            model=model,
            page_size=min(limit or 100, 100),
        )
        records = (session.to_dict() for session in islice(found, limit))
        write_records(_narrowed(records, columns) if columns else records, columns or COLUMNS, output)


@command(
    sessions,
    "Show a session with its messages.",
    ['quantcdn sessions show -- "$session"', 'quantcdn sessions show --output json -- "$session" > session.json'],
    SERVED,
)
def show(connection: Connection, session_id: SessionId, output: Output = None) -> None:
    with connection.open() as (api, organisation):
        session = api.get_ai_session(organisation, session_id)
    write_session(session.to_dict(), output)


@command(
    sessions,
    "Create a session, and write its id.",
    [
        "session=$(quantcdn sessions create --user user-7 --group shop)",
        'quantcdn sessions create --user user-7 --system "Be short." --output json',
    ],
    WRITES,
)
def create(
    connection: Connection,
    user: Annotated[
        str,
        typer.Option(
            metavar="ID",
            parser=not_blank,
            autocompletion=completion.users,
            help="The user of yours whose session it is.",
        ),
    ],
    group: Annotated[
        str | None,
        typer.Option(metavar="NAME", parser=not_blank, autocompletion=completion.groups, help="The group it is in."),
    ] = None,
    minutes: Annotated[int, typer.Option(min=5, max=1440, help="After how many minutes it expires.")] = 60,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="A message of the system to begin with.")] = None,
    metadata: Annotated[
        Any, typer.Option(metavar="JSON", parser=json_object, help="A JSON object to keep with it.")
    ] = None,
    output: Annotated[
        Form | None,
        typer.Option("--output", "-o", help="The form of the whole answer. Without it, only the id is written."),
    ] = None,
) -> None:
    from quantcdn import CreateAISessionRequest

    with connection.open() as (api, organisation), writing():
        created = api.create_ai_session(
            organisation,
            CreateAISessionRequest.model_validate(
                {
                    "userId": user,
                    "sessionGroup": group,
                    "expirationMinutes": minutes,
                    "metadata": metadata,
                    "initialMessages": None if system is None else [{"role": "system", "content": system}],
                }
            ),
        )
    if output is not None:
        write_record(created.to_dict(), output)
    elif created.session_id:
        prepared()
        print(visible(created.session_id))
    else:
        raise Failure(Exit.OUTCOME_UNKNOWN, "The service did not say the id of the session, which it may have created")


@command(
    sessions,
    "Append a message to a session. It is sent once: where its outcome is unknown, the exit code says so.",
    [
        'quantcdn sessions append --message "Hello" -- "$session"',
        'date | quantcdn sessions append --role assistant --tokens 9 -- "$session"',
    ],
    WRITES,
)
def append(
    connection: Connection,
    session_id: SessionId,
    message: Annotated[
        str | None, typer.Option("--message", "-m", metavar="TEXT", help="The message. [default: standard input]")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file that holds the message instead.")] = None,
    role: Annotated[Role, typer.Option(help="Who wrote it.")] = Role.USER,
    tokens: Annotated[int | None, typer.Option(help="How many tokens to add to the total of the session.")] = None,
    output: Output = None,
) -> None:
    from quantcdn import UpdateAISessionRequest

    if message is not None and file is not None:
        raise Failure(Exit.USAGE, "Give --message or --file, not both")
    text = message if message is not None else _from_standard_input() if file is None else read_text(file)
    if not text:
        raise Failure(Exit.USAGE, "The message is empty")
    with connection.open() as (api, organisation), writing():
        updated = api.update_ai_session(
            organisation,
            session_id,
            UpdateAISessionRequest.model_validate(
                {"newMessages": [{"role": role.value, "content": text}], "tokensUsed": tokens}
            ),
        )
    write_record(updated.to_dict(), output)


@command(
    sessions,
    "Change a session: its status, its metadata, its count of tokens. It is sent once: where its outcome is unknown, "
    "the exit code says so.",
    [
        'quantcdn sessions update --status completed -- "$session"',
        """quantcdn sessions update --metadata '{"ticket": 7}' -- "$session\"""",
    ],
    WRITES,
)
def update(
    connection: Connection,
    session_id: SessionId,
    status: Annotated[Status | None, typer.Option(help="The state to put it in.")] = None,
    metadata: Annotated[
        Any, typer.Option(metavar="JSON", parser=json_object, help="A JSON object to keep in place of its metadata.")
    ] = None,
    tokens: Annotated[int | None, typer.Option(help="How many tokens to add to its total.")] = None,
    output: Output = None,
) -> None:
    from quantcdn import UpdateAISessionRequest

    if status is None and metadata is None and tokens is None:
        raise Failure(Exit.USAGE, "Give --status, --metadata or --tokens")
    with connection.open() as (api, organisation), writing():
        updated = api.update_ai_session(
            organisation,
            session_id,
            UpdateAISessionRequest.model_validate(
                {"status": status and status.value, "metadata": metadata, "tokensUsed": tokens}
            ),
        )
    write_record(updated.to_dict(), output)


def _narrowed(records: Iterable[Record], columns: Sequence[str]) -> Iterable[Record]:
    """The sessions with these fields alone, unless one is neither of the contract nor in any of them."""
    from quantcdn import ListAISessions200ResponseInner

    known = dict.fromkeys(ListAISessions200ResponseInner.model_fields)
    if not known.keys() >= {*columns}:
        records = list(records)  # only all of them tell what the service has sent
        known |= dict.fromkeys(name for record in records for name in record)
    unknown = [name for name in columns if name not in known]
    if unknown and records:
        raise Failure(Exit.USAGE, f"No session has {', '.join(unknown)}. There are the columns {', '.join(known)}")
    return ({name: record[name] for name in columns if name in record} for record in records)


def _from_standard_input() -> str:
    if sys.stdin.isatty():
        say("Type the message, and end it with Ctrl-D on a line of its own.")
    return read_text(None)
