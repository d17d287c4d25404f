"""What the options of a `Configuration` may be set to. Pure. No error shows a value that may be a secret."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, NamedTuple, cast

from quantcdn._duration import is_duration
from quantcdn._wire.headers import check_header
from quantcdn.exceptions import ApiTypeError, ApiValueError
from quantcdn.retry import RetryPolicy

_FAR = 10**15
_PORTS = 65_535  # each connection to a server has one of its own


class _Rule(NamedTuple):
    """What an option may be: in words, of which types, and how to find a value of them that cannot be used."""

    allowed: str
    types: tuple[Any, ...]
    problem: Callable[[Any], str | None] | None = None


def check_option(name: str, value: object) -> None:
    """Refuse what an option cannot be.

    Raises:
        ApiTypeError: it is of the wrong type.
        ApiValueError: it is of the right type, and cannot be used.
    """
    if name == "retries":
        RetryPolicy.of(cast("Any", value))  # it says itself what it may be
    if name not in _RULES:
        return
    allowed, types, problem_of = _RULES[name]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):  # to Python, True is an int
        raise ApiTypeError(f"{name} must be {allowed}, not {type(value).__name__}")
    problem = problem_of(value) if problem_of is not None and value is not None else None
    if problem is not None:
        raise ApiValueError(f"{name} must be {allowed}. {problem}")


def _not_positive(number: float) -> str | None:
    if number > 0:
        return None
    return "It is far below" if number < -_FAR else f"It is {number}"  # a number of too many digits cannot be shown


def _no_duration(seconds: float) -> str | None:
    return _not_positive(seconds) or (None if is_duration(seconds) else "It is too large")


def _no_count_of_connections(number: int) -> str | None:
    return _not_positive(number) or (None if number <= _PORTS else f"There cannot be more than {_PORTS}")


def _not_sendable(headers: Mapping[str, str]) -> str | None:
    try:
        for name, value in headers.items():
            check_header(name, value, to_proxy=True)
    except (ApiTypeError, ApiValueError) as error:
        return str(error)
    return None


def _no_host(text: str) -> str | None:
    return None if _is_host_and_port(text) else "It is something else"


def _no_socket_options(items: Iterable[object]) -> str | None:
    for index, item in enumerate(items):
        match item:
            case (int(), int(), int() | bytes()):
                pass
            case _:
                return f"Item {index} is not one"
    return None


_is_host_and_port = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", re.ASCII).fullmatch
_NAME = (str, NoneType)
_PATH = (str, bytes, os.PathLike, NoneType)
_RULES = {
    "assert_hostname": _Rule("a host name, False or None", (str, bool, NoneType)),
    "ca_cert_data": _Rule("PEM text, DER bytes or None", (str, bytes, bytearray, NoneType)),
    "cert_file": _Rule("the path of a file, or None", _PATH),
    "connection_max_idle": _Rule("a number of seconds above 0, or math.inf", (int, float), _no_duration),
    "connection_pool_maxsize": _Rule("a whole number above 0, or None", (int, NoneType), _no_count_of_connections),
    "host_header": _Rule("the name of a host, with or without a port, or None", _NAME, _no_host),
    "key_file": _Rule("the path of a file, or None", _PATH),
    "max_response_headers": _Rule("a whole number above 0", (int,), _not_positive),
    "max_response_size": _Rule("a whole number above 0", (int,), _not_positive),
    "on_attempt": _Rule("a function that takes an Attempt, or None", (Callable, NoneType)),
    "proxy": _Rule("a URL, or None", _NAME),
    "proxy_headers": _Rule("a mapping of header names to values, or None", (Mapping, NoneType), _not_sendable),
    "server_index": _Rule("the index of a server", (int,)),
    "socket_options": _Rule(
        "a list of options, each like (level, name, value), or None", (list, tuple, NoneType), _no_socket_options
    ),
    "ssl_ca_cert": _Rule("the path of a file, or None", _PATH),
    "timeout": _Rule("a number of seconds above 0, or math.inf", (int, float), _no_duration),
    "tls_server_name": _Rule("a host name, or None", _NAME),
    "trust_env": _Rule("True or False", (bool,)),
    "verify_ssl": _Rule("True or False", (bool,)),
}
