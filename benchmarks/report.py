"""The report: what each of its tables measures, and how it is shown."""

import platform
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypedDict

from benchmarks import commands as command_line
from benchmarks import measures, sandboxes
from benchmarks.many import by_threads
from benchmarks.measures import Bench
from benchmarks.processes import HAS_VALGRIND
from benchmarks.rivals import RIVALS
from benchmarks.service import serving
from benchmarks.tables import FLOOR, Figures, above, cell, relative, slopes, table

# The calls to measure, and how many to make at a time: about as much work for each.
SCENARIOS = {"get": 100, "list 100": 50, "get 1000": 20, "create": 100, "update": 100, "delete": 100}
SIZES = {10: 100, 100: 50, 1_000: 20, 10_000: 4}

_CLIENTS = {rival: shown.title for rival, shown in RIVALS.items()}
_TITLES = {"list 100": "list of 100", "get 1000": "get, 1,000 messages"}


class _Shown(TypedDict):
    titles: Mapping[str, str]
    corner: str


Format = Callable[[float], str]
_whole: Format = "{:,.0f}".format
_signed: Format = "{:+,.0f}".format
_ratio: Format = "{:.2f}".format
_fine_ratio: Format = "{:.3f}".format


def instructions(bench: Bench) -> str:
    """The instructions of a call, and what of them is added to urllib3's pool and the model."""
    figures = measures.instructions(bench, bench.scenarios)
    text = f"### Instructions of a call\n\n{_against_floor(figures, _whole)}"
    if "pool" in figures:
        added = {rival: columns for rival, columns in above(figures, "pool").items() if rival != "pool"}
        text += f"\n\n### Instructions that each adds to urllib3's pool and the model\n\n{_absolute(added, _signed)}"
    return text


def per_item(bench: Bench) -> str:
    """The instructions of each listed session and of each message."""
    scenarios = {f"{operation} {size}": calls for operation in ("list", "get") for size, calls in SIZES.items()}
    figures = measures.instructions(bench, scenarios)
    listed, messages = (
        {
            rival: {column: samples for column, samples in columns.items() if column.startswith(operation)}
            for rival, columns in figures.items()
        }
        for operation in ("list", "get")
    )
    return f"""\
### Instructions that each listed session adds

From lists of 10 to lists of 100 sessions, and so on; in the last column over all.

{_against_floor(slopes(listed), _whole)}

### Instructions that each message adds

{_against_floor(slopes(messages), _whole)}"""


def times(bench: Bench) -> str:
    """The CPU time and the wall time of a call."""
    cpu, wall = measures.times(bench)
    return f"""\
### CPU time of a call

{_against_floor(cpu, _microseconds)}

### Wall time of a call

{_against_floor(wall, _microseconds)}"""


def tls(bench: Bench) -> str:
    """The CPU time and the instructions of a call over TLS."""
    rivals = [rival for rival in bench.rivals if RIVALS[rival].module in ("floor", "sdk")]
    secure = replace(bench, server=bench.secure_server, rivals=rivals)
    text = f"### CPU time of a call over TLS\n\n{_against_floor(measures.times(secure)[0], _microseconds)}"
    if HAS_VALGRIND:
        counted = measures.instructions(secure, secure.scenarios)
        text += f"\n\n### Instructions of a call over TLS\n\n{_against_floor(counted, _whole)}"
    return text


def imports(bench: Bench) -> str:
    """The CPU time and the instructions of an import."""
    text = f"""\
### CPU time of an import

The ratios, also those of the import with a client and a first call, are to the import of urllib3 and pydantic.

{_against_floor(measures.import_times(bench), _milliseconds, "import", _fine_ratio)}"""
    if HAS_VALGRIND:
        counted = measures.imports(bench)
        text += f"\n\n### Instructions of an import\n\n{_against_floor(counted, _whole, 'import', _fine_ratio)}"
    return text


def threads(bench: Bench) -> str:
    """The rate of calls of threads that share a client."""
    rates, connections = measures.threads(bench, calls=800)
    return f"""\
### Calls a second of threads that share a client

{_against_floor(rates, _whole)}

### Connections that the client opened for them

{_absolute(connections, _whole)}"""


def memory(bench: Bench) -> str:
    """The memory that answers take."""
    return f"### Memory\n\n{_against_floor(measures.memory(bench), _megabytes)}"


def promises(bench: Bench) -> str:
    """What each promise of the SDK costs a call."""
    every, all_but_one = measures.promises(bench, {"get": 200, "create": 200})
    rows = [
        (promise, [_cost(median(every["sdk"][column]), median(without)) for column, without in columns.items()])
        for promise, columns in all_but_one.items()
    ]
    return f"### Instructions of a call that go into a promise\n\n{table('Promise', every['sdk'], rows)}"


def network(bench: Bench) -> str:
    """What the network makes of calls: new connections, a proxy, and bytes on a line."""
    wall, cpu, came = measures.packed(bench)
    sizes = ", ".join(f"{size:,} bytes {what}" for what, size in came.items())
    return f"""\
### Time of a get over a new TLS connection

{_against_floor(measures.connections(bench), _finely)}

### Time of a create

{_against_floor(measures.proxied(bench), _finely)}

### Time of a history of 1,000 messages over 20 ms and 10 Mbit/s

It comes in {sizes}.

{_against_floor(wall, _finely)}

### CPU time of that

{_against_floor(cpu, _finely)}"""


