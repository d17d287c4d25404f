"""No secret is shown: whatever happens to a call, nothing that can be printed, logged or pickled of it holds the token,
any other credential of the request, or those of a proxy.

Each situation below is met with every secret of the catalogue in use, and then everything there is to see is searched
for each of them. Many situations are answers of a service that repeats the whole request it got.
"""

import base64
import copy
import gc
import html
import http.client
import json
import logging
import pickle
import pprint
import re
import ssl
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FunctionType, ModuleType
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import trustme
from conftest import TOKEN, Connect
from pydantic import ValidationError
from servers import CLOSE, RESET, STALL, Answer, ScriptedServer, answer, json_answer, scripted_server

import quantcdn
from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiTypeError,
    ApiValueError,
    Attempt,
    Configuration,
    CreateAISessionRequest,
    OpenApiException,
    RetryPolicy,
    UpdateAISessionRequest,
    bulk,
)
from quantcdn._wire.message import Request, Response
from quantcdn.bulk._selection import Selection

SECRETS = {
    "token": "qc_tokenmark0001/+~",
    "request auth": "qc_authmark0002",
    "header": "headermark0003é",
    "default header": "defaultmark0004",
    "cookie": "cookiemark0005",
    "proxy user": "proxyusermark0006",
    "proxy password": "proxypasswordmark0007",
    "proxy header": "proxyheadermark0008",
    "proxy login": base64.b64encode(b"proxyusermark0006:proxypasswordmark0007").decode(),
}
CONTENT = "contentmark0009"
OPTIONS: dict[str, Any] = {
    "_request_auth": {"type": "api key", "in": "header", "key": "X-Api-Key", "value": SECRETS["request auth"]},
    # _request_auth takes the place of the configured token; here both are sent.
    "_headers": {"X-Anything": SECRETS["header"], "Authorization": f"Bearer {SECRETS['token']}"},
}
CREATE = {"userId": "user-1", "initialMessages": [{"role": "user", "content": CONTENT}]}


def client_with_secrets(host: str, proxy: str | None = None, **options: Any) -> ApiClient:
    """A client that knows every secret but those of a call."""
    configuration = Configuration(host, SECRETS["token"], retries=RetryPolicy(backoff=0, backoff_max=0), **options)
    configuration.max_response_size = 50_000
    if proxy is not None:
        configuration.proxy = f"http://{SECRETS['proxy user']}:{SECRETS['proxy password']}@{proxy}"
        configuration.proxy_headers = {"X-Proxy-Key": SECRETS["proxy header"]}
    client = ApiClient(configuration, "X-Default", SECRETS["default header"])
    client.cookie = f"session={SECRETS['cookie']}; theme=dark"
    return client


def spellings(text: str) -> list[str]:
    """A text as it is, as JSON escapes it, and as reprs of bytes show it."""
    escaped = json.dumps(text)[1:-1]
    return [text, escaped, escaped.replace("/", "\\/"), repr(text.encode())[2:-1], repr(text.encode("latin-1"))[2:-1]]


def assert_hidden(shown: str, **more: str) -> None:
    for name, secret in {**SECRETS, **more}.items():
        for spelling in spellings(secret):
            assert spelling not in shown, f"the {name} is shown"


def printed(value: object) -> list[str]:
    """A value in every way in which people print it."""
    ways = [repr(value), str(value), f"{value}", pprint.pformat(value), pprint.pformat([value])]
    if hasattr(value, "__dict__") and not isinstance(value, Mapping):  # of a mapping, that would be its contents
        ways += [str(vars(value)), pprint.pformat(vars(value))]
    return ways


def all_of_an_exception(error: BaseException) -> list[str]:
    """An exception, and everything that it leads to, as text."""
    shown = [*printed(error), repr(error.args), "".join(traceback.format_exception(error))]
    if isinstance(error, ApiException):
        shown += [repr(list((error.headers or {}).items())), str(error.request_id), json.dumps(error.data, default=str)]
    if hasattr(error, "errors"):
        shown.append(repr(error.errors()))
    if isinstance(error, OpenApiException | ValidationError):  # pickled without its causes
        shown.append(pickle.dumps(error).decode("latin-1"))
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            shown += all_of_an_exception(cause)
    return shown


