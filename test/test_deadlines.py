"""Deadlines: `_request_timeout` is the caller's whole wait, however the other side dawdles.

Each case is a server, a proxy or a network that would take for ever. The bounds are what the caller is promised, the
time allowed and a quarter second, and they grow by what the machine stalls: they say how the client behaves, not how
fast it is.
"""

import contextlib
import gzip
import json
import math
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import pytest
import urllib3
from faults import (
    Port,
    a_port,
    client,
    each_connection,
    full_backlog,
    no_socket_left,
    nobody,
    server_tls,
    silence,
    trusted,
)
from servers import CLOSE, PATIENCE, STALL, Step, json_answer, scripted_server
from stalls import within

from quantcdn import (
    AISessionsApi,
    ApiException,
    Configuration,
    ConnectionException,
    OutcomeUnknownException,
    RetryPolicy,
    ServiceException,
    TimeoutException,
    TooManyRequestsException,
)

ALLOWED = 0.3
PAUSE = 0.02
"""Between two bytes of a trickle."""


Arrangement = Callable[[Port], contextlib.AbstractContextManager[Any]]


def answering(*steps: Step, tls: bool = False) -> Arrangement:
    """A server that answers every request with some steps."""
    return lambda port: scripted_server(repeat(steps), port=port.number, tls=server_tls() if tls else None)


def trickling(start: bytes, piece: bytes, tls: bool = False) -> Arrangement:
    """A server that answers every request with a start, and then a piece after the other, without an end."""

    def steps() -> Iterator[Step]:
        yield start
        while True:
            yield piece
            yield PAUSE

    def answers() -> Iterator[Any]:
        while True:
            yield steps()

    return lambda port: scripted_server(answers(), port=port.number, tls=server_tls() if tls else None)


def trickled_handshake(connection: socket.socket) -> None:
    """A large TLS record, a byte at a time."""
    connection.sendall(b"\x16\x03\x03\x3f\xff")
    while not select.select([], [], [], PAUSE)[0]:
        connection.sendall(b"\x02")


def unread(connection: socket.socket) -> None:
    """Read nothing until the connection ends."""
    poll = select.poll()
    poll.register(connection, 0)  # which still tells that it was hung up
    poll.poll()


def hardly_read(connection: socket.socket) -> None:
    """Read a little at a time, for longer than is allowed."""
    for _ in range(int(3 * ALLOWED / PAUSE)):
        connection.recv(1024)
        select.select([], [], [], PAUSE)


def trickled_tunnel(connection: socket.socket) -> None:
    """A proxy that takes its time to say whether it connects."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n")
    while not select.select([], [], [], PAUSE)[0]:
        connection.sendall(b"X: y\r\n")


def tunnel_to_silence(connection: socket.socket) -> None:
    """A proxy that connects to somebody who says nothing."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    unread(connection)


def get(api: AISessionsApi, **options: Any) -> object:
    return api.get_ai_session("org", "s", **options)


def update(api: AISessionsApi, **options: Any) -> object:
    return api.update_ai_session("org", "s", {"newMessages": [{"role": "user", "content": "Hi"}]}, **options)


def upload(api: AISessionsApi, **options: Any) -> object:
    """An update that is larger than what the system buffers between two sockets."""
    return api.update_ai_session("org", "s", {"metadata": {"note": LARGE}}, **options)


LARGE = "x" * 16_000_000
OK = b"HTTP/1.1 200 OK\r\n"
BY_LENGTH = OK + b"Content-Length: 100000\r\n\r\n"
TO_CLOSE = OK + b"\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
GZIP_HEAD = gzip.compress(b"")[:10]
# A stored block of gzip that would be 65,535 bytes long.
GZIP_START = b"%x\r\n%b\r\n" % (len(GZIP_HEAD) + 5, GZIP_HEAD + b"\x00\xff\xff\x00\x00")


