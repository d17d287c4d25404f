"""A list of sessions, which a notebook shows as a table."""

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from quantcdn.models.list_ai_sessions200_response_inner import ListAISessions200ResponseInner


class Sessions(list[ListAISessions200ResponseInner]):
    """A list like any other, but for how a notebook shows it."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(cls, handler(list[ListAISessions200ResponseInner]))

    def _repr_html_(self) -> str:
        from quantcdn import views  # for notebooks only

        return views.html(self)
