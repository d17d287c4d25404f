"""What deleting, extending, getting and exporting take alike, declared once."""

import inspect
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from datetime import timedelta
from typing import Any, TypeVar, get_type_hints

from typing_extensions import Unpack

from quantcdn._wire.call import RequestOptions
from quantcdn.bulk._report import Result

_Function = TypeVar("_Function", bound=Callable[..., Any])


class BulkOptions(RequestOptions, total=False):
    """Which sessions some work is for, and how it is done.

    Attributes:
        session_ids: the ids, instead of filters. One that comes twice counts once.
        user_id: only sessions of this user.
        session_group: only sessions of this group.
        model: only sessions with this model.
        idle_for: only sessions whose last update is at least so long ago, by the clock of the service (the ``Date`` of
            its answers; without one, by this machine's). One that was never updated is never idle, nor is one whose
            last update is before the year 2000 or before its creation.
        dry_run: change and write nothing, and tell what would be done.
        workers: how many calls at a time. There are never more than the client keeps connections
            (`Configuration.connection_pool_maxsize`).
        progress: show a progress bar to whoever looks at a terminal or a notebook.
        on_result: a function to call with each result as it comes, in the thread that called this. What it raises ends
            the work after what is under way, and is raised; there is no report then.
        executor: what does the work instead of threads of this process: a process pool, say, or
            ``Client.get_executor()`` of a Dask cluster. Sessions travel to its workers in batches, of which `workers`
            are under way at a time, each one call after another. The configuration travels too, with its token.
    """

    session_ids: Iterable[str] | None
    user_id: str | None
    session_group: str | None
    model: str | None
    idle_for: timedelta | None
    dry_run: bool
    workers: int
    progress: bool
    on_result: Callable[[Result], object] | None
    executor: Executor | None


DRY_RUN = False
WORKERS = 4
PROGRESS = False

_DEFAULTS = {"dry_run": DRY_RUN, "workers": WORKERS, "progress": PROGRESS}
_HERE = "    **options: see `BulkOptions`."
_OF_EACH_CALL = "    **options: see `RequestOptions`. They hold for each call, `_request_timeout` too."

OWN = {name: type_ for name, type_ in get_type_hints(BulkOptions).items() if name not in RequestOptions.__annotations__}
"""The types of what is declared here, without the options of a call."""


def described(function: _Function) -> _Function:
    """Make a function of `BulkOptions` look, to `help` and to what reads signatures, as if they had been written out.

    What editors and type checkers see of it stands in the stub of the package, which `test/stubs.py` writes.
    """
    types = {**get_type_hints(function), **OWN, "options": Unpack[RequestOptions]}
    *own, options = (
        parameter.replace(annotation=types[name]) for name, parameter in inspect.signature(function).parameters.items()
    )
    positional = [parameter for parameter in own if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(name), annotation=type_)
        for name, type_ in OWN.items()
    ]
    attributes = inspect.cleandoc(BulkOptions.__doc__ or "").partition("Attributes:\n")[2]
    function.__doc__ = inspect.cleandoc(function.__doc__ or "").replace(_HERE, f"{attributes}\n{_OF_EACH_CALL}")
    function.__annotations__ = {"return": types.pop("return"), **types}
    function.__module__ = __name__.rpartition(".")[0]
    vars(function)["__signature__"] = inspect.Signature(
        [*positional, *shared, *own[len(positional) :], options], return_annotation=function.__annotations__["return"]
    )
    return function