@dataclass(frozen=True)
class Case:
    """Somebody who takes for ever.

    Attributes:
        name: what it is.
        arrange: what is at the port.
        call: the call to make.
        never_sent: whether the request never reaches the server.
        scheme: the scheme of the URL.
        via_proxy: the scheme of the proxy at the port, if it is a proxy.
    """

    name: str
    arrange: Arrangement
    call: Callable[..., object] = get
    never_sent: bool = False
    scheme: str = "http"
    via_proxy: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("nobody answers the connection", full_backlog, never_sent=True),
    Case("nobody answers the connection of a write", full_backlog, update, never_sent=True),
    Case("silent server", answering(STALL)),
    Case("silent server, over TLS", answering(STALL, tls=True), scheme="https"),
    Case("silent server, for a write", answering(STALL), update),
    Case("TLS handshake stalled", silence, never_sent=True, scheme="https"),
    Case("TLS handshake trickled", each_connection(trickled_handshake), never_sent=True, scheme="https"),
    Case("status line trickled", trickling(b"HTTP/1.1 200 ", b"O")),
    Case("status line trickled, over TLS", trickling(b"HTTP/1.1 200 ", b"O", tls=True), scheme="https"),
    Case("header trickled", trickling(OK + b"X: ", b"x")),
    Case("header trickled, for a write", trickling(OK + b"X: ", b"x"), update),
    Case("headers one after the other", trickling(OK, b"X: y\r\n")),
    Case("interim answers", trickling(b"", CONTINUE)),
    Case("interim answers, and then silence", answering(CONTINUE * 99, STALL)),
    Case("body by length", trickling(BY_LENGTH, b" ")),
    Case("body by length, over TLS", trickling(BY_LENGTH, b" ", tls=True), scheme="https"),
    Case("body by length, for a write", trickling(BY_LENGTH, b" "), update),
    Case("body to the close", trickling(TO_CLOSE, b" ")),
    Case("chunk by chunk", trickling(CHUNKED, b"1\r\n \r\n")),
    Case("chunk by chunk, over TLS", trickling(CHUNKED, b"1\r\n \r\n", tls=True), scheme="https"),
    Case("size of a chunk", trickling(CHUNKED, b"0")),
    Case("inside a chunk", trickling(CHUNKED + b"ffff\r\n", b" ")),
    Case("trailers", trickling(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n")),
    Case("gzip", trickling(GZIPPED + GZIP_START, b"1\r\n \r\n")),
    Case("upload that is not read", each_connection(unread), upload),
    Case("upload that is not read, over TLS", each_connection(unread, server_tls()), upload, scheme="https"),
    Case("upload that is hardly read", each_connection(hardly_read), upload),
    Case("upload that is hardly read, over TLS", each_connection(hardly_read, server_tls()), upload, scheme="https"),
    Case("proxy that is silent", silence, via_proxy="http"),
    Case("proxy that does not connect", each_connection(unread), scheme="https", via_proxy="http", never_sent=True),
    Case(
        "proxy that connects slowly",
        each_connection(trickled_tunnel),
        scheme="https",
        via_proxy="http",
        never_sent=True,
    ),
    Case(
        "TLS handshake stalled behind a proxy",
        each_connection(tunnel_to_silence),
        scheme="https",
        via_proxy="http",
        never_sent=True,
    ),
]


@pytest.mark.needs_pace
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_takes_no_longer_than_it_may(case: Case) -> None:
    with no_socket_left(), a_port() as port, case.arrange(port):
        here = f"127.0.0.1:{port.number}"
        host = f"{case.scheme}://127.0.0.1:9" if case.via_proxy else f"{case.scheme}://{here}"
        proxy = f"{case.via_proxy}://{here}" if case.via_proxy else None
        with (
            client(host, RetryPolicy(backoff=0.01), ca_cert_data=trusted(), proxy=proxy) as api,
            within(ALLOWED, least=0.9 * ALLOWED),
            pytest.raises(TimeoutException) as caught,
        ):
            case.call(api, _request_timeout=ALLOWED)
    assert isinstance(caught.value, OutcomeUnknownException) == (case.call is not get and not case.never_sent)
    assert caught.value.never_sent == case.never_sent
    assert "in time" in str(caught.value)
    assert len(caught.value.attempts) == 1


def test_every_address_of_a_server_gets_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def three_addresses(host: Any, *args: Any, **kwargs: Any) -> list[Any]:
        found = look_up("127.0.0.1" if host == "localhost" else host, *args, **kwargs)
        return 3 * found if host == "localhost" else found

    monkeypatch.setattr(socket, "getaddrinfo", three_addresses)
    with (
        no_socket_left(),
        a_port() as port,
        full_backlog(port),
        client(f"http://localhost:{port.number}") as api,
        within(ALLOWED, least=0.9 * ALLOWED),
        pytest.raises(TimeoutException) as caught,
    ):
        get(api, _request_timeout=ALLOWED)
    assert caught.value.never_sent


@pytest.mark.needs_pace
def test_an_address_that_answers_is_found_behind_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    with a_port() as port, full_backlog(port), scripted_server([json_answer({"id": "s"})]) as server:

        def first_two_are_deaf(host: Any, asked: Any, *args: Any, **kwargs: Any) -> list[Any]:
            if host != "localhost":
                return look_up(host, asked, *args, **kwargs)
            deaf = look_up("127.0.0.1", port.number, *args, **kwargs)
            return [*deaf, *deaf, *look_up("127.0.0.1", asked, *args, **kwargs)]

        monkeypatch.setattr(socket, "getaddrinfo", first_two_are_deaf)
        with client(f"http://localhost:{server.address[1]}") as api:
            assert api.get_ai_session("org", "s", _request_timeout=2 * ALLOWED).id == "s"  # each may take a third


@pytest.mark.needs_pace
def test_a_handshake_has_the_time_that_connecting_left(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def three_addresses(host: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return (3 if host == "localhost" else 1) * look_up("127.0.0.1", *args, **kwargs)

    def shake_hands_late(connection: socket.socket) -> None:
        assert select.select([connection], [], [], PATIENCE)[0]
        time.sleep(ALLOWED)
        with server_tls(to="localhost").wrap_socket(connection, server_side=True) as secured:
            secured.recv(65_536)
            secured.sendall(json_answer({"id": "s"}))

    monkeypatch.setattr(socket, "getaddrinfo", three_addresses)
    with (
        no_socket_left(),
        a_port() as port,
        each_connection(shake_hands_late)(port),
        client(f"https://localhost:{port.number}", ca_cert_data=trusted()) as api,
        within(2 * ALLOWED, least=ALLOWED),
    ):
        assert api.get_ai_session("org", "s", _request_timeout=2 * ALLOWED).id == "s"


@pytest.mark.needs_pace
@pytest.mark.parametrize("start", [OK, BY_LENGTH, CHUNKED + b"9\r\n"], ids=["headers", "body", "chunk"])
def test_silence_after_a_late_piece_does_not_begin_the_time_anew(start: bytes) -> None:
    steps = [start, 1.8 * ALLOWED, b"X", STALL]
    with (
        no_socket_left(),
        scripted_server([steps]) as server,
        client(server.host) as api,
        within(2 * ALLOWED, least=1.9 * ALLOWED),
        pytest.raises(TimeoutException),
    ):
        get(api, _request_timeout=2 * ALLOWED)


MANY = RetryPolicy(attempts=1000, backoff=0.05, backoff_max=0.05)


@pytest.mark.needs_pace
@pytest.mark.parametrize(
    ("arrange", "raised", "ended", "call"),
    [
        (nobody, ConnectionException, "ConnectionException", update),
        (answering(CLOSE), ConnectionException, "ConnectionException", get),
        (answering(json_answer({}, 503)), ServiceException, 503, get),
        (answering(json_answer({}, 429)), TooManyRequestsException, 429, update),
    ],
    ids=["refused", "lost", "503", "429"],
)
def test_attempts_and_their_waits_are_part_of_the_time(
    arrange: Arrangement, raised: type[ApiException], ended: int | str, call: Callable[..., object]
) -> None:
    with (
        no_socket_left(),
        a_port() as port,
        arrange(port),
        client(f"http://127.0.0.1:{port.number}", MANY) as api,
        within(ALLOWED),
        pytest.raises((raised, TimeoutException)) as caught,  # the last may begin too late for an answer
    ):
        call(api, _request_timeout=ALLOWED)
    *earlier, last = (attempt.status or attempt.failure for attempt in caught.value.attempts)
    assert len(earlier) > 1
    assert set(earlier) == {ended}
    assert last in (ended, "TimeoutException")


@pytest.mark.parametrize("retry_after", ["1", "3600"])
def test_a_wait_that_is_longer_than_the_time_left_is_not_begun(retry_after: str) -> None:
    busy = json_answer({}, 429, {"Retry-After": retry_after})
    with (
        scripted_server([busy]) as server,
        client(server.host) as api,
        within(ALLOWED),
        pytest.raises(TooManyRequestsException),
    ):
        get(api, _request_timeout=0.9)
    assert len(server.requests) == 1


@pytest.mark.needs_pace
def test_a_slow_attempt_leaves_the_rest_of_the_time_to_the_next() -> None:
    slow_and_lost = [0.5 * ALLOWED, CLOSE]
    with (
        scripted_server([slow_and_lost, [STALL]]) as server,
        client(server.host) as api,
        within(ALLOWED, least=0.9 * ALLOWED),
        pytest.raises(TimeoutException) as caught,
    ):
        get(api, _request_timeout=ALLOWED)
    assert len(caught.value.attempts) == len(server.requests) == 2


# The configured time


def test_a_call_may_take_a_minute_unless_it_says_otherwise() -> None:
    assert Configuration().timeout == 60


def test_the_configured_time_holds_for_calls_that_name_none() -> None:
    with (
        scripted_server([[STALL]]) as server,
        client(server.host, timeout=ALLOWED) as api,
        within(ALLOWED, least=0.9 * ALLOWED),
        pytest.raises(TimeoutException),
    ):
        get(api)


@pytest.mark.parametrize("allowed", [PATIENCE, math.inf, (PATIENCE, PATIENCE), (math.inf, math.inf)], ids=repr)
def test_a_call_may_take_longer_than_the_configured_time(allowed: Any) -> None:
    late = [0.2, json_answer({"id": "s"})]
    with scripted_server([late]) as server, client(server.host, timeout=0.05) as api:
        assert api.get_ai_session("org", "s", _request_timeout=allowed).id == "s"


def test_without_any_limit_no_longer_wait_is_begun_than_the_configured_time() -> None:
    busy = json_answer({}, 429, {"Retry-After": "5"})
    with (
        scripted_server([busy]) as server,
        client(server.host, timeout=1) as api,
        within(ALLOWED),
        pytest.raises(TooManyRequestsException),
    ):
        get(api, _request_timeout=math.inf)


@pytest.mark.parametrize("timeout", [0, -1, math.nan])
def test_a_configured_time_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be"):
        Configuration(timeout=timeout)


# A pair: the longest to connect, and the longest to wait for each piece of the answer


def test_the_first_of_a_pair_bounds_connecting() -> None:
    with (
        a_port() as port,
        full_backlog(port),
        client(f"http://127.0.0.1:{port.number}", retries=0) as api,
        within(ALLOWED, least=0.9 * ALLOWED),
        pytest.raises(TimeoutException) as caught,
    ):
        get(api, _request_timeout=(ALLOWED, PATIENCE))
    assert caught.value.never_sent


def test_the_second_of_a_pair_bounds_each_wait_for_the_answer() -> None:
    with (
        scripted_server([[BY_LENGTH, STALL]]) as server,
        client(server.host, retries=0) as api,
        within(ALLOWED, least=0.9 * ALLOWED),
        pytest.raises(TimeoutException) as caught,
    ):
        get(api, _request_timeout=(PATIENCE, ALLOWED))
    assert not caught.value.never_sent


BODY = json.dumps({"id": "s" * 40}).encode()
SLOWLY: list[Step] = [OK + b"Content-Length: %d\r\n\r\n" % len(BODY)]
for place in range(0, len(BODY), 5):
    SLOWLY += [0.05, BODY[place : place + 5]]


@pytest.mark.needs_pace
def test_a_pair_does_not_bound_the_whole() -> None:
    with scripted_server([SLOWLY]) as server, client(server.host, retries=0) as api, within(PATIENCE, least=0.4):
        assert api.get_ai_session("org", "s", _request_timeout=(ALLOWED, ALLOWED)).id == "s" * 40


# The raw variant: the whole wait up to the headers, then each read


def test_the_raw_variant_is_bounded_up_to_the_headers() -> None:
    with (
        no_socket_left(),
        a_port() as port,
        trickling(OK, b"X: y\r\n")(port),
        client(f"http://127.0.0.1:{port.number}") as api,
        within(ALLOWED, least=0.9 * ALLOWED),
        pytest.raises(TimeoutException),
    ):
        api.get_ai_session_without_preload_content("org", "s", _request_timeout=ALLOWED)


@pytest.mark.needs_pace
def test_the_raw_variant_allows_the_time_anew_for_each_read() -> None:
    with no_socket_left(), scripted_server([SLOWLY]) as server, client(server.host) as api, within(PATIENCE, least=0.4):
        response = api.get_ai_session_without_preload_content("org", "s", _request_timeout=ALLOWED)
        assert response.read() == BODY


@pytest.mark.needs_pace
def test_the_raw_variant_ends_a_read_that_brings_nothing() -> None:
    steps = [BY_LENGTH + b"{", 0.1, b"}", STALL]
    with no_socket_left(), scripted_server([steps]) as server, client(server.host) as api:
        response = api.get_ai_session_without_preload_content("org", "s", _request_timeout=ALLOWED)
        assert response.read(2) == b"{}"
        with within(ALLOWED, least=0.9 * ALLOWED), pytest.raises(urllib3.exceptions.ReadTimeoutError):
            response.read(1)


def test_a_request_of_ones_own_is_bounded_too() -> None:
    with (
        no_socket_left(),
        scripted_server([[STALL]]) as server,
        client(server.host) as api,
        within(ALLOWED, least=0.9 * ALLOWED),
        pytest.raises(TimeoutException),
    ):
        api.api_client.call_api("GET", f"{server.host}/", _request_timeout=ALLOWED)
