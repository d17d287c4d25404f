"""Conversations within limits of time and of the application, amid threads and forks, on every road, and in doubles."""

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from types import FrameType
from typing import Any
from unittest import mock

import pytest
from conftest import Connect
from faults import client, struck
from roads import ROADS, Road
from servers import CLOSE, STALL, ScriptedServer, json_answer, scripted_server

from quantcdn import (
    AISessionsApi,
    Conversation,
    CreateAISession201Response,
    ExtendAISession200Response,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    OutcomeUnknownException,
    TimeoutException,
    TokenException,
    UpdateAISession200Response,
    iter_ai_sessions,
)
from quantcdn.conversation._history import History

CREATED = json_answer({"sessionId": "s"}, 201)
EMPTY = json_answer({"messages": []})
MESSAGE = {"role": "user", "content": "a"}
PATIENCE = 60.0
"""How long to wait, in seconds, for what should happen soon."""


def methods(server: ScriptedServer) -> list[str]:
    return [request.method for request in server.requests]


# Time


@contextmanager
def turn_under_way(conversation: Conversation) -> Iterator[None]:
    """Another thread is in a turn, for the length of a `with` block."""
    begun, ended = threading.Event(), threading.Event()

    def infer(_messages: object) -> str:
        begun.set()
        assert ended.wait(PATIENCE)
        return "At last."

    other = threading.Thread(target=conversation.turn, args=("Take your time", infer))
    other.start()
    try:
        assert begun.wait(PATIENCE)
        yield
    finally:
        ended.set()
        other.join()


