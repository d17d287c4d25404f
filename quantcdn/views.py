"""How models, answers and exceptions look in a notebook: as small pieces of HTML.

Each says for itself what it shows; the pieces are drawn in `quantcdn._show.html`.
"""

from datetime import datetime

from quantcdn._show import html as drawing
from quantcdn.models._sessions import sessions_in

__all__ = ["html"]


def __dir__() -> list[str]:
    return [*__all__]


def html(value: object, *, now: datetime | None = None) -> str:
    """The HTML that a notebook shows for what the SDK returns or raises: a model, a list of sessions, an exception.

    Args:
        value: what to show. Something else is shown as JSON, or as Python writes it where it cannot be JSON.
        now: from when to count ages, with a time zone; the present if None.
    """
    return drawing.html(sessions_in(value), now)
