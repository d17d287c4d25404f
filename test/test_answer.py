"""The head of an answer over real connections: what urllib3 then reads of its body, and what a broken head ends in."""

import gzip
import itertools
import json
import math
import zlib
from collections.abc import Callable, Iterator

import pytest
from conftest import Connect
from faults import client
from servers import CLOSE, STALL, Answer, scripted_server
from urllib3 import BaseHTTPResponse

from quantcdn import ConnectionException

SESSION = {"id": "s-1", "title": "\u00e9" * 40_000}
BODY = json.dumps(SESSION).encode()
ZIPPED = gzip.compress(BODY)
OK, OLD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", b"HTTP/1.0 200 OK\r\n"
GZIP, DEFLATE = b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def chunks(body: bytes, size: int = 7000, trailer: bytes = b"") -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n"


def one_by_one(sent: bytes, slow: int) -> Answer:
    """The first bytes in a packet each, as far as the network keeps them apart."""
    return [step for octet in sent[:slow] for step in (bytes([octet]), 0.0001)] + [sent[slow:]]


HEAD = OK + b"X-Folded: a\r\n\tb\r\n" + length(BODY) + b"\r\n"
STAYING: dict[str, Answer] = {
    "a length": OK + length(BODY) + b"\r\n" + BODY,
    "a length, told twice": OK + length(BODY) * 2 + b"\r\n" + BODY,
    "line feeds alone": (OK + length(BODY) + b"\r\n").replace(b"\r", b"") + BODY,
    "octet by octet": one_by_one(HEAD + BODY, len(HEAD) + 2),
    "after an announcement": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + length(BODY) + b"\r\n" + BODY,
    "gzip": OK + GZIP + length(ZIPPED) + b"\r\n" + ZIPPED,
    "deflate": OK + DEFLATE + length(zlib.compress(BODY)) + b"\r\n" + zlib.compress(BODY),
    "chunks": OK + CHUNKED + b"\r\n" + chunks(BODY),
    "chunks, told twice": OK + CHUNKED * 2 + b"\r\n" + chunks(BODY),
    "chunks and a trailer": OK + CHUNKED + b"Trailer: X\r\n\r\n" + chunks(BODY, trailer=b"X: y\r\n"),
    "chunks of gzip": OK + GZIP + CHUNKED + b"\r\n" + chunks(ZIPPED, 5),
    "chunks and a length": OK + CHUNKED + b"Content-Length: 3\r\n\r\n" + chunks(BODY),
    "HTTP/1.0, kept alive": OLD + b"Connection: keep-alive\r\n" + length(BODY) + b"\r\n" + BODY,
}
LEAVING: dict[str, Answer] = {
    "to the end": [OK + b"\r\n" + BODY, CLOSE],
    "gzip to the end": [OK + GZIP + b"\r\n" + ZIPPED, CLOSE],
    "HTTP/1.0 to the end": [OLD + b"\r\n" + BODY, CLOSE],
    "HTTP/1.0 with a length": [OLD + length(BODY) + b"\r\n" + BODY, STALL],
    "HTTP/1.0 in chunks": [OLD + CHUNKED + b"Connection: keep-alive\r\n\r\n" + chunks(BODY), STALL],
    "close said late": [OK + b"Connection: TE\r\nConnection: close\r\n" + length(BODY) + b"\r\n" + BODY, STALL],
}
ANSWERS = {**{name: (answer, 1) for name, answer in STAYING.items()}, **{name: (a, 2) for name, a in LEAVING.items()}}


@pytest.mark.parametrize(("answer", "connections"), ANSWERS.values(), ids=ANSWERS)
def test_a_body_is_read_whole_and_its_connection_used_again_if_it_may(
    connect: Connect, answer: Answer, connections: int
) -> None:
    with scripted_server([answer, answer]) as server:
        api = connect(server.host)
        for _ in range(2):
            session = api.get_ai_session("org", "s")
            assert (session.id, session.title) == (SESSION["id"], SESSION["title"])
        assert server.connections == connections


def in_pieces(response: BaseHTTPResponse) -> Iterator[bytes]:
    while piece := response.read(1000):
        yield piece


READINGS: dict[str, Callable[[BaseHTTPResponse], bytes]] = {
    "data": lambda response: response.data,
    "read": lambda response: response.read(),
    "read in pieces": lambda response: b"".join(in_pieces(response)),
    "stream": lambda response: b"".join(response.stream(999, decode_content=True)),
    "iteration": b"".join,
}


