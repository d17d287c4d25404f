"""What a session holds, as far as its answers have told, and whether a turn whose answer was lost is in it. Pure.

A turn is sent once. Where its answer is lost, it may stand in the session now, arrive later, or never: until that is
known, it is *in doubt*. Reading the session shows a tail, beyond the messages that were known to stand there. A turn
may seem to stand in the tail that does not: another one of ours that is in doubt may have brought a part of it, or all
of it, and other writers the rest. Hence the rule:

    Of equal turns in doubt, as many have arrived as the tail shows beyond those that only seem to stand there, at
    worst. A turn is stored for certain when none that is equal to it is in doubt any more.

So a turn is recognised at once where none in doubt can be a part of it. While an earlier, equal turn may still be on
its way, one copy in the tail proves nothing, as either may have brought it; two copies do. It does not matter when a
late turn lands: before the tail was read, between reading and sending, or after the next turn.

It is assumed that the service appends a turn in one piece, with its roles and texts as they are; that a reader sees
all that was confirmed; and that other writers do not make up, by themselves, a turn that is in doubt. They may append
single texts of it. But an equal turn of theirs, or a longer one that holds it, cannot be told from ours. Where the
service drops or rewrites messages, a turn is not recognised, and stays in doubt.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Message = Mapping[str, Any]
Turn: TypeAlias = tuple[object, ...]

_ANY_MESSAGE = object()


class _State(NamedTuple):
    """All that is known at one time.

    Attributes:
        messages: those that the session holds, as far as is known.
        is_current: whether nothing else is to be expected in it.
        known: how many messages the service is known to have had.
        in_doubt: how many copies of a turn are in doubt.
        confirmed: the turns among the messages beyond those that are known.
    """

    messages: list[Message]
    is_current: bool
    known: int
    in_doubt: Counter[Turn]
    confirmed: Counter[Turn]


class History:
    """The messages of a session. Whatever interrupts a method, it has done all of its work or none.

    Args:
        messages: those that it holds, the oldest first.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        # Replaced as a whole, in one step.
        self._state = _State(list(messages), True, len(messages), Counter(), Counter())

    @property
    def messages(self) -> list[Message]:
        """Those that the session holds, as far as is known."""
        return self._state.messages

    @property
    def is_current(self) -> bool:
        """Whether nothing else is to be expected in it; if not, it is to be read before it is built upon."""
        return self._state.is_current

    def expect_more(self) -> None:
        """Something may come to stand in the session of which nothing is told."""
        self._state = self._state._replace(is_current=False)

    def sending(self, messages: Sequence[Message]) -> None:
        """A turn is about to be sent."""
        in_doubt = self._state.in_doubt + Counter([_turn(messages)])
        self._state = self._state._replace(is_current=False, in_doubt=in_doubt)

    def refused(self, messages: Sequence[Message]) -> None:
        """The turn was not stored."""
        in_doubt = self._state.in_doubt - Counter([_turn(messages)])
        self._state = self._state._replace(is_current=True, in_doubt=in_doubt)

    def confirmed(self, messages: Sequence[Message], total: int | None) -> None:
        """The turn was stored, and the service says how many messages there are now."""
        turn = Counter([_turn(messages)])
        before = self._state
        stands = [*before.messages, *messages]
        is_current = total == len(stands)
        self._state = _State(
            messages=stands,
            is_current=is_current,
            known=max(before.known, len(stands)) if is_current else before.known,
            in_doubt=before.in_doubt - turn,
            confirmed=Counter() if is_current else before.confirmed + turn,
        )

    def read(self, messages: Sequence[Message], turn: Sequence[Message] = ()) -> bool:
        """The session was read. Tell whether a turn whose answer was lost is in it for certain."""
        before = self._state
        in_doubt = before.in_doubt - _arrived(before, _turn(messages[before.known :]))
        is_stored = bool(turn) and _turn(turn) not in in_doubt
        self._state = _State(
            messages=list(messages),
            is_current=is_stored or not turn,
            # It never falls: what an answer leaves out may be back in the next one, and is no arrival then.
            known=max(before.known, len(messages)),
            in_doubt=in_doubt,
            confirmed=Counter(),
        )
        return is_stored


def _arrived(state: _State, tail: Turn) -> Counter[Turn]:
    """How many copies of each turn in doubt have arrived for certain, seeing the tail."""
    arrived: Counter[Turn] = Counter()
    for turn in state.in_doubt:
        if seen := _pieces(turn, tail):
            others = state.in_doubt + state.confirmed
            others[turn] = state.confirmed[turn]
            seeming = sum(copies * _seeming(turn, other) for other, copies in others.items())
            arrived[turn] = max(0, -((seeming - seen) // _seeming(turn, turn)))  # rounded up
    return arrived


def _seeming(turn: Turn, other: Turn) -> int:
    """How many copies of a turn may seem to stand there, at worst, of each of which another turn is a part or all."""
    around = (_ANY_MESSAGE,) * (len(turn) - 1)
    return _pieces(turn, (*around, *other, *around))


def _pieces(turn: Turn, messages: Turn) -> int:
    """How many copies of a turn stand among messages, each message being a part of one copy at most."""
    pieces = start = 0
    while (end := start + len(turn)) <= len(messages):
        if all(there is _ANY_MESSAGE or there == own for there, own in zip(messages[start:end], turn, strict=True)):
            pieces, start = pieces + 1, end
        else:
            start += 1
    return pieces


def _turn(messages: Sequence[Message]) -> Turn:
    return tuple(map(_identity, messages))


def _identity(message: Message) -> object:
    """What makes two messages the same: services add fields, like a timestamp. None for what nobody appended here."""
    identity = message.get("role"), message.get("content")
    return identity if all(isinstance(part, str) for part in identity) else None
