"""What a command costs over a bare interpreter, into figures: samples by command and column."""

from pathlib import Path

from benchmarks.answers import TOKEN, organisation_with
from benchmarks.measures import Bench, at_once
from benchmarks.processes import Interpreter
from benchmarks.tables import FLOOR, Figures

_RUN = "from quantcdn.cli import main; main()"  # as the script does that pip installs

COMMANDS = {
    FLOOR: ("pass",),
    "`quantcdn --version`": (_RUN, "--version"),
    "`quantcdn sessions list`": (_RUN, "sessions", "list"),
}


def interpreter(url: str, package: Path | None = None) -> Interpreter:
    """Python as a command runs in it, which is told by its environment where the service is."""
    variables = {
        "QUANT_BASE_URL": url,
        "QUANT_API_TOKEN": TOKEN,
        "QUANT_ORGANISATION": organisation_with(2),
        "HOME": "/dev/null",  # where no profile is
    }
    return Interpreter(package, variables=variables)


def instructions(bench: Bench) -> Figures:
    """How many instructions a command takes, from its start to its end."""
    python = interpreter(bench.server.url, bench.packages.get("sdk"))
    counts = at_once(lambda command: python.count("-c", *COMMANDS[command]), COMMANDS)
    return {command: {"instructions": [count]} for command, count in counts.items()}


def times(bench: Bench) -> Figures:
    """The same in seconds of CPU and of wall time."""
    python = interpreter(bench.server.url, bench.packages.get("sdk"))
    figures: Figures = {command: {"CPU time": [], "wall time": []} for command in COMMANDS}
    for _ in range(bench.rounds):
        for command, columns in figures.items():
            timed = python.time("-c", *COMMANDS[command])
            columns["CPU time"].append(timed.cpu)
            columns["wall time"].append(timed.wall)
    return figures
