"""Whatever a server answers and whatever a program passes, nothing but the promised comes of it.

Any bytes as an answer give what was asked or an `ApiException`, in time, and never become the answer to the next call.
Any Python objects as arguments are refused before anything is sent, or arrive as the JSON that they stand for.

`HYPOTHESIS_PROFILE=thorough` searches for longer.
"""

import contextlib
import gzip
import importlib.util
import json
import math
import os
import socket
import ssl
import string
import subprocess
import sys
import threading
from collections import OrderedDict, UserDict, UserString, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum, IntEnum
from itertools import count
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote
from uuid import UUID

import pytest
import urllib3
from conftest import TOKEN, Connect
from faults import a_port, each_connection, server_tls, trusted
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from servers import CLOSE, Answer, Received, answer, json_answer, scripted_server
from stalls import within

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiValueError,
    Configuration,
    CreateAISession201Response,
    CreateAISessionRequest,
    DeleteAISession200Response,
    ExtendAISession200Response,
    GetAISession200Response,
    RetryPolicy,
    TimeoutException,
    UpdateAISession200Response,
)

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
pytestmark = pytest.mark.timeout(3600 if THOROUGH else 120)


def bounded(examples: int) -> settings:
    """The same examples at each run, and few; or many, and different ones."""
    return settings(
        max_examples=50 * examples if THOROUGH else examples,
        derandomize=not THOROUGH,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if THOROUGH else [])],
        suppress_health_check=list(HealthCheck),
    )


# Answers


class Operation(NamedTuple):
    call: Callable[..., Any]
    result: type
    answer: bytes


def _chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


OPERATIONS = {
    "create": Operation(
        lambda api, **options: api.create_ai_session("org", {"userId": "u"}, **options),
        CreateAISession201Response,
        json_answer({"sessionId": "s", "status": "active", "expiresAt": "2030-01-02T03:04:05Z"}, 201),
    ),
    "list": Operation(
        lambda api, **options: api.list_ai_sessions("org", **options),
        list,
        _chunked(b'[{"id": "s", "created_at": 1767323045, "title": "\\u00e9"}]'),
    ),
    "get": Operation(
        lambda api, **options: api.get_ai_session("org", "s", **options),
        GetAISession200Response,
        json_answer({"id": 7, "messages": [{"role": "user", "content": "hi"}], "created_at": "2030-01-02 03:04:05"}),
    ),
    "update": Operation(
        lambda api, **options: api.update_ai_session("org", "s", {"tokensUsed": 1}, **options),
        UpdateAISession200Response,
        json_answer({"sessionId": "s", "totalMessages": 2, "totalTokens": 3, "updatedAt": "2030-01-02T03:04:05+01:00"}),
    ),
    "extend": Operation(
        lambda api, **options: api.extend_ai_session("org", "s", **options),
        ExtendAISession200Response,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body := gzip.compress(b'{"sessionId": "s", "message": "Extended"}', mtime=0)), body),
    ),
    "delete": Operation(
        lambda api, **options: api.delete_ai_session("org", "s", **options),
        DeleteAISession200Response,
        b"HTTP/1.0 200 OK\r\nContent-Type: application/json; charset=utf-16\r\n\r\n"
        + '{"message": "Gone"}'.encode("utf-16"),
    ),
}

_statuses = st.sampled_from(
    b"100 101 103 199 200 201 204 205 206 299 301 304 307 400 401 404 408 422 429 500 503 599 600 999 1000 000 -1 2OO"
    b" ".split(b" ")
)
_headers = st.lists(
    st.sampled_from(
        [
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: identity",
            *[
                b"Content-Length: " + length
                for length in (b"-1", b"0", b"2", b"1_0", b"9" * 30, b"2, 3", b"2, 2", b"x", b"")
            ],
            *[b"Content-Encoding: " + coding for coding in (b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"x")],
            *[
                b"Content-Type: application/json; charset=" + charset
                for charset in (
                    b"utf-7",
                    b"utf-16",
                    b"idna",
                    b"punycode",
                    b"unicode_escape",
                    b"rot13",
                    b"zlib",
                    b"\xff",
                    b"a\x00b",
                )
            ],
            *[
                b"Retry-After: " + when
                for when in (b"1e999", b"nan", b"-5", b"Mon, 99 Foo", b"Wed, 21 Oct 2015 07:28:00 GMT")
            ],
            b"Connection: close",
            b"Connection: keep-alive",
            b"Location: https://u:p@elsewhere.example/?q",
            b"x-request-id: \xe9\xff",
            b": no name",
            b" folded",
            b"no colon",
            b"A" * 70_000 + b": long",
        ]
    ),
    max_size=4,
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "sessionId", "messages", "created_at", "expiresAt", "sessions", "totalTokens"]),
            inner,
        )
    ),
    max_leaves=5,
)
_bodies = st.one_of(
    st.binary(max_size=30),
    _json.map(lambda value: json.dumps(value).encode()),
    _json.map(lambda value: gzip.compress(json.dumps(value).encode(), mtime=0)),
    st.sampled_from(
        [b"[" * 5000, b'{"id": ' * 5000, b"1" * 5000, b"2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\nzz\r\n", b"-2\r\n{}"]
    ),
)
_composed = st.builds(
    lambda version, status, headers, body: b"\r\n".join([version + b" " + status + b" Reason", *headers, b"", body]),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/0.9", b"ICY"]),
    _statuses,
    _headers,
    _bodies,
)


