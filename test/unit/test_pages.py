"""Paging over lists that change between two pages, and over servers that read the query in their own way."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantcdn import AISessionsApi, ApiClient, ListAISessions200ResponseInner, iter_ai_sessions
from quantcdn._wire.call import Call


class Service:
    """In place of a client: a list that may change after each page, and may ignore or bound what is asked for.

    Attributes:
        states: the ids in the list: at first, after the first page, and so on; the last state stays.
        offsets: the offsets that were asked for.
    """

    def __init__(self, states: Sequence[Sequence[str | None]], ignores_offset: bool = False, most: int = 100) -> None:
        self.states = states
        self.offsets: list[int] = []
        self._ignores_offset = ignores_offset
        self._most = most

    def execute(self, call: Call[Any]) -> list[ListAISessions200ResponseInner]:
        assert len(self.offsets) < 1000, "it goes on for ever"
        state = self.states[min(len(self.offsets), len(self.states) - 1)]
        offset, limit = (cast("int", call.query[name]) for name in ("offset", "limit"))
        self.offsets.append(offset)
        start = 0 if self._ignores_offset else offset
        return [ListAISessions200ResponseInner(id=name) for name in state[start : start + min(limit, self._most)]]

    def all(self, page_size: int = 2) -> list[str | None]:
        api = AISessionsApi(cast("ApiClient", self))
        return [session.id for session in iter_ai_sessions(api, "org", page_size=page_size)]


def insert(ids: list[str], position: int) -> list[str]:
    new = f"new-{len(ids)}-{position}"
    return [*ids[: position % (len(ids) + 1)], new, *ids[position % (len(ids) + 1) :]]


def remove(ids: list[str], position: int) -> list[str]:
    return [name for index, name in enumerate(ids) if index != position % (len(ids) or 1)]


def to_the_front(ids: list[str], position: int) -> list[str]:
    return sorted(ids, key=lambda name: name != ids[position % len(ids)])


def swap(ids: list[str], position: int) -> list[str]:
    changed = list(ids)
    if len(ids) > 1:
        here, there = position % len(ids), (position // len(ids) + 1) % len(ids)
        changed[here], changed[there] = changed[there], changed[here]
    return changed


Change = tuple[Callable[[list[str], int], list[str]], int]
_changes = st.lists(st.tuples(st.sampled_from([insert, remove, to_the_front, swap]), st.integers(0, 50)), max_size=3)


@given(st.integers(0, 12), st.lists(_changes, max_size=20), st.integers(1, 5), st.integers(1, 5))
def test_each_session_that_stays_in_its_place_comes_and_none_comes_twice(
    count: int, changes: list[list[Change]], page_size: int, most: int
) -> None:
    states = [[f"s-{number}" for number in range(count)]]
    for between_two_pages in changes:
        state = states[-1]
        for change, position in between_two_pages:
            state = change(state, position)
        states.append(state)
    service = Service(states, most=most)

    ids = service.all(page_size)

    seen_states = states[: len(service.offsets)]
    unmoved = {
        name
        for index, name in enumerate(states[0])
        if all(len(state) > index and state[index] == name for state in seen_states)
    }
    assert len(ids) == len(set(ids))
    assert unmoved <= set(ids) <= {name for state in seen_states for name in state}


def test_a_session_behind_others_that_keep_moving_ahead_of_the_pages_comes() -> None:
    service = Service([["a", "b", "c", "d"], ["b", "a", "c", "d"], ["b", "c", "a", "d"]])

    assert service.all(page_size=1) == ["a", "d"]


def test_the_next_page_begins_after_what_came_not_after_what_was_asked_for() -> None:
    service = Service([["a", "b", "c", "d", "e"]], most=2)

    assert service.all(page_size=100) == ["a", "b", "c", "d", "e"]
    assert service.offsets == [0, 2, 4, 5]


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_a_server_that_ignores_the_offset_ends_after_its_first_page(page_size: int) -> None:
    service = Service([["a", "b", "c"]], ignores_offset=True)

    assert service.all(page_size) == ["a", "b", "c"][:page_size]
    assert len(service.offsets) == 3


def test_a_server_that_ignores_the_offset_may_bring_new_sessions() -> None:
    service = Service([["a", "b"], ["b", "c"], ["c", "d"]], ignores_offset=True)

    assert service.all() == ["a", "b", "c", "d"]


def test_sessions_without_an_id_come() -> None:
    assert Service([[None, "a", None, None, None]]).all() == [None, "a", None, None, None]


def test_sessions_without_an_id_come_once_from_a_server_that_ignores_the_offset() -> None:
    assert Service([[None, "a"]], ignores_offset=True).all() == [None, "a"]
    assert Service([[None, None]], ignores_offset=True).all() == [None, None]


def test_a_session_that_stands_twice_in_a_page_comes_once() -> None:
    assert Service([["a", "a", "b"]]).all(page_size=3) == ["a", "b"]
