"""The options: what they take and refuse, their defaults, copies that share nothing, tokens that are never shown."""

import copy
import io
import logging
import math
import pickle
import platform
from collections.abc import Iterator
from typing import Any

import pytest
from urllib3 import Retry

import quantcdn
from quantcdn import ApiValueError, Configuration, RetryPolicy
from quantcdn.configuration import DEFAULT_TIMEOUT, HostSetting

from .calls import SECRET

PUBLIC, GOVERNMENT = "https://dashboard.quantcdn.io", "https://dash.quantgov.cloud"


@pytest.fixture(autouse=True)
def nothing_shared() -> Iterator[None]:
    """No default configuration, and the loggers as they were."""
    root, logger = logging.getLogger(), logging.getLogger("quantcdn")
    before = logger.level, list(logger.handlers), root.level, list(root.handlers)
    Configuration.set_default(None)
    yield
    Configuration.set_default(None)
    logger.level, logger.handlers[:], root.level, root.handlers[:] = before


def options(configuration: Configuration) -> dict[str, Any]:
    return {name: getattr(configuration, name) for name in Configuration.__slots__}


def full() -> Configuration:
    configuration = Configuration(
        "https://h.example",
        SECRET,
        server_variables={"a": "1"},
        retries=RetryPolicy(attempts=2),
        ssl_ca_cert="ca.pem",
        timeout=5,
    )
    configuration.proxy = f"http://u:{SECRET}@proxy.example"
    configuration.proxy_headers = {"Proxy-Authorization": SECRET}
    configuration.socket_options = [(6, 1, 1)]
    return configuration


# Construction


def test_everything_has_a_default() -> None:
    configuration = Configuration()
    assert (configuration.host, configuration.access_token, configuration.debug) == (PUBLIC, None, False)
    assert configuration.timeout == DEFAULT_TIMEOUT
    assert configuration.verify_ssl is True
    assert configuration.connection_pool_maxsize == 100
    assert (configuration.server_index, configuration.server_variables) == (0, {})
    for name in ("ssl_ca_cert", "ca_cert_data", "retries", "assert_hostname", "cert_file", "key_file"):
        assert getattr(configuration, name) is None
    for name in ("tls_server_name", "proxy", "proxy_headers", "socket_options"):
        assert getattr(configuration, name) is None


def test_positions_are_those_of_the_official_client() -> None:
    configuration = Configuration("https://h", "t", 1, {"v": "1"}, "ca.pem", 3, "data", debug=False)
    assert configuration.host == "https://h"
    assert configuration.access_token == "t"
    assert configuration.server_index == 1
    assert configuration.server_variables == {"v": "1"}
    assert configuration.ssl_ca_cert == "ca.pem"
    assert configuration.retries == 3
    assert configuration.ca_cert_data == "data"


@pytest.mark.parametrize("name", ["acess_token", "hosts", "api_key", "verify_tls"])
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(TypeError):
        Configuration(**{name: "x"})
    with pytest.raises(AttributeError):
        setattr(Configuration(), name, "x")


@pytest.mark.parametrize("timeout", [0, -1, -math.inf, math.nan, 0.0])
def test_a_timeout_that_is_no_time_is_refused(timeout: float) -> None:
    with pytest.raises(ApiValueError, match=r"timeout must be a number of seconds above 0, or math\.inf"):
        Configuration(timeout=timeout)


@pytest.mark.parametrize("timeout", [0.001, 5, 5.5, math.inf])
def test_a_timeout_may_be_any_time_above_zero(timeout: float) -> None:
    assert Configuration(timeout=timeout).timeout == timeout


# Host


def test_a_host_may_be_changed_and_taken_back() -> None:
    configuration = Configuration("https://one.example")
    configuration.host = "https://two.example/api/v3/"
    assert configuration.host == "https://two.example/api/v3/"
    configuration.host = None  # type: ignore[assignment]
    assert configuration.host == PUBLIC


@pytest.mark.parametrize("host", ["", "h.example", "ftp://h", f"u:{SECRET}@h", f"https://u:{SECRET}@h", SECRET])
def test_a_host_that_is_no_url_is_refused_at_once_and_not_shown(host: str) -> None:
    with pytest.raises(ApiValueError) as caught:
        Configuration(host)
    assert SECRET not in str(caught.value)
    configuration = Configuration("https://h")
    with pytest.raises(ApiValueError):
        configuration.host = host
    assert configuration.host == "https://h"


