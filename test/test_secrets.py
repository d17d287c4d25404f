"""No secret is shown: whatever happens to a call, nothing that can be printed, logged or pickled of it holds the token,
any other credential of the request, or those of a proxy.

Each situation below is met with every secret of the catalogue in use, and then everything there is to see is searched
for each of them. Many situations are answers of a service that repeats the whole request it got.
"""

import base64
import copy
import http.client
import json
import logging
import pickle
import pprint
import ssl
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
from conftest import TOKEN, Connect
from pydantic import ValidationError
from servers import CLOSE, RESET, STALL, Answer, ScriptedServer, answer, json_answer, scripted_server

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
)
from quantcdn._message import Request

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
    "200 with a wrong time": bad(200, lambda echo: json.dumps({"createdAt": echo}).encode()),
    "200 that reports an error": bad(200, lambda echo: json.dumps({"error": echo}).encode()),
    "200 that is no gzip": bad(200, lambda echo: echo.encode(), Content_Encoding="gzip"),
    "200 too large": bad(200, lambda echo: echo.encode() * 1000),
    "200 with the request in its headers": lambda echo: answer(
        200, b"{}", {"X-Echo": one_line(echo), "Set-Cookie": one_line(echo)}
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


def test_without_a_token_no_authorization_is_sent(connect: Connect) -> None:
    with scripted_server([json_answer({})]) as server:
        connect(server.host, None).get_ai_session("org", "s-1")
    assert "authorization" not in server.request.headers


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
    assert str(caught.value) == "401 Unauthorized: The token '***' has expired"
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
    from quantcdn._origin import origin_of

    request = Request("GET", origin_of("https://a.example"), f"/p?q={CONTENT}", {"A": TOKEN}, CONTENT.encode())
    for shown in printed(request):
        assert_hidden(shown, content=CONTENT, other=TOKEN)
