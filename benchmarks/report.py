"""The report: what each of its tables measures, and how it is shown."""

import platform
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from statistics import median

from benchmarks import measures
from benchmarks.measures import Bench
from benchmarks.processes import HAS_VALGRIND
from benchmarks.rivals import RIVALS
from benchmarks.tables import FLOOR, Figures, above, cell, relative, slopes, table

# The calls to measure, and how many to make at a time: about as much work for each.
SCENARIOS = {"get": 100, "list 100": 50, "get 1000": 20, "create": 100, "update": 100, "delete": 100}
SIZES = {10: 100, 100: 50, 1_000: 20, 10_000: 4}

_TITLES = {"list 100": "list of 100", "get 1000": "get, 1,000 messages"}

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
    figures = {
        operation: measures.instructions(bench, {f"{operation} {size}": calls for size, calls in SIZES.items()})
        for operation in ("list", "get")
    }
    return f"""\
### Instructions that each listed session adds

From lists of 10 to lists of 100 sessions, and so on; in the last column over all.

{_against_floor(slopes(figures["list"]), _whole)}

### Instructions that each message adds

{_against_floor(slopes(figures["get"]), _whole)}"""


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


def _against_floor(figures: Figures, number: Format, reference: str | None = None, ratio: Format = _ratio) -> str:
    """The floor's figures, and the others' as ratios to them."""
    ratios = relative(figures, reference)
    return _by_rival(
        figures,
        lambda rival, column: (
            cell(figures[rival][column], number) if rival == FLOOR else cell(ratios[rival][column], ratio)
        ),
    )


def _absolute(figures: Figures, number: Format) -> str:
    return _by_rival(figures, lambda rival, column: cell(figures[rival][column], number))


def _by_rival(figures: Figures, content: Callable[[str, str], str]) -> str:
    columns = list(next(iter(figures.values())))
    rows = [(RIVALS[rival].title, [content(rival, column) for column in columns]) for rival in figures]
    return table("Client", [_TITLES.get(column, column) for column in columns], rows)


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f} µs"


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:,.0f} ms"


def _finely(seconds: float) -> str:
    return f"{1e3 * seconds:,.2f} ms"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
