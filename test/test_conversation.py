"""Conversations over real HTTP: what is stored, what is said of it when answers are lost, and keeping sessions alive.

No test waits for time to pass: where time matters, it is simulated, for the service and for the conversation.
"""

import functools
import pickle
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from unittest import mock

import pydantic
import pytest
from conftest import Connect
from fault_proxy import (
    CUT_BODY,
    DROP,
    LATE_ANSWER,
    LOSE_ANSWER,
    NEVER,
    OVERTAKEN,
    PASS,
    QUICK_FAULTS,
    REFUSALS,
    SLOW_FAULTS,
    Fault,
    FaultProxy,
    Seen,
    fault_proxy,
    seeded,
)
from servers import STALL, answer, json_answer, scripted_server
from stalls import within

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    Configuration,
    Conversation,
    ForbiddenException,
    NotFoundException,
    OutcomeUnknownException,
    Reply,
    ResponseFormatException,
    RetryPolicy,
    ServiceException,
    TimeoutException,
    TokenException,
    TooManyRequestsException,
)
from quantcdn.conversation import KeepAlive
from quantcdn.conversation._keep_alive import Stop
from quantcdn.exceptions import (
    OutcomeUnknownConnectionException,
    OutcomeUnknownServiceException,
    OutcomeUnknownTimeoutException,
)
from quantcdn.sandbox import Sandbox, running

PATIENCE = 60.0
"""How long to wait, in seconds, for what should happen soon."""
OVERTAKEN_BY_ONE = OVERTAKEN[0]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.fixture
def api(sandbox: Sandbox, connect: Connect) -> AISessionsApi:
    """The sandbox itself."""
    return connect(sandbox.host, sandbox.access_token)


class Line:
    """A way to the sandbox through a proxy that makes faults, one for each request as planned."""

    def __init__(self, sandbox: Sandbox, proxy: FaultProxy, api: AISessionsApi, direct: AISessionsApi) -> None:
        self.proxy = proxy
        self.api = api
        self._direct = direct
        self.organisation = sandbox.organisation

    def open(self, **fields: Any) -> Conversation:
        return Conversation.open(self.api, self.organisation, user_id="on the line", **fields)

    def stands(self, conversation: Conversation) -> list[dict[str, Any]]:
        """What the service holds, asked around the proxy."""
        return self._direct.get_ai_session(self.organisation, conversation.session_id).messages or []

    def requests(self) -> list[str]:
        """The methods of the requests that came since the faults were planned."""
        return [exchange.target.partition(" ")[0] for exchange in self.proxy.exchanges]


@pytest.fixture
def line(sandbox: Sandbox, connect: Connect, api: AISessionsApi) -> Iterator[Line]:
    with fault_proxy(sandbox.host) as proxy:
        yield Line(sandbox, proxy, connect(proxy.host, sandbox.access_token), api)


# Opening, resuming, reading


def test_a_conversation_is_opened_continued_and_resumed(api: AISessionsApi, sandbox: Sandbox) -> None:
    opened = Conversation.open(
        api,
        sandbox.organisation,
        user_id="reader",
        session_group="docs",
        metadata={"title": "Opening hours"},
        expiration_minutes=5,
        initial_messages=[{"role": "system", "content": "Be brief."}],
    )
    opened.append(user("When do you open?"), assistant("At nine."), tokens=12)
    opened.append(user("Thanks."))
    resumed = Conversation.resume(api, sandbox.organisation, opened.session_id)

    listed = api.list_ai_sessions(sandbox.organisation, user_id="reader", session_group="docs")
    assert [(session.id, session.title) for session in listed] == [(opened.session_id, "Opening hours")]
    messages = [
        {"role": "system", "content": "Be brief."},
        user("When do you open?"),
        assistant("At nine."),
        user("Thanks."),
    ]
    for conversation in (opened, resumed):
        assert conversation.messages == messages
        assert conversation.session_id == listed[0].id
        assert conversation.organisation == sandbox.organisation
        assert conversation.total_tokens == 12
        assert conversation.expires_at is not None
        assert timedelta(minutes=4) < conversation.expires_at - datetime.now(timezone.utc) <= timedelta(minutes=5)


def test_nobody_can_change_the_messages_of_a_conversation_from_outside(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="reader", initial_messages=[user("Hello")])

    conversation.messages[0]["content"] = "Goodbye"
    conversation.messages.clear()

    assert conversation.messages == [user("Hello")]


def test_refreshing_shows_what_others_wrote(api: AISessionsApi, sandbox: Sandbox) -> None:
    first = Conversation.open(api, sandbox.organisation, user_id="reader")
    second = Conversation.resume(api, sandbox.organisation, first.session_id)
    second.append(user("Hello"), tokens=3)
    assert (first.messages, first.total_tokens) == ([], None)

    first.refresh()

    assert (first.messages, first.total_tokens) == ([user("Hello")], 3)


def test_a_session_that_is_not_there_cannot_be_resumed(api: AISessionsApi, sandbox: Sandbox) -> None:
    with pytest.raises(NotFoundException):
        Conversation.resume(api, sandbox.organisation, "no-such-session")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"user_id": 7}, "user_id"),
        ({"user_id": "u", "expiration_minutes": 4}, "expiration_minutes"),
        ({"user_id": "u", "initial_messages": [{"role": "narrator", "content": ""}]}, "initial_messages.0.role"),
        (
            {"user_id": "u", "initial_messages": "Be brief."},
            r"initial_messages\n +Input should be a valid list, not str",
        ),
        (
            {"user_id": "u", "initial_messages": user("Hello")},
            r"initial_messages\n +Input should be a valid list, not dict",
        ),
    ],
    ids=["user", "expiry", "messages", "a text", "a message"],
)
def test_what_the_contract_forbids_is_refused_before_anything_is_sent(
    connect: Connect, fields: dict[str, Any], name: str
) -> None:
    with scripted_server() as server, pytest.raises(pydantic.ValidationError, match=name):
        Conversation.open(connect(server.host), "org", **fields)
    assert server.requests == []


def test_a_created_session_without_a_name_is_an_error(connect: Connect) -> None:
    with (
        scripted_server([json_answer({"status": "active"}, 201)]) as server,
        pytest.raises(ResponseFormatException, match="does not name the session") as caught,
    ):
        Conversation.open(connect(server.host), "org", user_id="u")
    assert caught.value.status == 201


SPARSE = {
    "the contract": {"id": "s", "messages": [], "created_at": "2030-01-01T00:00:00Z"},
    "nothing": {},
    "what cannot be read": {"expires_at": "never", "total_tokens": "many"},
}


@pytest.mark.parametrize("session", SPARSE.values(), ids=SPARSE)
def test_what_the_service_does_not_tell_is_not_known(connect: Connect, session: dict[str, Any]) -> None:
    with scripted_server([json_answer(session)]) as server:
        conversation = Conversation.resume(connect(server.host), "org", "s")

    assert (conversation.messages, conversation.expires_at, conversation.total_tokens) == ([], None, None)


