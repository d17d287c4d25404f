"""Where the environment keeps the token, the organisation and the base URL.

QuantCDN's tools know each under several names. The first name that is set counts; a blank value counts as not set.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from quantcdn.exceptions import ApiValueError

__all__ = ["ACCESS_TOKEN", "BASE_URL", "ORGANISATION", "Setting", "find", "organisation"]


def __dir__() -> list[str]:
    return [*__all__]


ACCESS_TOKEN = ("QUANT_API_TOKEN", "QUANT_API_KEY", "QUANTCDN_API_TOKEN", "BEARER_TOKEN")
"""The names of the token, the first before the others."""

ORGANISATION = ("QUANT_ORGANISATION", "QUANT_ORGANIZATION", "QUANTCDN_ORGANIZATION")
"""The names of the organisation's id, the first before the others."""

BASE_URL = ("QUANT_BASE_URL",)
"""The name of the base URL, which may be left out: the public cloud then."""


@dataclass(frozen=True)
class Setting:
    """What the environment says, and under which name. Printed, it does not show the value, which may be a secret."""

    value: str = field(repr=False)
    source: str


def find(names: tuple[str, ...], environ: Mapping[str, str] | None = None) -> Setting | None:
    """The first of the names that is set, with its value, or None where none is.

    Args:
        names: `ACCESS_TOKEN`, `ORGANISATION` or `BASE_URL`.
        environ: where to look; `os.environ` if None.
    """
    environ = os.environ if environ is None else environ
    values = ((name, environ.get(name, "").strip()) for name in names)
    return next((Setting(value, name) for name, value in values if value), None)


def organisation(environ: Mapping[str, str] | None = None) -> str:
    """The organisation that the environment names.

    Args:
        environ: where to look; `os.environ` if None.

    Raises:
        ApiValueError: it names none.
    """
    setting = find(ORGANISATION, environ)
    if setting is None:
        raise missing("organisation", ORGANISATION)
    return setting.value


@contextmanager
def blaming(setting: Setting) -> Generator[None, None, None]:
    """Name the variable in an error about its value."""
    try:
        yield
    except ApiValueError as error:
        raise ApiValueError(f"{setting.source}: {error}") from None


def missing(what: str, names: tuple[str, ...]) -> ApiValueError:
    """The error for a setting that is not in the environment."""
    first, *others = names
    return ApiValueError(f"The environment names no {what}: set {first} (or one of {', '.join(others)})")
