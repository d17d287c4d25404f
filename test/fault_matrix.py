"""A pytest plugin: what the tests of faults saw, one row a fault and one column an operation, at the end of the run.

A cell holds how many requests reached the server, what was raised or returned, and how long that took. Cells travel
with the reports of their tests, so there is one matrix, however many processes run the tests.
"""

from typing import NamedTuple

import pytest

_CELL = "cell of the fault matrix"


class Matrix(NamedTuple):
    """Where a test notes what it saw."""

    properties: list[tuple[str, object]]

    def note(self, fault: str, operation: str, sent: int, error: BaseException | None, seconds: float) -> None:
        came = "returned" if error is None else type(error).__name__.removesuffix("Exception")
        cell = f"{sent} {came.replace('OutcomeUnknown', '?')} {1000 * seconds:.0f}"
        self.properties.append((_CELL, [fault, operation, cell]))


@pytest.fixture
def matrix(request: pytest.FixtureRequest) -> Matrix:
    return Matrix(request.node.user_properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows: dict[str, dict[str, str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties if report.when == "call" else ():
                if name == _CELL:
                    fault, operation, cell = value
                    rows.setdefault(fault, {})[operation] = cell
    if not rows:
        return
    write = terminalreporter.write_line
    terminalreporter.section("the fault matrix")
    write("Requests that reached the server, what was raised (?… is OutcomeUnknown…) or returned, milliseconds:")
    width = max(map(len, rows))
    names = sorted({operation for row in rows.values() for operation in row})
    columns = {name: max(len(name), *(len(row.get(name, "")) for row in rows.values())) for name in names}
    write("  ".join([" " * width, *(name.ljust(size) for name, size in columns.items())]).rstrip())
    for fault in sorted(rows):  # what came of a fault once stands below what came of it for good
        cells = (rows[fault].get(name, "").ljust(size) for name, size in columns.items())
        write("  ".join([fault.ljust(width), *cells]).rstrip())
