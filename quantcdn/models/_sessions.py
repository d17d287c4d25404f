"""A list of sessions, which a notebook shows as a table."""

from typing import TYPE_CHECKING, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from quantcdn._show.notebook import repr_html
from quantcdn.models.list_ai_sessions200_response_inner import ListAISessions200ResponseInner

if TYPE_CHECKING:
    from quantcdn._show.html import Page

# Reading one costs much more than its bytes, and the contract allows 100. Some services send all that there are.
_MOST = 10_000


class Sessions(list[ListAISessions200ResponseInner]):
    """A page of the list of sessions: a list like any other, but for how a notebook shows it."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        item = handler(ListAISessions200ResponseInner)
        return core_schema.no_info_after_validator_function(cls, core_schema.list_schema(item, max_length=_MOST))

    def _caption(self, counted: str) -> str:
        return f"{counted} on this page"

    def _shown(self, page: "Page") -> str:
        if not self:
            return "<p>No sessions</p>"
        return page.many(
            self._caption(page.counted(len(self), "session")),
            "session",
            ("Title", "Updated", "Model", "Created", "Id"),
            self,
            lambda session: (
                page.title(session.title),
                page.value("updated_at", session.updated_at),
                page.name(session.model),
                page.value("created_at", session.created_at),
                page.name(session.id),
            ),
        )

    _repr_html_ = repr_html


class _Gathered(Sessions):
    """Sessions that are no page of a list, as far as anybody can tell."""

    __slots__ = ()

    def _caption(self, counted: str) -> str:
        return counted


def sessions_in(value: object) -> object:
    """The sessions, where a value is a plain list of them; else the value."""
    if not isinstance(value, list) or isinstance(value, Sessions):
        return value
    items = cast("list[object]", value)
    is_all = all(isinstance(item, ListAISessions200ResponseInner) for item in items)
    return _Gathered(cast("list[ListAISessions200ResponseInner]", items)) if is_all else items