# The fields that the client reads, with any value: of each, most of what it holds is as it should be.
_READ = [
    b"Retry-After",
    b"Keep-Alive",
    b"Location",
    b"Date",
    b"Connection",
    b"Content-Type",
    b"Content-Encoding",
    b"Content-Length",
    b"Transfer-Encoding",
]
_values = st.builds(
    lambda before, value, after: before + value + after,
    st.binary(max_size=2),
    st.sampled_from(
        [
            b"0",
            b"0.0",
            b"inf",
            b"timeout=5",
            b"https://elsewhere.example/",
            b"Mon, 06 May 2024 07:08:09 GMT",
            b"close",
            b"application/json; charset=utf-8",
            b"gzip",
            b"2",
            b"chunked",
        ]
    ),
    st.binary(max_size=2),
)
_of_fields = st.builds(
    lambda status, phrase, fields: b"\r\n".join(
        [b"HTTP/1.1 " + status + b" " + phrase, *(name + b": " + value for name, value in fields), b"", b"{}"]
    ),
    _statuses,
    st.binary(max_size=3),
    st.lists(st.tuples(st.sampled_from(_READ), _values), min_size=1, max_size=2),
)


class Mutation(NamedTuple):
    """Some bytes of an answer replaced: from a share of its length on, so many, by others."""

    start: float
    length: int
    new: bytes


def _mutated(sent: bytes, mutations: list[Mutation]) -> bytes:
    for start, length, new in mutations:
        position = int(start * len(sent))
        sent = sent[:position] + new + sent[position + length :]
    return sent


_mutations = st.lists(
    st.builds(
        Mutation,
        st.floats(0, 1),
        st.sampled_from([0, 0, 1, 1, 4, 20, 10_000]),
        st.binary(max_size=3) | st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b"\x00", b"9", b"\xff\xfe", b'"']),
    ),
    max_size=3,
)
_after = st.sampled_from(
    [b"", b"", b"", b"\r\n", b"{}", json_answer({"id": "poison"}), json_answer({"id": "poison"}) * 200]
)


class Line:
    """A client, and a server that gives the same answer until told another."""

    def __init__(self, stack: ExitStack) -> None:
        self.answer: Answer = b""
        self.server = stack.enter_context(scripted_server(iter(lambda: self.answer, None)))
        configuration = Configuration(self.server.host, TOKEN, retries=RetryPolicy(backoff=0))
        self.api = AISessionsApi(stack.enter_context(ApiClient(configuration)))


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with ExitStack() as stack:
        yield Line(stack)


_ids = count()
WAIT = 0.15
"""How long to wait, in seconds, for an answer that may never end."""


def _check(line: Line, operation: Operation, answer: Answer) -> None:
    line.answer = answer
    with within(WAIT), contextlib.suppress(ApiException):
        assert isinstance(operation.call(line.api, _request_timeout=WAIT), operation.result)
    expected = f"own-{next(_ids)}"
    line.answer = json_answer({"id": expected})
    assert line.api.get_ai_session("org", expected).id == expected, "the answer to another request"


_operations = st.sampled_from([*OPERATIONS.values()])
_ends = st.sampled_from([True, True, False])


