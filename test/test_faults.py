"""The fault matrix: every operation against every fault, over real sockets.

Each cell says how many requests reached the server, what was raised or returned, that the message helps, that no socket
stays open, and that the next call is answered. What the tests saw is printed at the end of the run.
"""

import contextlib
import gzip
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
from conftest import TOKEN
from fault_matrix import Matrix
from faults import (
    Port,
    a_port,
    client,
    each_connection,
    full_backlog,
    no_socket_left,
    nobody,
    reset,
    server_tls,
    silence,
    trusted,
)
from servers import CLOSE, PATIENCE, RESET, STALL, Answer, ScriptedServer, answer, json_answer, scripted_server
from stalls import within
from test_operations import OPERATIONS, VARIANTS, Operation

from quantcdn import (
    ApiException,
    ApiResponse,
    ApiValueError,
    BadRequestException,
    ConflictException,
    ConnectionException,
    DeleteAISession200Response,
    ForbiddenException,
    NotFoundException,
    OutcomeUnknownException,
    ResponseFormatException,
    RetryPolicy,
    ServiceException,
    TimeoutException,
    TLSException,
    TooManyRequestsException,
    TransportException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from quantcdn.attempt import Attempt
from quantcdn.exceptions import (
    OutcomeUnknownConnectionException,
    OutcomeUnknownServiceException,
    OutcomeUnknownTimeoutException,
)

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
each_write = pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.repeatable], ids=str)
each_repeatable = pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.repeatable], ids=str)
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=["plain", "with_http_info", "without_preload_content"])
DELETE = next(operation for operation in OPERATIONS if operation.name == "delete_ai_session")


def good(operation: Operation) -> bytes:
    """The answer that the operation hopes for."""
    return json_answer(operation.answer, operation.status)


# Faults of an answer


@dataclass(frozen=True)
class Fault:
    """A broken or refusing answer.

    Attributes:
        name: what the matrix calls it.
        answer: what the server sends.
        raised: what get, list and delete raise where the fault stays.
        message: what the message must say, as a pattern.
        sent: how many requests get, list and delete send where the fault stays.
        raised_by_writes: what create, update and extend raise, if something else.
        sent_by_writes: how many requests those send.
        ends_connection: whether the connection cannot be used again; None where both is right.
        options: options of each call.
        largest: the configured max_response_size.
    """

    name: str
    answer: Answer
    raised: type[ApiException]
    message: str
    sent: int = 1
    raised_by_writes: type[ApiException] | None = None
    sent_by_writes: int = 1
    ends_connection: bool | None = True
    options: tuple[tuple[str, Any], ...] = ()
    largest: int = 100_000

    def __str__(self) -> str:
        return self.name

    def of(self, operation: Operation) -> tuple[type[ApiException], int]:
        """What the operation raises, and how many requests it sends."""
        if operation.repeatable:
            return self.raised, self.sent
        return self.raised_by_writes or self.raised, self.sent_by_writes


def lost(name: str, message: str, *steps: Any) -> Fault:
    """The answer is lost: get, list and delete try again, a write does not know what came of it."""
    return Fault(name, steps, ConnectionException, message, 3, OutcomeUnknownConnectionException)


def unreadable(name: str, message: str, reply: Answer, ends_connection: bool | None = False, **more: Any) -> Fault:
    """An answer came, and another attempt would bring it again."""
    return Fault(name, reply, ResponseFormatException, message, ends_connection=ends_connection, **more)


def refused(status: int, kind: type[ApiException]) -> Fault:
    reply = json_answer({"error": True, "message": "That is why"}, status)
    return Fault(str(status), reply, kind, f"^{status} .*That is why", ends_connection=False)


def failed(status: int) -> Fault:
    """The service failed at an unknown point."""
    reply = json_answer({"message": "That is why"}, status)
    message = f"^{status} .*That is why"
    return Fault(
        str(status), reply, ServiceException, message, 3, OutcomeUnknownServiceException, ends_connection=False
    )


def gzipped(body: bytes) -> bytes:
    return packed(body, "gzip")


def packed(body: bytes, coding: str) -> bytes:
    return answer(200, body, {"Content-Type": "application/json", "Content-Encoding": coding})


def typed(body: bytes, content_type: str) -> bytes:
    return answer(200, body, {"Content-Type": content_type})


SHORT = 0.1  # seconds, for what never ends
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LARGE = json.dumps({"id": "x" * 200_000}).encode()
BUSY = Fault("429", json_answer({"message": "That is why"}, 429), TooManyRequestsException, "That is why", 3)
BUSY = replace(BUSY, sent_by_writes=3, ends_connection=False)
SLOW_REQUEST = Fault("408", json_answer({"message": "That is why"}, 408), ApiException, "^408 .*That is why", 3)
SLOW_REQUEST = replace(SLOW_REQUEST, ends_connection=False)
UNREADABLE_HEAD = "did not answer in HTTP that can be read: "

