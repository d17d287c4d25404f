"""Options that cannot be used are refused where they are set: the error names the option and what it may be, and shows
no secret. Those that can be used work over a real connection."""

import copy
import logging
import math
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from servers import json_answer, scripted_server

from quantcdn import AISessionsApi, ApiClient, ApiTypeError, ApiValueError, Configuration

SECRET = "qc_do_not_show_this"
COUNT = "a whole number above 0, or None"
FUNCTION = "a function that takes an Attempt, or None"
HOST = "the name of a host, with or without a port, or None"
HEADERS = "a mapping of header names to values, or None"
PATH = "the path of a file, or None"
SOCKET = r"a list of options, each like \(level, name, value\), or None"

REFUSED: list[tuple[str, object, type[Exception], str]] = [
    ("assert_hostname", 5, ApiTypeError, "a host name, False or None, not int"),
    ("ca_cert_data", 5, ApiTypeError, "PEM text, DER bytes or None, not int"),
    ("cert_file", 5, ApiTypeError, f"{PATH}, not int"),
    ("connection_pool_maxsize", 0, ApiValueError, rf"{COUNT}\. It is 0"),
    ("connection_pool_maxsize", -3, ApiValueError, rf"{COUNT}\. It is -3"),
    ("connection_pool_maxsize", "8", ApiTypeError, f"{COUNT}, not str"),
    ("connection_pool_maxsize", 2.5, ApiTypeError, f"{COUNT}, not float"),
    ("connection_pool_maxsize", True, ApiTypeError, f"{COUNT}, not bool"),
    ("connection_pool_maxsize", 10**400, ApiValueError, rf"{COUNT}\. There cannot be more than 65535"),
    ("connection_max_idle", 10**400, ApiValueError, r"a number of seconds above 0, or math\.inf\. It is too large"),
    ("host_header", 5, ApiTypeError, f"{HOST}, not int"),
    ("host_header", "", ApiValueError, rf"{HOST}\. It is something else"),
    ("host_header", f"https://{SECRET}", ApiValueError, rf"{HOST}\. It is something else"),
    ("host_header", f"h.example\r\nX: {SECRET}", ApiValueError, rf"{HOST}\. It is something else"),
    ("host_header", "h.example\n", ApiValueError, rf"{HOST}\. It is something else"),
    ("key_file", True, ApiTypeError, f"{PATH}, not bool"),
    ("max_response_size", 0, ApiValueError, r"a whole number above 0\. It is 0"),
    ("max_response_size", 1e9, ApiTypeError, "a whole number above 0, not float"),
    ("max_response_size", None, ApiTypeError, "a whole number above 0, not NoneType"),
    ("max_response_size", True, ApiTypeError, "a whole number above 0, not bool"),
    ("on_attempt", "print", ApiTypeError, f"{FUNCTION}, not str"),
    ("on_attempt", [print], ApiTypeError, f"{FUNCTION}, not list"),
    ("proxy", b"http://proxy.example", ApiTypeError, "a URL, or None, not bytes"),
    ("proxy_headers", SECRET, ApiTypeError, f"{HEADERS}, not str"),
    ("proxy_headers", [("X-Key", SECRET)], ApiTypeError, f"{HEADERS}, not list"),
    ("proxy_headers", {"X-Key": f"{SECRET}\n"}, ApiValueError, rf"{HEADERS}\. The value of the header 'X-Key' cannot"),
    ("proxy_headers", {f"X {SECRET}": "1"}, ApiValueError, rf"{HEADERS}\. A header name is not valid"),
    (
        "proxy_headers",
        {"Content-Length": "5"},
        ApiValueError,
        rf"{HEADERS}\. The header 'Content-Length' cannot be set",
    ),
    ("proxy_headers", {"host": "h"}, ApiValueError, rf"{HEADERS}\. The header 'host' cannot be set"),
    ("proxy_headers", {"Proxy-Connection": "x"}, ApiValueError, rf"{HEADERS}\. The header 'Proxy-Connection' cannot"),
    ("proxy_headers", {"X-Key": 5}, ApiValueError, rf"{HEADERS}\. The name and the value of a header must be str"),
    ("retries", -1, ApiValueError, "a number of retries, 0 or more, or False for none"),
    ("retries", "3", ApiValueError, "None, False, a number of retries, a RetryPolicy or a urllib3.Retry"),
    ("server_index", "1", ApiTypeError, "the index of a server, not str"),
    ("server_index", True, ApiTypeError, "the index of a server, not bool"),
    ("socket_options", "nodelay", ApiTypeError, f"{SOCKET}, not str"),
    ("socket_options", iter([(6, 1, 1)]), ApiTypeError, f"{SOCKET}, not list_iterator"),
    ("socket_options", [(6, 1, 1), (6, 1)], ApiValueError, rf"{SOCKET}\. Item 1 is not one"),
    ("socket_options", (6, 1, 1), ApiValueError, rf"{SOCKET}\. Item 0 is not one"),
    ("socket_options", [("6", 1, 1)], ApiValueError, rf"{SOCKET}\. Item 0 is not one"),
    ("socket_options", [(6, 1, 1.0)], ApiValueError, rf"{SOCKET}\. Item 0 is not one"),
    ("ssl_ca_cert", 5, ApiTypeError, f"{PATH}, not int"),
    ("timeout", SECRET, ApiTypeError, r"a number of seconds above 0, or math\.inf, not str"),
    ("timeout", True, ApiTypeError, r"a number of seconds above 0, or math\.inf, not bool"),
    ("timeout", math.nan, ApiValueError, r"a number of seconds above 0, or math\.inf\. It is nan"),
    ("timeout", 10**400, ApiValueError, r"a number of seconds above 0, or math\.inf\. It is too large"),
    ("timeout", -(10**400), ApiValueError, r"a number of seconds above 0, or math\.inf\. It is far below"),
    ("tls_server_name", b"h.example", ApiTypeError, "a host name, or None, not bytes"),
    ("trust_env", "no", ApiTypeError, "True or False, not str"),
    ("verify_ssl", "false", ApiTypeError, "True or False, not str"),
    ("verify_ssl", None, ApiTypeError, "True or False, not NoneType"),
    ("verify_ssl", 1, ApiTypeError, "True or False, not int"),
]


