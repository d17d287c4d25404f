"""What is promised of lost answers, on each road: directly, over TLS, and through each kind of proxy.

`test_faults.py` has every fault on the direct road. Here, each way to lose an answer meets each road, on a connection
that was just opened and on one that was kept. A write is sent once, whatever urllib3 calls the loss; a read is sent
again; and what was certainly never sent is the only thing that is called so.
"""

import contextlib
import os
import select
import socket
import stat
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, product, repeat
from types import FrameType
from typing import Any, NamedTuple

import pytest
from faults import a_port, client, full_backlog, no_socket_left, struck, trusted
from roads import ROADS, Road
from servers import CLOSE, PATIENCE, STALL, Answer, json_answer, scripted_server
from stalls import within
from test_deadlines import ALLOWED, CHUNKED, OK, PAUSE
from test_faults import BODY_FAULTS, HEAD_FAULTS, Fault, good
from test_operations import OPERATIONS, Operation

from quantcdn import ConnectionException, OutcomeUnknownException, TimeoutException, TransportException

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
LOSSES = [fault for fault in [*HEAD_FAULTS, *BODY_FAULTS] if issubclass(fault.raised, TransportException)]
BY_NAME = {operation.name.partition("_")[0]: operation for operation in OPERATIONS}
USUAL = OPERATIONS if THOROUGH else [BY_NAME["get"], BY_NAME["update"]]

each_road = pytest.mark.parametrize("road", ROADS, ids=str)
each_operation = pytest.mark.parametrize("operation", USUAL, ids=str)
each_write = pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.repeatable], ids=str)
each_connection = pytest.mark.parametrize("kept", [False, True], ids=["cold", "kept"])


class Silence(NamedTuple):
    """An answer that never comes to its end."""

    name: str
    steps: Sequence[Any]

    def __str__(self) -> str:
        return self.name

    @property
    def is_complete(self) -> bool:
        """Whether nothing at all comes after its start."""
        return len(self.steps) <= 2

    def answer(self) -> Answer:
        """The steps, anew."""
        return list(self.steps)


def trickled(start: bytes, piece: bytes) -> list[Any]:
    """A start, and then a piece after the other, for longer than any call here may take."""
    return [start, *[piece, PAUSE] * int(6 * ALLOWED / PAUSE), STALL]


@pytest.fixture(autouse=True)
def _plain_http_is_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is plain HTTP", UserWarning)
        yield


@each_road
@each_operation
def test_every_road_leads_to_the_server(operation: Operation, road: Road) -> None:
    with (
        no_socket_left(),
        road.to(repeat(good(operation), 3)) as (server, options),
        client(**options) as api,
    ):
        for _ in range(3):
            assert operation.call(api) == operation.result
        assert len(server.requests) == 3
        assert server.connections == 1


@each_connection
@each_operation
@pytest.mark.parametrize("fault", LOSSES, ids=str)
@each_road
def test_a_lost_answer_is_told_as_one(road: Road, fault: Fault, operation: Operation, kept: bool) -> None:
    raised, sent = fault.of(operation)
    script = chain(repeat(good(BY_NAME["list"]), kept), repeat(fault.answer, sent), [good(operation)])
    with (
        no_socket_left(),
        road.to(script) as (server, options),
        client(**options) as api,
    ):
        if kept:
            BY_NAME["list"].call(api)
        with pytest.raises(TransportException) as caught:
            operation.call(api, **dict(fault.options))
        error = caught.value

        assert type(error) is raised
        assert len(server.requests) == kept + sent, "a write is sent once, a read three times"
        assert not error.never_sent
        assert [attempt.outcome_unknown for attempt in error.attempts] == [True] * sent
        assert operation.call(api) == operation.result


@each_connection
@each_write
@pytest.mark.parametrize("road", [road for road in ROADS if road.proxy], ids=str)
def test_a_write_whose_answer_is_lost_behind_a_proxy_is_sent_once(road: Road, operation: Operation, kept: bool) -> None:
    script = [*repeat(good(BY_NAME["list"]), kept), [CLOSE]]
    with no_socket_left(), road.to(script) as (server, options), client(**options) as api:
        if kept:
            BY_NAME["list"].call(api)
        with pytest.raises(OutcomeUnknownException) as caught:
            operation.call(api)
        assert isinstance(caught.value, ConnectionException)
        assert not caught.value.never_sent
        assert len(server.requests) == kept + 1


@each_operation
@pytest.mark.parametrize("road", [road for road in ROADS if road.proxy and not road.forwards], ids=str)
def test_a_tunnel_that_leads_nowhere_was_never_sent_through(road: Road, operation: Operation) -> None:
    with no_socket_left(), a_port() as port, road.through(port.number) as options, client(**options) as api:
        with pytest.raises(TransportException) as caught:
            operation.call(api)
        assert caught.value.never_sent
        assert len(caught.value.attempts) == 3


