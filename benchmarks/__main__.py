"""Measure, and print the tables: ``python -m benchmarks --help``."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.canned import serving
from benchmarks.measures import Bench
from benchmarks.page import with_report
from benchmarks.preparation import make_certificates, make_packages
from benchmarks.processes import HAS_VALGRIND, one_core
from benchmarks.report import NEED_VALGRIND, SCENARIOS, TABLES, machine
from benchmarks.rivals import RIVALS

_QUICK = {
    "tables": ["instructions", "times", "commands", "sandbox", "many"],
    "rivals": ["sdk", "generated"],
    "calls": ["get", "list 100", "create"],
}


def main() -> None:
    arguments = _arguments()
    parts: list[str] = []
    for part in _report(arguments):
        print(part, end="\n\n", flush=True)
        parts.append(part)
    if arguments.into:
        page = arguments.into.read_text(encoding="utf-8")
        arguments.into.write_text(with_report(page, "\n\n".join(parts)), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what a call costs the process that makes it, and print tables in Markdown.",
    )
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument("--official", type=Path, metavar="FOLDER", help="where the official client is installed")
    parser.add_argument("--niquests", type=Path, metavar="FOLDER", help="where niquests is, with a urllib3 of its own")
    parser.add_argument("--into", type=Path, metavar="FILE", help="a page to write the tables into as well")
    for name, names in (("tables", TABLES), ("rivals", RIVALS), ("calls", SCENARIOS)):
        parser.add_argument(f"--{name}", nargs="+", choices=names, metavar=name[:-1].upper(), help=", ".join(names))
    arguments = parser.parse_args()
    for name, names in (("tables", TABLES), ("rivals", RIVALS), ("calls", SCENARIOS)):
        if getattr(arguments, name) is None:
            setattr(arguments, name, _QUICK[name] if arguments.quick else list(names))
    return arguments


def _report(arguments: argparse.Namespace) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as servers:
        folder = Path(temporary)
        elsewhere = {"official": arguments.official, "niquests": arguments.niquests}
        packages, missing = make_packages(folder, arguments.rivals, elsewhere)
        with one_core():
            server = servers.enter_context(serving())
            secure_server = servers.enter_context(serving(make_certificates(folder)))
        bench = Bench(
            server,
            secure_server,
            packages,
            rivals=[rival for rival in RIVALS if rival in ("floor", *arguments.rivals) and rival not in missing],
            scenarios={scenario: SCENARIOS[scenario] for scenario in arguments.calls},
            rounds=5 if arguments.quick else 25,
            sizes=[1_000] if arguments.quick else [1_000, 10_000, 100_000],
        )
        yield f"Measured on {machine()}."
        for rival, reason in missing.items():
            yield f"Left out: {RIVALS[rival].title}, as {reason}."
        for name in arguments.tables:
            if name in NEED_VALGRIND and not HAS_VALGRIND:
                yield f"Left out: {name}, as there is no valgrind."
            else:
                yield TABLES[name](bench)


if __name__ == "__main__":
    main()
