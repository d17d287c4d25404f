"""Conversations that are interrupted at any moment: what is said of each turn is true, and the next one gets its turn.

Each test runs `interrupted_turns.py` in a process of its own, since a test run has timers too.
`HYPOTHESIS_PROFILE=thorough` interrupts some ten thousand times.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quantcdn import AISessionsApi, ApiClient, Configuration
from quantcdn.sandbox import Sandbox

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
PATIENCE = 3600 if THOROUGH else 100
pytestmark = [
    pytest.mark.timeout(2 * PATIENCE),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarm"),
]


def run(what: str, **order: object) -> Any:
    program = Path(__file__).with_name("interrupted_turns.py")
    arguments = [sys.executable, str(program), what, json.dumps({"seed": 1, "patience": PATIENCE, **order})]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_turns_that_are_interrupted_at_any_moment_are_stored_once_or_not(sandbox: Sandbox) -> None:
    told = run(
        "turns",
        host=sandbox.host,
        access_token=sandbox.access_token,
        organisation=sandbox.organisation,
        longest=0.012,
        interrupts=10_000 if THOROUGH else 200,
    )

    with ApiClient(Configuration(sandbox.host, sandbox.access_token)) as client:
        for session_id, said in told.items():
            messages = AISessionsApi(client).get_ai_session(sandbox.organisation, session_id).messages or []
            stands = [message["content"] for message in messages if message["role"] == "user"]
            assert len(stands) == len({*stands}), "a turn stands twice"
            stored = [text for text, outcome in said.items() if outcome == "stored"]
            assert [text for text in stands if text in stored] == stored
    outcomes = [outcome for said in told.values() for outcome in said.values()]
    assert {*outcomes} == {"stored", "unknown"}, "the interrupts came at other times as well"


def test_however_keeping_alive_is_interrupted_no_thread_goes_on_extending() -> None:
    assert run("keep_alives", longest=0.0006, interrupts=30_000 if THOROUGH else 1_000) == 0
