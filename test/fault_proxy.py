"""A proxy on 127.0.0.1 that stands between the SDK and a sandbox and makes faults, one for each request as planned.

    with fault_proxy(sandbox.host, [PASS, DROP, CUT_BODY]) as proxy:
        ...  # talk to proxy.host
        proxy.settle()
    assert [exchange.forwarded for exchange in proxy.exchanges] == [True, False, True]

A plan is any iterable of faults, in the order in which the requests come; `seeded` gives one without end. When it is
used up, requests pass. Whole URLs are taken too, as a client sends them to a proxy that it knows of. Nothing here waits
for a time: a late answer is late because the proxy waits until the client has hung up.
"""

import contextlib
import json
import random
import re
import select
import socket
import struct
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from http.client import responses
from typing import BinaryIO
from urllib.parse import urlsplit

_whole_url = re.compile(rb"^([A-Z]+ )http://[^/ ]+")
_labelled = re.compile(rb"\r\nX-Label: ([^\r]*)", re.IGNORECASE)
_elsewhere = re.compile(rb"(\r\nHost: )service\.test")


class Seen(Enum):
    """What the client gets to see of an exchange."""

    ANSWER = "the answer of the service"
    REFUSAL = "an answer of the proxy"
    LOSS = "a lost connection"
    SILENCE = "nothing, until its time is over"


@dataclass(frozen=True)
class Fault:
    """What happens to one request.

    Attributes:
        name: how it is called in reports.
        seen: what the client gets to see.
        forwarded: whether the service gets the request.
        status: the status of the proxy's own answer.
        cut: which part of the answer is sent before it is cut: a share of the head, or, above 1, of the body.
        reset: whether the connection ends with a reset instead of in good order.
        closes: whether the connection ends after a whole answer, without a word of it in the answer.
        late: whether the service gets the request only when the client has hung up.
        overtaken: how many later exchanges end before the service gets the request.
        unread: whether the connection ends before the body of the request was read.
    """

    name: str
    seen: Seen
    forwarded: bool = True
    status: int = 0
    cut: float = 0.0
    reset: bool = False
    closes: bool = False
    late: bool = False
    overtaken: int = 0
    unread: bool = False

    def __repr__(self) -> str:
        return self.name


PASS = Fault("PASS", Seen.ANSWER)
CLOSE_AFTER = Fault("CLOSE_AFTER", Seen.ANSWER, closes=True)
DROP = Fault("DROP", Seen.LOSS, forwarded=False)
RESET = Fault("RESET", Seen.LOSS, forwarded=False, reset=True)
RESET_BEFORE_BODY = Fault("RESET_BEFORE_BODY", Seen.LOSS, forwarded=False, reset=True, unread=True)
LOSE_ANSWER = Fault("LOSE_ANSWER", Seen.LOSS)
LOSE_ANSWER_BY_RESET = Fault("LOSE_ANSWER_BY_RESET", Seen.LOSS, reset=True)
CUT_STATUS_LINE = Fault("CUT_STATUS_LINE", Seen.LOSS, cut=0.05)
CUT_HEAD = Fault("CUT_HEAD", Seen.LOSS, cut=0.5)
CUT_HEAD_AT_ITS_END = Fault("CUT_HEAD_AT_ITS_END", Seen.LOSS, cut=0.999)
CUT_BEFORE_BODY = Fault("CUT_BEFORE_BODY", Seen.LOSS, cut=1.0)
CUT_BODY = Fault("CUT_BODY", Seen.LOSS, cut=1.5)
CUT_BODY_BY_RESET = Fault("CUT_BODY_BY_RESET", Seen.LOSS, cut=1.5, reset=True)
LATE_ANSWER = Fault("LATE_ANSWER", Seen.SILENCE)
LATE_REQUEST = Fault("LATE_REQUEST", Seen.SILENCE, late=True)
NEVER = Fault("NEVER", Seen.SILENCE, forwarded=False)
OVERTAKEN = [Fault(f"OVERTAKEN_BY_{others}", Seen.LOSS, overtaken=others) for others in (1, 2, 3)]
REFUSALS = {
    status: Fault(f"REFUSE_{status}", Seen.REFUSAL, forwarded=False, status=status)
    for status in (429, 500, 502, 503, 504)
}
BAD_GATEWAY_AFTER_ALL = Fault("BAD_GATEWAY_AFTER_ALL", Seen.REFUSAL, status=502)