@pytest.fixture
def logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], str]:
    """Everything that was logged, by whomever, or written, by a process that asks everybody to be talkative."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    def everything() -> str:
        records = [f"{record.getMessage()} {record.args!r} {record.__dict__}" for record in caplog.records]
        return "\n".join([*records, caplog.text, *capfd.readouterr()])

    return everything


# Situations in which the service, or whoever plays it, answers

Echo = Callable[[str], Answer]
"""What to answer to the request of which this is the head."""


def one_line(echo: str) -> str:
    return " ".join(echo.split("\r\n"))


def in_body(status: int) -> Echo:
    fields = {"X-Request-Id": "r-1"}
    return lambda echo: json_answer({"error": True, "message": echo, "errors": {echo: [echo]}}, status, fields)


def in_headers(status: int) -> Echo:
    return lambda echo: answer(
        status,
        b"{}",
        {
            "X-Echo": (line := one_line(echo)),
            "Set-Cookie": line,
            "WWW-Authenticate": line,
            "X-Request-Id": line,
            "Server": line,
        },
    )


def as_php_writes_json(echo: str) -> Answer:
    return answer(403, json.dumps({"message": echo}).replace("/", "\\/").encode())


def bad(status: int, body: Callable[[str], bytes], **headers: str) -> Echo:
    return lambda echo: answer(status, body(echo), {name.replace("_", "-"): value for name, value in headers.items()})


def head_of(text: Callable[[str], str]) -> Echo:
    return lambda echo: [text(one_line(echo)).encode("latin-1"), CLOSE]


STATUSES = (302, 400, 401, 403, 404, 409, 418, 422, 429, 500, 503)
ECHOES: dict[str, Echo] = {
    **{f"{status} with the request in its body": in_body(status) for status in STATUSES},
    **{f"{status} with the request in its headers": in_headers(status) for status in STATUSES},
    "403 in the JSON of PHP": as_php_writes_json,
    "401 as text": bad(401, lambda echo: echo.encode("latin-1"), Content_Type="text/plain; charset=latin-1"),
    "401 as HTML": bad(401, lambda echo: f"<html>{echo}</html>".encode(), Content_Type="text/html"),
    "401 in an unknown charset": bad(401, lambda echo: echo.encode(), Content_Type="text/plain; charset=x-none"),
    "401 in its reason": head_of(lambda echo: f"HTTP/1.1 401 No {echo}\r\nContent-Length: 0\r\n\r\n"),
    "redirect to it": head_of(
        lambda echo: f"HTTP/1.1 307 Go\r\nLocation: https://other.example/{echo}\r\nContent-Length: 0\r\n\r\n"
    ),
    "200 that is text": bad(200, lambda echo: echo.encode()),
    "200 that is not UTF-8": bad(200, lambda echo: echo.encode() + b"\xff"),
    "200 of the wrong shape": bad(200, lambda echo: json.dumps({"id": {echo: 1}, "sessionId": [echo]}).encode()),
    "200 with a wrong id": bad(200, lambda echo: json.dumps({"createdAt": echo, "id": 1.5}).encode()),
    "200 that reports an error": bad(200, lambda echo: json.dumps({"error": echo}).encode()),
    "200 that is no gzip": bad(200, lambda echo: echo.encode(), Content_Encoding="gzip"),
    "200 too large": bad(200, lambda echo: echo.encode() * 1000),
    "200 with the request in its headers": lambda echo: answer(
        200, b'{"id": "s"}', {"X-Echo": one_line(echo), "Set-Cookie": one_line(echo)}
    ),
    "status line that is none": head_of(lambda echo: f"{echo}\r\n\r\n"),
    "status that is none": head_of(lambda echo: f"HTTP/1.1 {echo}\r\n\r\n"),
    "header that is none": head_of(lambda echo: f"HTTP/1.1 200 OK\r\n{echo.replace(':', '')}\r\n\r\n"),
    "head that is cut": head_of(lambda echo: f"HTTP/1.1 200 OK\r\nX-Echo: {echo}"),
    "body that is cut": head_of(lambda echo: f"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{echo}"),
    "chunk that is cut": head_of(
        lambda echo: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{len(echo):x}\r\n{echo}\r\n9\r\n"
    ),
    "chunk size that is none": head_of(lambda echo: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{echo}\r\n"),
    "content length that is none": head_of(lambda echo: f"HTTP/1.1 200 OK\r\nContent-Length: {echo}\r\n\r\n{{"),
}
SILENT: dict[str, Echo] = {
    "success": lambda _echo: json_answer({"id": "s-1", "sessionId": "s-1"}),
    "404": lambda _echo: json_answer({"message": "no"}, 404),
    "407": lambda _echo: json_answer({"message": "no"}, 407),
    "503": lambda _echo: json_answer({"message": "no"}, 503),
    "lost connection": lambda _echo: [RESET],
    "closed connection": lambda _echo: [CLOSE],
    "timeout": lambda _echo: [STALL],
}


@contextmanager
def answering(echo: Echo) -> Iterator[ScriptedServer]:
    """A server that answers each request with this, made of the request's head."""

    def answers() -> Iterator[Answer]:
        while True:
            yield echo(server.requests[-1].head.decode("latin-1"))

    with scripted_server(answers()) as server:
        yield server


def converse(client: ApiClient) -> tuple[list[object], list[BaseException]]:
    """Calls of either kind, with every secret of a call: what they returned, and what they raised."""
    api = AISessionsApi(client)
    returned: list[object] = [client.configuration, copy.deepcopy(client.configuration), client, client.rest_client]
    returned += [api, api.get_ai_session, client.default_headers, client.configuration.to_debug_report()]
    raised: list[BaseException] = []
    calls: list[Callable[[], object]] = [
        lambda: api.create_ai_session_with_http_info("org", CREATE, **OPTIONS, _request_timeout=0.2),
        lambda: api.get_ai_session_with_http_info("org", "s-1", **OPTIONS, _request_timeout=0.2),
        lambda: api.list_ai_sessions("org", **OPTIONS, _request_timeout=0.2),
    ]
    for call in calls:
        try:
            returned.append(call())
        except Exception as error:
            raised.append(error)
    return returned, raised


