"""Progress bars, where a person looks: in a terminal, on standard error, or in a notebook. In a pipe there is none."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Bar", "bar"]

T = TypeVar("T")

_SHORT = 0.5
"""How long a list may take before its progress is shown, in seconds."""


class Bar:
    """A progress bar, made by `bar`. It is drawn from when it is known that there is something to do."""

    def __init__(self, draw: "Callable[..., tqdm[Any]] | None" = None) -> None:
        self._draw = draw
        self._drawn: tqdm[Any] | None = None

    def counted(self, listed: Iterable[T]) -> Iterable[T]:
        """The same, which nobody knows the number of; where it takes long, how many came is shown until the end."""
        return listed if self._draw is None else self._draw(listed, desc="Listing", leave=False, delay=_SHORT)

    def expect(self, total: int) -> None:
        """Begin, now that it is known how many there will be."""
        if self._draw is not None and total:
            self._drawn = self._draw(total=total)

    def advance(self, count: int = 1) -> None:
        """Note that so many more are done."""
        if self._drawn is not None:
            self._drawn.update(count)

    def close(self) -> None:
        """Draw it a last time."""
        if self._drawn is not None:
            self._drawn.close()


@contextmanager
def bar(description: str, *, shown: bool) -> Generator[Bar, None, None]:
    """A progress bar for the length of a ``with`` block.

    Args:
        description: what is going on, in a word.
        shown: whether there is to be one, where a person looks.

    Raises:
        ImportError: there is to be one, and tqdm is not installed.
    """
    if not shown:
        yield Bar()
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            'a progress bar needs tqdm; in a clone, pip install ".[cli]" brings it, and ".[notebook]" for notebooks',
            name=error.name,
        ) from error

    draw = partial(tqdm, desc=description, unit=" sessions", disable=None)  # None: nothing in a pipe
    with closing(Bar(draw)) as drawn:
        yield drawn