QUICK_FAULTS: Sequence[Fault] = (
    CLOSE_AFTER,
    DROP,
    RESET,
    RESET_BEFORE_BODY,
    LOSE_ANSWER,
    LOSE_ANSWER_BY_RESET,
    CUT_STATUS_LINE,
    CUT_HEAD,
    CUT_HEAD_AT_ITS_END,
    CUT_BEFORE_BODY,
    CUT_BODY,
    CUT_BODY_BY_RESET,
    *REFUSALS.values(),
    BAD_GATEWAY_AFTER_ALL,
)
"""The faults that cost no time. Beside them there are those that are `OVERTAKEN`."""
SLOW_FAULTS: Sequence[Fault] = (LATE_ANSWER, LATE_REQUEST, NEVER)
"""The faults that the client notices only when its time is over."""


def seeded(seed: int, faults: Sequence[Fault], pass_rate: float) -> Iterator[Fault]:
    """A plan without end: requests pass at this rate, and the others meet any of the faults."""
    chance = random.Random(seed)
    while True:
        yield PASS if chance.random() < pass_rate else chance.choice(faults)


@dataclass
class Exchange:
    """A request that came, and what was made of it.

    Attributes:
        target: the method and the path of the request.
        fault: what it met.
        kept: whether its connection had carried a request before.
        status: what the service answered, or None where it was not asked.
        label: the value of the header field ``X-Label``, by which a test knows what it sent.
    """

    target: str
    fault: Fault
    kept: bool = False
    status: int | None = None
    label: str = ""

    @property
    def forwarded(self) -> bool:
        """Whether the service got the request."""
        return self.status is not None


