"""A request as it is sent and an answer as it is read: plain records between the pure halves and the network."""

from collections.abc import Mapping
from typing import NamedTuple

from quantcdn._origin import Origin


class Request(NamedTuple):
    """A request. Printed, it shows neither its headers nor its body nor its query."""

    method: str
    origin: Origin
    target: str
    headers: dict[str, str]
    body: bytes | None = None

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition("?")[0]

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class Response(NamedTuple):
    """An answer, read to its end."""

    status: int
    reason: str | None
    headers: Mapping[str, str]
    body: bytes
