"""A piece of bulk work: on which sessions, with which crew, and with which options for each call."""

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import cast

from quantcdn._wire.call import RequestOptions
from quantcdn.api import AISessionsApi
from quantcdn.api._arguments import check_arguments
from quantcdn.bulk._batches import SIZE, Remote
from quantcdn.bulk._crew import Crew, calling
from quantcdn.bulk._options import DRY_RUN, OWN, PROGRESS, WORKERS, BulkOptions
from quantcdn.bulk._progress import Bar, bar
from quantcdn.bulk._report import Report, Result
from quantcdn.bulk._selection import Selection, distinct


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
        executor = options.get("executor")
        self.remote = None if executor is None else Remote(executor, function, api, organisation, self.options)
        self.crew = Crew(None if self.remote else api, options.get("workers", WORKERS), options.get("on_result"))
        self._api = api
        self._organisation = organisation

    def targets(self, listed_at: datetime, shown: Bar) -> Iterator[Result]:
        """The sessions, none of which was tried yet, as they are listed."""
        sessions = self.selection.sessions(self._api, self._organisation, listed_at, shown, **self.options)
        return (Result(session_id, "not_tried", session) for session_id, session in sessions)

    def ids(self, listed_at: datetime, shown: Bar) -> list[Result]:
        """The same, without what the list said of them: of a long list, that is most of what would be kept."""
        return [target._replace(session=None) for target in self.targets(listed_at, shown)]

    def change(self, description: str, call: Callable[[str], object], *arguments: object) -> Report:
        """Change each session by a call with its id.

        Args:
            description: what is going on, in a word.
            call: the call.
            *arguments: what the function was given before its options, for an executor.
        """
        remote = self.remote
        with self.crew.interruptible(), bar(description, shown=self.progress) as shown:
            targets = list(self.targets(now(), shown))
            if self.is_dry_run:
                return self.crew.pretend(targets)
            if remote is None:
                return self.crew.work(targets, calling(call), shown)
            return self.crew.work(targets, lambda batch: remote.perform(batch, *arguments)[0], shown, SIZE)


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(timezone.utc)