@pytest.mark.parametrize(
    ("host", "server_index", "index", "url"),
    [
        (None, None, 0, PUBLIC),
        (None, 1, 0, GOVERNMENT),
        (None, None, 1, GOVERNMENT),
        (None, 1, 1, GOVERNMENT),
        ("https://private.example", None, 0, "https://private.example"),
        ("https://private.example", 1, 1, "https://private.example"),
    ],
)
def test_an_index_chooses_a_server_only_where_no_host_was_given(
    host: str | None, server_index: int | None, index: int, url: str
) -> None:
    assert Configuration(host, server_index=server_index).host_for(index) == url


@pytest.mark.parametrize("index", [2, -1, 99])
def test_an_index_out_of_range_is_refused(index: int) -> None:
    with pytest.raises(ApiValueError, match=f"no server {index}: the index must be 0 to 1"):
        Configuration().host_for(index)
    with pytest.raises(ApiValueError, match=f"no server {index}"):
        Configuration().get_host_from_settings(index)
    with pytest.raises(ApiValueError, match=f"no server {index}"):
        _ = Configuration(server_index=index).host


def test_the_index_none_stands_for_the_base_url_as_in_the_official_client() -> None:
    assert Configuration().get_host_from_settings(None) == PUBLIC
    assert Configuration(server_index=1).get_host_from_settings(None, {"a": "1"}) == PUBLIC
    assert Configuration("https://private.example").get_host_from_settings(None) == "https://private.example"


def test_the_servers_are_those_of_the_contract() -> None:
    assert Configuration().get_host_settings() == [
        {"url": PUBLIC, "description": "QuantCDN Public Cloud"},
        {"url": GOVERNMENT, "description": "QuantGov Cloud"},
    ]


SERVERS: list[HostSetting] = [
    {
        "url": "https://{region}.example/{version}",
        "description": "",
        "variables": {
            "region": {"default_value": "eu", "enum_values": ["eu", "us"]},
            "version": {"default_value": 1},
        },
    }
]


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        (None, "https://eu.example/1"),
        ({}, "https://eu.example/1"),
        ({"region": "us"}, "https://us.example/1"),
        ({"region": "us", "version": "2", "other": "x"}, "https://us.example/2"),
    ],
    ids=str,
)
def test_variables_stand_in_the_url_of_a_server(variables: dict[str, str] | None, url: str) -> None:
    assert Configuration().get_host_from_settings(0, variables, SERVERS) == url


def test_a_variable_with_a_value_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(ApiValueError, match=r"'region' is 'mars': it must be one of \['eu', 'us'\]"):
        Configuration().get_host_from_settings(0, {"region": "mars"}, SERVERS)


# Token


def test_a_token_is_normalised_when_it_is_given_and_when_it_is_set() -> None:
    configuration = Configuration(access_token=" Bearer one\n")
    assert configuration.access_token == configuration.bearer_token() == "one"
    configuration.access_token = "bearer two"
    assert configuration.bearer_token() == "two"
    configuration.access_token = None
    assert configuration.bearer_token() is None


@pytest.mark.parametrize(
    "token", ["", " ", "Bearer ", f"{SECRET} {SECRET}", f"{SECRET}\r\nX: y", f"{SECRET}é"], ids=repr
)
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(token: str) -> None:
    configuration = Configuration(access_token="kept")
    for refuse in (
        lambda: Configuration(access_token=token),
        lambda: setattr(configuration, "access_token", token),
        lambda: Configuration(access_token=lambda: token).bearer_token(),
    ):
        with pytest.raises(ApiValueError, match="access token") as caught:
            refuse()
        assert SECRET not in str(caught.value)
    assert configuration.access_token == "kept"


def test_a_callable_is_asked_for_the_token_each_time() -> None:
    tokens = iter(["Bearer one", "two\n"])
    configuration = Configuration(access_token=lambda: next(tokens))
    assert [configuration.bearer_token(), configuration.bearer_token()] == ["one", "two"]
    assert callable(configuration.access_token)


@pytest.mark.parametrize("token", [SECRET, lambda: SECRET], ids=["text", "callable"])
def test_a_token_is_never_shown(token: Any) -> None:
    configuration = full()
    configuration.access_token = token
    for shown in (repr(configuration), str(configuration), f"{configuration}", configuration.to_debug_report()):
        assert SECRET not in shown
    assert "access_token=***" in repr(configuration)
    assert "access_token=None" in repr(Configuration())


