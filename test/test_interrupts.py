"""Interrupts at any moment: a signal handler that raises, wherever it strikes, leaves a client that works.

Each test runs `interrupted.py` or `interrupted_everywhere.py` in a process of its own, since a test run has timers too.
`HYPOTHESIS_PROFILE=thorough` interrupts 100,000 times at random, and at each moment on every road.
"""

import json
import os
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import pytest
from roads import ROADS, Road
from servers import json_answer

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
INTERRUPTS = 100_000 // len(ROADS) if THOROUGH else 150
PATIENCE = 3600 if THOROUGH else 300
pytestmark = pytest.mark.timeout(2 * PATIENCE)

SESSION = json_answer({"id": "s", "sessionId": "s"})
ANSWERS = {
    "get": SESSION,
    "update": SESSION,
    "open": SESSION,
    "list": json_answer([{"id": 5, "title": 5, "createdAt": "2026-11-02 10:00:00", "updatedAt": "2 November 2026"}]),
    "refused": json_answer({"message": "no"}, 400),
}
"""What each call is answered. In the list is much that is read leniently."""
CALLS = ["get", "update", "list", "refused"]


def run(program: str, **order: object) -> dict[str, int]:
    path = Path(__file__).with_name(program)
    done = subprocess.run([sys.executable, str(path), json.dumps(order)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen: dict[str, int] = json.loads(done.stdout)
    return seen


# Of the server: where the client has left before the handshake, CPython forgets the socket that it made.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarm")
@pytest.mark.parametrize("road", ROADS, ids=str)
def test_interrupts_at_any_moment_leave_a_client_that_works(road: Road) -> None:
    with road.to(repeat(SESSION)) as (server, options):
        seen = run("interrupted.py", interrupts=INTERRUPTS, seed=1, patience=PATIENCE, **options)
    assert seen.pop("interrupts") == INTERRUPTS
    assert seen.pop("answers", 0) >= 0
    assert not seen, "what is no interrupt and no answer"
    assert server.requests


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python tells no moments before 3.12")
@pytest.mark.parametrize(
    ("call", "kept"),
    [
        (call, kept)
        for call in ("get", "update", "list", "refused")
        for kept in (True, False)
        if THOROUGH or kept or call == "get"
    ],
)
@pytest.mark.parametrize("road", ROADS if THOROUGH else ROADS[:1], ids=str)
def test_an_interrupt_at_each_single_moment_leaves_a_client_that_other_threads_use(
    road: Road, call: str, kept: bool
) -> None:
    with road.to(repeat(ANSWERS[call])) as (_, options):
        seen = run("interrupted_everywhere.py", call=call, kept=kept, patience=PATIENCE, **options)
    assert seen.pop("moments") > 500
    assert not seen


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python tells no moments before 3.12")
@pytest.mark.parametrize("call", ["secure", "bulk", "default", "turn", "sandbox", "log"])
def test_what_threads_share_outlives_an_interrupt_at_each_single_moment(call: str) -> None:
    with ROADS[0].to(repeat(json_answer({"id": "s"}))) as (_, options):
        seen = run("interrupted_everywhere.py", call=call, kept=True, patience=PATIENCE, **options)
    assert seen.pop("moments") > 20
    assert not seen


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each first call needs a process that has made none")
@pytest.mark.parametrize("call", ["get", "list", "open"])
def test_a_first_call_that_is_interrupted_leaves_a_client_that_works(call: str) -> None:
    """Python's import takes locks in Python code, which an interrupt could leave locked for all threads."""
    with ROADS[0].to(repeat(ANSWERS[call])) as (_, options):
        seen = run("interrupted_first.py", call=call, step=1 if THOROUGH else 23, patience=PATIENCE, **options)
    assert seen.pop("moments") > 25
    assert not seen
