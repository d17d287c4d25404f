"""Profiles: the settings of the connection under a name, in a file that nobody else can read.

It is an INI file, which Python reads and writes by itself. A token stands in it, or else in the keyring of the system,
where the package keyring is installed.
"""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import typer

from quantcdn.cli._exits import Exit, Failure
from quantcdn.cli._files import write_own

if TYPE_CHECKING:
    from configparser import ParsingError, RawConfigParser

DEFAULT = "default"
"""The profile that is used where none is named, if it is there."""

_SERVICE = "quantcdn"  # under which the keyring keeps the tokens
_KEYRING = "keyring"
_KEYS = ("organisation", "base_url", "token", "token_in")
_OTHERS = 0o077
_is_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*").fullmatch


@dataclass(frozen=True)
class Profile:
    """Settings under a name. What is None is not in it.

    Attributes:
        token: the token; where that is in the keyring, None until it is asked for.
        is_in_keyring: whether it is kept there.
    """

    name: str
    organisation: str | None = None
    base_url: str | None = None
    token: str | None = field(default=None, repr=False)
    is_in_keyring: bool = False

    def access_token(self) -> str | None:
        """The token, wherever it is."""
        if not self.is_in_keyring:
            return self.token
        with _keyring() as keyring:
            token = keyring.get_password(_SERVICE, self.name)
        if token is None:
            raise Failure(Exit.USAGE, f"The keyring has no token of the profile {self.name}: run quantcdn configure")
        return token

    @property
    def source(self) -> str:
        """Where its settings are from, in words."""
        return f"the profile {self.name}"

    @property
    def place_of_token(self) -> str | None:
        """Where the token is, in a word; None where there is none."""
        return _KEYRING if self.is_in_keyring else "file" if self.token else None


def profile_name(text: str) -> str:
    """The text, unless it cannot name a profile."""
    if not _is_name(text):
        raise typer.BadParameter("it must be of letters, digits, '.', '_' and '-', and begin with a letter or a digit")
    return text


def names_like(incomplete: str) -> list[str]:
    """The names of profiles that begin so, for the completion of a shell."""
    with suppress(Exception):
        return [name for name in read() if name.startswith(incomplete)]
    return []


def location() -> Path:
    """The file of the profiles, which may not be there."""
    from platformdirs import user_config_path

    return user_config_path("quantcdn", appauthor=False, roaming=True) / "profiles.ini"


def read() -> dict[str, Profile]:
    """All profiles by their names; none where there is no file.

    Raises:
        Failure: others can read or change the file, or it cannot be understood.
        OSError: it cannot be read.
    """
    parser = _parsed()
    return {name: _profile(name, dict(parser.items(name))) for name in parser.sections()}


def save(profile: Profile) -> None:
    """Write a profile in place of the one with its name, if there is one, and its token where it is to be kept."""
    values = {"organisation": profile.organisation, "base_url": profile.base_url}
    if not profile.is_in_keyring:
        values["token"] = profile.token
    else:
        values["token_in"] = _KEYRING
        if profile.token is not None:
            with _keyring() as keyring:
                keyring.set_password(_SERVICE, profile.name, profile.token)
    parser = _parsed()
    parser[profile.name] = {name: value for name, value in values.items() if value is not None}
    _write(parser)


def remove(profile: Profile) -> None:
    """Take a profile out of the file."""
    parser = _parsed()
    parser.remove_section(profile.name)
    _write(parser)


def forget(profile: Profile) -> None:
    """Take the token of a profile out of the keyring."""
    with _keyring() as keyring:
        from keyring.errors import PasswordDeleteError

        with suppress(PasswordDeleteError):  # it is not there
            keyring.delete_password(_SERVICE, profile.name)


def has_keyring() -> bool:
    """Whether there is a keyring that a token can be kept in."""
    try:
        import keyring
        from keyring.backends.fail import Keyring
    except ImportError:
        return False
    return not isinstance(keyring.get_keyring(), Keyring)


class _Keyring(Protocol):
    """What is needed of the package's, which declares less of its types."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


@contextmanager
def _keyring() -> Generator[_Keyring, None, None]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise Failure(
            Exit.USAGE, 'The keyring of the system needs keyring; in a clone, pip install ".[keyring]" brings it'
        ) from None
    try:
        yield cast("_Keyring", keyring.get_keyring())
    except KeyringError as error:
        raise Failure(Exit.FAILED, f"The keyring of the system: {error}") from None


def _parsed() -> "RawConfigParser":
    """What the file holds. A message about it shows no line of it, which may be that of a token."""
    from configparser import Error, RawConfigParser

    path = location()
    parser = RawConfigParser(default_section="", delimiters=("=",), empty_lines_in_values=False)
    try:
        with path.open(encoding="utf-8") as file:
            if os.name != "nt" and os.fstat(file.fileno()).st_mode & _OTHERS:  # Windows keeps others out of the folder
                raise Failure(Exit.USAGE, f"{path} is open to others, and may hold a token: chmod 600 {path}")
            parser.read_file(file)
    except (FileNotFoundError, NotADirectoryError):  # the latter where HOME is /dev/null
        pass
    except UnicodeDecodeError:
        raise Failure(Exit.USAGE, f"{path} holds no text in UTF-8") from None
    except Error as error:
        line = getattr(error, "lineno", None) or cast("ParsingError", error).errors[0][0]
        raise Failure(Exit.USAGE, f"{path}, line {line}: It must be [NAME] once, and below it KEY = VALUE") from None
    return parser


def _profile(name: str, values: dict[str, str]) -> Profile:
    token_in = values.get("token_in", _KEYRING)
    unknown = next((key for key in values if key not in _KEYS), None)
    if unknown is not None or token_in != _KEYRING or not _is_name(name):
        raise Failure(
            Exit.USAGE,
            f"{location()}, [{name}]: It may hold {', '.join(_KEYS)}; token_in is {_KEYRING} or is left out",
        )
    organisation, base_url, token = (values.get(key) or None for key in ("organisation", "base_url", "token"))
    return Profile(name, organisation, base_url, token, "token_in" in values)


def _write(parser: "RawConfigParser") -> None:
    text = StringIO()
    parser.write(text)
    write_own(location(), text.getvalue())