def assert_nothing_is_shown(client: ApiClient, logged: Callable[[], str], failures: int) -> None:
    with client:
        returned, raised = converse(client)
    assert len(raised) == failures
    for value in returned:
        for shown in printed(value):
            assert_hidden(shown)
    for error in raised:
        for shown in all_of_an_exception(error):
            assert_hidden(shown)
    log = logged()
    assert "/api/v3/organizations/org/ai/sessions" in log  # so that there was something to search
    assert_hidden(log, content=CONTENT)


@pytest.mark.parametrize(("name", "echo"), ECHOES.items(), ids=ECHOES)
def test_no_secret_is_shown_where_the_service_repeats_the_request(
    name: str, echo: Echo, logged: Callable[[], str]
) -> None:
    with answering(echo) as server:
        client = client_with_secrets(server.host)
        assert_nothing_is_shown(client, logged, failures={"200 with the request in its headers": 1}.get(name, 3))
    for secret in (name for name in SECRETS if not name.startswith("proxy")):  # so that there was something to hide
        assert SECRETS[secret].encode("latin-1") in server.requests[0].head


@pytest.mark.parametrize("proxied", [False, True], ids=["directly", "through a proxy"])
@pytest.mark.parametrize(("name", "echo"), SILENT.items(), ids=SILENT)
def test_no_secret_is_shown_of_a_call(name: str, echo: Echo, proxied: bool, logged: Callable[[], str]) -> None:
    with answering(echo) as server:
        client = client_with_secrets(server.host, server.host.removeprefix("http://") if proxied else None)
        assert_nothing_is_shown(client, logged, failures=1 if name == "success" else 3)
    for secret in ("proxy login", "proxy header"):
        assert (SECRETS[secret].encode() in server.requests[0].head) is proxied


# Situations in which nobody answers


@contextmanager
def untrusted() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with scripted_server(tls=context) as server:
        yield server.host


@contextmanager
def no_tls() -> Iterator[str]:
    with answering(lambda _echo: [CLOSE]) as server:
        yield server.host.replace("http", "https")


@contextmanager
def nobody() -> Iterator[str]:
    yield "http://127.0.0.1:1"


@contextmanager
def unknown_name() -> Iterator[str]:
    yield "https://nowhere.invalid"


UNREACHED = {"refused": nobody, "name not found": unknown_name, "untrusted": untrusted, "no TLS": no_tls}


@pytest.mark.parametrize("reach", UNREACHED.values(), ids=UNREACHED)
def test_no_secret_is_shown_where_nobody_answers(reach: Callable[[], Any], logged: Callable[[], str]) -> None:
    with reach() as host:
        assert_nothing_is_shown(client_with_secrets(host), logged, failures=3)


def refuses_to_connect(_echo: str) -> Answer:
    return answer(407, b"", {"Proxy-Authenticate": "Basic"})


@pytest.mark.parametrize(
    ("host", "listening"),
    [("https://sessions.example", True), ("https://sessions.example", False), ("http://127.0.0.1:1", False)],
    ids=["refused by the proxy", "no proxy there", "no proxy there for plain HTTP"],
)
def test_no_secret_is_shown_where_the_proxy_does_not_help(
    host: str, listening: bool, logged: Callable[[], str]
) -> None:
    with answering(refuses_to_connect) as server:
        proxy = server.host.removeprefix("http://") if listening else "127.0.0.1:1"
        assert_nothing_is_shown(client_with_secrets(host, proxy), logged, failures=3)


BY_A_PROXY = [name for name in ECHOES if name.startswith(("401 ", "503 ", "200 that", "status ", "header that"))]


@pytest.mark.parametrize("host", ["http://sessions.example", "https://sessions.example"], ids=["plain", "by a tunnel"])
@pytest.mark.parametrize("name", BY_A_PROXY)
def test_no_secret_is_shown_where_a_proxy_repeats_what_it_was_told(
    name: str, host: str, logged: Callable[[], str]
) -> None:
    with warnings.catch_warnings(), answering(ECHOES[name]) as server:
        warnings.filterwarnings("ignore", ".* is plain HTTP")
        assert_nothing_is_shown(client_with_secrets(host, server.host.removeprefix("http://")), logged, failures=3)
    for secret in ("proxy login", "proxy header"):  # so that there was something to hide
        assert SECRETS[secret].encode() in server.requests[0].head


def test_the_password_of_a_login_is_hidden_where_it_is_told_as_text(connect: Connect) -> None:
    told = {"message": "anna and correct-horse do not match"}
    login = base64.b64encode(b"anna:correct-horse").decode()
    with scripted_server([json_answer(told, 401)]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).get_ai_session("org", "s-1", _headers={"Authorization": f"Basic {login}"})
    assert str(caught.value) == "get_ai_session org/s-1: 401 Unauthorized: anna and *** do not match"


# Bad input


def with_proxy(proxy: str) -> Configuration:
    configuration = Configuration()
    configuration.proxy = proxy
    return configuration