@bounded(150)
@given(
    operation=st.sampled_from([*OPERATIONS.values()]),
    answer=_composed | st.binary(max_size=40),
    after=_after,
    ends=_ends,
)
@example(operation=OPERATIONS["get"], answer=_chunked(b"{}").replace(b"2\r\n", b"-2\r\n"), after=b"", ends=True)
@example(operation=OPERATIONS["get"], answer=_chunked(b"{}").replace(b"2\r\n", b"2" * 99), after=b"", ends=True)
@example(
    operation=OPERATIONS["update"],  # with a number that dateutil cannot divide
    answer=json_answer({"updatedAt": f"2030-01-02 03:{'3' * 50}05+0100"}),
    after=b"",
    ends=False,
)
def test_any_answer_is_what_was_asked_or_an_exception_and_the_next_is_right(
    line: Line, operation: Operation, answer: bytes, after: bytes, ends: bool
) -> None:
    _check(line, operation, [answer + after, CLOSE] if ends else answer + after)


@bounded(150)
@given(operation=_operations, mutations=_mutations, after=_after, ends=_ends)
def test_a_good_answer_with_changes_is_what_was_asked_or_an_exception_and_the_next_is_right(
    line: Line, operation: Operation, mutations: list[Mutation], after: bytes, ends: bool
) -> None:
    answer = _mutated(operation.answer, mutations)
    _check(line, operation, [answer + after, CLOSE] if ends else answer + after)


@bounded(150)
@given(operation=_operations, answer=_of_fields)
@example(operation=OPERATIONS["get"], answer=b"HTTP/1.1 503 X\r\nRetry-After: 0\x1f\r\n\r\n")
def test_any_value_of_a_field_that_is_read_ends_in_an_answer_or_an_exception_and_the_next_is_right(
    line: Line, operation: Operation, answer: bytes
) -> None:
    _check(line, operation, [answer, CLOSE])


# Bodies in chunks


def _content_of(sent: bytes) -> bytes | None:
    """What a body in chunks holds, by RFC 9112, section 7.1; None where it is not whole and well-formed."""
    content = b""
    while True:
        line, end, sent = sent.partition(b"\r\n")
        size, _, extension = line.partition(b";")
        size = size.rstrip(b" \t")
        if not (end and 1 <= len(size) <= 16 and not size.strip(string.hexdigits.encode())):
            return None
        if set(extension) & set(b"\r\n\0"):
            return None
        length = int(size, 16)
        if not length:
            return content if _is_trailer(sent) else None
        if sent[length : length + 2] != b"\r\n":
            return None
        content += sent[:length]
        sent = sent[length + 2 :]


def _is_trailer(sent: bytes) -> bool:
    """Whether header fields begin here, and the empty line after them. As in the head, a line may end with LF alone."""
    *lines, _ = sent.split(b"\n")
    for number, line in enumerate(lines):
        line = line.removesuffix(b"\r")
        if not line:
            return True
        name, colon, _ = line.partition(b":")
        is_field = bool(name and colon) and all(32 < octet < 127 for octet in name)
        is_folded = line[:1] in (b" ", b"\t") and number > 0
        if set(line) & set(b"\r\0") or not (is_field or is_folded):
            return False
    return False


_sizes = st.sampled_from(
    ["%x", "%X", "%016x", "%x ", "%x;a", '%x ; a="b"', "%x", "%x", "-%x", "+%x", "0x%x", "%x_", ""]
)
_bodies_in_chunks = st.builds(
    lambda chunks, trailer: (
        b"".join(b"%b\r\n%b\r\n" % ((size % len(chunk) if size else "").encode(), chunk) for size, chunk in chunks)
        + b"0\r\n"
        + trailer
        + b"\r\n"
    ),
    st.lists(st.tuples(_sizes, st.binary(min_size=1, max_size=40)), max_size=4),
    st.sampled_from([b"", b"", b"A: b\r\n", b"A: b\r\n c\r\nD:\n", b"no colon\r\n", b"A : b\r\n", b" c\r\n"]),
)
_READINGS: dict[str, Callable[[urllib3.BaseHTTPResponse], bytes]] = {
    "read": lambda response: response.read(),
    "read in pieces": lambda response: b"".join(iter(lambda: response.read(7), b"")),
    "read1": lambda response: b"".join(iter(lambda: response.read1(7), b"")),
    "stream": lambda response: b"".join(response.stream(7)),
    "whole chunks": lambda response: b"".join(response.read_chunked()),
}


