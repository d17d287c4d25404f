"""Holds README, CONTRIBUTING, CHANGELOG and docs against the code.

The Python examples run as they stand, each for itself, as if a reader had pasted it. They read the server, the token,
the organisation and a session's id from the environment, and here the environment names the sandbox. A comment
``# -> text`` in an example says what is printed, and is held to it. An example that imports pytest is a test file, and
is run as one.

Every table is checked: `test_a_table_agrees_with_the_code` finds the check by the header of the table, and fails where
there is none. A check derives the cells from the code, all but free text.
"""

import configparser
import contextlib
import inspect
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import metadata
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote

import picture
import pydantic
import pytest
import typer
import yaml
from conftest import Connect
from markdown_it import MarkdownIt
from programs import chromium
from servers import Received, json_answer, scripted_server

import quantcdn
from benchmarks.promises import WITHOUT
from benchmarks.rivals import RIVALS
from quantcdn import AISessionsApi
from quantcdn._transport.proxies import is_exempt
from quantcdn._wire.origin import origin_of
from quantcdn.cli._app import app
from quantcdn.cli._exits import MEANINGS, Exit
from quantcdn.sandbox import RunningSandbox, Sandbox, running

ROOT = Path(__file__).parent.parent
NOBODY = "http://127.0.0.1:9"
ENVIRONMENT = ("BEARER_TOKEN", "QUANT_API_TOKEN", "QUANT_ORGANISATION", "QUANT_BASE_URL", "SESSION_ID")

MODELS: dict[str, type[pydantic.BaseModel]] = {
    name: value
    for name, value in ((name, getattr(quantcdn, name)) for name in quantcdn.__all__)
    if isinstance(value, type) and issubclass(value, pydantic.BaseModel)
}
OPERATIONS: dict[str, Callable[..., Any]] = {
    name: member
    for name, member in inspect.getmembers(AISessionsApi, inspect.isfunction)
    if not name.startswith("_") and not name.endswith(("_with_http_info", "_without_preload_content"))
}
ARGUMENTS: dict[str, Any] = {
    "organisation": "{organisation}",
    "session_id": "{sessionId}",
    "create_ai_session_request": {"userId": "u"},
    "extend_ai_session_request": {},
    "update_ai_session_request": {},
}
"""What to give for the parameters of an operation; the placeholders show where they stand in the path."""


# Reading Markdown


@dataclass(frozen=True)
class Fence:
    """A fenced block of code, and its line in its page."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Table:
    """A table, with the heading of level 1 and the nearest heading above it. Cells are Markdown."""

    page: str
    title: str
    heading: str
    rows: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def header(self) -> tuple[str, ...]:
        return self.rows[0]

    @property
    def body(self) -> list[tuple[str, ...]]:
        return self.rows[1:]

    def column(self, name: str) -> list[str]:
        return [row[self.header.index(name)] for row in self.body]


class Page:
    """A Markdown file.

    Attributes:
        anchors: what a fragment may name: the top, headings under GitHub's names for them, and explicit anchors.
        sections: the text under each heading of level 1, up to the next one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.anchors = {"", *re.findall(r'<a id="([^"]+)"></a>', self.text)}
        self.links: list[str] = []
        self.fences: list[Fence] = []
        self.tables: list[Table] = []
        self._parse()

    def _parse(self) -> None:
        lines = self.text.splitlines(keepends=True)
        title = heading = ""
        starts: list[tuple[str, int]] = []
        tokens = MarkdownIt("commonmark").enable("table").parse(self.text)
        for position, token in enumerate(tokens):
            line = token.map[0] if token.map else 0
            if token.type == "heading_open":
                heading = plain(tokens[position + 1].content)
                slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                self.anchors.add(slug)
                if token.tag == "h1":
                    title = heading
                    starts.append((title, line))
            elif token.type == "fence":
                self.fences.append(Fence(self.name, line + 1, token.info, token.content))
            elif token.type == "table_open":
                self.tables.append(Table(self.name, title, heading))
            elif token.type == "tr_open":
                self.tables[-1].rows.append(())
            elif token.type == "inline":
                self.links += [str(child.attrs["href"]) for child in token.children or [] if child.type == "link_open"]
                if tokens[position - 1].type in ("th_open", "td_open"):
                    self.tables[-1].rows[-1] += (token.content,)
        starts = [*starts, ("", len(lines))]
        self.sections = {title: "".join(lines[start:end]) for (title, start), (_, end) in pairwise(starts)}


def plain(markdown: str) -> str:
    """A text without its links, emphasis and code marks."""
    return re.sub(r"\[(.*?)\]\(.*?\)", r"\1", markdown).replace("*", "").replace("`", "")