TOKEN_MARK, AUTH_MARK = SECRETS["token"], SECRETS["request auth"]
BAD_INPUT: dict[str, Callable[[AISessionsApi], object]] = {
    "token with a space": lambda _: Configuration(access_token=f"{TOKEN_MARK} {TOKEN_MARK}"),
    "token with a line break inside": lambda _: Configuration(access_token=f"{TOKEN_MARK}\n{TOKEN_MARK}"),
    "token with letters beyond ASCII": lambda _: Configuration(access_token=f"{TOKEN_MARK}ключ"),
    "token with a letter of Latin-1": lambda _: Configuration(access_token=f"{TOKEN_MARK}é"),
    "token as bytes": lambda _: Configuration(access_token=TOKEN_MARK.encode()),  # type: ignore[arg-type]
    "token in a list": lambda _: Configuration(access_token=[TOKEN_MARK]),  # type: ignore[arg-type]
    "token as host": lambda _: Configuration(TOKEN_MARK),
    "token in the host": lambda _: Configuration(f"https://{TOKEN_MARK.replace('/', '')}@service.example"),
    "token in the query of the host": lambda _: Configuration(f"https://service.example?key={TOKEN_MARK}"),
    "token as retries": lambda _: ApiClient(Configuration(retries=TOKEN_MARK)),  # type: ignore[arg-type]
    "token as proxy": lambda _: ApiClient(with_proxy(TOKEN_MARK)),
    "default header with a line break": lambda api: api.api_client.set_default_header("X-A", f"1\n{TOKEN_MARK}"),
    "proxy of another kind": lambda _: client_with_secrets("http://127.0.0.1:1", "host:port"),
    "cookie with a line break": lambda api: setattr(api.api_client, "cookie", f"a={TOKEN_MARK}\r\n"),
    "headers of a call with a line break": lambda api: api.get_ai_session("o", "s", _headers={"A": f"\n{TOKEN_MARK}"}),
    "headers of a call beyond Latin-1": lambda api: api.get_ai_session("o", "s", _headers={"A": f"€{TOKEN_MARK}"}),
    "headers of a call as a list": lambda api: api.get_ai_session("o", "s", _headers=[("A", TOKEN_MARK)]),  # type: ignore[arg-type]
    "headers of a call as bytes": lambda api: api.get_ai_session("o", "s", _headers={"A": TOKEN_MARK.encode()}),  # type: ignore[dict-item]
    "header name": lambda api: api.get_ai_session("o", "s", _headers={f"Authorization: {TOKEN_MARK}": ""}),
    "auth as a string": lambda api: api.get_ai_session("o", "s", _request_auth=AUTH_MARK),  # type: ignore[arg-type]
    "auth as a list": lambda api: api.get_ai_session("o", "s", _request_auth={"value": [AUTH_MARK]}),  # type: ignore[dict-item]
    "auth in the query": lambda api: api.get_ai_session("o", "s", _request_auth={"in": "query", "value": AUTH_MARK}),
    "auth with a line break": lambda api: api.get_ai_session("o", "s", _request_auth={"value": f"a\r\n{AUTH_MARK}"}),
    "auth where something else is missing": lambda api: api.get_ai_session("o", **OPTIONS),  # type: ignore[call-arg]
    "auth where there is too much": lambda api: api.get_ai_session("o", "s", 1, **OPTIONS),  # type: ignore[call-arg]
    "auth where something else is bad": lambda api: api.get_ai_session("o", "..", **OPTIONS),
    "auth where the body is bad": lambda api: api.create_ai_session("o", {"userId": 1}, **OPTIONS),
    "auth beside a misspelt option": lambda api: api.get_ai_session("o", "s", _haeders=1, **OPTIONS),  # type: ignore[call-arg]
    "low-level header": lambda api: api.api_client.call_api("GET", "http://127.0.0.1:1", {"A": f"\n{TOKEN_MARK}"}),
    "low-level URL": lambda api: api.api_client.call_api("GET", f"http://{AUTH_MARK}:x@127.0.0.1:1"),
}


@pytest.mark.parametrize("misuse", BAD_INPUT.values(), ids=BAD_INPUT)
def test_no_secret_is_shown_of_bad_input(misuse: Callable[[AISessionsApi], object], logged: Callable[[], str]) -> None:
    with client_with_secrets("http://127.0.0.1:1") as client:
        with pytest.raises((ValueError, ApiTypeError)) as caught:
            misuse(AISessionsApi(client))
        assert not isinstance(caught.value, UnicodeError)
    for shown in all_of_an_exception(caught.value):
        assert_hidden(shown)
    assert_hidden(logged())


# Messages


