"""A list of sessions, which a notebook shows as a table."""

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from quantcdn.models.list_ai_sessions200_response_inner import ListAISessions200ResponseInner

# Reading one costs much more than its bytes, and the contract allows 100. Some services send all that there are.
_MOST = 10_000


class Sessions(list[ListAISessions200ResponseInner]):
    """A list like any other, but for how a notebook shows it."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        item = handler(ListAISessions200ResponseInner)
        return core_schema.no_info_after_validator_function(cls, core_schema.list_schema(item, max_length=_MOST))

    def _repr_html_(self) -> str:
        from quantcdn import views  # for notebooks only

        return views.html(self)
