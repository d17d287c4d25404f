"""The command that erases sessions, and proves it with a receipt."""

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantcdn._show.age import TIME_NAMES
from quantcdn._show.covered import ACTIVE
from quantcdn._show.visible import visible
from quantcdn.cli._bulk import GOES_ON, exit_of, say_failures, told
from quantcdn.cli._connection import Connection, command
from quantcdn.cli._exits import Exit, Failure, say
from quantcdn.cli._files import write_own
from quantcdn.cli._help import MANY
from quantcdn.cli._output import Output, write_record
from quantcdn.cli._parameters import Group, IdsFrom, Model, User, Workers, choose, ids_in
from quantcdn.cli._sessions import sessions

if TYPE_CHECKING:
    from quantcdn import AISessionsApi
    from quantcdn.bulk import Manifest, Result


@command(
    sessions,
    f"""Export sessions, delete what was exported, read back that it is gone, and write a receipt.

    Those that the filters choose together, or those with the ids of --ids-from. Filters cover {ACTIVE}: ids cover both.
    Without --yes, the sessions are only listed. The receipt is FILE.receipt.json, beside the file of the export. Where
    it ends before its time, the same command goes on from there.
    """,
    [
        "quantcdn sessions erase --user user-7 -- user-7.jsonl",
        "quantcdn sessions erase --user user-7 --yes -- user-7.jsonl",
    ],
    MANY,
)
def erase(
    connection: Connection,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to export to. It must not be there yet.")],
    user: User = None,
    group: Group = None,
    model: Model = None,
    ids_from: IdsFrom = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without it, the sessions are only listed.")] = False,
    workers: Workers = 4,
    output: Output = None,
) -> Exit | None:
    from quantcdn import bulk

    filters = {"user_id": user, "session_group": group, "model": model}
    chosen: Any = {name: value for name, value in filters.items() if value is not None}
    choose(
        [{"--ids-from": ids_from}, {"--user": user, "--group": group, "--model": model}],
        "--user, --group or --model, or else --ids-from",
    )
    if ids_from is not None:
        chosen = {"session_ids": tuple(dict.fromkeys(ids_in(ids_from)))}
        if not chosen["session_ids"]:
            raise Failure(Exit.USAGE, f"{ids_from} holds no ids, and a receipt must tell of something")
    how: Any = {"workers": workers, "progress": not connection.quiet}
    with connection.open() as (api, organisation):
        if not yes:
            columns = ("id", "outcome", "title")
            told(connection, lambda: bulk.delete(api, organisation, dry_run=True, **chosen), columns, output)
            connection.tell(f"{'' if ids_from else f'Covered: {ACTIVE}. '}Nothing was deleted: --yes does it.")
            return None
        before = _read(_beside(path, "receipt"), api.api_client.configuration.host, organisation, chosen)
        if before is None:
            receipt = _Receipt(path, _exported(api, organisation, path, **chosen, **how))
        elif before["complete"]:
            _look_for_new(api, path, before, **chosen)
            write_record(before, output)
            connection.tell(f"This was done before, by {before['finished_at']}: nothing was to be done.")
            return None
        else:
            receipt = _Receipt.begun_before(path, before["sessions"])
        try:
            receipt.write()  # before anything is deleted
            failures = _delete(api, receipt, how)
            _read_back(api, receipt)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"Interrupted: {receipt.deleted}. {receipt.path} says which. {GOES_ON}") from None
        finally:  # what was deleted is told also where it was interrupted
            receipt.write()
    say_failures(failures)
    changed = [row["id"] for row in receipt.rows.values() if row["outcome"] == "changed"]
    for session_id in changed:
        say(f"{visible(session_id)}: not deleted, for it was changed after it was exported: erase it to another file")
    write_record(receipt.content(), output)
    connection.tell(f"{receipt.deleted}. Covered: {receipt.manifest.covers}. The receipt is {receipt.path}.")
    if receipt.is_complete:
        return None
    return Exit.PARTLY_FAILED if changed else exit_of(failures, len(receipt.rows)) or Exit.FAILED


