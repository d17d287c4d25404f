"""Progress bars, where a person looks: in a terminal, on standard error, or in a notebook. In a pipe there is none."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Bar", "bar"]


class Bar:
    """A progress bar, made by `bar`."""

    def __init__(self, drawn: "tqdm[Any] | None") -> None:
        self._drawn = drawn

    def expect(self, total: int) -> None:
        """Begin, now that it is known how many there will be."""
        if self._drawn is not None:
            self._drawn.reset(total)

    def advance(self, count: int = 1) -> None:
        """Note that so many more are done."""
        if self._drawn is not None:
            self._drawn.update(count)


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
        yield Bar(None)
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            'a progress bar needs tqdm; in a clone, pip install ".[cli]" brings it, and ".[notebook]" for notebooks',
            name=error.name,
        ) from error
    drawn: tqdm[Any] = tqdm(desc=description, unit=" sessions", disable=None)  # None: nothing in a pipe
    with drawn:
        yield Bar(drawn)
