"""Text that is safe to show: what would act, or hide, is written out as an escape instead. Pure."""

import re

# What stays, though it cannot be seen: a joiner inside the scripts and the emoji that are written with it, and the
# flags of England, Scotland and Wales, which are spelt in tags.
_KEPT = (
    r"(?<=[^\x00-\x7f\u200b-\u200f\u2028-\u202e\u2060-\u206f])[\u200c\u200d]"
    r"|(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
)
_ESCAPED = (
    r"[\x00-\x1f\x7f-\x9f"  # control characters: ESC, which begins the commands of a terminal, and its kin
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks, embeddings, overrides and isolates of writing direction
    r"\xad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # without a width
    r"\u2028\u2029"  # the separators of lines and paragraphs
    r"\ud800-\udfff]"  # lone surrogates, which no output can encode
)
_hidden = re.compile(f"(?P<kept>{_KEPT})|{_ESCAPED}")
_hidden_in_lines = re.compile(rf"(?P<kept>{_KEPT}|[\n\t])|\r(?=\n)|{_ESCAPED}")


def visible(text: str, *, multiline: bool = False) -> str:
    r"""The text, with an escape like ``\x1b`` or ``\u202e`` in place of each character that would act or hide.

    What can be seen, in any script, stays as it is.

    Args:
        text: any text.
        multiline: whether line breaks and tabs stay, and ``\r\n`` is a line break.
    """
    return _hidden_in_lines.sub(_in_lines, text) if multiline else _hidden.sub(_escape, text)


def shortened(text: str, length: int) -> str:
    """The text, cut to a length and ended by an ellipsis where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _escape(match: re.Match[str]) -> str:
    return match[0] if match["kept"] else match[0].encode("unicode_escape").decode()


def _in_lines(match: re.Match[str]) -> str:
    return "" if match[0] == "\r" and match.string.startswith("\n", match.end()) else _escape(match)
