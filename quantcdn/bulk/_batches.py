"""Batches of sessions that travel to the workers of an executor, and what became of them on its way back."""

import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from quantcdn.bulk._export import Manifest
from quantcdn.bulk._report import Interrupted, Outcome, Result
from quantcdn.exceptions import ApiTypeError
from quantcdn.models import GetAISession200Response

SIZE = 100
"""How many sessions travel together at most."""


@dataclass(frozen=True)
class Batch:
    """Some sessions, and what to do with them. Pickled it is small, and it holds the token, which it does not show."""

    work: bytes = field(repr=False)
    arguments: tuple[object, ...]
    session_ids: tuple[str, ...] = field(repr=False)
    name: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Done:
    """What came of a batch: of each session that was told of, the sessions themselves, and what was written."""

    results: tuple[Result, ...] = ()
    sessions: tuple[GetAISession200Response, ...] = ()
    manifest: Manifest | None = None


class Remote:
    """Has batches done by an executor.

    Args:
        executor: the executor.
        function: the function of this package that is to do them.
        api: the operations that it is given, in a copy.
        organisation: the id of the organisation.
        options: the options of each call.

    Raises:
        ApiTypeError: it is no executor, or what it would be given cannot be pickled.
    """

    def __init__(
        self,
        executor: Executor,
        function: Callable[..., Any],
        api: object,
        organisation: str,
        options: Mapping[str, Any],
    ) -> None:
        if not isinstance(cast("object", executor), Executor):
            raise ApiTypeError(f"executor must be a concurrent.futures.Executor, not {type(executor).__name__}")
        try:
            self._work = pickle.dumps((function, api, organisation, dict(options)))
        except Exception as error:  # whatever a part of it raises that cannot be pickled
            raise ApiTypeError(
                "With an executor, the client and the options of each call travel to its workers, and these cannot be "
                f"pickled ({type(error).__name__}): a function among them must be one of a module, no lambda"
            ) from None
        self._executor = executor
        self._changes = function.__name__ in ("delete", "extend")

    def perform(self, targets: Sequence[Result], *arguments: object) -> tuple[list[Result], Done]:
        """Have a batch done, and say what became of each session. The arguments are those before the options."""
        ids = tuple(target.session_id for target in targets)
        try:
            future = self._executor.submit(perform, Batch(self._work, arguments, ids))
        except Exception as error:  # the executor is broken, or at its end: nothing was handed to it
            return [target._replace(outcome="failed", error=error) for target in targets], Done()
        try:
            done = future.result()
        except BaseException as error:  # what ended it there is no reason to end here
            outcome: Outcome = "unknown" if self._changes else "failed"
            reason = error if isinstance(error, Exception) else RuntimeError(f"A worker ended: {type(error).__name__}")
            return [target._replace(outcome=outcome, error=reason) for target in targets], Done()
        told = {result.session_id: result for result in done.results}
        missing: Result = Result("", "not_tried" if done.manifest is None else "done")
        found = [told.get(session_id, missing) for session_id in ids]
        return [
            target._replace(outcome=result.outcome, error=result.error)
            for target, result in zip(targets, found, strict=True)
        ], done


def perform(batch: Batch) -> Done:
    """Do a batch, where the executor says.

    Raises:
        RuntimeError: it was begun before, and may have been done.
    """
    function, api, organisation, options = pickle.loads(batch.work)
    if function.__name__ in ("delete", "extend"):
        _claim(batch.name)
    told: list[Result] = []
    given = {**options, "session_ids": batch.session_ids, "workers": 1, "on_result": told.append}
    with api.api_client:
        try:
            value = function(api, organisation, *batch.arguments, **given)
            if function.__name__ == "get":
                return Done(sessions=tuple(value), results=tuple(told))
        except FileExistsError:
            return Done(manifest=_finished(batch))
        except Interrupted as interrupted:
            return Done(interrupted.report.results)
    return Done(tuple(told), manifest=value if isinstance(value, Manifest) else None)


def _finished(batch: Batch) -> Manifest:
    """What an export wrote that was finished before."""
    with open(f"{batch.arguments[0]}.manifest.json", "rb") as file:
        manifest = Manifest.model_validate_json(file.read())
    finished = manifest.complete and manifest.selection.session_ids == batch.session_ids
    if not finished or os.path.getsize(str(batch.arguments[0])) != manifest.size:
        raise FileExistsError(f"Another file is there: {batch.arguments[0]}")
    return manifest


def _claim(name: str) -> None:
    """Let a batch be begun once: a Dask cluster begins one again whose worker it has lost."""
    distributed: Any = sys.modules.get("distributed")
    if distributed is None:
        return
    try:
        distributed.get_worker()
    except ValueError:  # this is no worker of such a cluster
        return
    begun = distributed.Event(f"quantcdn-{name}")
    if begun.is_set():
        raise RuntimeError("A worker was lost, and nobody knows what it had done of its batch")
    begun.set()