class FaultProxy:
    """A running proxy.

    Attributes:
        host: its base URL.
        exchanges: the requests that came, in their order.
    """

    def __init__(self, upstream: str, plan: Iterable[Fault] = ()) -> None:
        url = urlsplit(upstream)
        assert url.hostname
        assert url.port
        self._upstream = (url.hostname, url.port)
        self._plan = iter(plan)
        self.exchanges: list[Exchange] = []
        self._changed = threading.Condition()
        self._ended_exchanges = 0
        self._in_haste = False
        self._idle: set[socket.socket] = set()
        self._busy: set[socket.socket] = set()
        self._ended, self._end = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.host = f"http://127.0.0.1:{self.port}"
        self._workers: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)
        self._acceptor.start()

    def follow(self, plan: Iterable[Fault]) -> None:
        """Forget the exchanges so far, and follow a new plan."""
        self.settle()
        with self._changed:
            self._plan = iter(plan)
            self.exchanges.clear()

    def settle(self) -> None:
        """Wait until everything that was sent to the proxy has taken its course. No request waits for others now."""
        with self._changed:
            self._make_haste(True)
            assert self._changed.wait_for(self._is_settled, timeout=30), "the proxy does not come to rest"
            self._make_haste(False)

    def hang_up(self) -> None:
        """Close the connections that carry no request, as a server does that has had enough of them."""
        self.settle()
        with self._changed:
            for connection in self._idle:
                connection.shutdown(socket.SHUT_RDWR)
        self.settle()

    def end(self) -> None:
        """Close everything and wait for the threads."""
        self._end.close()
        with self._changed:
            self._make_haste(True)
        self._acceptor.join()
        for worker in self._workers:
            worker.join()
        self._ended.close()
        self._listener.close()

    def _make_haste(self, in_haste: bool) -> None:
        self._in_haste = in_haste
        self._changed.notify_all()

    def _is_settled(self) -> bool:
        # What a client has sent, or that it has hung up, stands in the socket at once: this is loopback.
        return not self._busy and not _readable([self._listener, *self._idle], 0)

    def _wait_for(self, source: socket.socket) -> bool:
        """Wait until there is something to read, and tell whether the proxy goes on."""
        return self._ended not in _readable([source, self._ended])

    def _accept(self) -> None:
        while self._wait_for(self._listener):
            with self._changed:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._idle.add(connection)
                worker = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._workers.append(worker)
                worker.start()

    def _serve(self, connection: socket.socket) -> None:
        kept = False
        with connection.makefile("rb") as requests:
            while self._wait_for(connection):
                with self._changed:
                    self._idle.remove(connection)
                    self._busy.add(connection)
                goes_on = False
                with contextlib.suppress(ConnectionError):  # the client may have left
                    goes_on = self._exchange(requests, connection, kept)
                with self._changed:
                    self._ended_exchanges += 1
                    self._changed.notify_all()
                if not goes_on:
                    break
                kept = True
                with self._changed:
                    self._busy.remove(connection)
                    self._idle.add(connection)
                    self._changed.notify_all()
        connection.close()
        with self._changed:
            self._busy.discard(connection)
            self._idle.discard(connection)
            self._changed.notify_all()

    def _exchange(self, requests: BinaryIO, connection: socket.socket, kept: bool) -> bool:
        """Read a request and do with it as planned; tell whether its connection goes on."""
        request, length = _read_head(requests)
        if not request:
            return False
        with self._changed:
            fault = next(self._plan, PASS)
            exchange = Exchange(request.partition(b" HTTP")[0].decode(), fault, kept, label=_label(request))
            self.exchanges.append(exchange)
        if not fault.unread:
            request += requests.read(length)
        head = body = b""
        if fault.overtaken:
            connection.shutdown(socket.SHUT_RDWR)
            with self._changed:
                others = self._ended_exchanges + fault.overtaken
                self._changed.wait_for(lambda: self._in_haste or self._ended_exchanges >= others)
        if fault.forwarded and (not fault.late or self._wait_for(connection)):
            head, body = self._ask(request)
            exchange.status = int(head.split(b" ", 2)[1])
        if fault.seen is Seen.REFUSAL:
            head, body = _refusal(fault.status)
        if fault.seen is Seen.SILENCE:
            self._wait_for(connection)
        elif fault.seen is Seen.LOSS:
            part = head[: int(len(head) * fault.cut)]
            connection.sendall(part if fault.cut < 1 else head + body[: int(len(body) * (fault.cut - 1))])
            if fault.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.sendall(head + body)
            return not fault.closes
        return False

    def _ask(self, request: bytes) -> tuple[bytes, bytes]:
        """The service's answer to a request, its head and its body."""
        with socket.create_connection(self._upstream) as upstream, upstream.makefile("rb") as answers:
            upstream.sendall(_elsewhere.sub(rb"\1localhost", _whole_url.sub(rb"\1", request, count=1), count=1))
            head, length = _read_head(answers)
            return head, answers.read(length)


@contextlib.contextmanager
def fault_proxy(upstream: str, plan: Iterable[Fault] = ()) -> Generator[FaultProxy, None, None]:
    """Run a proxy for the length of a `with` block."""
    proxy = FaultProxy(upstream, plan)
    try:
        yield proxy
    finally:
        proxy.end()


@contextlib.contextmanager
def closed_port() -> Generator[str, None, None]:
    """The base URL of a port that nobody can listen on for the length of a `with` block."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unheard.getsockname()[1]}"


def _readable(sources: Sequence[socket.socket], timeout: float | None = None) -> list[socket.socket]:
    return select.select(sources, [], [], timeout)[0]


def _read_head(stream: BinaryIO) -> tuple[bytes, int]:
    """The head of the next request or answer and the length of its body; an empty head where the sender has left."""
    head, length = b"", 0
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b"", 0
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        head += line
    return head, length


def _label(head: bytes) -> str:
    found = _labelled.search(head)
    return found[1].decode() if found else ""


def _refusal(status: int) -> tuple[bytes, bytes]:
    body = json.dumps({"message": "The proxy refused."}).encode()
    lines = [
        f"HTTP/1.1 {status} {responses[status]}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode(), body