@bounded(300)
@given(
    body=_bodies_in_chunks,
    mutations=st.just([]) | _mutations,
    cut=st.floats(0, 1) | st.just(1.0),
    reading=st.sampled_from([*_READINGS]),
    after=_after,
)
@example(body=b"1\r\na\r\n0000\r\n\r\n", mutations=[], cut=0.6, reading="read", after=b"")
@example(body=b"1\r\naXX0\r\n\r\n", mutations=[], cut=1.0, reading="stream", after=b"")
def test_a_body_in_chunks_is_read_whole_or_not_at_all_in_each_way(
    line: Line, body: bytes, mutations: list[Mutation], cut: float, reading: str, after: bytes
) -> None:
    sent = _mutated(body, mutations) + after
    sent = sent[: int(cut * len(sent))]
    line.answer = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sent, CLOSE]
    response = line.api.get_ai_session_without_preload_content("org", "s")
    content: bytes | None
    try:
        content = _READINGS[reading](response)
    except urllib3.exceptions.HTTPError:
        content = None
    response.close()
    assert content == _content_of(sent)


OWN, OTHER = json_answer({"id": "own"}), json_answer({"id": "other"})
PIECE = 8192  # what is read at once, half of a TLS record
FULL_PIECE = answer(body=b'{"id": "other"}'.ljust(PIECE - len(answer(body=b" " * PIECE)) + PIECE))


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        pytest.param(OTHER + OTHER, b"", id="two answers at once"),
        pytest.param(OTHER + OTHER[:20], OTHER[20:], id="an answer and a part of another"),
        pytest.param(OTHER + OTHER, OTHER, id="two answers at once and one more"),
        pytest.param(OTHER + b"{}", OTHER, id="a body that is too long"),
        pytest.param(_chunked(b'{"id": "other"}') + b"{}", OTHER, id="more after the last chunk"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n{}", OTHER, id="a body after 204"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\n\r\n{}", OTHER, id="a body after 304"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", OTHER, id="another protocol"),
        pytest.param(OTHER[:-5], OTHER[-5:] + OTHER, id="an answer that stops"),
        pytest.param(FULL_PIECE + OTHER, b"", id="two answers at once, the first as long as what is read at once"),
    ],
)
@pytest.mark.parametrize("tls", [None, server_tls()], ids=["plain", "tls"])
def test_a_connection_that_does_not_end_with_the_answer_is_not_used_again(
    connect: Connect, first: bytes, rest: bytes, tls: ssl.SSLContext | None
) -> None:
    was_answered = threading.Event()

    def serve(connection: socket.socket) -> None:
        if request := connection.recv(65536):
            was_answered.set()
            connection.sendall(OWN if b"/own " in request else first)
        if connection.recv(65536):
            connection.sendall(rest + OTHER)  # to a second request over the same connection

    with a_port() as port, each_connection(serve, tls)(port):
        api = connect(f"http{'s' if tls else ''}://127.0.0.1:{port.number}", ca_cert_data=trusted())
        while not was_answered.is_set():  # on a busy machine, the time may be over before the request is there
            with contextlib.suppress(ApiException):
                api.get_ai_session("org", "other", _request_timeout=0.3)
        assert api.get_ai_session("org", "own").id == "own"


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_announcement_is_not_taken_for_the_answer(connect: Connect, operation: Operation, status: str) -> None:
    announcement = f"HTTP/1.1 {status}\r\nLink: </x>\r\n\r\n".encode()
    with scripted_server([[announcement * 2, 0.05, operation.answer, CLOSE]]) as server:
        assert isinstance(operation.call(connect(server.host)), operation.result)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="Atheris is not installed")
