"""An export that is imported: what comes back, what does not, and that nothing is sent twice, whatever happens."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from quantcdn import AISessionsApi, ApiValueError, BadRequestException, OutcomeUnknownException, bulk
from quantcdn.sandbox import RunningSandbox, running
from quantcdn.testing import connected

QUANTCDN = str(Path(sys.executable).with_name("quantcdn"))
BRIEF = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello"}
HI = {"role": "assistant", "content": "Hi! \x1b[31m\u202e 👩\u200d👩 \n\t漢字"}


@pytest.fixture
def origin() -> Iterator[RunningSandbox]:
    with running() as service:
        yield service


@pytest.fixture
def target() -> Iterator[RunningSandbox]:
    with running(organisation="elsewhere") as service:
        yield service


@pytest.fixture
def api(target: RunningSandbox) -> Iterator[AISessionsApi]:
    with connected(target) as api:
        yield api


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Write a file like those that an export leaves, of these sessions."""

    def write(*sessions: dict[str, Any]) -> Path:
        path = tmp_path / "sessions.jsonl"
        path.write_text("".join(f"{json.dumps({'user_id': 'user-1', **session})}\n" for session in sessions))
        return path

    return write


def command(service: RunningSandbox, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of ``quantcdn sessions`` against a sandbox."""
    env = {**os.environ, "QUANT_BASE_URL": service.host, "QUANT_API_TOKEN": service.access_token}
    env["QUANT_ORGANISATION"] = service.organisation
    run = subprocess.run([QUANTCDN, "sessions", *arguments], env=env, capture_output=True, text=True, check=False)
    assert run.returncode == code, (run.stdout, run.stderr)
    return run


def exported(service: RunningSandbox, path: Path, ids: list[str]) -> list[dict[str, Any]]:
    with connected(service) as api:
        bulk.export(api, service.organisation, path, session_ids=ids)
    return [json.loads(line) for line in path.read_text().splitlines()]


def states(path: Path) -> dict[str, dict[str, Any]]:
    """The last line of each session in the map of an import."""
    lines = path.with_name(f"{path.name}.imported.jsonl").read_text().splitlines()
    return {line["id"]: line for line in map(json.loads, lines)}


def test_what_was_exported_and_imported_is_exported_equal_but_for_ids_and_times(
    origin: RunningSandbox, target: RunningSandbox, tmp_path: Path
) -> None:
    ids = [
        origin.seed(user_id="user-7", session_group="shop", metadata={"title": "T", "model": "m", "n": [1.5, None]}),
        origin.seed(
            age=timedelta(days=3), total_tokens=12, messages=[{"role": "system", "content": "Be brief."}, HELLO]
        ),
        origin.seed(status="completed", total_tokens=3, messages=[HELLO, HI, HELLO, HI]),
        origin.seed(status="completed"),
    ]
    before = {session["id"]: session for session in exported(origin, tmp_path / "before.jsonl", ids)}

    run = command(target, "import", "--", str(tmp_path / "before.jsonl"))
    records = [json.loads(line) for line in run.stdout.splitlines()]
    became = {record["new_id"]: record["id"] for record in records}
    after = exported(target, tmp_path / "after.jsonl", list(became))

    assert [record["id"] for record in records] == list(before)
    assert {record["outcome"] for record in records} == {"done"}
    assert run.stderr.splitlines()[:2] == [
        "Sessions: 4 imported.",
        "Not carried over: ids, times, and what create and update do not take.",
    ]
    repeated = command(target, "import", "--", str(tmp_path / "before.jsonl"))
    again = [json.loads(line) for line in repeated.stdout.splitlines()]
    assert again == [{**record, "outcome": "done_before"} for record in records]
    assert repeated.stderr.splitlines()[0] == "Sessions: 4 imported before."
    own = ("id", "created_at", "updated_at", "expires_at")
    assert len(after) == 4
    for session in after:
        old = before[became[session["id"]]]
        assert {k: v for k, v in session.items() if k not in own} == {k: v for k, v in old.items() if k not in own}
        lifetimes = [datetime.fromisoformat(s["expires_at"].replace("Z", "+00:00")) for s in (session, old)]
        assert abs(lifetimes[0] - lifetimes[1]) < timedelta(minutes=2)


@pytest.mark.parametrize("lines", ["", "\n\n"])
def test_an_empty_export_is_imported_without_a_word_of_a_map(
    target: RunningSandbox, tmp_path: Path, lines: str
) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(lines)
    run = command(target, "import", "--", str(path))
    assert (run.stdout, run.stderr) == ("", "Sessions: none.\n")
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_import_sends_nothing(target: RunningSandbox, api: AISessionsApi, export: Callable[..., Path]) -> None:
    path = export({"id": "s-1", "messages": [HELLO], "total_tokens": 5}, {"id": "s-2"})
    first = bulk.import_(api, "elsewhere", path)
    came = len(target.requests)
    second = bulk.import_(api, "elsewhere", path)

    assert len(target.requests) == came == 3
    assert second == first
    assert str(second) == "2 done"
    assert {s.id for s in api.list_ai_sessions("elsewhere")} == {result.new_id for result in first.results}


def test_another_organisation_is_another_import(export: Callable[..., Path]) -> None:
    path = export({"id": "s-1"})
    with running(access_token="t", organisation="one", tokens={"t": ["two"]}) as service, connected(service) as api:
        reports = [bulk.import_(api, organisation, path) for organisation in ("one", "two", "one")]
        assert len(service.requests.of("create")) == 2
    assert reports[0] == reports[2] != reports[1]


@pytest.mark.parametrize("drop", ["before", "after"])
def test_what_may_have_been_sent_is_not_sent_again(
    target: RunningSandbox, api: AISessionsApi, export: Callable[..., Path], drop: Any
) -> None:
    path = export({"id": "s-1"}, {"id": "s-2"})
    target.fail("create", drop=drop, after=1)
    first = bulk.import_(api, "elsewhere", path, workers=1)
    target.mend()
    run = command(target, "import", "--", str(path), code=8)

    assert [result.outcome for result in first.results] == ["done", "unknown"]
    assert isinstance(first.results[1].error, OutcomeUnknownException)
    assert [json.loads(line)["outcome"] for line in run.stdout.splitlines()] == ["done_before", "unknown"]
    assert f"An earlier import has begun it, as {path}.imported.jsonl says" in run.stderr
    assert len(target.requests.of("create")) == 2


def test_an_update_of_unknown_outcome_is_not_sent_again_either(
    target: RunningSandbox, api: AISessionsApi, export: Callable[..., Path]
) -> None:
    path = export({"id": "s-1", "total_tokens": 5})
    target.fail("update", drop="after")
    (lost,) = bulk.import_(api, "elsewhere", path).results
    target.mend()
    (again,) = bulk.import_(api, "elsewhere", path).results

    assert (lost.outcome, again.outcome) == ("unknown", "unknown")
    assert again.new_id == lost.new_id == states(path)["s-1"]["new_id"]
    target.requests.assert_received("update")


def test_once_somebody_has_looked_the_map_can_say_so(
    target: RunningSandbox, api: AISessionsApi, export: Callable[..., Path]
) -> None:
    path = export({"id": "s-1"}, {"id": "s-2"})
    target.fail("create", drop="before", times=2)
    bulk.import_(api, "elsewhere", path)
    known = path.with_name("sessions.jsonl.imported.jsonl")
    line = states(path)["s-1"]
    known.write_text(json.dumps({**line, "outcome": "done", "new_id": "n-1"}) + "\n")
    report = bulk.import_(api, "elsewhere", path)

    assert [result.outcome for result in report.results] == ["done", "done"]
    assert report.results[0].new_id == "n-1"
    assert len(api.list_ai_sessions("elsewhere")) == 1


def test_what_was_refused_is_tried_again_from_where_it_was(
    target: RunningSandbox, api: AISessionsApi, export: Callable[..., Path]
) -> None:
    path = export({"id": "s-1", "messages": [HELLO], "total_tokens": 5})
    target.fail("create", status=400, times=1)
    target.fail("update", status=400, times=1)
    results = [bulk.import_(api, "elsewhere", path).results[0] for _ in range(3)]

    assert [result.outcome for result in results] == ["failed", "failed", "done"]
    assert isinstance(results[0].error, BadRequestException)
    assert [result.new_id is None for result in results] == [True, False, False]
    assert results[1].new_id == results[2].new_id
    assert [len(target.requests.of(name)) for name in ("create", "update")] == [2, 2]
    session = api.get_ai_session("elsewhere", str(results[2].new_id)).to_dict()
    assert (session["total_tokens"], session["messages"]) == (5, [HELLO])


def test_a_process_that_is_killed_doubles_nothing(target: RunningSandbox, export: Callable[..., Path]) -> None:
    path = export(*({"id": f"s-{number}"} for number in range(8)))
    target.fail("create", delay=600, after=3)
    env = {**os.environ, "QUANT_BASE_URL": target.host, "QUANT_API_TOKEN": target.access_token}
    arguments = [QUANTCDN, "--organisation", "elsewhere", "sessions", "import", "--workers", "2", "--", str(path)]
    with subprocess.Popen(arguments, env=env) as process:
        while len(target.requests) < 5:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    with path.with_name(f"{path.name}.imported.jsonl").open("a") as known:
        known.write('{"id": "s-')  # as a crash may cut it off
    target.mend()
    command(target, "import", "--", str(path), code=8)

    outcomes = [line["outcome"] for line in states(path).values()]
    assert sorted(outcomes) == ["done"] * 6 + ["unknown"] * 2
    assert len(target.requests.of("create", status=201)) == 8


def signalled(target: RunningSandbox, path: Path, by: signal.Signals, *, creates: int) -> tuple[int, list[str], str]:
    """The exit code, the outcomes and the last words of an import that gets a signal once so many creates have come."""
    env = {**os.environ, "QUANT_BASE_URL": target.host, "QUANT_API_TOKEN": target.access_token}
    arguments = [QUANTCDN, "--organisation", "elsewhere", "sessions", "import", "--workers", "1", "--", str(path)]
    with subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while len(target.requests.of("create")) < creates:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(by)
        written, said = process.communicate(timeout=60)
    return process.returncode, [json.loads(line)["outcome"] for line in written.splitlines()], said


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_waits_for_what_is_under_way_and_the_next_import_goes_on(
    target: RunningSandbox, export: Callable[..., Path], by: signal.Signals
) -> None:
    path = export(*({"id": f"s-{number}", "total_tokens": 1} for number in range(4)))
    target.fail("create", delay=0.5, after=1)
    code, outcomes, said = signalled(target, path, by, creates=2)
    target.mend()
    again = command(target, "import", "--", str(path))

    assert code == (130 if by == signal.SIGINT else 143)
    assert outcomes == ["done", "done", "not_tried", "not_tried"]
    assert said == "Sessions: 2 imported, 2 not tried.\nInterrupted. The same command goes on from there.\n"
    assert again.stderr.startswith("Sessions: 2 imported, 2 imported before.\n")
    outcomes = [json.loads(line)["outcome"] for line in again.stdout.splitlines()]
    assert outcomes == ["done_before", "done_before", "done", "done"]
    assert [len(target.requests.of(name)) for name in ("create", "update")] == [4, 4]


def test_of_a_repeated_import_that_is_interrupted_the_rows_say_what_was_done_before(
    target: RunningSandbox, export: Callable[..., Path]
) -> None:
    path = export(*({"id": f"s-{number}", "total_tokens": 1} for number in range(5)))
    target.fail("create", status=400, after=2, times=3)
    command(target, "import", "--workers", "1", "--", str(path), code=8)
    target.mend()
    target.fail("create", delay=0.5, after=1)
    _, outcomes, said = signalled(target, path, signal.SIGINT, creates=7)

    assert outcomes == ["done_before", "done_before", "done", "done", "not_tried"]
    counts = "Sessions: 2 imported, 1 not tried, 2 imported before.\n"
    assert said == f"{counts}Interrupted. The same command goes on from there.\n"


def test_a_repeated_import_says_how_all_are_imported_once_more(
    target: RunningSandbox, export: Callable[..., Path]
) -> None:
    path = export({"id": "s-1"})
    known = path.with_name("sessions.jsonl.imported.jsonl")
    hint = "To import all of them once more, move that file away.\n"
    assert hint not in command(target, "import", "--", str(path)).stderr
    assert command(target, "import", "--", str(path)).stderr.endswith(f"stands in {known}.\n{hint}")
    known.rename(path.with_name("moved"))
    assert command(target, "import", "--", str(path)).stderr.startswith("Sessions: 1 imported.\n")


def test_a_long_history_goes_in_pieces(target: RunningSandbox, api: AISessionsApi, export: Callable[..., Path]) -> None:
    said = [{"role": "user", "content": f"{number}" * 100_000} for number in range(9)] + [
        {"role": "assistant", "content": "é" * 300_000}
    ]
    path = export({"id": "s-1", "messages": said, "total_tokens": 5, "status": "completed"})
    target.fail("update", status=400, after=1, times=1)
    for _ in range(2):
        (result,) = bulk.import_(api, "elsewhere", path).results

    session = api.get_ai_session("elsewhere", str(result.new_id)).to_dict()
    assert (session["messages"], session["total_tokens"], session["status"]) == (said, 5, "completed")
    target.requests.assert_received("create")
    assert len(target.requests.of("update", status=200)) == 2


def test_a_late_message_of_the_system_is_among_the_initial_ones(
    api: AISessionsApi, export: Callable[..., Path]
) -> None:
    said = [{"role": role, "content": "x" * 300_000} for role in ("user", "system", "user", "user")]
    (result,) = bulk.import_(api, "elsewhere", export({"id": "s-1", "messages": said})).results
    assert result.outcome == "done"
    assert api.get_ai_session("elsewhere", str(result.new_id)).messages == said


@pytest.mark.parametrize(
    ("left", "lives"),
    [(timedelta(hours=-1), 60), (timedelta(seconds=30), 5), (timedelta(hours=3), 180), (timedelta(days=9), 1440)],
    ids=str,
)
def test_a_session_lives_as_long_as_it_would_have(
    api: AISessionsApi, export: Callable[..., Path], left: timedelta, lives: int
) -> None:
    now = datetime.now(timezone.utc)
    path = export({"id": "s-1", "expires_at": (now + left).isoformat()})
    (result,) = bulk.import_(api, "elsewhere", path).results
    expires_at = api.get_ai_session("elsewhere", str(result.new_id)).to_dict()["expires_at"]
    lived = datetime.fromisoformat(expires_at.replace("Z", "+00:00")) - now
    assert abs(lived - timedelta(minutes=lives)) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("no JSON", "Line 2 of {path} is no session that can be imported: it is no JSON\n"),
        ("\udcff", "Line 2 of {path} is no session that can be imported: it is no UTF-8\n"),
        ("[]", "Line 2 of {path} is no session that can be imported: it is no JSON object with an id\n"),
        ("{}", "it has no id"),
        (
            '{"id": "s-2", "user_id": ""}',
            "it does not say whose session it is, as an export does: give",
        ),
        ('{"id": "s-2", "user_id": 7, "messages": "none"}', "its user_id, messages cannot be read"),
        ('{"id": "s-1", "user_id": "u"}', "Line 2 of {path} is the same session as line 1\n"),
    ],
)
def test_a_file_that_is_no_export_is_refused_before_anything_is_sent(
    target: RunningSandbox, export: Callable[..., Path], line: str, problem: str
) -> None:
    path = export({"id": "s-1"})
    path.write_text(f"{path.read_text()}{line}\n", errors="surrogateescape")
    run = command(target, "import", "--", str(path), code=2)
    assert problem.format(path=path) in run.stderr
    assert len(target.requests) == 0
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_sessions_that_do_not_say_whose_they_are_get_a_user(
    target: RunningSandbox, export: Callable[..., Path]
) -> None:
    path = export({"id": "s-1", "user_id": None}, {"id": "s-2", "user_id": "user-2"})
    path.write_text(f'{path.read_text()}\n{{"sessionId": "s-3", "userId": "user-3"}}')
    command(target, "import", "--user", "user-9", "--", str(path))
    users = {request.body["userId"] for request in target.requests.of("create")}
    assert users == {"user-9", "user-2", "user-3"}


def test_what_cannot_be_sent_is_told_and_stops_nothing(target: RunningSandbox, export: Callable[..., Path]) -> None:
    path = export({"id": "s-1", "messages": [{"role": "tool", "content": "x"}]}, {"id": "s-2"})
    run = command(target, "import", "--", str(path), code=8)
    assert [json.loads(line)["outcome"] for line in run.stdout.splitlines()] == ["failed", "done"]
    assert re.search(r"s-1: .*role: Input should be one of 'system', 'user', 'assistant'", run.stderr)
    target.requests.assert_received("create")


def test_two_imports_of_a_file_do_not_run_at_a_time(api: AISessionsApi, export: Callable[..., Path]) -> None:
    path = export({"id": "s-1"})
    refused: list[str] = []

    def again(_: bulk.Result) -> None:
        with pytest.raises(BlockingIOError) as caught:
            bulk.import_(api, "elsewhere", path)
        refused.append(str(caught.value))

    bulk.import_(api, "elsewhere", path, on_result=again)
    assert "Another import writes here" in refused[0]


def test_what_is_no_map_is_left_alone(target: RunningSandbox, api: AISessionsApi, export: Callable[..., Path]) -> None:
    path = export({"id": "s-1"})
    other = path.with_name(f"{path.name}.imported.jsonl")
    other.write_text("mine\n")
    other.chmod(0o600)
    with pytest.raises(ApiValueError, match="is not the map of an import: line 1 cannot be read"):
        bulk.import_(api, "elsewhere", path)
    assert other.read_text() == "mine\n"
    assert len(target.requests) == 0


def test_a_file_that_is_not_there_leaves_nothing(target: RunningSandbox, tmp_path: Path) -> None:
    run = command(target, "import", "--", str(tmp_path / "none.jsonl"), code=1)
    assert run.stderr.endswith("none.jsonl: No such file or directory\n")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_none(target: RunningSandbox, tmp_path: Path) -> None:
    run = command(target, "import", "--", str(tmp_path), code=2)
    assert run.stderr == f"Error: {tmp_path} is a directory: give a file\n"
    assert len(target.requests) == 0
