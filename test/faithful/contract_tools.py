"""The sandbox keeps to the contract, as tools see it that nobody here wrote: schemathesis, and the Prism proxy.

They find nothing that the table of deviations in `docs/Sandbox.md` does not name, and everything that it names.
"""

import base64
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import yaml
from markdown_it import MarkdownIt
from programs import prism
from test_operations import OPERATIONS

from quantcdn import AISessionsApi, ApiClient, ApiException, Configuration
from quantcdn.sandbox import Sandbox

pytestmark = pytest.mark.timeout(900)

DOCS = Path(__file__).parents[2] / "docs"
CONTRACT = DOCS / "openapi.yaml"
SEED = 1
EXAMPLES = 200
LONGEST_SEARCH = 400
"""How long schemathesis may take for a search, in seconds; on an idle machine it takes some 20."""


class Finding(NamedTuple):
    """Where a tool found the sandbox to differ from the contract.

    Attributes:
        operation: create, get, list, update, extend or delete.
        status: what the sandbox answered.
        text: what it said of a request that it refused; the body of one that it took.
    """

    operation: str
    status: int
    text: str


class Deviation(NamedTuple):
    """A row of the table."""

    operations: list[str]
    status: int
    text: str

    def explains(self, finding: Finding) -> bool:
        same = self.text in finding.text if self.status >= 400 else self.text == finding.text
        return finding.operation in self.operations and finding.status == self.status and same


def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(CONTRACT.read_text("utf-8"))
    return document


def short(name: str) -> str:
    """The first word of the name that an operation has in the contract or in the SDK."""
    return re.split("[A-Z_]", name)[0]


NAMES = {
    f"{method.upper()} {path}": short(definition["operationId"])
    for path, item in contract()["paths"].items()
    for method, definition in item.items()
    if method != "parameters"
}
"""The operations by their requests."""


def declared() -> list[Deviation]:
    tokens = MarkdownIt("commonmark").enable("table").parse((DOCS / "Sandbox.md").read_text("utf-8"))
    rows: list[list[str]] = []
    for token, following in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(following.content)
    (start,) = (index for index, row in enumerate(rows) if row[:2] == ["Operations", "Status"])
    deviations: list[Deviation] = []
    for operations, status, text, _ in rows[start + 1 :]:
        names = [*NAMES.values()] if operations == "all" else operations.split(", ")
        deviations.append(Deviation(names, int(status), text.strip("`")))
    return deviations


DECLARED = declared()


# schemathesis


class Searches:
    """What searches of schemathesis have found, and how often each operation did its work in them."""

    def __init__(self, service: Sandbox, folder: Path) -> None:
        self.findings: set[Finding] = set()
        self.done: Counter[str] = Counter()
        self._service = service
        self._folder = folder

    def run(self, document: dict[str, Any], settings: str, *options: str) -> None:
        place = {name: self._folder / name for name in ("contract.yaml", "settings.toml", "events", "report.json")}
        place["contract.yaml"].write_text(yaml.safe_dump(document), "utf-8")
        organisation = f'[parameters]\n"path.organisation" = "{self._service.organisation}"\n'
        place["settings.toml"].write_text(organisation + settings, "utf-8")
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", place["settings.toml"]),
                *("run", place["contract.yaml"], "--url", self._service.host),
                *("--header", f"Authorization: Bearer {self._service.access_token}"),
                *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--generation-database", "none"),
                *("--continue-on-failure", "--no-shrink", "--no-color"),
                *("--report", "json,ndjson", "--report-json-path", place["report.json"]),
                *("--report-ndjson-path", place["events"]),
                *options,
            ],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=LONGEST_SEARCH,
            check=False,
        )
        assert run.returncode in (0, 1), run.stdout + run.stderr
        report = json.loads(place["report.json"].read_text("utf-8"))
        assert (report["complete"], report["errors"]) == (True, []), run.stdout
        for line in place["events"].read_text("utf-8").splitlines():
            if finished := json.loads(line).get("ScenarioFinished"):
                self._read(finished["recorder"])

    def _read(self, recorder: dict[str, Any]) -> None:
        for case, interaction in recorder.get("interactions", {}).items():
            value, response = recorder["cases"][case]["value"], interaction["response"]
            assert response, interaction
            operation = NAMES.get(f"{value['method']} {value['path']}", value["method"])
            self.done[operation] += response["status_code"] < 300
            failures = [check for check in recorder["checks"].get(case, []) if check["status"] == "failure"]
            for failure in failures:
                kind = failure["failure_info"]["failure"]["type"]
                self.findings.add(self._finding(kind, operation, interaction))

    def _finding(self, kind: str, operation: str, interaction: dict[str, Any]) -> Finding:
        status, answer = interaction["response"]["status_code"], text_of(interaction["response"]["content"])
        if kind in ("UndefinedStatusCode", "RejectedPositiveData"):
            return Finding(operation, status, json.loads(answer)["message"])
        if kind == "AcceptedNegativeData":
            return Finding(operation, status, text_of(interaction["request"]["body"]))
        return Finding(operation, status, f"{kind}: {answer}")


