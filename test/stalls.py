"""Time that the machine takes from a test: what a bound of wall-clock time grows by, and what excuses a failure.

A thread beats every few milliseconds. As much as a beat comes late, everything else that runs here may have come late.

    with within(0.3):  # and a quarter second, and what the machine stalled meanwhile
        api.get_ai_session("org", "s", _request_timeout=0.3)

    @pytest.mark.needs_pace
    def test_that_must_answer_within_half_a_second() -> None: ...

A test that needs pace has to be quick itself to pass, for what it shows is what happens *before* a short time is over.
Where it fails while the machine stalled, the failure says nothing, and the test is made again. A failure on a machine
that kept pace counts at once.
"""

import contextlib
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass

import pytest

SLACK = 0.25
"""How much later than its time a call may end, in seconds, on a machine that does nothing else."""
BEAT = 0.005
HOPS = 4
"""How many threads may have to wake, one after the other, before what is timed ends: client, relay, server, client."""
NEEDED_PACE = 0.05
"""The stall from which on a failure of a test that needs pace says nothing, in seconds."""
TRIES = 20


@dataclass
class Stall:
    """How much later than due the beats came, in seconds, in all."""

    seconds: float = 0.0


@contextlib.contextmanager
def measured_stall() -> Generator[Stall, None, None]:
    """The stall of the machine for the length of a ``with`` block: it is whole when the block has ended."""
    stall, ended = Stall(), threading.Event()

    def beat() -> None:
        due = time.monotonic() + BEAT
        while not ended.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            stall.seconds += now - due
            due = now + BEAT
        stall.seconds += max(0.0, time.monotonic() - due)

    thread = threading.Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield stall
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def within(seconds: float, least: float = 0.0) -> Generator[None, None, None]:
    """Check that a block takes no longer than was allowed, but for the slack and for the stalls of the machine."""
    with measured_stall() as stall:
        started = time.monotonic()
        yield
        took = time.monotonic() - started
    assert least <= took < seconds + SLACK + HOPS * stall.seconds, f"it stalled for {stall.seconds:.3f} s"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Make a test that needs pace again where it failed while the machine stalled."""
    if pyfuncitem.get_closest_marker("needs_pace") is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames  # as pytest's own call of a test does
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    for attempt in range(1, TRIES + 1):
        try:
            with measured_stall() as stall:
                pyfuncitem.obj(**arguments)
            break
        except (Exception, pytest.fail.Exception):
            if stall.seconds < NEEDED_PACE or attempt == TRIES:
                raise
    return True


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_pace: made again where it failed while the machine stalled")
