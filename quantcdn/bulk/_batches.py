"""Batches of sessions that travel to the workers of an executor, and what became of them on its way back."""

import pickle
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from quantcdn._version import __version__
from quantcdn._wire.secrets import forgetful
from quantcdn.api import AISessionsApi
from quantcdn.bulk._cluster import begun_before, forget, is_cluster
from quantcdn.bulk._crew import Perform, calling, in_a_thread
from quantcdn.bulk._export import Part
from quantcdn.bulk._parts import open_part
from quantcdn.bulk._report import Outcome, Result
from quantcdn.configuration import Configuration
from quantcdn.exceptions import ApiTypeError, ApiValueError
from quantcdn.rest import RESTClientObject

_SECONDS = 2.0
"""How long a batch is at work before it comes back, done or not: whoever presses Ctrl-C waits for no longer."""

_SLICE = 0.1
"""How long to wait for a batch without looking up, in seconds."""

_LOST = "The worker that had it was lost, and nobody knows whether it was changed: it was not tried again"


@dataclass(frozen=True)
class Errand:
    """What is to be done with each session, by which client.

    Attributes:
        api: the operations.
        call: what to call with them and the id of a session.
        changes: whether that changes something, or has a value to bring back.
        once: whether it must not be done again where it may have been done.
    """

    api: AISessionsApi
    call: Callable[[AISessionsApi, str], Any]
    changes: bool
    once: bool


@dataclass(frozen=True)
class Batch:
    """Some sessions and an errand, which holds the token: of neither anything is shown.

    Attributes:
        errand: the errand, pickled.
        session_ids: the sessions.
        part: where the lines of an export go.
        part_ids: the sessions whose lines may stand there.
        name: a name of its own.
    """

    errand: bytes = field(repr=False)
    session_ids: tuple[str, ...] = field(default=(), repr=False)
    part: Path | None = field(default=None, repr=False)
    part_ids: tuple[str, ...] = field(default=(), repr=False)
    name: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Done:
    """What came of a batch.

    Attributes:
        results: one for each session that its time was enough for, in their order.
        values: what the calls brought back.
        part: the part of an export that it wrote.
        problem: why it could not be written.
        is_stopped: whether nothing more is to be done.
    """

    results: tuple[Result, ...] = ()
    values: tuple[Any, ...] = ()
    part: Part | None = None
    problem: OSError | None = None
    is_stopped: bool = False


class Remote:
    """Has an errand done by an executor, in batches.

    Args:
        executor: the executor.
        errand: the errand.
        is_leaving: whether nothing more is to be begun.

    Raises:
        ApiTypeError: it is no executor, or what would travel to its workers cannot be pickled.
    """

    def __init__(self, executor: Executor, errand: Errand, is_leaving: Callable[[], bool]) -> None:
        if not isinstance(cast("object", executor), Executor):
            raise ApiTypeError(f"executor must be a concurrent.futures.Executor, not {type(executor).__name__}")
        self._errand = _packed(errand)
        self._changes = errand.changes
        self._in_doubt: Outcome = "unknown" if errand.changes else "failed"
        self._executor = executor
        self._on_cluster = is_cluster(executor)
        self._is_leaving = is_leaving

    def greet(self) -> None:
        """Have a worker unpack the errand and do nothing, so that what cannot work is known before anything is done.

        Raises:
            ApiValueError: the workers have another version of this package.
            Exception: the executor takes no work, or its workers cannot unpack the errand.
        """
        version = in_a_thread(lambda: self._executor.submit(version_at, Batch(self._errand)).result())
        if version != __version__:
            raise ApiValueError(
                f"The workers have quantcdn {version}, and this process {__version__}: have one of them"
            )

    def perform(self, targets: Sequence[Result]) -> Iterator[Result]:
        """Have the errand done for some sessions, and say what became of each, in their order."""
        return self._perform(targets, lambda _: None)

    def get(self, keep: Callable[[Any], object]) -> Perform:
        """The same, and keep what the calls bring."""

        def arrived(done: Done) -> None:
            for value in done.values:
                keep(value)

        return lambda targets: self._perform(targets, arrived)

    def write(self, path_of: Callable[[tuple[str, ...]], Path], note: Callable[[Part], object]) -> Perform:
        """The same, where the calls bring the lines of an export.

        Args:
            path_of: the part that the lines of the sessions with these ids go to.
            note: what to call with a part when it is written.

        Raises:
            OSError: it could not be written.
        """

        def arrived(done: Done) -> None:
            if done.problem is not None:
                raise done.problem
            if done.part is not None:
                note(done.part)

        return lambda targets: self._perform(targets, arrived, path_of(_ids(targets)))

    def _perform(
        self, targets: Sequence[Result], arrived: Callable[[Done], object], part: Path | None = None
    ) -> Iterator[Result]:
        part_ids = () if part is None else _ids(targets)
        left = targets
        while left and not self._is_leaving():
            done = self._have_done(Batch(self._errand, _ids(left), part, part_ids))
            arrived(done)
            for target, result in zip(left, done.results, strict=False):
                yield target._replace(outcome=result.outcome, error=result.error)
            left = left[len(done.results) :]
            if done.is_stopped:
                break
        yield from left

    def _have_done(self, batch: Batch) -> Done:
        try:
            future = self._executor.submit(perform_batch, batch)
        except Exception as error:
            takes_nothing = self._on_cluster or isinstance(error, BrokenExecutor)  # others may have begun to take it
            return _all(batch.session_ids, "failed" if takes_nothing else self._in_doubt, error)
        while not wait([future], timeout=_SLICE).done:
            if self._is_leaving() and not self._on_cluster:
                future.cancel()  # where it is not begun
        try:
            return future.result()
        except CancelledError:
            return _all(batch.session_ids, self._in_doubt if self._on_cluster else "not_tried")
        except Exception as error:  # its worker is lost, or what it brought
            return _all(batch.session_ids, self._in_doubt, error)
        finally:
            del future  # as long as it is held, a cluster does again what it loses of it
            if self._on_cluster and self._changes:
                forget(batch.name)