def text_of(content: dict[str, str] | None) -> str:
    return base64.b64decode(content["$base64"]).decode() if content else ""


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The contract with the ways from a session to its operations, and with bodies as closed as the sandbox has them.

    So that a search goes on from step to step, and on to what else a body holds, instead of being refused at once.
    """
    schemas = document["components"]["schemas"]
    for name in (name for name in schemas if "_request" in name):
        schemas[name]["additionalProperties"] = False
        if name.endswith("_inner"):
            schemas[name]["required"] = ["role", "content"]
    sessions, session, extend = document["paths"].values()
    of_one = [session["get"], session["put"], session["delete"], extend["put"]]
    for definition, where in [(sessions["post"], "body#/sessionId"), *[(each, "") for each in of_one]]:
        found = f"$response.{where}" if where else "$request.path.sessionId"
        (answer,) = (answer for status, answer in definition["responses"].items() if status.startswith("2"))
        names = [each["operationId"] for each in of_one]
        answer["links"] = {name: {"operationId": name, "parameters": {"sessionId": found}} for name in names}
    return document


@pytest.fixture(scope="module")
def searches(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Searches:
    pytest.importorskip("schemathesis")
    searches = Searches(sandbox_process, tmp_path_factory.mktemp("schemathesis"))
    # It finds by itself which sessions can be read, but not which can be extended.
    with connected(sandbox_process.host, sandbox_process.access_token) as api:
        request = {"userId": "schemathesis", "expirationMinutes": 1440}
        kept = api.create_ai_session(sandbox_process.organisation, request).session_id
    extending = f"""
        [[operations]]
        include-operation-id = "extendAISession"
        parameters = {{ "path.sessionId" = "{kept}" }}
    """
    searches.run(contract(), extending, "--phases", "examples,coverage,fuzzing")
    searches.run(closed(contract()), "", "--phases", "fuzzing,stateful", "--mode", "positive")
    return searches


def test_schemathesis_finds_only_what_is_declared(searches: Searches) -> None:
    assert undeclared(searches.findings) == []


def test_schemathesis_went_far(searches: Searches) -> None:
    """What was refused at once would show little."""
    assert all(searches.done[operation] > EXAMPLES / 10 for operation in NAMES.values()), searches.done


# Prism


def found_by_prism(service: Sandbox, host: str, token: str, organisation: str, *, there: bool) -> Iterator[Finding]:
    """Carry out each operation, on a session that is there or on one that is not."""
    allowed = there and (token, organisation) == (service.access_token, service.organisation)
    with connected(service.host, service.access_token) as direct, connected(host, token) as api:
        for operation in OPERATIONS:
            request = {"userId": "user-1", "initialMessages": [{"role": "user", "content": "Hello"}]}
            session = direct.create_ai_session(service.organisation, request).session_id if there else str(uuid4())
            known = {"organisation": organisation, "session_id": session}
            path = {name: known[name] for name in operation.path}
            try:
                answer = operation.call(api, "_with_http_info", **path)
            except ApiException as refused:
                assert not allowed
                status, headers, text = refused.status, refused.headers, refused.body
            else:
                assert not allowed or operation.done(answer.data, path)
                status, headers, text = answer.status_code, answer.headers, answer.raw_data
            assert status is not None
            assert headers is not None
            if "sl-violations" in headers:
                yield Finding(short(operation.name), status, json.loads(text or "")["message"])
            elif "problem" in headers["content-type"]:
                yield Finding(short(operation.name), status, f"Prism: {text!r}")


@pytest.fixture(scope="module")
def passed(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> set[Finding]:
    """What Prism finds in what passes between this SDK and the sandbox."""
    service = sandbox_process
    with prism(tmp_path_factory.mktemp("prism"), CONTRACT, service.host) as program:
        found = partial(found_by_prism, service, f"http://{program.address}")
        return {
            *found(service.access_token, service.organisation, there=True),
            *found(service.access_token, service.organisation, there=False),
            *found(service.access_token, "another", there=True),
            *found("unknown", service.organisation, there=True),
        }


def test_prism_finds_only_what_is_declared(passed: set[Finding]) -> None:
    assert undeclared(passed) == []


def test_every_declared_deviation_occurs(searches: Searches, passed: set[Finding]) -> None:
    found = searches.findings | passed
    assert [
        (operation, deviation)
        for deviation in DECLARED
        for operation in deviation.operations
        if not any(deviation.explains(finding) for finding in found if finding.operation == operation)
    ] == []


def undeclared(findings: set[Finding]) -> list[Finding]:
    return sorted(each for each in findings if not any(deviation.explains(each) for deviation in DECLARED))


@contextmanager
def connected(host: str, token: str) -> Iterator[AISessionsApi]:
    with ApiClient(Configuration(host, token, retries=0)) as client:
        yield AISessionsApi(client)
