"""Whether a turn whose answer was lost is known to be stored: by example, and with a service that loses any answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantcdn.conversation._history import History


def said(*texts: str) -> list[dict[str, str]]:
    """Messages of the user, of one letter each in most tests."""
    return [{"role": "user", "content": text} for text in texts]


def lost(history: History, *texts: str) -> None:
    """A turn is sent, its answer is lost, and reading shows nothing new."""
    history.sending(said(*texts))
    assert not history.read(history.messages, said(*texts))


# What is known at the beginning, which turns were lost before, what the next one says, and what then is read.
EXAMPLES = {
    "it is there": ("", [], "a", "a", True),
    "it is not there": ("", [], "a", "", False),
    "an equal one stood there before": ("a", [], "a", "a", False),
    "it stands beside an equal one": ("a", [], "a", "aa", True),
    "something else is there": ("x", [], "a", "xb", False),
    "another writer came before": ("x", [], "ab", "xyzab", True),
    "another writer came after": ("x", [], "ab", "xabyz", True),
    "a part of it is there": ("", [], "ab", "a", False),
    "its parts do not stand together": ("", [], "ab", "axb", False),
    "its parts stand in another order": ("", [], "ab", "ba", False),
    "an earlier one landed before it": ("", ["a"], "b", "ab", True),
    "an earlier one landed after it": ("", ["a"], "b", "ba", True),
    "an earlier one landed instead": ("", ["a"], "b", "a", False),
    "one of two equal ones landed": ("", ["a"], "a", "a", False),
    "two of two equal ones landed": ("", ["a"], "a", "aa", True),
    "two of three equal ones landed": ("", ["a", "a"], "a", "aa", False),
    "three of three equal ones landed": ("", ["a", "a"], "a", "aaa", True),
    "the same question has another answer": ("", ["ab"], "ac", "ac", True),
    "the earlier answer to the same question landed": ("", ["ab"], "ac", "ab", False),
    "its parts come from two earlier ones": ("", ["ab", "cd"], "bc", "abcd", False),
    "it repeats itself": ("", [], "aa", "aa", True),
    "an earlier one repeats it": ("", ["aa"], "a", "aa", False),
    "the service dropped the beginning": ("xyz", [], "a", "za", False),
    "the session is empty all of a sudden": ("xyz", [], "a", "", False),
}


@pytest.mark.parametrize(("known", "earlier", "text", "read", "stored"), EXAMPLES.values(), ids=EXAMPLES)
def test_a_turn_whose_answer_was_lost(known: str, earlier: list[str], text: str, read: str, stored: bool) -> None:
    history = History(said(*known))
    for turn in earlier:
        lost(history, *turn)

    history.sending(said(*text))

    assert history.read(said(*read), said(*text)) is stored
    assert history.messages == said(*read)
    assert history.is_current is stored


def test_a_turn_that_landed_is_not_expected_again() -> None:
    history = History([])
    lost(history, "a")
    history.read(said("a"))
    history.sending(said("a"))

    assert history.read(said("a", "a"), said("a"))


def test_of_two_equal_turns_one_that_landed_leaves_one_to_come() -> None:
    history = History([])
    lost(history, "a")
    history.sending(said("a"))
    assert not history.read(said("a"), said("a"))
    history.sending(said("a"))

    assert not history.read(said("a", "a"), said("a")), "the one that was still on its way may have landed"
    history.sending(said("a"))
    assert history.read(said("a", "a", "a", "a"), said("a"))


def test_a_confirmed_turn_does_not_pass_for_an_equal_one_that_was_lost() -> None:
    history = History([])
    lost(history, "a")
    history.sending(said("a"))
    history.confirmed(said("a"), total=2)  # somebody else wrote as well
    history.read(said("a", "x"))
    history.sending(said("a"))

    assert not history.read(said("a", "x", "a"), said("a")), "the first may have landed"


def test_a_confirmed_turn_leaves_no_doubt_about_an_equal_one() -> None:
    history = History([])
    history.sending(said("a"))
    history.confirmed(said("a"), total=1)
    history.sending(said("a"))

    assert history.read(said("a", "a"), said("a"))


def test_a_confirmed_turn_that_the_service_altered_does_not_pass_for_another() -> None:
    history = History([])
    history.sending(said("a "))
    history.confirmed(said("a "), total=1)
    history.sending(said("a"))

    assert not history.read(said("a"), said("a")), "the service trims its texts"


def test_messages_that_were_out_of_sight_for_a_while_are_not_new() -> None:
    history = History(said("x", "a"))
    history.read([])
    history.sending(said("b"))
    history.confirmed(said("b"), total=1)
    history.sending(said("a"))

    assert not history.read(said("x", "a", "b"), said("a"))


@pytest.mark.parametrize("total", [None, 1, 3], ids=["not told", "too few", "too many"])
def test_a_confirmed_turn_with_another_total_asks_for_reading(total: int | None) -> None:
    history = History(said("x"))
    history.sending(said("a"))
    assert not history.is_current

    history.confirmed(said("a"), total)

    assert history.messages == said("x", "a")
    assert not history.is_current


def test_a_confirmed_turn_with_the_total_that_was_expected_asks_for_nothing() -> None:
    history = History(said("x"))
    history.sending(said("a"))

    history.confirmed(said("a"), 2)

    assert history.messages == said("x", "a")
    assert history.is_current


def test_a_refused_turn_leaves_nothing_behind() -> None:
    history = History([])
    history.sending(said("a"))
    history.refused(said("a"))
    assert history.is_current

    history.sending(said("a"))

    assert history.messages == []
    assert history.read(said("a"), said("a"))


def test_fields_that_the_service_adds_change_nothing() -> None:
    history = History([])
    history.sending(said("a"))

    assert history.read([{"content": "a", "role": "user", "timestamp": "2030-01-01T00:00:00Z", "id": 7}], said("a"))


@pytest.mark.parametrize(
    "stands",
    [{"role": "assistant", "content": "a"}, {"role": "user", "content": "a "}, {"role": "User", "content": "a"}],
    ids=["another role", "another text", "another spelling"],
)
def test_what_differs_is_another_message(stands: dict[str, str]) -> None:
    history = History([])
    history.sending(said("a"))

    assert not history.read([stands], said("a"))


def test_messages_of_any_other_shape_are_carried_along() -> None:
    odd = [{}, {"role": None, "content": ["part"]}, {"content": {"text": "a"}}, {"role": "user", "content": 7}]
    history = History(odd)
    history.sending(said("a"))

    assert history.read([*odd, *odd, *said("a")], said("a"))
    assert history.messages == [*odd, *odd, *said("a")]


# Any course of things

_turns = st.text("ab", min_size=1, max_size=2)
_fates = st.sampled_from(["confirmed", "refused", "stored", "late", "never"])
_steps = st.one_of(
    st.tuples(st.just("turn"), _turns, _fates, st.booleans()),
    st.tuples(st.just("lands"), st.integers(0, 5)),
    st.tuples(st.just("read")),
    st.tuples(st.just("other writer"), st.text("xy", min_size=1, max_size=2)),
)


@given(st.lists(_steps, max_size=25))
def test_what_is_said_to_be_stored_is_there_whatever_is_lost_and_lands_late(steps: list[tuple[Any, ...]]) -> None:
    """The service numbers the turns. What a history says of a turn is held against the numbers that stand there."""
    stands: list[tuple[int, str]] = []
    on_the_way: list[tuple[int, str]] = []
    history = History([])

    def read(turn: str = "") -> bool:
        return history.read(said(*(text for _, text in stands)), said(*turn))

    def land(turn: tuple[int, str]) -> None:
        stands.extend((turn[0], letter) for letter in turn[1])

    for number, step in enumerate(steps):
        if step[0] == "lands" and on_the_way:
            land(on_the_way.pop(step[1] % len(on_the_way)))
        elif step[0] == "other writer":
            land((number, step[1]))
        elif step[0] == "read":
            read()
        elif step[0] == "turn":
            _, text, fate, total_is_told = step
            if not history.is_current:
                read()
            before = [*stands]
            history.sending(said(*text))
            if fate in ("confirmed", "stored"):
                land((number, text))
            if fate in ("late", "never"):
                on_the_way.append((number, text))
            if fate == "never":
                on_the_way.pop()
            if fate == "refused":
                history.refused(said(*text))
            elif fate == "confirmed":
                history.confirmed(said(*text), len(stands) if total_is_told else None)
                if history.is_current:
                    assert history.messages == said(*(letter for _, letter in stands))
            else:
                stored = read(text)
                assert not stored or number in {other for other, _ in stands[len(before) :]}
                assert history.messages == said(*(letter for _, letter in stands))


@given(st.lists(_fates, max_size=25))
def test_a_turn_with_a_text_of_its_own_is_recognised_always(fates: list[str]) -> None:
    stands: list[dict[str, str]] = []
    on_the_way: list[list[dict[str, str]]] = []
    history = History([])
    for number, fate in enumerate(fates):
        turn = said("the same question", f"answer {number}")
        if not history.is_current:
            history.read(stands)
        if len(on_the_way) > 1:
            stands += on_the_way.pop()  # between reading and sending
        history.sending(turn)
        if fate == "refused":
            history.refused(turn)
        elif fate == "confirmed":
            stands += turn
            history.confirmed(turn, len(stands))
        elif fate == "stored":
            stands += turn
            assert history.read(stands, turn)
        else:
            assert not history.read(stands, turn)
            on_the_way += [turn] * (fate == "late")
