"""The benchmark compares what is alike, and its tables say what its figures say. No time is asserted.

Every rival makes the same calls and reads the same answers; what is taken out of the SDK to measure a promise is there
to be taken out; and the counter of instructions gives the same count for the same work.
"""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from faults import client
from servers import scripted_server

from benchmarks import clusters, commands, many, sandboxes, service
from benchmarks.answers import TOKEN, answer_to, organisation_with, session_with
from benchmarks.canned import serving
from benchmarks.network import calls_of
from benchmarks.page import with_parts, with_report
from benchmarks.processes import HAS_VALGRIND, Interpreter
from benchmarks.promises import WITHOUT
from benchmarks.relay import Relay, relaying
from benchmarks.rivals import RIVALS
from benchmarks.rivals._by_hand import Created, Deleted, Listed, Session, Updated
from benchmarks.rooms import ROOMS, draw, room_of
from benchmarks.summary import in_short
from benchmarks.tables import above, cell, relative, slopes, table
from quantcdn import __version__

ROOT = Path(__file__).parent.parent

# Makes each call once and prints what was answered, as JSON under the names of the wire.
PROGRAM = """
import json, sys
from pydantic_core import to_jsonable_python
from benchmarks.worker import call_of, client_of

rival, url, *scenarios = sys.argv[1:]
client = client_of(rival, url)
answers = [call_of(client, scenario)() for scenario in scenarios]
fields = lambda struct: {name: getattr(struct, name) for name in struct.__struct_fields__}  # of msgspec
print(json.dumps(to_jsonable_python(answers, by_alias=True, fallback=fields)))
"""

SESSIONS = f"/api/v3/organizations/{organisation_with(2)}/ai/sessions"
SESSION = f"{SESSIONS}/{session_with(2)}"
# Each call with its request, and what its answer is read as.
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "get": ("GET", SESSION, Session),
    "list": ("GET", f"{SESSIONS}?limit=100", Listed),
    "create": ("POST", SESSIONS, Created),
    "update": ("PUT", SESSION, Updated),
    "delete": ("DELETE", SESSION, Deleted),
}
BODIES: dict[str, object] = {
    "create": {
        "userId": "user-12345",
        "sessionGroup": "website",
        "metadata": {"feature": "chat", "source": "web-app", "tags": ["beta", "help"]},
        "expirationMinutes": 60,
        "initialMessages": [
            {"role": "system", "content": "You are helpful."},
            {"role": "user", "content": "Hello!"},
        ],
    },
    "update": {
        "newMessages": [
            {"role": "user", "content": "And then?"},
            {"role": "assistant", "content": "Then we are done."},
        ],
        "tokensUsed": 130,
    },
}


def canned(call: str) -> bytes:
    method, target, _ = REQUESTS[call]
    return answer_to(method, target.partition("?")[0])


# The two that are packages of the SDK's name run the program of the SDK.
@pytest.mark.parametrize("rival", [name for name in RIVALS if name not in ("official", "generated")])
def test_every_rival_sends_the_same_requests_and_reads_the_same_answers(rival: str) -> None:
    pytest.importorskip(RIVALS[rival].needs)
    with scripted_server([canned(call) for call in REQUESTS]) as server:
        answers = json.loads(Interpreter().run("-c", PROGRAM, rival, server.host, *REQUESTS))

    assert server.connections == 1
    for (call, (method, target, model)), request, read in zip(REQUESTS.items(), server.requests, answers, strict=True):
        assert (request.method, request.target) == (method, target)
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert (request.json() if request.body else None) == BODIES.get(call)
        sent = json.loads(canned(call).partition(b"\r\n\r\n")[2])
        expected = sent if isinstance(sent, list) else [sent]
        found = read if isinstance(read, list) else [read]
        assert [model.model_validate(item) for item in found] == [model.model_validate(item) for item in expected]


@pytest.mark.parametrize("size", [10, 10_000])
def test_an_answer_is_as_large_as_the_request_says(size: int) -> None:
    listed, session = (
        json.loads(answer_to("GET", path).partition(b"\r\n\r\n")[2])
        for path in (f"/api/v3/organizations/{organisation_with(size)}/ai/sessions", f"{SESSIONS}/{session_with(size)}")
    )

    assert (len(listed), len(session["messages"])) == (size, size)