FAULTS = [
    lost("closed before answering", "was lost: Remote end closed", CLOSE),
    lost("reset before answering", "was lost: Connection reset", RESET),
    lost("cut in the status line", UNREADABLE_HEAD + "HTTP/1.1 2", b"HTTP/1.1 2", CLOSE),
    lost("reset in the headers", "was lost: Connection reset", OK + b"Content-Le", RESET),
    lost("cut after the status line", "inside the headers", OK, CLOSE),
    lost("cut in the name of a header", "inside the headers", OK + b"Content-Le", CLOSE),
    lost("cut in the value of a header", "inside the headers", OK + b"Content-Length: 1", CLOSE),
    lost("cut between two headers", "inside the headers", OK + b"Server: test\r\n", CLOSE),
    lost("short body", "after 6 of the 99 bytes of its answer", OK + b'Content-Length: 99\r\n\r\n{"id":', CLOSE),
    lost("reset in the body", "was lost: Connection reset", OK + b'Content-Length: 99\r\n\r\n{"id":', RESET),
    lost("chunk without a size", "the size of a chunk is none: 'zz", CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    lost("cut in a chunk", "after 6 bytes of its answer", CHUNKED + b'9\r\n{"id":', CLOSE),
    lost("cut between chunks", "after 2 bytes of its answer", CHUNKED + b"2\r\n{}\r\n", CLOSE),
    lost("reset between chunks", "was lost: ", CHUNKED + b"2\r\n{}\r\n", RESET),
    lost("two lengths", "length", OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
    lost("huge header", "more than 65536 bytes", OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n"),
    lost("too many headers", "more than 100 headers", OK + b"X: y\r\n" * 101 + b"\r\n"),
    lost("header that is none", "one of its headers", OK + b"No header\r\nContent-Length: 2\r\n\r\n{}"),
    lost("header without a name", "one of its headers", OK + b": x\r\nContent-Length: 2\r\n\r\n{}"),
    lost("first line of another protocol", UNREADABLE_HEAD + "SSH-2.0-test", b"SSH-2.0-test\r\n\r\n"),
    lost("status that is no number", UNREADABLE_HEAD + "HTTP/1.1 abc", b"HTTP/1.1 abc OK\r\n\r\n"),
    lost("switched protocols", UNREADABLE_HEAD + "it switched protocols", answer(101)),
    lost("announced without end", "announced more than 100 times", b"HTTP/1.1 100 Continue\r\n\r\n" * 101),
    lost("size of a chunk below zero", "the size of a chunk is none: '-1", CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n"),
    lost("size of a chunk with a sign", "the size of a chunk is none", CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n"),
    lost("size of a chunk as in Python", "the size of a chunk is none", CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
    lost("size of a chunk in groups", "the size of a chunk is none", CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n"),
    lost("chunk longer than its size", "does not end where it should", CHUNKED + b"2\r\n{}XX0\r\n\r\n"),
    lost("cut in the size of a chunk", "after 2 bytes of its answer", CHUNKED + b"2\r\n{}\r\n000", CLOSE),
    lost("cut after the last chunk", "inside the headers", CHUNKED + b"2\r\n{}\r\n0\r\n", CLOSE),
    lost("page without any head", UNREADABLE_HEAD + "<html>", b"<html>Hello</html>", CLOSE),
    Fault(
        "silence",
        [STALL],
        TimeoutException,
        "did not answer in time",
        3,
        OutcomeUnknownTimeoutException,
        options=(("_request_timeout", (PATIENCE, SHORT)),),
    ),
    Fault(
        "endless interim answers",
        [b"HTTP/1.1 100 Continue\r\n\r\n" * 10, STALL],
        TimeoutException,
        "did not answer in time",
        1,
        OutcomeUnknownTimeoutException,
        options=(("_request_timeout", SHORT),),
    ),
    unreadable("markup", "is not JSON.*<html>", typed(b"<html>Hello</html>", "text/html")),
    unreadable("truncated JSON", "is not JSON", answer(200, b'{"id": "s')),
    unreadable("wrong shape", r"at its top|Input should be", answer(200, b"7")),
    unreadable("bad UTF-8", "can't decode byte 0xff", answer(200, b'{"id": "\xff"}')),
    unreadable("unknown charset", "klingon", typed(b'{"id": "\xff"}', "application/json; charset=klingon")),
    unreadable("Brotli", "its Content-Encoding is 'br', which was not asked for", packed(b"\x8b\x02", "br"), None),
    unreadable("Zstandard", "its Content-Encoding is 'zstd'", packed(b"(\xb5/\xfd", "zstd"), None),
    unreadable("gzip of many parts", "of more than 100 parts", gzipped(gzip.compress(b"") * 101), None),
    unreadable("bad gzip", "its body is not gzip", gzipped(b"no gzip at all"), None),
    unreadable("cut gzip", "its gzip is cut off after", gzipped(gzip.compress(LARGE[:9999])[:-20]), None),
    unreadable("too large", "max_response_size", answer(200, LARGE), True),
    unreadable("too large, in chunks", "max_response_size", CHUNKED + b"30d40\r\n" + b" " * 200_000 + b"\r\n", True),
    unreadable("too large, to the close", "max_response_size", [OK + b"\r\n", b" " * 200_000, CLOSE], True),
    unreadable("too large, once unpacked", "max_response_size", gzipped(gzip.compress(LARGE)), None),
    refused(400, BadRequestException),
    refused(401, UnauthorizedException),
    refused(402, ApiException),
    refused(403, ForbiddenException),
    refused(404, NotFoundException),
    refused(405, ApiException),
    SLOW_REQUEST,
    refused(409, ConflictException),
    refused(410, ApiException),
    refused(413, ApiException),
    refused(422, UnprocessableEntityException),
    refused(451, ApiException),
    BUSY,
    failed(500),
    failed(501),
    failed(502),
    failed(503),
    failed(504),
]
PASSING = [fault for fault in FAULTS if fault.sent == 3]
BODY_FAULTS = [fault for fault in PASSING if re.search("body|chunk", fault.name)]
HEAD_FAULTS = [fault for fault in PASSING if fault not in BODY_FAULTS]


@pytest.mark.needs_pace  # some faults are silences, and the calls short
@each_operation
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_that_stays_is_raised(fault: Fault, operation: Operation, matrix: Matrix) -> None:
    raised, sent = fault.of(operation)
    script = chain(repeat(fault.answer, sent), repeat(good(operation), 1))
    with (
        no_socket_left(),
        scripted_server(script) as server,
        client(server.host, max_response_size=fault.largest) as api,
    ):
        started = time.monotonic()
        with pytest.raises(ApiException) as caught:
            operation.call(api, **dict(fault.options))
        error = caught.value
        took = time.monotonic() - started
        matrix.note(fault.name, operation.name.partition("_")[0], len(server.requests), error, took)

        assert type(error) is raised
        assert len(server.requests) == sent
        check_message(error, fault.message, sent)
        check_attempts(error, sent)
        if isinstance(error, TransportException):
            assert not error.never_sent
            assert error.status is None
        else:
            assert error.status == error.attempts[-1].status is not None

        assert operation.call(api) == operation.result
    if fault.ends_connection is not None:
        assert server.connections == (sent + 1 if fault.ends_connection else 1)


def check_message(error: ApiException, pattern: str, attempts: int) -> None:
    """A message helps: it says what happened, on one line, and shows no token and no machinery."""
    message = str(error)
    operation, _, problem = message.partition(": ")
    assert operation == error.operation
    assert re.search(pattern, problem)
    assert "\n" not in message
    assert TOKEN not in message
    assert not re.search(r"urllib3|object at 0x", message)
    assert message.endswith(f" (after {attempts} attempts)") == (attempts > 1)
    if isinstance(error, OutcomeUnknownException) and isinstance(error, TransportException):
        assert "whether the request took effect is not known" in message


def check_attempts(error: ApiException, count: int) -> None:
    """The attempts on an exception tell how often was tried, and that none followed the last."""
    assert [attempt.number for attempt in error.attempts] == list(range(1, count + 1))
    assert [attempt.retry_in is None for attempt in error.attempts] == [False] * (count - 1) + [True]
    assert error.attempts[-1].outcome_unknown == (
        isinstance(error, ServiceException) or (isinstance(error, TransportException) and not error.never_sent)
    )


@pytest.mark.needs_pace
@each_variant
@each_operation
@pytest.mark.parametrize("fault", HEAD_FAULTS, ids=str)
def test_a_fault_that_passes_is_recovered_from_where_that_is_safe(
    fault: Fault, operation: Operation, variant: str, matrix: Matrix
) -> None:
    recover_or_not(fault, operation, variant, matrix)


@pytest.mark.parametrize("variant", VARIANTS[:2], ids=["plain", "with_http_info"])
@each_operation
@pytest.mark.parametrize("fault", BODY_FAULTS, ids=str)
def test_a_fault_of_a_body_that_passes_is_recovered_from_where_that_is_safe(
    fault: Fault, operation: Operation, variant: str, matrix: Matrix
) -> None:
    recover_or_not(fault, operation, variant, matrix)


def recover_or_not(fault: Fault, operation: Operation, variant: str, matrix: Matrix) -> None:
    raised, sent = fault.of(operation)
    unread = variant == "_without_preload_content"
    error = None
    with no_socket_left(), scripted_server([fault.answer, good(operation)]) as server, client(server.host) as api:
        started = time.monotonic()
        try:
            result = operation.call(api, variant, **dict(fault.options))
        except ApiException as caught:
            error = caught
        took = time.monotonic() - started
        if sent == 1 and unread and fault.name.isdigit():
            assert error is None
            assert result.status == int(fault.name)
            result.close()
        elif sent == 1:
            assert type(error) is raised
        else:
            assert error is None
            if unread:
                assert result.json() == operation.answer
            else:
                assert (result.data if isinstance(result, ApiResponse) else result) == operation.result
    assert len(server.requests) == (1 if sent == 1 else 2)
    if variant == "":
        name = f"{fault.name}, once"
        matrix.note(name, operation.name.partition("_")[0], len(server.requests), error, took)


@each_operation
@pytest.mark.parametrize("fault", BODY_FAULTS, ids=str)
def test_the_raw_variant_leaves_faults_of_the_body_to_its_reader(fault: Fault, operation: Operation) -> None:
    with no_socket_left(), scripted_server([fault.answer]) as server, client(server.host) as api:
        response = operation.call(api, "_without_preload_content")
        with pytest.raises(urllib3.exceptions.HTTPError):
            response.read()
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "body"), [(204, b""), (200, b""), (202, b"\n"), (205, b""), (200, b"OK")])
@each_variant
@each_operation
def test_no_content_is_a_deletion_and_no_session(operation: Operation, variant: str, status: int, body: bytes) -> None:
    with no_socket_left(), scripted_server([answer(status, body)]) as server, client(server.host) as api:
        if variant == "_without_preload_content":
            assert operation.call(api, variant).status == status
        elif operation is DELETE:
            result = operation.call(api, variant)
            assert (result.data if variant else result) == DeleteAISession200Response()
        else:
            with pytest.raises(ResponseFormatException, match=r"\(it is (empty|not JSON, .*)\)"):
                operation.call(api, variant)
    assert len(server.requests) == 1


@each_operation
@pytest.mark.parametrize(
    "more", [b"junk", json_answer({"id": "another", "sessionId": "another"})], ids=["junk", "another answer"]
)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_what_comes_after_a_body_is_not_read_as_the_next_answer(
    operation: Operation, more: bytes, at_once: bool
) -> None:
    sent = threading.Event()

    def in_two_pieces() -> Iterator[bytes]:
        yield good(operation)
        yield more
        sent.set()

    first: Any = good(operation) + more if at_once else in_two_pieces()
    with no_socket_left(), scripted_server([first, good(operation)]) as server, client(server.host) as api:
        assert operation.call(api) == operation.result
        assert at_once or sent.wait(PATIENCE)
        assert operation.call(api) == operation.result


def test_an_answer_that_comes_before_the_request_is_through_is_the_last_of_its_connection() -> None:
    """Half a request stays behind, and nothing else may be sent after that."""
    early = json_answer({"message": "That is too much"}, 413)

    def serve(connection: socket.socket) -> None:
        while request := connection.recv(65536):
            if request.startswith(b"PUT"):
                connection.sendall(early)
                return  # which resets the connection, as the rest of the request was not read
            connection.sendall(json_answer({"id": "own"}))

    messages = [{"role": "user", "content": "x" * 20_000_000}]
    with (
        no_socket_left(),
        a_port() as port,
        each_connection(serve)(port),
        client(f"http://127.0.0.1:{port.number}", retries=0) as api,
    ):
        for _ in range(5):
            with pytest.raises(ApiException, match=r"That is too much|was lost"):  # some systems forget the answer
                api.update_ai_session("org", "s", {"newMessages": messages})
            assert api.get_ai_session("org", "own").id == "own"


# Faults before a request is sent


@dataclass(frozen=True)
class Unreachable:
    """A reason why no request reaches the server.

    Attributes:
        name: what the matrix calls it.
        arrange: what is at the port; None where there is no such host.
        raised: what is raised.
        message: what the message must say, as a pattern.
        scheme: the scheme of the URL.
        attempts: how many attempts are made where the fault stays.
        host: the host of the URL.
        limit: the longest to connect, in seconds.
    """

    name: str
    arrange: Callable[[Port], contextlib.AbstractContextManager[Any]]
    raised: type[TransportException]
    message: str
    scheme: str = "http"
    attempts: int = 3
    host: str = "127.0.0.1"
    limit: float = PATIENCE

    def __str__(self) -> str:
        return self.name


def tls_refused(name: str, message: str, **certificate: Any) -> Unreachable:
    """A server with a certificate that the client must not accept."""

    def arrange(port: Port) -> contextlib.AbstractContextManager[Any]:
        return scripted_server([], port=port.number, tls=server_tls(**certificate))

    return Unreachable(name, arrange, TLSException, message, "https", attempts=1)


def _after_the_greeting(end: Callable[[socket.socket], object]) -> Callable[[Port], Any]:
    """A server that ends each connection as soon as it has read the first message of the TLS handshake."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        end(connection)

    return each_connection(serve)


LAST_YEAR = datetime.now(timezone.utc) - timedelta(days=365)
PLAIN_HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

UNREACHABLE = [
    Unreachable(
        "name not found",
        nobody,
        ConnectionException,
        "name of .* could not be found",
        scheme="https",
        host="nothing.invalid",
    ),
    Unreachable("refused", nobody, ConnectionException, "Could not connect to .*: Connection refused"),
    Unreachable(
        "no connection in time", full_backlog, TimeoutException, "Could not connect to .* in time", limit=SHORT
    ),
    Unreachable("TLS handshake closed", _after_the_greeting(lambda _: None), TLSException, "EOF|closed", "https"),
    Unreachable("TLS handshake reset", _after_the_greeting(reset), TLSException, "reset by peer", "https"),
    Unreachable(
        "TLS handshake stalled", silence, TimeoutException, "Could not connect to .* in time", "https", limit=SHORT
    ),
    Unreachable(
        "plain HTTP where TLS was due",
        _after_the_greeting(lambda connection: connection.sendall(PLAIN_HTTP)),
        TLSException,
        "SSL",
        "https",
        attempts=1,
    ),
    tls_refused("TLS: unknown authority", "certificate verify failed: unable to get local issuer", ca=trustme.CA()),
    tls_refused("TLS: wrong host name", "certificate verify failed: (Hostname|IP address) mismatch", to="other.test"),
    tls_refused("TLS: expired", "certificate has expired", not_after=LAST_YEAR),
]


@each_operation
@pytest.mark.parametrize("fault", UNREACHABLE, ids=str)
def test_what_never_reached_the_server_is_raised_as_such(
    fault: Unreachable, operation: Operation, matrix: Matrix
) -> None:
    with no_socket_left(), a_port() as port, fault.arrange(port):
        host = f"{fault.scheme}://{fault.host}:{port.number}"
        with client(host, ca_cert_data=trusted()) as api:
            started = time.monotonic()
            with pytest.raises(ApiException) as caught:
                operation.call(api, _request_timeout=(fault.limit, PATIENCE))
            error = caught.value
            took = time.monotonic() - started
            matrix.note(fault.name, operation.name.partition("_")[0], 0, error, took)
    assert type(error) is fault.raised
    assert isinstance(error, TransportException)
    assert error.never_sent
    check_message(error, fault.message, fault.attempts)
    assert host in str(error)
    check_attempts(error, fault.attempts)


@pytest.mark.needs_pace
@each_operation
@pytest.mark.parametrize(
    "fault", [each for each in UNREACHABLE if each.attempts > 1 and each.host != "nothing.invalid"]
)
def test_every_operation_is_sent_once_the_server_can_be_reached(
    fault: Unreachable, operation: Operation, matrix: Matrix
) -> None:
    attempts: list[Attempt] = []
    servers: list[ScriptedServer] = []
    with no_socket_left(), a_port() as port, contextlib.ExitStack() as mended, contextlib.ExitStack() as broken:
        broken.enter_context(fault.arrange(port))

        def mend(attempt: Attempt) -> None:
            attempts.append(attempt)
            if attempt.number == 1:
                broken.close()
                tls = server_tls() if fault.scheme == "https" else None
                server = scripted_server([good(operation)], port=port.number, tls=tls)
                servers.append(mended.enter_context(server))

        host = f"{fault.scheme}://127.0.0.1:{port.number}"
        with client(host, ca_cert_data=trusted(), on_attempt=mend) as api:
            started = time.monotonic()
            assert operation.call(api, _request_timeout=(fault.limit, PATIENCE)) == operation.result
            took = time.monotonic() - started
    assert [(attempt.status, attempt.failure) for attempt in attempts] == [
        (None, fault.raised.__name__),
        (operation.status, None),
    ]
    assert not attempts[0].outcome_unknown
    assert len(servers[0].requests) == 1
    matrix.note(f"{fault.name}, once", operation.name.partition("_")[0], 1, None, took)


# Redirects


@each_operation
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same origin", "another origin"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, elsewhere: bool, operation: Operation, matrix: Matrix) -> None:
    with no_socket_left(), scripted_server() as other:
        target = f"{other.host}/moved" if elsewhere else "/moved"
        moved = json_answer({}, status, {"Location": target})
        with scripted_server([moved, moved, good(operation)]) as server, client(server.host) as api:
            started = time.monotonic()
            with pytest.raises(ApiException) as caught:
                operation.call(api)
            error = caught.value
            took = time.monotonic() - started
            matrix.note(
                f"{status} to {'another origin' if elsewhere else 'the same origin'}",
                operation.name.partition("_")[0],
                len(server.requests),
                error,
                took,
            )
            with operation.call(api, "_without_preload_content") as raw:
                assert (raw.status, raw.headers["location"]) == (status, target)
            assert operation.call(api) == operation.result
    assert type(error) is ApiException
    assert error.status == status
    check_message(error, f"redirects are not followed; this one leads to {re.escape(target)}", 1)
    assert {(request.method, request.target) for request in server.requests} == {operation.request}
    assert len(server.requests) == 3
    assert other.connections == 0


# When the service asks to wait


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


@each_operation
@pytest.mark.parametrize(
    "retry_after", ["0", "soon", "", "-1", "Wed, 01 Jan 2020 00:00:00 GMT", "Mon, 99 Jan 2020 00:00:00 GMT"], ids=repr
)
def test_a_retry_after_that_asks_for_no_wait_is_none(operation: Operation, retry_after: str) -> None:
    busy = json_answer({}, 429, {"Retry-After": retry_after})
    attempts: list[Attempt] = []
    with (
        no_socket_left(),
        scripted_server([busy, busy, good(operation)]) as server,
        client(server.host, on_attempt=attempts.append) as api,
    ):
        assert operation.call(api) == operation.result
    assert [attempt.retry_in for attempt in attempts] == [0, 0, None]
    assert len(server.requests) == 3


@each_operation
@pytest.mark.parametrize("retry_after", ["3600", date_in(3600), "9" * 400], ids=["hour", "date", "endless"])
def test_a_retry_after_beyond_the_time_left_is_raised_at_once(operation: Operation, retry_after: str) -> None:
    busy = json_answer({"message": "Too many"}, 429, {"Retry-After": retry_after})
    with (
        no_socket_left(),
        scripted_server([busy]) as server,
        client(server.host) as api,
        within(5),
        pytest.raises(TooManyRequestsException, match="Too many") as caught,
    ):
        operation.call(api)
    assert len(server.requests) == 1
    assert caught.value.headers is not None
    assert caught.value.headers["Retry-After"] == retry_after


@pytest.mark.needs_pace
@pytest.mark.parametrize(
    ("status", "retry_after", "least"),
    [(429, lambda: "1", 1), (503, lambda: "1", 1), (429, lambda: date_in(2), 0.9)],
    ids=["429 with seconds", "503 with seconds", "429 with a date"],
)
def test_a_retry_after_is_waited_for(status: int, retry_after: Callable[[], str], least: float) -> None:
    attempts: list[Attempt] = []
    busy = json_answer({}, status, {"Retry-After": retry_after()})
    with (
        scripted_server([busy, answer(204)]) as server,
        client(server.host, on_attempt=attempts.append) as api,
        within(2, least=least),
    ):
        api.delete_ai_session("org", "s")
    assert attempts[0].retry_in is not None
    assert least <= attempts[0].retry_in <= 2


# A delete whose first answer was lost


GONE = json_answer({"message": "No such session"}, 404)


@pytest.mark.parametrize("variant", VARIANTS[:2], ids=["plain", "with_http_info"])
@pytest.mark.parametrize(
    "fault",
    [fault for fault in PASSING if fault not in (BUSY, SLOW_REQUEST)],
    ids=str,
)
def test_a_delete_that_finds_nothing_after_an_unknown_outcome_has_succeeded(fault: Fault, variant: str) -> None:
    with no_socket_left(), scripted_server([fault.answer, GONE]) as server, client(server.host) as api:
        result = DELETE.call(api, variant, **dict(fault.options))
    if variant:
        assert (result.status_code, result.raw_data) == (404, b'{"message": "No such session"}')
        result = result.data
    assert result == DeleteAISession200Response()
    assert len(server.requests) == 2


def test_the_raw_delete_that_finds_nothing_hands_out_the_answer() -> None:
    with no_socket_left(), scripted_server([[CLOSE], GONE]) as server, client(server.host) as api:
        assert DELETE.call(api, "_without_preload_content").json() == {"message": "No such session"}
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "script",
    [[GONE], [BUSY.answer, GONE], [SLOW_REQUEST.answer, GONE]],
    ids=["at first", "after 429", "after 408"],
)
def test_a_delete_that_finds_nothing_where_none_was_lost_is_not_found(script: list[Answer]) -> None:
    with (
        no_socket_left(),
        scripted_server(script) as server,
        client(server.host) as api,
        pytest.raises(NotFoundException, match="No such session"),
    ):
        DELETE.call(api)
    assert len(server.requests) == len(script)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each is not DELETE], ids=str)
def test_nothing_but_a_delete_takes_not_found_for_success(operation: Operation) -> None:
    script = [json_answer({}, 503), GONE] if operation.repeatable else [json_answer({}, 429), GONE]
    with (
        no_socket_left(),
        scripted_server(script) as server,
        client(server.host) as api,
        pytest.raises(NotFoundException),
    ):
        operation.call(api)
    assert len(server.requests) == 2


# How often


def retry(*args: Any, **kwargs: Any) -> urllib3.Retry:
    return urllib3.Retry(*args, **{"backoff_factor": 0, **kwargs})


LOST: Answer = [CLOSE]
DOWN = json_answer({}, 503)


@pytest.mark.parametrize(
    ("retries", "script", "sent"),
    [
        (0, [LOST], 1),
        (False, [LOST], 1),
        (1, [LOST, LOST], 2),
        (RetryPolicy(attempts=1), [LOST], 1),
        (RetryPolicy(attempts=5, backoff=0), repeat(LOST, 5), 5),
        (RetryPolicy(backoff=0, read=1), [LOST, LOST], 2),
        (RetryPolicy(backoff=0, read=1, status=1), [LOST, DOWN, LOST], 3),
        (RetryPolicy(backoff=0, statuses=frozenset([404])), [GONE, GONE, GONE], 3),
        (RetryPolicy(backoff=0, statuses=frozenset([404])), [DOWN], 1),
        (retry(False), [LOST], 1),
        (retry(0), [LOST], 1),
        (retry(3), repeat(LOST, 4), 4),
        (retry(9, read=1), [LOST, LOST], 2),
        (retry(9, read=False), [LOST], 1),
        (retry(9, connect=0), repeat(LOST, 10), 10),
        (retry(9, read=0), repeat(DOWN, 10), 10),
        (retry(9, status=1), [DOWN, DOWN], 2),
        (retry(9, read=1, status=1), [LOST, DOWN, LOST], 3),
        (retry(1, read=5), [LOST, LOST], 2),
        (retry(None, read=4), repeat(LOST, 5), 5),
        (retry(None, read=0), [LOST], 1),
        (retry(None), [LOST, LOST, LOST], 3),
        (retry(3, status_forcelist=[502]), [DOWN], 1),
        (retry(3, status_forcelist=[503]), repeat(DOWN, 4), 4),
        (retry(1, status_forcelist=[503]), [BUSY.answer, BUSY.answer], 2),
    ],
)
def test_retries_says_how_often_a_request_is_sent(retries: Any, script: Sequence[Answer], sent: int) -> None:
    with (
        no_socket_left(),
        scripted_server(script) as server,
        client(server.host, retries) as api,
        pytest.raises(ApiException) as caught,
    ):
        api.get_ai_session("org", "s")
    assert len(server.requests) == len(caught.value.attempts) == sent


@pytest.mark.parametrize(
    ("retries", "attempts"),
    [
        (RetryPolicy(backoff=0, connect=1), 2),
        (retry(9, connect=0), 1),
        (retry(9, connect=2), 3),
        (retry(9, read=0, status=0), 10),
    ],
)
@each_operation
def test_failures_to_connect_are_counted_apart(retries: Any, attempts: int, operation: Operation) -> None:
    with (
        a_port() as port,
        client(f"http://127.0.0.1:{port.number}", retries) as api,
        pytest.raises(ConnectionException) as caught,
    ):
        operation.call(api)
    assert len(caught.value.attempts) == attempts


@pytest.mark.parametrize("reply", [LOST, DOWN], ids=["lost", "503"])
@pytest.mark.parametrize(
    "retries",
    [
        9,
        RetryPolicy(attempts=9, backoff=0, statuses=frozenset([503])),
        retry(9, allowed_methods=None, status_forcelist=[503]),
        retry(9, allowed_methods=["PUT", "POST"], read=9, status=9),
    ],
    ids=["int", "RetryPolicy", "Retry for any method", "Retry for writes"],
)
@each_write
def test_no_setting_makes_a_write_repeat(operation: Operation, retries: Any, reply: Answer) -> None:
    with (
        no_socket_left(),
        scripted_server([reply]) as server,
        client(server.host, retries) as api,
        pytest.raises(OutcomeUnknownException),
    ):
        operation.call(api)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("retries", "bounds"),
    [
        (RetryPolicy(backoff=0.02, backoff_max=0.05, attempts=4), [(0.01, 0.02), (0.02, 0.04), (0.025, 0.05)]),
        (retry(3, backoff_factor=0.02, backoff_max=0.05), [(0.01, 0.02), (0.02, 0.04), (0.025, 0.05)]),
    ],
    ids=["RetryPolicy", "Retry"],
)
def test_the_backoff_grows_to_its_maximum_and_is_waited_for(retries: Any, bounds: list[tuple[float, float]]) -> None:
    attempts: list[Attempt] = []
    with scripted_server(repeat(LOST)) as server, client(server.host, retries, on_attempt=attempts.append) as api:
        started = time.monotonic()
        with pytest.raises(ConnectionException):
            api.get_ai_session("org", "s")
        took = time.monotonic() - started
    waits = [attempt.retry_in for attempt in attempts[:-1] if attempt.retry_in is not None]
    assert all(least <= wait <= most for wait, (least, most) in zip(waits, bounds, strict=True))
    assert took >= sum(waits)


def test_a_retry_can_ignore_retry_after() -> None:
    busy = json_answer({}, 429, {"Retry-After": "3600"})
    retries = retry(1, respect_retry_after_header=False)
    with scripted_server([busy, answer(204)]) as server, client(server.host, retries) as api:
        api.delete_ai_session("org", "s")
    assert len(server.requests) == 2


@pytest.mark.parametrize("retries", [-1, True, "3", [], retry(-1)], ids=repr)
def test_what_is_no_number_of_retries_is_refused(retries: Any) -> None:
    with pytest.raises(ApiValueError, match=r"retries|attempts"), client("http://127.0.0.1:9", retries):
        pass


# Connections that were open


@each_operation
def test_a_connection_that_went_stale_is_replaced_without_a_second_send(operation: Operation) -> None:
    attempts: list[Attempt] = []
    with (
        no_socket_left(),
        scripted_server([[good(operation), CLOSE], good(operation)]) as server,
        client(server.host, retries=0, on_attempt=attempts.append) as api,
    ):
        assert operation.call(api) == operation.result
        server.wait_for_end_of_connections()
        assert operation.call(api) == operation.result
    assert [attempt.number for attempt in attempts] == [1, 1]
    assert [request.connection for request in server.requests] == [1, 2]


@each_operation
def test_a_race_that_is_lost_to_the_close_of_the_server_is_an_unknown_outcome(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = threading.Event()

    def until_then() -> Iterator[Any]:
        yield good(operation)
        assert leave.wait(PATIENCE)
        yield CLOSE

    script: list[Any] = [until_then(), good(operation)]
    with no_socket_left(), scripted_server(script) as server, client(server.host) as api:
        assert operation.call(api) == operation.result
        begin = http.client.HTTPConnection.putrequest

        def too_late(connection: http.client.HTTPConnection, *args: Any, **kwargs: Any) -> None:
            if not leave.is_set():  # the client has found the connection open and is about to send
                leave.set()
                server.wait_for_end_of_connections()
            begin(connection, *args, **kwargs)

        monkeypatch.setattr(http.client.HTTPConnection, "putrequest", too_late)
        if operation.repeatable:
            assert operation.call(api) == operation.result
            assert server.connections == 2
        else:
            with pytest.raises(OutcomeUnknownConnectionException) as caught:
                operation.call(api)
            assert len(caught.value.attempts) == 1
            assert not caught.value.never_sent
            assert server.connections == 1


@each_operation
def test_a_token_callable_is_asked_at_each_attempt(operation: Operation) -> None:
    tokens = iter(["first", "second", "third"])
    script = [BUSY.answer, BUSY.answer, good(operation)]
    with scripted_server(script) as server, client(server.host, access_token=lambda: next(tokens)) as api:
        assert operation.call(api) == operation.result
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer first", "Bearer second", "Bearer third"]


def test_every_promise_of_the_reliability_page_names_a_test_that_exists() -> None:
    here = Path(__file__).parent
    named = re.findall(r"`(\w+\.py)::(\w+)`", (here.parent / "docs" / "Reliability.md").read_text())
    assert named
    for file, test in named:
        assert f"\ndef {test}(" in (here / file).read_text()