PAGES = {page.name: page for page in map(Page, [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))])}
FENCES = [fence for page in PAGES.values() for fence in page.fences]
PYTHON = [fence for fence in FENCES if fence.language == "python"]
BASH = [line for fence in FENCES if fence.language == "bash" for line in fence.text.splitlines()]
TABLES = [table for page in PAGES.values() for table in page.tables]
API_PAGE = PAGES["docs/AISessionsApi.md"]


# Pages and links


def test_every_public_class_has_its_page_and_every_page_its_subject() -> None:
    subjects = {
        *MODELS,
        *quantcdn.api.__all__,
        "Architecture",
        "Async",
        "Bulk",
        "Client",
        "CommandLine",
        "Conversations",
        "Examples",
        "Logging",
        "Migration",
        "Networks",
        "Notebooks",
        "Performance",
        "Platforms",
        "Reliability",
        "Sandbox",
    }

    assert {page.path.stem for page in PAGES.values() if page.path.parent.name == "docs"} == subjects


def test_the_page_of_the_client_lists_every_model() -> None:
    listed = re.findall(r"^ - \[(\w+)\]\((\w+)\.md\)$", PAGES["docs/Client.md"].text, re.MULTILINE)

    assert listed == [(name, name) for name in sorted(MODELS)]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_link_leads_somewhere(page: Page) -> None:
    for link in page.links:
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.is_relative_to(ROOT), link
        assert target.is_file(), link
        if fragment:
            assert fragment in PAGES[target.relative_to(ROOT).as_posix()].anchors, link


@pytest.mark.parametrize("page", [name for name in PAGES if name.startswith("docs/")])
def test_every_page_ends_with_the_way_back_to_the_readme(page: str) -> None:
    assert PAGES[page].text.endswith("[[Back to README]](../README.md)\n")


def test_links_into_the_pages_of_the_official_client_still_work() -> None:
    own = {
        "documentation-for-api-endpoints",
        "documentation-for-models",
        "documentation-for-authorization",
        "BearerAuth",
    }
    assert PAGES["README.md"].anchors >= own
    assert PAGES["docs/Client.md"].anchors >= own
    assert API_PAGE.anchors >= OPERATIONS.keys()


def test_the_way_of_a_call_names_rooms_that_are_there() -> None:
    steps = re.findall(r"^\d+\. .*", PAGES["docs/Architecture.md"].text, re.MULTILINE)
    places = re.findall(r"`([\w/]+(?:\.py|/))`", " ".join(steps[:10]))
    assert len(places) > 8
    assert [place for place in places if not (ROOT / "quantcdn" / place).exists()] == []


def test_the_picture_of_the_readme_can_be_drawn_again(tmp_path: Path) -> None:
    picture.draw(tmp_path / "picture.png", chromium())

    drawn, shown = ((folder / name).read_bytes() for folder, name in ((tmp_path, "picture.png"), (ROOT, picture.SHOWN)))
    assert drawn[:4] == b"\x89PNG"
    assert drawn[:24] == shown[:24], "of the same size"
    assert f"]({picture.SHOWN})" in PAGES["README.md"].text


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(.+)\] - \d{4}-\d\d-\d\d$", PAGES["CHANGELOG.md"].text, re.MULTILINE)

    assert versions[0] == quantcdn.__version__


# Examples


@pytest.fixture
def example_environment(
    sandbox: Sandbox, no_defaults: None, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """What examples read from the environment. The value is the id of a session made for one example."""
    api = connect(sandbox.host, sandbox.access_token)
    session = api.create_ai_session(
        sandbox.organisation,
        {"userId": "user-12345", "sessionGroup": "drupal-production", "expirationMinutes": 10},
    )
    assert session.session_id
    values = (sandbox.access_token, sandbox.access_token, sandbox.organisation, sandbox.host, session.session_id)
    for name, value in zip(ENVIRONMENT, values, strict=True):
        monkeypatch.setenv(name, value)
    look_up = socket.getaddrinfo

    def look_up_loopback(host: Any, *arguments: Any, **options: Any) -> Any:
        assert host == "127.0.0.1", f"an example would reach {host}"
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_loopback)
    yield session.session_id
    with contextlib.suppress(quantcdn.NotFoundException):
        api.delete_ai_session(sandbox.organisation, session.session_id)