def _exported(api: "AISessionsApi", organisation: str, path: Path, **options: Any) -> "Manifest":
    """Export the sessions: all of them, or the command ends here."""
    from quantcdn import bulk

    try:
        manifest = bulk.export(api, organisation, path, **options)
    except bulk.Interrupted:
        raise KeyboardInterrupt(f"Interrupted: nothing was deleted. {GOES_ON}") from None
    if manifest.complete:
        return manifest
    for session_id, problem in manifest.failures.items():
        say(f"{visible(session_id)}: {problem}")
    raise Failure(Exit.PARTLY_FAILED, f"Nothing was deleted: not all could be exported. {GOES_ON}")


def _read(receipt: Path, host: str, organisation: str, chosen: dict[str, Any]) -> dict[str, Any] | None:
    """What an earlier run of the same command has written, if one did."""
    from pydantic import TypeAdapter, ValidationError

    try:
        content = TypeAdapter(dict[str, Any]).validate_json(receipt.read_bytes())
        said = content["host"], content["organisation"], content["selection"], content["complete"]
    except FileNotFoundError:
        return None
    except (ValidationError, KeyError):
        raise Failure(Exit.FAILED, f"{receipt} is no receipt of an erasure: give another file") from None
    if said[:3] != (host, organisation, _as_json(chosen)):
        raise Failure(Exit.FAILED, f"{receipt} is of an erasure of other sessions: give another file")
    return content


def _look_for_new(api: "AISessionsApi", path: Path, receipt: dict[str, Any], **chosen: Any) -> None:
    """Refuse to call an erasure done while the filters choose sessions that came after it. Ids do not come again."""
    from quantcdn import iter_ai_sessions

    if "session_ids" in chosen:
        return
    count = sum(1 for _ in iter_ai_sessions(api, receipt["organisation"], **chosen))
    if count:
        raise Failure(
            Exit.FAILED,
            f"{path}: This was done before, by {receipt['finished_at']}, and sessions came later: {count}. Nothing was "
            "deleted: erase those to another file",
        )


class _Receipt:
    """What was exported, and what became of each session since.

    Attributes:
        path: its file.
        exported: the ids of the sessions that stand in the export.
        rows: what became of each, by its id.
        is_of_before: whether it was begun by a run that was interrupted.
    """

    def __init__(self, file: Path, manifest: "Manifest", rows: Iterable[dict[str, Any]] | None = None) -> None:
        self.path = _beside(file, "receipt")
        self.file = file
        self.manifest = manifest
        self.exported = [session_id for session_id in manifest.session_ids if session_id not in manifest.gone]
        self.rows: dict[str, dict[str, Any]] = {row["id"]: row for row in rows or ()}
        self.is_of_before = rows is not None
        self._written_at = _now()

    @classmethod
    def begun_before(cls, file: Path, rows: Iterable[dict[str, Any]]) -> "_Receipt":
        """The one that an interrupted run has left with these rows. Without the export, nothing goes on."""
        from quantcdn.bulk import Manifest

        manifest = Manifest.model_validate_json(_beside(file, "manifest").read_bytes())
        if sha256(file.read_bytes()).hexdigest() != manifest.sha256:
            raise Failure(Exit.FAILED, f"{file} is not as it was exported: nothing was deleted")
        return cls(file, manifest, rows)

    @property
    def is_complete(self) -> bool:
        """Whether each session that was exported is gone."""
        return not self.open()

    @property
    def deleted(self) -> str:
        """How many are known to be deleted, in words."""
        count = sum(row["outcome"] == "done" for row in self.rows.values())
        return f"{count} of the {len(self.exported)} sessions that were exported are deleted"

    def open(self) -> list[str]:
        """The ids of those that are not known to be gone."""
        return [name for name in self.exported if self.rows.get(name, {}).get("read_back", {}).get("result") != "gone"]

    def note(self, session_id: str, outcome: str, request_id: str | None) -> None:
        """Note what became of a session."""
        self.rows[session_id] = {"id": session_id, "outcome": outcome, "at": _now(), "request_id": request_id}

    def note_read_back(self, session_id: str, result: str, request_id: str | None) -> None:
        """Note what came of asking for it again."""
        self.rows[session_id]["read_back"] = {"result": result, "request_id": request_id, "at": _now()}

    def content(self) -> dict[str, Any]:
        """What is in its file."""
        manifest = self.manifest
        return {
            "complete": self.is_complete,
            "covers": manifest.covers,
            "host": manifest.host,
            "organisation": manifest.organisation,
            "selection": _as_json(vars(manifest.selection)),
            "exported_at": manifest.finished_at and manifest.finished_at.isoformat(),
            "export": {"file": str(self.file.absolute()), "size": manifest.size, "sha256": manifest.sha256},
            "exported": len(self.exported),
            "gone_before": list(manifest.gone),
            "sessions": list(self.rows.values()),
            "finished_at": self._written_at,
        }

    def write(self) -> None:
        """Write it to its file, which nobody else can read."""
        self._written_at = _now()
        write_own(self.path, f"{json.dumps(self.content(), indent=2)}\n")