@pytest.mark.parametrize(
    ("name", "value", "error", "rule"), REFUSED, ids=lambda value: value if isinstance(value, str) else None
)
def test_an_option_is_refused_where_it_is_set_and_keeps_its_value(
    name: str, value: object, error: type[Exception], rule: str
) -> None:
    configuration = Configuration()
    before = getattr(configuration, name)

    with pytest.raises(error, match=f"^{name} must be {rule}") as caught:
        setattr(configuration, name, value)

    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert getattr(configuration, name) == before


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"ssl_ca_cert": 5}, ApiTypeError),
        ({"ca_cert_data": 5}, ApiTypeError),
        ({"server_index": "1"}, ApiTypeError),
        ({"timeout": "1"}, ApiTypeError),
        ({"timeout": 0}, ApiValueError),
    ],
    ids=str,
)
def test_an_option_is_refused_by_the_constructor_too(arguments: dict[str, Any], error: type[Exception]) -> None:
    (name,) = arguments
    with pytest.raises(error, match=f"^{name} must be "):
        Configuration(**arguments)


ALLOWED: list[tuple[str, object]] = [
    ("assert_hostname", False),
    ("assert_hostname", "h.example"),
    ("ca_cert_data", b"der"),
    ("cert_file", Path("client.pem")),
    ("connection_pool_maxsize", None),
    ("connection_pool_maxsize", 1),
    ("host_header", "h.example"),
    ("host_header", "10.0.0.1:8443"),
    ("host_header", "[2001:db8::1]:8443"),
    ("max_response_size", 10**30),
    ("timeout", 1e308),
    ("on_attempt", None),
    ("on_attempt", print),
    ("proxy_headers", None),
    ("proxy_headers", {}),
    ("proxy_headers", urllib3.HTTPHeaderDict({"X-Team": "blue"})),
    ("proxy_headers", urllib3.util.make_headers(proxy_basic_auth="user:password")),
    ("socket_options", None),
    ("socket_options", []),
    ("socket_options", [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), [socket.SOL_SOCKET, socket.SO_KEEPALIVE, True]]),
    ("socket_options", ((socket.SOL_SOCKET, socket.SO_LINGER, b"\0" * 8),)),
    ("verify_ssl", False),
]


