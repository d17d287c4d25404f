"""The head of an answer: read as http.client reads it where it is well-formed, and refused where it is not."""

import http.client
import io
import math
import re
import time
from http.client import BadStatusLine, HTTPException, LineTooLong, RemoteDisconnected
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from quantcdn._transport.answer import Answer, Incoming
from quantcdn._transport.deadline import Deadline


class Pieces(io.BytesIO):
    """Bytes of which so many come at a time."""

    def __init__(self, sent: bytes, size: int) -> None:
        super().__init__(sent)
        self._size = size

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(memoryview(buffer)[: self._size])


class Wire:
    """As much of a socket as an answer is read from. It is closed after all bytes; so many of them come at a time."""

    def __init__(self, sent: bytes, at_a_time: int = 1_000_000) -> None:
        self._sent = sent
        self._at_a_time = at_a_time

    def makefile(self, *_args: object, **_options: object) -> io.BytesIO:
        return Pieces(self._sent, self._at_a_time)

    def settimeout(self, _seconds: float | None) -> None:
        """There is nothing to wait for."""

    def shutdown(self, _how: int) -> None:
        """There is nobody to tell."""


def read(sent: bytes, method: str = "GET", *, at_a_time: int = 1_000_000) -> Answer:
    wire: Any = Wire(sent, at_a_time)
    answer = Answer(Incoming(wire), Deadline(math.inf), method=method)
    answer.begin()
    return answer


def read_by_http_client(sent: bytes, method: str = "GET") -> http.client.HTTPResponse:
    wire: Any = Wire(sent)
    answer = http.client.HTTPResponse(wire, method=method)
    answer.begin()
    return answer


def fields_of(answer: http.client.HTTPResponse) -> list[tuple[str, str]]:
    """What urllib3 makes of the header fields, each in one line and without the spaces around it, as RFC 9112 says."""
    fields = HTTPHeaderDict(answer.msg.items()).iteritems()
    return [(name, re.sub(r"\r?\n[ \t]+", " ", value).strip(" \t")) for name, value in fields]


def told_by(answer: http.client.HTTPResponse) -> dict[str, Any]:
    told = {name: getattr(answer, name) for name in ("status", "code", "reason", "version", "chunked", "will_close")}
    return {**told, "length": answer.length, "fields": fields_of(answer)}


# Well-formed heads

FRAMES = [
    [],
    [b"Content-Length: 5"],
    [b"content-length:0"],
    [b"CONTENT-LENGTH: \t 3 "],
    [b"Content-Length: 5", b"content-length: 5"],
    [b"Transfer-Encoding: chunked"],
    [b"transfer-encoding:Chunked"],
    [b"Transfer-Encoding: CHUNKED", b"Content-Length: 5"],
    [b"Transfer-Encoding: identity", b"Content-Length: 5"],
]
CONNECTIONS = [
    [],
    [b"Connection: close"],
    [b"connection:CLOSE"],
    [b"Connection: Keep-Alive"],
    [b"CONNECTION: keep-alive", b"Keep-Alive: timeout=5, max=100"],
    [b"Connection: keep-alive, Upgrade", b"Upgrade: h2c"],
    [b"Connection: Upgrade"],
]
MEANT = {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"proxy-connection"}
BODIES = {True: b"5\r\nhello\r\n0\r\n\r\n", False: b"hello"}


def octets(*ranges: tuple[int, int]) -> st.SearchStrategy[bytes]:
    among = [octet for first, last in ranges for octet in range(first, last + 1)]
    return st.lists(st.sampled_from(among), max_size=12).map(bytes)


ends = st.sampled_from([b"\r\n", b"\n"])
spaces = st.sampled_from([b"", b" ", b"\t", b"  \t"])
some_spaces = st.sampled_from([b" ", b"\t", b" \t "])
names = (
    st.lists(st.sampled_from(list(b"!#$%&'*+-.^_`|~019azAZ")), min_size=1, max_size=12)
    .map(bytes)
    .filter(lambda name: name.lower() not in MEANT)
)
values = octets((0x20, 0x7E), (0x80, 0xFF), (0x09, 0x09))
reasons = octets((0x21, 0x7E), (0xA1, 0xFF))


