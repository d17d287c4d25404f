"""What is configured and from where, and whether the service can be used with it. It never shows the token."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from importlib import import_module

from quantcdn import environment
from quantcdn._show.visible import visible
from quantcdn._version import __version__
from quantcdn.cli._connection import Connection, needed, refuse_no_organisation
from quantcdn.cli._exits import Exit, Failure, code_of, text_of
from quantcdn.cli._output import Form, Output, chosen, write_records
from quantcdn.cli._profiles import DEFAULT, location
from quantcdn.exceptions import problem_of

_DEPENDENCIES = {  # the module of each
    "urllib3": "urllib3",
    "pydantic": "pydantic",
    "python-dateutil": "dateutil",
    "typing-extensions": "typing_extensions",
}
_EXTRAS = {  # the modules that each brings
    "sandbox": ("starlette", "uvicorn", "h11"),
    "testing": ("starlette", "uvicorn", "h11", "pytest"),
    "socks": ("socks",),
    "pandas": ("pandas",),
    "notebook": ("tqdm", "ipywidgets"),
    "keyring": ("keyring",),
}
_WAYS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")

CHECKED = """Check the settings, the server and the token.

It says what is configured and from where, whether the server answers, and whether it accepts the token. The exit
code is that of the first check that fails.
"""

# Other services' tools read and set it too.
_SHARED = "BEARER_TOKEN"


class _Doubt(Exception):
    """A check passed, and what it found may still not be what was meant."""


def doctor(connection: Connection, output: Output = None) -> Exit | None:
    codes: list[Exit] = []
    findings = _findings(connection, codes)
    if chosen(output) is Form.TABLE:
        width = max(map(len, _CHECKS))
        for finding in findings:  # as each comes, and not cut
            line = f"{finding['check']:{width}}  {finding['result']:7}  {visible(finding['detail'])}"
            print(line.rstrip(), flush=True)
    else:
        write_records(findings, ("check", "result", "detail"), output)
    return codes[0] if codes else None


def _findings(connection: Connection, codes: list[Exit]) -> Iterator[dict[str, str]]:
    """What each check found. The exit code of each that fails is added to the codes."""
    failed: set[str] = set()
    for name, check in _CHECKS.items():
        result, detail = "skipped", ""
        if failed.isdisjoint(_NEEDS.get(name, ())):
            try:
                result, detail = "ok", check(connection)
            except _Doubt as doubt:
                result, detail = "warning", str(doubt)
            except Exception as error:
                code = code_of(error)
                if code is None:
                    raise
                codes.append(code)
                result, detail = "failed", text_of(error, problem_of)
        if result in ("skipped", "failed"):
            failed.add(name)
        yield {"check": name, "result": result, "detail": detail}


def _versions(_connection: Connection) -> str:
    import ssl  # --help needs neither this nor the next

    versions = [f"quantcdn {__version__}", f"Python {platform.python_version()}", ssl.OPENSSL_VERSION]
    return ", ".join([*versions, *(f"{name} {_version_of(name)}" for name in _DEPENDENCIES)])


def _version_of(dependency: str) -> str:
    """A frozen program may have no metadata: most modules know their version as well."""
    module = import_module(_DEPENDENCIES[dependency])
    return _version(dependency) or str(getattr(module, "__version__", "of a version that it does not say"))


def _extras(_connection: Connection) -> str:
    from importlib.util import find_spec

    there = [extra for extra, needed in _EXTRAS.items() if all(map(find_spec, needed))]
    return ", ".join(["cli", *there])


def _version(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _installation(_connection: Connection) -> str:
    if _version("quantcdn-client"):
        raise Failure(
            Exit.FAILED,
            "quantcdn-client shares its folder: pip uninstall quantcdn-client quantcdn, then install quantcdn again",
        )
    return os.path.dirname(os.path.dirname(__file__))


def _profile(connection: Connection) -> str:
    profile = connection.profile
    if profile is None:
        return f"none is named, and {DEFAULT} is not in {location()}"
    by = "used where none is named" if connection.profile_name is None else f"from {connection.profile_name.source}"
    return f"{profile.name}, {by}, in {location()}"


def _token(connection: Connection) -> str:
    from quantcdn import Configuration

    setting = needed("access token", environment.ACCESS_TOKEN, connection.token)
    with environment.blaming(setting):
        Configuration(access_token=setting.value)
    if setting.source == _SHARED:
        raise _Doubt(f"from {_SHARED}, which may be meant for another service: {environment.ACCESS_TOKEN[0]} cannot be")
    return f"from {setting.source}"


def _organisation(connection: Connection) -> str:
    setting = needed("organisation", environment.ORGANISATION, connection.organisation)
    refuse_no_organisation(setting)
    return f"{setting.value}, from {setting.source}"


def _base_url(connection: Connection) -> str:
    from quantcdn import Configuration

    setting = connection.base_url
    if setting is None:
        return f"{Configuration().host}, the default"
    with environment.blaming(setting):
        return f"{Configuration(setting.value).host}, from {setting.source}"


def _network(_connection: Connection) -> str:
    # Names only: the URL of a proxy may hold a password.
    names = sorted({name.upper() for name, value in os.environ.items() if value and name.upper() in _WAYS})
    return f"{', '.join(names)} set" if names else "no proxy and no certificate authorities set"


def _server(connection: Connection) -> str:
    from quantcdn import ApiClient, Configuration

    base_url = connection.base_url
    configuration = Configuration(
        None if base_url is None else base_url.value, retries=False, timeout=connection.timeout
    )
    with ApiClient(configuration) as client:
        started = time.monotonic()
        client.call_api("GET", configuration.host)
        return f"answers, after {1000 * (time.monotonic() - started):.0f} ms"


def _access(connection: Connection) -> str:
    with connection.open() as (api, organisation):
        api.list_ai_sessions(organisation, limit=1)
    return "the token may list the sessions of the organisation"


_CHECKS: dict[str, Callable[[Connection], str]] = {
    "versions": _versions,
    "extras": _extras,
    "installation": _installation,
    "profile": _profile,
    "token": _token,
    "organisation": _organisation,
    "base URL": _base_url,
    "network": _network,
    "server": _server,
    "access": _access,
}
_NEEDS = {"server": ("base URL",), "access": ("token", "organisation", "server")}