def version_at(batch: Batch) -> str:
    """Unpack an errand where an executor says, and tell the version of this package there."""
    pickle.loads(batch.errand)
    return __version__


@forgetful
def perform_batch(batch: Batch) -> Done:
    """Do a batch where an executor says, as far as its time is enough."""
    errand: Errand = pickle.loads(batch.errand)
    is_second = errand.changes and begun_before(batch.name)
    if is_second and errand.once:
        return _all(batch.session_ids, "unknown", RuntimeError(_LOST))
    call = partial(errand.call, errand.api)
    with errand.api.api_client:
        if batch.part is not None:
            return _written(call, batch, batch.part)
        values: list[Any] = []
        perform = calling(call, keep=None if errand.changes else values.append)
        results, is_stopped = _in_time(perform, batch.session_ids)
    if is_second:  # as far as anybody knows, the worker that was lost has deleted what is gone
        results = [result._replace(outcome="done") if result.outcome == "gone" else result for result in results]
    return Done(tuple(results), tuple(values), is_stopped=is_stopped)


def _written(call: Callable[[str], bytes], batch: Batch, path: Path) -> Done:
    """Write what the calls bring as lines of a part."""
    try:
        with open_part(path, batch.part_ids) as lines:
            results, is_stopped = _in_time(calling(call, keep=lines.append), batch.session_ids, lines.standing)
    except OSError as error:
        return Done(problem=error)
    part = Part(name=path.name, ids=len(batch.part_ids), lines=lines.count, size=lines.size, sha256=lines.sha256)
    return Done(tuple(results), part=part, is_stopped=is_stopped)


def _in_time(perform: Perform, session_ids: Sequence[str], standing: Collection[str] = ()) -> tuple[list[Result], bool]:
    """Perform something for one session after the other, and say whether Ctrl-C was pressed on its way."""
    end = time.monotonic() + _SECONDS
    results: list[Result] = []
    try:
        for session_id in session_ids:
            if session_id in standing:
                results.append(Result(session_id, "done"))
            else:
                results += map(_portable, perform([Result(session_id, "not_tried")]))
            if time.monotonic() >= end:
                break
    except KeyboardInterrupt:
        under_way = session_ids[len(results) : len(results) + 1]
        return [*results, *(Result(session_id, "unknown") for session_id in under_way)], True
    return results, False


def _portable(result: Result) -> Result:
    """A result that can travel: an error of somebody's own may not, or one of an older pydantic; its text does."""
    try:
        pickle.loads(pickle.dumps(result.error))
    except Exception:
        kind = ApiValueError if isinstance(result.error, ValueError) else RuntimeError
        return result._replace(error=kind(f"{type(result.error).__name__}: {result.error}"))
    return result


def _packed(errand: Errand) -> bytes:
    """An errand, pickled.

    Raises:
        ApiTypeError: a part of it cannot be.
    """
    client = errand.api.api_client
    if type(client.rest_client) is not RESTClientObject:
        raise ApiTypeError("With an executor, the client cannot have a rest_client of its own: each worker opens one")
    for name, value in _settings(client.configuration).items():
        try:
            pickle.dumps(value)
        except Exception as error:  # whatever it raises that cannot be pickled
            raise ApiTypeError(
                f"With an executor, the configuration travels to its workers, and {name} cannot be pickled "
                f"({type(error).__name__}): where it is a function, let it be one of a module"
            ) from None
    try:
        return pickle.dumps(errand)
    except Exception as error:
        raise ApiTypeError(
            "With an executor, the client and the options of each call travel to its workers, and these cannot be "
            f"pickled ({type(error).__name__})"
        ) from None


def _settings(configuration: Configuration) -> dict[str, object]:
    """What a configuration holds, by name."""
    state = cast("tuple[dict[str, object] | None, dict[str, object]]", configuration.__reduce_ex__(2)[2])
    return {name.lstrip("_"): value for part in state for name, value in (part or {}).items()}


def _ids(targets: Sequence[Result]) -> tuple[str, ...]:
    return tuple(target.session_id for target in targets)


def _all(session_ids: Sequence[str], outcome: Outcome, error: Exception | None = None) -> Done:
    return Done(tuple(Result(session_id, outcome, error=error) for session_id in session_ids))
