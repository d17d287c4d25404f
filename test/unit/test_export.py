"""Going on with an export that stopped anywhere, whatever stands in its file."""

import json
import os
from pathlib import Path
from typing import Any, cast

import pytest

from quantcdn import AISessionsApi, ApiClient, ApiResponse, Configuration, GetAISession200Response, bulk
from quantcdn._call import Call
from quantcdn._decode import decode
from quantcdn._message import Response

SESSIONS = {
    "a": b'{"id": "a", "title": "caf\xc3\xa9"}',
    "b": b'{"sessionId": "b", "n": 1.0}',
    "c": b'{"session_id": "c", "messages": []}',
    "d": b'{"id": "d"}',
}
LINES = {name: body + b"\n" for name, body in SESSIONS.items()}
STOPPED = b"".join(LINES[name] for name in "abc")


class Service:
    """In place of a client: it has the sessions, and notes which are asked for."""

    configuration = Configuration("http://127.0.0.1:9")

    def __init__(self, sessions: dict[str, bytes]) -> None:
        self.sessions = sessions
        self.asked: list[str] = []

    def execute_with_http_info(self, call: Call[Any]) -> ApiResponse[GetAISession200Response]:
        name = call.path.rpartition("/")[2]
        self.asked.append(name)
        body = self.sessions[name]
        return ApiResponse(status_code=200, data=decode(call, Response(200, "OK", {}, body)), raw_data=body)

    def export(self, path: Path) -> bulk.Manifest:
        return bulk.export(AISessionsApi(cast("ApiClient", self)), "org", path, session_ids=self.sessions, workers=1)


def stop(path: Path, lines: bytes, sessions: dict[str, bytes] = SESSIONS) -> None:
    """Leave the files of an export that stopped when these lines stood there."""
    manifest = Service(sessions).export(path)
    unfinished = {**manifest.model_dump(mode="json"), "complete": False}
    path.with_name(f"{path.name}.manifest.json").write_text(json.dumps(unfinished))
    path.rename(path.with_name(f"{path.name}.partial"))
    path.with_name(f"{path.name}.partial").write_bytes(lines)


def test_it_goes_on_wherever_it_was_cut(tmp_path: Path) -> None:
    for size in range(len(STOPPED) + 1):
        path = tmp_path / f"{size}.jsonl"
        stop(path, STOPPED[:size])
        service = Service(SESSIONS)

        assert service.export(path).complete

        whole = STOPPED[:size].count(b"\n")
        assert service.asked == list("abcd"[whole:]), "what stands whole is not asked for again"
        assert path.read_bytes() == b"".join(LINES.values())


@pytest.mark.parametrize(
    ("torn", "whole"),
    [
        (LINES["a"] + b"\x00" * 4000, 1),
        (LINES["a"] + b"\x00" * 40 + b"\n", 1),
        (LINES["a"] + b"\xff\n" + LINES["b"], 1),
        (LINES["a"] + b"[]\n", 1),
        (LINES["a"] + LINES["b"] + LINES["a"], 2),
        (LINES["a"] + b'{"id": "of another export"}\n' + LINES["b"], 1),
        (b"\n" + LINES["a"], 0),
    ],
    ids=["zeros", "a line of zeros", "no UTF-8", "no session", "a session twice", "another session", "an empty line"],
)
def test_what_is_no_whole_line_of_it_is_cut_off_with_all_after_it(tmp_path: Path, torn: bytes, whole: int) -> None:
    path = tmp_path / "a.jsonl"
    stop(path, torn)
    service = Service(SESSIONS)

    assert service.export(path).complete

    assert service.asked == list("abcd"[whole:])
    assert path.read_bytes() == b"".join(LINES.values())


