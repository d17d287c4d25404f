"""The low-level surface over a socket: `ApiClient.call_api`, `RESTClientObject.request`, and a client's connections."""

import json
from collections.abc import Callable, Iterator
from email import message_from_bytes
from itertools import repeat
from typing import Any
from urllib.parse import parse_qsl

import pytest
import urllib3
from conftest import TOKEN, Connect
from servers import CLOSE, STALL, Received, ScriptedServer, answer, json_answer, scripted_server

from quantcdn import (
    ApiClient,
    ApiException,
    ApiValueError,
    Configuration,
    ConnectionException,
    RetryPolicy,
    TimeoutException,
)
from quantcdn.rest import RESTClientObject, RESTResponse

Send = Callable[..., RESTResponse]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers every request with a small JSON object."""
    with scripted_server(repeat(json_answer({"a": 1}, headers={"X-Request-Id": "r-1"}))) as server:
        yield server


@pytest.fixture(params=["call_api", "request"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    """One of the two low-level functions, of a client that has a token, a cookie and a default header."""
    with ApiClient(Configuration(access_token=TOKEN, retries=0), "X-Default", "1", "a=1") as client:
        yield client.call_api if request.param == "call_api" else client.rest_client.request


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def multipart_fields(request: Received) -> list[tuple[str | None, str | None, str, bytes]]:
    """Name, file name, media type and content of each part of a multipart body."""
    content_type = request.headers["content-type"].encode()
    message = message_from_bytes(b"Content-Type: " + content_type + b"\r\n\r\n" + request.body)
    assert message.get_content_type() == "multipart/form-data"
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    ]


def test_a_request_goes_where_it_is_told(server: ScriptedServer, send: Send) -> None:
    response = send("GET", f"{server.host}/any/path?q=a%20b&q=2")
    assert response.read() == b'{"a": 1}'
    assert (server.request.method, server.request.target) == ("GET", "/any/path?q=a%20b&q=2")
    assert server.request.body == b""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_can_be_sent(server: ScriptedServer, send: Send, method: str) -> None:
    send(method, f"{server.host}/").read()
    assert server.request.method == method


def test_head_has_headers_and_no_body(send: Send) -> None:
    with scripted_server([answer(200, headers={"Content-Length": "8"})]) as server:
        response = send("HEAD", f"{server.host}/")
        assert response.read() == b""
    assert response.getheader("content-length") == "8"


def test_a_method_in_lower_case_is_sent_in_upper_case(server: ScriptedServer, send: Send) -> None:
    send("post", f"{server.host}/").read()
    assert server.request.method == "POST"


def test_nothing_of_the_client_s_own_is_sent_along(server: ScriptedServer, send: Send) -> None:
    send("GET", f"{server.host}/", {"X-A": "1"}).read()
    headers = server.request.headers
    assert headers.keys() == {"host", "accept-encoding", "user-agent", "x-a"}
    assert headers["x-a"] == "1"
    assert TOKEN.encode() not in server.request.head


def test_the_headers_given_are_sent(server: ScriptedServer, send: Send) -> None:
    given = {"Authorization": "Bearer mine", "Accept": "text/plain", "User-Agent": "mine/1", "Cookie": "c=1"}
    send("GET", f"{server.host}/", given).read()
    assert given.items() <= {name.title(): value for name, value in server.request.headers.items()}.items()


@pytest.mark.parametrize(
    "body",
    [{"a": [1, None, "ü"]}, [1, 2], [], {}, 7, True, 0.5],
    ids=repr,
)
def test_a_body_of_objects_is_sent_as_json(server: ScriptedServer, send: Send, body: Any) -> None:
    send("POST", f"{server.host}/", {}, body).read()
    assert server.request.json() == body
    assert server.request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "sent"),
    [("Zoë", "Zoë".encode()), ("", b""), (b"\x00\xff", b"\x00\xff"), (b"", b"")],
    ids=["text", "empty text", "bytes", "no bytes"],
)
def test_text_and_bytes_are_sent_as_they_are(server: ScriptedServer, send: Send, body: Any, sent: bytes) -> None:
    send("POST", f"{server.host}/", {"Content-Type": "text/plain"}, body).read()
    assert server.request.body == sent
    assert server.request.headers["content-type"] == "text/plain"
    assert server.request.headers["content-length"] == str(len(sent))


def test_a_content_type_given_is_kept_for_json(server: ScriptedServer, send: Send) -> None:
    send("PATCH", f"{server.host}/", {"content-type": "application/merge-patch+json"}, {"a": 1}).read()
    assert server.request.headers["content-type"] == "application/merge-patch+json"
    assert server.request.json() == {"a": 1}


FIELDS = [("a", "1"), ("b", "x y&z=ü"), ("a", "2")]


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}], ids=["unsaid", "said"])
def test_post_params_are_sent_as_a_form(server: ScriptedServer, send: Send, headers: dict[str, str]) -> None:
    send("POST", f"{server.host}/", headers, post_params=FIELDS).read()
    assert server.request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(server.request.body.decode("ascii"), strict_parsing=True) == FIELDS


def test_post_params_are_sent_as_multipart_where_the_headers_say_so(server: ScriptedServer, send: Send) -> None:
    parts = [*FIELDS, ("file", ("name.bin", b"\x00\r\n\xff", "application/octet-stream"))]
    send("POST", f"{server.host}/", {"Content-Type": "multipart/form-data"}, post_params=parts).read()
    fields = multipart_fields(server.request)
    assert [(name, content.decode()) for name, _, _, content in fields[:3]] == FIELDS
    assert fields[3] == ("file", "name.bin", "application/octet-stream", b"\x00\r\n\xff")


def test_body_and_post_params_exclude_each_other(server: ScriptedServer, send: Send) -> None:
    with pytest.raises(ApiValueError, match="body or post_params, not both"):
        send("POST", f"{server.host}/", {}, {"a": 1}, [("a", "1")])
    server.end()
    assert server.connections == 0


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("ftp://127.0.0.1/", {}),
        ("/path", {}),
        ("http://user:word@127.0.0.1/", {}),
        ("http://[::1/", {}),
        ("http://127.0.0.1:port/", {}),
        ("{host}/", {"X-A": "1\r\nX-Evil: 2"}),
        ("{host}/", {"X A": "1"}),
    ],
    ids=["ftp", "no server", "password", "bracket", "port", "header injection", "header name"],
)
def test_what_cannot_be_sent_safely_is_refused(
    server: ScriptedServer, send: Send, url: str, headers: dict[str, str]
) -> None:
    with pytest.raises(ApiValueError):
        send("GET", url.format(host=server.host), headers)
    server.end()
    assert server.connections == 0


@pytest.mark.parametrize(
    "body",
    [float("nan"), {"a": {1, 2}}, object(), {(1, 2): 3}, "\ud800", _nested(100_000)],
    ids=["NaN", "set", "object", "key", "lone surrogate", "too deep"],
)
def test_a_body_that_cannot_be_written_is_refused(server: ScriptedServer, send: Send, body: Any) -> None:
    with pytest.raises(ApiValueError, match=r"^The body cannot be sent: "):
        send("POST", f"{server.host}/", {}, body)
    server.end()
    assert server.connections == 0


@pytest.mark.parametrize("target", ["/a\r\nX-Evil: 1", "/a b", "/ü"], ids=ascii)
def test_a_url_cannot_break_out_of_the_request_line(server: ScriptedServer, send: Send, target: str) -> None:
    send("GET", server.host + target).read()
    line = server.request.head.partition(b"\r\n")[0]
    assert line.count(b" ") == 2
    assert line.isascii()
    assert "x-evil" not in server.request.headers


@pytest.mark.parametrize("method", ["GET /evil HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET", "", "G ET"], ids=ascii)
def test_a_method_that_is_none_is_refused(server: ScriptedServer, send: Send, method: str) -> None:
    with pytest.raises(ApiValueError):
        send(method, f"{server.host}/")
    server.end()
    assert server.requests == []


# Answers


def test_an_answer_can_be_read(server: ScriptedServer, send: Send) -> None:
    response = send("GET", f"{server.host}/")
    assert isinstance(response, RESTResponse)
    assert (response.status, response.reason) == (200, "OK")
    assert isinstance(response.response, urllib3.BaseHTTPResponse)
    assert response.data is None, "nothing is read before it is asked for"
    assert response.read() == response.read() == response.data == b'{"a": 1}'
    assert response.getheader("CONTENT-type") == response.getheaders()["content-TYPE"] == "application/json"
    assert response.getheader("X-None") is None
    assert response.getheader("X-None", "none") == "none"


@pytest.mark.parametrize("status", [302, 400, 401, 404, 418, 429, 500, 503])
def test_a_refusal_is_returned_and_not_raised(send: Send, status: int) -> None:
    with scripted_server([json_answer({"message": "no"}, status)]) as server:
        response = send("GET", f"{server.host}/")
        assert response.status == status
        assert json.loads(response.read()) == {"message": "no"}


def test_an_exception_can_be_made_from_a_refusal(send: Send) -> None:
    with scripted_server([json_answer({"message": "no"}, 404, {"X-Request-Id": "r-1"})]) as server:
        response = send("GET", f"{server.host}/")
        response.read()
    exception = ApiException(http_resp=response)
    assert (exception.status, exception.body, exception.request_id) == (404, '{"message": "no"}', "r-1")


def test_a_redirect_is_returned_and_not_followed(send: Send) -> None:
    with scripted_server([answer(302, headers={"Location": "/elsewhere"})]) as server:
        response = send("GET", f"{server.host}/")
        response.read()
    assert response.getheader("location") == "/elsewhere"
    assert len(server.requests) == 1


@pytest.mark.parametrize("timeout", [0.2, (5, 0.2)], ids=repr)
def test_a_timeout_ends_the_wait(send: Send, timeout: Any) -> None:
    with scripted_server([[STALL]]) as server, pytest.raises(TimeoutException) as caught:
        send("GET", f"{server.host}/", _request_timeout=timeout)
    assert not caught.value.never_sent
    assert len(server.requests) == 1


def test_a_lost_connection_is_an_exception_of_the_sdk(send: Send) -> None:
    with scripted_server([[CLOSE]]) as server, pytest.raises(ConnectionException) as caught:
        send("GET", f"{server.host}/")
    assert server.host in str(caught.value)


def test_a_server_that_is_not_there_is_an_exception_of_the_sdk(server: ScriptedServer, send: Send) -> None:
    server.end()
    with pytest.raises(ConnectionException) as caught:
        send("GET", f"{server.host}/")
    assert caught.value.never_sent


# Retries: `request` sends once; `call_api` repeats what may be repeated.


def test_request_sends_once_whatever_the_policy() -> None:
    rest_client = RESTClientObject(Configuration(retries=2))
    with scripted_server([json_answer({}, 503)]) as server:
        response = rest_client.request("GET", f"{server.host}/")
        response.read()
    rest_client.close()
    assert response.status == 503


@pytest.mark.parametrize(("method", "sent"), [("GET", 2), ("DELETE", 2), ("POST", 1), ("PUT", 1), ("PATCH", 1)])
def test_call_api_repeats_what_cannot_take_effect_twice(connect: Connect, method: str, sent: int) -> None:
    script = [json_answer({}, 503), json_answer({})][:sent]
    with scripted_server(script) as server:
        client = connect(server.host, retries=RetryPolicy(attempts=2, backoff=0)).api_client
        response = client.call_api(method, f"{server.host}/")
        response.read()
    assert response.status == (200 if sent == 2 else 503)
    assert len(server.requests) == sent


# Connections


def test_two_calls_use_one_connection(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host)
    for _ in range(2):
        api.get_ai_session("org", "s")
        api.api_client.call_api("GET", f"{server.host}/").read()
    assert [request.connection for request in server.requests] == [1, 1, 1, 1]
    assert server.connections == 1


def test_a_raw_response_that_was_read_gives_its_connection_back(server: ScriptedServer, connect: Connect) -> None:
    api = connect(server.host)
    for _ in range(2):
        assert api.get_ai_session_without_preload_content("org", "s").json() == {"a": 1}
    assert server.connections == 1


def test_a_refusal_gives_its_connection_back(connect: Connect) -> None:
    with scripted_server([json_answer({}, 404), json_answer({}, 500), json_answer({})]) as server:
        api = connect(server.host)
        for _ in range(2):
            with pytest.raises(ApiException):
                api.get_ai_session("org", "s")
        api.get_ai_session("org", "s")
    assert server.connections == 1


def test_a_connection_that_the_server_closed_is_replaced(connect: Connect) -> None:
    closing = [json_answer({}, headers={"Connection": "close"}), CLOSE]
    with scripted_server([closing, json_answer({})]) as server:
        api = connect(server.host)
        api.get_ai_session("org", "s")
        api.get_ai_session("org", "s")
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_client_that_was_closed_opens_again(server: ScriptedServer) -> None:
    client = ApiClient(Configuration(server.host))
    for _ in range(3):
        client.call_api("GET", f"{server.host}/").read()
        client.close()
    assert [request.connection for request in server.requests] == [1, 2, 3]


def test_a_client_closes_its_connections_at_the_end_of_its_block(server: ScriptedServer) -> None:
    with ApiClient(Configuration(server.host)) as client:
        assert client.call_api("GET", f"{server.host}/").read() == b'{"a": 1}'
    server.wait_for_end_of_connections()
    with client:
        assert client.call_api("GET", f"{server.host}/").read() == b'{"a": 1}'
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_client_can_be_closed_twice_and_before_its_first_call(server: ScriptedServer) -> None:
    client = ApiClient(Configuration(server.host))
    client.close()
    client.close()
    assert client.call_api("GET", f"{server.host}/").read() == b'{"a": 1}'
    client.close()
    client.close()
    server.wait_for_end_of_connections()
