"""Programs whose conversation is interrupted at random times; `test_conversation_interrupts.py` runs them.

    python interrupted_turns.py turns '{"host": …, "access_token": …, "organisation": …, "interrupts": 1000, …}'

A timer raises an exception out of a signal handler, which may be at any moment of a turn, or of entering or leaving a
keep-alive. What was said of each turn is printed as JSON, or how many threads were left.
"""

import faulthandler
import gc
import json
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from interrupted import INTERRUPTS

import quantcdn
from quantcdn.conversation import KeepAlive

TURNS = 60
"""How many turns a conversation has."""


SAY: list[Callable[[quantcdn.Conversation, str], object]] = [
    lambda conversation, text: conversation.turn(text, lambda messages: messages[-1]["content"].upper()),
    lambda conversation, text: conversation.append({"role": "user", "content": text}),
    lambda conversation, text: list(conversation.stream(text, lambda messages: iter(messages[-1]["content"]))),
]
"""How a turn is said."""


class Interrupter:
    """Interrupts what is done in a `with` block of `at_work`, at a random time."""

    def __init__(self, seed: int, longest: float) -> None:
        self._chance = random.Random(seed)
        self.longest = longest
        self._is_at_work = False
        signal.signal(signal.SIGALRM, self._strike)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        try:
            self._is_at_work = True
            signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(0.00001, self.longest))
            yield
        finally:
            self._is_at_work = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _strike(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_at_work:  # else it was on its way when the work ended, over another thread
            raise self._chance.choice(INTERRUPTS)("now")


def turns(order: dict[str, Any], interrupter: Interrupter) -> object:
    """Say some things in conversations; the value is, for each session, what was said of each of its turns."""
    configuration = quantcdn.Configuration(order["host"], order["access_token"])
    told: dict[str, dict[str, str]] = {}
    interrupts = 0
    with quantcdn.ApiClient(configuration) as client:
        api = quantcdn.AISessionsApi(client)
        interrupter.longest = max(interrupter.longest, 2 * longest_turn(api, order["organisation"]))
        while interrupts < order["interrupts"]:
            conversation = quantcdn.Conversation.open(api, order["organisation"], user_id="interrupted")
            said = told[conversation.session_id] = {}
            for number in range(TURNS):
                text = f"turn {number}"
                said[text] = "unknown"
                try:
                    with interrupter.at_work():
                        SAY[number % len(SAY)](conversation, text)
                        said[text] = "stored"
                except INTERRUPTS:
                    interrupts += 1

            # Another thread must get its turn, and the session must be what the conversation says.
            def say_the_last(conversation: quantcdn.Conversation = conversation) -> None:
                conversation.append({"role": "user", "content": "the last"}, _request_timeout=20)
                messages = conversation.messages
                conversation.refresh()
                assert messages == conversation.messages

            thread = threading.Thread(target=say_the_last)
            thread.start()
            thread.join()
            assert conversation.messages[-1]["content"] == "the last"
    return told


def longest_turn(api: quantcdn.AISessionsApi, organisation: str) -> float:
    """How long a turn takes here that nothing interrupts, in seconds: the longest of some."""
    conversation = quantcdn.Conversation.open(api, organisation, user_id="not interrupted")
    longest = 0.0
    for number in range(3 * len(SAY)):
        began = time.perf_counter()
        SAY[number % len(SAY)](conversation, f"turn {number}")
        longest = max(longest, time.perf_counter() - began)
    return longest


def keep_alives(order: dict[str, Any], interrupter: Interrupter) -> object:
    """Keep a session alive for a moment, again and again; the value is how many threads went on."""
    interrupts = 0
    while interrupts < order["interrupts"]:
        try:
            with interrupter.at_work(), KeepAlive(lambda: None, lambda: 3600.0):
                pass
        except INTERRUPTS:
            interrupts += 1
        except RuntimeError as error:  # what Python makes of one while it starts a thread
            if not isinstance(error.__context__, INTERRUPTS):
                raise
            interrupts += 1
    gc.collect()
    ends = time.monotonic() + 10
    while going_on() and time.monotonic() < ends:
        time.sleep(0.01)
    return going_on()


def going_on() -> int:
    return sum(thread.name == "quantcdn-keep-alive" and thread.is_alive() for thread in threading.enumerate())


def main() -> None:
    """Run, and print what came of it."""
    order = json.loads(sys.argv[2])
    faulthandler.dump_traceback_later(order["patience"], exit=True)
    warnings.simplefilter("ignore")  # of plain HTTP, and of sockets that interrupts leave to the garbage collector
    interrupter = Interrupter(order["seed"], order["longest"])
    sys.unraisablehook = lambda _: None  # an interrupt may strike where nothing can be raised
    print(json.dumps({"turns": turns, "keep_alives": keep_alives}[sys.argv[1]](order, interrupter)))


if __name__ == "__main__":
    main()
