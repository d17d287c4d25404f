"""The options that all commands of the service share, and how a function that takes them becomes a command."""

import inspect
import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeAlias

import typer

from quantcdn import environment
from quantcdn.cli._exits import Exit, Failure, reporting, say

if TYPE_CHECKING:
    from quantcdn import AISessionsApi, Configuration

P = ParamSpec("P")


def _otherwise(names: tuple[str, ...]) -> str:
    return f"[else: {', '.join(names)}]"


@dataclass(frozen=True)
class Connection:
    """How to reach the service. No option holds a token, which a list of processes or a shell's history would show."""

    organisation: Annotated[
        str | None,
        typer.Option(
            "--organisation",
            "--organization",
            metavar="ID",
            help=f"The organisation. {_otherwise(environment.ORGANISATION)}",
        ),
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"Where the service is. {_otherwise(environment.BASE_URL)}"),
    ] = None
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"A file that holds the token. {_otherwise(environment.ACCESS_TOKEN)}",
        ),
    ] = None
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long a call may take, with all its attempts.")
    ] = 60
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each attempt to standard error.")] = False

    @cached_property
    def token(self) -> str | None:
        """What the file of the token holds. It may be a pipe, which can be read only once."""
        return None if self.token_file is None else read_text(self.token_file)

    def configuration(self) -> "Configuration":
        """What the options say, and where they say nothing the environment."""
        from quantcdn import Configuration

        return Configuration.from_environment(host=self.base_url, access_token=self.token, timeout=self.timeout)

    @contextmanager
    def open(self) -> "Generator[tuple[AISessionsApi, str], None, None]":
        """A client and the organisation to use it for."""
        from quantcdn import AISessionsApi, ApiClient

        organisation = environment.organisation() if self.organisation is None else self.organisation
        with ApiClient(self.configuration()) as client:
            yield AISessionsApi(client), organisation


Function: TypeAlias = Callable[Concatenate[Connection, P], Exit | None]


def command(group: typer.Typer, name: str | None = None) -> Callable[[Function[P]], Callable[..., None]]:
    """Make a function a command of a group: to its own parameters come the options of `Connection`.

    It returns the exit code, where that is not the one of success.
    """

    def decorate(function: Function[P]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]
        shared = inspect.signature(Connection).parameters
        call: Callable[..., Exit | None] = function

        def run(**values: Any) -> None:
            with reporting():
                connection = Connection(**{name: values.pop(name) for name in shared})
                if connection.verbose:
                    _log()
                code = call(connection, **values)
            sys.exit(code)

        # What Typer reads a command from.
        parameters = [*own, *shared.values()]
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        vars(run)["__signature__"] = inspect.Signature(
            [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        )
        group.command(name)(run)
        return run

    return decorate


class _Said(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def _log() -> None:
    logger = logging.getLogger("quantcdn")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(_Said())


def read_text(path: Path | None) -> str:
    """The text in a file, or on standard input, without the line break at its end."""
    content = sys.stdin.buffer.read() if path is None else path.read_bytes()
    return decoded(content, str(path or "Standard input"))


def decoded(content: bytes, source: str) -> str:
    """The text that bytes stand for in UTF-8, without the line break at its end."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Failure(Exit.FAILED, f"{source} holds no text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")
