"""A request as it is sent and an answer as it is read: plain records between the pure halves and the network.

They are no tuples, and no mappings: error trackers and debuggers walk into those past any repr.
"""

from collections.abc import Mapping

from quantcdn._wire.origin import Origin


class Request:
    """A request. Printed, it shows neither its headers nor its body nor its query.

    Args:
        method: the HTTP method.
        origin: the server.
        target: the path and the query.
        headers: the header fields.
        body: the body.
        credential: the name of the header field that it is authenticated by.

    Attributes:
        proxy_headers: the header fields that a proxy on its way is told beside it.
    """

    __slots__ = ("body", "credential", "headers", "method", "origin", "proxy_headers", "target")

    def __init__(
        self,
        method: str,
        origin: Origin,
        target: str,
        headers: dict[str, str],
        body: bytes | None = None,
        credential: str = "Authorization",
    ) -> None:
        self.method: str = method
        self.origin: Origin = origin
        self.target: str = target
        self.headers: dict[str, str] = headers
        self.body: bytes | None = body
        self.credential: str = credential
        self.proxy_headers: Mapping[str, str] | None = None

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition("?")[0]

    def __repr__(self) -> str:
        path = (getattr(self, "target", None) or "").partition("?")[0]  # none yet, where a debugger looks early
        return f"<Request {getattr(self, 'method', None)} {path}>"


class Response:
    """An answer, read to its end. Printed, it shows neither its headers nor its body.

    Args:
        status: the status code.
        reason: the status phrase.
        headers: the header fields.
        body: the body.
    """

    __slots__ = ("body", "headers", "reason", "status")

    def __init__(self, status: int, reason: str | None, headers: Mapping[str, str], body: bytes) -> None:
        self.status: int = status
        self.reason: str | None = reason
        self.headers: Mapping[str, str] = headers
        self.body: bytes = body

    def __repr__(self) -> str:
        return f"<Response {getattr(self, 'status', None)}>"