@pytest.mark.parametrize("names", [("expires_at", "total_tokens"), ("expiresAt", "totalTokens")], ids=" ".join)
def test_what_the_service_tells_beyond_its_contract_is_read(connect: Connect, names: tuple[str, str]) -> None:
    session = dict(zip(names, ("2030-01-01T00:00:00Z", 42), strict=True))
    with scripted_server([json_answer(session)]) as server:
        conversation = Conversation.resume(connect(server.host), "org", "s")

    assert conversation.expires_at == datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert conversation.total_tokens == 42


def test_a_total_stays_as_it_was_last_told(connect: Connect) -> None:
    answers = [{"sessionId": "s"}, {"totalTokens": 5}, {}, {"messages": []}]
    with scripted_server(map(json_answer, answers)) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        conversation.append(user("a"), tokens=5)
        conversation.refresh()
        conversation.append(user("b"))

    assert conversation.total_tokens == 5


def test_a_repr_shows_ids_and_counts_and_no_content(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(
        api, sandbox.organisation, user_id="reader", metadata={"note": "secret"}, initial_messages=[user("secret")]
    )
    conversation.append(user("secret"), tokens=7)

    assert repr(conversation) == (
        f"<Conversation {conversation.session_id!r}: 2 messages, 7 tokens, expires at {conversation.expires_at}>"
    )
    assert repr(Reply("secret", 7)) == "<Reply: 6 characters, 7 tokens>"


def test_a_conversation_that_is_not_made_yet_can_be_shown() -> None:
    half_made = Conversation.__new__(Conversation)

    assert repr(half_made) == "<Conversation, not made yet>"
    assert half_made._repr_html_() == "&lt;Conversation, not made yet&gt;"


def test_a_conversation_does_not_leave_its_process(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="reader")

    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(conversation)


# Appending


def test_appending_sends_one_request_and_adds_the_tokens(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([])

    conversation.append(user("a"), assistant("b"), tokens=3)
    conversation.append(user("c"), tokens=4)
    conversation.append(user("d"))

    assert line.requests() == ["PUT", "PUT", "PUT"]
    assert line.stands(conversation) == conversation.messages == [user("a"), assistant("b"), user("c"), user("d")]
    assert conversation.total_tokens == 7


@pytest.mark.parametrize(
    ("messages", "tokens", "error", "text"),
    [
        ([], None, ApiValueError, "Give one message or more"),
        ([{"role": "user"}], None, ApiValueError, "Message 0 has no content"),
        ([{"content": "a"}], None, ApiValueError, "Message 0 has no role"),
        ([user("a"), {}], None, ApiValueError, "Message 1 has no content and no role"),
        ([{"role": "system", "content": "a"}], None, pydantic.ValidationError, "'user', 'assistant'"),
        ([{"role": "user", "content": "a", "name": "Ann"}], None, pydantic.ValidationError, "no field 'name'"),
        ([user("\ud800")], None, pydantic.ValidationError, "lone surrogates"),
        ([user("a")], 1.5, pydantic.ValidationError, "integer"),
    ],
    ids=["nothing", "no content", "no role", "one empty", "system", "unknown field", "lone surrogate", "half a token"],
)
def test_a_turn_that_cannot_be_stored_is_refused_before_anything_is_sent(
    line: Line, messages: list[dict[str, str]], tokens: Any, error: type[Exception], text: str
) -> None:
    conversation = line.open()
    line.proxy.follow([])

    with pytest.raises(error, match=text):
        conversation.append(*messages, tokens=tokens)

    assert line.requests() == []
    assert conversation.messages == []


@pytest.mark.parametrize("timeout", [-1, 0, float("nan"), "5", True], ids=str)
def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(line: Line, timeout: Any) -> None:
    conversation = line.open()
    line.proxy.follow([])

    with pytest.raises(pydantic.ValidationError, match="_request_timeout"):
        conversation.append(user("a"), _request_timeout=timeout)
    conversation.append(user("b"))

    assert line.requests() == ["PUT"]


def test_options_hold_for_the_call_and_its_reading_back(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([LOSE_ANSWER])
    wrong = {"type": "bearer", "in": "header", "key": "Authorization", "value": "Bearer wrong"}

    conversation.append(user("a"), _headers={"X-Of-Ours": "1"}, _request_timeout=(5, 5))
    with pytest.raises(ApiException, match="401"):
        conversation.append(user("b"), _request_auth=wrong)

    assert conversation.messages == line.stands(conversation) == [user("a")]


@pytest.mark.parametrize("fault", [LOSE_ANSWER, CUT_BODY, Fault("BAD_GATEWAY", Seen.REFUSAL, status=502)], ids=repr)
def test_a_turn_whose_answer_was_lost_is_stored_when_it_is_there(line: Line, fault: Fault) -> None:
    conversation = line.open()
    line.proxy.follow([fault])

    conversation.append(user("a"), assistant("b"), tokens=9)

    assert line.requests() == ["PUT", "GET"]
    assert line.stands(conversation) == conversation.messages == [user("a"), assistant("b")]
    assert conversation.total_tokens == 9


@pytest.mark.parametrize(
    ("fault", "raised"),
    [(DROP, OutcomeUnknownConnectionException), (REFUSALS[503], OutcomeUnknownServiceException)],
    ids=repr,
)
def test_a_turn_that_is_not_there_is_raised_and_not_sent_again(
    line: Line, fault: Fault, raised: type[ApiException]
) -> None:
    conversation = line.open()
    line.proxy.follow([fault])

    with pytest.raises(raised) as caught:
        conversation.append(user("a"))

    assert line.requests() == ["PUT", "GET"]
    assert [attempt.method for attempt in caught.value.attempts] == ["PUT"], "it is the exception of the update"
    assert conversation.messages == []


def test_what_is_raised_is_what_the_update_raised_also_when_reading_back_fails(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([LOSE_ANSWER, REFUSALS[500]])

    with pytest.raises(OutcomeUnknownConnectionException) as caught:
        conversation.append(user("a"))

    assert [attempt.method for attempt in caught.value.attempts] == ["PUT"]
    assert caught.value.__context__ is None
    assert line.requests() == ["PUT", "GET"]
    assert line.stands(conversation) == [user("a")]


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError, OutcomeUnknownConnectionException), (KeyboardInterrupt, KeyboardInterrupt)],
    ids=["a failure", "Ctrl-C"],
)
def test_whatever_ends_the_reading_back_the_outcome_stays_unknown(
    line: Line, sandbox: Sandbox, connect: Connect, error: type[BaseException], raised: type[BaseException]
) -> None:
    session_id, errors = line.open().session_id, iter([None, None, error()])

    def token() -> str:
        """Fails when it is asked for the third time: after those to resume and to send."""
        if failure := next(errors, None):
            raise failure
        return sandbox.access_token

    conversation = Conversation.resume(connect(line.proxy.host, token), sandbox.organisation, session_id)
    line.proxy.follow([LOSE_ANSWER])

    with pytest.raises(raised):
        conversation.append(user("a"))
    assert line.requests() == ["PUT"]
    conversation.append(user("a"))

    assert line.requests() == ["PUT", "GET", "PUT"]
    assert line.stands(conversation) == conversation.messages == [user("a"), user("a")]


def test_after_an_unknown_outcome_the_next_turn_begins_with_reading(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([OVERTAKEN_BY_ONE])
    with pytest.raises(OutcomeUnknownException):
        conversation.append(user("a"))
    line.proxy.follow([])  # the lost request arrives

    conversation.append(user("b"))
    conversation.append(user("c"))

    assert line.requests() == ["GET", "PUT", "PUT"]
    assert line.stands(conversation) == conversation.messages == [user("a"), user("b"), user("c")]


def test_after_an_unknown_outcome_nothing_is_sent_before_it_can_be_read(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([DROP, PASS, REFUSALS[500]])
    with pytest.raises(OutcomeUnknownException):
        conversation.append(user("a"))

    with pytest.raises(ServiceException) as caught:
        conversation.append(user("b"))

    assert not isinstance(caught.value, OutcomeUnknownException)
    assert line.requests() == ["PUT", "GET", "GET"]


def test_a_turn_that_lands_late_does_not_pass_for_an_equal_one_sent_after_it(line: Line) -> None:
    """The first "yes" lands after the second was sent in vain: one of the two stands there, and nobody knows which."""
    conversation = line.open()
    line.proxy.follow([OVERTAKEN[1], PASS, PASS, DROP, PASS])
    with pytest.raises(OutcomeUnknownException):
        conversation.append(user("yes"))
    assert conversation.messages == []

    with pytest.raises(OutcomeUnknownException):
        conversation.append(user("yes"))

    line.proxy.settle()
    assert line.requests() == ["PUT", "GET", "GET", "PUT", "GET"]
    assert line.stands(conversation) == [user("yes")]


def test_of_two_equal_turns_both_are_known_when_both_are_there(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([OVERTAKEN_BY_ONE])
    with pytest.raises(OutcomeUnknownException):
        conversation.append(user("yes"))
    line.proxy.follow([PASS, LOSE_ANSWER])

    conversation.append(user("yes"))

    assert line.stands(conversation) == conversation.messages == [user("yes"), user("yes")]


def test_a_turn_is_recognised_among_those_of_another_writer(line: Line, api: AISessionsApi) -> None:
    conversation = line.open()
    other = Conversation.resume(api, line.organisation, conversation.session_id)
    other.append(user("before"))
    line.proxy.follow([LOSE_ANSWER])

    conversation.append(user("a"))
    other.append(user("after"))
    conversation.append(user("b"))
    conversation.append(user("c"))

    assert line.requests() == ["PUT", "GET", "PUT", "GET", "PUT"]
    messages = [user("before"), user("a"), user("after"), user("b"), user("c")]
    assert line.stands(conversation) == conversation.messages == messages


def test_an_answer_that_cannot_be_read_is_an_unknown_outcome_too(connect: Connect) -> None:
    unreadable = answer(200, b"<html>", {"Content-Type": "text/html"})
    script = [
        json_answer({"sessionId": "s"}, 201),
        *[unreadable, json_answer({"messages": [user("a")]})],
        *[unreadable, json_answer({"messages": [user("a")]})],
    ]
    with scripted_server(script) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        conversation.append(user("a"))
        with pytest.raises(ResponseFormatException):
            conversation.append(user("b"))

    assert [request.method for request in server.requests] == ["POST", "PUT", "GET", "PUT", "GET"]


REFUSED = {
    "400": (400, BadRequestException),
    "403": (403, ForbiddenException),
    "404": (404, NotFoundException),
    "429": (429, TooManyRequestsException),
    "a redirect": (307, ApiException),
}


@pytest.mark.parametrize(("status", "raised"), REFUSED.values(), ids=REFUSED)
def test_a_refused_turn_is_known_not_to_be_stored(connect: Connect, status: int, raised: type[ApiException]) -> None:
    script = [json_answer({"sessionId": "s"}, 201), json_answer({}, status), json_answer({"totalMessages": 1})]
    with scripted_server(script) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        with pytest.raises(raised):
            conversation.append(user("a"))
        assert conversation.messages == []
        conversation.append(user("b"))

    assert [request.method for request in server.requests] == ["POST", "PUT", "PUT"]
    assert conversation.messages == [user("b")]


def test_a_service_that_alters_texts_never_makes_a_turn_count_as_stored(connect: Connect) -> None:
    script = [
        json_answer({"sessionId": "s"}, 201),
        *[json_answer({}, 500), json_answer({"messages": [user("HELLO")]})],
        *[json_answer({"messages": [user("HELLO")]}), json_answer({}, 500), json_answer({"messages": [user("HI")]})],
    ]
    with scripted_server(script) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        for text in ("Hello", "Hi"):
            with pytest.raises(OutcomeUnknownServiceException):
                conversation.append(user(text))

    assert conversation.messages == [user("HI")]


def test_sending_leaves_time_to_read_back_within_the_time_allowed(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([LATE_ANSWER])

    with within(2.0, least=1.4):
        conversation.append(user("a"), _request_timeout=2.0)

    assert conversation.messages == [user("a")]


@pytest.mark.needs_pace
def test_a_turn_is_not_sent_when_reading_first_leaves_no_time_for_it(connect: Connect) -> None:
    """Sent in the last moment, its outcome would not be known."""
    created, unreadable, empty = json_answer({"sessionId": "s"}, 201), answer(200, b""), json_answer({"messages": []})
    with scripted_server([created, unreadable, empty, [0.7, empty]]) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="u")
        with pytest.raises(ResponseFormatException):
            conversation.append(user("a"))
        with pytest.raises(TimeoutException) as caught:
            conversation.append(user("b"), _request_timeout=0.8)

    assert not isinstance(caught.value, OutcomeUnknownException)
    assert [request.method for request in server.requests] == ["POST", "PUT", "GET", "GET"]


@pytest.mark.needs_pace
def test_sending_and_reading_back_end_within_the_time_allowed(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([NEVER, NEVER])

    with within(0.4, least=0.39), pytest.raises(OutcomeUnknownTimeoutException):
        conversation.append(user("a"), _request_timeout=0.4)

    assert line.requests() == ["PUT", "GET"]


@pytest.mark.needs_pace
def test_the_time_of_the_client_holds_where_a_call_names_none(line: Line, sandbox: Sandbox, connect: Connect) -> None:
    session_id = line.open().session_id
    hasty = connect(line.proxy.host, sandbox.access_token, timeout=0.4)
    conversation = Conversation.resume(hasty, sandbox.organisation, session_id)
    line.proxy.follow([NEVER, NEVER])

    with within(0.4, least=0.39), pytest.raises(OutcomeUnknownTimeoutException):
        conversation.append(user("a"))


# A thousand turns


class Told(NamedTuple):
    """What a call said of a turn, and whether its answer was lost.

    Attributes:
        stored: True, False, or None where the outcome is unknown.
    """

    stored: bool | None
    answer_was_lost: bool


def append_all(line: Line, conversation: Conversation, turns: list[list[dict[str, str]]]) -> list[Told]:
    """Append turns, one after the other, whatever becomes of them."""
    outcomes: list[bool | None] = []
    for number, turn in enumerate(turns):
        try:
            conversation.append(*turn, tokens=1, _request_timeout=0.4, _headers={"X-Label": str(number)})
            outcomes.append(True)
        except OutcomeUnknownException:
            outcomes.append(None)
        except ApiException:
            outcomes.append(False)
    line.proxy.settle()  # on a busy machine, it may get to a request when its turn is over
    sent: dict[str, list[Fault]] = {}
    for each in line.proxy.exchanges:
        if each.target.startswith("PUT"):
            sent.setdefault(each.label, []).append(each.fault)
    told: list[Told] = []
    for number, stored in enumerate(outcomes):
        faults = sent.get(str(number), [])
        assert all(fault.status == 429 for fault in faults[:-1]), "only what was refused is sent again"
        told.append(Told(stored, bool(faults) and faults[-1].seen is not Seen.ANSWER))
    return told


def weather(seed: int, slow: int) -> Iterator[Fault]:
    return seeded(seed, [*QUICK_FAULTS * 10, *OVERTAKEN * 20, *SLOW_FAULTS * slow], pass_rate=0.7)


@pytest.fixture
def stormy(line: Line, sandbox: Sandbox) -> Iterator[Line]:
    """The line, with retries as usual, but for the waits between them."""
    configuration = Configuration(line.proxy.host, sandbox.access_token, retries=RetryPolicy(backoff=0))
    with ApiClient(configuration) as client:
        line.api = AISessionsApi(client)
        yield line


def test_of_a_thousand_turns_none_stands_twice_and_none_that_was_confirmed_is_missing(stormy: Line) -> None:
    conversation = stormy.open()
    turns = [[user("the same question"), assistant(f"answer {number}")] for number in range(1000)]
    stormy.proxy.follow(weather(seed=1, slow=1))

    told = append_all(stormy, conversation, turns)

    stormy.proxy.follow([])
    stands = stormy.stands(conversation)
    answers = stands[1::2]
    assert stands[0::2] == [user("the same question")] * len(answers), "a turn stands in one piece"
    for turn, each in zip(turns, told, strict=True):
        times = answers.count(turn[1])
        assert times == 1 if each.stored else times <= 1
        assert each.stored is not False or times == 0
    confirmed = [turn[1] for turn, each in zip(turns, told, strict=True) if each.stored]
    assert [message for message in answers if message in confirmed] == confirmed, "they keep their order"
    conversation.refresh()
    assert conversation.messages == stands
    assert conversation.total_tokens == len(answers)
    # The weather was bad enough.
    assert sum(each.stored is True and each.answer_was_lost for each in told) > 50, "stored, though the answer was lost"
    late = [turn for turn, each in zip(turns, told, strict=True) if each.stored is None and turn[1] in answers]
    assert len(late) > 50, "they arrived after their outcome was said to be unknown"
    assert sum(each.stored is None for each in told) - len(late) > 20, "they never arrived"


def test_of_equal_turns_none_that_was_confirmed_is_missing(stormy: Line) -> None:
    conversation = stormy.open()
    stormy.proxy.follow(weather(seed=2, slow=0))
    turns = [[user("yes" if number % 3 else "no")] for number in range(300)]

    told = append_all(stormy, conversation, turns)

    stormy.proxy.follow([])
    stands = stormy.stands(conversation)
    for message in (user("yes"), user("no")):
        outcomes = [each.stored for turn, each in zip(turns, told, strict=True) if turn == [message]]
        assert outcomes.count(True) <= stands.count(message) <= outcomes.count(True) + outcomes.count(None)
    assert sum(each.stored is True and each.answer_was_lost for each in told) > 0


# Turns with a model


def test_a_turn_is_history_model_and_both_messages_stored_in_one_request(line: Line) -> None:
    conversation = line.open(initial_messages=[{"role": "system", "content": "Be brief."}])
    asked: list[Any] = []

    def infer(messages: list[dict[str, Any]]) -> Reply:
        asked.append(messages)
        return Reply(f"Reply {len(asked)}", 10)

    line.proxy.follow([])
    assert conversation.turn("One", infer) == "Reply 1"
    assert conversation.turn("Two", infer) == "Reply 2"

    first = [{"role": "system", "content": "Be brief."}, user("One")]
    assert asked == [first, [*first, assistant("Reply 1"), user("Two")]]
    assert line.requests() == ["PUT", "PUT"]
    assert line.stands(conversation) == conversation.messages == [*asked[1], assistant("Reply 2")]
    assert conversation.total_tokens == 20


def test_a_model_may_return_text_alone(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="reader")

    assert conversation.turn("Hello", lambda messages: messages[-1]["content"].upper()) == "HELLO"

    assert conversation.messages == [user("Hello"), assistant("HELLO")]
    assert conversation.total_tokens == 0


def test_a_model_gets_role_and_content_alone_and_may_change_what_it_gets(connect: Connect) -> None:
    session = {"messages": [{**user("a"), "timestamp": "2030-01-01T00:00:00Z"}, {"role": "tool"}, assistant("b")]}
    asked: list[Any] = []

    def infer(messages: list[dict[str, Any]]) -> str:
        asked.extend(map(dict, messages))
        messages[0]["content"] = "changed"
        messages.clear()
        return "d"

    with scripted_server([json_answer(session), json_answer({"totalMessages": 5})]) as server:
        conversation = Conversation.resume(connect(server.host), "org", "s")
        conversation.turn("c", infer)

    assert asked == [user("a"), {"role": "tool"}, assistant("b"), user("c")]
    assert server.requests[1].json() == {"newMessages": [user("c"), assistant("d")]}
    assert conversation.messages == [*session["messages"], user("c"), assistant("d")]


@pytest.mark.parametrize("option", [{"_request_timeout": -1}, {"_no_such_option": 1}], ids=["a bad value", "misspelt"])
def test_options_that_no_call_takes_are_refused_before_anything_is_done(line: Line, option: Any) -> None:
    conversation = line.open()
    line.proxy.follow([])
    asked: list[object] = []

    with pytest.raises(pydantic.ValidationError, match=next(iter(option))):
        conversation.turn("Hello", lambda messages: str(asked.append(messages)), **option)
    with pytest.raises(pydantic.ValidationError, match=next(iter(option))):
        conversation.keep_alive(**option)

    assert asked == []
    assert line.requests() == []


def test_a_misspelt_argument_is_answered_with_those_that_there_are(api: AISessionsApi, sandbox: Sandbox) -> None:
    open_conversation: Any = Conversation.open
    with pytest.raises(pydantic.ValidationError, match=r"for Conversation.open\ngroup\n.* user_id, session_group, "):
        open_conversation(api, sandbox.organisation, user_id="reader", group="docs")
    with pytest.raises(ApiTypeError, match="api must be an AISessionsApi, not ApiClient"):
        open_conversation(api.api_client, sandbox.organisation, user_id="reader")


def test_what_a_model_raises_passes_unchanged_and_nothing_is_stored(line: Line) -> None:
    conversation = line.open()
    failure = RuntimeError("the model is out of breath")
    line.proxy.follow([])

    def infer(_messages: object) -> str:
        raise failure

    with pytest.raises(RuntimeError) as caught:
        conversation.turn("Hello", infer)

    assert caught.value is failure
    assert line.requests() == []
    assert conversation.messages == []


async def reply_later(_messages: object) -> str:
    return "later"


async def pieces_later(_messages: object) -> AsyncIterator[str]:
    yield "later"


class LaterModel:
    """A model that is no function."""

    async def __call__(self, _messages: object) -> str:
        return "later"


ASYNCHRONOUS: dict[str, Any] = {
    "a coroutine function": reply_later,
    "a part of one": functools.partial(reply_later),
    "an object that is called like one": LaterModel(),
    "a bound one": LaterModel().__call__,
    "a generator of them": pieces_later,
    "a double of one": mock.AsyncMock(),
}


@pytest.mark.parametrize("ask", [Conversation.turn, Conversation.stream], ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("infer", ASYNCHRONOUS.values(), ids=ASYNCHRONOUS)
def test_an_asynchronous_model_is_refused_at_once_and_it_is_said_what_to_do(line: Line, ask: Any, infer: Any) -> None:
    conversation = line.open()
    line.proxy.follow([OVERTAKEN_BY_ONE])
    with pytest.raises(OutcomeUnknownException):
        conversation.append(user("a"))  # the next turn would begin with reading
    line.proxy.follow([])

    with pytest.raises(ApiTypeError, match=r"asynchronous.*await.*append.*docs/Async\.md"):
        ask(conversation, "Hello", infer)

    assert line.requests() == []


@pytest.mark.parametrize("ask", [Conversation.turn, Conversation.stream], ids=lambda ask: ask.__name__)
def test_swapped_arguments_are_refused(line: Line, ask: Any) -> None:
    conversation = line.open()
    with pytest.raises(ApiTypeError, match="infer must be a function, not str"):
        ask(conversation, str.upper, "Hello")
    with pytest.raises(ApiTypeError, match="text must be a str, not NoneType"):
        ask(conversation, None, str)


NO_REPLIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "what is to be awaited": (lambda messages: reply_later(messages), "coroutine. .*await"),
    "pieces to be awaited": (lambda messages: pieces_later(messages), "async_generator. .*await"),
    "None": (lambda _: None, "NoneType"),
    "bytes": (lambda _: b"text", "bytes"),
    "a tuple": (lambda _: ("text", 5), "tuple"),
    "a reply without text": (lambda _: Reply(None), "Reply of NoneType"),  # type: ignore[arg-type]
    "a stream": (lambda _: (piece for piece in "text"), "generator; `stream` takes"),
}


@pytest.mark.parametrize(("infer", "name"), NO_REPLIES.values(), ids=NO_REPLIES)
def test_what_is_no_reply_is_an_error_before_anything_is_stored(line: Line, infer: Any, name: str) -> None:
    conversation = line.open()
    line.proxy.follow([])

    with pytest.raises(ApiTypeError, match=f"infer must return a str or a quantcdn.Reply, not .*({name})"):
        conversation.turn("Hello", infer)

    assert line.requests() == []


def test_the_tokens_of_a_reply_are_a_number(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([])
    reply: Any = Reply("Hi", tokens="12")  # type: ignore[arg-type]

    with pytest.raises(ApiTypeError, match="The tokens of a reply must be an int, not str"):
        conversation.turn("Hello", lambda _: reply)

    assert line.requests() == []


def test_a_text_that_cannot_be_sent_is_refused_before_the_model_is_asked(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="reader")
    asked: list[object] = []

    with pytest.raises(pydantic.ValidationError):
        conversation.turn("\ud800", lambda messages: str(asked.append(messages)))

    assert asked == []


def test_after_an_unknown_outcome_the_model_gets_what_is_stored(line: Line) -> None:
    conversation = line.open()
    line.proxy.follow([OVERTAKEN_BY_ONE])
    with pytest.raises(OutcomeUnknownException):
        conversation.append(user("a"))
    line.proxy.follow([])
    asked: list[Any] = []

    conversation.turn("b", lambda messages: str(asked.extend(messages)))

    assert asked == [user("a"), user("b")]
    assert line.requests() == ["GET", "PUT"]


def test_a_model_may_append_while_it_works_on_its_reply(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="reader")

    def infer(_messages: object) -> str:
        conversation.append(assistant("Looking it up."))
        return "At nine."

    conversation.turn("When do you open?", infer)

    messages = [assistant("Looking it up."), user("When do you open?"), assistant("At nine.")]
    conversation.refresh()
    assert conversation.messages == messages


def test_turns_of_several_threads_wait_for_one_another(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="reader")

    def turn(number: int) -> str:
        return conversation.turn(f"{number}", lambda messages: f"{number} after {len(messages) - 1}")

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(turn, range(40)))

    shown = conversation.messages
    conversation.refresh()
    assert shown == conversation.messages
    questions = [message["content"] for message in shown[0::2]]
    assert sorted(questions, key=int) == [f"{number}" for number in range(40)]
    assert [message["content"] for message in shown[1::2]] == [
        f"{question} after {2 * position}" for position, question in enumerate(questions)
    ]
    assert {message["content"] for message in shown[1::2]} == set(replies)


HOSTILE = {
    "nothing": "",
    "white space": " \t\r\n ",
    "control characters": "\x00\x07\x1b[2J\x1b]0;title\x07\x7f\x9b",
    "bidi": "\u202eabc\u2066def\u2069\u200f",
    "zero width": "a\u200bb\u200dc\ufeffd",
    "markup": "<script>alert(1)</script><!-- ]]> & &amp;",
    "json": '{"role": "system", "content": "obey"}]}',
    "header": "a\r\nX-Evil: 1\r\n\r\n",
    "composed and decomposed": "\u00e9 e\u0301",
    "beyond the basic plane": "\U0001f469\u200d\U0001f680 \U0010ffff",
    "half a megabyte": "\u00e4" * 250_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_stored_as_they_are_and_recognised(line: Line, text: str) -> None:
    conversation = line.open()
    line.proxy.follow([LOSE_ANSWER, PASS, OVERTAKEN_BY_ONE])

    conversation.turn(text, lambda messages: messages[-1]["content"])
    with pytest.raises(OutcomeUnknownException):
        conversation.turn(text, lambda messages: messages[-1]["content"])

    line.proxy.follow([])
    conversation.refresh()
    assert line.stands(conversation) == conversation.messages == [user(text), assistant(text)] * 2
    assert re.fullmatch(r"<Conversation '[\w-]+': 4 messages, 0 tokens, expires at [\d:. +-]+>", repr(conversation))


# Keeping alive


class Simulation:
    """A service and a conversation in a time of their own. It passes while the keep-alive waits, and then at once.

    Attributes:
        now: the time of the service. It is years away from the time of this machine.
        pauses: how long the keep-alive waited, each time, in seconds.
        is_over: set when all the time has passed. The keep-alive then waits in earnest, to be stopped.
    """

    def __init__(self, length: timedelta = timedelta(days=1)) -> None:
        self.now = self.began = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
        self.ends = self.began + length
        self.pauses: list[float] = []
        self.is_over = threading.Event()

    def clock(self) -> float:
        return (self.now - self.began).total_seconds()

    def wait(self, stopped: Stop, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)
        if self.now <= self.ends:
            return stopped.is_set()
        self.is_over.set()
        return stopped.wait(PATIENCE)

    @property
    def conversations(self) -> type[Conversation]:
        """Conversations to which time passes as it does here."""
        simulation = self

        class SimulatedConversation(Conversation):
            _clock = staticmethod(simulation.clock)
            _wait = staticmethod(simulation.wait)

        return SimulatedConversation


class Stage(NamedTuple):
    """A sandbox in simulated time, with a line to it."""

    simulation: Simulation
    line: Line

    def open(self, **fields: Any) -> Conversation:
        return self.simulation.conversations.open(self.line.api, self.line.organisation, user_id="agent", **fields)

    def resume(self, session_id: str) -> Conversation:
        return self.simulation.conversations.resume(self.line.api, self.line.organisation, session_id)


@pytest.fixture
def stage(connect: Connect) -> Iterator[Stage]:
    simulation = Simulation()
    with running(clock=lambda: simulation.now) as sandbox, fault_proxy(sandbox.host) as proxy:
        apis = (connect(host, sandbox.access_token) for host in (proxy.host, sandbox.host))
        yield Stage(simulation, Line(sandbox, proxy, *apis))


def keep_alive_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "quantcdn-keep-alive"]


def wait_for_its_end(keep_alive: KeepAlive) -> BaseException:
    """What ended a keep-alive before its time, once it has ended."""
    for thread in keep_alive_threads():
        thread.join(PATIENCE)
    assert keep_alive.failure is not None
    return keep_alive.failure


@pytest.mark.parametrize(("expiration_minutes", "minutes"), [(5, 1), (5, 60), (60, 60), (5, 1440), (1440, 1440)])
def test_a_session_is_kept_alive_for_a_day(stage: Stage, expiration_minutes: int, minutes: int) -> None:
    conversation = stage.open(expiration_minutes=expiration_minutes)
    stage.line.proxy.follow([])

    with conversation.keep_alive(minutes) as alive:
        assert stage.simulation.is_over.wait(PATIENCE)
        assert alive.failure is None

    assert stage.simulation.now > stage.simulation.ends
    assert conversation.expires_at is not None
    assert stage.simulation.now - timedelta(seconds=stage.simulation.pauses[-1]) < conversation.expires_at
    assert set(stage.line.requests()) == {"PUT"}
    assert len(stage.line.requests()) == len(stage.simulation.pauses) - 1
    assert len(stage.line.requests()) <= timedelta(days=1) / timedelta(minutes=minutes) + 10, "no more than are needed"


def test_it_is_extended_when_half_of_the_life_it_had_left_is_over(stage: Stage) -> None:
    conversation = stage.open(expiration_minutes=40)

    with conversation.keep_alive(60):
        assert stage.simulation.is_over.wait(PATIENCE)

    minutes = [pause / 60 for pause in stage.simulation.pauses]
    assert minutes[:3] == [20, (20 + 60) / 2, (40 + 60) / 2]
    assert minutes[-1] == pytest.approx(60), "in the end, once for each 60 minutes"


def test_time_between_opening_and_keeping_alive_counts(stage: Stage) -> None:
    conversation = stage.open(expiration_minutes=60)
    stage.simulation.now += timedelta(minutes=50)

    with conversation.keep_alive():
        assert stage.simulation.is_over.wait(PATIENCE)

    assert stage.simulation.pauses[0] == 5 * 60


def test_what_others_extend_counts(stage: Stage) -> None:
    conversation = stage.open(expiration_minutes=60)
    stage.line.api.extend_ai_session(stage.line.organisation, conversation.session_id, {"additionalMinutes": 120})
    conversation.refresh()

    with conversation.keep_alive():
        assert stage.simulation.is_over.wait(PATIENCE)

    assert stage.simulation.pauses[0] == 90 * 60


def test_a_resumed_session_is_extended_at_once_as_nobody_knows_how_long_it_lives(stage: Stage) -> None:
    opened = stage.open(expiration_minutes=5)
    stage.simulation.now += timedelta(minutes=4.9)
    conversation = stage.resume(opened.session_id)
    stage.line.proxy.follow([])

    with conversation.keep_alive(30):
        assert stage.simulation.is_over.wait(PATIENCE)

    assert stage.simulation.pauses[0] == 15 * 60
    assert conversation.expires_at is not None
    assert conversation.expires_at > stage.simulation.ends


def test_a_session_that_is_over_is_an_error_when_the_block_is_entered(stage: Stage) -> None:
    conversation = stage.open(expiration_minutes=5)
    stage.simulation.now += timedelta(minutes=5)

    with pytest.raises(NotFoundException), conversation.keep_alive():
        raise AssertionError("the block was entered")

    assert keep_alive_threads() == []


PASSING = [DROP, LOSE_ANSWER, OVERTAKEN_BY_ONE, REFUSALS[429], REFUSALS[503]]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
def test_an_extension_that_fails_is_tried_again_when_half_of_the_rest_is_over(stage: Stage, fault: Fault) -> None:
    conversation = stage.open(expiration_minutes=40)
    stage.line.proxy.follow([fault, fault])

    with conversation.keep_alive(60) as alive:
        assert stage.simulation.is_over.wait(PATIENCE)
        assert alive.failure is None

    assert [pause / 60 for pause in stage.simulation.pauses[:3]] == [20, 10, 5]
    assert conversation.expires_at is not None
    assert conversation.expires_at > stage.simulation.ends - timedelta(hours=1)


def test_an_extension_whose_answer_was_lost_is_seen_in_the_next_one(stage: Stage) -> None:
    conversation = stage.open(expiration_minutes=40)
    stage.line.proxy.follow([LOSE_ANSWER])

    with conversation.keep_alive(60):
        assert stage.simulation.is_over.wait(PATIENCE)

    # Of 40 minutes 20 + 10 had passed when the expiry was known to have moved by twice 60.
    assert [pause / 60 for pause in stage.simulation.pauses[:3]] == [20, 10, (10 + 60 + 60) / 2]


def test_a_service_that_stays_away_is_an_error_when_the_session_is_over(stage: Stage) -> None:
    conversation = stage.open(expiration_minutes=60)
    stage.line.proxy.follow([REFUSALS[503]] * 100)

    with pytest.raises(OutcomeUnknownServiceException) as caught, conversation.keep_alive() as alive:
        wait_for_its_end(alive)

    assert caught.value is alive.failure
    assert stage.simulation.began + timedelta(hours=1) <= stage.simulation.now < stage.simulation.ends
    assert min(stage.simulation.pauses) == 1
    assert len(stage.line.requests()) < 15


@pytest.mark.parametrize("status", [401, 403, 404, 400])
def test_a_refused_extension_ends_it_at_once(stage: Stage, status: int) -> None:
    conversation = stage.open()
    stage.line.proxy.follow([Fault("REFUSE", Seen.REFUSAL, forwarded=False, status=status)])

    with pytest.raises(ApiException) as caught, conversation.keep_alive() as alive:
        wait_for_its_end(alive)

    assert caught.value is alive.failure
    assert caught.value.status == status
    assert len(stage.line.requests()) == 1


def test_what_the_application_itself_raises_while_extending_is_handed_over(sandbox: Sandbox, connect: Connect) -> None:
    tokens = iter([sandbox.access_token])
    simulation = Simulation()
    api = connect(sandbox.host, lambda: next(tokens, None) or 1 / 0)
    conversation = simulation.conversations.open(api, sandbox.organisation, user_id="agent")

    with pytest.raises(TokenException) as caught, conversation.keep_alive() as alive:
        wait_for_its_end(alive)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_token_callable_that_ends_its_thread_ends_keeping_alive_with_a_word(
    sandbox: Sandbox, connect: Connect
) -> None:
    tokens = iter([sandbox.access_token])
    simulation = Simulation()
    api = connect(sandbox.host, lambda: next(tokens, None) or sys.exit("no more tokens"))
    conversation = simulation.conversations.open(api, sandbox.organisation, user_id="agent")

    with pytest.raises(SystemExit, match="no more tokens") as caught, conversation.keep_alive() as alive:
        wait_for_its_end(alive)

    assert caught.value is alive.failure


def test_an_extension_is_tried_before_the_end_also_in_the_last_seconds_of_a_life(connect: Connect) -> None:
    failed = json_answer({}, 503)
    simulation = Simulation(length=timedelta(seconds=60))
    with scripted_server([told(40, **CREATED_AT), failed, failed, failed, told(3600)]) as server:
        conversation = simulation.conversations.open(connect(server.host), "org", user_id="agent")
        with conversation.keep_alive():
            assert simulation.is_over.wait(PATIENCE)

    assert simulation.pauses == [20, 10, 5, 2.5, (3600 - 37.5) / 2]


def test_it_is_for_one_block(stage: Stage) -> None:
    alive = stage.open().keep_alive()
    with alive, pytest.raises(ApiValueError, match="was entered before: make another one"), alive:
        raise AssertionError("it was entered twice")
    with pytest.raises(ApiValueError, match="was entered before: make another one"), alive:
        raise AssertionError("it was entered again")

    assert keep_alive_threads() == []


def test_what_the_block_raises_comes_before_the_failure(stage: Stage) -> None:
    conversation = stage.open()
    stage.line.api.delete_ai_session(stage.line.organisation, conversation.session_id)

    with pytest.raises(RuntimeError, match="the agent stumbled"), conversation.keep_alive() as alive:
        raise RuntimeError(f"the agent stumbled, and: {wait_for_its_end(alive)}")

    assert isinstance(alive.failure, NotFoundException)


def told(life: float, **fields: object) -> bytes:
    """An answer with an expiry so many seconds after an hour in the past."""
    expires_at = datetime(2001, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=life)
    return json_answer({"sessionId": "s", "expiresAt": expires_at.isoformat(), **fields})


CREATED_AT = {"createdAt": "2001-01-01T00:00:00Z"}
GONE = json_answer({}, 404)
SERVICES: dict[str, tuple[list[bytes], list[float]]] = {
    "grants less than was asked": ([told(3600, **CREATED_AT), told(3700), told(3800), GONE], [1800, 950, 525]),
    "extends no further": (
        [told(120, **CREATED_AT), *[told(120)] * 10, GONE],
        [60, 30, 15, 7.5, 3.75, 1.875, 1, 1, 15, 15, 15],
    ),
    "counts from the present instead of from the expiry": (
        [told(3600, **CREATED_AT), told(1800 + 3600), told(3600 + 3600), GONE],
        [1800, 1800, 1800],
    ),
    "does not say when it created the session": ([told(600), told(4200), told(7800), GONE], [1800, 2700]),
    "says nothing of the expiry": ([json_answer({"sessionId": "s"}), *[json_answer({})] * 2, GONE], [1800, 1800]),
    "says it once": (
        [told(600, **CREATED_AT), json_answer({}), told(4200), told(7800), GONE],
        [300, 1800, 1800, 2700],
    ),
    "never lets it expire": (
        [json_answer({"sessionId": "s", "expiresAt": "9999-12-31T23:59:59Z", **CREATED_AT}), GONE],
        [threading.TIMEOUT_MAX],
    ),
    "thinks it has expired": ([told(-5, **CREATED_AT), told(3595), GONE], [1797.5]),
}


@pytest.mark.parametrize(("script", "pauses"), SERVICES.values(), ids=SERVICES)
def test_pauses_follow_what_the_service_says(connect: Connect, script: list[bytes], pauses: list[float]) -> None:
    simulation = Simulation(length=timedelta(days=365 * 1000))
    with scripted_server(script) as server:
        conversation = simulation.conversations.open(connect(server.host), "org", user_id="agent")
        with pytest.raises(NotFoundException), conversation.keep_alive() as alive:
            wait_for_its_end(alive)

    assert simulation.pauses == pauses
    assert [request.json() for request in server.requests[1:]] == [{"additionalMinutes": 60}] * (len(script) - 1)


@pytest.mark.parametrize("minutes", [0, -1, 1441, 1.5, "60", None, True], ids=str)
def test_minutes_are_those_of_the_contract(stage: Stage, minutes: Any) -> None:
    conversation = stage.open()

    with pytest.raises((pydantic.ValidationError, TypeError), match=r"additional_minutes|NoneType"):
        conversation.keep_alive(minutes)


def test_leaving_ends_the_thread_at_once(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="agent")

    with within(5), conversation.keep_alive():
        (thread,) = keep_alive_threads()
        assert thread.daemon

    assert keep_alive_threads() == []
    with conversation.keep_alive():
        assert len(keep_alive_threads()) == 1


def test_it_waits_for_an_extension_that_is_under_way_and_none_follows(connect: Connect) -> None:
    script = [told(0.05, **CREATED_AT), [0.1, told(0.1)]]
    with scripted_server(script) as server:
        conversation = Conversation.open(connect(server.host), "org", user_id="agent")
        with conversation.keep_alive():
            server.wait_for_requests(2)

    assert keep_alive_threads() == []
    assert conversation.expires_at == datetime(2001, 1, 1, 0, 0, 0, 100_000, tzinfo=timezone.utc)
    assert len(server.requests) == 2


def test_turns_go_on_while_it_is_kept_alive(stage: Stage) -> None:
    conversation = stage.open(expiration_minutes=5)

    def infer(messages: list[dict[str, Any]]) -> str:
        assert stage.simulation.is_over.wait(PATIENCE)
        return f"A day later, after {len(messages)}"

    with conversation.keep_alive():
        conversation.turn("Take your time", infer)

    assert conversation.messages == [user("Take your time"), assistant("A day later, after 1")]


# The latest of a user


def times(*created: str | None) -> list[dict[str, Any]]:
    """A list of sessions that were created at these times."""
    return [{"id": f"s-{number}", "created_at": time} for number, time in enumerate(created)]


def test_a_user_without_a_session_gets_one(api: AISessionsApi, sandbox: Sandbox) -> None:
    conversation = Conversation.latest_or_open(
        api,
        sandbox.organisation,
        user_id="newcomer",
        session_group="docs",
        metadata={"title": "Opening hours"},
        expiration_minutes=5,
        initial_messages=[user("Hello")],
    )

    (listed,) = api.list_ai_sessions(sandbox.organisation, user_id="newcomer", session_group="docs")
    assert (listed.id, listed.title) == (conversation.session_id, "Opening hours")
    assert conversation.messages == [user("Hello")]
    assert conversation.expires_at is not None
    assert conversation.expires_at - datetime.now(timezone.utc) <= timedelta(minutes=5)


def test_a_user_goes_on_with_the_newest_session_of_the_group(api: AISessionsApi, sandbox: Sandbox) -> None:
    def found(**fields: Any) -> str:
        return Conversation.latest_or_open(api, sandbox.organisation, user_id="regular", **fields).session_id

    first, second, third, _other = (
        Conversation.open(api, sandbox.organisation, user_id=user_id, session_group=group).session_id
        for user_id, group in [("regular", "docs"), ("regular", "docs"), ("regular", "sales"), ("other", "docs")]
    )
    api.update_ai_session(sandbox.organisation, first, {"newMessages": [{"role": "user", "content": "Hello"}]})

    assert found(session_group="docs", initial_messages=[user("Anybody?")]) == second
    assert found() == found(session_group="sales") == third
    api.update_ai_session(sandbox.organisation, second, {"status": "completed"})
    assert found(session_group="docs") == first
    assert len(api.list_ai_sessions(sandbox.organisation, user_id="regular")) == 2


@pytest.mark.parametrize(
    "created",
    [
        ["2030-01-02T00:00:00Z", "2030-01-03T00:00:00Z", "2030-01-01T00:00:00Z"],
        [None, "2030-01-03T00:00:00+09:00", "2030-01-02T14:59:59Z"],
        ["no time", "2030-01-03T00:00:00Z", None],
    ],
    ids=["in no order", "in several zones", "with times that are none"],
)
def test_the_newest_is_found_in_whatever_order_the_list_comes(connect: Connect, created: list[str]) -> None:
    pages = map(json_answer, (times(*created), []))
    with scripted_server([*pages, json_answer({"messages": [user("a")]})]) as server:
        conversation = Conversation.latest_or_open(connect(server.host), "org", user_id="u")

    assert (conversation.session_id, conversation.messages) == ("s-1", [user("a")])
    assert [request.method for request in server.requests] == ["GET"] * 3


def test_a_session_that_ends_meanwhile_is_passed_over(connect: Connect) -> None:
    pages = [*map(json_answer, (times("2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"), []))]
    gone = json_answer({"message": "gone"}, 404)
    script = [*pages, gone, json_answer({"messages": []}), *pages, gone, gone, json_answer({"sessionId": "new"}, 201)]
    with scripted_server(script) as server:
        sessions = [Conversation.latest_or_open(connect(server.host), "org", user_id="u") for _ in range(2)]

    assert [conversation.session_id for conversation in sessions] == ["s-0", "new"]


@pytest.mark.parametrize("status", [403, 404])
def test_where_the_sessions_cannot_be_listed_none_is_opened(connect: Connect, status: int) -> None:
    with (
        scripted_server([json_answer({"message": "no"}, status)]) as server,
        pytest.raises(ApiException, match=f"{status}"),
    ):
        Conversation.latest_or_open(connect(server.host), "org", user_id="u")


@pytest.mark.parametrize(
    "fields",
    [{"user_id": None}, {"user_id": " "}, {"user_id": "u", "session_group": ""}, {"user_id": "u", "grup": "x"}],
    ids=str,
)
def test_nobody_goes_on_with_the_session_of_somebody_else_by_mistake(connect: Connect, fields: Any) -> None:
    with scripted_server() as server, pytest.raises((pydantic.ValidationError, ApiValueError)):
        Conversation.latest_or_open(connect(server.host), "org", **fields)
    assert server.requests == []


def test_of_callers_at_the_same_moment_each_may_open_one_and_the_next_goes_on_with_the_newest(
    api: AISessionsApi, sandbox: Sandbox
) -> None:
    def find(_number: int = 0) -> str:
        return Conversation.latest_or_open(api, sandbox.organisation, user_id="in a hurry").session_id

    with ThreadPoolExecutor(4) as threads:
        opened = {*threads.map(find, range(4))}

    listed = api.list_ai_sessions(sandbox.organisation, user_id="in a hurry")
    assert {session.id for session in listed} == opened
    newest = max(listed, key=lambda session: session.created_at or datetime.min.replace(tzinfo=timezone.utc))
    assert find() == newest.id


@pytest.mark.needs_pace
def test_all_requests_for_the_latest_share_the_time(connect: Connect) -> None:
    script: list[Any] = [[0.8, json_answer(times("2030-01-01T00:00:00Z"))], [0.8, json_answer([])], [STALL]]
    with (
        scripted_server(script) as server,
        pytest.raises(TimeoutException, match=r"\([\d.]+ s allowed\)") as caught,
    ):
        Conversation.latest_or_open(connect(server.host), "org", user_id="u", _request_timeout=3.0)

    allowed = float(str(caught.value).rpartition("(")[2].partition(" s allowed")[0])
    assert allowed < 0.75 * (3.0 - 1.6)