@st.composite
def other_fields(draw: st.DrawFn) -> bytes:
    """A field, which may be folded, without its last line end."""
    name, first = draw(names), draw(values)
    folds = draw(st.lists(st.tuples(spaces, ends, some_spaces, values).map(b"".join), max_size=2))
    return name + b":" + draw(spaces) + first + b"".join(folds)


@st.composite
def heads(draw: st.DrawFn) -> tuple[bytes, str]:
    """A well-formed head, perhaps after interim ones, and the method that it answers."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD"]))
    status = draw(st.sampled_from([200, 201, 204, 206, 304, 400, 404, 429, 500, 503, 599, 999]))
    version = draw(st.sampled_from([b"1.0", b"1.1"]))
    frame, connection = draw(st.sampled_from(FRAMES)), draw(st.sampled_from(CONNECTIONS))
    if any(field.lower().endswith(b"chunked") for field in frame):  # see DIFFERENCES
        assume(method != "HEAD" and status not in (204, 304) and (version == b"1.1" or connection in CONNECTIONS[:3]))
    lines = draw(st.permutations([*frame, *connection, *draw(st.lists(other_fields(), max_size=6))]))
    start = b"HTTP/" + version + draw(some_spaces) + str(status).encode()
    phrase = draw(st.lists(reasons.filter(bool), max_size=3))
    start += draw(some_spaces) + b" ".join(phrase) + draw(spaces) if phrase else draw(spaces)
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100\nX: y\n\n" * 2]))
    return interim + b"".join(line + draw(ends) for line in [start, *lines, b""]), method


@given(heads())
@example((b"HTTP/1.1 200\r\n\r\n", "GET"))
@example((b"HTTP/1.0 200 OK\nSet-Cookie: a=1\nset-cookie: b=2\n\n", "GET"))
def test_a_well_formed_head_is_read_as_http_client_reads_it(head: tuple[bytes, str]) -> None:
    sent, method = head
    expected = read_by_http_client(sent, method)
    body = BODIES[expected.chunked]
    answer = read(sent + body, method)
    says_a_length = re.search(rb"^content-length:[ \t]*[1-9]", sent, re.IGNORECASE | re.MULTILINE)
    has_no_body = method == "HEAD" or expected.status in (204, 304)
    is_contradiction = has_no_body and says_a_length is not None
    assert told_by(answer) == {**told_by(expected), "will_close": expected.will_close or is_contradiction}
    expected = read_by_http_client(sent + body, method)
    assert answer.read() == expected.read()
    assert answer.isclosed() == expected.isclosed()


def outcome(sent: bytes, method: str, at_a_time: int) -> dict[str, Any] | tuple[type, str]:
    try:
        return told_by(read(sent, method, at_a_time=at_a_time))
    except HTTPException as error:
        return type(error), str(error)


LINE_ENDS = [b"\r", b"\n", b"\r\n", b"\n\n", b"\n\r\n", b"\r\n\r\n"]
PARTS = [b"HTTP/1.1 200 OK", b"HTTP/1.1 100 ", b"Content-Length: 5", b"A: b", b": ", b"A", b"\xe9", b"\0", b" ", b"\t"]
anything = st.lists(st.sampled_from(PARTS + LINE_ENDS), max_size=12).map(b"".join)


@given(st.tuples(heads(), anything), st.integers(1, 9))
@example(((b"", "GET"), b"HTTP/1.1 200 OK\n\nA: b\r\n\r\n"), 9)
@example(((b"", "GET"), b"HTTP/1.1 200 OK\r\nA: b\n\nC: d\r\n\r\n"), 9)
@example(((b"", "GET"), b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"C\r\n\r\n"), 9)
def test_a_head_is_the_same_in_pieces_and_at_once(sent: tuple[tuple[bytes, str], bytes], at_a_time: int) -> None:
    (head, method), rest = sent
    for text in (head + rest, rest, head[: len(head) // 2] + rest):
        assert outcome(text, method, at_a_time) == outcome(text, method, 1_000_000)


@given(heads(), st.data())
def test_a_head_that_is_cut_anywhere_is_no_answer(head: tuple[bytes, str], data: st.DataObject) -> None:
    sent, method = head
    with pytest.raises(BadStatusLine):  # and RemoteDisconnected is one
        read(sent[: data.draw(st.integers(0, len(sent) - 1))], method)


def test_no_part_of_a_head_is_an_answer() -> None:
    head = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 12\r\n\r\n"
    for cut in range(len(head)):
        with pytest.raises(BadStatusLine):
            read(head[:cut])
    assert read(head).length == 12


OLD, NEW = b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"
EMPTY, CHUNKED = b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"
CLOSES = {"will_close": True}
IN_CHUNKS = {"chunked": True, "will_close": False}
DIFFERENCES: dict[str, tuple[bytes, dict[str, object]]] = {
    "HTTP/1.0 with no more than Keep-Alive": (OLD + b"Keep-Alive: timeout=5\r\n" + EMPTY, CLOSES),
    "HTTP/1.0 with Proxy-Connection": (OLD + b"Proxy-Connection: keep-alive\r\n" + EMPTY, CLOSES),
    "HTTP/1.0 that is kept alive and closed": (OLD + b"Connection: keep-alive, close\r\n" + EMPTY, CLOSES),
    "HTTP/1.0 in chunks": (OLD + CHUNKED + b"Connection: keep-alive\r\n", CLOSES),
    "close in a second field": (NEW + b"Connection: TE\r\nConnection: close\r\n" + EMPTY, CLOSES),
    "chunked said twice": (NEW + b"Transfer-Encoding: chunked, Chunked\r\n", IN_CHUNKS),
    "chunked after identity": (NEW + b"Transfer-Encoding: identity\r\n" + CHUNKED, IN_CHUNKS),
    "204 in chunks": (b"HTTP/1.1 204 No Content\r\n" + CHUNKED, {"chunked": False, "will_close": True}),
    "304 in chunks": (b"HTTP/1.1 304 Not Modified\r\n" + CHUNKED, {"chunked": False, "will_close": True}),
    "a length twice in one field": (NEW + b"Content-Length: 5, 5\r\n", {"length": 5, "will_close": False}),
    "an announcement": (
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + NEW + b"Content-Length: 5\r\n",
        {"status": 200, "code": 200, "reason": "OK", "length": 5, "fields": [("Content-Length", "5")]},
    ),
}


@pytest.mark.parametrize(("head", "ours"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_it_differs_from_http_client_on_purpose(head: bytes, ours: dict[str, object]) -> None:
    told, expected = told_by(read(head + b"\r\n")), told_by(read_by_http_client(head + b"\r\n"))
    assert {name: value for name, value in told.items() if value != expected[name]} == ours


def test_an_answer_to_head_has_no_chunks_to_read() -> None:
    answer = read(NEW + CHUNKED + b"\r\n", "HEAD")
    assert (answer.chunked, answer.length, answer.will_close, answer.read()) == (False, 0, True, b"")


# What real servers send, and no harm can come of.
ODD_BUT_HARMLESS: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "a control character in a value": (b"A: b\x01\x1b\x7fc\r\n", [("A", "b\x01\x1b\x7fc")]),
    "UTF-8 in a value": ("A: é\r\n".encode(), [("A", "Ã©")]),
    "a next line of Latin-1 in a value": (b"A: b\x85c\r\n", [("A", "b\x85c")]),
    "a form feed in a value": (b"A: b\x0cContent-Length: 1\r\n", [("A", "b\x0cContent-Length: 1")]),
    "a name that is no token": (b"A(b)[c]/@: d\r\n", [("A(b)[c]/@", "d")]),
    "an empty value": (b"A:\r\nB: \r\n", [("A", ""), ("B", "")]),
    "more than one colon": (b"A:: b: c\r\n", [("A", ": b: c")]),
    "folded lines that are empty": (b"A: b\r\n \r\n\t\r\n c\r\nD: e\r\n", [("A", "b   c"), ("D", "e")]),
    "a value in the second line only": (b"A:\r\n b\r\n", [("A", "b")]),
    "a hundred of them": (b"A: b\r\n" * 100, [("A", "b")] * 100),
}


@pytest.mark.parametrize(("lines", "fields"), ODD_BUT_HARMLESS.values(), ids=ODD_BUT_HARMLESS)
def test_odd_fields_that_do_no_harm_are_read(lines: bytes, fields: list[tuple[str, str]]) -> None:
    answer = read(NEW + lines + b"\r\n")
    assert list(HTTPHeaderDict(answer.msg.items()).iteritems()) == fields
    assert (answer.length, answer.chunked) == (None, False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"HTTP/1.1 200", ""),
        (b"HTTP/1.1 200 ", ""),
        (b"HTTP/1.1   200   All   right  ", "All   right"),
        (b"HTTP/1.1\t200\tOK", "OK"),
        (b"HTTP/1.1 200 200 OK", "200 OK"),
        (b"HTTP/1.1 200 \xe9t\xe9", "été"),
        (b"HTTP/1.9 200 OK", "OK"),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
def test_odd_status_lines_that_do_no_harm_are_read(line: bytes, reason: str, end: bytes) -> None:
    answer = read(line + end + end)
    assert (answer.status, answer.version, answer.reason) == (200, 11, reason)


# Malformed heads

IS_NONE, LENGTH, CODING = "one of its headers is none", "its length is no number", "its transfer coding is unknown"
BROKEN_FIELDS: dict[str, tuple[bytes, str]] = {
    "a bare CR in a value": (b"A: b\rContent-Length: 5\r\n", IS_NONE),
    "a bare CR before the end": (b"A: b\r\r\n", IS_NONE),
    "a bare CR in a folded line": (b"A: b\r\n c\rd\r\n", IS_NONE),
    "an empty line after a bare CR": (b"A: b\r\n\r\r\n", IS_NONE),
    "NUL in a value": (b"A: b\0c\r\n", IS_NONE),
    "NUL in a folded line": (b"A: b\r\n \0\r\n", IS_NONE),
    "NUL in a name": (b"A\0: b\r\n", IS_NONE),
    "a space before the colon": (b"Content-Length : 5\r\n", IS_NONE),
    "a tab before the colon": (b"Transfer-Encoding\t: chunked\r\n", IS_NONE),
    "a space of Latin-1 before the colon": (b"Content-Length\xa0: 5\r\n", IS_NONE),
    "a space in a name": (b"Content Length: 5\r\n", IS_NONE),
    "a name that is folded": (b"Content-Length\r\n : 5\r\n", IS_NONE),
    "a letter beyond ASCII in a name": (b"\xc5: b\r\n", IS_NONE),
    "an empty name": (b": b\r\n", IS_NONE),
    "no colon": (b"Content-Length 5\r\n", IS_NONE),
    "a second status line": (b"HTTP/1.1 200 OK\r\n", IS_NONE),
    "something that is none after a folded one": (b"A: b\r\n c\r\nd\r\n", IS_NONE),
    "two lengths": (b"Content-Length: 5\r\ncontent-length: 6\r\n", "more than one length"),
    "two lengths in one field": (b"Content-Length: 5, 6\r\n", "more than one length"),
    "two spellings of a length": (b"Content-Length: 5, 05\r\n", "more than one length"),
    "a length and nothing": (b"Content-Length: 5,\r\n", "more than one length"),
    **{
        f"the length {length!r}": (b"Content-Length: " + length + b"\r\n", LENGTH)
        for length in (b"", b"-1", b"+5", b"1_0", b"5.0", b"0x5", b"five", b"5 5", b"5;", b"5\xa0", b"\xb2", b"9" * 19)
    },
    "a length that is none, in two lines": (b"Content-Length: 1\r\n 0\r\n", LENGTH),
    "chunks of another coding": (b"Transfer-Encoding: gzip, chunked\r\n", CODING),
    "another coding": (b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", CODING),
    "another coding after chunks": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", CODING),
    "a misspelt coding": (b"Transfer-Encoding: xchunked\r\n", CODING),
    "a coding in another kind of space": (b"Transfer-Encoding: \x0bchunked\r\n", CODING),
    "a hundred and one": (b"A: b\r\n" * 101, "more than 100 headers"),
    "a hundred and one, folded": (b"A: b\r\n" + b" c\r\n" * 100, "more than 100 headers"),
}


@pytest.mark.parametrize(("lines", "problem"), BROKEN_FIELDS.values(), ids=BROKEN_FIELDS)
@pytest.mark.parametrize("before", [NEW, NEW + b"Server: test\r\nVary: *\r\n"], ids=["alone", "after others"])
def test_a_broken_field_is_refused(before: bytes, lines: bytes, problem: str) -> None:
    with pytest.raises(HTTPException, match=problem):
        read(before + lines + b"\r\n")


@pytest.mark.parametrize("line", [b" A: b", b"\tA: b", b" ", b" \r\n A: b"])
def test_a_first_line_that_is_folded_is_refused(line: bytes) -> None:
    with pytest.raises(HTTPException, match=IS_NONE):
        read(NEW + line + b"\r\nB: c\r\n d\r\n\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b" HTTP/1.1 200 OK",
        b"HTTP/2 200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/0.9 200 OK",
        b"HTTP/1 200 OK",
        b"HTTP/1.10 200 OK",
        b"HTTP/ 200 OK",
        b"http/1.1 200 OK",
        b"ICY 200 OK",
        b"HTTP/1.1200 OK",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 1000 OK",
        b"HTTP/1.1 abc OK",
        b"HTTP/1.1 -20 OK",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1 2_0 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 200.1 OK",
        b"HTTP/1.1\xa0200 OK",
        b"HTTP/1.1 \xb2\xb2\xb2 OK",
        b"HTTP/1.1 200 OK\rA: b",
        b"HTTP/1.1 200 OK\r",
        b"HTTP/1.1 200 O\0K",
        b"SSH-2.0-test",
        b"<html>",
    ],
)
def test_a_line_that_is_no_status_line_is_refused(line: bytes) -> None:
    with pytest.raises(BadStatusLine) as caught:
        read(line + b"\r\nContent-Length: 0\r\n\r\n")
    assert not isinstance(caught.value, RemoteDisconnected)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 " + b"x" * 65_536 + b"\r\n\r\n",
        b"x" * 70_000,
        NEW + b"A: " + b"x" * 65_536 + b"\r\n\r\n",
        NEW + b"x" * 70_000,
        NEW + b"A: b\r\n" + b" " * 70_000 + b"\r\n\r\n",
    ],
    ids=["status line", "no end of the status line", "field", "no end of a field", "folded line"],
)
def test_a_line_that_is_too_long_is_refused(head: bytes) -> None:
    with pytest.raises(LineTooLong):
        read(head)


def test_a_protocol_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(HTTPException, match="switched protocols"):
        read(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" + NEW + b"\r\n")


def test_an_interim_head_is_read_as_strictly() -> None:
    with pytest.raises(HTTPException, match=IS_NONE):
        read(b"HTTP/1.1 100 Continue\r\nA : b\r\n\r\n" + NEW + b"\r\n")


def test_interim_heads_without_an_answer_end_with_the_connection() -> None:
    with pytest.raises(RemoteDisconnected):
        read(b"HTTP/1.1 102 Processing\r\n\r\n" * 99)


def test_an_answer_is_announced_a_hundred_times_at_most() -> None:
    with pytest.raises(HTTPException, match="announced more than 100 times"):
        read(b"HTTP/1.1 102 Processing\r\n\r\n" * 101)


RUN = 65_000
SPACES = b" " * RUN


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200" + SPACES + b"\rx\r\n\r\n",
        b"HTTP/1.1" + SPACES + b"x\r\n\r\n",
        NEW + b"A:" + SPACES + b"\rx\r\n\r\n",
        NEW + b"A: b" + SPACES + b"\rx\r\n\r\n",
        NEW + b"A: " + b"b " * (RUN // 2) + b"\rx\r\n\r\n",
        NEW + b"A" * RUN + b"\r\n\r\n",
        NEW + b"A: b\r\n c" + SPACES + b"\rx\r\n\r\n",
        NEW + b"A: b\r\n" + SPACES + b"\rx\r\n\r\n",
        NEW + b"Content-Length: " + b"," * RUN + b"x\r\n\r\n",
        NEW + b"Transfer-Encoding: " + b", " * (RUN // 2) + b"x\r\n\r\n",
    ],
    ids=lambda head: re.sub(rb"(.)\1{9,}|(..)\2{9,}", rb"\1\2...", head).decode(),
)
def test_no_long_run_of_anything_takes_long_to_refuse(head: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(HTTPException):
        read(head)
    assert time.process_time() - begun < 2


# One after the other on a connection


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
IN_PIECES = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n"
ENDS = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nfirst"


@pytest.mark.parametrize("first", [SIZED, IN_PIECES])
def test_the_next_answer_is_read_from_the_same_file(first: bytes) -> None:
    wire: Any = Wire(first + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond", at_a_time=len(first))
    incoming = Incoming(wire)
    bodies: list[bytes] = []
    for _ in range(2):
        assert incoming.is_free
        answer = Answer(incoming, Deadline(math.inf), method="GET")
        answer.begin()
        bodies.append(answer.read())
    assert (bodies, incoming.is_free, incoming.closed) == ([b"first", b"second"], True, False)


def read_of(sent: bytes, size: int | None) -> tuple[Incoming, Answer]:
    """What comes on a connection, and an answer of which so much was read."""
    wire: Any = Wire(sent)
    incoming = Incoming(wire)
    answer = Answer(incoming, Deadline(math.inf), method="GET")
    answer.begin()
    answer.read(size)
    return incoming, answer


@pytest.mark.parametrize(
    ("sent", "size"),
    [
        pytest.param(SIZED + b"H", None, id="more came"),
        pytest.param(IN_PIECES + b"H", None, id="more came after the last chunk"),
        pytest.param(ENDS, None, id="it was the last"),
        pytest.param(SIZED, 4, id="it was given up"),
        pytest.param(IN_PIECES, 4, id="it was given up in a chunk"),
        pytest.param(IN_PIECES, 5, id="it was given up before the last chunk"),
    ],
)
def test_no_answer_is_read_after_one_that_left_something_behind(sent: bytes, size: int | None) -> None:
    incoming, answer = read_of(sent, size)
    answer.close()
    assert (incoming.is_free, incoming.closed) == (False, True)


@pytest.mark.parametrize("sent", [SIZED, IN_PIECES, ENDS])
@pytest.mark.parametrize("size", [0, 4, None])
def test_an_answer_can_be_closed_after_what_it_comes_from(sent: bytes, size: int | None) -> None:
    incoming, answer = read_of(sent, size)
    incoming.close()
    answer.close()
    assert (answer.closed, incoming.is_free) == (True, False)
