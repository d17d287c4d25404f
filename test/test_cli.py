"""The command line, through its real process: against the sandbox, in pipes and in terminals.

The tables are held against files in test/golden, each the standard output of one command. To write them anew, set
QUANTCDN_WRITE_GOLDEN=1, and look at what changed.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib import import_module, metadata
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

import pytest
import trustme
import typer
from programs import nobody
from servers import CLOSE, RESET, STALL, Answer, ScriptedServer, answer, json_answer, scripted_server
from terminals import in_terminal, screen

from quantcdn import AISessionsApi, ApiClient, Configuration, NotFoundException, __version__
from quantcdn.cli._app import app
from quantcdn.sandbox import running

QUANTCDN = str(Path(sys.executable).with_name("quantcdn"))
GOLDEN = Path(__file__).parent / "golden"
TOKEN = "qc_Zx81mQpL4vTnW"
ORGANISATION = "my-organisation"

T = TypeVar("T")
Runs: TypeAlias = "dict[str, Future[subprocess.CompletedProcess[str]]]"

HOSTILE = {
    "markup": "[red]Alert[/red] [link=https://evil.example]here[/link] :smile:",
    "escapes": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J \x9b31m",
    "bidi": "invoice \u202egnp.exe \u2066 \u200b\ufeff",
    "lines": "one\ntwo\rthree\ttab \x00 nul \x7f",
    "formula": '=1+1, "quoted" \' $(reboot) `id` %s {0}',
    "scripts": "שלום العربية हिन्दी 漢字 👩\u200d👩\u200d👧 e\u0301",
}


@dataclass
class Service:
    """A sandbox that lives some days ago, so that its sessions have an age.

    Attributes:
        ago: how long ago it is there.
        ids: the ids of its sessions, the oldest first.
    """

    api: AISessionsApi
    env: dict[str, str]
    ago: timedelta = timedelta(days=9)
    ids: list[str] = field(default_factory=list)

    def session(
        self,
        title: str | None = None,
        ago: timedelta = timedelta(0),
        *,
        user: str = "user-1",
        group: str | None = None,
        model: str | None = None,
        messages: Sequence[tuple[str, str]] = (),
    ) -> str:
        """Create a session as long ago, which is not before any other, and return its id."""
        self.live_until(ago)
        named = {name: value for name, value in (("title", title), ("model", model)) if value is not None}
        created = self.api.create_ai_session(
            ORGANISATION,
            {
                "userId": user,
                "sessionGroup": group,
                "metadata": named,
                "expirationMinutes": 1440,
                "initialMessages": [{"role": role, "content": content} for role, content in messages],
            },
        )
        assert created.session_id
        self.ids.append(created.session_id)
        return created.session_id

    def live_until(self, ago: timedelta = timedelta(0)) -> None:
        """Let the time pass until so long ago."""
        while self.ago > ago:  # a session lives for a day; extended, it lives on and is as idle as before
            self.ago = max(ago, self.ago - timedelta(hours=20))
            for session_id in self.ids:
                self.api.extend_ai_session(ORGANISATION, session_id, {"additionalMinutes": 1440})

    def messages(self, session_id: str) -> list[tuple[str, str]]:
        session = self.api.get_ai_session(ORGANISATION, session_id)
        return [(message["role"], message["content"]) for message in session.messages or []]

    def left(self) -> set[str | None]:
        """The ids of the sessions that are there."""
        return {session.id for session in self.api.list_ai_sessions(ORGANISATION, limit=100)}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nothing is configured, and a warning is an error."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    home = str(tmp_path_factory.mktemp("home"))
    return {**kept, "HOME": home, "LANG": "C.UTF-8", "TERM": "xterm-256color", "PYTHONWARNINGS": "error"}


def pointing_to(env: dict[str, str], host: str) -> dict[str, str]:
    return {**env, "QUANT_API_TOKEN": TOKEN, "QUANT_ORGANISATION": ORGANISATION, "QUANT_BASE_URL": host}


@contextlib.contextmanager
def _service(env: dict[str, str]) -> Generator[Service, None, None]:
    made: list[Service] = []

    def clock() -> datetime:
        return datetime.now(timezone.utc) - (made[0].ago if made else timedelta(0))

    with (
        running(access_token=TOKEN, organisation=ORGANISATION, clock=clock) as sandbox,
        ApiClient(Configuration(sandbox.host, TOKEN)) as client,
    ):
        made.append(Service(AISessionsApi(client), pointing_to(env, sandbox.host)))
        yield made[0]


@pytest.fixture
def service(env: dict[str, str]) -> Iterator[Service]:
    with _service(env) as made:
        yield made


@pytest.fixture(scope="module")
def some_days(env: dict[str, str]) -> Iterator[Service]:
    """Sessions of different ages and groups, for tests that change nothing."""
    with _service(env) as made:
        made.session("Quarterly report", timedelta(days=4, hours=2), group="production", model="claude-sonnet-4")
        made.session("漢字 and a 🚀 in a title", timedelta(days=2, hours=7), group="production", model="nova-lite")
        made.session("A title that is longer than the table has room for, as titles are", timedelta(days=1, hours=1))
        made.session(
            None,
            timedelta(hours=3, minutes=30),
            group="staging",
            model="a-model-with-a-long-name-2026-11-22",
            messages=[("system", "Be short."), ("user", "Hello"), ("assistant", "Hi.\n\nuser:\n  Bye")],
        )
        yield made


@pytest.fixture(scope="module")
def hostile(env: dict[str, str]) -> Iterator[Service]:
    """A session for each hostile text, with that as its title and as a message, for tests that change nothing."""
    with _service(env) as made:
        for text in HOSTILE.values():
            made.session(text, messages=[("user", text)])
        yield made


def quantcdn(
    env: dict[str, str], *arguments: str, stdin: str | bytes = b"", code: int = 0
) -> "subprocess.CompletedProcess[str]":
    """Run the command with pipes for its three streams."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    run = subprocess.run([QUANTCDN, *arguments], env=env, input=given, capture_output=True, check=False)
    ended = subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())
    assert ended.returncode == code, (ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    return ended


def together(work: Callable[..., T], *arguments: tuple[Any, ...]) -> list[T]:
    """Call something with each of these arguments, all at a time: it waits for a process of its own."""
    with ThreadPoolExecutor(len(arguments)) as threads:
        return [future.result() for future in [threads.submit(work, *each) for each in arguments]]


def ahead(run: "Callable[..., subprocess.CompletedProcess[str]]", cases: dict[str, tuple[Any, ...]]) -> "Runs":
    """Run each of these cases, a few at a time, for a test of each that asks for its result."""
    with ThreadPoolExecutor(4) as threads:
        return {name: threads.submit(run, *case) for name, case in cases.items()}


def records(run: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    """The lines of JSON that a command wrote."""
    return [json.loads(line) for line in run.stdout.split("\n") if line]


def agrees_with_golden(name: str, text: str, ids: Sequence[str]) -> None:
    """Hold what a command wrote against a file, with ids that do not change in place of random ones."""
    for number, session_id in enumerate(ids, 1):
        text = text.replace(session_id, f"{number:08}-0000-4000-8000-000000000000")
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("QUANTCDN_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_text(encoding="utf-8")


# Tables


def test_a_list_fits_its_terminal_and_never_cuts_an_id(some_days: Service) -> None:
    widths = (140, 80, 20)
    shown = together(in_terminal, *(([QUANTCDN, "sessions", "list"], some_days.env, columns) for columns in widths))

    for columns, (code, written) in zip(widths, shown, strict=True):
        assert code == 0
        assert set(re.findall(r"\x1b\[?\d*.", written)) == {"\x1b[1m", "\x1b[0m"}
        written = re.sub(r"\x1b\[\d*m", "", written)
        for session_id in some_days.ids:
            assert session_id in written
        agrees_with_golden(f"list-{columns}", written, some_days.ids)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("show", ["show", "--", "{newest}"]),
        ("prune", ["prune", "--idle-for", "1d12h"]),
        ("nothing", ["list", "--user", "nobody"]),
        ("delete", ["delete", "--", "no-such-session"]),
        ("list-66", ["list"]),
    ],
)
def test_a_table_that_is_asked_for_is_written_to_a_pipe_too(
    some_days: Service, name: str, arguments: list[str]
) -> None:
    command, *arguments = (argument.format(newest=some_days.ids[-1]) for argument in arguments)
    env = {**some_days.env, **({"COLUMNS": "66"} if name == "list-66" else {})}  # without it, there is room for all
    run = quantcdn(env, "sessions", command, "--output", "table", *arguments, code=4 if name == "delete" else 0)

    written = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<timestamp>", run.stdout)
    agrees_with_golden(name, written, some_days.ids)


def test_a_terminal_that_wants_no_escapes_or_knows_few_characters_gets_none(some_days: Service) -> None:
    terminals = ({"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}, {"TERM": "dumb", "PYTHONIOENCODING": "latin-1"})
    envs = ({**some_days.env, **terminal} for terminal in terminals)
    for code, written in together(in_terminal, *(([QUANTCDN, "sessions", "list"], env) for env in envs)):
        assert code == 0
        assert "\\u6f22\\u5b57 and a" in written
        assert "\x1b" not in written


# Data


def test_every_form_holds_the_same_data_in_utf_8_whatever_the_locale(some_days: Service) -> None:
    ascii_only, latin = ({**some_days.env, "PYTHONIOENCODING": encoding} for encoding in ("ascii", "latin-1"))
    runs = ((some_days.env,), (ascii_only, "--output", "json"), (latin, "--output", "csv"))
    ended = together(quantcdn, *((env, "sessions", "list", *form) for env, *form in runs))
    lines, document, rows = (run.stdout for run in ended)

    listed = [json.loads(session.to_json()) for session in some_days.api.list_ai_sessions(ORGANISATION)]
    assert [json.loads(line) for line in lines.splitlines()] == json.loads(document) == listed
    columns = ["id", "title", "updated_at", "model", "created_at"]
    expected = [{name: session.get(name, "") for name in columns} for session in listed]
    assert list(csv.DictReader(io.StringIO(rows))) == expected


def test_filters_combine_and_a_limit_ends_the_list_and_the_log_holds_no_token(some_days: Service) -> None:
    filters = ("--group", "production", "--model", "nova-lite", "--user", "user-1")
    runs = (("sessions", "list", *filters), ("--verbose", "sessions", "list", "--limit", "1"))
    production, newest = together(quantcdn, *((some_days.env, *arguments) for arguments in runs))

    assert [session["id"] for session in records(production)] == [some_days.ids[1]]
    assert [session["id"] for session in records(newest)] == [some_days.ids[3]]
    assert production.stderr == ""
    assert re.fullmatch(r"GET /api/v3/organizations/my-organisation/ai/sessions: 200, \d+ bytes .*\n", newest.stderr)
    assert TOKEN not in newest.stderr


def test_messages_in_csv_are_rows(some_days: Service) -> None:
    run = quantcdn(some_days.env, "sessions", "show", "--output", "csv", some_days.ids[-1])

    header, *rows = csv.reader(io.StringIO(run.stdout))
    assert header == ["role", "content"]
    assert list(map(tuple, rows)) == some_days.messages(some_days.ids[-1])


# Hostile texts


def test_hostile_titles_reach_a_program_unchanged_in_json(hostile: Service) -> None:
    forms = ("jsonl", "json")
    lines, document = together(quantcdn, *((hostile.env, "sessions", "list", "-o", form) for form in forms))

    expected = list(reversed(HOSTILE.values()))
    assert [record["title"] for record in records(lines)] == expected
    assert [record["title"] for record in json.loads(document.stdout)] == expected


def test_hostile_titles_in_csv_act_neither_on_a_terminal_nor_in_a_spreadsheet(hostile: Service) -> None:
    rows = quantcdn(hostile.env, "sessions", "list", "-o", "csv").stdout

    titles = [row["title"] for row in csv.DictReader(io.StringIO(rows, newline=""))]
    assert titles == [
        HOSTILE["scripts"],
        "'" + HOSTILE["formula"],
        "one\ntwo\\rthree\ttab \\x00 nul \\x7f",
        "invoice \\u202egnp.exe \\u2066 \\u200b\\ufeff",
        "\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07 \\x1b[2J \\x9b31m",
        HOSTILE["markup"],
    ]


def test_in_csv_no_text_is_a_formula_and_a_number_stays_one(env: dict[str, str]) -> None:
    starts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"]
    # Where semicolons part the columns, a cell begins after one; and a quote amid a line quotes no line break.
    inside = {"a;=1": "a;'=1", "a\n=1": "a\n'=1", 'a;; "@1': "a;; \"'@1", "a;b-c, 1=1": "a;b-c, 1=1"}
    texts = [*starts, *inside]
    named = {"sessionId": "s-1", **{f"={index}": text for index, text in enumerate(texts)}, "tokens": -5, "cost": -0.5}
    with scripted_server([json_answer(named, 201)]) as server:
        run = quantcdn(pointing_to(env, server.host), *CREATE, "-o", "csv")

    header, row = csv.reader(io.StringIO(run.stdout, newline=""))
    assert [cell for cell in header if cell[0] in "=+-@"] == []
    assert [row[header.index(f"'={index}")] for index in range(len(texts))] == [
        *("'" + text.replace("\r", "\\r").replace("\n=", "\n'=") for text in starts),
        *inside.values(),
    ]
    assert (row[header.index("tokens")], row[header.index("cost")]) == ("-5", "-0.5")


def test_hostile_titles_do_nothing_to_a_terminal(hostile: Service) -> None:
    commands = ([QUANTCDN, "sessions", "list", "-o", form] for form in ("table", "json", "jsonl", "csv"))
    for code, written in together(in_terminal, *((command, hostile.env, 200) for command in commands)):
        assert code == 0
        assert_harmless(written)
        for shown in ("[red]Alert[/red]", ":smile:", "$(reboot) `id` %s {0}", "שלום العربية हिन्दी 漢字"):
            assert shown in written


def assert_harmless(written: str) -> None:
    """Nothing but a heading in bold acts on the terminal, and nothing hides."""
    without_heading = re.sub(r"\A\x1b\[1m(.*)\x1b\[0m\n", r"\1\n", written)
    for text in (HOSTILE["escapes"], HOSTILE["bidi"], HOSTILE["lines"]):
        for char in text:
            assert char.isprintable() or char == "\n" or char not in without_heading


def test_hostile_messages_do_nothing_to_a_terminal_and_none_passes_for_another(service: Service) -> None:
    session_id = service.session(
        "t", messages=[*(("user", text) for text in HOSTILE.values()), ("user", "a\nuser:\nb")]
    )

    code, written = in_terminal([QUANTCDN, "sessions", "show", session_id], service.env)

    assert code == 0
    assert_harmless(written.replace("\t", ""))
    assert re.findall(r"^\S+:$", written, re.MULTILINE) == ["user:"] * (len(HOSTILE) + 1)
    assert written.endswith("user:\n  a\n  user:\n  b\n")


def test_a_megabyte_is_shown_whole_and_listed_on_one_line(service: Service) -> None:
    title, message = "t" * 450_000, "[red]\x1b" * 60_000
    session_id = service.session(title)
    quantcdn(service.env, "sessions", "append", session_id, stdin=message)

    (shown,) = records(quantcdn(service.env, "sessions", "show", session_id))
    _, listed = in_terminal([QUANTCDN, "sessions", "list"], service.env)

    assert (shown["title"], shown["messages"][0]["content"]) == (title, message)
    assert len(listed.splitlines()) == 2
    assert max(map(len, listed.splitlines())) <= 90


def test_a_hostile_error_of_the_service_does_nothing_to_a_terminal(env: dict[str, str]) -> None:
    refusal = json_answer({"message": HOSTILE["escapes"] + HOSTILE["bidi"]}, 400, {"X-Request-Id": "\x1b[31m7f3a"})
    with scripted_server([refusal]) as server:
        code, written = in_terminal([QUANTCDN, "-v", "sessions", "list"], pointing_to(env, server.host))

    assert code == 3
    assert "7f3a" in written
    assert_harmless(written)


# What a variable holds

OPTIONS_OF_OTHERS = [
    "--file=/etc/hostname",
    "--message=forged",
    "--base-url={evil}",
    "--token-file=/etc/hostname",
    "--help",
]


@pytest.mark.parametrize("text", [*OPTIONS_OF_OTHERS, "--file", "-m", "--", "-", "-- x", "%PATH% * ~"])
def test_a_text_that_looks_like_an_option_is_a_text(env: dict[str, str], text: str) -> None:
    with scripted_server([json_answer({}), json_answer({"sessionId": "s"}, 201)]) as server:
        settings = pointing_to(env, server.host)
        quantcdn(settings, "sessions", "append", "--message", text, "--", "s-1")
        quantcdn(settings, "sessions", "create", "--user", text, "--system", text)

    appended, created = (json.loads(request.body) for request in server.requests)
    assert appended == {"newMessages": [{"role": "user", "content": text}]}
    assert (created["userId"], created["initialMessages"][0]["content"]) == (text, text)


@pytest.mark.parametrize("session_id", OPTIONS_OF_OTHERS[1:])
def test_an_id_after_two_dashes_is_an_id(env: dict[str, str], session_id: str) -> None:
    session_id = session_id.replace("/", "")
    with scripted_server([json_answer({}, 404), json_answer({}, 404)]) as server:
        settings = pointing_to(env, server.host)
        quantcdn(settings, "sessions", "show", "--", session_id, code=4)
        quantcdn(settings, "sessions", "delete", "--workers", "1", "--", session_id, code=4)

    assert {unquote(request.target).rpartition("/")[2] for request in server.requests} == {session_id}


@pytest.mark.parametrize("option", OPTIONS_OF_OTHERS)
@pytest.mark.parametrize(
    "command",
    [
        ["append", "s-1", "{}"],
        ["append", "--message", "text", "s-1", "{}"],
        ["append", "{}"],
        ["show", "s-1", "{}"],
        ["show", "{}"],
        ["extend", "s-1", "{}"],
        ["delete", "s-1", "{}", "s-2"],
        ["export", "sessions.jsonl", "{}"],
        ["chat", "--infer", "true", "{}"],
    ],
    ids=" ".join,
)
def test_what_stands_in_the_place_of_an_id_reads_no_file_and_leads_no_token_astray(
    env: dict[str, str], command: list[str], option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the two dashes were forgotten."""
    monkeypatch.chdir(tmp_path)
    with scripted_server() as evil, scripted_server() as server:
        given = option.format(evil=evil.host)
        arguments = [given if argument == "{}" else argument for argument in command]
        run = subprocess.run(
            [QUANTCDN, "sessions", *arguments], env=pointing_to(env, server.host), input=b"", capture_output=True
        )
        assert (evil.requests, server.requests) == ([], [])

    in_front = not {"s-1", "sessions.jsonl"}.intersection(command[: command.index("{}")])
    assert run.returncode == (0 if given == "--help" and in_front else 2), (run.stdout, run.stderr)
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_the_order_is_said(env: dict[str, str]) -> None:
    late, connection, no_form, none = together(
        lambda *arguments: quantcdn(env, *arguments, code=2).stderr.splitlines()[-1],
        ("sessions", "delete", "s-1", "--output", "json"),
        ("sessions", "list", "--base-url", "http://127.0.0.1"),
        ("sessions", "list", "--output", "xml"),
        ("sessions", "delete", "--colour", "red", "--output", "json", "--", "s-1"),
    )

    assert late == (
        "Error: --output stands after s-1: options come first, as in: quantcdn sessions delete --output ... s-1; "
        "-- stands before an id that begins with -"
    )
    assert connection == "Error: --base-url stands before the command, as in: quantcdn --base-url ... sessions list"
    assert no_form.startswith("Error: Invalid value for '--output' / '-o': 'xml' is not one of")
    assert none.startswith("Error: No such option: --colour")


def test_a_word_that_is_the_name_of_an_option_gets_it_suggested(env: dict[str, str]) -> None:
    version, helped, misspelt = together(
        lambda *arguments: quantcdn(env, *arguments, code=2).stderr.splitlines()[-1],
        ("version",),
        ("help", "sessions"),
        ("profile",),
    )
    assert version == "Error: No such command 'version'. Did you mean --version?"
    assert helped == "Error: No such command 'help'. Did you mean --help?"
    assert misspelt == "Error: No such command 'profile'. Did you mean 'profiles'?"


def test_an_argument_or_an_error_forges_no_line_and_does_nothing_to_a_terminal(env: dict[str, str]) -> None:
    forged = "\nSessions: 3 deleted."
    hostile = f"\x1b]52;c;aGk=\x07\x9b31m\x85\u202e{forged}"
    refusal = json_answer({"message": hostile}, 403)
    with scripted_server(repeat(refusal)) as server:
        settings = pointing_to(env, server.host)
        commands = (
            ["show", "--", f"s{hostile}"],
            ["show", "s-1", f"s{hostile}"],
            ["show", f"--x{hostile}"],
            ["list", "--output", hostile],
            [f"list{hostile}"],
            ["prune", "--idle-for", hostile],
            ["create", "--user", "u", "--metadata", hostile],
            ["export", "--", f"/nowhere/{hostile}"],
            ["delete", "--", f"s{hostile}", "s-1"],
            ["show", "s-1"],
            ["append", "--file", f"/nowhere/{hostile}", "s-1"],
        )
        shown = together(in_terminal, *(([QUANTCDN, "sessions", *command], settings, 200) for command in commands))

    for (code, written), command in zip(shown, commands, strict=True):
        assert code != 0, command
        assert not set("\x1b\x07\x9b\x85\u202e") & set(re.sub(r"\x1b\[[01]m", "", written)), command
        assert not re.search(r"^Sessions: 3", written, re.MULTILINE), command


# One session at a time


def test_a_session_is_created_continued_shown_extended_and_deleted(service: Service, tmp_path: Path) -> None:
    service.ago = timedelta(0)
    created = quantcdn(
        service.env,
        *("sessions", "create", "--user", "user-7", "--group", "shop", "--minutes", "30"),
        *("--system", "Be short.", "--metadata", '{"model": "nova", "nested": {"a": [1, null]}}'),
    )
    session_id = created.stdout.removesuffix("\n")  # a script takes it as $(quantcdn sessions create ...)
    (tmp_path / "message.txt").write_text("From a file\nof two lines\n")
    for arguments, stdin in (
        (["--message", "As an option"], ""),
        (["--role", "assistant", "--tokens", "42"], "From standard input\r\n"),
        ([], "The same, and an empty line\n\n"),
        (["--file", str(tmp_path / "message.txt")], ""),
    ):
        (appended,) = records(quantcdn(service.env, "sessions", "append", *arguments, "--", session_id, stdin=stdin))
    (shown,) = records(quantcdn(service.env, "sessions", "show", session_id))
    (extended,) = records(quantcdn(service.env, "sessions", "extend", "--minutes", "15", session_id))
    deleted = quantcdn(service.env, "sessions", "delete", session_id, "no-such-session", code=8)

    assert (created.stderr, appended["totalMessages"], appended["totalTokens"]) == ("", 5, 42)
    assert [(message["role"], message["content"]) for message in shown["messages"]] == [
        ("system", "Be short."),
        ("user", "As an option"),
        ("assistant", "From standard input"),
        ("user", "The same, and an empty line\n"),
        ("user", "From a file\nof two lines"),
    ]
    assert (shown["user_id"], shown["session_group"], shown["model"]) == ("user-7", "shop", "nova")
    assert shown["metadata"]["nested"] == {"a": [1, None]}
    lives = datetime.fromisoformat(extended["expiresAt"][:-1]) - datetime.fromisoformat(shown["created_at"][:-1])
    assert lives == timedelta(minutes=45)
    assert records(deleted) == [{"id": session_id, "outcome": "done"}, {"id": "no-such-session", "outcome": "gone"}]
    assert deleted.stderr == "Sessions: 1 deleted, 1 gone already.\n"
    with pytest.raises(NotFoundException):
        service.messages(session_id)


def test_a_hostile_id_is_written_on_one_line_as_escapes(env: dict[str, str]) -> None:
    with scripted_server([json_answer({"sessionId": "\x1b[31m\ns-2"}, 201)]) as server:
        run = quantcdn(pointing_to(env, server.host), *CREATE)

    assert run.stdout == "\\x1b[31m\\ns-2\n"


def test_what_cannot_be_appended_is_not_sent(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with scripted_server() as server:
        mistakes = {
            "empty": ((), 2),
            "not both": (("--message", "text", "--file", "f"), 2),
            "no text in UTF-8": (("--file", str(tmp_path / "binary")), 1),
            "No such file": (("--file", str(tmp_path / "absent")), 1),
        }

        def append(arguments: tuple[str, ...], code: int) -> str:
            return quantcdn(pointing_to(env, server.host), "sessions", "append", *arguments, "s-1", code=code).stderr

        for said, stderr in zip(mistakes, together(append, *mistakes.values()), strict=True):
            assert said in stderr
        assert server.requests == []


# Exit codes

LIST = ("sessions", "list")
COVERED = "Covered: active sessions; completed ones are not listed by the service."
SHOW = ("sessions", "show", "s-1")
CREATE = ("sessions", "create", "--user", "u")
APPEND = ("sessions", "append", "--message", "Hello", "s-1")
DELETE = ("sessions", "delete", "s-1")


# What is run, what the service answers, and the exit code.
ENDS: dict[str, tuple[tuple[str, ...], Iterable[Answer], int]] = {
    "400": (CREATE, [json_answer({}, 400)], 3),
    "401": (LIST, [json_answer({}, 401)], 3),
    "403": (APPEND, [json_answer({}, 403)], 3),
    "422 of a delete": (DELETE, [json_answer({}, 422)], 3),
    "404": (SHOW, [json_answer({}, 404)], 4),
    "404 of a delete": (DELETE, [json_answer({}, 404)], 4),
    "redirect": (SHOW, [json_answer({}, 302, {"Location": "/"})], 6),
    "unreadable": (SHOW, [answer(200, b"<html>")], 6),
    "503 of a read": (LIST, repeat(json_answer({}, 503)), 6),
    "no id": (CREATE, [json_answer({}, 201)], 7),
    "reset": (SHOW, repeat([RESET]), 5),
    "timeout": (("--timeout", "0.4", *SHOW), repeat([STALL]), 5),
    "500 of a write": (CREATE, [json_answer({}, 500)], 7),
    "write without an answer": (APPEND, [[CLOSE]], 7),
    "write with an unreadable answer": (APPEND, [answer(200, b"<html>")], 7),
    "write and timeout": (("--timeout", "0.4", *APPEND), [[STALL]], 7),
}


@pytest.fixture(scope="module")
def ends(env: dict[str, str]) -> Runs:
    """All of them, a few at a time."""

    def run(arguments: tuple[str, ...], script: Iterable[Answer], code: int) -> "subprocess.CompletedProcess[str]":
        with scripted_server(script) as server:
            return quantcdn(pointing_to(env, server.host), *arguments, code=code)

    return ahead(run, ENDS)


@pytest.mark.parametrize("name", ENDS)
def test_the_exit_code_says_what_came_of_it(ends: Runs, name: str) -> None:
    arguments, _, code = ENDS[name]
    run = ends[name].result()

    if "delete" not in arguments:
        assert run.stdout == ""
        assert run.stderr.startswith("Error: ")
    assert ("may have" in run.stderr or "look before you repeat it" in run.stderr) == (code == 7)


def test_a_server_that_is_not_there_or_not_trusted_is_unreachable(env: dict[str, str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def failed(host: str) -> "subprocess.CompletedProcess[str]":
        return quantcdn(pointing_to(env, host), *LIST, code=5)

    with nobody() as address, scripted_server(tls=context) as server:
        run, tls = together(failed, (f"http://{address}",), (server.host,))

    assert run.stderr.startswith(
        f"Error: list_ai_sessions {ORGANISATION}: Could not connect to http://{address}: Connection refused"
    )
    assert tls.stderr.startswith(f"Error: list_ai_sessions {ORGANISATION}: No secure connection to https://127.0.0.1")


# What is run, the setting that is not there, and what is said.
MISTAKES: list[tuple[tuple[str, ...], str, str]] = [
    (LIST, "QUANT_API_TOKEN", "set QUANT_API_TOKEN (or one of QUANT_API_KEY, QUANTCDN_API_TOKEN, BEARER_TOKEN)"),
    (LIST, "QUANT_ORGANISATION", "set QUANT_ORGANISATION"),
    (("--organisation", "", *LIST), "", "--organisation: The organisation should be one path segment"),
    (("--timeout", "0", *LIST), "", "Invalid value for '--timeout': it must be a number of seconds above 0, or inf"),
    (("--timeout", "soon", *LIST), "", "Invalid value for '--timeout': it must be a number of seconds above 0, or inf"),
    (("sessions", "show", "a/b"), "", "session_id: Input should be one path segment"),
    (("sessions", "create"), "", "Missing option '--user'"),
    ((*CREATE, "--metadata", "[1]"), "", "it must be a JSON object"),
    ((*CREATE, "--metadata", '{"n": NaN}'), "", "metadata.n: JSON has no NaN"),
    (("sessions", "prune", "--idle-for", "2 days"), "", "it must be like 90m, 12h, 2d or 1d12h"),
    (("sessions", "prune", "--idle-for", "9" * 30 + "d"), "", "it is too long"),
    (("sessions", "prune", "--yes"), "", "or else --everything"),
    (("sessions", "prune", "--group", "g", "--everything"), "", "or else --everything"),
    (("sessions", "prune", "--group", " "), "", "session_group is blank"),
    ((*LIST, "--user", ""), "", "user_id: Input should be a valid string, not blank"),
    (("sessions", "create", "--user", ""), "", "it is blank"),
    ((*CREATE, "--group", " "), "", "it is blank"),
    (("sessions", "chat", "--infer", "cat", "--new", "--user", "\u00a0"), "", "it is blank"),
    (("sessions", "append", "--message", "text", "-mforged", "s-1"), "", "-m is given twice"),
    (("sessions", "chat", "--infer", "cat", "--infer=touch forged", "s-1"), "", "--infer is given twice"),
    (("sessions", "append", "--role", "user", "--role=assistant", "s-1"), "", "--role is given twice"),
    (("sessions", "chat", "--infer", "cat"), "", "Give the id of a session, or --new and --user"),
    (("--token", "secret", *LIST), "", "No such option"),
    ((*LIST, "--token", "secret"), "", "No such option"),
    (("sessions", "export", ""), "", "is a directory"),
]


@pytest.fixture(scope="module")
def mistakes(env: dict[str, str]) -> Iterator[Runs]:
    """All of them, a few at a time, with a server that answers nothing."""
    with scripted_server() as server:
        settings = pointing_to(env, server.host)

        def run(arguments: tuple[str, ...], unset: str, said: str) -> "subprocess.CompletedProcess[str]":
            return quantcdn({name: settings[name] for name in settings if name != unset}, *arguments, code=2)

        yield ahead(run, {" ".join(mistake[0] + mistake[1:2]): mistake for mistake in MISTAKES})
        assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "unset", "said"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_what_cannot_be_meant_is_a_usage_error_and_nothing_is_sent(
    mistakes: Runs, arguments: tuple[str, ...], unset: str, said: str
) -> None:
    run = mistakes[" ".join((*arguments, unset))].result()

    assert run.stdout == ""
    assert said in " ".join(run.stderr.split())


def test_a_reader_that_leaves_is_no_error(some_days: Service) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [QUANTCDN, "sessions", "list"], env=some_days.env, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)

    assert (run.returncode, run.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("sessions", "list"), ("--version",)])
def test_data_that_cannot_be_written_is_told(some_days: Service, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        run = subprocess.run(
            [QUANTCDN, *arguments], env=some_days.env, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (run.returncode, run.stderr) == (1, "Error: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_error_that_cannot_be_said_has_its_exit_code(some_days: Service) -> None:
    with open("/dev/full", "wb") as full:
        run = subprocess.run([QUANTCDN, *SHOW], env=some_days.env, stdout=subprocess.PIPE, stderr=full, check=False)

    assert (run.returncode, run.stdout) == (4, b"")


def test_closed_streams_are_no_error(some_days: Service) -> None:
    run = subprocess.run(["bash", "-c", '"$0" sessions list <&- >&-', QUANTCDN], env=some_days.env, capture_output=True)

    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


# Settings and secrets


def test_options_win_over_the_environment(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer qc_from_a_file\n")
    with nobody() as address, scripted_server([json_answer([])]) as server:
        options = ("--organization", "other", "--base-url", server.host, "--token-file", str(tmp_path / "token"))
        quantcdn(pointing_to(env, f"http://{address}"), *options, "sessions", "list")

    assert server.request.target.startswith("/api/v3/organizations/other/")
    assert server.request.headers["authorization"] == "Bearer qc_from_a_file"


def test_the_environment_may_use_the_other_names(env: dict[str, str]) -> None:
    with scripted_server([json_answer([])]) as server:
        names = {
            "QUANT_API_KEY": TOKEN,
            "BEARER_TOKEN": "other",
            "QUANTCDN_ORGANIZATION": "org",
            "QUANT_API_TOKEN": " ",
        }
        quantcdn({**env, **names, "QUANT_BASE_URL": server.host}, "sessions", "list")

    assert server.request.target.startswith("/api/v3/organizations/org/")
    assert server.request.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_warning_is_one_line(env: dict[str, str]) -> None:
    with scripted_server([json_answer([])]) as server:
        host = server.host.replace("127.0.0.1", "0.0.0.0")
        run = quantcdn({**pointing_to(env, host), "PYTHONWARNINGS": ""}, "sessions", "list")

    assert run.stderr == f"Warning: {host} is plain HTTP: the token and all messages can be read on the way\n"


# Many sessions


def test_prune_shows_what_it_would_delete_and_deletes_it_when_told_to(service: Service) -> None:
    old, young, other = (
        service.session("Old", timedelta(days=3), group="shop"),
        service.session("Young", timedelta(days=1, hours=1), group="shop"),
        service.session("Other", timedelta(hours=30), group="else"),
    )
    service.live_until()  # what is idle goes by its clock
    prune = ("sessions", "prune", "--idle-for", "2d", "--group", "shop")

    planned = quantcdn(service.env, *prune)
    assert service.left() == {old, young, other}
    done = quantcdn(service.env, *prune, "--yes")
    nothing = quantcdn(service.env, *prune, "--yes")

    assert [(record["id"], record["title"], record["outcome"]) for record in records(planned)] == [
        (old, "Old", "planned")
    ]
    assert planned.stderr == f"Sessions: 1 to be deleted.\n{COVERED}\nNothing was deleted: --yes does it.\n"
    assert [(record["id"], record["title"], record["outcome"]) for record in records(done)] == [(old, "Old", "done")]
    assert done.stderr == f"Sessions: 1 deleted.\n{COVERED}\n"
    assert (nothing.stdout, nothing.stderr) == ("", f"Sessions: none.\n{COVERED}\n")
    assert service.left() == {young, other}


def listed(*ids: str) -> list[bytes]:
    """The pages of a list, the last of which is empty."""
    return [json_answer([{"id": session_id, "title": f"Title of {session_id}"} for session_id in ids]), json_answer([])]


def test_failures_are_listed_and_stop_nothing(env: dict[str, str]) -> None:
    deletions = [json_answer({"message": "Deleted"}), json_answer({"message": "Not yours"}, 403), json_answer({}, 404)]
    with scripted_server([*listed("s-1", "s-2", "s-3"), *deletions]) as server:
        prune = ("sessions", "prune", "--group", "g", "--yes", "--workers", "1")
        run = quantcdn(pointing_to(env, server.host), *prune, code=8)

    assert [record["outcome"] for record in records(run)] == ["done", "failed", "gone"]
    assert run.stderr == (f"s-2: 403 Forbidden: Not yours\nSessions: 1 deleted, 1 failed, 1 gone already.\n{COVERED}\n")


@pytest.mark.parametrize(
    ("by", "expected"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_a_signal_ends_a_prune_after_what_is_under_way_and_says_what_was_done(
    env: dict[str, str], by: signal.Signals, expected: int
) -> None:
    deleted = json_answer({"message": "Deleted"})
    with scripted_server([*listed("s-1", "s-2", "s-3", "s-4"), deleted, [0.5, deleted]]) as server:
        prune = [QUANTCDN, "sessions", "prune", "--group", "g", "--yes", "--workers", "1"]
        code, stdout, stderr = interrupted(prune, pointing_to(env, server.host), server, after=4, by=by)

    assert code == expected
    assert [json.loads(line)["outcome"] for line in stdout.splitlines()] == ["done", "done", "not_tried", "not_tried"]
    assert stderr == "Sessions: 2 deleted, 2 not tried.\nInterrupted.\n"


def interrupted(
    command: list[str],
    env: dict[str, str],
    server: ScriptedServer,
    after: int,
    stdout: int = subprocess.PIPE,
    by: signal.Signals = signal.SIGINT,
) -> tuple[int, str, str]:
    """Run a command, and press Ctrl-C, or send another signal, once the server has had so many requests."""
    with subprocess.Popen(command, env=env, stdout=stdout, stderr=subprocess.PIPE, text=True) as process:
        server.wait_for_requests(after)
        process.send_signal(by)
        written, said = process.communicate(timeout=30)
    assert "Traceback" not in said
    return process.returncode, written, said


@pytest.mark.parametrize("command", [["prune", "--group", "g", "--yes"], ["export", "sessions.jsonl"]], ids=" ".join)
def test_ctrl_c_while_the_sessions_are_looked_up_says_that_nothing_was_done(
    command: list[str], env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with scripted_server([[STALL]]) as server:
        ended = interrupted([QUANTCDN, "sessions", *command], pointing_to(env, server.host), server, 1)

    assert ended == (130, "", "Interrupted, before anything was done.\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_that_ends_the_reader_too_still_says_what_was_done(env: dict[str, str]) -> None:
    reading, writing = os.pipe()
    ids = [f"s-{number}" for number in range(100)]  # more than fits the buffer of a pipe's writer
    deleted = json_answer({"message": "Deleted"})
    with scripted_server([*listed(*ids), deleted, [0.5, deleted]]) as server:
        prune = [QUANTCDN, "sessions", "prune", "--group", "g", "--yes", "--workers", "1"]
        os.close(reading)
        code, _, stderr = interrupted(prune, pointing_to(env, server.host), server, after=4, stdout=writing)
        os.close(writing)

    assert code == 130
    assert stderr == "Sessions: 2 deleted, 98 not tried.\nInterrupted.\n"


@pytest.mark.parametrize(("by", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_in_a_write_says_that_its_outcome_is_unknown(
    env: dict[str, str], by: signal.Signals, expected: int
) -> None:
    with scripted_server([[STALL]]) as server:
        code, stdout, stderr = interrupted([QUANTCDN, *APPEND], pointing_to(env, server.host), server, after=1, by=by)

    assert (code, stdout) == (expected, "")
    assert stderr == "Interrupted. Whether it took effect is not known: look before you repeat it.\n"


def test_a_hangup_that_is_ignored_as_under_nohup_stays_ignored(env: dict[str, str]) -> None:
    deleted = json_answer({"message": "Deleted"})
    with scripted_server([deleted, [0.3, deleted]]) as server:
        command = ["nohup", QUANTCDN, "sessions", "delete", "--workers", "1", "s-1", "s-2"]
        ended = interrupted(command, pointing_to(env, server.host), server, after=2, by=signal.SIGHUP)

    assert ended[0] == 0
    assert [json.loads(line)["outcome"] for line in ended[1].splitlines()] == ["done", "done"]


def test_an_id_forges_no_line_on_standard_error(env: dict[str, str]) -> None:
    with scripted_server([json_answer({"message": "Not yours"}, 403)]) as server:
        run = quantcdn(pointing_to(env, server.host), "sessions", "delete", "s-1: gone\nSessions: 1 deleted.", code=2)

    assert run.stderr.splitlines()[0].startswith(r"s-1: gone\nSessions: 1 deleted.: ")
    assert run.stderr.splitlines()[-1] == "Sessions: 1 failed."


@pytest.mark.parametrize(("by", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_an_export_that_was_interrupted_goes_on_and_is_told(
    env: dict[str, str], tmp_path: Path, by: signal.Signals, expected: int
) -> None:
    def session(name: str) -> bytes:
        return json_answer({"id": name, "messages": [{"role": "user", "content": HOSTILE["escapes"]}], "more": [1]})

    file = tmp_path / "audit.jsonl"
    export = ["sessions", "export", "--user", "u", "--workers", "1", str(file)]
    with scripted_server([*listed("s-1", "s-2", "s-3"), session("s-1"), [0.5, session("s-2")]]) as server:
        host = server.host
        code, stdout, stderr = interrupted([QUANTCDN, *export], pointing_to(env, host), server, after=4, by=by)
    with scripted_server([session("s-3")], port=int(host.rpartition(":")[2])) as server:
        finished = quantcdn(pointing_to(env, host), *export)
    again = quantcdn(pointing_to(env, host), *export, code=1)

    assert (code, stdout) == (expected, "")
    assert stderr == "Interrupted: 2 of 3 sessions stand in the file. The same command goes on from there.\n"
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(session["id"], session["more"]) for session in exported] == [("s-1", [1]), ("s-2", [1]), ("s-3", [1])]
    (manifest,) = records(finished)
    assert (manifest["file"], manifest["complete"], manifest["counts"]) == (str(file), True, {"done": 3})
    assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert finished.stderr == f"{COVERED}\n"
    assert again.stderr == f"Error: {file}: There is such a file already\n"


def test_an_export_with_a_failure_lists_it_and_is_not_complete(env: dict[str, str], tmp_path: Path) -> None:
    answers = [json_answer({"id": "s-1"}), json_answer({"message": "Not yours"}, 403)]
    with scripted_server([*listed("s-1", "s-2"), *answers]) as server:
        export = ("sessions", "export", "--user", "u", "--workers", "1", str(tmp_path / "audit.jsonl"))
        run = quantcdn(pointing_to(env, server.host), *export, code=8)

    assert records(run)[0]["complete"] is False
    assert run.stderr == f"s-2: 403 Forbidden: Not yours\n{COVERED}\n"
    assert not (tmp_path / "audit.jsonl").exists()


def test_what_is_no_text_is_written_as_escapes(env: dict[str, str], tmp_path: Path) -> None:
    file = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl")
    with scripted_server([json_answer([])]) as server:
        settings = pointing_to(env, server.host)
        exported = quantcdn(settings, "sessions", "export", "-o", "csv", "--", file)
        deleted = quantcdn(settings, "sessions", "delete", "\udcff", code=2)

    (row,) = csv.DictReader(io.StringIO(exported.stdout))
    assert row["file"].endswith("/\\udcff.jsonl")
    assert row["complete"] == "true"
    assert os.path.exists(file)
    assert records(deleted)[0]["id"] == "\udcff"


def test_progress_shows_in_a_terminal(env: dict[str, str], tmp_path: Path) -> None:
    deleted = [0.3, json_answer({"message": "Deleted"})]
    with scripted_server([*listed("s-1", "s-2", "s-3", "s-4"), *repeat(deleted, 4)]) as server:
        prune = shlex.join([QUANTCDN, "sessions", "prune", "--group", "g", "--yes", "--workers", "1"])
        with screen(prune, tmp_path, pointing_to(env, server.host)) as shown:
            shown.wait_for(r"^Deleting: +25%\|.*\| 1/4 ")
            shown.wait_for(r"^Deleting: +75%\|.*\| 3/4 ")
            end = shown.wait_for(r"^Sessions: 4 deleted\.$")

    assert re.search(r"^ID +OUTCOME +TITLE .*\ns-1 +done +Title of s-1$", end, re.MULTILINE)


# Chat

REVERSE = "import json, sys; *_, last = m = json.load(sys.stdin); print(len(m), last['role'], last['content'][::-1])"
MODEL = shlex.join(["env", "PYTHONIOENCODING=utf-8", sys.executable, "-c", REVERSE])


def test_a_chat_stores_a_turn_for_each_line_of_utf_8_whatever_the_locale(service: Service) -> None:
    service.ago = timedelta(0)
    session_id = service.session(messages=[("system", "Reverse.")])

    lines = "abc\n\n漢字 é\n".encode() + b"\xff\nnot reached\n"
    env = {**service.env, "PYTHONIOENCODING": "latin-1"}
    run = quantcdn(env, "sessions", "chat", "--infer", MODEL, "--", session_id, stdin=lines, code=1)

    assert run.stdout == "2 user cba\n4 user é 字漢\n"
    assert run.stderr == f"Session {session_id}, messages: 1\nError: Standard input holds no text in UTF-8\n"
    assert service.messages(session_id)[1:] == [
        ("user", "abc"),
        ("assistant", "2 user cba"),
        ("user", "漢字 é"),
        ("assistant", "4 user é 字漢"),
    ]


def test_what_is_typed_into_a_chat_and_is_no_text_ends_it(service: Service, tmp_path: Path) -> None:
    service.ago = timedelta(0)
    chat = shlex.join([QUANTCDN, "sessions", "chat", "--infer", "echo é", service.session()])

    with screen(chat, tmp_path, {**service.env, "PYTHONIOENCODING": "ascii"}) as shown:
        shown.wait_for("^>")
        shown.type("a", "Enter")
        shown.wait_for(r"^\\xe9$")
        shown.type("é", "Enter")
        shown.wait_for(r"^Error: What was typed is no text in ascii$")


@pytest.mark.parametrize(
    ("infer", "said"),
    [("exit 3", "ended with exit code 3"), ("true", "wrote no reply"), (r"printf '\377'", "wrote no text in UTF-8")],
    ids=["fails", "says nothing", "writes no text"],
)
def test_a_turn_without_a_reply_is_not_stored_and_leaves_no_session_behind(
    env: dict[str, str], infer: str, said: str
) -> None:
    chat = ("sessions", "chat", "--infer", infer)
    with scripted_server([json_answer({"id": "s-1", "messages": []})]) as server:
        new = quantcdn(pointing_to(env, server.host), *chat, "--new", "--user", "u", stdin="a\n", code=1)
        assert server.requests == []
        quantcdn(pointing_to(env, server.host), *chat, "--", "s-1", stdin="a\n", code=1)

    assert [request.method for request in server.requests] == ["GET"]
    assert (new.stdout, new.stderr) == ("", f"Error: --infer {said}: nothing was stored\n")


def test_a_new_chat_makes_its_session_of_the_first_turn(service: Service) -> None:
    chat = ("sessions", "chat", "--new", "--user", "u", "--infer", MODEL)
    assert quantcdn(service.env, *chat, stdin="\n").stderr == ""
    assert service.left() == set()

    run = quantcdn(service.env, *chat, stdin="abc\nde\n")

    assert run.stdout == "1 user cba\n3 user ed\n"
    (session_id,) = service.left()
    assert run.stderr == f"Session {session_id}, messages: 2\n"
    assert service.messages(str(session_id)) == [
        ("user", "abc"),
        ("assistant", "1 user cba"),
        ("user", "de"),
        ("assistant", "3 user ed"),
    ]


@pytest.mark.parametrize("end", [[CLOSE], json_answer({}, 201)], ids=["lost", "unreadable"])
def test_a_new_chat_whose_creation_is_of_unknown_outcome_says_so(env: dict[str, str], end: Answer) -> None:
    chat = ("sessions", "chat", "--new", "--user", "u", "--infer", "echo fine")
    with scripted_server([end]) as server:
        run = quantcdn(pointing_to(env, server.host), *chat, stdin="a\n", code=7)

    assert "look before you repeat it" in run.stderr


def test_a_turn_of_unknown_outcome_ends_a_chat(env: dict[str, str]) -> None:
    session = json_answer({"id": "s-1", "messages": []})
    with scripted_server([session, [CLOSE], session]) as server:
        run = quantcdn(
            pointing_to(env, server.host), "sessions", "chat", "--infer", MODEL, "s-1", stdin="a\nb\n", code=7
        )

    assert run.stdout == ""
    assert "look before you repeat it" in run.stderr


def test_a_chat_on_a_terminal_has_a_prompt_and_goes_on_after_a_failure(service: Service, tmp_path: Path) -> None:
    service.ago = timedelta(0)
    session_id = service.session()
    model = tmp_path / "model"
    model.write_text("#!/bin/sh\ngrep -q trouble && exit 9\nprintf 'fine \\033[31m'\n")
    model.chmod(0o700)
    chat = shlex.join([QUANTCDN, "sessions", "chat", "--infer", shlex.quote(str(model)), session_id])

    with screen(chat, tmp_path, service.env) as shown:
        shown.wait_for("^>")
        shown.type("trouble", "Enter")
        shown.wait_for("^--infer ended with exit code 9: nothing was stored$")
        shown.type("all wel", "Left", "Left", "Left", "Left", "BSpace", "BSpace", "Enter")  # a line can be edited
        shown.wait_for(r"^fine \\x1b\[31m$")
        shown.type("C-c")
        shown.wait_for(r"^Interrupted\.$")

    assert service.messages(session_id) == [("user", "a wel"), ("assistant", "fine \x1b[31m")]


# Doctor


def findings(run: "subprocess.CompletedProcess[str]") -> dict[str, tuple[str, str]]:
    return {record["check"]: (record["result"], record["detail"]) for record in records(run)}


def test_doctor_says_what_is_configured_and_from_where(some_days: Service) -> None:
    proxies = {"HTTPS_PROXY": "http://user:hunter2@proxy.example:3128", "no_proxy": "127.0.0.1"}
    run = quantcdn({**some_days.env, **proxies}, "doctor")

    found = findings(run)
    host = some_days.env["QUANT_BASE_URL"]
    assert {result for result, _ in found.values()} == {"ok"}
    assert found["token"][1] == "from QUANT_API_TOKEN"
    assert found["organisation"][1] == f"{ORGANISATION}, from QUANT_ORGANISATION"
    assert found["base URL"][1] == f"{host}, from QUANT_BASE_URL"
    assert found["network"][1] == "HTTPS_PROXY, NO_PROXY set"
    assert f"urllib3 {metadata.version('urllib3')}" in found["versions"][1]
    assert "sandbox" in found["extras"][1]
    assert run.stderr == ""
    assert "hunter2" not in run.stdout
    assert not any(TOKEN[start : start + 4] in run.stdout for start in range(len(TOKEN) - 3))


def test_doctor_warns_of_a_token_whose_name_other_services_share(some_days: Service) -> None:
    env = {**some_days.env, "BEARER_TOKEN": some_days.env["QUANT_API_TOKEN"]}
    assert findings(quantcdn(env, "doctor"))["token"] == ("ok", "from QUANT_API_TOKEN")

    del env["QUANT_API_TOKEN"]
    found = findings(quantcdn(env, "doctor"))
    assert found["token"][0] == "warning"
    assert found["token"][1].startswith("from BEARER_TOKEN, which may be meant for another service")
    assert found["access"][0] == "ok"


def test_doctor_on_a_terminal_cuts_nothing(some_days: Service) -> None:
    code, written = in_terminal([QUANTCDN, "doctor"], some_days.env, 40)

    assert code == 0
    assert re.search(r"^access +ok +the token may list the sessions of the organisation$", written, re.MULTILINE)


def test_a_token_file_may_be_a_pipe(some_days: Service) -> None:
    doctor = """"$0" --token-file <(printf '%s\\n' "$1") doctor"""
    env = {**some_days.env, "QUANT_API_TOKEN": "qc_wrong"}
    run = subprocess.run(["bash", "-c", doctor, QUANTCDN, TOKEN], env=env, capture_output=True, text=True, check=False)

    assert findings(run)["access"][0] == "ok"
    assert (run.returncode, run.stderr) == (0, "")


def test_doctor_without_any_setting_names_them_and_still_tries_the_server(env: dict[str, str]) -> None:
    with scripted_server([answer(302)]) as server:
        run = quantcdn(env, "--base-url", server.host, "doctor", code=2)

    found = findings(run)
    assert found["token"][0] == found["organisation"][0] == "failed"
    assert "QUANT_API_TOKEN" in found["token"][1]
    assert "QUANT_ORGANISATION" in found["organisation"][1]
    assert (found["server"][0], found["access"]) == ("ok", ("skipped", ""))
    assert "authorization" not in server.request.headers


def test_doctor_ends_with_the_code_of_the_first_thing_that_is_wrong(some_days: Service, env: dict[str, str]) -> None:
    def doctor(env: dict[str, str], code: int) -> "subprocess.CompletedProcess[str]":
        return quantcdn(env, "doctor", code=code)

    with nobody() as address:
        wrong_token, nobody_there, no_url = together(
            doctor,
            ({**some_days.env, "QUANT_API_TOKEN": "qc_wrong"}, 3),
            (pointing_to(env, f"http://{address}"), 5),
            (pointing_to(env, "ftp://x"), 2),
        )

    assert findings(wrong_token)["access"][1].startswith("401 Unauthorized")
    assert findings(nobody_there)["server"][1].startswith("Could not connect to")
    assert findings(no_url)["base URL"][1].startswith("QUANT_BASE_URL: The host is not a URL")


# The app


@pytest.mark.parametrize(("argument", "said"), [("--version", f"quantcdn {__version__}\n"), ("-h", "Usage: quantcdn ")])
def test_the_module_is_the_command_and_what_it_says_of_itself_loads_nothing_of_the_client(
    env: dict[str, str], argument: str, said: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "quantcdn", argument], env=env, capture_output=True, text=True
    )

    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert run.returncode == 0
    assert run.stdout.startswith(said)
    assert "quantcdn.cli" in loaded
    assert loaded.isdisjoint(
        {
            "urllib3",
            "pydantic",
            "ssl",
            "importlib.metadata",
            "rich",
            "tqdm",
            "quantcdn.configuration",
            "quantcdn.models",
        }
    )


def test_no_option_holds_a_token_and_those_of_the_connection_stand_before_all_commands_only() -> None:
    def options(command: Any) -> set[str]:
        return {name for parameter in command.params for name in parameter.opts}

    root: Any = typer.main.get_command(app)
    connection = {"--organisation", "--organization", "--base-url", "--token-file", "--timeout", "--verbose"}
    assert options(root) >= connection
    assert not any("token" in name for name in options(root) - {"--token-file"})
    for command in (*root.commands["sessions"].commands.values(), root.commands["doctor"]):
        assert options(command).isdisjoint(connection)
        assert not any("token" in name for name in options(command) - {"--tokens"})


def without(package: str, env: dict[str, str], directory: Path) -> dict[str, str]:
    """An environment in which a package is not installed, as far as Python can tell."""
    (directory / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {package!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    return {**env, "PYTHONPATH": str(directory)}


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_the_extra_it_says_how_to_install_it(some_days: Service, tmp_path: Path, package: str) -> None:
    run = quantcdn(without(package, some_days.env, tmp_path), "sessions", "list", "-o", "table", code=2)

    assert run.stdout == ""
    # Not "quantcdn[cli]": an index may know somebody else's package under this name.
    assert run.stderr == f'Error: the command line needs {package}; in a clone, pip install ".[cli]" brings it\n'


@pytest.mark.parametrize("command", ["doctor", "--version"])
@pytest.mark.parametrize("left", ["theirs", "nothing"])
def test_where_another_package_took_the_files_it_says_so(
    env: dict[str, str], tmp_path: Path, left: str, command: str
) -> None:
    """As pip leaves it where quantcdn-client is installed after this package, and where it is then uninstalled."""
    package = shutil.copytree(Path(str(import_module("quantcdn").__file__)).parent, tmp_path / "quantcdn")
    theirs = {
        "__init__.py": '__version__ = "4.8.0"\nfrom quantcdn.api_client import ApiClient as ApiClient\n',
        "api_client.py": "from quantcdn.exceptions import ApiException\nclass ApiClient: pass\n",
        "configuration.py": "class Configuration: pass\n",
        "exceptions.py": "class ApiException(Exception): pass\n",
    }
    for name, text in theirs.items():
        (package / name).write_text(text) if left == "theirs" else (package / name).unlink()

    run = subprocess.run(
        [sys.executable, "-S", "-m", "quantcdn", command],  # -S: only what stands in this folder
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout) == (1, ""), run.stderr
    assert re.fullmatch(r"Error: quantcdn-client .* pip uninstall quantcdn-client quantcdn, .*\n", run.stderr)


def test_descriptions_stand_where_python_drops_docstrings(env: dict[str, str]) -> None:
    for command in ([], ["sessions"], ["sessions", "export"], ["doctor"]):
        plain, optimised = (
            subprocess.run(
                [sys.executable, *options, "-m", "quantcdn", *command, "--help"],
                env=env,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for options in ([], ["-OO"])
        )
        assert optimised == plain


def test_doctor_serves_a_program_without_the_metadata_of_packages(some_days: Service, tmp_path: Path) -> None:
    """As PyInstaller makes one."""
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "def version(name):\n"
        "    raise metadata.PackageNotFoundError(name)\n"
        "metadata.version = version\n"
    )
    found = findings(quantcdn({**some_days.env, "PYTHONPATH": str(tmp_path)}, "doctor"))

    result, extras = found["extras"]
    assert result == "ok"
    assert sorted(extras.split(", ")) == sorted(metadata.metadata("quantcdn").get_all("Provides-Extra") or [])
    assert f"urllib3 {metadata.version('urllib3')}, pydantic {metadata.version('pydantic')}," in found["versions"][1]
    assert "None" not in found["versions"][1]


def test_the_sandbox_is_the_one_of_the_module(env: dict[str, str], tmp_path: Path) -> None:
    module, command = (
        subprocess.run([*start, "--help"], env=env, capture_output=True, text=True, check=True)
        .stdout.replace(name, "sandbox")
        .split()
        for start, name in (
            ([sys.executable, "-m", "quantcdn.sandbox"], "python -m quantcdn.sandbox"),
            ([QUANTCDN, "sandbox"], "quantcdn sandbox"),
        )
    )
    refused = quantcdn(without("starlette", env, tmp_path), "sandbox", code=2)

    assert command[command.index("[-h]") :] == module[module.index("[-h]") :]
    assert refused.stderr.startswith("quantcdn sandbox: the sandbox needs Starlette and uvicorn")


@pytest.mark.parametrize(
    "before",
    [
        ("--profile", "x"),
        ("--base-url", "http://127.0.0.1:9"),
        ("--token-file", "token"),
        ("--timeout", "3"),
        ("--retries", "0"),
        ("--verbose",),
        ("-v", "--quiet"),
    ],
)
def test_what_says_nothing_to_the_sandbox_is_refused_before_it(env: dict[str, str], before: tuple[str, ...]) -> None:
    run = quantcdn({**env, "QUANTCDN_TIMEOUT": "7"}, *before, "sandbox", "--", "true", code=2)
    named = "--verbose" if before[0] == "-v" else before[0]
    assert f"Error: {named} has no meaning for the sandbox: before it stand --organisation and --quiet" in run.stderr
    assert quantcdn({**env, "QUANTCDN_TIMEOUT": "7"}, "--quiet", "sandbox", "--", "true").stderr == ""


def test_an_option_of_the_sandbox_is_not_abbreviated(env: dict[str, str]) -> None:
    run = quantcdn(env, "sandbox", "--dem", "--", "true", code=2)
    assert "--dem" in run.stderr.splitlines()[-1]


def test_the_sandbox_runs_until_ctrl_c(env: dict[str, str]) -> None:
    command = [QUANTCDN, "sandbox", "--token", TOKEN, "--organisation", ORGANISATION]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host = process.stdout.readline().split()[4]
        created = quantcdn(pointing_to(env, host), *CREATE, "--output", "json")  # not only the id, as without it
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert json.loads(created.stdout).keys() == {"sessionId", "status", "expiresAt", "createdAt"}
    assert process.returncode == 0


def test_bash_completes_commands_and_options(env: dict[str, str], tmp_path: Path) -> None:
    path = f"{Path(QUANTCDN).parent}:{env['PATH']}"
    with (
        TemporaryDirectory(dir="/tmp") as home,  # what Typer writes for bash breaks on an apostrophe in this name
        screen("bash --noprofile -i", tmp_path, {**env, "HOME": home, "PATH": path}) as shown,
    ):
        Path(home, ".bashrc").write_text("PS1='$ '\n")  # the system's own may be too long for the line
        shown.type("quantcdn --install-completion; exec bash --noprofile -i", "Enter")
        shown.wait_for("^bash completion installed in")
        shown.wait_for(r"^\$\s*\Z")  # of the new shell, which would not complete what is typed before
        shown.type("quantcdn sess", "Tab", "pr", "Tab", "--ever", "Tab")
        shown.wait_for(r"quantcdn sessions prune --everything")


PAGE = Path(__file__).parent.parent / "docs" / "CommandLine.md"
EXAMPLES = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def examples(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """All of them, a few at a time, each with a service of its own."""

    def run(example: str, directory: Path) -> "subprocess.CompletedProcess[str]":
        with _service(env) as service:
            service.session("Old", timedelta(days=3), group="drupal-production")
            service.live_until()
            own = {**service.env, "HOME": str(directory), "PATH": f"{Path(QUANTCDN).parent}:{env['PATH']}"}
            # With the exit, bash stays, and is found: completion is installed for the shell that runs the command.
            bash = ["bash", "-euo", "pipefail", "-c", f"{example}\nexit"]
            return subprocess.run(bash, env=own, cwd=directory, capture_output=True, text=True, check=False)

    return ahead(run, {example: (example, tmp_path_factory.mktemp("example")) for example in EXAMPLES})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split("\n")[0])
def test_an_example_of_the_page_runs_as_it_stands(examples: Runs, example: str) -> None:
    run = examples[example].result()

    assert run.returncode == 0, run.stderr
    assert run.stdout


# Sessions that no list holds, and the receipt of what was erased


def test_ids_come_from_a_file_or_from_standard_input(service: Service, tmp_path: Path) -> None:
    active, completed = service.session(user="u"), service.session(user="u")
    quantcdn(service.env, "sessions", "update", "--status", "completed", "--tokens", "3", "--", completed)
    ids = tmp_path / "ids.txt"
    ids.write_text(f"{active}\n\n{json.dumps({'id': completed})}\n")

    by_filter = quantcdn(service.env, "sessions", "extend", "--user", "u", "--minutes", "5")
    by_file = quantcdn(service.env, "sessions", "extend", "--ids-from", str(ids), "--minutes", "5")
    export = ("sessions", "export", "--ids-from", "-", "--", str(tmp_path / "all.jsonl"))
    exported = quantcdn(service.env, *export, stdin=ids.read_text())
    filtered = quantcdn(service.env, "sessions", "export", "--user", "u", "--", str(tmp_path / "active.jsonl"))
    deleted = quantcdn(service.env, "sessions", "delete", "--ids-from", str(ids))

    assert [record["id"] for record in records(by_filter)] == [active]
    assert by_filter.stderr == f"Sessions: 1 extended.\n{COVERED}\n"
    assert [(record["id"], record["outcome"]) for record in records(by_file)] == [(active, "done"), (completed, "done")]
    assert records(exported)[0]["counts"] == {"done": 2}
    assert records(exported)[0]["covers"] == "the sessions with these ids"
    assert records(filtered)[0]["counts"] == {"done": 1}
    assert records(filtered)[0]["covers"] == "active sessions; completed ones are not listed by the service"
    assert filtered.stderr.splitlines()[-1] == COVERED
    manifest = json.loads((tmp_path / "active.jsonl.manifest.json").read_text())
    assert manifest["covers"] == records(filtered)[0]["covers"]
    assert [record["outcome"] for record in records(deleted)] == ["done", "done"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("delete",), "Nothing says which sessions. Give ids, or a file of them"),
        (("delete", "--ids-from", "-", "--", "s-1"), "An ID does not go with --ids-from. Give ids, or a file of them"),
        (("delete", "--ids-from", "nowhere.txt"), "nowhere.txt: No such file or directory"),
        (("extend",), "Nothing says which sessions. Give the id of a session, or --ids-from, or"),
        (("extend", "--user", "u", "--", "s-1"), "An ID does not go with --user. Give the id of a session, or"),
        (("extend", "--user", "u", "--ids-from", "-"), "--ids-from does not go with --user. Give the id of a session,"),
        (("prune", "--yes"), "Nothing says which sessions. Give --idle-for, --user, --group or --model, or else"),
        (("prune", "--everything", "--user", "u"), "--everything does not go with --user. Give --idle-for, --user,"),
        (("export", "--ids-from", "-", "--model", "m", "--", "a.jsonl"), "--ids-from does not go with --model. Give"),
        (("update", "--", "s-1"), "Give --status, --metadata or --tokens"),
        (("erase", "--", "a.jsonl"), "Nothing says which sessions. Give --user, --group or --model, or else"),
        (("erase", "--group", "g", "--ids-from", "-", "--", "a.jsonl"), "--ids-from does not go with --group. Give"),
        (("list", "--columns", "id,,title"), "it must be like id,title,updated_at"),
    ],
)
def test_what_says_too_little_or_too_much_is_refused(
    env: dict[str, str], command: tuple[str, ...], problem: str
) -> None:
    with scripted_server() as server:
        run = quantcdn(pointing_to(env, server.host), "sessions", *command, code=1 if "nowhere.txt" in command else 2)
        assert server.requests == []
    assert problem in run.stderr


@pytest.mark.parametrize("given", ["-", "empty.txt"])
@pytest.mark.parametrize("command", ["delete", "extend", "export"])
def test_where_there_are_no_ids_there_is_nothing_to_do(
    env: dict[str, str], tmp_path: Path, command: str, given: str
) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    ids_from = "-" if given == "-" else str(tmp_path / given)
    files = ["--", str(tmp_path / "all.jsonl")] if command == "export" else []
    with scripted_server() as server:
        run = quantcdn(pointing_to(env, server.host), "sessions", command, "--ids-from", ids_from, *files)
        assert server.requests == []
    assert "Error" not in run.stderr
    if command == "export":
        (record,) = records(run)
        assert record["complete"] is True
    else:
        assert run.stdout == ""
        assert run.stderr.startswith("Sessions: none.\n")


def test_an_erasure_of_nothing_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    file = str(tmp_path / "all.jsonl")
    erase = ("sessions", "erase", "--ids-from", "-", "--yes", "--", file)
    run = quantcdn(pointing_to(env, "http://127.0.0.1:9"), *erase, code=2)
    assert run.stderr == "Error: - holds no ids, and a receipt must tell of something\n"
    assert [*tmp_path.glob("all.jsonl*")] == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("s-1  Hello  5 min ago", "is no id. Give an id a line, or a session as list --output jsonl writes it"),
        ("s-1,Hello,2026-01-01T00:00:00Z", "is no id. Give"),
        ("s-1;Hello", "is no id. Give"),
        ('["s-1", "s-2"]', "is no id. Give"),
        ("[", "is no id. Give"),
        ("ID", "is the heading of a table. Give"),
        ('"s-1"', "is no id. Give"),
        ("{", "is not JSON. Give an id a line, or"),
        ('{"title": "T"}', "is JSON, and has no id"),
        ('{"id":"old","outcome":"done","new_id":"new"}', "is of an import, and names two, by id and new_id: give the"),
    ],
)
def test_a_line_that_is_no_id_is_refused_by_its_number(
    env: dict[str, str], tmp_path: Path, line: str, problem: str
) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"s-0\n\n{line}\n")
    with scripted_server() as server:
        settings = pointing_to(env, server.host)
        named = quantcdn(settings, "sessions", "delete", "--ids-from", str(file), code=2)
        piped = quantcdn(settings, "sessions", "delete", "--ids-from", "-", stdin=file.read_text(), code=2)
        assert server.requests == []
    assert named.stderr.startswith(f"Error: Line 3 of {file} {problem}")
    assert piped.stderr.startswith(f"Error: Line 3 of standard input {problem}")


def test_an_id_that_is_no_word_is_given_as_json_and_a_text_in_it_may_break(env: dict[str, str]) -> None:
    lines = '{"id": "s 1,2", "title": "a\u2028b\x85c"}\r\ns-2\rs-3\n'
    with scripted_server([answer(204)] * 3) as server:
        run = quantcdn(pointing_to(env, server.host), "sessions", "delete", "--ids-from", "-", stdin=lines)
    assert [record["id"] for record in records(run)] == ["s 1,2", "s-2", "s-3"]


def test_a_user_is_erased_and_the_receipt_proves_it(service: Service, tmp_path: Path) -> None:
    mine, other = {service.session(user="u"), service.session(user="u")}, service.session(user="v")
    file, receipt_file = tmp_path / "u.jsonl", tmp_path / "u.jsonl.receipt.json"
    erase = ("sessions", "erase", "--user", "u")

    planned = quantcdn(service.env, *erase, "--", str(file))
    assert {record["outcome"] for record in records(planned)} == {"planned"}
    assert planned.stderr.endswith("Nothing was deleted: --yes does it.\n")
    assert list(tmp_path.iterdir()) == []

    erased = quantcdn(service.env, *erase, "--yes", "--", str(file))
    receipt = json.loads(receipt_file.read_text())
    assert records(erased) == [receipt]
    assert receipt["complete"] is True
    assert receipt["export"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert {json.loads(line)["id"] for line in file.read_text().splitlines()} == mine
    assert {row["id"] for row in receipt["sessions"]} == mine
    for row in receipt["sessions"]:
        assert (row["outcome"], row["read_back"]["result"]) == ("done", "gone")
        assert row["request_id"] != row["read_back"]["request_id"]
        assert datetime.fromisoformat(row["at"]) <= datetime.fromisoformat(row["read_back"]["at"])
    assert os.name == "nt" or receipt_file.stat().st_mode & 0o777 == 0o600
    assert other in service.left()
    assert not mine & service.left()


def test_an_erasure_that_is_repeated_is_harmless_and_tells_of_what_came_later(service: Service, tmp_path: Path) -> None:
    service.session(user="u")
    file, receipt_file = tmp_path / "u.jsonl", tmp_path / "u.jsonl.receipt.json"
    erase = ("sessions", "erase", "--user", "u", "--yes", "--", str(file))
    erased = quantcdn(service.env, *erase)
    receipt = receipt_file.read_bytes()
    file.unlink()  # it was handed over, and is not to be kept

    again = quantcdn(service.env, *erase)
    assert again.stdout == erased.stdout
    at = json.loads(receipt)["finished_at"]
    assert again.stderr == f"This was done before, by {at}: nothing was to be done.\n"
    assert quantcdn(service.env, "--quiet", *erase).stderr == ""

    later = service.session(user="u")
    told = quantcdn(service.env, *erase, code=1)
    assert told.stdout == ""
    assert told.stderr == (
        f"Error: {file}: This was done before, by {at}, and sessions came later: 1. Nothing was deleted: "
        "erase those to another file\n"
    )
    assert later in service.left()
    assert receipt_file.read_bytes() == receipt
    quantcdn(service.env, *erase[:-1], str(tmp_path / "u-2.jsonl"))
    assert later not in service.left()
    quantcdn(service.env, *erase)


def test_an_erasure_by_ids_that_is_repeated_asks_nothing(env: dict[str, str], tmp_path: Path) -> None:
    erase = ("sessions", "erase", "--ids-from", "-", "--yes", "--", str(tmp_path / "u.jsonl"))
    with scripted_server([whole("s-1"), DELETED, GONE]) as server:
        first, again = (quantcdn(pointing_to(env, server.host), *erase, stdin="s-1\n") for _ in range(2))
        other = quantcdn(pointing_to(env, server.host), *erase, stdin="s-2\n", code=1)
        assert len(server.requests) == 3
    assert again.stdout == first.stdout
    assert "is of an erasure of other sessions: give another file" in other.stderr


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json"])
def test_a_file_that_is_no_receipt_is_said_to_be_none(env: dict[str, str], tmp_path: Path, content: str) -> None:
    file = tmp_path / "u.jsonl.receipt.json"
    file.write_text(content)
    erase = ("sessions", "erase", "--user", "u", "--yes", "--", str(tmp_path / "u.jsonl"))
    run = quantcdn(pointing_to(env, "http://127.0.0.1:9"), *erase, code=1)
    assert run.stderr == f"Error: {file} is no receipt of an erasure: give another file\n"
    assert file.read_text() == content


def test_what_could_not_be_exported_is_not_deleted(env: dict[str, str], tmp_path: Path) -> None:
    answers = [*listed("s-1", "s-2"), json_answer({"id": "s-1"}), json_answer({"message": "Not yours"}, 403)]
    with scripted_server(answers) as server:
        erase = ("sessions", "erase", "--user", "u", "--yes", "--workers", "1", "--", str(tmp_path / "u.jsonl"))
        run = quantcdn(pointing_to(env, server.host), *erase, code=8)
        assert {request.method for request in server.requests} == {"GET"}
    assert "s-2: 403 Forbidden: Not yours\nError: Nothing was deleted" in run.stderr
    assert not (tmp_path / "u.jsonl.receipt.json").exists()


def test_a_session_that_is_still_there_is_no_complete_erasure(env: dict[str, str], tmp_path: Path) -> None:
    one = json_answer({"id": "s-1"})
    with scripted_server([one, json_answer({"message": "Deleted"}), one]) as server:
        erase = ("sessions", "erase", "--ids-from", "-", "--yes", "--", str(tmp_path / "u.jsonl"))
        run = quantcdn(pointing_to(env, server.host), *erase, stdin="s-1\n", code=1)
    (receipt,) = records(run)
    assert receipt["complete"] is False
    assert receipt["sessions"][0]["read_back"]["result"] == "still there"


def whole(session_id: str, text: str = "Hello") -> bytes:
    """A session with a message, and with a time that every answer has of its own."""
    message = {"role": "user", "content": text}
    return json_answer({"id": session_id, "messages": [message], "updated_at": datetime.now(timezone.utc).isoformat()})


GONE = json_answer({"message": "Not found"}, 404)
DELETED = json_answer({"message": "Deleted"})


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
def test_an_erasure_that_ends_before_its_time_says_what_it_did_and_goes_on(
    env: dict[str, str], tmp_path: Path, by: signal.Signals
) -> None:
    ids, file = ["s-1", "s-2", "s-3"], tmp_path / "u.jsonl"
    receipt_file = tmp_path / "u.jsonl.receipt.json"
    erase = ["sessions", "erase", "--user", "u", "--yes", "--workers", "1", "--", str(file)]
    with scripted_server([*listed(*ids), *map(whole, ids), DELETED, [0.5, DELETED]]) as server:
        host = server.host
        code, stdout, stderr = interrupted([QUANTCDN, *erase], pointing_to(env, host), server, after=7, by=by)
    before = json.loads(receipt_file.read_text())
    assert (stdout, before["complete"], before["exported"]) == ("", False, 3)
    if by is not signal.SIGKILL:
        assert code == {signal.SIGINT: 130, signal.SIGTERM: 143}[by]
        assert stderr == (
            f"Interrupted: 2 of the 3 sessions that were exported are deleted. {receipt_file} says which. "
            "The same command goes on from there.\n"
        )
        assert [row["outcome"] for row in before["sessions"]] == ["done", "done", "not_tried"]

    other = quantcdn(pointing_to(env, host), *erase[:3], "v", *erase[4:], code=1)
    assert f"{receipt_file} is of an erasure of other sessions: give another file" in other.stderr

    with scripted_server([GONE, GONE, whole("s-3"), DELETED, GONE], port=int(host.rpartition(":")[2])) as server:
        finished = quantcdn(pointing_to(env, host), *erase)
        assert [request.method for request in server.requests] == ["GET", "GET", "GET", "DELETE", "GET"]
    receipt = json.loads(receipt_file.read_text())
    assert records(finished) == [receipt]
    assert receipt["complete"] is True
    assert sorted(row["id"] for row in receipt["sessions"]) == ids
    assert {row["read_back"]["result"] for row in receipt["sessions"]} == {"gone"}


def test_what_was_changed_after_it_was_exported_is_not_deleted_by_the_next_run(
    env: dict[str, str], tmp_path: Path
) -> None:
    file, ids, refusal = tmp_path / "u.jsonl", "s-1\ns-2\n", json_answer({}, 403)
    erase = ["sessions", "erase", "--ids-from", "-", "--yes", "--workers", "1", "--", str(file)]
    both = [whole("s-1"), whole("s-2")]
    with scripted_server([*both, refusal, refusal, *both]) as server:
        host = server.host
        quantcdn(pointing_to(env, host), *erase, stdin=ids, code=3)
    answers = [whole("s-1", "Hello again"), whole("s-2"), DELETED, GONE]
    with scripted_server(answers, port=int(host.rpartition(":")[2])) as server:
        run = quantcdn(pointing_to(env, host), *erase, stdin=ids, code=8)
        sent = [(request.method, request.target[-3:]) for request in server.requests]
    assert sent == [("GET", "s-1"), ("GET", "s-2"), ("DELETE", "s-2"), ("GET", "s-2")]
    assert run.stderr.splitlines()[0].startswith("s-1: not deleted, for it was changed after it was exported")
    assert [row["outcome"] for row in records(run)[0]["sessions"]] == ["changed", "done"]

    file.write_text(file.read_text().replace("Hello", "Bye"))
    assert "is not as it was exported" in quantcdn(pointing_to(env, host), *erase, stdin=ids, code=1).stderr


def test_an_erasure_that_is_interrupted_while_it_exports_deletes_nothing(env: dict[str, str], tmp_path: Path) -> None:
    erase = [QUANTCDN, "sessions", "erase", "--user", "u", "--yes", "--workers", "1", "--", str(tmp_path / "u.jsonl")]
    with scripted_server([*listed("s-1", "s-2", "s-3"), whole("s-1"), [0.5, whole("s-2")]]) as server:
        ended = interrupted(erase, pointing_to(env, server.host), server, after=4)
        assert {request.method for request in server.requests} == {"GET"}
    assert ended == (130, "", "Interrupted: nothing was deleted. The same command goes on from there.\n")
    assert not (tmp_path / "u.jsonl.receipt.json").exists()


def test_the_environment_says_how_long_how_often_and_whether_to_log(env: dict[str, str]) -> None:
    settings = {"QUANTCDN_LOG": "debug", "QUANTCDN_TIMEOUT": "7", "QUANTCDN_RETRIES": "1"}
    with scripted_server([answer(503), answer(503)]) as server:
        run = quantcdn({**pointing_to(env, server.host), **settings}, *LIST, code=6)
    assert len(server.requests) == 2
    assert "attempt 1" in run.stderr
    assert "attempt 2" in run.stderr


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        (
            "QUANTCDN_TIMEOUT",
            "soon",
            "Invalid value for QUANTCDN_TIMEOUT: it must be a number of seconds above 0",
        ),
        (
            "QUANTCDN_TIMEOUT",
            "-1",
            "Invalid value for QUANTCDN_TIMEOUT: it must be a number of seconds above 0",
        ),
        ("QUANTCDN_RETRIES", "many", "Invalid value for QUANTCDN_RETRIES: "),
        ("QUANTCDN_RETRIES", "-1", "Invalid value for QUANTCDN_RETRIES: "),
        ("QUANTCDN_LOG", "Info", "Invalid value for QUANTCDN_LOG: it must be debug, not 'info'"),
        ("QUANTCDN_PROFILE", "../x", "QUANTCDN_PROFILE: it must be of letters, digits,"),
        ("QUANTCDN_PROFILE", "x", "There is no profile x, which QUANTCDN_PROFILE names, in "),
        ("QUANT_ORGANISATION", "a/b", "QUANT_ORGANISATION: The organisation should be one path segment"),
        ("QUANT_BASE_URL", "ftp://x", "QUANT_BASE_URL: The host is not a URL"),
        ("QUANT_API_TOKEN", "a\tb", "QUANT_API_TOKEN: "),
    ],
)
def test_a_variable_that_cannot_be_meant_is_named(env: dict[str, str], variable: str, value: str, problem: str) -> None:
    with scripted_server() as server:
        run = quantcdn({**pointing_to(env, server.host), variable: value}, *LIST, code=2)
        assert server.requests == []
    assert f"Error: {problem}" in run.stderr
    assert "--" not in run.stderr.partition("Error: ")[2]


def test_the_columns_of_a_list_are_chosen(some_days: Service) -> None:
    run = quantcdn(some_days.env, "sessions", "list", "--columns", "title,id", "--output", "csv")
    assert run.stdout.splitlines()[0] == "title,id"
    piped = quantcdn(some_days.env, "sessions", "list", "--columns", "title,id")
    assert [list(record) for record in records(piped)] == [["title", "id"]] * 4


def test_a_column_may_be_any_field_that_a_session_has(env: dict[str, str]) -> None:
    sessions = [{"id": "s-1"}, {"id": "s-2", "tags": ["a"], "title": None}]
    asked = ("sessions", "list", "--columns", "id,tags,title", "--output")
    with scripted_server([json_answer(sessions), json_answer([])] * 2) as server:
        csv, json = (quantcdn(pointing_to(env, server.host), *asked, form) for form in ("csv", "jsonl"))
    assert csv.stdout.splitlines() == ["id,tags,title", "s-1,,", 's-2,"[""a""]",']
    assert json.stdout.splitlines() == ['{"id":"s-1"}', '{"id":"s-2","tags":["a"]}']


@pytest.mark.parametrize("form", ["table", "csv", "jsonl"])
def test_a_column_that_no_session_has_is_refused_with_those_that_there_are(env: dict[str, str], form: str) -> None:
    asked = ("sessions", "list", "--columns", "id,titel,tags,group", "--output", form)
    pages = [json_answer([{"id": "s-1", "tags": []}]), json_answer([])]
    with scripted_server([*pages, json_answer([])]) as server:
        refused = quantcdn(pointing_to(env, server.host), *asked, code=2)
        quantcdn(pointing_to(env, server.host), *asked)  # of none, nobody knows what they would have had
    assert refused.stdout == ""
    assert refused.stderr == (
        "Error: No session has titel, group. There are the columns id, title, model, created_at, updated_at, tags\n"
    )