@pytest.mark.parametrize(("answer", "connections"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("whole", READINGS.values(), ids=READINGS)
def test_an_unread_body_is_read_whole_in_each_way(
    connect: Connect, answer: Answer, connections: int, whole: Callable[[BaseHTTPResponse], bytes]
) -> None:
    with scripted_server([answer, answer]) as server:
        api = connect(server.host)
        for _ in range(2):
            response = api.get_ai_session_without_preload_content("org", "s")
            assert whole(response) == BODY
            response.release_conn()
        assert server.connections == connections


@pytest.mark.parametrize(
    ("framing", "connections"),
    [(CHUNKED, 2), (CHUNKED + length(BODY), 2), (length(BODY), 2), (length(b""), 1), (b"", 1)],
)
def test_an_answer_without_a_body_is_over_whatever_its_head_says_of_one(
    connect: Connect, framing: bytes, connections: int
) -> None:
    """Where its head says that there is one, what follows may be that, and no answer to the next request."""
    with scripted_server([b"HTTP/1.1 204 No Content\r\n" + framing + b"\r\n"] * 2) as server:
        api = connect(server.host)
        for _ in range(2):
            assert api.delete_ai_session("org", "s").message is None
        assert server.connections == connections


def test_the_answer_to_head_that_says_to_have_a_body_ends_its_connection(connect: Connect) -> None:
    """Some servers send one, which would be the answer to the next request."""
    with scripted_server([OK + length(b"{}") + b"\r\n", OK + length(BODY) + b"\r\n" + BODY]) as server:
        api = connect(server.host)
        assert api.api_client.call_api("HEAD", server.host).read() == b""
        assert api.get_ai_session("org", "s").id == SESSION["id"]
        assert server.connections == 2


def test_fields_arrive_as_they_were_sent(connect: Connect) -> None:
    fields = b"Set-Cookie: a=1\r\nx-Odd:  b \t c  \r\nset-cookie: b=2\r\nX-Latin: \xe9\r\nX-Folded: d\r\n  e\r\n"
    with scripted_server([OK + fields + length(b"{}") + b"\r\n{}"]) as server:
        headers = connect(server.host).get_ai_session_with_http_info("org", "s").headers
    assert headers is not None
    found = {name: headers[name] for name in ("Set-Cookie", "X-Odd", "X-Latin", "X-Folded")}
    assert found == {"Set-Cookie": "a=1, b=2", "X-Odd": "b \t c", "X-Latin": "\u00e9", "X-Folded": "d e"}


BROKEN = {
    "a space before the colon": OK + b"Content-Length : 2\r\n\r\n{}",
    "a bare CR": OK + b"A: b\rContent-Length: 2\r\n\r\n{}",
    "NUL": OK + b"A: \0\r\n" + length(b"{}") + b"\r\n{}",
    "a length with a sign": OK + b"Content-Length: +2\r\n\r\n{}",
    "another transfer coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks(b"{}"),
    "another version": b"HTTP/2 200 OK\r\n" + length(b"{}") + b"\r\n{}",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_broken_head_is_told_at_once_and_ends_the_connection(connect: Connect, answer: bytes) -> None:
    with scripted_server([answer, OK + length(BODY) + b"\r\n" + BODY]) as server:
        api = connect(server.host)
        with pytest.raises(ConnectionException, match="HTTP that can be read") as caught:
            api.get_ai_session("org", "s")
        assert isinstance(caught.value.__cause__, Exception)
        assert not caught.value.never_sent
        assert api.get_ai_session("org", "s").id == SESSION["id"]
        assert server.connections == 2


@pytest.mark.parametrize(("fields", "most"), [(100, 100), (101, 101), (5000, 5000)])
def test_how_many_fields_there_may_be_is_an_option(fields: int, most: int) -> None:
    replies = [OK + b"X-Tag: a\r\n" * (more - 2) + length(BODY) + b"\r\n" + BODY for more in (fields, fields + 1)]
    with scripted_server(replies) as server, client(server.host, 0, max_response_headers=most) as api:
        assert api.get_ai_session("org", "s").id == SESSION["id"]
        with pytest.raises(ConnectionException, match=f"more than {most} headers, the configured max_response_headers"):
            api.get_ai_session("org", "s")


def test_announcements_without_end_are_no_answer(connect: Connect) -> None:
    class Endless(list[bytes]):
        def __iter__(self) -> Iterator[bytes]:
            return itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)

    with (
        scripted_server([Endless()]) as server,
        pytest.raises(ConnectionException, match="announced more than 100 times"),
    ):
        connect(server.host).get_ai_session("org", "s", _request_timeout=math.inf)