def test_a_worker_does_what_it_is_told_and_the_server_counts_its_connections() -> None:
    with serving() as server, Interpreter().work("floor", server.url) as worker:
        assert server.accepted() == 1
        assert all(seconds > 0 for seconds in worker.do("list 100", 3))
        assert all(seconds > 0 for seconds in worker.do("get", 40, threads=4))
        assert server.accepted() <= 4


def test_the_sdk_still_answers_without_its_promises() -> None:
    with serving() as server:
        program = "import sys; from benchmarks.worker import main; main()"
        printed = Interpreter().run("-c", program, "sdk", server.url, *WITHOUT)

    assert printed == "ready\n"


@pytest.mark.skipif(not HAS_VALGRIND, reason="valgrind is not installed")
def test_the_same_work_is_counted_alike() -> None:
    nothing, once, again = (
        Interpreter().count("-I", "-S", "-c", program) for program in ("pass", *["sum(range(100_000))"] * 2)
    )

    assert once - nothing > 100_000
    assert once == pytest.approx(again, rel=0.01)


@pytest.mark.parametrize("client", ["floor", "sdk"])
def test_a_history_comes_through_a_relay_as_it_is_and_packed(client: str) -> None:
    sizes: dict[str, int] = {}
    with serving(varied=True) as server:
        for what in ("plain", "gzip"):
            relay = Relay(server.port, delay=0.001, rate=1e8)
            with relaying(relay) as url:
                call, close = calls_of(client, what, url, None)
                session: Any = call()
                close()
            assert len(session.messages) == 1_000
            sizes[what] = relay.largest

    assert 2 < sizes["plain"] / sizes["gzip"] < 4


def test_a_page_has_the_tables_of_a_run_and_what_they_come_to() -> None:
    page = (ROOT / "docs" / "Performance.md").read_text(encoding="utf-8")
    report = page.partition("<!-- measured -->\n\n")[2].partition("\n\n<!-- end of measured -->")[0]

    assert with_report(page, report) == page
    assert with_report(page, f"{report}\n\nMore.").count("More.") == 1
    assert with_report(page, "### CPU time of a call\n\n").count("CPU time, and in instructions") == 1  # left as it was
    assert with_parts(page, {"by clusters": "Some."}).count("Some.") == 1
    with pytest.raises(ValueError, match="no place for what is another"):
        with_parts(page, {"another": "Some."})


CALLS = ["get", "list of 100", "get, 1,000 messages", "create", "update", "delete"]
CLIENTS = [RIVALS[rival].title for rival in ("floor", "sdk", "generated", "http.client")]
# The tables that "In short" is made of: the columns and the rows that it tells of.
TOLD = {
    "Instructions of a call": (CALLS, CLIENTS),
    "CPU time of a call": (CALLS, CLIENTS),
    "CPU time of a call over TLS": (CALLS, CLIENTS),
    "Instructions of an import": (["import", "import, client and first call"], CLIENTS),
    "Calls a second of threads that share a client": (["16 threads"], CLIENTS),
    "Connections that the client opened for them": (["16 threads"], CLIENTS),
    "Instructions of a call that go into a promise": (["get"], list(WITHOUT)),
    "Time of a get over a new TLS connection": (["further"], CLIENTS),
    "Time of a create": (["with `socket_options`", "behind a proxy"], CLIENTS),
    "Time of a history of 1,000 messages over 20 ms and 10 Mbit/s": (["plain", "gzip"], CLIENTS),
    "Time of a command": (["wall time"], ["a bare interpreter", "`quantcdn --version`", "`quantcdn sessions list`"]),
    "Time from nothing to the first answer": (["wall time"], ["the sandbox"]),
    "Calls a second on one core": (["get"], ["the sandbox"]),
    "CPU time of the sandbox for a call, by the length of each history": (
        ["10 messages", "10,000 messages"],
        ["list of 20, in memory", "update, in memory"],
    ),
    "Time of a get of a sandbox with a file": (["median", "99th percentile"], ["beside 16 writers"]),
    "Many sessions, by eight threads": (
        ["sessions a second", "memory that it takes"],
        ["export of 10,000", "delete of 10,000", "export of 100,000"],
    ),
}