def test_a_session_that_does_not_name_itself_gets_the_id_that_it_was_asked_for_by(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    sessions = {
        "a": b'{"title": "A"}',
        "b": b'{"id": null, "n": 1.0 }\r\n',
        "c": b"{}",
        "d": b'{"data": {"id": "d"}}',
        "7": b'{"id": 7}',
    }
    named = {
        "a": b'{"title": "A", "id": "a"}\n',
        "b": b'{"id": null, "n": 1.0, "id": "b"}\n',
        "c": b'{"id": "c"}\n',
        "d": b'{"data": {"id": "d"}, "id": "d"}\n',
        "7": b'{"id": 7}\n',
    }
    assert [json.loads(line)["id"] for line in named.values()] == ["a", "b", "c", "d", 7]

    for count in range(len(named) + 1):
        stop(path, b"".join(named.values()), sessions)
        path.with_name("a.jsonl.partial").write_bytes(b"".join([*named.values()][:count]))
        service = Service(sessions)

        assert service.export(path).complete

        assert service.asked == [*sessions][count:], "what stands is not asked for again"
        assert path.read_bytes() == b"".join(named.values())
        path.unlink()
        path.with_name("a.jsonl.manifest.json").unlink()


def test_an_answer_of_another_session_is_no_line(tmp_path: Path) -> None:
    manifest = Service({"a": b'{"id": "a"}', "b": b'{"id": "a"}'}).export(tmp_path / "a.jsonl")

    assert (manifest.complete, manifest.counts) == (False, {"done": 1, "failed": 1})
    assert manifest.failures == {"b": "200 The answer is of another session, 'a'"}
    assert (tmp_path / "a.jsonl.partial").read_bytes() == b'{"id": "a"}\n'


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (b'{"id": "a", "n": NaN}', b'{"id": "a", "n": null}'),
        (b'{"id": "a", "n": [-Infinity,Infinity ,1e999]}', b'{"id": "a", "n": [null,null ,1e999]}'),
        (
            b'{"id": "a", "NaN": "Infinity \\"NaN\\\\", "n": NaN}',
            b'{"id": "a", "NaN": "Infinity \\"NaN\\\\", "n": null}',
        ),
        (b'{"id": "a", "title": "NaN"}', b'{"id": "a", "title": "NaN"}'),
    ],
    ids=repr,
)
def test_a_number_that_is_none_becomes_null_and_nothing_else_changes(tmp_path: Path, sent: bytes, line: bytes) -> None:
    assert Service({"a": sent}).export(tmp_path / "a.jsonl").complete

    assert (tmp_path / "a.jsonl").read_bytes() == line + b"\n"


def test_an_export_that_stopped_before_its_first_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.partial").touch()

    assert Service(SESSIONS).export(tmp_path / "a.jsonl").counts == {"done": 4}


def test_a_stop_between_the_last_manifest_and_the_end_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    manifest = Service(SESSIONS).export(path)
    path.rename(tmp_path / "a.jsonl.partial")
    service = Service(SESSIONS)

    again = service.export(path)

    assert service.asked == []
    assert (again.sha256, again.counts) == (manifest.sha256, manifest.counts)
    assert path.read_bytes() == b"".join(LINES.values())


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    class Meddling(Service):
        def execute_with_http_info(self, call: Call[Any]) -> ApiResponse[GetAISession200Response]:
            path.write_text("mine")
            return super().execute_with_http_info(call)

    with pytest.raises(FileExistsError):
        Meddling(SESSIONS).export(path)

    assert path.read_text() == "mine"
    assert (tmp_path / "a.jsonl.partial").read_bytes() == b"".join(LINES.values())


def test_the_manifest_of_a_finished_export_is_not_overwritten_whatever_stands_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    Service(SESSIONS).export(path)
    path.rename(tmp_path / "moved.jsonl")
    (tmp_path / "a.jsonl.partial").touch()
    before = (tmp_path / "a.jsonl.manifest.json").read_bytes()

    with pytest.raises(FileExistsError):
        Service(SESSIONS).export(path)

    assert (tmp_path / "a.jsonl.manifest.json").read_bytes() == before


def test_a_link_that_leads_nowhere_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")

    with pytest.raises(FileExistsError):
        Service(SESSIONS).export(tmp_path / "a.jsonl")

    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_the_current_directory_may_change_while_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    class Moving(Service):
        def execute_with_http_info(self, call: Call[Any]) -> ApiResponse[GetAISession200Response]:
            os.chdir(tmp_path / "elsewhere")
            return super().execute_with_http_info(call)

    assert Moving(SESSIONS).export(Path("a.jsonl")).complete

    assert (tmp_path / "a.jsonl").read_bytes() == b"".join(LINES.values())
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_stop_at_the_very_end_of_an_export_of_nothing_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert Service({}).export(path).complete
    path.rename(tmp_path / "a.jsonl.partial")

    assert Service({}).export(path).complete

    assert path.read_bytes() == b""
