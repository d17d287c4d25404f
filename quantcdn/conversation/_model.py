"""What a model is to a conversation: it makes of messages a reply, at once or in pieces. Pure."""

import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from quantcdn.exceptions import ApiTypeError


class Reply(NamedTuple):
    """What a model replied, or a piece of that.

    Attributes:
        content: the text.
        tokens: how many tokens it took, to be added to the total of the session.
    """

    content: str
    tokens: int | None = None

    def __repr__(self) -> str:
        return f"<Reply: {len(self.content)} characters, {self.tokens} tokens>"


Infer: TypeAlias = Callable[[list[Any]], str | Reply]
"""A model: from messages, each a dict with `role` and `content`, to its reply."""

InferPieces: TypeAlias = Callable[[list[Any]], Iterable[str | Reply]]
"""A model that streams: from the same messages to the pieces of its reply."""

_Result = TypeVar("_Result")

_INSTEAD = (
    "A conversation is synchronous: `await` your model yourself and hand both messages to `append`, or give a function "
    "that waits for it. docs/Async.md shows both"
)


def check_model(infer: object) -> None:
    """Refuse what can be no model of a synchronous conversation, before it is asked.

    Raises:
        ApiTypeError: it cannot be called, or what it returns would have to be awaited.
    """
    if not callable(infer):
        raise ApiTypeError(f"infer must be a function, not {type(infer).__name__}")
    for function in (infer, type(infer).__call__):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise ApiTypeError(f"infer must not be asynchronous. {_INSTEAD}")


@contextmanager
def closed(result: _Result) -> Generator[_Result, None, None]:
    """What a model returned, for the length of a `with` block: its connection may be open, or it is to be awaited."""
    try:
        yield result
    finally:
        close: object = getattr(result, "close", None)
        if callable(close):
            close()


def whole_reply(result: object) -> Reply:
    """What a model returned, as a reply.

    Raises:
        ApiTypeError: it is none.
    """
    reply = _read(result)
    if reply is not None:
        if not isinstance(tokens := cast("object", reply.tokens), int | None):
            raise ApiTypeError(f"The tokens of a reply must be an int, not {type(tokens).__name__}")
        return reply
    kind = f"a Reply of {type(result.content).__name__}" if isinstance(result, Reply) else type(result).__name__
    hint = "; `stream` takes a reply in pieces" if isinstance(result, Iterator) else _hint(result)
    raise ApiTypeError(f"infer must return a str or a quantcdn.Reply, not {kind}{hint}")


def pieces_of(result: object) -> Iterator[Reply]:
    """What a model returned, as the pieces of a reply.

    Raises:
        ApiTypeError: it holds no pieces, or one that is none, raised when it is due.
    """
    if isinstance(result, str | bytes | Reply) or not isinstance(result, Iterable):
        hint = "; `turn` takes a whole reply" if isinstance(result, str | Reply) else _hint(result)
        raise ApiTypeError(f"infer must return pieces of text to stream, not {type(result).__name__}{hint}")
    for number, piece in enumerate(cast("Iterable[object]", result), 1):
        reply = _read(piece)
        if reply is None:
            kind = type(piece).__name__
            raise ApiTypeError(f"Each piece must be a str or a quantcdn.Reply, and number {number} is {kind}")
        if not isinstance(tokens := cast("object", reply.tokens), int | None):
            kind = type(tokens).__name__
            raise ApiTypeError(f"The tokens of a piece must be an int, and those of number {number} are {kind}")
        yield reply


def joined(pieces: Sequence[Reply]) -> Reply:
    """The reply that pieces make up."""
    tokens = [piece.tokens for piece in pieces if piece.tokens is not None]
    return Reply("".join(piece.content for piece in pieces), sum(tokens) if tokens else None)


def _read(result: object) -> Reply | None:
    reply = Reply(result) if isinstance(result, str) else result
    if isinstance(reply, Reply) and isinstance(cast("object", reply.content), str):
        return reply
    return None


def _hint(result: object) -> str:
    return f". {_INSTEAD}" if isinstance(result, Awaitable | AsyncIterable) else ""