def commands(bench: Bench) -> str:
    """What a command costs over a bare interpreter."""
    shown: _Shown = {"titles": {FLOOR: "a bare interpreter"}, "corner": "Command"}
    text = f"### Time of a command\n\n{_against_floor(command_line.times(bench), _milliseconds, **shown)}"
    if HAS_VALGRIND:
        counted = command_line.instructions(bench)
        text += f"\n\n### Instructions of a command\n\n{_against_floor(counted, _whole, **shown)}"
    return text


def sandbox(bench: Bench) -> str:
    """How fast the sandbox starts and answers, beside Starlette's hello world."""
    shown: _Shown = {"titles": {FLOOR: "Starlette's hello world"}, "corner": "Service"}
    rates, cpu = sandboxes.rates(bench)
    text = f"""\
### Time from nothing to the first answer

{_against_floor(sandboxes.starts(bench), _milliseconds, **shown)}

### Calls a second on one core

{_against_floor(rates, _whole, **shown)}

### CPU time of the service for a call

{_against_floor(cpu, _microseconds, **shown)}"""
    if HAS_VALGRIND:
        counted = sandboxes.start_instructions(bench)
        text += f"\n\n### Instructions from nothing to the first answer\n\n{_against_floor(counted, _whole, **shown)}"
    return text


def sandbox_load(bench: Bench) -> str:
    """What long histories and writers make of the sandbox."""
    return f"""\
### CPU time of the sandbox for a call, by the length of each history

{_absolute(sandboxes.histories(bench), _microseconds, corner="Call")}

### Time of a get of a sandbox with a file

{_absolute(sandboxes.beside_writers(bench), _finely, corner="Get")}"""


def many(bench: Bench) -> str:
    """What it costs to export and to delete many sessions, by eight threads."""
    with serving(interpreter=bench.interpreter("sdk")) as service, TemporaryDirectory() as folder:
        done = by_threads(service, bench.sizes, Path(folder), bench.interpreter("sdk"))
        rows = [
            (
                f"{taken.work} of {taken.sessions:,}",
                [
                    _whole(1 / taken.wall),
                    _microseconds(taken.cpu),
                    _microseconds(taken.served),
                    _megabytes(taken.memory),
                ],
            )
            for taken in done
        ]
    columns = ["sessions a second", "CPU time of each", "CPU time of the service for each", "memory that it takes"]
    return f"### Many sessions, by eight threads\n\n{table('Work', columns, rows)}"


def _cost(everything: float, without: float) -> str:
    return f"{everything - without:,.0f} ({1 - without / everything:.1%})"


TABLES: dict[str, Callable[[Bench], str]] = {
    "instructions": instructions,
    "per-item": per_item,
    "times": times,
    "tls": tls,
    "imports": imports,
    "threads": threads,
    "memory": memory,
    "promises": promises,
    "network": network,
    "commands": commands,
    "sandbox": sandbox,
    "sandbox-load": sandbox_load,
    "many": many,
}
NEED_VALGRIND = frozenset(["instructions", "per-item", "promises"])


def machine() -> str:
    """On what it was measured."""
    processor = platform.processor() or platform.machine()
    if (information := Path("/proc/cpuinfo")).exists():
        named = re.search(r"model name\s*: (.*)", information.read_text())
        processor = named[1] if named else processor
    tools = [f"{platform.python_implementation()} {platform.python_version()}"]
    tools += [f"{name} {version(name)}" for name in ("urllib3", "pydantic", "requests", "httpx")]
    if HAS_VALGRIND:
        tools.append(subprocess.run(["valgrind", "--version"], capture_output=True, text=True).stdout.strip())
    return f"{platform.system()}, {processor}, {cpu_count()} cores; {', '.join(tools)}"


def _against_floor(
    figures: Figures,
    number: Format,
    reference: str | None = None,
    ratio: Format = _ratio,
    *,
    titles: Mapping[str, str] = _CLIENTS,
    corner: str = "Client",
) -> str:
    """The floor's figures, and the others' as ratios to them."""
    ratios = relative(figures, reference)
    return _by_row(
        figures,
        lambda row, column: cell(figures[row][column], number) if row == FLOOR else cell(ratios[row][column], ratio),
        titles,
        corner,
    )


def _absolute(figures: Figures, number: Format, *, titles: Mapping[str, str] = _CLIENTS, corner: str = "Client") -> str:
    return _by_row(figures, lambda row, column: cell(figures[row][column], number), titles, corner)


def _by_row(figures: Figures, content: Callable[[str, str], str], titles: Mapping[str, str], corner: str) -> str:
    columns = list(next(iter(figures.values())))
    rows = [(titles.get(row, row), [content(row, column) for column in columns]) for row in figures]
    return table(corner, [_TITLES.get(column, column) for column in columns], rows)


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f} µs"


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:,.0f} ms"


def _finely(seconds: float) -> str:
    return f"{1e3 * seconds:,.2f} ms"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
