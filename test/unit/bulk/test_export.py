"""Going on with an export that stopped anywhere, whatever stands in its file."""

import errno
import hashlib
import importlib.util
import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from quantcdn import AISessionsApi, ApiClient, ApiResponse, Configuration, GetAISession200Response, bulk
from quantcdn._wire.call import Call
from quantcdn._wire.decode import decode
from quantcdn._wire.message import Response
from quantcdn.bulk import _files

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

    def export(self, path: Path, *, dry_run: bool = False) -> bulk.Manifest:
        api = AISessionsApi(cast("ApiClient", self))
        return bulk.export(api, "org", path, session_ids=self.sessions, workers=1, dry_run=dry_run)


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


# In a folder where others may write, and where things are as they are on other systems


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def other_name(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def writable(path: Path, victim: Path) -> None:
    path.write_bytes(STOPPED)
    path.chmod(0o666)


def folder(path: Path, victim: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("name", ["a.jsonl.partial", "a.jsonl.manifest.json"])
@pytest.mark.parametrize("plant", [link, other_name, pipe, writable, folder])
def test_what_somebody_may_have_planted_is_not_used(
    tmp_path: Path, plant: Callable[[Path, Path], None], name: str, dry_run: bool
) -> None:
    path, victim = tmp_path / "a.jsonl", tmp_path / "victim"
    stop(path, STOPPED)
    (tmp_path / name).rename(victim)  # what stands there would be taken for ours, but for how
    plant(tmp_path / name, victim)
    before = {place.name: place.read_bytes() for place in tmp_path.iterdir() if place.is_file()}
    service = Service(SESSIONS)

    with pytest.raises(OSError, match=r"Not used, for |Is a directory") as caught:
        service.export(path, dry_run=dry_run)

    assert caught.value.filename == str(tmp_path / name)
    assert service.asked == []
    assert {place.name: place.read_bytes() for place in tmp_path.iterdir() if place.is_file()} == before


def test_a_file_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    stop(path, STOPPED)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    with pytest.raises(PermissionError, match="it belongs to somebody else"):
        Service(SESSIONS).export(path)


def test_what_others_may_read_they_may_read_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    stop(path, STOPPED)
    (tmp_path / "a.jsonl.partial").chmod(0o644)

    assert Service(SESSIONS).export(path).complete

    assert {stat.S_IMODE(place.stat().st_mode) for place in tmp_path.iterdir()} == {0o600}


def test_what_stands_where_a_manifest_is_made_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "a.jsonl.manifest.json.new").symlink_to(tmp_path / "victim")

    assert Service(SESSIONS).export(tmp_path / "a.jsonl").complete

    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert {place.name for place in tmp_path.iterdir()} == {"victim", "a.jsonl", "a.jsonl.manifest.json"}


def test_lines_that_came_in_place_of_ours_do_not_become_the_file(tmp_path: Path) -> None:
    partial = tmp_path / "a.jsonl.partial"

    class Meddling(Service):
        def execute_with_http_info(self, call: Call[Any]) -> ApiResponse[GetAISession200Response]:
            partial.unlink(missing_ok=True)
            partial.write_bytes(b"planted")
            return super().execute_with_http_info(call)

    with pytest.raises(FileNotFoundError, match="taken away while it was written"):
        Meddling(SESSIONS).export(tmp_path / "a.jsonl")

    assert not (tmp_path / "a.jsonl").exists()


def test_where_no_file_can_be_locked_that_is_said_and_none_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", refuse)
    service = Service(SESSIONS)

    with pytest.raises(OSError, match="No file can be locked here") as caught:
        service.export(tmp_path / "a.jsonl")

    assert caught.value.errno == errno.ENOLCK
    assert service.asked == []
    assert list(tmp_path.iterdir()) == []


def test_files_that_a_scanner_holds_open_for_a_moment_are_renamed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, refused = Path.replace, Counter[Path]()

    def refuse_twice(path: Path, target: Path) -> Path:
        refused[target] += 1
        if refused[target] <= 2:
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
        return replace(path, target)

    pauses: list[float] = []
    monkeypatch.setattr(Path, "replace", refuse_twice)
    monkeypatch.setattr("time.sleep", pauses.append)

    assert Service(SESSIONS).export(tmp_path / "a.jsonl").complete

    assert {place.name for place in tmp_path.iterdir()} == {"a.jsonl", "a.jsonl.manifest.json"}
    assert (tmp_path / "a.jsonl").read_bytes() == b"".join(LINES.values())
    assert sum(pauses) < 1


class FakeMsvcrt(ModuleType):
    """What Windows locks with: a byte from where the file stands."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.places: set[int] = set()

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        fcntl = pytest.importorskip("fcntl")
        self.places.add(os.lseek(descriptor, 0, os.SEEK_CUR))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None


def test_on_windows_too_two_exports_do_not_write_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeMsvcrt()
    spec = importlib.util.spec_from_file_location("files_on_windows", _files.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "msvcrt", fake)
        patch.setattr(sys, "platform", "win32")
        spec.loader.exec_module(module)
    monkeypatch.setattr("quantcdn.bulk._export._files", module)
    path = tmp_path / "a.jsonl"
    refusals: list[BlockingIOError] = []

    class Meddling(Service):
        def execute_with_http_info(self, call: Call[Any]) -> ApiResponse[GetAISession200Response]:
            with pytest.raises(BlockingIOError, match="Another export writes here") as caught:
                Service(SESSIONS).export(path)
            refusals.append(caught.value)
            return super().execute_with_http_info(call)

    manifest = Meddling(SESSIONS).export(path)

    assert len(refusals) == 4
    assert manifest.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert fake.places == {2**31 - 2}, "one that no reader of the lines meets"
