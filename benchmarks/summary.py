"""What the tables of a whole run come to, in words: "In short" on docs/Performance.md. Pure."""

import math
import re
import textwrap

from benchmarks.rivals import RIVALS

Table = dict[str, dict[str, float]]
"""Figures by row and column."""

_find_tables = re.compile(r"^### (.*)$(?:\n+(?!#|\|).*)*\n+((?:^\|.*\n?)+)", re.MULTILINE).findall
_FLOOR, _SDK, _GENERATED, _HTTP_CLIENT = (RIVALS[rival].title for rival in ("floor", "sdk", "generated", "http.client"))


def tables_of(report: str) -> dict[str, Table]:
    """The tables of a report, by their titles."""
    tables: dict[str, Table] = {}
    for title, text in _find_tables(report):
        (_, *columns), _, *rows = ([cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines())
        tables[title] = {row: dict(zip(columns, map(_figure, cells), strict=True)) for row, *cells in rows}
    return tables


def _figure(cell: str) -> float:
    """The figure of a cell like ``0.90 ± 0.01`` or ``20,639 (2.5%)``: where there is a share, that."""
    share = re.search(r"\((-?[\d.]+)%\)", cell)
    return float(share[1] if share else cell.split()[0].replace(",", ""))


def in_short(report: str) -> str | None:
    """The sentences, or None where a table is missing that they are made of."""
    try:
        return "\n".join(map(_bullet, _sentences(tables_of(report))))
    except KeyError:
        return None


def _bullet(sentence: str) -> str:
    return textwrap.fill(sentence, 118, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def _sentences(tables: dict[str, Table]) -> list[str]:
    cpu, secure = tables["CPU time of a call"], tables["CPU time of a call over TLS"]
    counted, start = tables["Instructions of a call"][_SDK], tables["Instructions of an import"]
    rates = tables["Calls a second of threads that share a client"][_SDK]
    opened = tables["Connections that the client opened for them"][_SDK]
    promises = {row: cells["get"] for row, cells in tables["Instructions of a call that go into a promise"].items()}
    strict_head = promises.pop("the head of an answer is read strictly")
    sdk, generated = cpu[_SDK], cpu[_GENERATED]
    first = "import, client and first call"
    return [
        "In CPU time, and in instructions, of the same call written by hand with urllib3 and pydantic: "
        + "; ".join(f"{call} {sdk[call]:.2f} and {counted[call]:.2f}" for call in sdk)
        + ".",
        f"A generator's client, which the official one is too, takes {generated['get'] / sdk['get']:.1f} times the CPU "
        f"time of this SDK on a get, {generated['list of 100'] / sdk['list of 100']:.1f} times on a list of 100, and "
        f"{generated['get, 1,000 messages'] / sdk['get, 1,000 messages']:.1f} times on a history of 1,000 messages.",
        f"Where every microsecond counts and models do not, `http.client` with `json` takes "
        f"{cpu[_HTTP_CLIENT]['get'] / sdk['get']:.2f} of the CPU time of this SDK on a get.",
        f"`import quantcdn` itself takes {start[_SDK]['import']:.3f} of the instructions of importing urllib3 and "
        f"pydantic; with a client and a first call it is {start[_SDK][first]:.2f}, and with a generator's client "
        f"{start[_GENERATED][first]:.2f}.",
        f"Sixteen threads that share a client make {rates['16 threads']:.2f} times as many calls a second as with "
        f"urllib3 by hand, over {opened['16 threads']:.0f} connections.",
        f"Deadline, retries, redaction, checks and log together take {math.fsum(promises.values()):.0f} percent of the "
        f"instructions of a get. To read the head of an answer strictly saves {-strict_head:.0f}.",
        f"Over TLS a get takes {secure[_SDK]['get']:.2f} of the CPU time by hand. Over a real network the wait for the "
        "answer is far longer than all of this: what is saved there is the CPU of your process, not the time to wait.",
        *_of_the_network(tables),
        *_of_programs(tables),
    ]


def _of_the_network(tables: dict[str, Table]) -> list[str]:
    create, new = tables["Time of a create"][_SDK], tables["Time of a get over a new TLS connection"][_SDK]
    line = tables["Time of a history of 1,000 messages over 20 ms and 10 Mbit/s"]
    plain, packed = (line[_FLOOR][what] * line[_SDK][what] for what in ("plain", "gzip"))  # a ratio to the floor
    return [
        f"Behind a proxy a create takes {create['behind a proxy']:.2f} of the time that it takes by hand, and with "
        f"`socket_options` {create['with `socket_options`']:.2f}, where the body waits for the head to be "
        f"acknowledged; a get over a further TLS connection takes {new['further']:.2f}, since a client reads the "
        "authorities once.",
        f"A history of 1,000 messages over 20 ms and 10 Mbit/s takes {packed / plain:.2f} of the time "
        "where gzip is asked for.",
    ]


def _of_programs(tables: dict[str, Table]) -> list[str]:
    commands = {command: cells["wall time"] for command, cells in tables["Time of a command"].items()}
    bare = commands["a bare interpreter"]
    version, listed = (bare * commands[f"`quantcdn {command}`"] for command in ("--version", "sessions list"))
    first = tables["Time from nothing to the first answer"]["the sandbox"]["wall time"]
    rate = tables["Calls a second on one core"]["the sandbox"]["get"]
    histories = tables["CPU time of the sandbox for a call, by the length of each history"]
    longer = [cells["10,000 messages"] / cells["10 messages"] for cells in histories.values()]
    beside = tables["Time of a get of a sandbox with a file"]["beside 16 writers"]
    many = tables["Many sessions, by eight threads"]
    exported, deleted = (many[f"{work} of 10,000"]["sessions a second"] for work in ("export", "delete"))
    memory = many["export of 100,000"]["memory that it takes"]
    return [
        f"`quantcdn --version` takes {version:.0f} ms and `quantcdn sessions list` {listed:.0f}, where a bare "
        f"interpreter takes {bare:.0f}.",
        f"The sandbox takes {first:.2f} of the time of Starlette's hello world to its first answer, and then answers "
        f"{rate:.2f} of its calls a second. With 10,000 messages in each session, lists and updates take "
        f"{min(longer):.2f} to {max(longer):.2f} of the CPU time with 10. Beside 16 writers of a file a get takes "
        f"{beside['median']:.1f} ms, and one in a hundred more than {beside['99th percentile']:.1f}.",
        f"Eight threads export {exported:,.0f} sessions a second and delete {deleted:,.0f}, of 10,000; to export "
        f"100,000 takes {memory:.0f} MB of memory.",
    ]
