"""The command that erases sessions, and proves it with a receipt."""

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantcdn.cli._bulk import exit_of, say_failures, told
from quantcdn.cli._connection import Connection, command
from quantcdn.cli._exits import Exit, Failure, say
from quantcdn.cli._output import Output, write_record
from quantcdn.cli._parameters import ACTIVE, Group, IdsFrom, Model, User, Workers, ids_in
from quantcdn.cli._sessions import sessions

if TYPE_CHECKING:
    from quantcdn import AISessionsApi
    from quantcdn.bulk import Manifest, Result

_COVERED = f"Covered: {ACTIVE}."


@command(
    sessions,
    f"""Export sessions, delete what was exported, read back that it is gone, and write a receipt.

    Those that the filters choose together, or those with the ids of --ids-from. Filters cover {ACTIVE}: ids cover both.
    Without --yes, the sessions are only listed. The receipt is FILE.receipt.json, beside the file of the export.
    """,
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
    if bool(chosen) == (ids_from is not None):
        raise Failure(Exit.USAGE, "Give --user, --group or --model, or else --ids-from")
    if ids_from is not None:
        chosen = {"session_ids": ids_in(ids_from)}
    receipt_path = path.with_name(f"{path.name}.receipt.json")
    if receipt_path.exists():
        raise Failure(Exit.FAILED, f"{receipt_path}: There is such a file already")
    with connection.open() as (api, organisation):
        if not yes:
            told(lambda: bulk.delete(api, organisation, dry_run=True, **chosen), ("id", "outcome", "title"), output)
            say(f"{'' if ids_from else f'{_COVERED} '}Nothing was deleted: --yes does it.")
            return None
        manifest = bulk.export(api, organisation, path, workers=workers, progress=True, **chosen)
        if not manifest.complete:
            for session_id, problem in manifest.failures.items():
                say(f"{session_id}: {problem}")
            say("Nothing was deleted: not all could be exported. The same command goes on from there.")
            return Exit.PARTLY_FAILED
        receipt = _begun(manifest, path)
        try:
            failures = _delete(api, manifest, workers, receipt["sessions"])
            _read_back(api, organisation, receipt["sessions"])
        finally:  # what was deleted is told also where it was interrupted
            _write(receipt_path, receipt)
    say_failures(failures)
    write_record(receipt, output)
    say(f"Covered: {manifest.covers}. The receipt is {receipt_path}.")
    return None if receipt["complete"] else exit_of(failures, len(receipt["sessions"])) or Exit.FAILED


def _begun(manifest: "Manifest", path: Path) -> dict[str, Any]:
    """The receipt, before anything is deleted."""
    return {
        "complete": False,
        "covers": manifest.covers,
        "host": manifest.host,
        "organisation": manifest.organisation,
        "exported_at": manifest.finished_at and manifest.finished_at.isoformat(),
        "export": {"file": str(path.absolute()), "size": manifest.size, "sha256": manifest.sha256},
        "exported": len(manifest.session_ids) - len(manifest.gone),
        "gone_before": list(manifest.gone),
        "sessions": [],
    }


def _delete(api: "AISessionsApi", manifest: "Manifest", workers: int, rows: list[dict[str, Any]]) -> "list[Result]":
    """Delete what was exported, with a row of the receipt for each as its outcome is known. Return the failures."""
    from quantcdn import AISessionsApi, ApiException, bulk

    request_ids: dict[str, str | None] = {}

    class Recording(AISessionsApi):
        def delete_ai_session(self, organisation: str, session_id: str, **options: Any) -> Any:
            answer = self.delete_ai_session_with_http_info(organisation, session_id, **options)
            request_ids[session_id] = answer.request_id
            return answer.data

    def note(result: "Result") -> None:
        error = result.error
        request_id = error.request_id if isinstance(error, ApiException) else request_ids.get(result.session_id)
        rows.append({"id": result.session_id, "outcome": result.outcome, "at": _now(), "request_id": request_id})

    exported = [session_id for session_id in manifest.session_ids if session_id not in manifest.gone]
    recording = Recording(api.api_client)
    report = bulk.delete(
        recording, manifest.organisation, session_ids=exported, workers=workers, progress=True, on_result=note
    )
    return list(report.failures)


def _read_back(api: "AISessionsApi", organisation: str, rows: list[dict[str, Any]]) -> None:
    """Ask for each session again: only one that is not found is gone."""
    from quantcdn import ApiException, NotFoundException

    for row in rows:
        check: dict[str, Any] = {"result": "still there"}
        try:
            api.get_ai_session(organisation, row["id"])
        except ApiException as error:
            gone = isinstance(error, NotFoundException)
            check = {"result": "gone" if gone else str(error), "request_id": error.request_id}
        row["read_back"] = {**check, "at": _now()}


def _write(path: Path, receipt: dict[str, Any]) -> None:
    """Write the receipt to a file that nobody else can read."""
    checks = [row.get("read_back", {}).get("result") for row in receipt["sessions"]]
    receipt["finished_at"] = _now()
    receipt["complete"] = len(checks) == receipt["exported"] and all(check == "gone" for check in checks)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{json.dumps(receipt, indent=2)}\n")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