def report_of(titles: Iterable[str]) -> str:
    """The tables of these titles, with 3 in each cell."""
    tables = {
        title: table("Row", columns, [(row, ["3"] * len(columns)) for row in rows])
        for title, (columns, rows) in TOLD.items()
    }
    return "\n\n".join(f"### {title}\n\n{tables[title]}" for title in titles)


def test_each_table_that_a_whole_run_is_summed_up_by_is_needed() -> None:
    summary = " ".join((in_short(report_of(TOLD)) or "").split())

    assert (
        "`quantcdn --version` takes 9 ms and `quantcdn sessions list` 9, where a bare interpreter takes 3." in summary
    )
    assert "Eight threads export 3 sessions a second and delete 3, of 10,000" in summary
    assert "lists and updates take 1.00 to 1.00 of the CPU time with 10." in summary
    assert [title for title in TOLD if in_short(report_of(TOLD.keys() - {title}))] == []


def test_what_is_missing_is_left_out_by_name() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--tables", "times", "--calls", "get"]
    ran = subprocess.run([*command, "--rivals", "official"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "\nLeft out: official client, as no --official was given.\n" in ran.stdout
    assert re.findall(r"^### (.*)|^\| (urllib3 [^|]*) \|", ran.stdout, re.MULTILINE) == [
        ("CPU time of a call", ""),
        ("", RIVALS["floor"].title),
        ("Wall time of a call", ""),
        ("", RIVALS["floor"].title),
    ]


FIGURES = {
    "floor": {"list 10": [100.0, 200.0], "list 100": [1000.0, 2000.0]},
    "sdk": {"list 10": [90.0, 200.0], "list 100": [900.0, 3000.0]},
}


def test_a_ratio_is_of_samples_of_the_same_round() -> None:
    assert relative(FIGURES)["sdk"] == {"list 10": [0.9, 1.0], "list 100": [0.9, 1.5]}
    assert relative(FIGURES, "list 10")["sdk"] == {"list 10": [0.9, 1.0], "list 100": [9.0, 15.0]}
    assert set(relative(FIGURES)["floor"]["list 100"]) == {1.0}


def test_what_is_added_is_what_a_rival_takes_above_another() -> None:
    assert above(FIGURES, "floor")["sdk"] == {"list 10": [-10.0, 0.0], "list 100": [-100.0, 1000.0]}


def test_a_slope_is_taken_from_each_size_to_the_next_and_over_all() -> None:
    columns = {"list 10": [100.0], "list 100": [1000.0], "list 1000": [19_000.0]}

    assert slopes({"sdk": columns}) == {
        "sdk": {"10 to 100": [10.0], "100 to 1,000": [20.0], "10 to 1,000": [18900 / 990]}
    }


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([0.9], "0.90", id="one sample"),
        pytest.param([0.9, 0.901, 0.902], "0.90", id="a spread that does not show"),
        pytest.param([1.0, 0.9, 1.2, 0.8, 1.1], "1.00 ± 0.10", id="half the distance between the quartiles"),
    ],
)
def test_a_cell_is_the_median_with_its_spread(samples: list[float], expected: str) -> None:
    assert cell(samples) == expected


def test_a_table_is_markdown() -> None:
    assert table("Client", ["get"], [("floor", ["1.00"]), ("this SDK", ["0.90"])]) == (
        "| Client | get |\n| --- | ---: |\n| floor | 1.00 |\n| this SDK | 0.90 |"
    )


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("quantcdn/api/ai_sessions_api.py", "arguments"),
        ("quantcdn/_wire/encode.py", "request"),
        ("quantcdn/_transport/deadline.py", "the loop: deadline, retry, log"),
        ("quantcdn/_transport/answer.py", "connection and head of the answer"),
        ("quantcdn/models/_base.py", "models"),
        ("site-packages/pydantic/main.py", "pydantic"),
        ("site-packages/urllib3/connection.py", "urllib3"),
        ("http/client.py", "http.client"),
        ("socket.py", "sockets and the kernel"),
        ("queue.py", None),
    ],
)
def test_a_line_belongs_to_the_room_of_its_file(path: str, title: str | None) -> None:
    room = room_of(f"/nowhere/{path}", 1)

    assert (room.title if room else None) == title