def _delete(api: "AISessionsApi", receipt: _Receipt, how: Any) -> "list[Result]":
    """Delete what was exported, noting what becomes of each as it is known. Return the failures."""
    from quantcdn import AISessionsApi, ApiException, bulk

    request_ids: dict[str, str | None] = {}
    noted: set[str] = set()

    class Recording(AISessionsApi):
        def delete_ai_session(self, organisation: str, session_id: str, **options: Any) -> Any:
            answer = self.delete_ai_session_with_http_info(organisation, session_id, **options)
            request_ids[session_id] = answer.request_id
            return answer.data

    def note(result: "Result") -> None:
        noted.add(result.session_id)
        error = result.error
        request_id = error.request_id if isinstance(error, ApiException) else request_ids.get(result.session_id)
        receipt.note(result.session_id, result.outcome, request_id)

    due = _unchanged(api, receipt) if receipt.is_of_before else receipt.exported
    organisation = receipt.manifest.organisation
    try:
        report = bulk.delete(Recording(api.api_client), organisation, session_ids=due, on_result=note, **how)
    except bulk.Interrupted as interruption:
        for result in interruption.report.results:  # also of what was under way
            if result.session_id not in noted:
                note(result)
        raise
    return list(report.failures)


def _unchanged(api: "AISessionsApi", receipt: _Receipt) -> list[str]:
    """Of what an interrupted run left open, the ids of the sessions that are as they were exported, and so may go."""
    from quantcdn import NotFoundException

    lines = receipt.file.read_text("utf-8").split("\n")
    exported = {line["id"]: _lasting(line) for line in map(json.loads, filter(None, lines))}
    unchanged: list[str] = []
    for session_id in receipt.open():
        try:
            answer = api.get_ai_session_with_http_info(receipt.manifest.organisation, session_id)
        except NotFoundException as error:
            if receipt.rows.get(session_id, {}).get("outcome") != "done":
                receipt.note(session_id, "gone", error.request_id)
            receipt.note_read_back(session_id, "gone", error.request_id)
        else:
            if _lasting({"id": session_id, **json.loads(answer.raw_data)}) == exported[session_id]:
                unchanged.append(session_id)
            else:
                receipt.note(session_id, "changed", answer.request_id)
    return unchanged


def _lasting(session: dict[str, Any]) -> dict[str, Any]:
    """What is in a session, but for its times, which an extension changes too."""
    return {name: value for name, value in session.items() if not name.endswith(TIME_NAMES)}


def _read_back(api: "AISessionsApi", receipt: _Receipt) -> None:
    """Ask for each session again: only one that is not found is gone."""
    from quantcdn import ApiException, NotFoundException

    for session_id in receipt.open():
        if receipt.rows[session_id]["outcome"] == "changed":
            continue
        try:
            answer = api.get_ai_session_with_http_info(receipt.manifest.organisation, session_id)
            receipt.note_read_back(session_id, "still there", answer.request_id)
        except ApiException as error:
            result = "gone" if isinstance(error, NotFoundException) else str(error)
            receipt.note_read_back(session_id, result, error.request_id)


def _as_json(selection: dict[str, Any]) -> dict[str, Any]:
    """What chooses the sessions, as a receipt has it."""
    known = {name: value for name, value in selection.items() if value is not None}
    return {name: [*value] if isinstance(value, tuple) else value for name, value in known.items()}


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f"{file.name}.{what}.json")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
