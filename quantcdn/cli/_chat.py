"""A conversation on the terminal: the model is a command of the user's, and the service keeps the turns."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from quantcdn._show.visible import visible
from quantcdn.cli import _completion as completion
from quantcdn.cli._connection import Connection, command, decoded
from quantcdn.cli._exits import Exit, Failure, say, writing
from quantcdn.cli._help import WRITES
from quantcdn.cli._output import prepared
from quantcdn.cli._parameters import not_blank
from quantcdn.cli._sessions import sessions

if TYPE_CHECKING:
    from quantcdn import AISessionsApi, Conversation


@command(
    sessions,
    "Talk with a model, and keep the turns in a session.\n\nEach line that is read is a turn.",
    [
        "quantcdn sessions chat --infer 'echo Hi' -- \"$session\"",
        "echo Hello | quantcdn sessions chat --new --user user-7 --infer 'echo Hi'",
    ],
    WRITES,
)
def chat(
    connection: Connection,
    infer: Annotated[
        str,
        typer.Option(
            metavar="COMMAND",
            help="The model: a command of the shell. It reads the messages from standard input, as a JSON array, "
            "and writes its reply to standard output.",
        ),
    ],
    session_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", autocompletion=completion.session_ids, help="The session to go on with."),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a session instead, with --user.")] = False,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            parser=not_blank,
            autocompletion=completion.users,
            help="The user of yours whose new session it is.",
        ),
    ] = None,
) -> None:
    from quantcdn import Conversation

    for_person = prepared()
    with connection.open() as (api, organisation):
        conversation = None
        if session_id is not None and user is None and not new:
            conversation = Conversation.resume(api, organisation, session_id)
            _say_which(connection, conversation)
        elif not new or user is None or session_id is not None:
            raise Failure(Exit.USAGE, "Give the id of a session, or --new and --user")
        for text in _lines():
            try:
                if conversation is None:
                    conversation, reply = _opened(api, organisation, cast("str", user), text, infer)
                    _say_which(connection, conversation)
                else:
                    reply = _turn(conversation, text, infer)
            except Failure as failure:
                if failure.code is not Exit.FAILED or not sys.stdin.isatty():
                    raise
                say(str(failure))
            else:
                print(visible(reply, multiline=True) if for_person else reply, flush=True)


def _say_which(connection: Connection, conversation: "Conversation") -> None:
    connection.tell(f"Session {conversation.session_id}, messages: {len(conversation.messages)}")


def _opened(api: "AISessionsApi", organisation: str, user: str, text: str, infer: str) -> "tuple[Conversation, str]":
    """A new session that holds its first turn, and the reply. Where the model has none, no session is left behind."""
    from quantcdn import Conversation

    model = _Model(infer)
    with writing(lambda: model.replied):
        reply = model([{"role": "user", "content": text}])
        conversation = Conversation.open(
            api,
            organisation,
            user_id=user,
            initial_messages=[{"role": "user", "content": text}, {"role": "assistant", "content": reply}],
        )
    return conversation, reply


def _turn(conversation: "Conversation", text: str, infer: str) -> str:
    model = _Model(infer)
    with writing(lambda: model.replied):
        return conversation.turn(text, model)


def _lines() -> Iterator[str]:
    """The lines of standard input that are not blank; where a person types them, with a prompt."""
    if not sys.stdin.isatty():
        lines = (decoded(line, "Standard input") for line in sys.stdin.buffer)
        yield from (line for line in lines if line.strip())
        return
    with suppress(ImportError):
        import readline as readline  # gives input() its editing keys; not every system has it
    # With standard output elsewhere, input() would write the prompt into the data.
    prompt = "> " if sys.stdout.isatty() else ""
    try:
        while True:
            if (line := input(prompt)).strip():
                yield line
    except EOFError:
        say("")  # what follows begins on a line of its own
    except UnicodeDecodeError:
        raise Failure(Exit.FAILED, f"What was typed is no text in {sys.stdin.encoding}") from None


class _Model:
    """What replies: a command of the shell, run anew for each turn.

    Attributes:
        replied: whether it did.
    """

    def __init__(self, infer: str) -> None:
        self._command = infer
        self.replied = False

    def __call__(self, messages: list[dict[str, Any]]) -> str:
        run = subprocess.run(
            self._command, shell=True, input=json.dumps(messages).encode(), stdout=subprocess.PIPE, check=False
        )
        if run.returncode != 0:
            raise Failure(Exit.FAILED, f"--infer ended with exit code {run.returncode}: nothing was stored")
        try:
            reply = run.stdout.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            raise Failure(Exit.FAILED, "--infer wrote no text in UTF-8: nothing was stored") from None
        if not reply:
            raise Failure(Exit.FAILED, "--infer wrote no reply: nothing was stored")
        self.replied = True
        return reply