def test_a_line_that_calls_the_kernel_belongs_to_it(tmp_path: Path) -> None:
    module = tmp_path / "http" / "client.py"
    module.parent.mkdir()
    module.write_text("sock = connect()\nsock.sendall(data)\n")

    assert [room.title for line in (1, 2) if (room := room_of(str(module), line))] == [
        "http.client",
        "sockets and the kernel",
    ]


def test_the_picture_shows_each_share_by_its_width() -> None:
    first, second = ROOMS[:2]
    picture = ElementTree.fromstring(draw({"get": (Counter({first: 3, second: 1}), 0.0002)}))
    texts = ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    bars = {
        title.text: float(bar.attrib["width"])
        for bar in picture.iter("{http://www.w3.org/2000/svg}rect")
        for title in bar
    }

    assert texts[:4] == ["get", "200 µs", "75", "25"]
    assert set(texts) >= {room.title for room in ROOMS}
    assert bars[f"{first.title}: 75.0%"] == pytest.approx(3 * bars[f"{second.title}: 25.0%"], abs=3)


def test_what_an_asynchronous_program_pays_is_measured_by_the_way() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.asynchronous", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    rows = [line.split(" | ") for line in done.stdout.splitlines() if "|" in line][2:]
    rates = [float(rate.replace(",", "")) for _, rate, _ in rows]
    assert rates == sorted(rates), "threads wait side by side"
    assert all(re.fullmatch(r"[\d,]+ ms", held_up) for *_, held_up in rows)


# Commands and the sandbox


def test_a_command_does_its_work_as_it_is_measured() -> None:
    with serving() as server:
        _, version, listed = (
            commands.interpreter(server.url).run("-c", *command) for command in commands.COMMANDS.values()
        )

    assert version == f"quantcdn {__version__}\n"
    assert [json.loads(line)["title"] for line in listed.splitlines()] == ["Rows in order 0", "Rows in order 1"]


@pytest.mark.parametrize("kind", service.KINDS)
def test_a_service_answers_its_first_request(kind: str) -> None:
    cpu, wall = map(float, Interpreter().run("-m", "benchmarks.service", "start", kind).split())

    assert cpu > 0
    assert wall > 0


@pytest.mark.parametrize("place", ["in memory", "in a file"])
def test_a_sandbox_has_what_it_is_told_and_tells_what_came(place: str, tmp_path: Path) -> None:
    database = tmp_path / "sessions.db" if place == "in a file" else None
    with (
        service.serving(database=database) as sandbox,
        service.Connection(sandbox.host, sandbox.token) as connection,
    ):
        ids = sandbox.seed("group", 3, messages=2)
        for session_id in [*ids, ids[0]]:
            connection.ask(connection.request("GET", f"{service.SESSIONS}/{session_id}"))
        with pytest.raises(AssertionError, match="404"):
            connection.ask(connection.request("GET", f"{service.SESSIONS}/another"))

        assert sandbox.counted("get") == {"1": 3, "2": 1}
        assert sandbox.cpu() > 0


def test_writers_write_on_and_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        sandbox = stack.enter_context(service.serving(database=tmp_path / "sessions.db"))
        ids = sandbox.seed("written", 2)
        api = stack.enter_context(client(sandbox.host, access_token=sandbox.token))

        def tokens(session_id: str) -> int:
            return api.get_ai_session(service.ORGANISATION, session_id).total_tokens or 0

        stack.enter_context(sandboxes.writing(Interpreter(), sandbox, ids))
        before = {session_id: tokens(session_id) for session_id in ids}
        ends = time.monotonic() + 60
        while standing := [session_id for session_id in ids if tokens(session_id) < before[session_id] + 50]:
            assert time.monotonic() < ends, f"Hardly written to within a minute: {', '.join(standing)}"


# Many sessions


def test_work_on_many_sessions_is_told_and_loses_and_doubles_none(tmp_path: Path) -> None:
    with service.serving() as sandbox:
        by_threads = list(many.by_threads(sandbox, [30], tmp_path, Interpreter()))
        _, _, *killed = clusters.with_a_worker_killed(sandbox, 3, 400, tmp_path)

    assert [(taken.sessions, taken.work) for taken in by_threads] == [(30, "export"), (30, "delete")]
    assert [row.split(" | ")[0] for row in killed] == ["export", "extend", "delete"]
