"""What came: the requests that a sandbox received, and what became of each. Header fields are not kept."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload

from quantcdn.sandbox._faults import operation_named
from quantcdn.sandbox._validation import DEEPEST_NESTING, Refusal, deeper_than, finite

_MOST = 1000
_MOST_BYTES = 32 * 2**20
"""How much of what was sent is kept. A body stays as it came: what it says in JSON can take many times its size."""


@dataclass
class Received:
    """A request, and what became of it.

    Attributes:
        number: how many came before it since the start, from 1 on.
        time: when it came, in UTC by the clock of this machine, as the logs of what sent it have it.
        operation: create, get, list, update, extend or delete; None for a path or method that is none of them.
        method: the HTTP method.
        path: the path as it was sent, without the query.
        organisation: the id of the organisation, decoded.
        session_id: the id of the session, decoded.
        query: the parameters of the query, decoded.
        raw_body: the body as it came; empty where there was none, or where the request was refused before it was read.
            Of one that is too large, its beginning.
        status: the status of the answer; None where there was no answer.
        duration: how long the answer took, in seconds, without what a fault delays.
        fault: the fault that was played; None where there was none.
    """

    number: int
    time: datetime
    operation: str | None
    method: str
    path: str
    organisation: str | None
    session_id: str | None
    query: Mapping[str, str]
    raw_body: bytes
    status: int | None
    duration: float
    fault: str | None

    @property
    def body(self) -> Any:
        """The body as parsed JSON; None where there was none, or none that can be read."""
        try:
            body = json.loads(self.raw_body, parse_float=finite, parse_constant=finite)
        except (ValueError, RecursionError, Refusal):
            return None
        return None if deeper_than(DEEPEST_NESTING, body) else body

    def __str__(self) -> str:
        status = "no answer" if self.status is None else str(self.status)
        return f"{self.operation or self.method} {self.session_id or self.organisation or self.path}: {status}"


_ATTRIBUTES = (*Received.__dataclass_fields__, "body")


class Requests(Sequence[Received]):
    """The latest requests that came, the last one last. Several threads may use it.

    At most 1000 are kept, and as many as hold 32 MiB in their addresses and bodies.
    """

    def __init__(self) -> None:
        self._kept: deque[Received] = deque()
        self._size = 0
        self._listeners: list[Callable[[Received], object]] = []
        self._lock = threading.Lock()
        self._count = 0

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, index: int) -> Received: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Received]: ...
    def __getitem__(self, index: int | slice) -> Received | Sequence[Received]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Received]:
        return iter(self._all())

    def __repr__(self) -> str:
        return f"<Requests: {', '.join(map(str, self._all())) or 'none'}>"

    def of(self, operation: str, **expected: Any) -> list[Received]:
        """The requests of an operation, the last one last.

        Args:
            operation: create, get, list, update, extend or delete, or the name of the method of `AISessionsApi`.
            **expected: what attributes of the request must be equal to, such as ``session_id`` or ``body``.

        Raises:
            ValueError: there is no such operation, or no such attribute.
        """
        name = operation_named(operation)
        for attribute in expected:
            if attribute not in _ATTRIBUTES:
                raise ValueError(f"a request has no {attribute!r}, but {', '.join(_ATTRIBUTES)}")
        return [
            request
            for request in self._all()
            if request.operation == name and all(getattr(request, key) == value for key, value in expected.items())
        ]

    def assert_received(self, operation: str, times: int = 1, **expected: Any) -> list[Received]:
        """Make sure that an operation was asked for so many times.

        Args:
            operation: as in `of`.
            times: how many times.
            **expected: as in `of`.

        Returns:
            the requests.

        Raises:
            AssertionError: it was not; the text says what came.
            ValueError: there is no such operation, or no such attribute.
        """
        __tracebackhide__ = True  # pytest ends the traceback in the test
        found = self.of(operation, **expected)
        if len(found) != times:
            wanted = "".join(f", {name}={value!r}" for name, value in expected.items())
            of_its_kind = self.of(operation) if expected else self._all()
            came = "".join(
                f"\n  {request}" + "".join(f", {name}={getattr(request, name)!r}" for name in expected)
                for request in of_its_kind
            )
            raise AssertionError(
                f"expected {times} of {operation}{wanted}, but {len(found)} came; what came:{came or ' nothing'}"
            )
        return found

    def add(self, **fields: Any) -> None:
        """Keep a request."""
        with self._lock:
            self._count += 1
            request = Received(number=self._count, **fields)
            self._kept.append(request)
            self._size += _size(request)
            while len(self._kept) > _MOST or self._size > _MOST_BYTES:
                self._size -= _size(self._kept.popleft())
            listeners = list(self._listeners)
        for listener in listeners:
            listener(request)

    @property
    def latest(self) -> int:
        """The number of the last one that came; 0 before."""
        return self._count

    def after(self, number: int) -> Received | None:
        """The first one that is kept of those after that number; None where there is none."""
        with self._lock:
            if number >= self._count or not self._kept:
                return None
            return self._kept[max(0, number + 1 - self._kept[0].number)]

    def clear(self) -> None:
        """Forget what came. The numbers go on."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    @contextmanager
    def told(self, listener: Callable[[Received], object]) -> Generator[None, None, None]:
        """Call a listener with each request that comes during a ``with`` block."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def _all(self) -> list[Received]:
        with self._lock:
            return list(self._kept)


def _size(request: Received) -> int:
    """How much of what was sent is kept of a request, in bytes, or in characters of its address."""
    query = sum(len(name) + len(value) for name, value in request.query.items())
    return len(request.raw_body) + len(request.path) + query
