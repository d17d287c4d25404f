"""An answer with everything around the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from quantcdn._request_id import request_id_of
from quantcdn._show.notebook import repr_html
from quantcdn._wire.headers import Headers

if TYPE_CHECKING:
    from quantcdn._show.html import Page

T = TypeVar("T")

_SHOWN_HEADERS = ("Content-Type", "Date", "Retry-After", "RateLimit-Remaining", "X-RateLimit-Remaining")


@dataclass(kw_only=True, repr=False)
class ApiResponse(Generic[T]):
    """What the ``_with_http_info`` variant of an operation returns.

    Attributes:
        status_code: the HTTP status code.
        headers: the header fields; a name is found whatever its case.
        data: what the plain variant returns.
        raw_data: the body as it came.
    """

    status_code: int
    headers: Mapping[str, str] | None = None
    data: T
    raw_data: bytes

    def __post_init__(self) -> None:
        if self.headers is not None and not isinstance(self.headers, Headers):
            self.headers = Headers(self.headers)

    @property
    def request_id(self) -> str | None:
        """The id under which the service logged the request, where it sent one."""
        return request_id_of(self.headers)

    def __repr__(self) -> str:
        known = vars(self)  # not all of them, where it was made without its constructor
        fields = [f"{name}={known.get(name)!r}" for name in ("status_code", "headers", "data")]
        return f"{type(self).__name__}({', '.join(fields)})"

    def _shown(self, page: "Page") -> str:
        from quantcdn.models._sessions import sessions_in  # here, since models take long to load

        headers = self.headers or {}
        fields = {
            "Status": self.status_code,
            "Request id": self.request_id,
            **{name: headers.get(name) for name in _SHOWN_HEADERS},
        }
        data = "" if self.data is None else page.any(sessions_in(self.data))
        return page.fields("ApiResponse", fields) + data

    _repr_html_ = repr_html
