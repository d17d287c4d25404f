"""Text that is safe to show: what would act, or hide, is written out as an escape instead. Pure."""

import re
from functools import cache

_HIDDEN = (
    r"\x00-\x1f\x7f-\x9f"  # control characters: ESC, which begins the commands of a terminal, and its kin
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks, embeddings, overrides and isolates of writing direction
    r"\xad\u034f\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb"  # without a width
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
    r"\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # letters that are blank
    r"\u2028\u2029"  # the separators of lines and paragraphs
    r"\ud800-\udfff"  # lone surrogates, which no output can encode
)
_SELECTORS = r"\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"  # of a variant of the character before them
_SEEN = rf"[^\x00-\x7f{_HIDDEN}{_SELECTORS}]"
# What stays, though it cannot be seen: a joiner inside the scripts and the emoji that are written with it, one selector
# after a character that can have variants, and the flags of England, Scotland and Wales, which are spelt in tags.
_KEPT = (
    rf"(?:(?<={_SEEN})|(?<={_SEEN}[{_SELECTORS}]))[\u200c\u200d]"
    rf"|(?:(?<={_SEEN})|(?<=[0-9#*]))[{_SELECTORS}]"
    r"|(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
)
_SUSPECT = f"(?=[{_HIDDEN}{_SELECTORS}])"  # asked first, because it is quick
_hidden = f"{_SUSPECT}(?:(?P<kept>{_KEPT})|.)"
_hidden_in_lines = rf"{_SUSPECT}(?:(?P<kept>{_KEPT}|[\n\t])|\r(?=\n)|.)"
# Of what some language trims: JavaScript U+FEFF, PHP a NUL, .NET once U+200B.
_TRIMMED = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x200B, 0xFEFF]))
_compiled = cache(re.compile)  # takes 2 ms, and so waits for the first text that needs it


def visible(text: str, *, multiline: bool = False) -> str:
    r"""The text, with an escape like ``\x1b`` or ``\u202e`` in place of each character that would act or hide.

    What can be seen, in any script, stays as it is.

    Args:
        text: any text.
        multiline: whether line breaks and tabs stay, and ``\r\n`` is a line break.
    """
    if text.isascii() and text.isprintable():
        return text
    if multiline:
        return _compiled(_hidden_in_lines, re.DOTALL).sub(_in_lines, text)
    return _compiled(_hidden, re.DOTALL).sub(_escape, text)


def is_blank(text: str) -> bool:
    """Whether nothing is left of a text for a service that trims it."""
    return all(character.isspace() or character in _TRIMMED for character in text)


def shortened(text: str, length: int) -> str:
    """The text, cut to a length and ended by an ellipsis where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _escape(match: re.Match[str]) -> str:
    return match[0] if match["kept"] else match[0].encode("unicode_escape").decode()


def _in_lines(match: re.Match[str]) -> str:
    return "" if match[0] == "\r" and match.string.startswith("\n", match.end()) else _escape(match)
