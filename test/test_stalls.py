"""Bounds of time that grow by the stalls of the machine: what is late is an error, and only a stall an excuse."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stalls
from stalls import within


def test_what_is_late_on_a_machine_that_keeps_pace_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "HOPS", 0)  # as where nothing stalls
    with pytest.raises(AssertionError, match="stalled for"), within(0.1):
        time.sleep(0.1 + stalls.SLACK)


def test_what_ends_too_early_is_an_error() -> None:
    with pytest.raises(AssertionError), within(0.3, least=0.2):
        pass


def test_a_stall_is_measured() -> None:
    with stalls.measured_stall() as stall:
        sum(range(30_000_000))  # one step of C, in which no other thread runs
    assert stall.seconds > 0.05


TESTS = """
import pytest
tries = []

@pytest.mark.needs_pace
def test_it():
    tries.append(None)
    sum(range({work}))
    assert len(tries) > 1
"""


@pytest.mark.parametrize(
    ("work", "limit", "passes"), [(30_000_000, 0.05, True), (0, 3600, False)], ids=["stall", "pace"]
)
def test_only_a_stall_excuses_a_failure(work: int, limit: float, passes: bool, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS.replace("{work}", str(work)))
    (tmp_path / "conftest.py").write_text(f"import stalls\nstalls.NEEDED_PACE = {limit}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "stalls", "-p", "no:cacheprovider", tmp_path]
    env = {"PYTHONPATH": str(Path(__file__).parent)}
    run = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert ("1 passed" in run.stdout) == passes, run.stdout + run.stderr
