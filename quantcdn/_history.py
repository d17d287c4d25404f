"""What a session holds, as far as its answers have told, and whether a turn whose answer was lost is in it. Pure.

A turn is sent once. Where its answer is lost, it may stand in the session now, arrive later, or never: one copy of
each of its messages is *in doubt*. Reading the session shows a tail, beyond the messages that were known to stand
there. What stands in the tail and was not confirmed has arrived, and is no longer in doubt. Hence the rule:

    A turn is stored for certain when it stands in the tail in one piece, and of one of its messages, at least, no
    copy is in doubt any more.

So a turn with a text of its own is recognised at once. While an earlier turn with the same texts may still be on its
way, one copy in the tail proves nothing, as either may have brought it; two copies do. It does not matter when a late
turn lands: before the tail was read, between reading and sending, or after the next turn.

It is assumed that the service appends a turn in one piece, with its roles and texts as they are; that a reader sees
all that was confirmed; and that nobody else appends the same texts to the session: identical turns of two writers
cannot be told apart. Where the service drops or rewrites messages, a turn is not recognised, and stays in doubt.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]


class History:
    """The messages of a session.

    Args:
        messages: those that it holds, the oldest first.

    Attributes:
        messages: those that it holds, as far as is known.
        is_current: whether nothing else is to be expected in it; if not, it is to be read before it is built upon.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = list(messages)
        self.is_current = True
        self._known = len(messages)  # how many messages the service is known to have had
        self._in_doubt: Counter[object] = Counter()

    def sending(self, turn: Sequence[Message]) -> None:
        """A turn is about to be sent."""
        self._in_doubt += Counter(map(_identity, turn))
        self.is_current = False

    def refused(self, turn: Sequence[Message]) -> None:
        """The turn was not stored."""
        self._in_doubt -= Counter(map(_identity, turn))
        self.is_current = True

    def confirmed(self, turn: Sequence[Message], total: int | None) -> None:
        """The turn was stored, and the service says how many messages there are now."""
        self._in_doubt -= Counter(map(_identity, turn))
        self.messages = [*self.messages, *turn]
        self.is_current = total == len(self.messages)
        if self.is_current:
            self._known = max(self._known, len(self.messages))

    def read(self, messages: Sequence[Message], turn: Sequence[Message] = ()) -> bool:
        """The session was read. Tell whether a turn whose answer was lost is in it for certain."""
        tail, wanted = [_identity(message) for message in messages[self._known :]], list(map(_identity, turn))
        self._in_doubt -= Counter(tail) - Counter(map(_identity, self.messages[self._known :]))
        self.messages = list(messages)
        # It never falls: what an answer leaves out may be back in the next one, and is no arrival then.
        self._known = max(self._known, len(messages))
        in_one_piece = any(tail[start : start + len(wanted)] == wanted for start in range(len(tail)))
        is_stored = in_one_piece and any(message not in self._in_doubt for message in wanted)
        self.is_current = is_stored or not turn
        return is_stored


def _identity(message: Message) -> object:
    """What makes two messages the same: services add fields, like a timestamp. None for what nobody appended here."""
    identity = message.get("role"), message.get("content")
    return identity if all(isinstance(part, str) for part in identity) else None
