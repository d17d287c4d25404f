"""What the shell offers when Tab is pressed: ids, groups, users, models and columns.

It is quick and silent: what is not there in time, or cannot be had, is not offered. The scripts of some shells evaluate
what they are given, and others split it, so nothing is offered but plain words.
"""

import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from quantcdn.cli._connection import Connection

if TYPE_CHECKING:
    from quantcdn import AISessionsApi

_DEADLINE = 1.5
"""How long the service may take, in seconds."""

_LOOKED_AT = 16  # the sessions whose groups and users are offered: a list does not say them
_WORKERS = 8
_is_plain_word = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]*").fullmatch


def session_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The ids of the newest sessions."""
    given: list[str] = context.params.get("session_ids") or []
    found = _found(context, lambda api, organisation: (session.id for session in _listed(api, organisation)))
    return [session_id for session_id in _matching(found, incomplete) if session_id not in given]


def models(context: typer.Context, incomplete: str) -> list[str]:
    """The models of the newest sessions."""
    found = _found(context, lambda api, organisation: (session.model for session in _listed(api, organisation)))
    return _matching(found, incomplete)


def groups(context: typer.Context, incomplete: str) -> list[str]:
    """The groups of the newest sessions."""
    return _matching(_found(context, partial(_held, "session_group")), incomplete)


def users(context: typer.Context, incomplete: str) -> list[str]:
    """The users of the newest sessions."""
    return _matching(_found(context, partial(_held, "user_id")), incomplete)


def columns(incomplete: str) -> list[str]:
    """The columns, each after those that stand there already."""
    from quantcdn import ListAISessions200ResponseInner

    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    names = (name for name in ListAISessions200ResponseInner.model_fields if name not in given)
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def _matching(found: Iterable[str | None], incomplete: str) -> list[str]:
    """Those that begin so and are plain words, each once."""
    words = (name for name in found if name and name.startswith(incomplete) and _is_plain_word(name))
    return list(dict.fromkeys(words))


def _found(context: typer.Context, look: "Callable[[AISessionsApi, str], Iterable[str | None]]") -> list[str | None]:
    """What a look at the service has found until the deadline. Without a token, nothing is looked at."""
    found: list[str | None] = []
    warnings.simplefilter("ignore")
    with suppress(Exception):
        connection = _connection(context)

        connection.configuration()  # which loads the client, outside of the time that the service has

        def run() -> None:
            with suppress(Exception), connection.open() as (api, organisation):
                found.extend(look(api, organisation))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(_DEADLINE)
    return list(found)


def _connection(context: typer.Context) -> Connection:
    """The one that the options before the command describe. A file that can be read only once is not read for this."""
    given: dict[str, Any] = context.find_root().params
    token_file = given.get("token_file")
    if token_file is not None and not token_file.is_file():
        raise FileNotFoundError(token_file)
    return Connection(given.get("profile"), given.get("organisation"), given.get("base_url"), token_file, _DEADLINE, 0)


def _listed(api: "AISessionsApi", organisation: str) -> Iterable[Any]:
    return api.list_ai_sessions(organisation, limit=100)


def _held(field: str, api: "AISessionsApi", organisation: str) -> Iterator[str | None]:
    """What the newest sessions hold in a field that a list leaves out."""
    from quantcdn import bulk

    ids = [session.id for session in api.list_ai_sessions(organisation, limit=_LOOKED_AT) if session.id]
    for session in bulk.get(api, organisation, session_ids=ids, workers=_WORKERS, on_result=lambda _: None):
        value = session.to_dict().get(field)
        yield value if isinstance(value, str) else None
