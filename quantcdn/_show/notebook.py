"""What a notebook asks a value for. It costs nothing before that."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quantcdn._show.html import Shows


def repr_html(value: "Shows") -> str:
    """The HTML of a value: the method ``_repr_html_`` of its class."""
    from quantcdn._show.html import html

    return html(value)
