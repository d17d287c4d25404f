"""A piece of bulk work: on which sessions, with which crew, and with which options for each call."""

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from typing import TypeVar, cast

from quantcdn._wire.call import RequestOptions
from quantcdn.api import AISessionsApi
from quantcdn.api._arguments import check_arguments
from quantcdn.bulk._batches import Errand, Remote
from quantcdn.bulk._crew import Crew, Perform, calling
from quantcdn.bulk._options import DRY_RUN, OWN, PROGRESS, WORKERS, BulkOptions
from quantcdn.bulk._progress import Bar, bar
from quantcdn.bulk._report import Report, Result
from quantcdn.bulk._selection import Selection, distinct

T = TypeVar("T")

Call = Callable[[AISessionsApi, str], T]
"""What is done with a session, by operations and its id. For an executor it is of a module, or a `partial` of such."""

CHANGES = 100
"""How many sessions travel together to be changed, at most: of so many, nobody knows where a worker is lost."""


class Work:
    """What a function was told to do, checked.

    Args:
        function: the function.
        api: the operations that it uses.
        organisation: the id of the organisation.
        options: what it was given.

    Raises:
        pydantic.ValidationError: an argument is unknown, or not as the contract has it.
        ApiTypeError: an argument is of the wrong type.
        ApiValueError: an argument is not valid.
    """

    def __init__(
        self, function: Callable[..., object], api: AISessionsApi, organisation: str, options: BulkOptions
    ) -> None:
        rest = {name: value for name, value in options.items() if name not in OWN}
        self.options = cast("RequestOptions", rest)  # those of each call, once they are checked
        check_arguments(function, api, organisation=organisation, **self.options)
        self.selection = Selection(
            distinct(options.get("session_ids")),
            options.get("user_id"),
            options.get("session_group"),
            options.get("model"),
            options.get("idle_for"),
        )
        self.is_dry_run = options.get("dry_run", DRY_RUN)
        self.progress = options.get("progress", PROGRESS)
        self._executor = options.get("executor")
        self._most = options.get("workers", WORKERS)
        self.crew = Crew(api if self._executor is None else None, self._most, options.get("on_result"))
        self._api = api
        self._organisation = organisation

    def near(self, call: Call[T], keep: Callable[[T], object] | None = None) -> Perform:
        """Have a call made by threads of this process.

        Args:
            call: the call.
            keep: what to do with its value; without it, the call changes something.
        """
        return calling(partial(call, self._api), keep)

    def remote(self, call: Call[object], *, changes: bool = False, once: bool = False) -> Remote | None:
        """What has a call made by the executor, where there is one.

        Args:
            call: the call.
            changes: whether it changes something.
            once: whether it must not be made again where it may have been made.

        Raises:
            ApiTypeError: it is no executor, or what would travel to its workers cannot be pickled.
        """
        if self._executor is None:
            return None
        return Remote(self._executor, Errand(self._api, call, changes, once), lambda: self.crew.is_leaving)

    def size(self, count: int, most: int) -> int:
        """How many of so many sessions travel together: a share for each worker, but no more than may."""
        return max(1, min(most, -(-count // self._most)))

    def targets(self, listed_at: datetime, shown: Bar) -> Iterator[Result]:
        """The sessions, none of which was tried yet, as they are listed."""
        sessions = self.selection.sessions(self._api, self._organisation, listed_at, shown, **self.options)
        return (Result(session_id, "not_tried", session) for session_id, session in sessions)

    def ids(self, listed_at: datetime, shown: Bar) -> list[Result]:
        """The same, without what the list said of them: of a long list, that is most of what would be kept."""
        return [target._replace(session=None) for target in self.targets(listed_at, shown)]

    def change(self, description: str, call: Call[None], *, once: bool) -> Report:
        """Change each session by a call.

        Args:
            description: what is going on, in a word.
            call: the call.
            once: whether it must not be made again where it may have been made.
        """
        remote = self.remote(call, changes=True, once=once)
        with self.crew.interruptible(), bar(description, shown=self.progress) as shown:
            if remote is not None and not self.is_dry_run:
                remote.greet()
            targets = list(self.targets(now(), shown))
            if self.is_dry_run:
                return self.crew.pretend(targets)
            if remote is None:
                return self.crew.work(targets, self.near(call), shown)
            return self.crew.work(targets, remote.perform, shown, self.size(len(targets), CHANGES))


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(timezone.utc)