def test_atheris_finds_no_answer_that_decode_cannot_tell(tmp_path: Path) -> None:
    fuzzer = [sys.executable, str(Path(__file__).with_name("fuzz_decode.py"))]
    subprocess.run([*fuzzer, "--seeds", tmp_path], check=True)
    options = ["-runs=1000000"] if THOROUGH else ["-runs=20000", "-seed=1"]
    done = subprocess.run([*fuzzer, *options, tmp_path], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


# Arguments


class Colour(str, Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


class Shape(Enum):
    ROUND = (1, {"x": None})
    ODD = object()


class Name(str):
    def __str__(self) -> str:
        return "another text"


class Pair(NamedTuple):
    first: int
    second: str


class Hostile:
    """An object that can be printed, and of which nothing else can be asked."""

    def _fail(self, *_args: object) -> Any:
        raise ZeroDivisionError

    __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __int__ = __float__ = _fail


def _containing_itself() -> list[Any]:
    value: list[Any] = []
    value.append({"again": value})
    return value


def _nested(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = [value]
    return value


# Made when they are drawn: some can neither be printed nor compared.
_ODD: list[Callable[[], Any]] = [
    lambda: Colour.RED,
    lambda: Size.BIG,
    lambda: Shape.ROUND,
    lambda: Shape.ODD,
    lambda: Name("text"),
    lambda: Pair(1, "2"),
    lambda: Hostile(),
    lambda: Hostile,
    lambda: object(),
    lambda: print,
    lambda: ...,
    lambda: range(3),
    lambda: iter([1]),
    lambda: {1, 2},
    lambda: b"bytes",
    lambda: bytearray(b"bytes"),
    lambda: memoryview(b"bytes"),
    lambda: 1j,
    lambda: timedelta(1),
    lambda: SimpleNamespace(a=1),
    lambda: ValueError("text"),
    lambda: deque([1]),
    lambda: OrderedDict(a=1),
    lambda: defaultdict(int, a=1),
    lambda: UserDict(a=1),
    lambda: MappingProxyType({"a": 1}),
    lambda: UserString("text"),
    lambda: CreateAISessionRequest(user_id="u"),
    lambda: "\ud800",
    lambda: "a\x00\r\n\u2028b",
    lambda: "..",
    lambda: "a/b",
    lambda: "%2e%2e",
    lambda: -0.0,
    lambda: math.nan,
    lambda: math.inf,
    lambda: 1e300,
    lambda: 5e-324,
    lambda: 2**63,
    lambda: 10**4000,
    lambda: 10**5000,
    lambda: Decimal("NaN"),
    lambda: Decimal("sNaN"),
    lambda: Decimal("1E+1000"),
    lambda: UUID(int=7),
    lambda: date(1, 1, 1),
    lambda: time_of_day(1, 2, 3, 4, timezone.utc),
    lambda: datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-23, minutes=-59))),
    lambda: datetime(1800, 1, 1, tzinfo=timezone(timedelta(seconds=1172))),
    lambda: _containing_itself(),
    lambda: _nested(150),
    lambda: _nested(100_000),
    lambda: {1: "key"},
    lambda: {b"key": 1},
    lambda: {None: 1},
    lambda: {"\udfff": 1},
    lambda: {Colour.RED: 1},
    lambda: {Name("key"): Name("text")},
    lambda: {("a", 1): 1},
    lambda: (30.0, 30.0),
    lambda: (1, 2, 3),
]
_odd = st.integers(0, len(_ODD) - 1).map(lambda index: _ODD[index]())
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.datetimes(),
    _odd,
)
_objects = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)


