"""Bodies of answers, cut anywhere, framed falsely, or packed to become larger than they may: over real sockets.

What is read is what the service sent, or an error; and no body takes more memory than the configured limit allows.
"""

import gzip
import json
import random
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from faults import client, no_socket_left
from servers import CLOSE, PATIENCE, STALL, answer, json_answer, scripted_server
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ProtocolError

from quantcdn import ConnectionException, ResponseFormatException, TimeoutException

SESSION = {"id": "s", "title": "x" * 300}
BODY = json.dumps(SESSION).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def in_chunks(*chunks: bytes, size: str = "%x", trailer: bytes = b"") -> bytes:
    """A body in chunks."""
    framed = (b"%s\r\n%s\r\n" % ((size % len(chunk)).encode(), chunk) for chunk in (*chunks, b""))
    body = b"".join(framed)
    return body[:-2] + trailer + b"\r\n"


THREE = (BODY[:7], BODY[7:100], BODY[100:])
WELL_FORMED = {
    "in one": in_chunks(BODY),
    "in three": in_chunks(*THREE),
    "upper case": in_chunks(*THREE, size="%X"),
    "zeros before": in_chunks(*THREE, size="%010x"),
    "an extension": in_chunks(*THREE, size="%x;name=value"),
    "an extension in quotes": in_chunks(*THREE, size='%x ; name="a value"'),
    "a trailer": in_chunks(*THREE, trailer=b"X-Sum: 1\r\nX-Other: 2\r\n"),
}


