"""Text that is safe to show: nothing of it acts or hides, and what can be seen stays."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantcdn._show.visible import shortened, visible

anything = st.text(st.characters(exclude_categories=[]))

# What Unicode calls Default_Ignorable_Code_Point, by ranges: characters of which nothing is shown.
IGNORABLE = [
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010)),
    *(*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0),
    *(*range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
]

DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    "text",
    [
        "plain, with <markup> & \\backslashes",
        "Ångström, e\u0301, \u1ec7",
        "مرحبا بالعالم",
        "שלום",
        "نمی\u200cروم",  # with a zero-width non-joiner, as Persian is written
        "क्\u200dष",  # with a zero-width joiner, as Hindi is written
        "日本語\u3000\xa0",
        "👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 1\ufe0f\u20e3 👋🏽",
        "\u1820\u180b\u1826",  # with a free variation selector, as Mongolian is written
        "葛\U000e0100 ≨\ufe00 ❤\ufe0f\u200d🔥 #\ufe0f\u20e3",  # with variation selectors
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
    ],
)
def test_what_can_be_seen_in_any_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == visible(text, multiline=True) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("\x00\x07\x7f\x9b1m", r"\x00\x07\x7f\x9b1m"),
        ("a\u202etxt.exe", r"a\u202etxt.exe"),
        ("\u2066\u2069\u200f\u061c", r"\u2066\u2069\u200f\u061c"),
        ("pay\u200bpal\ufeff\xad", r"pay\u200bpal\ufeff\xad"),
        ("pay\u200dpal", r"pay\u200dpal"),
        ("\u200d\u200c", r"\u200d\u200c"),
        ("ش\u200c\u200c\u200d", "ش\u200c" + r"\u200c\u200d"),
        ("\ufeff\u200d\xad\u200c", r"\ufeff\u200d\xad\u200c"),
        ("葛\ufe00\ufe01", "葛\ufe00" + r"\ufe01"),
        ("\ufe00\u200c", r"\ufe00\u200c"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("hidden \U000e0041\U000e0042", r"hidden \U000e0041\U000e0042"),
        ("\ud800", r"\ud800"),
    ],
    ids=ascii,
)
def test_what_would_act_or_hide_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == visible(text, multiline=True) == shown


def test_line_breaks_and_tabs_stay_only_where_there_are_lines() -> None:
    text = "a\r\n\tb\rc\n"

    assert visible(text) == r"a\r\n\tb\rc\n"
    assert visible(text, multiline=True) == "a\n\tb\\rc\n"


@given(anything)
def test_nothing_that_acts_is_left(text: str) -> None:
    shown = visible(text)

    assert {unicodedata.category(character) for character in shown}.isdisjoint(["Cc", "Cs", "Zl", "Zp"])
    assert {unicodedata.bidirectional(character) for character in shown}.isdisjoint(DIRECTIONS)


def test_no_character_that_shows_nothing_hides_between_letters() -> None:
    assert [hex(code) for code in IGNORABLE if not visible(f"a{chr(code)}b").isascii()] == []


@given(st.text(st.sampled_from([*map(chr, IGNORABLE), *"a0é葛🏴\n\r\x85\u2028\ud800"])))
def test_what_hides_is_written_out_among_others_that_hide(text: str) -> None:
    shown = visible(text)

    assert visible(shown) == shown
    assert not re.search("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f]{2}|[\u200b-\u200f]{2}", shown)


@given(anything)
def test_what_is_shown_can_be_encoded_and_stays_when_shown_again(text: str) -> None:
    shown = visible(text)

    shown.encode()
    assert visible(shown) == shown


def test_a_megabyte_of_what_hides_is_written_out_too() -> None:
    assert visible("\u202e" * 2**20) == r"\u202e" * 2**20


@pytest.mark.parametrize(
    ("text", "cut"), [("", ""), ("12345", "12345"), ("123456", "1234…"), ("123 56", "123…"), ("x" * 10**6, "xxxx…")]
)
def test_a_text_is_cut_to_its_length_and_says_so(text: str, cut: str) -> None:
    assert shortened(text, 5) == cut
