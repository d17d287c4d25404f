"""The options of the connection, which stand before the command, and how a function becomes a command.

The arguments of a command often come out of variables, with the texts and ids of others in them. So none of them can
say where the token goes, and none can be read as an option once the first id is there.
"""

import inspect
import logging
import math
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeAlias

import typer
from typer.core import TyperCommand

from quantcdn import environment
from quantcdn._duration import is_duration
from quantcdn.cli import _profiles as profiles
from quantcdn.cli._exits import Exit, Failure, reporting, say
from quantcdn.cli._help import Ending, ending
from quantcdn.cli._profiles import Profile
from quantcdn.environment import Setting

if TYPE_CHECKING:
    from quantcdn import AISessionsApi, Configuration
    from quantcdn._wire.origin import Origin

P = ParamSpec("P")

_PROFILE = ("QUANTCDN_PROFILE",)


def _otherwise(names: tuple[str, ...]) -> str:
    return f"[else: {', '.join(names)}; the profile]"


ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        parser=profiles.profile_name,
        autocompletion=profiles.names_like,
        help="The profile to use, before the environment. [else: QUANTCDN_PROFILE, after it; default]",
    ),
]
Organisation = Annotated[
    str | None,
    typer.Option(
        "--organisation",
        "--organization",
        metavar="ID",
        help=f"The organisation. {_otherwise(environment.ORGANISATION)}",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help=f"Where the service is. {_otherwise(environment.BASE_URL)}"),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help=f"A file that holds the token. {_otherwise(environment.ACCESS_TOKEN)}"),
]


def seconds(text: str) -> float:
    """The number of seconds that a text says, which may be "inf"."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not is_duration(number):
        raise typer.BadParameter(f"it must be a number of seconds above 0, or inf, not {text!r}")
    return number


Timeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        parser=seconds,
        envvar="QUANTCDN_TIMEOUT",
        show_envvar=False,
        help="How long a call may take, with all its attempts. [else: QUANTCDN_TIMEOUT]",
    ),
]
Retries = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="NUMBER",
        envvar="QUANTCDN_RETRIES",
        show_envvar=False,
        help="How many times to send again what may be sent again. [else: QUANTCDN_RETRIES, 2]",
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log each attempt to standard error. [else: QUANTCDN_LOG=debug]")
]

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing on standard error but what is wrong, and show no progress.")
]


@dataclass(frozen=True)
class Connection:
    """How to reach the service. No option holds a token, which a list of processes or a shell's history would show."""

    profile_option: str | None
    organisation_id: str | None
    url: str | None
    token_file: Path | None
    timeout: float
    retries: int | None
    verbose: bool = False
    quiet: bool = False

    @property
    def profile_name(self) -> Setting | None:
        """The name of the profile that is asked for."""
        if self.profile_option is not None:
            return Setting(self.profile_option, "--profile")
        setting = environment.find(_PROFILE)
        if setting is not None:
            try:
                profiles.profile_name(setting.value)
            except typer.BadParameter as error:
                raise Failure(Exit.USAGE, f"{setting.source}: {error.message}") from None
        return setting

    @cached_property
    def profile(self) -> Profile | None:
        """The profile to use.

        Raises:
            Failure: there is none with the name that is asked for, or the profiles cannot be used.
        """
        asked = self.profile_name
        name = asked and asked.value
        try:
            known = profiles.read()
        except PermissionError:
            if name:
                raise
            known = {}  # nor is the home that of this user, then
        if name and name not in known:
            names = ", ".join(known) or "none"
            by = f", which {asked.source} names," if asked and self.profile_option is None else ""
            raise Failure(Exit.USAGE, f"There is no profile {name}{by} in {profiles.location()}. Those there: {names}")
        return known.get(name or profiles.DEFAULT)

    @cached_property
    def token(self) -> Setting | None:
        """The token. The file that an option names is read once: it may be a pipe."""
        if self.token_file is not None:
            return Setting(read_text(self.token_file), str(self.token_file))
        return self._otherwise(environment.ACCESS_TOKEN, Profile.access_token)

    @property
    def organisation(self) -> Setting | None:
        """The organisation."""
        if self.organisation_id is not None:
            return Setting(self.organisation_id, "--organisation")
        return self._otherwise(environment.ORGANISATION, lambda profile: profile.organisation)

    @property
    def base_url(self) -> Setting | None:
        """Where the service is; None for its usual place."""
        if self.url is not None:
            return Setting(self.url, "--base-url")
        return self._otherwise(environment.BASE_URL, lambda profile: profile.base_url)

    def _otherwise(self, names: tuple[str, ...], held: Callable[[Profile], str | None]) -> Setting | None:
        """What the environment says, or the profile: the one that an option names counts first."""

        def of_profile() -> Setting | None:
            profile = self.profile
            value = None if profile is None else held(profile)
            return None if profile is None or value is None else Setting(value, profile.source)

        if self.profile_option is not None:
            return of_profile() or environment.find(names)
        return environment.find(names) or of_profile()

    def configuration(self) -> "Configuration":
        """What the settings say.

        Raises:
            ApiValueError: there is no token, or a setting cannot be used. The message says where it is from.
        """
        from quantcdn import Configuration

        configuration = Configuration(timeout=self.timeout, retries=self.retries)
        base_url, token = self.base_url, needed("access token", environment.ACCESS_TOKEN, self.token)
        self._keep_with_its_server(token, base_url)
        if base_url is not None:
            with environment.blaming(base_url):
                configuration.host = base_url.value
        with environment.blaming(token):
            configuration.access_token = token.value
        return configuration

    def _keep_with_its_server(self, token: Setting, base_url: Setting | None) -> None:
        """Refuse to send the token of a profile to a server that the environment names, and the profile does not."""
        from quantcdn import Configuration

        if base_url is None or base_url.source not in environment.BASE_URL or self.token_file is not None:
            return
        profile = self.profile
        if profile is None or token.source != profile.source:
            return
        own = Setting(profile.base_url or Configuration().host, profile.source)
        if _origin(base_url) != _origin(own):
            raise Failure(
                Exit.USAGE,
                f"The token of the profile {profile.name} is not for the server that {base_url.source} names: give a"
                f" token for that, or say it by --base-url, or unset {base_url.source}",
            )

    def tell(self, text: str) -> None:
        """Tell people how it went, unless they want to hear only of what is wrong."""
        if not self.quiet:
            say(text)

    @contextmanager
    def open(self) -> "Generator[tuple[AISessionsApi, str], None, None]":
        """A client and the organisation to use it for."""
        from quantcdn import AISessionsApi, ApiClient

        organisation = needed("organisation", environment.ORGANISATION, self.organisation)
        refuse_no_organisation(organisation)
        with ApiClient(self.configuration()) as client:
            yield AISessionsApi(client), organisation.value


