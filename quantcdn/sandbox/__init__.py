"""The six AI-session operations as a real HTTP service on loopback, to try and to test the SDK without an account.

In a program, or in a test::

    from quantcdn import AISessionsApi, ApiClient, Configuration, sandbox

    with sandbox.running() as service:
        configuration = Configuration(host=service.host, access_token=service.access_token)
        print(AISessionsApi(ApiClient(configuration)).list_ai_sessions(service.organisation))

In a terminal: ``python -m quantcdn.sandbox``. Both need the extra ``sandbox``.

How the sandbox decides what the contract leaves open:

- **Names.** What comes from this machine and was meant for another, by its ``Host``, is 421.
- **Access.** 401 for a missing or unknown token, 403 for an organisation the token takes no part in. A session of
  another organisation is 404, as is one that expired or was deleted; deleting such a session is 404 too.
- **Requests are closed.** Unknown or repeated keys and query parameters, null, and ``60.0`` where an integer is due are
  400. A message needs both ``role`` and ``content``. A body must be ``application/json`` (415) in UTF-8, not packed
  (415), of at most 1 MiB (413), nested at most 100 deep, with numbers that a double can hold. A body sent with get,
  list or delete is ignored. For extend, ``null`` is no body. ``Expect: 100-continue`` is granted where only the body
  is left to look at.
- **Order.** Newest first; of sessions made in the same instant, the one made last comes first.
- **Title and model** come from ``metadata``: its ``title`` and ``model``, where they are strings. Without that title,
  the first user message serves, shortened to 60 characters. What cannot be told is left out of the answer.
- **Get** adds ``updated_at``, ``expires_at``, ``status``, ``user_id``, ``session_group`` (where there is one),
  ``metadata`` and ``total_tokens`` to what the contract lists. A list has the contract's fields only.
- **Update.** ``metadata`` replaces the metadata as a whole. All of an update is stored, or nothing is. The total of
  tokens ends at 2**53 - 1: what would pass it is 400.
- **Completed** sessions leave the list and can otherwise be used as before; ``status: active`` brings one back.
- **Expiry** moves by extend only, which does not touch ``updated_at``. It never lies more than 24 hours ahead:
  extending beyond that ends there, and the message says so.
- **The end.** What was read when the sandbox is stopped is answered, or not done.
- **Errors** are ``{"error": true, "message": "…"}``. Every answer has an ``x-request-id``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, cast

from quantcdn.sandbox._clock import Clock
from quantcdn.sandbox._faults import ActiveFault
from quantcdn.sandbox._running import RunningSandbox, Sandbox

__all__ = ["ActiveFault", "RunningSandbox", "Sandbox", "running"]


def __dir__() -> list[str]:
    return [*__all__]


_P = ParamSpec("_P")


class _Running(AbstractContextManager[RunningSandbox]):
    """A sandbox that runs for the length of a ``with`` block."""

    def __init__(self, context: AbstractContextManager[RunningSandbox]) -> None:
        self._context = context

    def __enter__(self) -> RunningSandbox:
        return self._context.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return self._context.__exit__(kind, error, traceback)

    if not TYPE_CHECKING:  # to a type checker, it would make every misspelt name one

        def __getattr__(self, name: str) -> object:
            raise AttributeError(
                f"There is no {name!r} before the sandbox runs: with sandbox.running() as service: ... service.{name}"
            )


def _by_with(
    function: Callable[_P, Generator[RunningSandbox, None, None]],
) -> Callable[_P, AbstractContextManager[RunningSandbox]]:
    """`contextlib.contextmanager`, with a word to whoever forgets the ``with``."""
    made = contextmanager(function)

    @wraps(function)
    def make(*args: _P.args, **kwargs: _P.kwargs) -> _Running:
        return _Running(made(*args, **kwargs))

    return make


@_by_with
def running(
    *,
    database: str | os.PathLike[str] | None = None,
    access_token: str | None = None,
    organisation: str | None = None,
    tokens: Mapping[str, Collection[str]] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
    clock: Callable[[], datetime] | None = None,
) -> Generator[RunningSandbox, None, None]:
    """Run a sandbox in a thread of this process for the length of a ``with`` block.

    Args:
        database: A file that keeps the sessions; in memory when left out.
        access_token: The token to accept; a random one when left out.
        organisation: The organisation that token takes part in; "sandbox" when left out.
        tokens: Further tokens, each with the organisations it takes part in.
        host: The loopback address to listen on.
        port: The port to listen on; any free one when left out.
        allow_remote: Whether other machines may reach the host, without TLS; it then needs an access_token of your own.
        clock: Tells the time, as an aware datetime; the system's clock when left out.

    Raises:
        ImportError: The extra is not installed.
        OSError: The port or the database file cannot be used.
        ValueError: An argument is not usable; the text says which.
    """
    try:
        from quantcdn.sandbox import _app, _bench, _commits, _control, _server, _store
    except ImportError as error:
        raise ImportError(
            'the sandbox needs Starlette and uvicorn; in a clone, pip install ".[sandbox]" brings them', name=error.name
        ) from error
    if allow_remote and access_token is None:
        raise ValueError("a sandbox that other machines can reach needs an access_token of your own (--token-file)")
    token = f"qc_sandbox_{secrets.token_hex(16)}" if access_token is None else access_token
    own = "sandbox" if organisation is None else organisation
    if database is not None and not isinstance(cast("object", database), (str, os.PathLike)):
        raise ValueError(f"database must be the path of a file, not of type {type(cast('object', database)).__name__}")
    if tokens is not None and not isinstance(cast("object", tokens), Mapping):
        raise ValueError("tokens must be a mapping of tokens, each to the organisations that it takes part in")
    access = _app.granted([(token, [own]), *(tokens or {}).items()])
    bench = _bench.Bench(Clock(clock))
    secret = secrets.token_urlsafe(16)
    listener = _server.listen(host, port, allow_remote=allow_remote)
    with listener, closing(_store.Store(database, bench.clock)) as store:
        commits = _commits.Commits(store)
        app = _app.application(commits, access, bench.around, _control.applications(commits, bench, secret, own))
        with _server.serving(app, listener) as serving:
            yield RunningSandbox(token, own, secret, serving, commits, bench)
