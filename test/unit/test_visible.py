"""Text that is safe to show: nothing of it acts or hides, and what can be seen stays. Ages, as a person says them."""

import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantcdn._age import age
from quantcdn._visible import shortened, visible

anything = st.text(st.characters(exclude_categories=[]))

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


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=3, minutes=59), "3 h"),
        (timedelta(hours=24), "1 d"),
        (timedelta(days=400), "400 d"),
    ],
    ids=str,
)
def test_an_age_is_said_in_its_largest_unit(passed: timedelta, said: str) -> None:
    now = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)

    assert age(now - passed, now) == age(now + passed, now) == said