def test_what_people_say_is_in_no_log(logged: Callable[[], str]) -> None:
    said = json_answer({"id": "s-1", "messages": [{"role": "user", "content": CONTENT}]})
    with scripted_server([said, said, json_answer({"message": CONTENT}, 400), answer(200, CONTENT.encode())]) as server:
        api = AISessionsApi(client_with_secrets(server.host))
        with api.api_client:
            session = api.get_ai_session("org", "s-1")
            assert session.messages == [{"role": "user", "content": CONTENT}]
            api.update_ai_session("org", "s-1", {"newMessages": [{"role": "user", "content": CONTENT}]})
            for _ in range(2):
                with pytest.raises(ApiException, match=CONTENT):
                    api.get_ai_session("org", "s-1")
    assert_hidden(logged(), content=CONTENT)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CreateAISessionRequest, {"userId": "u", "initialMessages": [{"role": "oracle", "content": CONTENT}]}),
        (UpdateAISessionRequest, {"newMessages": [{"role": "user", "content": [CONTENT]}]}),
        (UpdateAISessionRequest, {"newMessages": CONTENT}),
        (CreateAISessionRequest, {"userId": "u", "metadata": {"note": {CONTENT}}}),
    ],
    ids=["role", "content", "messages", "metadata"],
)
def test_a_refused_message_is_not_shown(model: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 validation error") as caught:
        model.from_dict(fields)
    assert_hidden("".join(traceback.format_exception(caught.value)), content=CONTENT)


# Tokens in every form

GOOD_TOKENS = {
    "as it is": "qc_1",
    "with a line break": "qc_1\n",
    "with a Windows line break": "qc_1\r\n",
    "with white space around it": " \tqc_1 ",
    "with Bearer": "Bearer qc_1",
    "with bearer and white space": " bearer   qc_1\n",
}


@pytest.mark.parametrize("called", [False, True], ids=["string", "callable"])
@pytest.mark.parametrize("token", GOOD_TOKENS.values(), ids=GOOD_TOKENS)
def test_a_token_is_sent_without_what_was_pasted_with_it(connect: Connect, token: str, called: bool) -> None:
    with scripted_server([json_answer({})]) as server:
        connect(server.host, (lambda: token) if called else token).get_ai_session("org", "s-1")
    assert server.request.headers["authorization"] == "Bearer qc_1"


BAD_TOKENS: dict[str, Any] = {
    "empty": "",
    "white space": " \n",
    "Bearer alone": "Bearer ",
    "two words": "qc_1 qc_2",
    "two lines": "qc_1\nX-Injected: 1",
    "beyond Latin-1": "qc_ключ",
    "Latin-1": "qc_é",
    "a control character": "qc_\x00",
    "bytes": b"qc_1",
    "a number": 7,
}


@pytest.mark.parametrize("called", [False, True], ids=["string", "callable"])
@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_token_that_cannot_be_sent_is_refused_unshown_before_a_socket_opens(
    connect: Connect, token: Any, called: bool
) -> None:
    with scripted_server() as server:
        with pytest.raises((ApiValueError, ApiTypeError), match="access token") as caught:
            connect(server.host, (lambda: token) if called else token).get_ai_session("org", "s-1")
        assert "qc_" not in "".join(traceback.format_exception_only(caught.value))
    assert server.connections == 0


def test_without_a_token_nothing_is_sent(connect: Connect) -> None:
    with scripted_server([json_answer({})]) as server:
        with pytest.raises(ApiValueError, match=r"^No access token is configured: give .*QUANT_API_TOKEN"):
            connect(server.host, None).get_ai_session("org", "s-1")
        assert server.requests == []


@pytest.mark.parametrize("header", ["Authorization", "Cookie", "X-Api-Key"])
def test_another_credential_than_a_token_will_do(connect: Connect, header: str) -> None:
    with scripted_server([json_answer({})] * 2) as server:
        api = connect(server.host, None)
        api.get_ai_session("org", "s-1", _headers={header: "something else"})
        assert server.requests[0].headers[header.lower()] == "something else"
        api.api_client.call_api("GET", f"{server.host}/health").read()
        assert header.lower() not in server.requests[1].headers


# What is kept, and what is hidden, on purpose


def test_a_pickled_configuration_holds_its_token_and_a_printed_one_does_not() -> None:
    configuration = Configuration("https://service.example", TOKEN)
    assert TOKEN.encode() in pickle.dumps(configuration)
    assert TOKEN not in repr(configuration)
    assert "access_token=***" in repr(configuration)


def test_an_error_keeps_all_that_is_no_secret(connect: Connect) -> None:
    refusal = {"message": "No such tenant: drupal", "hint": ["See theme=1", {"retry": True, "after": 3, "x": None}]}
    with scripted_server([json_answer(refusal, 404, {"X-Request-Id": "r-1", "X-Note": "plain"})]) as server:
        api = connect(server.host, "qc_token_of_the_team")
        api.api_client.cookie = "theme=1"
        with pytest.raises(ApiException) as caught:
            api.get_ai_session("org", "s-1", _headers={"X-Tenant": "drupal", "X-Request-Id": "r-1-of-the-caller"})
    assert caught.value.data == refusal
    assert json.loads(caught.value.body or "") == refusal
    assert dict(caught.value.headers or {})["X-Note"] == "plain"
    assert caught.value.request_id == "r-1"


def test_a_repeated_token_is_hidden_and_the_rest_of_the_message_is_shown(connect: Connect) -> None:
    token = "qc_token_of_the_team"
    expired = json_answer({"message": f"The token '{token}' has expired"}, 401)
    with scripted_server([expired]) as server, pytest.raises(ApiException) as caught:
        connect(server.host, token).get_ai_session("org", "s-1")
    assert str(caught.value) == "get_ai_session org/s-1: 401 Unauthorized: The token '***' has expired"
    assert caught.value.data == {"message": "The token '***' has expired"}


def test_a_request_id_that_repeats_the_token_is_hidden_in_the_log_and_in_the_record(
    logged: Callable[[], str],
) -> None:
    attempts: list[Attempt] = []
    with scripted_server([json_answer({}, headers={"X-Request-Id": f"id-of-{SECRETS['token']}"})]) as server:
        client = client_with_secrets(server.host)
        client.configuration.on_attempt = attempts.append
        with ApiClient(client.configuration) as hooked:
            AISessionsApi(hooked).get_ai_session("org", "s-1")
    assert [attempt.request_id for attempt in attempts] == ["id-of-***"]
    log = logged()
    assert "request id id-of-***" in log
    assert_hidden(log)


def test_a_printed_request_shows_neither_headers_nor_query_nor_body() -> None:
    from quantcdn._wire.origin import origin_of

    request = Request("GET", origin_of("https://a.example"), f"/p?q={CONTENT}", {"A": TOKEN}, CONTENT.encode())
    for shown in printed(request):
        assert_hidden(shown, content=CONTENT, other=TOKEN)


# Echoes in other spellings, and words that are none


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "percent": lambda secret: quote(secret, safe=""),
    "percent, but for slashes": lambda secret: quote(secret),
    "percent in small letters": lambda secret: re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
    "form": lambda secret: quote_plus(secret),
    "as encodeURIComponent": lambda secret: quote(secret, safe="~!*'()"),
    "percent of Latin-1": lambda secret: quote(secret, safe="", encoding="latin-1"),
    "HTML": lambda secret: html.escape(secret),
    "HTML in decimals": lambda secret: html.escape(secret).replace("&#x27;", "&#39;"),
    "HTML of Go": lambda secret: "".join(f"&#{ord(c)};" if c in "'\"+" else html.escape(c) for c in secret),
    "HTML of Mustache": lambda secret: html.escape(secret).replace("&#x27;", "&#39;").replace("/", "&#x2F;"),
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON of .NET": lambda secret: re.sub("[^ -~]|[&<>'+\"]", lambda found: f"\\u{ord(found[0]):04X}", secret),
    "JSON of Go": lambda secret: re.sub("[&<>]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(secret)[1:-1]),
    "base64": in_base64,
    "base64 after one byte": lambda secret: in_base64(f":{secret}"),
    "base64 of a login": lambda secret: in_base64(f"user:{secret}"),
    "base64 of a login with something after it": lambda secret: in_base64(f"anna:{secret}:more"),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"ab:{secret}".encode()).decode(),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("secret", ["qc_tokenmark0001/+~&'<>", "header&mark<0002>'é\"", "qc_0123456789abcdef"])
def test_an_echo_in_another_spelling_is_hidden(encode: Callable[[str], str], secret: str) -> None:
    echo = encode(secret)
    told = {"message": f"No access for {echo}!", "of": [{echo: 1}]}
    with scripted_server([json_answer(told, 403, {"X-Echo": quote(echo, "%+/=&")})]) as server, ExitStack() as stack:
        api = AISessionsApi(stack.enter_context(client_with_secrets(server.host)))
        with pytest.raises(ApiException) as caught:
            api.get_ai_session("org", "s-1", _headers={"X-Api-Key": secret})
    error = caught.value
    start, inside = error.data["message"].partition("***")[0], echo[4:-6]  # base64 begins and ends with bits of others
    assert start.startswith("No access for ")
    assert len(start) - len("No access for ") <= len(in_base64("anna:"))
    for shown in (str(error), repr(error.data), error.body or "", repr(dict(error.headers or {}))):
        assert inside not in shown


@pytest.mark.parametrize("before", range(150, 200, 7))
def test_a_secret_that_an_excerpt_cuts_is_hidden(before: int, connect: Connect) -> None:
    token = "qc_0123456789abcdef0123456789abcdef"
    echo = [f"{'.' * before}{token}{'.' * 99}\r\n\r\n".encode(), CLOSE]
    with scripted_server([echo]) as server, pytest.raises(ApiException) as caught:
        connect(server.host, token).get_ai_session("org", "s-1")
    assert token[:8] not in "".join(traceback.format_exception(caught.value))


def test_everyday_words_of_header_fields_are_no_secrets(connect: Connect) -> None:
    """Only what a credential's header carries is one, and what looks like one."""
    told = {"message": "The organisation production-eu has no session s for the application/vnd.shop+json clean-up"}
    with scripted_server([json_answer(told, 404)]) as server:
        api = connect(server.host, "qc_token_of_the_team")
        api.api_client.set_default_header("X-Tenant", "production-eu")
        api.api_client.set_default_header("X-Purpose", "organisation clean-up")
        with pytest.raises(ApiException) as caught:
            api.get_ai_session("org", "s", _headers={"X-Media": "application/vnd.shop+json"})
    assert caught.value.data == told
    assert "production-eu" not in repr(api.api_client.default_headers)  # printed, every header may hold one


@pytest.mark.parametrize("name", ["X-Api-Key", "X-Auth", "Api-Token", "X-Session", "X-Client-Secret", "X-Signature"])
def test_whatever_a_credential_s_header_holds_is_a_secret(connect: Connect, name: str) -> None:
    refusal = json_answer({"message": "No: correct horse battery staple"}, 403)
    with scripted_server([refusal]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).get_ai_session("org", "s", _headers={name: "correct horse battery staple"})
    assert str(caught.value) == "get_ai_session org/s: 403 Forbidden: No: ***"


def test_the_header_that_a_call_is_authenticated_by_is_one_whatever_its_name(connect: Connect) -> None:
    refusal = json_answer({"message": "No: open sesame please"}, 403)
    auth = {"in": "header", "key": "X-Door", "value": "open sesame please"}
    with scripted_server([refusal]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).get_ai_session("org", "s", _request_auth=auth)
    assert str(caught.value) == "get_ai_session org/s: 403 Forbidden: No: ***"


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python a piece of work runs, and how many calls into C it makes: no measure of the machine."""
    steps = 0

    def count(_frame: object, event: str, _argument: object) -> Any:
        nonlocal steps
        steps += event in ("line", "c_call")
        return count

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(count)
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return steps


HOSTILE = {
    "one word": lambda size: "x" * size,
    "many words": lambda size: "abcdefgh " * (size // 9),
    "equals signs": lambda size: "=" * size,
    "many cookies": lambda size: "; ".join(f"cookie{number}=value{number}" for number in range(size // 22)),
    "short words": lambda size: "a=b;" * (size // 4),
    "quotes": lambda size: '"' * size,
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_a_long_header_takes_time_in_proportion(header: Callable[[int], str]) -> None:
    from quantcdn._wire.origin import origin_of
    from quantcdn._wire.secrets import Hider, secrets_of

    def hide(size: int) -> Callable[[], object]:
        value = header(size)
        request = Request("GET", origin_of("https://a.example"), "/", {"Cookie": value, "X-Forwarded": value})
        return lambda: Hider(secrets_of(request)).hide(["some text"] * 10)

    small, large = lines_run(hide(16_000)), lines_run(hide(32_000))
    assert large <= 2.2 * small
    began = time.process_time()
    hide(64_000)()
    assert time.process_time() - began < 5  # it took 23 s of work in C, which no count of steps sees


# What the caller was handling is not ours


class Untouchable(Exception):
    """An exception of the caller's that cannot be printed, and knows who looks."""

    def __repr__(self) -> str:
        raise RuntimeError("this object is detached")

    __str__ = __repr__


def failing_while_handling(client: ApiClient, handled: BaseException) -> BaseException:
    """What a call raises inside an except block of the caller's."""
    try:
        try:
            raise handled
        except type(handled):
            AISessionsApi(client).get_ai_session("org", "s-1", **OPTIONS)
    except BaseException as error:
        return error
    raise AssertionError("the call should have failed")


def its_own_cause() -> Exception:
    error = ValueError("mine")
    error.__cause__ = error
    return error


def in_a_circle() -> Exception:
    error = ValueError("mine")
    error.__context__ = KeyError()
    error.__context__.__context__ = error
    return error


HANDLED: dict[str, Callable[[], Exception]] = {
    "its own cause": its_own_cause,
    "in a circle": in_a_circle,
    "one that cannot be printed": Untouchable,
    "one that holds such a thing": lambda: ValueError(Untouchable()),
    "one that holds the token": lambda: ValueError(f"who knows {SECRETS['token']}"),
}
FAILURES: dict[str, list[Answer]] = {
    "refused": [],
    "404": [json_answer({}, 404)],
    "echo": [[f"HTTP/1.1 {SECRETS['token']}\r\n\r\n".encode(), CLOSE]] * 3,
    "closed": [[CLOSE]] * 3,
}


@contextmanager
def failing(script: list[Answer]) -> Iterator[ApiClient]:
    """A client whose calls end as the script says, or reach nobody where there is none."""
    with ExitStack() as stack:
        host = stack.enter_context(scripted_server(script)).host if script else "http://127.0.0.1:1"
        yield stack.enter_context(client_with_secrets(host))


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("handled", HANDLED.values(), ids=HANDLED)
def test_what_the_caller_was_handling_is_neither_read_nor_cut_off(
    handled: Callable[[], Exception], script: list[Answer]
) -> None:
    callers = handled()
    before = (callers.__cause__, callers.__context__, callers.args)
    with failing(script) as client:
        error = failing_while_handling(client, callers)
    assert isinstance(error, ApiException)
    assert error.__context__ is callers
    assert (callers.__cause__, callers.__context__, callers.args) == before
    assert callers.__traceback__ is not None
    assert callers in chain_of(error)


def chain_of(error: BaseException) -> list[BaseException]:
    """An exception and those that a traceback shows above it."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def test_what_the_caller_was_handling_stands_in_the_traceback() -> None:
    for script in FAILURES.values():
        with failing(script) as client:
            error = failing_while_handling(client, KeyError("the caller's own key"))
        assert "the caller's own key" in "".join(traceback.format_exception(error))


def test_trying_again_while_handling_a_failure_costs_each_time_the_same() -> None:
    """Each failure stands in the context of the next. None is walked through again."""

    def nested(client: ApiClient, levels: int) -> Callable[[], object]:
        def fetch(left: int) -> None:
            try:
                AISessionsApi(client).get_ai_session("org", "s-1")
            except ApiException:
                if left > 1:
                    fetch(left - 1)

        return lambda: fetch(levels)

    with client_with_secrets("http://127.0.0.1:1") as client:
        nested(client, 1)()
        few, many = lines_run(nested(client, 6)), lines_run(nested(client, 12))
    assert many <= 2.2 * few


def test_a_cause_that_holds_a_part_of_an_answer_is_left_out(connect: Connect) -> None:
    cut = [b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"x" * 5000, CLOSE]
    with scripted_server([cut]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).get_ai_session("org", "s-1")
    for error in chain_of(caught.value):
        assert len(f"{error!r} {error} {vars(error)} {error.args}") < 2000


# Printing never fails


def half_made(kind: type[Any]) -> Iterator[object]:
    """Objects of a class whose constructor did not run, or not to its end."""
    yield kind.__new__(kind)
    names = [*getattr(kind, "__annotations__", {}), *getattr(kind, "__slots__", ())]
    names += ["status", "data", "headers", "attempts", "results", "messages", "_history", "_session_id"]
    for name in names:
        value = kind.__new__(kind)
        try:
            object.__setattr__(value, name, None)
        except (AttributeError, TypeError):
            continue
        yield value


PRINTABLE = sorted(
    name
    for name in quantcdn.__all__
    if isinstance(kind := getattr(quantcdn, name), type) and not issubclass(kind, tuple)
)


KINDS = [getattr(quantcdn, name) for name in PRINTABLE]
KINDS += [bulk.Report, bulk.Manifest, bulk.Interrupted, Selection, Request, Response]


@pytest.mark.parametrize("kind", KINDS)
def test_printing_what_is_half_made_never_fails(kind: type[Any]) -> None:
    for value in half_made(kind):
        assert isinstance(repr(value), str)
        assert isinstance(str(value), str)
        if hasattr(value, "_repr_html_"):
            assert isinstance(value._repr_html_(), str)


# Text of others

ACTING = {
    "OSC 52": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "CSI": "\x1b[2J",
    "C1": "\x9b2J",
    "NEL": "\x85",
    "bidi": "\u202e",
    "line break": "\r\n200 OK",
    "line separator": "\u2028",
    "surrogate": "\ud800",
}


@pytest.mark.parametrize("acting", ACTING.values(), ids=ACTING)
def test_text_of_the_service_does_not_act_where_an_exception_is_shown(acting: str, connect: Connect) -> None:
    told = {"message": f"No{acting}such"}
    with scripted_server([json_answer(told, 404)]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).get_ai_session("org", "s-1")
    error = caught.value
    for shown in (str(error), "".join(traceback.format_exception_only(error))):
        assert acting not in shown
        assert shown.rstrip("\n").isprintable()
    assert json.loads(error.body or "") == told  # exact
    if acting != ACTING["surrogate"]:  # which no text may hold
        assert error.data == told


@pytest.mark.parametrize("acting", ["\x1b[2J", "\x9b2J", "\x85", "\x07"])
@pytest.mark.parametrize("place", ["reason", "request id", "refusal of a proxy"])
def test_head_of_an_answer_does_not_act_where_it_is_shown(
    place: str, acting: str, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reason, request_id = (
        f"No{acting}" if place == "reason" else "No",
        f"r{acting}" if place == "request id" else "r-1",
    )
    refused = f"HTTP/1.1 404 {reason}\r\nX-Request-Id: {request_id}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    by_proxy = f"HTTP/1.1 407 No{acting}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    attempts: list[Attempt] = []
    with scripted_server([by_proxy if place == "refusal of a proxy" else refused]) as server:
        configuration = Configuration(server.host, TOKEN, retries=0)
        configuration.on_attempt = attempts.append
        if place == "refusal of a proxy":
            configuration.host, configuration.proxy = "https://127.0.0.1:1", server.host
        with ApiClient(configuration) as client, pytest.raises(ApiException) as caught:
            AISessionsApi(client).get_ai_session("org", "s-1")
    shown = [str(caught.value), str(caught.value.request_id), *map(str, attempts), *map(repr, attempts), logged()]
    assert len(attempts) == 1
    assert not any(acting in text for text in [*shown, "".join(traceback.format_exception(caught.value))])


def test_a_kept_connection_holds_nothing_of_the_request_that_it_carried(connect: Connect) -> None:
    with scripted_server([json_answer([])]) as server:
        api = connect(server.host)
        api.list_ai_sessions("org")
        held: dict[int, object] = {}
        waiting: list[object] = [api.api_client.rest_client]
        while waiting:
            value = waiting.pop()
            if id(value) in held or isinstance(value, type | ModuleType | FunctionType):
                continue
            held[id(value)] = value
            waiting += gc.get_referents(value)
        texts = [value for value in held.values() if isinstance(value, str | bytes)]
    assert any(isinstance(value, http.client.HTTPConnection) for value in held.values())
    assert [text for text in texts if server.request.headers["authorization"] in str(text)] == []
