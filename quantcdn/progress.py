"""Progress bars, where a person looks: in a terminal, on standard error, or in a notebook. In a pipe there is none."""

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Bar", "bar"]


class Bar:
    """A progress bar, made by `bar`. It is drawn from when it is known that there is something to do."""

    def __init__(self, draw: "Callable[[int], tqdm[Any]] | None" = None) -> None:
        self._draw = draw
        self._drawn: tqdm[Any] | None = None

    def expect(self, total: int) -> None:
        """Begin, now that it is known how many there will be."""
        if self._draw is not None and total:
            self._drawn = self._draw(total)

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

    def draw(total: int) -> "tqdm[Any]":
        return tqdm(desc=description, total=total, unit=" sessions", disable=None)  # None: nothing in a pipe

    with closing(Bar(draw)) as drawn:
        yield drawn
