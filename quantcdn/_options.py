"""What the options of a `Configuration` may be set to. Pure. No error shows a value that may be a secret."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, NamedTuple, cast

from quantcdn._headers import check_header
from quantcdn.exceptions import ApiTypeError, ApiValueError
from quantcdn.retry import RetryPolicy


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
    return None if number > 0 else f"It is {number}"


def _not_sendable(headers: Mapping[str, str]) -> str | None:
    try:
        for name, value in headers.items():
            check_header(name, value)
    except (ApiTypeError, ApiValueError) as error:
        return str(error)
    return None


def _no_socket_options(items: Iterable[object]) -> str | None:
    for index, item in enumerate(items):
        match item:
            case (int(), int(), int() | bytes()):
                pass
            case _:
                return f"Item {index} is not one"
    return None


_NAME = (str, NoneType)
_PATH = (str, bytes, os.PathLike, NoneType)
_RULES = {
    "assert_hostname": _Rule("a host name, False or None", (str, bool, NoneType)),
    "ca_cert_data": _Rule("PEM text, DER bytes or None", (str, bytes, bytearray, NoneType)),
    "cert_file": _Rule("the path of a file, or None", _PATH),
    "connection_max_idle": _Rule("a number of seconds above 0, or math.inf", (int, float), _not_positive),
    "connection_pool_maxsize": _Rule("a whole number above 0, or None", (int, NoneType), _not_positive),
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
    "timeout": _Rule("a number of seconds above 0, or math.inf", (int, float), _not_positive),
    "tls_server_name": _Rule("a host name, or None", _NAME),
    "trust_env": _Rule("True or False", (bool,)),
    "verify_ssl": _Rule("True or False", (bool,)),
}
