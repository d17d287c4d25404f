"""The app: what its commands are."""

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from quantcdn._show.visible import visible
from quantcdn._version import __version__
from quantcdn.cli import _bulk as _bulk
from quantcdn.cli import _chat as _chat
from quantcdn.cli import _erase as _erase
from quantcdn.cli import _import as _import
from quantcdn.cli._configure import CONFIGURED, configure
from quantcdn.cli._configure import listed as profiles
from quantcdn.cli._connection import (
    BaseUrl,
    Connection,
    Organisation,
    ProfileName,
    Quiet,
    Retries,
    Timeout,
    TokenFile,
    Verbose,
    command,
)
from quantcdn.cli._doctor import CHECKED, doctor
from quantcdn.cli._help import LOCAL, MANY, SERVED, Root, ending
from quantcdn.cli._sessions import sessions

app = typer.Typer(
    cls=Root,
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


@app.callback(
    help="""QuantCDN's AI sessions, on the command line.

    The options here stand before the command, and its own between it and its arguments.
    """,
    epilog=ending(["quantcdn configure", "quantcdn --profile staging sessions list"], MANY),
)
def quantcdn(
    context: typer.Context,
    profile: ProfileName = None,
    organisation: Organisation = None,
    base_url: BaseUrl = None,
    token_file: TokenFile = None,
    timeout: Timeout = 60,
    retries: Retries = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version, and exit.")
    ] = False,
) -> None:
    log = os.environ.get("QUANTCDN_LOG", "").strip().lower()
    if log not in ("", "debug"):
        raise typer.BadParameter(f"it must be debug, not {log!r}", param_hint="QUANTCDN_LOG")
    is_logged = verbose or log == "debug"
    context.obj = Connection(profile, organisation, base_url, token_file, timeout, retries, is_logged, quiet)


app.add_typer(sessions, name="sessions")
command(
    app,
    CONFIGURED,
    ["quantcdn configure", "quantcdn --profile staging --organisation acme --token-file token configure"],
    LOCAL,
)(configure)
app.add_typer(profiles, name="profiles")
command(app, CHECKED, ["quantcdn doctor", "quantcdn --profile staging doctor"], SERVED)(doctor)


class _AsItStands(TyperCommand):
    """A command with a parser of its own, to which each argument matters, ``--`` too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = args
        return []


@app.command(
    cls=_AsItStands, help="Run a sandbox: the service, on this machine, to try things on.", add_help_option=False
)
def sandbox(context: typer.Context) -> None:
    from quantcdn.sandbox.__main__ import main

    before: Any = context.parent
    for option in before.command.params:
        if option.name not in ("quiet", "organisation") and _source_of(before, option) == "COMMANDLINE":
            before.fail(
                f"{option.opts[0]} has no meaning for the sandbox: before it stand --organisation and --quiet alone, "
                "and its own options after it, as quantcdn sandbox --help says"
            )
    connection: Connection = context.obj
    quiet = ["--quiet"] if connection.quiet else []
    organisation = [] if connection.organisation_id is None else ["--organisation", connection.organisation_id]
    raise typer.Exit(main([*quiet, *organisation, *context.args], "quantcdn sandbox"))


def _source_of(context: Any, parameter: Any) -> str | None:
    """Where the value of a parameter is from, in Typer's word for it."""
    source = None if context is None else context.get_parameter_source(parameter.name)
    return None if source is None else source.name


_UsageError: Any = typer.BadParameter.__base__  # Typer names only one of its kinds


def run(arguments: Sequence[str]) -> int:
    """Run the command that these arguments name, and return its exit code.

    They are taken as they are: of its own accord, Typer puts files and variables of the environment in place of
    ``*`` and ``%NAME%`` on Windows, also in texts.
    """
    try:
        return app(list(arguments), prog_name="quantcdn", standalone_mode=False) or 0
    except _UsageError as error:
        # It may repeat an argument. Where none of these has a line break, all line breaks are Typer's.
        message = error.message.removeprefix("Value error, ")
        error.message = visible(message, multiline=not any("\n" in argument for argument in arguments))
        if (parameter := getattr(error, "param", None)) is not None:
            parameter.show_envvar = False  # Typer before 0.26 tells of a variable "None"
            if _source_of(error.ctx, parameter) == "ENVIRONMENT":
                error.param_hint = parameter.envvar
        error.show()
        return int(error.exit_code)
