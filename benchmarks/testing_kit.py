"""What a test costs that has a sandbox to itself: ``python -m benchmarks.testing_kit``.

Each test takes both fixtures of `quantcdn.testing`, creates a session and reads it. What is measured is the whole of
it, with its fixtures, as pytest itself measures it. The first one starts the sandbox.
"""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pytest

_COUNT = 200
_TESTS = f"""
import pytest

@pytest.mark.parametrize("number", range({_COUNT}))
def test_a_session(quantcdn_sandbox, quantcdn_api, number):
    created = quantcdn_api.create_ai_session(quantcdn_sandbox.organisation, {{"userId": "user-1"}})
    assert quantcdn_api.get_ai_session(quantcdn_sandbox.organisation, created.session_id).messages == []
    quantcdn_sandbox.requests.assert_received("get")
"""


class Stopwatch:
    """A plugin of pytest that adds up how long setting up, running and tearing down each test took, in seconds."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.taken[report.nodeid] += report.duration


def main() -> int:
    """Run the tests, and print the first time and the median of the others."""
    stopwatch = Stopwatch()
    with TemporaryDirectory() as folder:
        Path(folder, "test_it.py").write_text(_TESTS)
        options = ["-q", "--no-summary", "-p", "no:cacheprovider", "-p", "quantcdn.testing", "--rootdir", folder]
        code = pytest.main([*options, folder], [stopwatch])
    first, *others = (1000 * seconds for seconds in stopwatch.taken.values())
    print(
        f"The first test: {first:.0f} ms; each after it: {median(others):.1f} ms (median), {max(others):.1f} ms at most"
    )
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
