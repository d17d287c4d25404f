"""All the sessions of a list, page after page."""

from collections.abc import Callable, Iterator

from typing_extensions import Unpack

from quantcdn._wire.call import RequestOptions
from quantcdn._wire.secrets import forgetful
from quantcdn.api import AISessionsApi
from quantcdn.api._arguments import check_arguments
from quantcdn.exceptions import BadRequestException, UnprocessableEntityException
from quantcdn.models import ListAISessions200ResponseInner

__all__ = ["iter_ai_sessions"]


def __dir__() -> list[str]:
    return [*__all__]


_BEYOND_ANY_LIST = 2**31 - 1


@forgetful
def iter_ai_sessions(
    api: AISessionsApi,
    organisation: str,
    *,
    user_id: str | None = None,
    session_group: str | None = None,
    model: str | None = None,
    page_size: int = 100,
    **options: Unpack[RequestOptions],
) -> Iterator[ListAISessions200ResponseInner]:
    """Go through the active sessions of an organisation. The filters combine.

    A page is asked for when its first session is due, none before. Every session comes that is in the list, and at its
    place in it, from the first page to the last, and none comes twice. A session that moves meanwhile, because others
    before it come or go, may be missed: pages are counted from the start of the list, and the service offers no other
    way. So take a `list` of the sessions first where you are going to delete some, or use `quantcdn.bulk`.

    Args:
        api: the operations to use.
        organisation: the id of the organisation.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        page_size: how many sessions to ask for at a time, 1 to 100.
        **options: see `RequestOptions`. They hold for each call, `_request_timeout` too.

    Returns:
        an iterator over the sessions, without their messages, in the order of the service.

    Raises:
        pydantic.ValidationError: an argument is not as the contract has it. Raised at once, not by the first `next`.
        ApiValueError: the token or `_request_auth` cannot be sent, or there is no such server. Nothing was sent.
        ApiException: a page could not be had. Raised when its first session is due.
    """
    check_arguments(
        iter_ai_sessions,
        api,
        organisation=organisation,
        user_id=user_id,
        session_group=session_group,
        model=model,
        page_size=page_size,
        **options,
    )

    def page(offset: int) -> list[ListAISessions200ResponseInner]:
        return api.list_ai_sessions(organisation, user_id, session_group, page_size, offset, model, **options)

    return all_pages(forgetful(page))


def all_pages(page: Callable[[int], list[ListAISessions200ResponseInner]]) -> Iterator[ListAISessions200ResponseInner]:
    """The sessions of all pages; a page is asked for by its offset."""
    seen: set[str | None] = {None}  # what has no id cannot be known again
    offset = 0
    offset_counts = False
    while sessions := page(offset):
        if offset and not offset_counts and seen.issuperset(session.id for session in sessions):
            # Either all of these have moved here, or the service ignores the offset and would repeat itself for ever.
            offset_counts = _is_past_the_end(page)
            if not offset_counts:
                return
        for session in sessions:
            if session.id is None or session.id not in seen:
                seen.add(session.id)
                yield session
        offset += len(sessions)  # not page_size: the service may send fewer than asked for, or more


def _is_past_the_end(page: Callable[[int], list[ListAISessions200ResponseInner]]) -> bool:
    """Whether nothing comes for an offset beyond any list: the service may also refuse one."""
    try:
        return not page(_BEYOND_ANY_LIST)
    except (BadRequestException, UnprocessableEntityException):
        return True