@each_operation
def test_a_proxy_that_answers_with_a_page_of_its_own_instead_of_a_tunnel_was_sent_nothing(operation: Operation) -> None:
    """Where it has closed the connection by then, Python leaves the handshake out."""
    page = [b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nLog in!", CLOSE]
    rounds = 20
    with no_socket_left(), scripted_server(repeat(page)) as proxy:
        for _ in range(rounds):
            with client("https://service.test", retries=0, proxy=proxy.host, ca_cert_data=trusted()) as api:
                with pytest.raises(TransportException) as caught:
                    operation.call(api)
                assert caught.value.never_sent
        assert len(proxy.requests) == rounds


@each_road
def test_no_request_waits_for_more_to_send_and_tcp_shows_signs_of_life(road: Road) -> None:
    """Nagle's algorithm would hold back the second part of a request for some 40 ms."""
    get = BY_NAME["get"]
    with road.to([good(get)]) as (_, options), client(**options) as api:
        get.call(api)
        chosen = [
            (sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), sock.getsockopt(*KEEP_ALIVE))
            for sock in _connected_to(_entry(options))
        ]
    assert [(bool(at_once), bool(alive)) for at_once, alive in chosen] == [(True, True)]


KEEP_ALIVE = (socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def _entry(options: dict[str, Any]) -> int:
    """The port that a client with these options connects to."""
    return int((options["proxy"] or options["host"]).rpartition(":")[2])


def _wait_for_something_to_read(port: int) -> None:
    """Wait until something has come on the connection to a port, or it was closed, as more had come than was due."""
    ends = time.monotonic() + PATIENCE
    while not all(select.select([sock], [], [], 0)[0] for sock in _connected_to(port)):
        assert time.monotonic() < ends
        time.sleep(0.001)


def _connected_to(port: int) -> Iterator[socket.socket]:
    """The sockets of this process that are connected to a port of 127.0.0.1."""
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself is gone, and some are not connected
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    if sock.getpeername() == ("127.0.0.1", port):
                        yield sock


# The time


SILENT = [
    Silence("before the answer", [STALL]),
    Silence("status line trickled", trickled(b"HTTP/1.1 200 ", b"O")),
    Silence("header trickled", trickled(OK + b"X: ", b"x")),
    Silence("in the body", [OK + b'Content-Length: 99\r\n\r\n{"id":', STALL]),
    Silence("body trickled", trickled(OK + b"Content-Length: 99999\r\n\r\n", b" ")),
    Silence("chunks trickled", trickled(CHUNKED, b"1\r\n \r\n")),
]


@pytest.mark.needs_pace
@pytest.mark.parametrize(
    ("operation", "kept"),
    product(OPERATIONS, [False, True]) if THOROUGH else [(BY_NAME["get"], True), (BY_NAME["update"], False)],
    ids=str,
)
@pytest.mark.parametrize("silence", SILENT if THOROUGH else SILENT[::2], ids=str)
@each_road
def test_a_call_takes_no_longer_than_it_may(road: Road, silence: Silence, operation: Operation, kept: bool) -> None:
    script = chain(repeat(good(BY_NAME["list"]), kept), iter(lambda: silence.answer(), None))
    allowed = 2 * ALLOWED if kept else ALLOWED  # for two connections, it may be
    with no_socket_left(), road.to(script) as (server, options), client(**options) as api:
        if kept:
            BY_NAME["list"].call(api)
        with within(allowed), pytest.raises(TimeoutException) as caught:
            operation.call(api, _request_timeout=allowed)
        assert not caught.value.never_sent
        assert isinstance(caught.value, OutcomeUnknownException) != operation.repeatable
    # Where nothing came on a kept connection for a part of the time, the rest was left for a new one.
    attempts = 2 if kept and operation.repeatable and silence.is_complete else 1
    assert len(caught.value.attempts) == attempts >= len(server.requests) - kept


# Interrupts


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("silence", [SILENT[0], SILENT[3]], ids=str)
@pytest.mark.parametrize("kind", [TimeoutError, ConnectionResetError, ValueError])
@each_road
def test_what_a_signal_handler_raises_passes_as_it_is(road: Road, kind: type[Exception], silence: Silence) -> None:
    """With the cause and the context that the handler gave it, and behind them what the caller was handling."""
    cause = LookupError("why")

    def limit(_number: int, _frame: FrameType | None) -> None:
        try:
            [][0]
        except IndexError:
            raise kind("a limit of the application's") from cause

    with no_socket_left(), road.to([silence.answer()]) as (server, options), client(**options) as api:
        handled = KeyError("the caller's")
        try:
            raise handled
        except KeyError:
            with (
                struck(limit, lambda: server.wait_for_requests(1)),
                pytest.raises(kind, match="a limit of the application's") as caught,
            ):
                BY_NAME["get"].call(api)
        context = caught.value.__context__
        assert isinstance(context, IndexError)
        assert context.__context__ is handled
        assert caught.value.__cause__ is cause
        assert len(server.requests) == 1


# Kept connections


@pytest.mark.needs_pace
@pytest.mark.parametrize("road", [road for road in ROADS if not road.tls and road.proxy != "https"], ids=str)
def test_addresses_that_are_routed_nowhere_cost_a_quarter_second_each(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    get = BY_NAME["get"]
    with no_socket_left(), a_port() as deaf, full_backlog(deaf), road.to([good(get)]) as (_, options):

        def first_is_deaf(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
            found = look_up("127.0.0.1" if host == "localhost" else host, port, *args, **kwargs)
            return look_up("127.0.0.1", deaf.number, *args, **kwargs) + found if host == "localhost" else found

        monkeypatch.setattr(socket, "getaddrinfo", first_is_deaf)
        entry = "proxy" if road.proxy else "host"
        options[entry] = options[entry].replace("127.0.0.1", "localhost")
        with client(**options) as api, within(ALLOWED, least=0.2):
            assert get.call(api, _request_timeout=10 * ALLOWED) == get.result


@pytest.mark.needs_pace
@each_road
def test_a_connection_that_somebody_forgot_costs_a_part_of_the_time(road: Road) -> None:
    get = BY_NAME["get"]
    with no_socket_left(), road.to([good(get), [STALL], good(get)]) as (server, options), client(**options) as api:
        get.call(api)
        assert get.call(api, _request_timeout=2 * ALLOWED) == get.result
        assert [request.connection for request in server.requests] == [1, 1, 2]


@pytest.mark.needs_pace
def test_a_new_connection_is_the_answer_to_a_forgotten_one_even_where_others_are_kept() -> None:
    get, threads = BY_NAME["get"], 3
    meet = threading.Barrier(threads)
    script = [*repeat([json_answer(get.answer)], threads), [STALL], good(get)]
    with no_socket_left(), ROADS[0].to(script) as (server, options), client(**options) as api:

        def call(_: int) -> Any:
            meet.wait(PATIENCE)
            return get.call(api)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(call, range(threads)))
        kept = server.connections
        assert get.call(api, _request_timeout=2 * ALLOWED) == get.result
        assert server.requests[-1].connection == kept + 1


@each_road
@each_operation
def test_an_answer_to_nobodys_question_is_never_taken_for_the_next(operation: Operation, road: Road) -> None:
    """What can be read on a kept connection before a request leaves was not asked for."""
    stray = json_answer({"id": "stray", "sessionId": "stray"})
    script = [[good(BY_NAME["list"]), stray], good(operation)]
    with no_socket_left(), road.to(script) as (server, options), client(**options) as api:
        BY_NAME["list"].call(api)
        _wait_for_something_to_read(_entry(options))
        assert operation.call(api) == operation.result
    assert [request.connection for request in server.requests] == [1, 2]


@each_operation
@pytest.mark.parametrize("announced", [None, "timeout=2", "timeout=2, max=100"], ids=str)
def test_a_connection_that_has_been_idle_for_long_is_not_used_again(
    operation: Operation, announced: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Keep-Alive": announced} if announced else {}
    get = BY_NAME["get"]
    script = [json_answer(get.answer, headers=headers), good(operation)]
    with no_socket_left(), ROADS[0].to(script) as (server, options), client(**options) as api:
        get.call(api)
        _let_pass(monkeypatch, 61 if operation.repeatable and not announced else 5)
        assert operation.call(api) == operation.result
    assert [request.connection for request in server.requests] == [1, 2]


@each_operation
@pytest.mark.parametrize("announced", [None, "timeout=75"], ids=str)
def test_a_connection_that_has_been_idle_for_a_while_is_used_again(
    operation: Operation, announced: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Keep-Alive": announced} if announced else {}
    get = BY_NAME["get"]
    script = [json_answer(get.answer, headers=headers), good(operation)]
    with no_socket_left(), ROADS[0].to(script) as (server, options), client(**options) as api:
        get.call(api)
        _let_pass(monkeypatch, 3 if not announced else 30)
        assert operation.call(api) == operation.result
    assert server.connections == 1


def test_how_long_a_connection_may_idle_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    get = BY_NAME["get"]
    with ROADS[0].to(repeat(good(get), 2)) as (server, options), client(connection_max_idle=10, **options) as api:
        get.call(api)
        _let_pass(monkeypatch, 11)
        get.call(api)
    assert server.connections == 2


def _let_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the clock of connections say that so much time has passed."""
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + seconds)
