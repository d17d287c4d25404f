"""What travels: queries, bodies, URLs, tokens and headers, as the bytes that a server receives.

What holds for every operation alike is in `test_operations.py`; here stands what belongs to the client as a whole.
"""

import json
import platform
import re
import socket
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import repeat
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from conftest import Connect
from pydantic import ValidationError
from servers import ScriptedServer, answer, json_answer, scripted_server
from urllib3 import HTTPConnectionPool
from urllib3.util import SKIP_HEADER

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiValueError,
    Configuration,
    ConnectionException,
    CreateAISessionRequest,
    ExtendAISessionRequest,
    RetryPolicy,
    UpdateAISessionRequest,
    __version__,
)

SESSIONS = "/api/v3/organizations/org/ai/sessions"
SECRET = "qc_s3cret"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers every request with an empty list."""
    with scripted_server(repeat(json_answer([]))) as server:
        yield server


@pytest.fixture
def creating() -> Iterator[ScriptedServer]:
    """A server that answers every request with the id of a session."""
    with scripted_server(repeat(json_answer({"sessionId": "s"}, 201))) as server:
        yield server


# Queries


@pytest.mark.parametrize(
    "value",
    [
        "user-1",
        " a ",
        "a b",
        "a&b=c",
        "a+b",
        "100%",
        "%41",
        "a/b?c#d;e,f:g@h",
        "Zoë",
        "e\u0301",
        "日本語",
        "😀",
        "\u202e",
        "a\r\nb\tc\0",
        "~-._!$'()*[]{}|\\^`\"<>",
        "None",
        "x" * 4000,
    ],
    ids=lambda value: ascii(value[:20]),
)
@pytest.mark.parametrize(
    ("parameter", "wire_name"), [("user_id", "userId"), ("session_group", "sessionGroup"), ("model", "model")]
)
def test_a_filter_arrives_as_given(
    server: ScriptedServer, connect: Connect, parameter: str, wire_name: str, value: str
) -> None:
    connect(server.host).list_ai_sessions("org", **{parameter: value})
    target = urlsplit(server.request.target)
    assert target.path == SESSIONS
    assert parse_qsl(target.query, keep_blank_values=True, strict_parsing=True) == [(wire_name, value)]
    assert re.fullmatch(r"[A-Za-z0-9._~%&=-]*", target.query), "nothing but unreserved characters stands as it is"


def test_filters_combine_and_none_is_left_out(server: ScriptedServer, connect: Connect) -> None:
    connect(server.host).list_ai_sessions("org", user_id="u", session_group=None, limit=100, offset=0, model=None)
    assert server.request.target == f"{SESSIONS}?userId=u&limit=100&offset=0"


def test_without_filters_there_is_no_query(server: ScriptedServer, connect: Connect) -> None:
    connect(server.host).list_ai_sessions("org")
    assert server.request.target == SESSIONS


def test_a_large_offset_arrives_digit_by_digit(server: ScriptedServer, connect: Connect) -> None:
    connect(server.host).list_ai_sessions("org", offset=2**70)
    assert server.request.target == f"{SESSIONS}?offset={2**70}"


# Bodies


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (
            lambda api: api.create_ai_session("org", CreateAISessionRequest(user_id="u")),
            {"userId": "u", "expirationMinutes": 60},
        ),
        (
            lambda api: api.create_ai_session("org", CreateAISessionRequest(userId="u", expirationMinutes=5)),
            {"userId": "u", "expirationMinutes": 5},
        ),
        (
            lambda api: api.create_ai_session("org", CreateAISessionRequest(user_id="u", expiration_minutes=None)),
            {"userId": "u"},
        ),
        (
            lambda api: api.create_ai_session("org", {"userId": "u", "sessionGroup": None, "metadata": {}}),
            {"userId": "u", "expirationMinutes": 60, "metadata": {}},
        ),
        (lambda api: api.create_ai_session("org", {"userId": ""}), {"userId": "", "expirationMinutes": 60}),
        (lambda api: api.update_ai_session("org", "s", UpdateAISessionRequest()), {}),
        (
            lambda api: api.update_ai_session("org", "s", {"new_messages": [], "tokens_used": 0}),
            {
                "newMessages": [],
                "tokensUsed": 0,
            },
        ),
        (
            lambda api: api.update_ai_session("org", "s", {"newMessages": [{"role": None, "content": ""}]}),
            {"newMessages": [{"content": ""}]},
        ),
        (lambda api: api.extend_ai_session("org", "s", ExtendAISessionRequest()), {"additionalMinutes": 60}),
        (lambda api: api.extend_ai_session("org", "s", {}), {"additionalMinutes": 60}),
        (lambda api: api.extend_ai_session("org", "s", {"additionalMinutes": None}), {}),
    ],
    ids=[
        "create default",
        "create by wire names",
        "create default taken away",
        "create None left out",
        "create empty text kept",
        "update nothing",
        "update empty and zero kept",
        "update message without role",
        "extend default",
        "extend default of a dict",
        "extend default taken away",
    ],
)
def test_a_body_has_camel_case_keys_and_defaults_and_no_nulls(
    creating: ScriptedServer, connect: Connect, send: Callable[[AISessionsApi], object], expected: object
) -> None:
    send(connect(creating.host))
    assert creating.request.json() == expected
    assert creating.request.headers["content-length"] == str(len(creating.request.body))


@pytest.mark.parametrize("arguments", [(), (None,)], ids=["left out", "None"])
def test_extending_without_a_model_sends_no_body(
    creating: ScriptedServer, connect: Connect, arguments: tuple[None, ...]
) -> None:
    connect(creating.host).extend_ai_session("org", "s", *arguments)
    assert creating.request.method == "PUT"
    assert creating.request.body == b""
    assert "content-type" not in creating.request.headers


class Colour(str, Enum):
    RED = "red"


class Level(Enum):
    HIGH = 3
    SINCE = date(2030, 1, 2)


METADATA: dict[str, tuple[Any, Any]] = {
    "None": (None, None),
    "nested None": ({"a": None, "b": [None, {"c": None}]}, {"a": None, "b": [None, {"c": None}]}),
    "bool": ([True, False], [True, False]),
    "integer beyond 64 bits": (2**80, 2**80),
    "negative integer beyond 64 bits": (-(2**200), -(2**200)),
    "float": (0.1, 0.1),
    "large float": (1.7e308, 1.7e308),
    "text": ('Zoë 日本語 😀 " \\ / \u2028 \0', 'Zoë 日本語 😀 " \\ / \u2028 \0'),
    "key": ({"ключ 😀": 1}, {"ключ 😀": 1}),
    "empty": ([{}, [], ""], [{}, [], ""]),
    "tuple": ((1, (2,)), [1, [2]]),
    "aware datetime": (datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc), "2030-01-02T03:04:05.000006Z"),
    "datetime with an offset": (
        datetime(2030, 1, 2, tzinfo=timezone(timedelta(hours=-5))),
        "2030-01-02T00:00:00-05:00",
    ),
    "naive datetime": (datetime(2030, 1, 2, 3, 4, 5), "2030-01-02T03:04:05"),
    "date": (date(2030, 1, 2), "2030-01-02"),
    "time": (time(3, 4, 5), "03:04:05"),
    "decimal": ([Decimal("1.10"), Decimal("1E+5")], ["1.10", "1E+5"]),
    "uuid": (UUID("5f3c1c1e-0000-4000-8000-000000000001"), "5f3c1c1e-0000-4000-8000-000000000001"),
    "enum of text": (Colour.RED, "red"),
    "enum": ([Level.HIGH, Level.SINCE], [3, "2030-01-02"]),
    "enum as a key": ({Colour.RED: 1}, {"red": 1}),
    "200 levels": (json.loads("[" * 199 + "]" * 199), json.loads("[" * 199 + "]" * 199)),
}


@pytest.mark.parametrize(("value", "expected"), METADATA.values(), ids=METADATA)
def test_metadata_arrives_as_json_says_it(
    creating: ScriptedServer, connect: Connect, value: Any, expected: Any
) -> None:
    api = connect(creating.host)
    api.create_ai_session("org", CreateAISessionRequest(user_id="u", metadata={"value": value}))
    api.update_ai_session("org", "s", {"metadata": {"value": value}})
    created, updated = creating.requests
    assert created.json() == {"userId": "u", "expirationMinutes": 60, "metadata": {"value": expected}}
    assert updated.json() == {"metadata": {"value": expected}}


def test_a_body_is_utf_8_without_escapes(creating: ScriptedServer, connect: Connect) -> None:
    connect(creating.host).create_ai_session("org", {"userId": "Zoë 😀"})
    assert "Zoë 😀".encode() in creating.request.body


def _cycle() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["again"] = [loop]
    return loop


BAD_METADATA: dict[str, tuple[Any, str]] = {
    "NaN": (float("nan"), r"metadata\.value: JSON has no NaN"),
    "infinity": ([1, -float("inf")], r"metadata\.value\[1\]: JSON has no NaN"),
    "decimal NaN": (Decimal("NaN"), r"metadata\.value: JSON has no NaN"),
    "decimal sNaN": (Decimal("sNaN"), r"metadata\.value: JSON has no NaN"),
    "bytes": ({"a": b"x"}, r"metadata\.value\.a: a value of type bytes"),
    "set": ([{1}], r"metadata\.value\[0\]: a value of type set"),
    "object": (object(), r"metadata\.value: a value of type object"),
    "timedelta": (timedelta(1), r"metadata\.value: a value of type timedelta"),
    "integer key": ({"a": {1: 2}}, r"metadata\.value\.a: a key is of type int"),
    "tuple key": ({(1, 2): 3}, r"metadata\.value: a key is of type tuple"),
    "None key": ({None: 1}, r"metadata\.value: a key is of type NoneType"),
    "cycle": (_cycle(), r"metadata\.value\.again\[0\]: it contains itself"),
    "lone surrogate": (["\ud800"], r"metadata\.value\[0\]: text with a lone surrogate"),
    "key with a lone surrogate": ({"\udfff": 1}, r"metadata\.value: a key holds a lone surrogate"),
    "too deep": (json.loads("[" * 200 + "]" * 200), r"nested more than 200 levels deep"),
}


@pytest.mark.parametrize(("value", "message"), BAD_METADATA.values(), ids=BAD_METADATA)
def test_metadata_that_json_cannot_hold_is_refused_with_its_place(
    creating: ScriptedServer, connect: Connect, value: Any, message: str
) -> None:
    api = connect(creating.host)
    with pytest.raises(ValidationError, match=message):
        api.create_ai_session("org", {"userId": "u", "metadata": {"value": value}})
    with pytest.raises(ValidationError, match=message):
        api.update_ai_session("org", "s", {"metadata": {"value": value}})
    creating.end()
    assert creating.connections == 0


# Base URLs


@pytest.mark.parametrize(
    ("suffix", "prefix"),
    [
        ("", ""),
        ("/", ""),
        ("//", ""),
        ("/api/v3", ""),
        ("/api/v3/", ""),
        ("/gateway", "/gateway"),
        ("/gateway/", "/gateway"),
        ("/gateway/quant/api/v3", "/gateway/quant"),
        ("/gateway/quant/api/v3/", "/gateway/quant"),
        ("/api/v3/tenant", "/api/v3/tenant"),
        ("/api/v30", "/api/v30"),
        ("/a%20b", "/a%20b"),
        ("/Zoë", "/Zo%C3%AB"),
    ],
    ids=lambda value: value or "nothing",
)
def test_a_base_url_in_any_form_gives_the_right_target(
    server: ScriptedServer, connect: Connect, suffix: str, prefix: str
) -> None:
    connect(server.host + suffix).list_ai_sessions("org")
    assert server.request.target == prefix + SESSIONS


@pytest.mark.parametrize("change", [str.upper, lambda host: f"  {host}\n"], ids=["upper case", "white space"])
def test_a_base_url_is_read_whatever_its_case_and_the_space_around_it(
    server: ScriptedServer, connect: Connect, change: Callable[[str], str]
) -> None:
    assert connect(change(server.host)).list_ai_sessions("org") == []
    assert server.request.headers["host"] == server.host.removeprefix("http://")


def test_a_base_url_can_hold_an_ipv6_address(connect: Connect) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            # Without the IPv6 loopback there is nothing to connect to; the URL is still taken apart.
            assert connect("http://[::1]:8080/").api_client.configuration.host == "http://[::1]:8080/"
            return
    with scripted_server([json_answer([])], "::1") as server:
        assert server.host.startswith("http://[::1]:")
        assert connect(server.host).list_ai_sessions("org") == []
    assert server.request.headers["host"] == server.host.removeprefix("http://")


BAD_HOSTS: dict[str, tuple[str, str]] = {
    "no scheme": ("dashboard.quantcdn.io", "is not a URL"),
    "no scheme but a port": ("localhost:8080", "is not a URL"),
    "no server": ("https://", "is not a URL"),
    "path alone": ("/api/v3", "is not a URL"),
    "empty": ("", "is not a URL"),
    "ftp": ("ftp://dashboard.quantcdn.io", "is not a URL"),
    "user and password": (f"https://user:{SECRET}@dashboard.quantcdn.io", "must not hold a user name or a password"),
    "user": ("https://user@dashboard.quantcdn.io", "must not hold a user name or a password"),
    "query": (f"https://dashboard.quantcdn.io/?token={SECRET}", "must not hold a query"),
    "empty query": ("https://dashboard.quantcdn.io/?", "must not hold a query"),
    "fragment": (f"https://dashboard.quantcdn.io/#{SECRET}", "must not hold a query"),
    "port": ("https://dashboard.quantcdn.io:port", "is not a URL"),
    "port too large": ("https://dashboard.quantcdn.io:70000", "is not a URL"),
}


@pytest.mark.parametrize(("host", "message"), BAD_HOSTS.values(), ids=BAD_HOSTS)
def test_a_host_that_cannot_be_meant_is_refused(host: str, message: str) -> None:
    configuration = Configuration()
    with pytest.raises(ApiValueError, match=message) as made:
        Configuration(host=host)
    with pytest.raises(ApiValueError, match=message):
        configuration.host = host
    assert SECRET not in str(made.value)
    assert configuration.host == "https://dashboard.quantcdn.io"


def test_a_host_that_is_changed_takes_effect_on_the_next_call(connect: Connect) -> None:
    with scripted_server([json_answer([])]) as first, scripted_server([json_answer([])]) as second:
        api = connect(first.host)
        api.list_ai_sessions("org")
        api.api_client.configuration.host = f"{second.host}/moved"
        api.list_ai_sessions("org")
    assert first.request.target == SESSIONS
    assert second.request.target == f"/moved{SESSIONS}"


@pytest.mark.parametrize(
    ("index", "host"),
    [(None, "https://dashboard.quantcdn.io"), (0, "https://dashboard.quantcdn.io"), (1, "https://dash.quantgov.cloud")],
)
def test_server_index_chooses_between_the_two_servers(index: int | None, host: str) -> None:
    assert Configuration(server_index=index).host == host


@pytest.mark.parametrize(
    ("server_index", "options", "called"),
    [
        (None, {}, "dashboard.quantcdn.io"),
        (1, {}, "dash.quantgov.cloud"),
        (1, {"_host_index": 0}, "dash.quantgov.cloud"),
        (None, {"_host_index": 1}, "dash.quantgov.cloud"),
        (0, {"_host_index": 1}, "dash.quantgov.cloud"),
    ],
)
def test_a_call_goes_to_the_server_that_was_chosen(
    server_index: int | None, options: dict[str, Any], called: str
) -> None:
    with scripted_server([answer(403)]) as proxy:
        configuration = Configuration(access_token=SECRET, server_index=server_index, retries=0)
        configuration.proxy = proxy.host
        with ApiClient(configuration) as client, pytest.raises(ConnectionException):
            AISessionsApi(client).list_ai_sessions("org", **options)
    assert (proxy.request.method, proxy.request.target) == ("CONNECT", f"{called}:443")
    assert SECRET.encode() not in proxy.request.head


def test_server_index_has_no_effect_beside_a_host() -> None:
    configuration = Configuration(host="http://127.0.0.1:1", server_index=1)
    assert configuration.host == "http://127.0.0.1:1"
    configuration.host = None
    assert configuration.host == "https://dash.quantgov.cloud"


@pytest.mark.parametrize("index", [2, -1])
def test_server_index_out_of_range_is_refused(index: int) -> None:
    with pytest.raises(ApiValueError, match=f"There is no server {index}: the index must be 0 to 1"):
        assert Configuration(server_index=index).host


# Tokens


@pytest.mark.parametrize(
    "token",
    [
        "qc_1",
        "qc_1\n",
        "qc_1\r\n",
        " \tqc_1 ",
        "Bearer qc_1",
        "bearer qc_1",
        "BEARER  qc_1\n",
        "\nBearer\tqc_1",
    ],
    ids=repr,
)
def test_a_token_is_sent_without_what_was_pasted_around_it(
    server: ScriptedServer, connect: Connect, token: str
) -> None:
    connect(server.host, token).list_ai_sessions("org")
    connect(server.host, lambda: token).list_ai_sessions("org")
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer qc_1"] * 2


BAD_TOKENS = {
    "empty": "",
    "white space": " \n",
    "scheme alone": "Bearer",
    "scheme and space": "Bearer ",
    "inner line break": f"{SECRET}\r\nX-Evil: 1",
    "inner space": f"{SECRET} {SECRET}",
    "not ASCII": f"{SECRET}é",
    "control character": f"{SECRET}\0",
    "lone surrogate": f"{SECRET}\ud800",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(
    server: ScriptedServer, connect: Connect, token: str
) -> None:
    configuration = Configuration(access_token="qc_1")
    api = connect(server.host, lambda: token)
    with pytest.raises(ApiValueError, match="The access token ") as made:
        Configuration(access_token=token)
    with pytest.raises(ApiValueError, match="The access token ") as changed:
        configuration.access_token = token
    with pytest.raises(ApiValueError, match="The access token ") as called:
        api.list_ai_sessions("org")
    assert all(SECRET not in f"{caught.value} {caught.value!r}" for caught in (made, changed, called))
    assert configuration.access_token == "qc_1"
    server.end()
    assert server.connections == 0


def test_a_token_that_is_changed_takes_effect_on_the_next_call(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host, "qc_1")
    api.list_ai_sessions("org")
    api.api_client.configuration.access_token = "qc_2\n"
    api.list_ai_sessions("org")
    api.api_client.configuration.access_token = None
    with pytest.raises(ApiValueError, match="No access token is configured"):
        api.list_ai_sessions("org")
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer qc_1", "Bearer qc_2"]


def test_a_gateway_that_brings_the_token_is_called_without_one(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host, None)
    api.api_client.set_default_header("X-Gateway-Key", "key")
    api.list_ai_sessions("org")

    assert server.request.headers["x-gateway-key"] == "key"
    assert "authorization" not in server.request.headers


def test_a_callable_token_is_asked_at_each_attempt(connect: Connect) -> None:
    tokens = iter(["qc_1", "qc_2", "qc_3"])
    with scripted_server([answer(429), json_answer([]), json_answer([])]) as server:
        api = connect(server.host, lambda: next(tokens), retries=RetryPolicy(attempts=2, backoff=0))
        api.list_ai_sessions("org")
        api.list_ai_sessions("org")
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer qc_1",
        "Bearer qc_2",
        "Bearer qc_3",
    ]


# Headers


def test_the_user_agent_names_the_sdk_and_python(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host)
    api.list_ai_sessions("org")
    agent = server.request.headers["user-agent"]
    assert agent == api.api_client.user_agent == f"quantcdn-python/{__version__} Python/{platform.python_version()}"


def test_the_user_agent_can_be_replaced(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host)
    api.api_client.user_agent = "app/1"
    api.list_ai_sessions("org")
    assert server.request.headers["user-agent"] == "app/1"


def test_a_client_can_be_made_with_a_default_header_and_a_cookie(server: ScriptedServer) -> None:
    with ApiClient(Configuration(server.host), "X-Team", "blue", "a=1; b=2") as client:
        api = AISessionsApi(client)
        api.list_ai_sessions("org")
        client.cookie = "c=3"
        client.set_default_header("x-team", "red")
        api.list_ai_sessions("org")
        client.cookie = None
        api.list_ai_sessions("org")
    headers = [request.headers for request in server.requests]
    assert [fields.get("cookie") for fields in headers] == ["a=1; b=2", "c=3", None]
    assert [fields["x-team"] for fields in headers] == ["blue", "red", "red"]


def test_a_default_header_may_replace_the_token(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host)
    api.api_client.set_default_header("authorization", "Basic abc")
    api.list_ai_sessions("org")
    assert server.request.headers["authorization"] == "Basic abc"


def test_a_default_header_set_in_the_mapping_is_sent(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host)
    api.api_client.default_headers["X-Team"] = "blue"
    api.list_ai_sessions("org")
    assert server.request.headers["x-team"] == "blue"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", f"{SECRET}\r\nX-Evil: 1"),
        ("X-A", f"{SECRET}\nX-Evil: 1"),
        ("X-A", f"{SECRET}\0"),
        ("X-A", f"{SECRET}€"),
        ("X-A\r\nX-Evil", SECRET),
        ("X A", SECRET),
        ("X-A:", SECRET),
        ("", SECRET),
    ],
    ids=ascii,
)
def test_a_header_that_would_be_another_is_refused_and_not_shown(
    server: ScriptedServer, connect: Connect, name: str, value: str
) -> None:
    api = connect(server.host)
    with pytest.raises(ApiValueError) as default:
        api.api_client.set_default_header(name, value)
    with pytest.raises(ApiValueError) as made:
        ApiClient(Configuration(server.host), name, value)
    with pytest.raises(ValidationError) as call:
        api.list_ai_sessions("org", _headers={name: value})
    with pytest.raises(ApiValueError) as auth:
        api.list_ai_sessions("org", _request_auth={"in": "header", "key": name, "value": value})
    api.api_client.default_headers[name] = value
    with pytest.raises(ApiValueError) as mapping:
        api.list_ai_sessions("org")
    assert all(SECRET not in str(caught.value) for caught in (default, made, call, auth, mapping))
    server.end()
    assert server.connections == 0


FRAMING = [
    *["Content-Length", "content-length", "Content_Length", "Transfer-Encoding", "TRANSFER-ENCODING", "Host", "Expect"],
    *["Connection", "Keep-Alive", "Upgrade", "HTTP2-Settings", "TE", "Trailer"],
    *["Proxy-Authorization", "Proxy-Connection"],
]


@pytest.mark.parametrize("name", FRAMING)
def test_a_header_that_says_how_a_request_is_sent_is_refused_on_every_road(
    server: ScriptedServer, connect: Connect, name: str
) -> None:
    api = connect(server.host)
    header = {name: "5"}
    with pytest.raises(ApiValueError, match=f"header '{name}' cannot be set"):
        api.api_client.set_default_header(name, "5")
    with pytest.raises(ApiValueError, match=f"header '{name}' cannot be set"):
        ApiClient(Configuration(server.host), name, "5")
    with pytest.raises(ValidationError, match=f"header '{name}' cannot be set"):
        api.delete_ai_session("org", "id", _headers=header)
    with pytest.raises(ApiValueError, match=f"header '{name}' cannot be set"):
        api.list_ai_sessions("org", _request_auth={"in": "header", "key": name, "value": "5"})
    for send in (api.api_client.call_api, api.api_client.rest_client.request):
        with pytest.raises(ApiValueError, match=f"header '{name}' cannot be set"):
            send("POST", f"{server.host}/", header, {})
    api.api_client.default_headers[name] = "5"
    with pytest.raises(ApiValueError, match=f"header '{name}' cannot be set"):
        api.list_ai_sessions("org")
    server.end()
    assert server.connections == 0


def test_the_host_that_is_named_can_be_another_than_the_one_that_is_reached(
    server: ScriptedServer, connect: Connect
) -> None:
    api = connect(server.host)
    api.api_client.configuration.host_header = "service.example"
    api.list_ai_sessions("org")
    assert server.request.headers["host"] == "service.example"
    assert server.request.head.lower().count(b"\nhost:") == 1


@pytest.mark.parametrize("value", [f"{SECRET}\r\nX-Evil: 1", f"{SECRET}\0"], ids=ascii)
def test_a_cookie_or_user_agent_that_would_be_another_header_is_refused(value: str) -> None:
    client = ApiClient(Configuration())
    with pytest.raises(ApiValueError) as cookie:
        client.cookie = value
    with pytest.raises(ApiValueError) as agent:
        client.user_agent = value
    with pytest.raises(ApiValueError) as made:
        ApiClient(Configuration(), cookie=value)
    assert all(SECRET not in str(caught.value) for caught in (cookie, agent, made))


def test_a_media_type_that_would_be_another_header_is_refused(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host)
    with pytest.raises(ValidationError, match=r"(?s)_content_type.*cannot be sent"):
        api.create_ai_session("org", {"userId": "u"}, _content_type="a/b\r\nX-Evil: 1")
    with pytest.raises(ValidationError, match=r"(?s)_content_type.*cannot be sent"):
        api.list_ai_sessions("org", _content_type="a/b€")
    server.end()
    assert server.connections == 0


def test_a_header_may_hold_any_character_of_latin_1(server: ScriptedServer, connect: Connect) -> None:
    connect(server.host).list_ai_sessions("org", _headers={"X-Name": "Zoë\tß"})
    assert server.request.headers["x-name"] == "Zoë\tß"


# Defaults


@pytest.mark.usefixtures("no_defaults")
def test_an_api_class_without_a_client_uses_the_default_configuration(server: ScriptedServer) -> None:
    Configuration.set_default(Configuration(host=server.host, access_token="qc_default"))
    api = AISessionsApi()
    assert api.list_ai_sessions("org") == []
    api.api_client.close()
    assert server.request.headers["authorization"] == "Bearer qc_default"


@pytest.mark.usefixtures("no_defaults")
def test_an_api_class_without_a_client_uses_the_default_client(server: ScriptedServer) -> None:
    with ApiClient(Configuration(host=server.host), "X-Client", "default") as client:
        ApiClient.set_default(client)
        assert AISessionsApi().list_ai_sessions("org") == []
    assert server.request.headers["x-client"] == "default"


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_target_is_named_without_secrets(connect: Connect, status: int) -> None:
    with scripted_server() as elsewhere:
        location = f"{elsewhere.host}/login?token={SECRET}#{SECRET}"
        redirect = answer(status, headers={"Location": location})
        with scripted_server([redirect]) as server, pytest.raises(ApiException) as caught:
            connect(server.host).list_ai_sessions("org")
    assert type(caught.value) is ApiException
    assert caught.value.status == status
    assert f"redirects are not followed; this one leads to {elsewhere.host}/login?***" in str(caught.value)
    assert SECRET not in f"{caught.value} {caught.value!r}"
    assert (len(server.requests), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (f"//user:{SECRET}@example.test/a", "//***@example.test/a"),
        ("/login", "/login"),
        (None, "an unnamed place"),
    ],
    ids=["password", "path", "nothing"],
)
def test_a_redirect_of_another_form_is_named_as_well(connect: Connect, location: str | None, shown: str) -> None:
    headers = {} if location is None else {"Location": location}
    with scripted_server([answer(302, headers=headers)]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).list_ai_sessions("org")
    assert f"this one leads to {shown})" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_raw_variant_returns_a_redirect(connect: Connect) -> None:
    with scripted_server([answer(302, headers={"Location": "/login"})]) as server:
        response = connect(server.host).list_ai_sessions_without_preload_content("org")
        response.close()
    assert (response.status, response.headers["location"]) == (302, "/login")
    assert len(server.requests) == 1


def tracing(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    """Let urllib3 send further headers, as a tracer does that is put below the client."""
    send = HTTPConnectionPool.urlopen

    def traced(self: HTTPConnectionPool, method: str, url: str, *rest: Any, **options: Any) -> Any:
        body, own = rest
        return send(self, method, url, body, {**own, **headers}, **options)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", traced)


@pytest.mark.parametrize("value", ["a\r\nX-Other: 1", "a\nb", "a\0b", "a\r\n\r\nGET / HTTP/1.1"], ids=repr)
def test_a_header_of_a_tracer_that_would_be_another_is_not_sent(
    value: str, server: ScriptedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracing(monkeypatch, {"X-Trace": value})
    with pytest.raises(ValueError, match="header"):
        connect(server.host).list_ai_sessions("org")
    assert not server.requests


def test_a_tracer_may_add_a_header_and_leave_one_out(
    server: ScriptedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracing(monkeypatch, {"Traceparent": "00-1-é", "User-Agent": SKIP_HEADER})
    connect(server.host).list_ai_sessions("org")
    assert server.request.headers["traceparent"] == "00-1-é"
    assert "user-agent" not in server.request.headers