def refuse_no_organisation(organisation: Setting) -> None:
    """Refuse what cannot name an organisation, by where it is from."""
    from pydantic_core import PydanticCustomError

    from quantcdn._wire.segment import encoded_segment

    try:
        encoded_segment(organisation.value)
    except PydanticCustomError as error:
        problem = str(error).replace("Input", "The organisation", 1)
        raise Failure(Exit.USAGE, f"{organisation.source}: {problem}") from None


def _origin(base_url: Setting) -> "Origin":
    """The server, and where on it the API is: however the URL is written."""
    from quantcdn._wire.origin import origin_of

    with environment.blaming(base_url):
        return origin_of(base_url.value)


def needed(what: str, names: tuple[str, ...], setting: Setting | None) -> Setting:
    """The setting, unless there is none."""
    if setting is None:
        raise Failure(Exit.USAGE, f"{environment.missing(what, names)}. Or keep it in a profile: quantcdn configure")
    return setting


Function: TypeAlias = Callable[Concatenate[Connection, P], Exit | None]


class _OptionsFirst(Ending, TyperCommand):
    """A command whose options stand before its arguments: from the first of these on, there are no more options."""

    allow_interspersed_args = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse, and say why, what would else be an unknown option, be taken for an id, or replace what is meant."""
        if not ctx.resilient_parsing:
            self._check(ctx, iter(args))
        return super().parse_args(ctx, args)

    def _check(self, ctx: Any, args: Iterator[str]) -> None:
        with_value = {
            name: option.name for option in self.params if not getattr(option, "is_flag", True) for name in option.opts
        }
        known = {name for option in self.get_params(ctx) for name in (*option.opts, *option.secondary_opts)}
        given: set[str | None] = set()
        before_command = {name for option in ctx.find_root().command.params for name in option.opts}
        for arg in args:
            if arg == "--":
                return
            if not _is_option(arg):
                late = next(filter(_is_option, args), None)
                if late is not None:
                    example = f"{ctx.command_path} {late} ... {arg}"
                    ctx.fail(
                        f"{late} stands after {arg}: options come first, as in: {example}; "
                        "-- stands before an id that begins with -"
                    )
                return
            name = arg.partition("=")[0] if arg.startswith("--") else arg[:2]
            if name in before_command:
                command = ctx.command_path.removeprefix(ctx.find_root().command_path)
                ctx.fail(f"{name} stands before the command, as in: quantcdn {name} ...{command}")
            if name not in known:
                return  # which the parser says
            if name in with_value:
                if with_value[name] in given:
                    ctx.fail(f"{name} is given twice")
                given.add(with_value[name])
                if name == arg:
                    next(args, None)


def _is_option(arg: str) -> bool:
    return arg.startswith("-") and arg != "-"


def command(
    group: typer.Typer, description: str, examples: Sequence[str], codes: Sequence[Exit], *, name: str | None = None
) -> Callable[[Function[P]], Callable[..., None]]:
    """Make a function a command of a group: to its own parameters comes the `Connection`.

    It returns the exit code, where that is not the one of success. The description is not its docstring, of which
    ``python -OO`` leaves nothing.

    Args:
        group: the group.
        description: what it does.
        examples: lines of a shell that use it.
        codes: the exit codes that it may end with, but for those of signals.
        name: its name, where that is not the function's.
    """

    def decorate(function: Function[P]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]
        call: Callable[..., Exit | None] = function

        def run(context: typer.Context, **values: Any) -> None:
            with reporting():
                connection: Connection = context.obj
                if connection.verbose:
                    _log()
                code = call(connection, **values)
            sys.exit(code)

        # What Typer reads a command from.
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [context, *own]
        run.__name__ = function.__name__
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        vars(run)["__signature__"] = inspect.Signature(
            [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        )
        group.command(name, cls=_OptionsFirst, help=description, epilog=ending(examples, codes))(run)
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