CALLS: dict[str, Callable[..., object]] = {
    "refresh": lambda conversation, **options: conversation.refresh(**options),
    "append": lambda conversation, **options: conversation.append(MESSAGE, **options),
    "turn": lambda conversation, **options: conversation.turn("a", lambda _: "b", **options),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_waiting_for_the_turn_of_another_thread_is_part_of_the_time(
    connect: Connect, call: Callable[..., object]
) -> None:
    """It does not end before the wait is given up, so none that waits for it can pass."""
    with scripted_server([CREATED, json_answer({"totalMessages": 2})]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        with (
            turn_under_way(conversation),
            pytest.raises(TimeoutException, match="The turn of another thread did not end in time") as caught,
        ):
            call(conversation, _request_timeout=0.3)
        assert caught.value.never_sent
        assert not isinstance(caught.value, OutcomeUnknownException)
        assert len(conversation.messages) == 2

    assert methods(server) == ["POST", "PUT"]


def test_the_time_of_the_client_holds_for_waiting_too(connect: Connect) -> None:
    with scripted_server([CREATED, json_answer({"totalMessages": 2})]) as server:
        conversation = Conversation.open(connect(server.host, timeout=0.3), "org", user_id="u")
        with turn_under_way(conversation), pytest.raises(TimeoutException, match="The turn of another thread"):
            conversation.append(MESSAGE)


@pytest.mark.needs_pace
def test_a_pair_of_times_is_one_of_each_request_not_of_waiting(connect: Connect) -> None:
    with scripted_server([CREATED, json_answer({"totalMessages": 2}), EMPTY]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        options: dict[str, Any] = {"_request_timeout": (PATIENCE, 0.2)}
        with turn_under_way(conversation):
            waiting = threading.Thread(target=conversation.refresh, kwargs=options)
            waiting.start()
            waiting.join(0.5)
            assert waiting.is_alive()
        waiting.join()

    assert methods(server) == ["POST", "PUT", "GET"]


@pytest.mark.needs_pace
def test_reading_and_storing_share_the_time_of_a_turn(connect: Connect) -> None:
    """Of 3 seconds reading takes 1. Storing may take three quarters of what is left, not of 3 seconds of its own."""
    script = [CREATED, json_answer({}, 500), EMPTY, [1.0, EMPTY], [STALL], json_answer({}, 404)]
    with scripted_server(script) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        with pytest.raises(OutcomeUnknownException):
            conversation.append(MESSAGE)
        with pytest.raises(OutcomeUnknownException, match=r"\([\d.]+ s allowed\)") as caught:
            conversation.turn("b", lambda _: "c", _request_timeout=3.0)

    allowed = float(str(caught.value).rpartition("(")[2].partition(" s allowed")[0])
    assert allowed < 0.75 * (3.0 - 1.0)
    assert methods(server) == ["POST", "PUT", "GET", "GET", "PUT", "GET"]


@pytest.mark.needs_pace
def test_the_time_of_the_model_does_not_count(connect: Connect) -> None:
    with scripted_server([CREATED, json_answer({"totalMessages": 2})]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")

        def infer(_messages: object) -> str:
            threading.Event().wait(1.2)
            return "b"

        assert conversation.turn("a", infer, _request_timeout=1.0) == "b"

    assert methods(server) == ["POST", "PUT"]


# What the application's own code raises


class SoftTimeLimitExceeded(Exception):
    """As a task queue raises out of a signal handler."""


@contextmanager
def limited(server: ScriptedServer, requests: int) -> Iterator[None]:
    """A limit that comes up in the main thread when so many requests have come."""

    def limit(_number: int, _frame: FrameType | None) -> None:
        raise SoftTimeLimitExceeded

    with struck(limit, lambda: server.wait_for_requests(requests)):
        yield


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_limit_that_strikes_while_a_turn_is_read_back_passes(connect: Connect) -> None:
    script = [CREATED, json_answer({}, 500), [STALL], json_answer({"messages": [MESSAGE]})]
    with scripted_server([*script, json_answer({"totalMessages": 2})]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        with pytest.raises(SoftTimeLimitExceeded) as caught, limited(server, 3):
            conversation.append(MESSAGE)
        conversation.append({"role": "user", "content": "b"})

    causes: list[BaseException | None] = [caught.value]
    while causes[-1] is not None:
        causes.append(causes[-1].__context__)
    assert any(isinstance(cause, OutcomeUnknownException) for cause in causes)
    assert methods(server) == ["POST", "PUT", "GET", "GET", "PUT"]
    assert [message["content"] for message in conversation.messages] == ["a", "b"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_limit_that_strikes_while_a_turn_is_sent_leaves_it_in_doubt(connect: Connect) -> None:
    """It lands before an equal one whose answer is lost: only one stands there, and nobody knows which."""
    one = json_answer({"messages": [MESSAGE]})
    with scripted_server([CREATED, [STALL], EMPTY, json_answer({}, 500), one]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        with pytest.raises(SoftTimeLimitExceeded), limited(server, 2):
            conversation.append(MESSAGE)
        with pytest.raises(OutcomeUnknownException):
            conversation.append(MESSAGE)

    assert methods(server) == ["POST", "PUT", "GET", "PUT", "GET"]


def test_a_turn_for_which_there_was_no_token_is_not_in_doubt(connect: Connect) -> None:
    tokens = iter(["qc_a", "", "qc_b", "qc_c"])

    def token() -> str:
        if given := next(tokens):
            return given
        raise RuntimeError("the vault is closed")

    one = json_answer({"messages": [MESSAGE]})
    with scripted_server([CREATED, json_answer({}, 500), one]) as server:
        conversation = Conversation.open(connect(server.host, token), "org", user_id="u")
        with pytest.raises(TokenException) as caught:
            conversation.append(MESSAGE)
        conversation.append(MESSAGE)  # its answer is lost, and the one that stands there can be no other

    assert isinstance(caught.value.__cause__, RuntimeError)
    assert methods(server) == ["POST", "PUT", "GET"]


# Forks

FORKING = """
import os, sys, threading, warnings
import quantcdn

warnings.simplefilter("ignore")
begun, ended = threading.Event(), threading.Event()

def infer(messages):
    begun.set()
    ended.wait()
    return "b"

with quantcdn.ApiClient(quantcdn.Configuration(sys.argv[1], "qc_test_token", retries=False)) as client:
    conversation = quantcdn.Conversation.open(quantcdn.AISessionsApi(client), "org", user_id="u")
    other = threading.Thread(target=conversation.turn, args=("a", infer))
    other.start()
    begun.wait()
    child = os.fork()
    if not child:
        conversation.append({"role": "user", "content": "of the child"}, _request_timeout=30)
        assert [message["content"] for message in conversation.messages] == ["x", "of the child"]
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the child failed"
    ended.set()
    other.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_that_was_forked_amid_a_turn_goes_on_with_the_conversation() -> None:
    found = json_answer({"messages": [{"role": "user", "content": "x"}]})
    script = [CREATED, found, json_answer({"totalMessages": 2}), json_answer({"totalMessages": 4})]
    with scripted_server(script) as server:
        program = [sys.executable, "-c", FORKING, server.host]
        done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE)

    assert (done.returncode, done.stderr) == (0, "")
    assert methods(server) == ["POST", "GET", "PUT", "PUT"], "the child reads before it sends"


# Roads


@pytest.fixture
def _plain_http_is_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is plain HTTP", UserWarning)
        yield


@pytest.mark.usefixtures("_plain_http_is_meant")
@pytest.mark.parametrize("kept", [False, True], ids=["cold", "kept"])
@pytest.mark.parametrize("road", ROADS, ids=str)
def test_on_every_road_a_turn_whose_answer_was_lost_is_sent_once_and_found(road: Road, kept: bool) -> None:
    lost = [[CLOSE], [b"HTTP/1.1 200 OK\r\nContent-", CLOSE], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", CLOSE]]
    texts = [f"turn {number}" for number in range(len(lost))]
    messages = [{"role": "user", "content": text} for text in texts]
    found = [json_answer({"messages": messages[: number + 1]}) for number in range(len(lost))]
    before = [EMPTY] * kept
    script = chain(before, *([gone, shown] for gone, shown in zip(lost, found, strict=True)), repeat(EMPTY))
    with road.to(script) as (server, options), client(**options) as api:
        conversation = Conversation(api, "org", "s", History([]))
        if kept:
            conversation.refresh()
        for text in texts:
            conversation.append({"role": "user", "content": text})

    assert methods(server) == ["GET"] * kept + ["PUT", "GET"] * len(lost)
    assert conversation.messages == messages


# Doubles that programs are tested with


@pytest.mark.parametrize(
    "double",
    [mock.create_autospec(AISessionsApi, instance=True), mock.Mock(spec=AISessionsApi)],
    ids=["create_autospec", "Mock"],
)
def test_doubles_of_the_operations_take_conversations(double: Any) -> None:
    double.create_ai_session.return_value = CreateAISession201Response(session_id="s")
    double.get_ai_session.return_value = GetAISession200Response(id="s", messages=[])
    double.update_ai_session.return_value = UpdateAISession200Response(total_messages=2, total_tokens=5)
    double.extend_ai_session.return_value = ExtendAISession200Response(expires_at="2030-01-01T00:00:00Z")
    double.list_ai_sessions.side_effect = [[ListAISessions200ResponseInner(id="s")], []]

    conversation = Conversation.open(double, "org", user_id="u")
    assert conversation.turn("a", lambda _: "b") == "b"
    conversation.append(MESSAGE, _request_timeout=5)
    conversation.refresh()
    with conversation.keep_alive():
        double.extend_ai_session.assert_called_once()
    assert Conversation.resume(double, "org", "s").messages == []
    assert [session.id for session in iter_ai_sessions(double, "org")] == ["s"]

    assert conversation.session_id == "s"
    assert double.update_ai_session.call_count == 2
