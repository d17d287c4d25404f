"""Interrupts at any moment: a signal handler that raises, wherever it strikes, leaves a client that works.

Each test runs `interrupted.py` in a process of its own, since a test run has timers too.
`HYPOTHESIS_PROFILE=thorough` interrupts 100,000 times.
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
PATIENCE = 3600 if THOROUGH else 100
pytestmark = pytest.mark.timeout(2 * PATIENCE)


# Of the server: where the client has left before the handshake, CPython forgets the socket that it made.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarm")
@pytest.mark.parametrize("road", ROADS, ids=str)
def test_interrupts_at_any_moment_leave_a_client_that_works(road: Road) -> None:
    with road.to(repeat(json_answer({"id": "s", "sessionId": "s"}))) as (server, options):
        order = {"interrupts": INTERRUPTS, "seed": 1, "patience": PATIENCE, **options}
        program = Path(__file__).with_name("interrupted.py")
        run = subprocess.run([sys.executable, str(program), json.dumps(order)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen.pop("interrupts") == INTERRUPTS
    assert seen.pop("answers", 0) >= 0
    assert not seen, "what is no interrupt and no answer"
    assert server.requests