def as_json(value: Any) -> Any:
    """The JSON that a Python object stands for."""
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, Mapping):
        return {as_json(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, datetime | time_of_day):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return str.__str__(value)
    return str(value) if isinstance(value, Decimal | UUID) else value


class Place(NamedTuple):
    """Where an argument goes: the call with it, and how it stands in the request."""

    call: Callable[[AISessionsApi, Any], object]
    found: Callable[[Received], Any]


def _created(**fields: Callable[[Any], Any]) -> Callable[[AISessionsApi, Any], object]:
    return lambda api, value: api.create_ai_session(
        "org", {"userId": "u", **{name: made(value) for name, made in fields.items()}}
    )


def _updated(**fields: Callable[[Any], Any]) -> Callable[[AISessionsApi, Any], object]:
    return lambda api, value: api.update_ai_session("org", "id", {name: made(value) for name, made in fields.items()})


def _in_query(name: str) -> Callable[[Received], Any]:
    def found(request: Received) -> Any:
        return parse_qs(request.target.partition("?")[2], keep_blank_values=True, encoding="utf-8").get(name, [None])[0]

    return found


def _in_path(index: int) -> Callable[[Received], Any]:
    return lambda request: unquote(request.target.split("/")[index])


def _itself(value: Any) -> Any:
    return value


PLACES = {
    "metadata of create": Place(_created(metadata=_itself), lambda request: request.json().get("metadata")),
    "in metadata of create": Place(
        _created(metadata=lambda value: {"a": [value]}), lambda request: request.json()["metadata"]["a"][0]
    ),
    "metadata of update": Place(_updated(metadata=_itself), lambda request: request.json().get("metadata")),
    "user": Place(
        lambda api, value: api.create_ai_session("org", {"userId": value}), lambda request: request.json()["userId"]
    ),
    "group": Place(_created(sessionGroup=_itself), lambda request: request.json().get("sessionGroup")),
    "expiration": Place(_created(expirationMinutes=_itself), lambda request: request.json().get("expirationMinutes")),
    "messages": Place(_created(initialMessages=_itself), lambda request: request.json().get("initialMessages")),
    "message": Place(_updated(newMessages=lambda value: [value]), lambda request: request.json()["newMessages"][0]),
    "role": Place(
        _updated(newMessages=lambda value: [{"role": value, "content": ""}]),
        lambda request: request.json()["newMessages"][0].get("role"),
    ),
    "content": Place(
        _updated(newMessages=lambda value: [{"role": "user", "content": value}]),
        lambda request: request.json()["newMessages"][0].get("content"),
    ),
    "tokens": Place(_updated(tokensUsed=_itself), lambda request: request.json().get("tokensUsed")),
    "status": Place(_updated(status=_itself), lambda request: request.json().get("status")),
    "minutes": Place(
        lambda api, value: api.extend_ai_session("org", "id", {"additionalMinutes": value}),
        lambda request: request.json().get("additionalMinutes"),
    ),
    "organisation": Place(lambda api, value: api.get_ai_session(value, "id"), _in_path(4)),
    "id": Place(lambda api, value: api.delete_ai_session("org", value), _in_path(7)),
    "filter by user": Place(lambda api, value: api.list_ai_sessions("org", user_id=value), _in_query("userId")),
    "filter by model": Place(lambda api, value: api.list_ai_sessions("org", model=value), _in_query("model")),
    "offset": Place(
        lambda api, value: api.list_ai_sessions("org", offset=value),
        lambda request: None if "?" not in request.target else int(_in_query("offset")(request)),
    ),
}
"""Where an argument stands in the request just as it was given."""

OPTIONS = {
    "request as a whole": lambda api, value: api.create_ai_session("org", value),
    "_request_timeout": lambda api, value: api.get_ai_session("org", "id", _request_timeout=value),
    "_request_auth": lambda api, value: api.get_ai_session("org", "id", _request_auth=value),
    "_request_auth's value": lambda api, value: api.get_ai_session("org", "id", _request_auth={"value": value}),
    "_headers": lambda api, value: api.get_ai_session("org", "id", _headers=value),
    "_host_index": lambda api, value: api.get_ai_session("org", "id", _host_index=value),
    "limit": lambda api, value: api.list_ai_sessions("org", limit=value),
    "a header": lambda api, value: api.get_ai_session("org", "id", _headers={"X-Own": value}),
    "_content_type": lambda api, value: api.update_ai_session("org", "id", {}, _content_type=value),
}
"""Where it is only asked whether an argument is refused or taken."""


@pytest.fixture(scope="module")
def answered() -> Iterator[Line]:
    """A server that answers every operation."""
    with ExitStack() as stack:
        line = Line(stack)
        line.answer = json_answer({"sessions": [], "id": "s"})
        yield line


def _refused(line: Line, call: Callable[[AISessionsApi, Any], object], value: object) -> bool:
    """Whether a call was refused before anything was sent."""
    before = (len(line.server.requests), line.server.connections)
    try:
        call(line.api, value)
    except (ValidationError, ApiValueError):
        assert (len(line.server.requests), line.server.connections) == before
        return True
    return False


def _check_place(line: Line, place: Place, value: object) -> None:
    refused = _refused(line, place.call, value)
    if not refused and value is not None:
        assert place.found(line.server.requests[-1]) == as_json(value)


def _check_option(line: Line, call: Callable[[AISessionsApi, Any], object], value: object) -> None:
    before = len(line.server.requests)
    try:
        refused = _refused(line, call, value)
    except TimeoutException:  # there are timeouts that nothing can keep
        return
    assert len(line.server.requests) == before + (not refused)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_every_odd_argument_is_refused_or_arrives_as_the_json_it_stands_for(answered: Line, place: Place) -> None:
    for make in _ODD:
        _check_place(answered, place, make())


@bounded(60)
@given(value=_objects)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_any_argument_is_refused_or_arrives_as_the_json_it_stands_for(
    answered: Line, place: Place, value: object
) -> None:
    _check_place(answered, place, value)


@pytest.mark.parametrize("call", OPTIONS.values(), ids=OPTIONS)
def test_every_odd_option_is_refused_or_taken(answered: Line, call: Callable[[AISessionsApi, Any], object]) -> None:
    for make in _ODD:
        _check_option(answered, call, make())


@bounded(60)
@given(value=_objects)
@pytest.mark.parametrize("call", OPTIONS.values(), ids=OPTIONS)
def test_any_option_is_refused_or_taken(
    answered: Line, call: Callable[[AISessionsApi, Any], object], value: object
) -> None:
    _check_option(answered, call, value)
