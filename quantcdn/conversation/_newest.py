"""The sessions of a user, the newest first: the service promises no order of its own."""

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from quantcdn.conversation._steps import PART, Steps
from quantcdn.models import ListAISessions200ResponseInner
from quantcdn.pages import all_pages

if TYPE_CHECKING:
    from quantcdn.api import AISessionsApi

_PAGE = 100
_BEFORE_ALL = datetime.min.replace(tzinfo=timezone.utc)


def newest_first(
    api: "AISessionsApi", organisation: str, user_id: str, session_group: str | None, steps: Steps
) -> list[str]:
    """The ids of the active sessions of a user, and of a group where one is named."""

    def page(offset: int) -> list[ListAISessions200ResponseInner]:
        return api.list_ai_sessions(organisation, user_id, session_group, _PAGE, offset, **steps.next(PART))

    sessions = sorted(all_pages(page), key=lambda session: session.created_at or _BEFORE_ALL, reverse=True)
    return [session.id for session in sessions if session.id is not None]
