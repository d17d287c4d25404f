"""Replies that come in pieces: what the reader gets and when, and what is stored, however the stream ends."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pydantic
import pytest
from conftest import Connect
from servers import CLOSE, ScriptedServer, json_answer, scripted_server
from stalls import within

from quantcdn import ApiTypeError, Conversation, OutcomeUnknownException, Reply, TimeoutException
from quantcdn.sandbox import Sandbox

CREATED = json_answer({"sessionId": "s"}, 201)
EMPTY = json_answer({"messages": []})
STORED = json_answer({"totalMessages": 2})
PATIENCE = 60.0
"""How long to wait, in seconds, for what should happen soon."""


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def methods(server: ScriptedServer) -> list[str]:
    return [request.method for request in server.requests]


class Model:
    """Says some words, a piece for each, and notes when it is closed."""

    def __init__(self, *pieces: object, failure: BaseException | None = None) -> None:
        self.pieces = pieces
        self.failure = failure
        self.asked: list[list[dict[str, Any]]] = []
        self.said: list[object] = []
        self.closed = 0

    def __call__(self, messages: list[dict[str, Any]]) -> Generator[Any, None, None]:
        self.asked.append(messages)
        try:
            for piece in self.pieces:
                self.said.append(piece)
                yield piece
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed += 1


@pytest.fixture
def conversation(sandbox: Sandbox, connect: Connect) -> Conversation:
    api = connect(sandbox.host, sandbox.access_token)
    system: Any = {"role": "system", "content": "Be brief."}
    return Conversation.open(api, sandbox.organisation, user_id="reader", initial_messages=[system])


def stands(conversation: Conversation) -> list[dict[str, Any]]:
    """What the service holds beyond the first message."""
    conversation.refresh()
    return conversation.messages[1:]


def test_pieces_come_as_they_are_made_and_the_turn_is_stored_once_at_the_end(conversation: Conversation) -> None:
    model = Model("At ", "nine", Reply(".", 3), Reply("", 4))
    got: list[str] = []

    for piece in conversation.stream("When do you open?", model):
        got.append(piece)
        assert model.said == list(model.pieces[: len(got)]), "no piece is waited for that comes after"
        assert conversation.messages[1:] == []

    assert got == ["At ", "nine", "."]
    assert model.asked == [[{"role": "system", "content": "Be brief."}, user("When do you open?")]]
    assert conversation.messages[1:] == stands(conversation) == [user("When do you open?"), assistant("At nine.")]
    assert conversation.total_tokens == 7
    assert model.closed == 1


def test_whatever_can_be_gone_through_streams(conversation: Conversation) -> None:
    assert list(conversation.stream("a", lambda _: ["b", "", "c"])) == ["b", "c"]
    assert list(conversation.stream("d", lambda messages: (message["content"] for message in messages[-1:]))) == ["d"]
    assert list(conversation.stream("e", lambda _: [])) == []

    assert [message["content"] for message in stands(conversation)] == ["a", "bc", "d", "d", "e", ""]
    assert conversation.total_tokens == 0


def test_a_turn_is_one_request(connect: Connect) -> None:
    with scripted_server([CREATED, STORED]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        assert "".join(conversation.stream("a", Model("b", Reply("c", 5)))) == "bc"

    assert server.requests[1].json() == {"newMessages": [user("a"), assistant("bc")], "tokensUsed": 5}


def test_nothing_is_done_before_the_first_piece_is_asked_for(connect: Connect) -> None:
    with scripted_server([EMPTY]) as server:
        conversation = Conversation.resume(connect(server.host), "org", "s")
        model = Model("b")
        conversation.stream("a", model)
        with pytest.raises(pydantic.ValidationError, match="_no_such_option"):
            conversation.stream("a", model, _no_such_option=1)  # type: ignore[call-arg]
        with pytest.raises(pydantic.ValidationError):
            conversation.stream("\ud800", model)

    assert model.asked == []
    assert methods(server) == ["GET"]


# A reader that leaves


def close(stream: Generator[str, None, None]) -> None:
    stream.close()


def leave_a_loop(stream: Generator[str, None, None]) -> None:
    for _ in stream:
        break


def fail_in_a_loop(stream: Generator[str, None, None]) -> None:
    def read() -> None:
        for _ in stream:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        read()


def throw(stream: Generator[str, None, None]) -> None:
    with pytest.raises(BrokenPipeError):
        stream.throw(BrokenPipeError)


@pytest.mark.parametrize("read", [1, 2, 3])
@pytest.mark.parametrize("leave", [close, leave_a_loop, fail_in_a_loop, throw], ids=lambda leave: leave.__name__)
def test_where_the_reader_leaves_nothing_is_stored_and_the_model_is_closed(
    conversation: Conversation, leave: Callable[[Generator[str, None, None]], None], read: int
) -> None:
    model = Model("b", "c", "d")

    def talk() -> None:
        stream = conversation.stream("a", model)
        taken = read - 1 if "loop" in leave.__name__ else read
        for _ in range(taken):
            next(stream)
        leave(stream)

    talk()

    assert model.closed == 1
    assert len(model.said) == read
    assert stands(conversation) == []
    assert conversation.turn("e", lambda messages: str(len(messages)), _request_timeout=10) == "2"


def test_a_reader_that_has_the_last_piece_and_leaves_stores_nothing(conversation: Conversation) -> None:
    stream = conversation.stream("a", Model("b"))
    assert next(stream) == "b"
    stream.close()

    assert stands(conversation) == []


# Models that fail, and what is no piece


def test_what_a_model_raises_on_the_way_passes_unchanged_and_nothing_is_stored(conversation: Conversation) -> None:
    model = Model("b", failure=ConnectionResetError("the model is out of breath"))
    got: list[str] = []

    with pytest.raises(ConnectionResetError) as caught:
        got.extend(conversation.stream("a", model))

    assert caught.value is model.failure
    assert model.closed == 1
    assert stands(conversation) == []


def test_a_model_that_ends_with_a_stop_of_its_own_is_no_end_of_the_stream(conversation: Conversation) -> None:
    """`next` of an empty iterator, forgotten in a function: the stream must not seem to be through."""
    nothing: Iterator[str] = iter(())

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(conversation.stream("a", lambda _: [next(nothing)]))

    assert stands(conversation) == []


async def later() -> str:
    return "b"


async def pieces_later() -> Any:
    yield "b"


NO_PIECES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a whole reply": (lambda _: "bcd", "not str; `turn` takes a whole reply"),
    "a Reply": (lambda _: Reply("bcd", 5), "not Reply; `turn` takes a whole reply"),
    "None": (lambda _: None, "not NoneType"),
    "bytes": (lambda _: b"bcd", "not bytes"),
    "what is to be awaited": (lambda _: later(), r"not coroutine\. .*await.*docs/Async\.md"),
    "pieces to be awaited": (lambda _: pieces_later(), r"not async_generator\. .*await.*docs/Async\.md"),
    "bytes among them": (Model("b", b"c"), "number 2 is bytes"),
    "None among them": (Model("b", "c", None), "number 3 is NoneType"),
    "a reply without text": (Model(Reply(None)), "number 1 is Reply"),  # type: ignore[arg-type]
    "tokens that are no number": (Model(Reply("b", "5"), Reply("c", 1)), "tokens"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("infer", "message"), NO_PIECES.values(), ids=NO_PIECES)
def test_what_is_no_piece_ends_the_stream_with_an_error_and_nothing_is_stored(
    conversation: Conversation, infer: Any, message: str
) -> None:
    with pytest.raises((ApiTypeError, pydantic.ValidationError), match=message):
        list(conversation.stream("a", infer))

    assert not isinstance(infer, Model) or infer.closed
    assert stands(conversation) == []


def test_half_an_emoji_in_a_piece_is_refused_before_anything_is_sent(conversation: Conversation) -> None:
    with pytest.raises(pydantic.ValidationError):
        list(conversation.stream("a", Model("b", "\ud83d")))

    assert stands(conversation) == []


# Answers that are lost


def test_a_turn_whose_answer_was_lost_is_stored_when_it_is_there(connect: Connect) -> None:
    found = json_answer({"messages": [user("a"), assistant("bc")]})
    with scripted_server([CREATED, [CLOSE], found]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        assert list(conversation.stream("a", Model("b", "c"))) == ["b", "c"]

    assert methods(server) == ["POST", "PUT", "GET"]


def test_a_turn_of_unknown_outcome_is_raised_after_the_last_piece_and_not_sent_again(connect: Connect) -> None:
    with scripted_server([CREATED, [CLOSE], EMPTY, EMPTY, STORED]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        got: list[str] = []
        with pytest.raises(OutcomeUnknownException):
            got.extend(conversation.stream("a", Model("b", "c")))
        model = Model("e")
        assert list(conversation.stream("d", model)) == ["e"]

    assert got == ["b", "c"]
    assert model.asked == [[user("d")]]
    assert methods(server) == ["POST", "PUT", "GET", "GET", "PUT"], "the next turn begins with reading"


def test_where_the_session_cannot_be_read_first_the_model_is_not_asked(connect: Connect) -> None:
    with scripted_server([CREATED, [CLOSE], EMPTY, [CLOSE]]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        with pytest.raises(OutcomeUnknownException):
            conversation.append({"role": "user", "content": "a"})
        model = Model("c")
        with pytest.raises(Exception, match="without"):
            next(conversation.stream("b", model))

    assert model.asked == []


# Threads, time, interrupts


def in_another_thread(work: Callable[[], Any]) -> Any:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join(PATIENCE)
    return results[0]


def test_each_piece_may_be_asked_for_in_another_thread(conversation: Conversation) -> None:
    """As servers do that go through a stream in a pool of threads."""
    stream = conversation.stream("a", Model("b", "c"))

    assert [in_another_thread(lambda: next(stream, None)) for _ in range(3)] == ["b", "c", None]

    assert stands(conversation) == [user("a"), assistant("bc")]


def test_other_turns_do_not_wait_for_a_stream_and_stand_before_it(conversation: Conversation) -> None:
    stream = conversation.stream("a", Model("b", "c"))
    assert next(stream) == "b"

    in_another_thread(lambda: conversation.append({"role": "user", "content": "x"}, _request_timeout=10))
    conversation.append({"role": "user", "content": "y"}, _request_timeout=10)
    assert list(stream) == ["c"]

    assert [message["content"] for message in stands(conversation)] == ["x", "y", "a", "bc"]


def test_a_stream_waits_for_the_turn_of_another_thread_within_its_time(connect: Connect) -> None:
    begun, ended = threading.Event(), threading.Event()

    def infer(_messages: object) -> str:
        begun.set()
        assert ended.wait(PATIENCE)
        return "At last."

    with scripted_server([CREATED, STORED]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        other = threading.Thread(target=conversation.turn, args=("Take your time", infer))
        other.start()
        try:
            assert begun.wait(PATIENCE)
            model = Model("b")
            with pytest.raises(TimeoutException, match="The turn of another thread"), within(0.3):
                next(conversation.stream("a", model, _request_timeout=0.3))
        finally:
            ended.set()
            other.join()

    assert model.asked == []


@pytest.mark.needs_pace
def test_the_time_of_model_and_reader_does_not_count(connect: Connect) -> None:
    def infer(_messages: object) -> Iterator[str]:
        threading.Event().wait(0.7)
        yield "b"

    with scripted_server([CREATED, STORED]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        stream = conversation.stream("a", infer, _request_timeout=1.0)
        threading.Event().wait(0.7)
        for _ in stream:
            threading.Event().wait(0.7)

    assert methods(server) == ["POST", "PUT"]


def test_a_task_that_is_cancelled_closes_its_stream_once_its_step_is_through(conversation: Conversation) -> None:
    begun, ended, closed = threading.Event(), threading.Event(), threading.Event()

    def infer(_messages: object) -> Iterator[str]:
        try:
            yield "b"
            begun.set()
            assert ended.wait(PATIENCE)
            yield "c"
        finally:
            closed.set()

    async def read() -> None:
        stream = conversation.stream("a", infer)
        while await asyncio.to_thread(next, stream, None) is not None:
            pass

    async def leave() -> None:
        reading = asyncio.create_task(read())
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        reading.cancel()
        await asyncio.wait([reading])
        del reading
        assert not closed.is_set()
        ended.set()
        assert await asyncio.to_thread(closed.wait, PATIENCE)

    asyncio.run(leave())

    assert stands(conversation) == []


class Limit(Exception):
    """As a task queue raises out of a signal handler."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("moment", ["in the model", "in the reader"])
def test_a_limit_that_strikes_on_the_way_passes_and_leaves_the_next_turn_its_place(
    conversation: Conversation, moment: str
) -> None:
    def limit(_number: int, _frame: object) -> None:
        raise Limit

    def infer(_messages: object) -> Iterator[str]:
        yield "b"
        if moment == "in the model":
            signal.raise_signal(signal.SIGUSR1)
        yield "c"

    def read() -> None:
        for _ in conversation.stream("a", infer):
            if moment == "in the reader":
                signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, limit)
    try:
        with pytest.raises(Limit):
            read()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert stands(conversation) == []
    in_another_thread(lambda: conversation.append({"role": "user", "content": "x"}, _request_timeout=10))
    assert stands(conversation) == [user("x")]