@pytest.mark.parametrize("index", [-1, 2, 7])
def test_a_server_index_out_of_range_is_refused_where_it_is_given(index: int) -> None:
    with pytest.raises(ApiValueError, match="0 to 1"):
        Configuration(server_index=index)
    configuration = Configuration()
    with pytest.raises(ApiValueError, match="0 to 1"):
        configuration.server_index = index
    assert configuration.server_index == 0


# Defaults and copies


def test_the_default_is_one_and_can_be_replaced() -> None:
    assert Configuration.get_default() is Configuration.get_default()
    mine = Configuration("https://mine.example")
    Configuration.set_default(mine)
    assert Configuration.get_default() is mine
    Configuration.set_default(None)
    assert Configuration.get_default() is not mine


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.deepcopy,
        lambda configuration: (Configuration.set_default(configuration), Configuration.get_default_copy())[1],
        lambda configuration: pickle.loads(pickle.dumps(configuration)),
    ],
    ids=["deepcopy", "get_default_copy", "pickle"],
)
def test_a_copy_is_equal_in_everything_and_shares_nothing_that_can_change(duplicate: Any) -> None:
    original = full()
    twin = duplicate(original)
    assert twin is not original
    assert options(twin) == options(original)
    for name, value in options(original).items():
        if isinstance(value, dict | list):
            assert getattr(twin, name) is not value
    twin.host = "https://other.example"
    twin.access_token = "other"
    twin.server_variables["b"] = "2"
    twin.timeout = 1
    assert options(original) == options(full())


def test_a_shallow_copy_keeps_its_own_options() -> None:
    original = full()
    twin = copy.copy(original)
    twin.access_token = "other"
    twin.verify_ssl = False
    assert options(original) == options(full())


def test_what_was_given_can_change_without_changing_the_configuration() -> None:
    variables = {"a": "1"}
    configuration = Configuration(server_variables=variables)
    variables["a"] = "2"
    assert configuration.server_variables == {"a": "1"}


@pytest.mark.parametrize("retries", [None, 0, False, 3, Retry(3), RetryPolicy()], ids=repr)
def test_retries_are_kept_as_they_were_given(retries: Any) -> None:
    assert Configuration(retries=retries).retries is retries


def test_a_callable_token_survives_a_copy() -> None:
    assert copy.deepcopy(Configuration(access_token=lambda: "t")).bearer_token() == "t"


# Debugging


def test_debug_shows_the_logger_of_the_package_and_leaves_the_root_alone() -> None:
    root, logger = logging.getLogger(), logging.getLogger("quantcdn")
    root.handlers.clear()
    level = root.level
    assert Configuration(debug=True).debug is True
    assert logger.level == logging.DEBUG
    assert len(logger.handlers) == 1
    Configuration(debug=True)
    assert len(logger.handlers) == 1
    assert (root.level, root.handlers) == (level, [])


def test_debug_shows_what_is_logged_on_what_is_standard_error_at_the_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.getLogger().handlers.clear()
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", first)
    Configuration(debug=True)
    log = logging.getLogger("quantcdn").debug
    log("one %s", 1)
    monkeypatch.setattr("sys.stderr", second)
    log("two")
    assert (first.getvalue(), second.getvalue()) == ("one 1\n", "two\n")

    second.close()
    log("to a stream that is closed")
    monkeypatch.setattr("sys.stderr", None)  # as under pythonw
    log("to none")
    monkeypatch.undo()
    log("three")
    assert capsys.readouterr().err == "three\n"


def test_debug_adds_no_handler_where_the_application_has_its_own() -> None:
    root, logger = logging.getLogger(), logging.getLogger("quantcdn")
    root.handlers[:] = [logging.StreamHandler(io.StringIO())]
    Configuration().debug = True
    assert logger.handlers == []


@pytest.mark.parametrize("debug", [None, False])
def test_without_debug_the_logger_is_left_alone(debug: bool | None) -> None:
    logger = logging.getLogger("quantcdn")
    before = logger.level, list(logger.handlers)
    assert Configuration(debug=debug).debug is False
    assert (logger.level, logger.handlers) == before


def test_the_debug_report_names_the_versions() -> None:
    lines = Configuration().to_debug_report().splitlines()
    assert f"Python Version: {platform.python_version()}" in lines
    assert f"SDK Package Version: {quantcdn.__version__}" in lines
    assert any(line.startswith("OS: ") for line in lines)
    assert any(line.startswith("Version of the API: ") for line in lines)
