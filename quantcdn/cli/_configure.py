"""The commands that write, list and remove profiles."""

import sys
from enum import Enum
from getpass import getpass
from typing import Annotated

import typer

from quantcdn import environment
from quantcdn.cli import _profiles as profiles
from quantcdn.cli._connection import Connection, command, refuse_no_organisation
from quantcdn.cli._exits import Exit, Failure, say
from quantcdn.cli._help import LOCAL
from quantcdn.cli._output import Output, write_records
from quantcdn.cli._profiles import Profile, profile_name
from quantcdn.environment import Setting

_INTERRUPTED = "Interrupted: nothing was written."
_COLUMNS = ("profile", "organisation", "base_url", "token", "used")


class Place(str, Enum):
    """Where a token is kept."""

    FILE = "file"
    KEYRING = "keyring"


CONFIGURED = """Keep the settings of the connection in a profile.

On a terminal it asks for what --organisation, --base-url and --token-file do not say; else only these count, and
QUANT_BASE_URL for the server. What is not said stays as it is. The profile is that of --profile, or of
QUANTCDN_PROFILE, or default.
"""

listed = typer.Typer(help="List and remove profiles.", no_args_is_help=True, rich_markup_mode=None)


def configure(
    connection: Connection,
    token_in: Annotated[
        Place | None,
        typer.Option(help="Where to keep the token. [default: keyring where the system has one, else file]"),
    ] = None,
) -> None:
    name = profiles.DEFAULT if connection.profile_name is None else profile_name(connection.profile_name.value)
    before = profiles.read().get(name, Profile(name))
    asks = sys.stdin.isatty()
    if asks:
        say(f"Profile {name}, in {profiles.location()}")
    organisation = _said(connection.organisation_id, "Organisation", before.organisation, asks)
    served_by = before.base_url or _base_url_in_use() or (_usual_base_url() if asks else None)
    base_url = _said(connection.url, "Base URL", served_by, asks)
    token = _token(connection, before, asks)
    if not organisation:
        raise Failure(Exit.USAGE, "Give --organisation, or run this on a terminal, where it asks")
    _check(organisation, base_url, token)
    is_for_keyring = _is_for_keyring(token_in, before, token)
    if token is None:
        token = before.token if before.is_in_keyring == is_for_keyring else before.access_token()
    after = Profile(name, organisation, base_url, token, is_for_keyring and (token is not None or before.is_in_keyring))
    profiles.save(after)
    if before.is_in_keyring and not after.is_in_keyring:
        profiles.forget(before)
    place = f"its token is in the {after.place_of_token}" if after.place_of_token else "it holds no token"
    connection.tell(f"The profile {name} is in {profiles.location()}; {place}. Next: quantcdn --profile {name} doctor")


@command(
    listed,
    "List the profiles, without their tokens.",
    ["quantcdn profiles list", "quantcdn profiles list --output json"],
    LOCAL,
    name="list",
)
def list_(connection: Connection, output: Output = None) -> None:
    known = profiles.read()
    used = None if connection.profile is None else connection.profile.name
    write_records(
        (
            {
                "profile": profile.name,
                "organisation": profile.organisation,
                "base_url": profile.base_url,
                "token": profile.place_of_token,
                "used": profile.name == used,
            }
            for profile in known.values()
        ),
        _COLUMNS,
        output,
    )


@command(listed, "Remove a profile, and its token.", ["quantcdn profiles remove -- staging"], LOCAL)
def remove(
    connection: Connection,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", parser=profile_name, autocompletion=profiles.names_like, help="The profile."),
    ],
) -> None:
    profile = profiles.read().get(name)
    if profile is None:
        raise Failure(Exit.USAGE, f"There is no profile {name} in {profiles.location()}")
    if profile.is_in_keyring:
        profiles.forget(profile)
    profiles.remove(profile)


def _said(option: str | None, what: str, before: str | None, asks: bool) -> str | None:
    """A setting: what the option says, or a person who is asked, or what it was before."""
    if option is not None:
        return option.strip()
    return _asked(what, before) if asks else before


def _token(connection: Connection, before: Profile, asks: bool) -> str | None:
    """The token, unless it stays as it is."""
    if connection.token_file is not None and connection.token is not None:
        return connection.token.value
    if not asks:
        return None
    otherwise = "leaves it to the environment" if before.place_of_token is None else "keeps the one that is there"
    try:
        # Typer would ask first, and hide then: what is typed between is shown, and lost.
        return getpass(f"Token, which is not shown (Enter {otherwise}): ").strip() or None
    except (EOFError, KeyboardInterrupt):
        say("")  # the line with the question has no end yet
        raise KeyboardInterrupt(_INTERRUPTED) from None


def _asked(what: str, default: str | None) -> str:
    try:
        answer: str = typer.prompt(what, default, show_default=bool(default), err=True)
    except typer.Abort:
        raise KeyboardInterrupt(_INTERRUPTED) from None
    return answer.strip()


def _base_url_in_use() -> str | None:
    """That of the environment: the token that is kept now is most likely for it."""
    found = environment.find(environment.BASE_URL)
    if found is None:
        return None
    from quantcdn import Configuration

    with environment.blaming(found):
        Configuration(found.value)
    return found.value


def _usual_base_url() -> str:
    from quantcdn import Configuration

    return Configuration().host


def _check(organisation: str, base_url: str | None, token: str | None) -> None:
    """Refuse what no call could be made with."""
    from quantcdn import Configuration

    refuse_no_organisation(Setting(organisation, "organisation"))
    Configuration(base_url, token)


def _is_for_keyring(token_in: Place | None, before: Profile, token: str | None) -> bool:
    if token_in is not None:
        return token_in is Place.KEYRING
    if token is None:
        return before.is_in_keyring
    return profiles.has_keyring()