@pytest.mark.parametrize("body", WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_body_in_chunks_is_read_whole_and_its_connection_kept(body: bytes) -> None:
    with no_socket_left(), scripted_server([HEAD + body] * 2) as server, client(server.host) as api:
        for _ in range(2):
            assert api.get_ai_session("org", "s").title == SESSION["title"]
        assert server.connections == 1


@pytest.mark.parametrize("limit", [2**31, 2**62, 10**30], ids=["2 GB", "more than there is", "more than is counted"])
def test_a_limit_beyond_all_memory_is_no_limit(limit: int) -> None:
    to_the_close = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY
    script = [
        HEAD + in_chunks(*THREE),
        [to_the_close, CLOSE],
        answer(200, gzip.compress(BODY), {"Content-Encoding": "gzip"}),
    ]
    with scripted_server(script) as server, client(server.host, retries=0, max_response_size=limit) as api:
        for _ in script:
            assert api.get_ai_session("org", "s").title == SESSION["title"]


@pytest.mark.parametrize("body", WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_body_in_chunks_that_is_cut_anywhere_is_lost(body: bytes) -> None:
    cuts = range(len(body)) if len(body) < 340 else [*range(40), *range(len(body) - 60, len(body))]
    script = [[HEAD + body[:cut], CLOSE] for cut in cuts]
    with no_socket_left(), scripted_server(script) as server, client(server.host, retries=0) as api:
        for _ in cuts:
            with pytest.raises(
                ConnectionException, match=r"was lost: (after \d+ bytes of its answer|Remote end closed)"
            ):
                api.get_ai_session("org", "s")
        assert len(server.requests) == len(cuts)


def in_pieces(read: Callable[[], bytes]) -> Iterator[bytes]:
    while piece := read():
        yield piece


WAYS: dict[str, Callable[[BaseHTTPResponse], bytes]] = {
    "data": lambda response: response.data,
    "read": lambda response: response.read(),
    "read in pieces": lambda response: b"".join(in_pieces(lambda: response.read(99))),
    "read1": lambda response: b"".join(in_pieces(response.read1)),
    "read1 in pieces": lambda response: b"".join(in_pieces(lambda: response.read1(99))),
    "stream": lambda response: b"".join(response.stream(99)),
    "iteration": b"".join,
}
each_way = pytest.mark.parametrize("whole", WAYS.values(), ids=WAYS)
FRAMED = {
    "a length": answer(200, BODY),
    "chunks": HEAD + WELL_FORMED["in three"],
    "chunks and a trailer": HEAD + WELL_FORMED["a trailer"],
}


@each_way
@pytest.mark.parametrize("framed", FRAMED.values(), ids=FRAMED)
def test_an_unread_body_is_whole_or_an_error_wherever_it_is_cut(
    framed: bytes, whole: Callable[[BaseHTTPResponse], bytes]
) -> None:
    begin = framed.index(b"\r\n\r\n") + 4
    cuts = [*range(begin, begin + 12), *range(begin + 12, len(framed) - 12, 17), *range(len(framed) - 12, len(framed))]
    script = [[framed[:cut], CLOSE] for cut in cuts]
    with no_socket_left(), scripted_server([framed, *script]) as server, client(server.host) as api:
        assert whole(api.get_ai_session_without_preload_content("org", "s")) == BODY
        for _ in cuts:
            response = api.get_ai_session_without_preload_content("org", "s")
            with pytest.raises(ProtocolError, match=r"after \d+( of the \d+)? bytes of its answer|inside the headers"):
                whole(response)


@pytest.mark.parametrize("piece", ["stream", "read_chunked", "read1"])
def test_a_chunk_can_be_had_before_the_next_one_comes(piece: str) -> None:
    with scripted_server([[HEAD + b"5\r\nhello\r\n", STALL]]) as server, client(server.host) as api:
        response = api.get_ai_session_without_preload_content("org", "s", _request_timeout=PATIENCE)
        came = getattr(response, piece)()
        assert (came if piece == "read1" else next(came)) == b"hello"
        response.close()


@pytest.mark.parametrize("limit", [10**13, 10**30])
@pytest.mark.parametrize("reply", [HEAD + in_chunks(BODY), [b"HTTP/1.1 200 OK\r\n\r\n" + BODY, CLOSE]])
def test_the_limit_may_be_larger_than_any_memory(reply: Any, limit: int) -> None:
    with scripted_server([reply]) as server, client(server.host, max_response_size=limit) as api:
        assert api.get_ai_session("org", "s").title == SESSION["title"]


@pytest.mark.parametrize(
    "body",
    [
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"0_2\r\n{}\r\n0\r\n\r\n",
        b" 2\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b";x\r\n{}\r\n0\r\n\r\n",
        b"2\n{}\r\n0\r\n\r\n",
        b"2\r{}\r\n0\r\n\r\n",
        b"2\r\n{}XX0\r\n\r\n",
        b"2\r\n{}\n0\r\n\r\n",
        b"1\r\n{}\r\n0\r\n\r\n",
        b"00000000000000002\r\n{}\r\n0\r\n\r\n",
        b"2;" + b"x" * 5000 + b"\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nno field\r\n\r\n",
        b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 101 + b"\r\n",
    ],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("variant", ["", "_without_preload_content"], ids=["plain", "unread"])
def test_a_body_in_false_chunks_is_never_read_as_one(body: bytes, variant: str) -> None:
    with (
        no_socket_left(),
        scripted_server([HEAD + body, json_answer(SESSION)]) as server,
        client(server.host, retries=0) as api,
    ):
        if variant:
            response = api.get_ai_session_without_preload_content("org", "s")
            with pytest.raises(Exception, match=r"chunk|headers|ended"):
                response.read()
            response.close()
        else:
            with pytest.raises(ConnectionException, match="HTTP that can be read"):
                api.get_ai_session("org", "s")
        assert api.get_ai_session("org", "s").id == "s"
    assert server.connections == 2


# What is packed


def packed(body: bytes, coding: str = "gzip") -> bytes:
    return answer(200, body, {"Content-Type": "application/json", "Content-Encoding": coding})


PACKED = {
    "gzip": packed(gzip.compress(BODY)),
    "x-gzip": packed(gzip.compress(BODY), "X-GZIP"),
    "deflate": packed(zlib.compress(BODY), "deflate"),
    "deflate without a header": packed(zlib.compress(BODY)[2:-4], "deflate"),  # RFC 9110, section 8.4.1.2
    "identity": packed(BODY, "identity"),
    "gzip of two parts": packed(gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
    "gzip that is filled up": packed(gzip.compress(BODY) + bytes(512)),
}


@pytest.mark.parametrize("reply", PACKED.values(), ids=PACKED)
def test_a_packed_body_is_unpacked(reply: bytes) -> None:
    with no_socket_left(), scripted_server([reply] * 2) as server, client(server.host) as api:
        for _ in range(2):
            assert api.get_ai_session("org", "s").title == SESSION["title"]
        assert server.connections == 1


@pytest.mark.parametrize("reply", PACKED.values(), ids=PACKED)
def test_the_rest_of_an_answer_can_be_read_after_a_part_of_it(reply: bytes) -> None:
    with no_socket_left(), scripted_server([reply]) as server, client(server.host) as api:
        response = api.api_client.call_api("GET", server.host)
        assert response.response.read(9) + response.read() == BODY


UNREADABLE: dict[str, tuple[Any, type[Exception], str]] = {
    "too large, by its length": (answer(200, BODY), ResponseFormatException, "larger than 99 bytes"),
    "too large, in chunks": ([HEAD + in_chunks(*THREE), CLOSE], ResponseFormatException, "larger than 99 bytes"),
    "too large, to the end": ([b"HTTP/1.1 200 OK\r\n\r\n" + BODY, CLOSE], ResponseFormatException, "larger than 99"),
    "too large, packed": (packed(gzip.compress(BODY)), ResponseFormatException, "larger than 99 bytes"),
    "cut off": ([answer(200, BODY[:90])[:-40], CLOSE], ConnectionException, "was lost: after 50 of the 90 bytes"),
    "false chunks": (HEAD + b"14\r\n" + BODY[:20] + b"\r\n-2\r\n", ConnectionException, "the size of a chunk is none"),
    "falsely packed": (
        packed(gzip.compress(BODY[:80])[:30] + bytes(40)),
        ResponseFormatException,
        "its body is not gzip, as it says|what is left of its body cannot be unpacked",
    ),
    "no more of it": ([answer(200, BODY[:90])[:-40], STALL], TimeoutException, "did not answer in time"),
}


@pytest.mark.parametrize("first", [0, 9], ids=["whole", "after a part of it"])
@pytest.mark.parametrize(("reply", "kind", "text"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_is_told_by_the_sdk_each_time(
    reply: Any, kind: type[Exception], text: str, first: int
) -> None:
    with no_socket_left(), scripted_server([reply]) as server, client(server.host, max_response_size=99) as api:
        response = api.api_client.call_api("GET", server.host, {"Authorization": "Bearer qc_secret"}, None, None, 0.5)
        response.response.read(first)
        for _ in range(2):
            with pytest.raises(kind, match=text):
                response.read()


class Limit(TimeoutError):
    """A limit of the application's own."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_limit_amid_the_rest_of_a_body_comes_out_as_it_is_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    unpack = urllib3.response.GzipDecoder.decompress
    moments = [signal.SIGUSR1]

    def interrupted(decoder: Any, *data: Any, **options: Any) -> bytes:
        if moments:
            signal.raise_signal(moments.pop())
        return unpack(decoder, *data, **options)

    def limit(*_: object) -> None:
        raise Limit("over")

    body = random.Random(1).randbytes(300_000)
    with no_socket_left(), scripted_server([packed(gzip.compress(body))]) as server, client(server.host) as api:
        response = api.api_client.call_api("GET", server.host, {"Authorization": "Bearer qc_secret"}, None, None, 5)
        response.response.read(9)
        monkeypatch.setattr(urllib3.response.GzipDecoder, "decompress", interrupted)
        before = signal.signal(signal.SIGUSR1, limit)
        try:
            with pytest.raises(Limit):
                response.read()
        finally:
            signal.signal(signal.SIGUSR1, before)
        with pytest.raises(ConnectionException, match="not read to its end"):
            response.read()


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_packed_body_that_was_packed_in_part_is_told_as_that(cut: int) -> None:
    with (
        scripted_server([packed(gzip.compress(BODY)[:-cut])]) as server,
        client(server.host) as api,
        pytest.raises(ResponseFormatException, match="its gzip is cut off after"),
    ):
        api.get_ai_session("org", "s")


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "\x1b[31mred"])
def test_a_packing_that_nobody_asked_for_is_named_and_its_bytes_are_not_shown(coding: str) -> None:
    with (
        scripted_server([packed(b"\x8b\x02\x80\x00", coding)]) as server,
        client(server.host) as api,
        pytest.raises(ResponseFormatException, match=r"its Content-Encoding is .*, which was not asked for") as caught,
    ):
        api.get_ai_session("org", "s")
    assert ascii(str(caught.value)) == repr(str(caught.value))
    assert caught.value.body is None


def test_no_body_needs_no_unpacking() -> None:
    fields = {"Content-Encoding": "br"}
    with scripted_server([answer(204, headers=fields)]) as server, client(server.host) as api:
        assert api.delete_ai_session("org", "s").message is None


def test_unpacking_takes_no_longer_than_the_call() -> None:
    bomb = gzip.compress(bytes(40_000_000)) * 90
    with (
        scripted_server([packed(bomb)]) as server,
        client(server.host, retries=0, max_response_size=10**11) as api,
        pytest.raises(TimeoutException),
    ):
        api.get_ai_session("org", "s", _request_timeout=0.3)


# What it may cost

PROGRAM = """
import resource, sys
import quantcdn
import urllib3
host, how, limit = sys.argv[1:]
configuration = quantcdn.Configuration(host, "qc_token", retries=0)
configuration.max_response_size = int(limit)
with quantcdn.ApiClient(configuration) as client:
    api = quantcdn.AISessionsApi(client)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        if how == "get":
            api.get_ai_session("org", "s")
        elif how == "call_api":
            client.call_api("GET", host).read()
        elif how == "data":
            api.get_ai_session_without_preload_content("org", "s").data
        else:
            for piece in api.get_ai_session_without_preload_content("org", "s").stream(65_536):
                assert len(piece) <= 65_536
            print(None)
    except (quantcdn.ApiException, urllib3.exceptions.HTTPError) as error:
        print(type(error).__name__)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def cost(reply: Any, how: str, limit: int) -> tuple[str, int]:
    """What reading an answer raises, and how many megabytes it takes, in a process of its own."""
    with scripted_server([reply]) as server:
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, server.host, how, str(limit)],
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stderr
    raised, megabytes = run.stdout.split()
    return raised, int(megabytes)


BOMB = gzip.compress(bytes(400_000_000))
GREEDY: dict[str, Any] = {
    "a bomb": packed(BOMB),
    "a bomb in chunks": HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + in_chunks(BOMB),
    "a chunk that says to be endless": [HEAD + b"fffffffffffffff\r\n", *[bytes(1_000_000)] * 50, CLOSE],
    "an answer to the end of the connection": [b"HTTP/1.1 200 OK\r\n\r\n", *[bytes(1_000_000)] * 50, CLOSE],
    "a length that is not true": [b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", CLOSE],
}


measured = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the most memory that was used")


@measured
@pytest.mark.parametrize("how", ["get", "call_api"])
@pytest.mark.parametrize("reply", GREEDY.values(), ids=GREEDY)
def test_no_answer_takes_much_more_memory_than_it_may(reply: Any, how: str) -> None:
    raised, megabytes = cost(reply, how, limit=1_000_000)
    assert raised == "ResponseFormatException"
    assert megabytes < 20


@measured
@pytest.mark.parametrize("reply", ["a bomb", "a bomb in chunks"])
def test_no_piece_of_an_unread_answer_is_larger_than_asked_for(reply: str) -> None:
    raised, megabytes = cost(GREEDY[reply], "stream", limit=1_000_000)
    assert raised == "None"
    assert megabytes < 20


@measured
@pytest.mark.parametrize(("how", "raises"), [("get", "ConnectionException"), ("data", "ProtocolError")])
@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n", HEAD + b"55d4a80\r\n"],
    ids=["a length", "a chunk"],
)
def test_the_loss_of_a_large_answer_takes_no_more_memory_than_the_answer(head: bytes, how: str, raises: str) -> None:
    raised, megabytes = cost([head, *[b"\xe9" * 1_000_000] * 80, CLOSE], how, limit=100_000_000)
    assert raised == raises
    assert megabytes < 200


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n", HEAD + b"ffffffffffffffff\r\n"]
)
def test_no_room_is_made_for_what_an_answer_only_says_to_have(head: bytes) -> None:
    with scripted_server([[head + b"{}", CLOSE]]) as server, client(server.host) as api:
        response = api.get_ai_session_without_preload_content("org", "s")
        with pytest.raises(ProtocolError, match="after 2 "):
            response.read()
