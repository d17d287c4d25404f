"""Import: an export, replayed into an organisation."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from typing_extensions import Unpack

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._wire.call import RequestOptions
from quantcdn._wire.secrets import forget_locals, forgetful
from quantcdn.api import AISessionsApi
from quantcdn.api._arguments import check_arguments
from quantcdn.bulk._crew import Crew
from quantcdn.bulk._import_map import ImportMap
from quantcdn.bulk._options import PROGRESS, WORKERS
from quantcdn.bulk._progress import bar
from quantcdn.bulk._replay import Replay, State, Step, replay_of
from quantcdn.bulk._report import Report, Result, outcome_of
from quantcdn.bulk._work import now
from quantcdn.exceptions import ApiValueError, OutcomeUnknownException, ResponseFormatException
from quantcdn.models import CreateAISessionRequest


@forgetful
def import_(
    api: AISessionsApi,
    organisation: str,
    path: str | os.PathLike[str],
    *,
    user_id: str | None = None,
    workers: int = WORKERS,
    progress: bool = PROGRESS,
    on_result: Callable[[Result], object] | None = None,
    **options: Unpack[RequestOptions],
) -> Report:
    """Make the sessions of an export again, in this organisation, by create and update.

    What these two take is carried over: user, group, metadata, messages, tokens, whether it is completed, and how long
    it is still to live. The service gives new ids and times of its own, and nothing else is carried over. A session
    that has expired by now lives for as long as the service chooses.

    What became of each stands in ``<path>.imported.jsonl``, for each server and organisation. Where something is
    missing, the same call goes on where the last one ended: what is done is not done again, and nothing is sent twice.
    Where the outcome of a request is unknown, the session is not tried again: look whether it is there. If it is not,
    remove its lines from that file; if it is, add one like them that says ``done``.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        path: the file that `export` wrote.
        user_id: whose the sessions are that do not say it themselves.
        workers: how many sessions at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        **options: see `RequestOptions`. They hold for each call, `_request_timeout` too.

    Returns:
        the report, with a result for each session, in the order of the file; `Result.new_id` is what each became.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
        ApiTypeError: an argument is of the wrong type. Nothing was sent.
        ApiValueError: an argument is not valid, or a line of the file is no session. Nothing was sent.
        BlockingIOError: another import of the file is at work. Nothing was sent.
        PermissionError: ``<path>.imported.jsonl`` is not ours alone. Nothing was sent.
        OSError: the file could not be read, or that one not be written.
        Interrupted: Ctrl-C was pressed.
    """
    check_arguments(import_, api, organisation=organisation, user_id=user_id, **options)
    crew = Crew(api, workers, on_result)
    host = api.api_client.configuration.host_for(options.get("_host_index", 0))
    source = _Export(Path(path).absolute(), user_id)  # the current directory may change meanwhile
    known = ImportMap(source.path.with_name(f"{source.path.name}.imported.jsonl"), host, organisation)

    def send(new_id: str | None, step: Step) -> str:
        if not isinstance(step.request, CreateAISessionRequest):
            api.update_ai_session(organisation, str(new_id), step.request, **options)
            return str(new_id)
        created = api.create_ai_session(organisation, step.request, **options)
        if not created.session_id:
            raise ResponseFormatException.answered(201, "The answer does not say the id of the session", {})
        return created.session_id

    def perform(targets: Sequence[Result], *_: int) -> Iterator[Result]:
        return (_replayed(target, source, known, send) for target in targets)

    with crew.interruptible(), bar("Importing", shown=progress) as shown:
        session_ids = source.session_ids()
        with known.taken():
            return crew.work([_begun(session_id, known) for session_id in session_ids], perform, shown)


def _begun(session_id: str, known: ImportMap) -> Result:
    """What became of a session until now: what is not known of it is not tried again."""
    state = known.states.get(session_id)
    if state is None:
        return Result(session_id, "not_tried")
    if state.outcome == "unknown":
        error = OutcomeUnknownException(reason=f"An earlier import has begun it, as {known.path} says")
        return Result(session_id, "unknown", error=error, new_id=state.new_id)
    return Result(session_id, "done" if state.outcome == "done" else "not_tried", new_id=state.new_id)


def _replayed(target: Result, source: "_Export", known: ImportMap, send: Callable[[str | None, Step], str]) -> Result:
    """What becomes of a session."""
    state = known.states.get(target.session_id, State("failed"))
    try:
        replay = source.replay(target.session_id)
        while state.outcome != "done":
            step = replay.step(state, now())
            state = state._replace(outcome="unknown")  # until it has ended
            known.note(target.session_id, state)
            state = State("unknown", send(state.new_id, step), step.messages)
            if step.is_last:
                state = state._replace(outcome="done")
    except Exception as error:
        if raised_by_signal_handler(error):  # without threads, this is the main one
            raise
        forget_locals(error)
        state = state._replace(outcome="unknown" if outcome_of(error, changes=True) == "unknown" else "failed")
        return target._replace(outcome=state.outcome, error=error, new_id=state.new_id)
    finally:
        known.note(target.session_id, state)
    return target._replace(outcome="done", new_id=state.new_id)


class _Export:
    """The file of an export. Of its sessions, only the places are kept. Several threads may use it."""

    def __init__(self, path: Path, user_id: str | None) -> None:
        self.path = path
        self._user_id = user_id
        self._places: dict[str, tuple[int, int]] = {}

    def session_ids(self) -> list[str]:
        """The ids of the sessions, in their order.

        Raises:
            ApiValueError: a line is no session that can be imported, or is one that came before.
        """
        place = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    session_id = replay_of(line, self._line(number), self._user_id).session_id
                    if session_id in self._places:
                        first, _ = self._places[session_id]
                        raise ApiValueError(f"{self._line(number)} is the same session as line {first}")
                    self._places[session_id] = number, place
                place += len(line)
        return list(self._places)

    def replay(self, session_id: str) -> Replay:
        """How to make one of them again."""
        number, place = self._places[session_id]
        with self.path.open("rb") as lines:
            lines.seek(place)
            replay = replay_of(lines.readline(), self._line(number), self._user_id)
        if replay.session_id != session_id:
            was = f"was the session {session_id} when the import began, and is another now"
            raise ApiValueError(f"{self._line(number)} {was}")
        return replay

    def _line(self, number: int) -> str:
        return f"Line {number} of {self.path}"