@pytest.mark.parametrize(("name", "value"), ALLOWED, ids=lambda value: value if isinstance(value, str) else None)
def test_what_an_option_may_be_is_kept_as_it_was_given_also_in_copies(name: str, value: object) -> None:
    configuration = Configuration()

    setattr(configuration, name, value)

    assert getattr(configuration, name) is value
    assert getattr(copy.deepcopy(configuration), name) == value
    assert getattr(pickle.loads(pickle.dumps(configuration)), name) == value


def test_a_misspelt_option_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="verify_tls"):
        Configuration().verify_tls = False  # type: ignore[attr-defined]


def test_socket_options_reach_the_socket_and_one_connection_is_kept_where_one_may_be() -> None:
    seen: list[int] = []

    class Watched(socket.socket):
        def setsockopt(self, *option: Any) -> None:
            seen.append(option[1])
            super().setsockopt(*option)

    with scripted_server([json_answer([]), json_answer([])]) as server, pytest.MonkeyPatch.context() as patch:
        configuration = Configuration(server.host, "token", retries=0)
        configuration.socket_options = [(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)]
        configuration.connection_pool_maxsize = None
        patch.setattr(socket, "socket", Watched)
        with ApiClient(configuration) as client:
            for _ in range(2):
                assert AISessionsApi(client).list_ai_sessions("org") == []

    assert seen.count(socket.SO_OOBINLINE) == 1
    assert {request.connection for request in server.requests} == {1}


# The client and the call


@pytest.mark.parametrize("value", [SECRET, "", 5, {}, Configuration], ids=lambda value: type(value).__name__)
def test_a_client_refuses_what_is_no_configuration(value: Any) -> None:
    with pytest.raises(ApiTypeError, match=f"^configuration must be a Configuration, not {type(value).__name__}$"):
        ApiClient(value)


@pytest.mark.parametrize(
    "timeout",
    [SECRET, "5", 0, -1, True, math.nan, 10**400, (1,), (1, SECRET), (1, 0), (10**400, 1), [1, 2], {}],
    ids=ascii,
)
def test_a_request_timeout_that_is_none_is_one_clear_line(timeout: Any) -> None:
    with scripted_server([]) as server, ApiClient(Configuration(server.host, "token")) as client:
        with pytest.raises(ValueError, match="_request_timeout") as caught:
            AISessionsApi(client).list_ai_sessions("org", _request_timeout=timeout)

        assert server.requests == []
    _title, field, problem = str(caught.value).splitlines()
    assert field == "_request_timeout"
    assert "a number of seconds above 0, or a pair of them: connect, read" in problem
    assert SECRET not in str(caught.value)


# Debugging


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger of the package, at no level of its own, and afterwards as it was."""
    logger = logging.getLogger("quantcdn")
    before = logger.level, list(logger.handlers)
    switched_on().debug = False  # where another test has left it on
    logger.setLevel(logging.NOTSET)
    yield logger
    logger.level, logger.handlers[:] = before


def switched_on() -> Configuration:
    return Configuration(debug=True)


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.WARNING], ids=logging.getLevelName)
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_switching_debug_off_brings_back_the_level_that_the_application_had_set(
    logger: logging.Logger, level: int, times: int
) -> None:
    logger.setLevel(level)
    for _ in range(times):
        first, second = switched_on(), switched_on()
        first.debug = True
        assert logger.level == logging.DEBUG

        first.debug = False
        assert logger.level == level
        second.debug = False
        assert logger.level == level


def test_switching_debug_off_leaves_a_level_that_the_application_has_set_since(logger: logging.Logger) -> None:
    configuration = switched_on()
    logger.setLevel(logging.ERROR)

    configuration.debug = False

    assert logger.level == logging.ERROR
