"""A program that makes calls and is interrupted at random times; `test_interrupts.py` runs it.

    python interrupted.py '{"host": …, "interrupts": 1000, "seed": 1, …}'

A timer raises an exception out of a signal handler, at a random time after a call has begun: what Ctrl-C does, a task
queue's limit, or an application's own alarm. At the end, the client must still do its work. What was seen is printed as
JSON. Whatever is not an interrupt, or an answer, is a fault.
"""

import collections
import faulthandler
import json
import random
import signal
import sys
import warnings
from types import FrameType

import quantcdn


class Stop(Exception):
    """A limit that a task queue sets."""


class Abort(KeyboardInterrupt):
    """Ctrl-C."""


class Late(TimeoutError):
    """An alarm, as in many recipes: one of the errors that a socket raises as well."""


class Wrong(ValueError):
    """A limit that pydantic, and whatever else reads a value, would take for one that is wrong."""


INTERRUPTS = (Stop, Abort, Late, Wrong)

LONGEST = 0.004
"""The longest time after which an interrupt comes, in seconds: about three calls."""


def main() -> None:
    """Run, and print what was seen."""
    order = json.loads(sys.argv[1])
    faulthandler.dump_traceback_later(order["patience"], exit=True)
    warnings.simplefilter("ignore")  # of plain HTTP, and of sockets that interrupts leave to the garbage collector
    chance = random.Random(order["seed"])
    seen: collections.Counter[str] = collections.Counter()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise chance.choice(INTERRUPTS)("now")

    signal.signal(signal.SIGALRM, interrupt)
    configuration = quantcdn.Configuration(order["host"], "qc_token", ca_cert_data=order["ca_cert_data"])
    configuration.proxy = order["proxy"]
    configuration.trust_env = False
    client = quantcdn.ApiClient(configuration)
    api = quantcdn.AISessionsApi(client)
    # pydantic builds its checks in the first call, and tells an interrupt of that as an error of its own.
    api.get_ai_session("org", "s")
    api.update_ai_session("org", "s", {"tokensUsed": 1})
    while seen["interrupts"] < order["interrupts"]:
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, LONGEST))
                if chance.random() < 0.5:
                    api.get_ai_session("org", "s")
                else:
                    api.update_ai_session("org", "s", {"tokensUsed": 1})
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            seen["answers"] += 1
        except INTERRUPTS:
            seen["interrupts"] += 1
        except Exception as error:
            seen[f"{type(error).__name__}: {error}"] += 1
    assert api.get_ai_session("org", "s", _request_timeout=20).id == "s"
    client.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
