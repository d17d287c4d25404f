"""A program that interrupts a call at each moment in turn; `test_interrupts.py` runs it, on Python 3.12 and later.

    python interrupted_everywhere.py '{"host": …, "call": "get", "kept": true, "patience": 100, …}'

A moment is one at which Python may look for signals: before and after a call of a function in C, where a function
begins or goes on, and where it jumps. At one of them in each call, what a signal handler would raise is raised, until a
call ends before its moment comes. After each, another thread must be able to make that call, with the same client, and
no two sockets may have the same file descriptor, and no destructor may fail. What was seen is printed as JSON.
"""

import collections
import contextlib
import faulthandler
import gc
import json
import logging
import queue
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from interrupted import INTERRUPTS, Stop

import quantcdn
from quantcdn import bulk, sandbox
from quantcdn._transport.tls import Certificates
from quantcdn.conversation._turns import Turns
from quantcdn.sandbox import RunningSandbox

SWALLOWING = [
    " > closed",  # of urllib3's answer, which Python's own destructor of files asks
    " > putrequest > close",  # likewise of http.client's, when the next request begins,
    " > _timed_answer > close",  # or the next answer takes its place
    " > makeRecord > ",  # of a record of the log, which asks for the name of the process
    " > _write_SOCKS5_address",  # of PySocks, to which any OSError means that this is no address
    " > __instancecheck__",  # of pydantic's models, which its core asks, in older versions whatever comes of it
    " > _write_to_self",  # of asyncio, to which any OSError means that the loop is closed
    " > _init_length",  # of urllib3's answer, to which any ValueError means that there is no length,
    " > _tunnel > _read_status",  # of http.client, to which it means that this is no status,
    " > _intenum_converter",  # of `socket`, to which it means that a number has no name,
    " > verify_mode",  # of `ssl`, likewise
    " > debug > _log",  # of logging, to which it means that nobody knows who called,
    " > <genexpr> > parse > ",  # of dateutil, to which it means that this is no time
]
"""Functions in which others swallow what is raised."""
FAILING = [
    "'SocketIO' object has no attribute",  # of `socket`, whose file of a socket was made in part
    "flush of closed file",  # of PySocks, whose writer was closed in part
]
"""Failures of the destructors of others."""


class Moment:
    """Where a call is interrupted: at a moment that is told by its number.

    Attributes:
        left: how many moments it is away.
        functions: the names of the functions that were at work in it, the outer ones first.
    """

    def __init__(self) -> None:
        self.left = 0
        self.functions = ""
        self._kind: type[BaseException] = Stop
        self._main = threading.get_ident()
        self._tool = sys.monitoring.DEBUGGER_ID
        sys.monitoring.use_tool_id(self._tool, "moments")
        known = sys.monitoring.events
        self._events = 0
        # Before a call of C that looks for signals itself, while it waits. Letting a lock go is none.
        sys.monitoring.register_callback(self._tool, known.CALL, self._pass_before)
        for event in (known.C_RETURN, known.C_RAISE, known.PY_START, known.PY_RESUME, known.JUMP):
            sys.monitoring.register_callback(self._tool, event, self._pass)
            self._events |= event
        self._events |= known.CALL

    def arm(self, number: int, kind: type[BaseException]) -> None:
        """Interrupt at the moment of this number, the first being 1."""
        self.left, self._kind = number, kind
        sys.monitoring.set_events(self._tool, self._events)

    def disarm(self) -> None:
        """Interrupt no more."""
        sys.monitoring.set_events(self._tool, 0)

    def _pass_before(self, code: CodeType, _offset: int, called: object, _first: object) -> None:
        if getattr(called, "__name__", None) != "release":
            self._pass(code)

    def _pass(self, code: CodeType, *_details: object) -> None:
        if threading.get_ident() != self._main or code in (Moment.arm.__code__, Moment.disarm.__code__):
            return
        self.left -= 1
        if self.left == 0:
            self.disarm()
            self.functions = " > ".join(frame.name for frame in traceback.extract_stack())
            self._handle(signal.SIGALRM, sys._getframe())

    def _handle(self, _number: int, _frame: FrameType) -> None:
        raise self._kind("now")


