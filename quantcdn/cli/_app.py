"""The app: what its commands are."""

from typing import Annotated

import typer

from quantcdn import __version__
from quantcdn.cli import _bulk as _bulk
from quantcdn.cli import _chat as _chat
from quantcdn.cli._connection import command
from quantcdn.cli._doctor import doctor
from quantcdn.cli._sessions import sessions

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    # What nobody expects is a mistake in the package. Python's own traceback shows no values of variables.
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"quantcdn {__version__}")
        raise typer.Exit


@app.callback()
def quantcdn(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version, and exit.")
    ] = False,
) -> None:
    """QuantCDN's AI sessions, on the command line."""


app.add_typer(sessions, name="sessions")
command(app)(doctor)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def sandbox(context: typer.Context) -> None:
    """Run a sandbox: the service, on this machine, to try things on."""
    from quantcdn.sandbox.__main__ import main

    raise typer.Exit(main(context.args, "quantcdn sandbox"))
