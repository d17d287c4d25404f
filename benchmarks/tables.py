"""From figures to tables in Markdown. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median, quantiles

Figures = dict[str, dict[str, list[float]]]
"""Samples by rival and column."""

FLOOR = "floor"


def relative(figures: Figures, reference: str | None = None) -> Figures:
    """Each sample as a ratio to the floor's of the same round, in the same column or in the one named."""
    floor = figures[FLOOR]
    return {
        rival: {
            column: [sample / base for sample, base in zip(samples, floor[reference or column], strict=True)]
            for column, samples in columns.items()
        }
        for rival, columns in figures.items()
    }


def above(figures: Figures, rival: str) -> Figures:
    """Each sample less that of a rival: what the others add to it."""
    return {
        other: {
            column: [sample - base for sample, base in zip(samples, figures[rival][column], strict=True)]
            for column, samples in columns.items()
        }
        for other, columns in figures.items()
    }


def slopes(figures: Figures) -> Figures:
    """What each item adds, from columns that name an operation and a size: from each size to the next, and over all."""
    return {rival: _slopes(columns) for rival, columns in figures.items()}


def _slopes(columns: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    points = [(int(column.partition(" ")[2]), samples) for column, samples in columns.items()]
    pairs = [*pairwise(points), (points[0], points[-1])]
    return {
        f"{small:,} to {large:,}": [(b - a) / (large - small) for a, b in zip(fewer, more, strict=True)]
        for (small, fewer), (large, more) in pairs
    }


def cell(samples: Sequence[float], number: Callable[[float], str] = "{:.2f}".format) -> str:
    """The median, and half the distance between the quartiles where it shows."""
    text = number(median(samples))
    if len(samples) > 1:
        first, _, third = quantiles(samples, n=4, method="inclusive")
        spread = number((third - first) / 2).lstrip("+")
        if any(digit in spread for digit in "123456789"):
            text = f"{text} ± {spread}"
    return text


def table(corner: str, columns: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]]) -> str:
    """A table in Markdown."""
    columns = list(columns)
    lines = [[corner, *columns], ["---"] + ["---:"] * len(columns), *([title, *cells] for title, cells in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
