"""Which sessions a piece of bulk work is for. Pure, but for the list that it is told to read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import cast

from typing_extensions import Unpack

from quantcdn._show.covered import ACTIVE
from quantcdn._show.visible import is_blank
from quantcdn._wire.call import RequestOptions
from quantcdn.api import AISessionsApi
from quantcdn.api_response import ApiResponse
from quantcdn.bulk._progress import Bar
from quantcdn.exceptions import ApiTypeError, ApiValueError
from quantcdn.models import ListAISessions200ResponseInner
from quantcdn.models._types import read_instant
from quantcdn.pages import all_pages, iter_ai_sessions

# Where services have no time to tell, they write the first one that they know: that of the year 1, or of 1970.
_FIRST = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Selection:
    """Sessions by their ids, or by filters, which combine.

    Attributes:
        session_ids: the ids, each once, or None where filters choose.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago. One that was never updated is not idle.
    """

    session_ids: tuple[str, ...] | None = None
    user_id: str | None = None
    session_group: str | None = None
    model: str | None = None
    idle_for: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, and what would select more than it seems to.

        Raises:
            ApiTypeError: a value is of the wrong type.
            ApiValueError: a value, or the values together, cannot be meant.
        """
        filters = {name: value for name, value in vars(self).items() if name != "session_ids" and value is not None}
        for name, value in filters.items():
            if isinstance(value, str) and is_blank(value):
                raise ApiValueError(f"{name} is blank, which a service may take for no filter at all")
        if self.session_ids is not None and filters:
            raise ApiValueError(f"Give session_ids or filters, not both: {', '.join(filters)} came with session_ids")
        idle_for = filters.get("idle_for", timedelta.max)
        if not isinstance(idle_for, timedelta):
            raise ApiTypeError(f"idle_for must be a timedelta, not {type(idle_for).__name__}")
        if idle_for <= timedelta(0):
            raise ApiValueError("idle_for must be longer than no time at all")

    @property
    def selects_everything(self) -> bool:
        """Whether nothing was given that would leave any session out."""
        return self == Selection()

    @property
    def covers(self) -> str:
        """Which sessions can be among these at all, in words."""
        if self.session_ids is not None:
            return "the sessions with these ids"
        return ACTIVE

    def sessions(
        self, api: AISessionsApi, organisation: str, now: datetime, shown: Bar, **options: Unpack[RequestOptions]
    ) -> Iterator[tuple[str, ListAISessions200ResponseInner | None]]:
        """The ids of the sessions, each with what the list said of it. Ids that were given are not looked up.

        How long a session was idle goes by the clock of the service, where its answers tell it, else by `now`.

        Raises:
            ApiException: the list could not be had.
        """
        if self.session_ids is not None:
            return ((session_id, None) for session_id in self.session_ids)
        user_id, group, model, idle_for = self.user_id, self.session_group, self.model, self.idle_for
        if idle_for is None:
            listed = iter_ai_sessions(api, organisation, user_id=user_id, session_group=group, model=model, **options)
            return ((session.id or "", session) for session in shown.counted(listed))

        def page(offset: int) -> list[ListAISessions200ResponseInner]:
            nonlocal now
            answer = api.list_ai_sessions_with_http_info(organisation, user_id, group, 100, offset, model, **options)
            now = _time_of(answer) or now
            return answer.data

        idle = (session for session in shown.counted(all_pages(page)) if _is_idle(session, idle_for, now))
        return ((session.id or "", session) for session in idle)


def _is_idle(session: ListAISessions200ResponseInner, length: timedelta, now: datetime) -> bool:
    updated_at = session.updated_at
    if updated_at is None or updated_at < max(_FIRST, session.created_at or _FIRST):
        return False  # it was never updated
    # To the second, which is as exactly as services tell their time.
    return now - updated_at.replace(microsecond=0) >= length


def _time_of(answer: ApiResponse[list[ListAISessions200ResponseInner]]) -> datetime | None:
    """The time by the clock of the service, by which it also told of updates. Those of clients are often wrong."""
    told = read_instant((answer.headers or {}).get("Date"))
    return told if isinstance(told, datetime) else None


def distinct(session_ids: Iterable[str] | None) -> tuple[str, ...] | None:
    """The ids, each once: extending a session twice would add twice.

    Raises:
        ApiTypeError: they are no ids.
    """
    if session_ids is None:
        return None
    given = cast("object", session_ids)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ApiTypeError(f"session_ids must be an iterable of str, and no single {type(given).__name__}")
    ids = tuple(cast("Iterable[object]", given))
    for index, session_id in enumerate(ids):
        if not isinstance(session_id, str):
            raise ApiTypeError(
                f"session_ids must be an iterable of str: item {index} is no str, but of type "
                f"{type(session_id).__name__}. Give the ids of the sessions"
            )
    return tuple(dict.fromkeys(cast("tuple[str, ...]", ids)))
