"""Whether a turn is said to be stored that is not: in every world of a small scope.

A world is one order in which turns are sent, arrive at once, late or never, other writers append, and the session is
read. Each letter is the text of a message. Worlds in which other writers make up a turn of ours by themselves are left
out: nobody could tell those apart.

`HYPOTHESIS_PROFILE=thorough` goes a step further in each scope.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from quantcdn.conversation._history import History

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
pytestmark = pytest.mark.timeout(3600 if THOROUGH else 120)


class Scope(NamedTuple):
    """What happens in the worlds: which turns are sent, what others append, and how many steps are taken."""

    turns: str
    others: str
    steps: int


SCOPES = {
    "one turn, nobody else": Scope("ab", "", 5),
    "one turn, and each of its texts by others": Scope("ab", "a b", 4),
    "a turn that repeats itself": Scope("aa", "a", 4),
    "a turn that overlaps itself": Scope("aba", "a b", 3),
    "a turn and its end": Scope("ab b", "a x", 3),
    "a turn and its beginning": Scope("ab a", "b bx", 3),
    "two turns that overlap": Scope("ab ba", "", 4),
    "one question, two answers": Scope("ab ac", "a", 3),
    "a turn that two others make up": Scope("bc ab cd", "", 3),
    "a text alone": Scope("a b", "x", 3),
}

Message = tuple[int, str]
"""A message as the service holds it: of which turn it is, by number, or 0 for another writer; and its text."""


class World(NamedTuple):
    """A state of things.

    Attributes:
        stands: what the session holds.
        on_the_way: the turns that may still arrive, each with its number.
        history: what is known to the writer.
        seen: all that the writer did and saw.
        sent: how many turns were sent.
    """

    stands: tuple[Message, ...]
    on_the_way: tuple[tuple[int, str], ...]
    history: History
    seen: tuple[str, ...]
    sent: int

    def then(self, what: str) -> "World":
        return self._replace(history=_copy(self.history), seen=(*self.seen, what))

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.stands)


class Claim(NamedTuple):
    """What was said of a turn whose answer was lost.

    Attributes:
        seen: all that the writer did and saw.
        said: whether it was said to be stored.
        is_true: whether it is.
        is_unmistakable: whether none of its texts is in any other turn that was sent, or of another writer.
    """

    seen: tuple[str, ...]
    said: bool
    is_true: bool
    is_unmistakable: bool


def _copy(history: History) -> History:
    copy = History([])
    vars(copy).update(vars(history))
    return copy


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": letter} for letter in text]


def worlds(scope: Scope) -> Iterator[Claim]:
    """Every claim in every world of a scope."""
    todo = [(World((), (), History([]), (), 0), scope.steps)]
    while todo:
        world, steps = todo.pop()
        if steps:
            for following, claim in _steps(world, scope):
                if claim is not None:
                    yield claim
                todo.append((following, steps - 1))


def _steps(world: World, scope: Scope) -> Iterator[tuple[World, Claim | None]]:
    for following in _unseen_steps(world, scope):
        yield following, None
    read = world.then(f"read {world.text}")
    read.history.read(said(world.text))
    yield read, None
    ready = world if world.history.is_current else read
    for turn in scope.turns.split():
        yield from _sent(ready, turn, scope)


def _unseen_steps(world: World, scope: Scope) -> Iterator[World]:
    """What happens without the writer's doing."""
    for late in world.on_the_way:
        rest = tuple(other for other in world.on_the_way if other != late)
        yield _landed(world, *late)._replace(on_the_way=rest)
    for text in scope.others.split():
        following = _landed(world, 0, text)
        theirs = "".join(letter if number == 0 else " " for number, letter in following.stands)
        if not any(turn in theirs for turn in scope.turns.split()):
            yield following


def _landed(world: World, number: int, text: str) -> World:
    return world._replace(stands=(*world.stands, *((number, letter) for letter in text)))


def _sent(world: World, turn: str, scope: Scope) -> Iterator[tuple[World, Claim | None]]:
    """A turn is sent, and what may come of it; something else may happen before it lands or after."""
    number = world.sent + 1
    sent = world.then(f"send {turn}")._replace(sent=number)
    sent.history.sending(said(turn))
    for told in (True, False):
        stored = _landed(sent, number, turn).then(f"stored {len(world.stands) if told else None}")
        stored.history.confirmed(said(turn), len(stored.stands) if told else None)
        yield stored, None
    for before in (sent, *_unseen_steps(sent, scope)):
        landed = _landed(before, number, turn)
        for after in (landed, *_unseen_steps(landed, scope)):
            yield _read_back(after, number, turn)
        yield _read_back(before._replace(on_the_way=(*before.on_the_way, (number, turn))), number, turn)
        yield _read_back(before, number, turn)


def _read_back(world: World, number: int, turn: str) -> tuple[World, Claim]:
    following = world.then(f"lost, read {world.text}")
    told = following.history.read(said(world.text), said(turn))
    others = {text for other, text in world.stands if other != number}
    others.update(*(text for other, text in world.on_the_way if other != number))
    others.update(*(what.removeprefix("send ") for what in world.seen[:-1] if what.startswith("send ")))
    is_true = any(other == number for other, _ in world.stands)
    return following, Claim(following.seen, told, is_true, others.isdisjoint(turn))


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_in_every_world_what_is_said_to_be_stored_is_and_what_is_unmistakable_is_said(scope: Scope) -> None:
    claims = 0
    for claim in worlds(scope._replace(steps=scope.steps + THOROUGH)):
        assert claim.is_true or not claim.said, claim
        assert claim.said or not (claim.is_true and claim.is_unmistakable), claim
        claims += 1
    assert claims > 400
