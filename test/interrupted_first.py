"""A program that interrupts the first call of a process at one moment after the other; `test_interrupts.py` runs it.

    python interrupted_first.py '{"host": …, "call": "get", "step": 50, "patience": 100, …}'

A moment is one at which Python may look for signals: where a function begins or ends, and after a call of one in C. A
first call loads its operation and its models, so each is made in a fork of its own, in which nothing has been called.
After it, another thread must be able to make the call, with the same client. What was seen is printed as JSON.
"""

import collections
import faulthandler
import json
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from types import FrameType

from interrupted import Abort

import quantcdn

SWALLOWING = [" > closed", " > _read > __instancecheck__"]
"""Functions in which others swallow what is raised: see `interrupted_everywhere.py`."""
LOCKING = (" > isEnabledFor", " > isEnabledFor > _acquireLock", " > isEnabledFor > _releaseLock")
"""Ends of a moment at which Python's log takes or returns a lock of its own, that time."""

PATIENCE = 10.0
"""How long another thread may take for its call, in seconds."""


class Moment:
    """Where the call is interrupted."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.functions = ""

    def __call__(self, frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" or getattr(called, "__name__", None) == "release":
            return
        self.left -= 1
        if self.left == 0:
            sys.setprofile(None)
            self.functions = " > ".join(place.name for place in traceback.extract_stack(frame))
            raise Abort("now")


def seen_of(call: Callable[[], object], number: int) -> str | None:
    """What is wrong after an interrupt at the moment of this number; None where the call ends before it."""
    moment = Moment(number)
    problem = "swallowed"
    sys.setprofile(moment)
    try:
        call()
    except Abort:
        problem = ""
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    finally:
        sys.setprofile(None)
    if moment.left > 0:
        return None
    ended: list[str] = []

    def work() -> None:
        try:
            call()
        except Exception as error:
            ended.append(f"{type(error).__name__}: {error}")
        else:
            ended.append("an answer")

    other = threading.Thread(target=work, daemon=True)
    other.start()
    other.join(PATIENCE)
    left_locked = not ended and moment.functions.endswith(LOCKING)
    if left_locked or (ended and problem == "swallowed" and any(place in moment.functions for place in SWALLOWING)):
        return ""
    if ended != ["an answer"]:
        problem = f"another thread: {ended}"
    return problem and f"{problem}: {moment.functions}"


def main() -> None:
    """Run, and print what was seen."""
    order = json.loads(sys.argv[1])
    faulthandler.dump_traceback_later(order["patience"], exit=True)
    warnings.simplefilter("ignore")  # of plain HTTP
    conversations = quantcdn.Conversation
    api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration(order["host"], "qc_token")))
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: api.get_ai_session("org", "s"),
        "list": lambda: api.list_ai_sessions("org"),
        "open": lambda: conversations.open(api, "org", user_id="u"),
    }
    seen: collections.Counter[str] = collections.Counter()
    for number in range(1, 1_000_000, order["step"]):
        near, far = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(far, json.dumps(seen_of(calls[order["call"]], number)).encode()[:60_000])
            os._exit(0)
        os.close(far)
        with open(near, encoding="utf-8") as told:
            problem = json.load(told)
        os.waitpid(child, 0)
        if problem is None:
            break
        seen["moments"] += 1
        seen[problem] += bool(problem)
    print(json.dumps(+seen))


if __name__ == "__main__":
    main()