class Other:
    """Another thread, which uses the same client."""

    def __init__(self, work: Callable[[], object], patience: float) -> None:
        self._work = work
        self._patience = patience
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        threading.Thread(target=self._live, daemon=True).start()

    def works(self) -> None:
        """Have it work, and wait until it has."""
        self._asked.put(None)
        error = self._told.get(timeout=self._patience)
        if error is not None:
            raise error

    def _live(self) -> None:
        while True:
            self._asked.get()
            try:
                self._work()
            except BaseException as error:
                self._told.put(error)
            else:
                self._told.put(None)


def shared_descriptors() -> list[int]:
    """The file descriptors that more than one socket has."""
    sockets = (thing for thing in gc.get_objects() if issubclass(type(thing), socket.socket))
    counts = collections.Counter(sock.fileno() for sock in sockets)
    return [number for number, count in counts.items() if number >= 0 and count > 1]


def calls_of(client: quantcdn.ApiClient, service: RunningSandbox) -> dict[str, Callable[[], object]]:
    """What can be interrupted, by name."""
    api = quantcdn.AISessionsApi(client)
    context = Certificates(client.configuration).for_servers()

    def refused() -> None:
        with contextlib.suppress(quantcdn.BadRequestException):
            api.get_ai_session("org", "s")

    def secure() -> None:
        near, far = socket.socketpair()
        with far, near, context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False):
            pass

    logger = logging.getLogger("quantcdn")
    turns = Turns(lambda: None)

    def default() -> None:
        quantcdn.ApiClient.set_default(None)
        quantcdn.Configuration.set_default(None)
        quantcdn.ApiClient.get_default()

    return {
        "get": lambda: api.get_ai_session("org", "s"),
        "list": lambda: api.list_ai_sessions("org", user_id="u", limit=9),
        "update": lambda: api.update_ai_session("org", "s", {"tokensUsed": 1, "metadata": {"a": [1, 2.5]}}),
        "refused": refused,
        "secure": secure,
        "bulk": lambda: bulk.delete(api, "org", session_ids=["a", "b"], workers=2),
        "default": default,
        "turn": lambda: turns.take(lambda: None, 20),
        "sandbox": service.seed,
        "log": lambda: logger.debug("what happens"),
    }


def main() -> None:
    """Run, and print what was seen."""
    order = json.loads(sys.argv[1])
    faulthandler.dump_traceback_later(order["patience"], exit=True)
    with sandbox.running() as service:
        print(json.dumps(seen_of(order, service)))


def seen_of(order: dict[str, Any], service: RunningSandbox) -> dict[str, int]:
    """Interrupt what is ordered, and count what is seen."""
    warnings.simplefilter("ignore")  # of plain HTTP, and of sockets that interrupts leave to the garbage collector
    configuration = quantcdn.Configuration(order["host"], "qc_token", ca_cert_data=order["ca_cert_data"])
    configuration.proxy = order["proxy"]
    configuration.trust_env = False
    client = quantcdn.ApiClient(configuration)
    client.configuration.debug = order["call"] == "log"
    call = calls_of(client, service)[order["call"]]
    call()  # pydantic builds its checks in the first one
    other = Other(call, order["patience"] / 2)
    other.works()
    lost: list[Any] = []
    sys.unraisablehook = lost.append  # what is raised in a destructor is lost, whoever raises it
    seen: collections.Counter[str] = collections.Counter()
    moment = Moment()
    gc.collect()
    gc.freeze()
    while True:
        if not order["kept"]:
            client.close()
        seen["moments"] += 1
        moment.arm(seen["moments"], INTERRUPTS[seen["moments"] % len(INTERRUPTS)])
        try:
            try:
                call()
            finally:
                moment.disarm()
        except (*INTERRUPTS, bulk.Interrupted):
            if shared_descriptors():
                seen[f"two sockets have one descriptor: {moment.functions}"] += 1
        except Exception as error:
            seen[f"{type(error).__name__}: {error}: {moment.functions}"] += 1
        else:
            if moment.left > 0:
                break
            if not lost and not any(swallowing in moment.functions for swallowing in SWALLOWING):
                seen[f"swallowed: {moment.functions}"] += 1
        for left in lost:
            is_of_others = any(problem in str(left.exc_value) for problem in FAILING)
            if not isinstance(left.exc_value, INTERRUPTS) and not is_of_others:
                seen[f"in a destructor: {left.exc_value!r}: {moment.functions}"] += 1
        lost.clear()
        other.works()
    client.close()
    return seen


if __name__ == "__main__":
    main()