def run_example(example: Fence, capsys: pytest.CaptureFixture[str]) -> str:
    """Run an example as it stands, and return what it printed."""
    if "import sentry_sdk" in example.text:  # it patches the process that it is in
        return subprocess.run(
            [sys.executable, "-c", example.text], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    code = compile("\n" * example.line + example.text, ROOT / example.page, "exec")
    exec(code, {"__name__": "__main__"})
    return capsys.readouterr().out


@pytest.mark.parametrize("example", PYTHON, ids=lambda example: f"{example.page}:{example.line}")
def test_a_python_example_runs_and_prints_what_it_says(
    example: Fence,
    example_environment: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # where the files that it writes are
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if "import pytest" in example.text:
        file = tmp_path / "test_example.py"
        file.write_text(example.text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout
        return

    printed = run_example(example, capsys)

    assert printed.strip()
    assert "Exception when calling" not in printed
    position = 0
    for expected in re.findall(r"# -> (.+)$", example.text, re.MULTILINE):
        assert expected in printed[position:]
        position = printed.index(expected, position) + len(expected)


def _example_of(operation: str) -> Fence:
    return next(fence for fence in PYTHON if fence.page == API_PAGE.name and fence.text in API_PAGE.sections[operation])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_example_of_an_operation_does_its_work(
    operation: str,
    example_environment: str,
    sandbox: Sandbox,
    connect: Connect,
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    session_id = example_environment

    def state() -> tuple[set[str | None], quantcdn.GetAISession200Response | None]:
        sessions = api.list_ai_sessions(sandbox.organisation, "user-12345", "drupal-production", limit=100)
        ids = {session.id for session in sessions}
        return ids, api.get_ai_session(sandbox.organisation, session_id) if session_id in ids else None

    ids_before, before = state()
    assert before is not None
    printed = run_example(_example_of(operation), capsys)
    ids_after, after = state()

    if operation == "delete_ai_session":
        assert ids_before - ids_after == {session_id}
    else:
        assert after is not None
    if operation == "create_ai_session":
        (created,) = ids_after - ids_before
        assert f"session_id='{created}'" in printed
    elif operation in ("get_ai_session", "list_ai_sessions"):
        assert f"id='{session_id}'" in printed
    elif operation == "extend_ai_session":
        assert after.to_dict()["expires_at"] > before.to_dict()["expires_at"]
    elif operation == "update_ai_session":
        assert [message["role"] for message in after.messages or []] == ["user", "assistant"]


# Commands


def test_the_test_command_of_the_readme_is_what_the_checks_run() -> None:
    commands = [fence.text.strip() for fence in PAGES["README.md"].fences if fence.language == "bash"]
    main_job, all_tests = commands[:2]

    assert main_job.startswith("python3 -m venv .venv && ")
    assert main_job.endswith(" && .venv/bin/python docs/conversation.py")
    assert all_tests in (ROOT / ".ci" / "run").read_text().splitlines()


def test_every_block_names_a_language_and_every_shell_block_is_valid() -> None:
    # What cron and systemd read is tested in test_cli_nightly.py.
    assert {fence.language for fence in FENCES} <= {"python", "bash", "text", "ini"}
    for fence in FENCES:
        if fence.language == "bash":
            subprocess.run(["bash", "-n", "-c", fence.text], check=True)


def converse(**environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the main job with these variables and no others of its own."""
    inherited = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    return subprocess.run(
        [sys.executable, "-W", "error", ROOT / "docs" / "conversation.py"],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_main_job_tells_a_conversation_from_its_beginning_to_its_end() -> None:
    run = converse()

    assert (run.returncode, run.stderr) == (0, "")
    story, _, ending = run.stdout.partition("404: the session is gone\n")
    first_words = [line.split()[0] for line in story.splitlines() if line]
    steps = ["create", "update", "get", "system", "user", "assistant", "list", "extend", "delete", "get"]
    assert first_words == ["A", *steps]
    assert "No model ran" in ending
    pages = re.findall(r"\bdocs/\w+\.md\b", ending)
    assert pages
    assert [page for page in pages if page not in PAGES] == []


def test_the_main_job_uses_the_service_that_the_environment_names_and_leaves_nothing_behind(
    sandbox: Sandbox, connect: Connect
) -> None:
    run = converse(
        QUANT_API_TOKEN=sandbox.access_token, QUANT_ORGANISATION=sandbox.organisation, QUANT_BASE_URL=sandbox.host
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert sandbox.host in run.stdout
    left = connect(sandbox.host, sandbox.access_token).list_ai_sessions(sandbox.organisation, user_id="docs-reader")
    assert left == []


@pytest.mark.parametrize(
    ("given", "missing"), [("QUANT_API_TOKEN", "QUANT_ORGANISATION"), ("QUANT_ORGANISATION", "QUANT_API_TOKEN")]
)
def test_the_main_job_says_which_variable_is_missing(given: str, missing: str) -> None:
    run = converse(**{given: "value"})

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith(f"ValueError: {missing} is not set")
    assert run.stderr.count("\n") == 1


def test_the_main_job_shows_a_refusal_in_one_line(sandbox: Sandbox) -> None:
    run = converse(QUANT_API_TOKEN="wrong", QUANT_ORGANISATION="sandbox", QUANT_BASE_URL=sandbox.host)

    assert run.returncode == 1
    assert run.stderr.startswith("UnauthorizedException: create_ai_session sandbox: 401")
    assert run.stderr.count("\n") == 1


def test_the_main_job_deletes_its_session_when_it_fails_on_the_way() -> None:
    script = [json_answer({"sessionId": "s-1"}, 201), json_answer({}, 500), json_answer({"message": "Deleted"})]
    with scripted_server(script) as server:
        run = converse(QUANT_API_TOKEN="token", QUANT_ORGANISATION="org", QUANT_BASE_URL=server.host)

    assert run.returncode == 1
    assert run.stderr.startswith("OutcomeUnknownServiceException: update_ai_session org/s-1: 500")
    assert [request.method for request in server.requests] == ["POST", "PUT", "DELETE"]


def test_the_main_job_fails_when_the_session_is_still_there_after_all() -> None:
    answers: list[Any] = [{"sessionId": "s-1"}, {}, {"messages": [{}]}, [{}], {}, {}, {"id": "s-1"}]
    with scripted_server([json_answer(value) for value in answers]) as server:
        run = converse(QUANT_API_TOKEN="token", QUANT_ORGANISATION="org", QUANT_BASE_URL=server.host)

    assert run.returncode == 1
    assert run.stderr == "ValueError: session s-1 is still there after its deletion\n"


# Tables and the pages' other facts


@pytest.fixture(scope="module")
def sent() -> dict[str, Received]:
    """The request that each operation sends, with every parameter that has no default, and every body."""
    with scripted_server([json_answer({})] * len(OPERATIONS)) as server:
        configuration = quantcdn.Configuration(server.host, "token", retries=False)
        with quantcdn.ApiClient(configuration) as client:
            for name in OPERATIONS:
                method = getattr(AISessionsApi(client), f"{name}_without_preload_content")
                with method(**_arguments(name)):
                    pass
    return dict(zip(OPERATIONS, server.requests, strict=True))


def _arguments(operation: str) -> dict[str, Any]:
    return {
        name: value for name, value in ARGUMENTS.items() if name in inspect.signature(OPERATIONS[operation]).parameters
    }


def _summary(documented: object) -> str:
    """The first sentence of a docstring."""
    return _first_sentence(inspect.getdoc(documented) or "")


def _first_sentence(text: str) -> str:
    return text.partition("\n")[0].partition(". ")[0].removesuffix(".")


def _type_name(hint: Any) -> str:
    """A type as the pages write it. That something may be None, or a dict for a model, is written elsewhere."""
    if get_origin(hint) in (Union, UnionType):
        members = [member for member in get_args(hint) if member is not NoneType]
        models = [member for member in members if member in MODELS.values()]
        return "** or **".join(map(_type_name, models or members))
    if get_origin(hint) is None:
        return "Any" if hint is Any else hint.__name__
    name = {list: "List", dict: "Dict", tuple: "Tuple"}.get(get_origin(hint), get_origin(hint).__name__)
    return f"{name}[{', '.join(map(_type_name, get_args(hint)))}]"


def _type_cell(hint: Any) -> str:
    name = _type_name(hint)
    model = next((model for model in MODELS if re.search(rf"\b{model}\b", name)), None)
    return f"[**{name}**]({model}.md)" if model else f"**{name}**"


def _rules(use: Callable[[Any], object]) -> str:
    """What values are allowed, as the refusals of values that are not say it."""
    rules: dict[str, Any] = {}
    for value in (-(10**9), 10**9, "?"):
        try:
            use(value)
        except pydantic.ValidationError as error:
            rules |= error.errors()[0].get("ctx", {})
        except quantcdn.ConnectionException:
            pass  # it was allowed, and nobody listens
    if "allowed" in rules:
        return f" [one of {rules['allowed']}]"
    if "ge" in rules:
        return f" [{rules['ge']} to {rules['le']}]" if "le" in rules else f" [{rules['ge']} or more]"
    return ""


def _notes(required: bool, default: object, rules: str, name: str, wire_name: str) -> str:
    notes = "" if required else "[optional]"
    notes += f" [default to {default}]" if not required and default is not None else ""
    notes += rules
    return f"{notes} [on the wire: {wire_name}]".strip() if wire_name != name else notes.strip()


def check_properties(table: Table, _sent: dict[str, Received]) -> None:
    model = MODELS[table.title]
    hints = get_type_hints(model)
    expected = [
        (
            f"**{name}**",
            _type_cell(hints[name]),
            _notes(
                info.is_required(),
                info.default,
                _rules(lambda value, name=name: model(**{**_required(model), name: value})),
                name,
                info.serialization_alias or name,
            ),
        )
        for name, info in model.model_fields.items()
    ]
    assert [(name, kind, notes) for name, kind, _, notes in table.body] == expected


def _required(model: type[pydantic.BaseModel]) -> dict[str, str]:
    return {name: "text" for name, info in model.model_fields.items() if info.is_required()}


def check_parameters(table: Table, _sent: dict[str, Received]) -> None:
    method, given = OPERATIONS[table.title], _arguments(table.title)
    with quantcdn.ApiClient(quantcdn.Configuration(NOBODY, "token", retries=False)) as client:
        bound = getattr(AISessionsApi(client), table.title)
        expected = [
            (
                f"**{parameter.name}**",
                _type_cell(parameter.annotation),
                _notes(
                    parameter.default is parameter.empty,
                    parameter.default,
                    _rules(lambda value, name=parameter.name: bound(**{**given, name: value})),
                    "",
                    "",
                ),
            )
            for parameter in _parameters(method)
        ]
    assert [(name, kind, notes) for name, kind, _, notes in table.body] == expected


def _parameters(method: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = inspect.signature(method).parameters.values()
    return [parameter for parameter in parameters if parameter.name != "self" and not parameter.name.startswith("_")]


def check_options(table: Table, _sent: dict[str, Received]) -> None:
    for method in OPERATIONS.values():
        options = [p for p in inspect.signature(method).parameters.values() if p.name.startswith("_")]
        expected = [(f"**{p.name}**", _type_cell(p.annotation), f"[default to {p.default}]") for p in options]
        assert [(name, kind, notes) for name, kind, _, notes in table.body] == expected


def check_endpoints(table: Table, sent: dict[str, Received]) -> None:
    expected = [
        (
            f"[**{name}**](AISessionsApi.md#{name})",
            f"**{sent[name].method}** {unquote(sent[name].target)}",
            _summary(OPERATIONS[name]),
        )
        for name in OPERATIONS
    ]
    assert [row[-3:] for row in table.body] == expected
    if "Class" in table.header:
        assert set(table.column("Class")) == {"*AISessionsApi*"}


def check_answers(table: Table, _sent: dict[str, Received]) -> None:
    contract = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
    operations = (item for path in contract["paths"].values() for item in path.values() if isinstance(item, dict))
    (operation,) = (item for item in operations if item["operationId"].lower() == table.title.replace("_", ""))
    expected = [
        (f"**{status}**", response["description"].removesuffix("."), "-")
        for status, response in operation["responses"].items()
    ]
    assert table.body == expected


def check_exceptions(table: Table, _sent: dict[str, Received]) -> None:
    public = [
        value
        for value in (getattr(quantcdn, name) for name in quantcdn.__all__)
        if isinstance(value, type) and issubclass(value, quantcdn.ApiException) and value is not quantcdn.ApiException
    ]
    expected = [(f"`{exception.__name__}`", (exception.__doc__ or "").partition("\n")[0][:-1]) for exception in public]
    assert table.body == expected

    for name, meaning in table.body:
        if status := re.match(r"(\d)(\d\d|xx): ", meaning):
            code = int(f"{status[1]}{status[2]}".replace("xx", "03"))
            with scripted_server([json_answer({}, code)]) as server:
                configuration = quantcdn.Configuration(server.host, "token", retries=False)
                with quantcdn.ApiClient(configuration) as client, pytest.raises(quantcdn.ApiException) as caught:
                    AISessionsApi(client).list_ai_sessions("organisation")
            assert type(caught.value).__name__ == plain(name)


def check_servers(table: Table, _sent: dict[str, Received]) -> None:
    servers = quantcdn.Configuration().get_host_settings()
    assert table.body == [(str(index), each["url"], each["description"]) for index, each in enumerate(servers)]
    for index, url, _ in table.body:
        assert quantcdn.Configuration(server_index=int(index)).host == url


def check_settings(table: Table, _sent: dict[str, Received]) -> None:
    """Each name is read, and wins over those that stand after it."""
    token, organisation, base_url = (re.findall(r"`(\w+)`", names) for _, names in table.body)
    environ = {name: f"https://{name}.example" for name in [*token, *organisation, *base_url]}
    for name in token:
        assert quantcdn.Configuration.from_environment(environ).access_token == environ.pop(name)
    for name in organisation:
        assert quantcdn.environment.organisation(environ) == environ.pop(name)
    environ["QUANT_API_TOKEN"] = "token"
    for name in base_url:
        assert quantcdn.Configuration.from_environment(environ).host == environ.pop(name)
    assert quantcdn.Configuration.from_environment(environ).host == quantcdn.Configuration().host
    for names in (quantcdn.environment.ACCESS_TOKEN, quantcdn.environment.ORGANISATION, quantcdn.environment.BASE_URL):
        assert list(names) in (token, organisation, base_url)


def check_variants(table: Table, _sent: dict[str, Received]) -> None:
    returned = {
        name: inspect.signature(getattr(AISessionsApi, plain(name))).return_annotation for name, _ in table.body
    }
    plain_, with_info, raw = returned.values()
    assert (plain_, with_info) == (quantcdn.GetAISession200Response, quantcdn.ApiResponse[plain_])
    assert raw.__name__ == "BaseHTTPResponse"
    mentioned = re.findall(r"`(\w+)`", table.body[1][1])
    assert mentioned[0] == "ApiResponse"
    response = quantcdn.ApiResponse(status_code=200, data=None, raw_data=b"")
    assert {name for name in dir(response) if not name.startswith("_")} == set(mentioned[1:])


def check_example_environment(table: Table, _sent: dict[str, Received]) -> None:
    read = {
        name
        for fence in PYTHON
        if fence.page == table.page
        for name in re.findall(r"os\.environ(?:\.get\(|\[)\"(\w+)\"", fence.text)
    }
    assert sorted(map(plain, table.column("Name"))) == sorted(read)


def check_sandbox_options(table: Table, _sent: dict[str, Received]) -> None:
    command = [sys.executable, "-m", "quantcdn.sandbox", "--help"]
    text = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    ).stdout
    listed = re.findall(r"^  (--[\w-]+)(?: [A-Z_]+)?\s+(.+)$", text, re.MULTILINE)
    assert [(plain(option), description) for option, description in table.body] == listed
    for line in BASH:
        if "quantcdn.sandbox" in line:
            assert set(re.findall(r"--[\w-]+", line)) <= {option for option, _ in listed}


def check_sandbox_parameters(table: Table, _sent: dict[str, Received]) -> None:
    described = dict(re.findall(r"^    (\w+): (.+)\.$", inspect.getdoc(running) or "", re.MULTILINE))
    expected = [
        (f"**{parameter.name}**", described[parameter.name], f"[default to {parameter.default}]")
        for parameter in inspect.signature(running).parameters.values()
    ]
    assert table.body == expected


def check_sandbox_seed(table: Table, _sent: dict[str, Received]) -> None:
    described = dict(re.findall(r"^    (\w+): (.+)\.$", inspect.getdoc(RunningSandbox.seed) or "", re.MULTILINE))
    names = list(inspect.signature(RunningSandbox.seed).parameters)[1:]
    assert table.body == [(f"`{name}=`", described[name]) for name in names]


def check_sandbox_faults(table: Table, _sent: dict[str, Received]) -> None:
    with running() as service, quantcdn.ApiClient(quantcdn.Configuration(service.host, service.access_token)) as client:
        api = AISessionsApi(client)
        for fault, done, raised in table.body:
            session = service.seed()
            with (
                service.fail("update", **eval(f"dict({plain(fault)})")),
                pytest.raises(quantcdn.ApiException) as caught,
            ):
                api.update_ai_session(service.organisation, session, {"tokensUsed": 5}, _request_timeout=2)
            assert type(caught.value).__name__ == plain(raised), fault
            stored = api.get_ai_session(service.organisation, session).to_dict()["total_tokens"]
            assert stored == {"nothing": 0, "all": 5}[done], fault


def check_examples(table: Table, _sent: dict[str, Received]) -> None:
    names = [plain(example) for example in table.column("Example")]
    assert table.column("Example") == [f"[{name}](examples/{name})" for name in names]
    assert sorted(names) == sorted(path.name for path in (ROOT / "docs" / "examples").iterdir() if path.is_file())
    for name, command in zip(names, table.column("Run it with"), strict=True):
        assert re.search(rf"\b{Path(name).stem}\b", command)


def check_example_answers(table: Table, _sent: dict[str, Received]) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "examples").glob("chat_*.py")]
    given = {status for source in sources for status in re.findall(r"\b[45]\d\d\b", source)}
    assert re.findall(r"\d+", " ".join(table.column("Answer"))) == sorted(given)


def check_extras(table: Table, _sent: dict[str, Received]) -> None:
    assert [plain(name) for name in table.column("Extra")] == sorted(metadata("quantcdn").get_all("Provides-Extra", []))


def check_rooms(table: Table, _sent: dict[str, Received]) -> None:
    modules = {path.name for path in (ROOT / "quantcdn").glob("*.py")}
    folders = {f"{path.parent.name}/" for path in (ROOT / "quantcdn").glob("*/__init__.py")}
    assert sorted(re.findall(r"`(\w+(?:\.py|/))`", " ".join(table.column("Room")))) == sorted(modules | folders)


def check_places(table: Table, _sent: dict[str, Received]) -> None:
    for place in re.findall(r"`([\w/]+(?:\.py|/))`", " ".join(table.column("Change"))):
        assert (ROOT / "quantcdn" / place).exists(), place


def check_environments(table: Table, _sent: dict[str, Received]) -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    assert [plain(name) for name in table.column("Environment")] == tox["tox"]["env_list"].split(", ")


def check_no_proxy(table: Table, _sent: dict[str, Received]) -> None:
    named = ["https://api.example.com", "https://10.1.2.3", "https://[2001:db8::1]"]
    named += ["https://example.com:8443", "https://[2001:db8::1]:8443", "https://bücher.example", "https://any.other"]
    for entries, _ in table.body:
        for entry in re.findall(r"`(.+?)`", entries):
            assert any(is_exempt(origin_of(host), entry) for host in named), entry


def check_names(table: Table, _sent: dict[str, Received]) -> None:
    assert all(hasattr(quantcdn.Configuration(), plain(name)) for name in table.column("Option"))


def check_exit_codes(table: Table, _sent: dict[str, Received]) -> None:
    told = zip(table.column("Exit code"), map(plain, table.column("Meaning")), strict=True)
    assert list(told) == [(str(int(code)), MEANINGS[code]) for code in Exit]


def check_commands(table: Table, _sent: dict[str, Received]) -> None:
    root: Any = typer.main.get_command(app)
    groups = {name: getattr(command, "commands", None) for name, command in root.commands.items()}
    commands = {f"{group} {name}": command for group, of in groups.items() if of for name, command in of.items()}
    commands |= {name: command for name, command in root.commands.items() if not groups[name]}
    expected = {f"`quantcdn {name}`": _first_sentence(command.help) for name, command in commands.items()}
    assert dict(table.body) == expected


def check_measured(table: Table, _sent: dict[str, Received]) -> None:
    assert f"### {table.heading}\n" in (ROOT / "benchmarks" / "report.py").read_text("utf-8").replace("\\n", "\n")
    known: dict[str, Sequence[str]] = {"Client": [rival.title for rival in RIVALS.values()], "Promise": [*WITHOUT]}
    rows = table.column(table.header[0])
    assert [row for row in known.get(table.header[0], rows) if row in rows] == rows
    for _, *cells in table.body:
        assert all(re.fullmatch(r"[+-]?\d[\d,.]*( µs| ms| MB)?( ± .*| \(-?\d.*%\))?", cell) for cell in cells), cells


def check_pythons(table: Table, _sent: dict[str, Received]) -> None:
    supported = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert table.column("Python") == supported
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    minors = ",".join(version.removeprefix("3.") for version in supported)
    assert tox["tox"]["labels"].strip() == f"interpreters = py3{{{minors}}}-{{lowest,newest}}"
    assert {cell for _, *cells in table.body for cell in cells} <= {"run as a whole", "not run as a whole"}


def check_systems(table: Table, _sent: dict[str, Received]) -> None:
    assert table.column("System") == ["Linux", "Windows", "macOS"]


def check_where_to_go(table: Table, _sent: dict[str, Received]) -> None:
    """From the README every page can be reached by a link of its own, but for those that other pages list."""
    linked = {name for cell in table.column("Read") for name in re.findall(r"\(docs/(\w+)\.md\)", cell)}
    own = {page.path.stem for page in PAGES.values() if page.path.parent.name == "docs"}
    assert linked == own - {*MODELS} - {"Platforms"}


def check_ways(table: Table, _sent: dict[str, Received]) -> None:
    for _, rate, held_up in table.body:
        assert re.fullmatch(r"[\d,]+", rate)
        assert re.fullmatch(r"[\d,]+ ms", held_up)


def check_many_sessions(table: Table, _sent: dict[str, Received]) -> None:
    assert f'"{" | ".join(table.header)}"' in (ROOT / "benchmarks" / "clusters.py").read_text("utf-8")
    figure = r"[\d,. ]+( to [\d,]+)?( µs| MB)?|export|extend|delete|[\d,]+ done(, \d+ unknown)?"
    for row in table.body:
        assert all(re.fullmatch(figure, cell) for cell in row), row


def check_named_tests(table: Table, _sent: dict[str, Received]) -> None:
    for cell in table.column("Test"):
        file, name = plain(cell).split("::")
        assert f"def {name}(" in (ROOT / "test" / file).read_text("utf-8")


def check_deviations(table: Table, _sent: dict[str, Received]) -> None:
    """Whether they occur, `tox -e faithful` finds; here, that each is one."""
    contract = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
    documented = {
        re.split("[A-Z]", definition["operationId"])[0]: set(definition["responses"])
        for path in contract["paths"].values()
        for definition in path.values()
        if isinstance(definition, dict)
    }
    for names, status, _, _ in table.body:
        for operation in documented if names == "all" else names.split(", "):
            assert status not in documented[operation] - {"200", "400"}, operation


CHECKS: dict[tuple[str, ...], Callable[[Table, dict[str, Received]], None]] = {
    ("Class", "Method", "HTTP request", "Description"): check_endpoints,
    ("Method", "HTTP request", "Description"): check_endpoints,
    ("Status code", "Description", "Response headers"): check_answers,
    ("Exception", "Raised for"): check_exceptions,
    ("Index", "URL", "Description"): check_servers,
    ("Setting", "Names"): check_settings,
    ("Variant", "Returns"): check_variants,
    ("Name", "Description"): check_example_environment,
    ("Option", "Description"): check_sandbox_options,
    ("Name", "Description", "Notes"): check_sandbox_parameters,
    ("Argument of `seed`", "What it says of the session"): check_sandbox_seed,
    ("Argument of `fail`", "What is done", "What an update raises"): check_sandbox_faults,
    ("Exit code", "Meaning"): check_exit_codes,
    ("Command", "What it does"): check_commands,
    ("Example", "What it shows", "Run it with"): check_examples,
    ("Answer", "Meaning"): check_example_answers,
    ("Extra", "What it brings"): check_extras,
    ("Room", "What lives there", "Its rule"): check_rooms,
    ("To add", "Change"): check_places,
    ("Environment", "What it checks"): check_environments,
    ("Entry", "Servers"): check_no_proxy,
    ("Option", "The name"): check_names,
    ("Python", "Lowest dependencies", "Newest dependencies"): check_pythons,
    ("System", "How that is known"): check_systems,
    ("To", "Read"): check_where_to_go,
    ("Way", "Calls a second", "Event loop held up"): check_ways,
    ("Workers", "Sessions exported a second"): check_many_sessions,
    (
        "Work",
        "Sessions a second",
        "Outcomes",
        "Asked for once, again",
        "Memory here",
        "Memory of a worker",
    ): check_many_sessions,
    ("What differs", "Test"): check_named_tests,
    ("What holds", "Test"): check_named_tests,
    ("Operations", "Status", "Says, or takes", "Why"): check_deviations,
    ("Executor", "When", "Where a worker is lost", "Test"): check_named_tests,
    ("What happens", "What the reader sees", "What is stored", "Test"): check_named_tests,
}
CHECKS_BY_HEADING = {"Properties": check_properties, "Parameters": check_parameters, "Per-call options": check_options}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.page}: {table.title}: {table.heading}")
def test_a_table_agrees_with_the_code(table: Table, sent: dict[str, Received]) -> None:
    if table.header == ("Name", "Type", "Description", "Notes"):
        check = CHECKS_BY_HEADING[table.heading]
    elif table.page == "docs/Performance.md" and table.header not in CHECKS:
        check = check_measured
    else:
        check = CHECKS[table.header]

    check(table, sent)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_of_a_model_has_its_table(name: str) -> None:
    (table,) = PAGES[f"docs/{name}.md"].tables

    assert (table.title, table.heading) == (name, "Properties")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_page_of_an_operation_states_its_signature_and_headers(operation: str, sent: dict[str, Received]) -> None:
    text = API_PAGE.sections[operation]
    signature = inspect.signature(OPERATIONS[operation])
    returned = _type_name(signature.return_annotation)
    parameters = ", ".join(
        p.name if p.default is p.empty else f"{p.name}={p.name}" for p in _parameters(OPERATIONS[operation])
    )
    headers = sent[operation].headers

    assert f"> {returned} {operation}({parameters})\n" in text
    assert f"### Return type\n\n{_type_cell(signature.return_annotation)}\n" in text
    assert f" - **Content-Type**: {headers.get('content-type', 'Not defined')}\n" in text
    assert f" - **Accept**: {headers['accept']}\n" in text
    assert [table.heading for table in API_PAGE.tables if table.title == operation] == [
        "Parameters",
        "HTTP response details",
    ]
