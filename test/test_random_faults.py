"""Nothing lost and nothing doubled: random calls through a proxy that makes random faults, checked at the service.

A model follows what every call has confirmed and what it may have done. After each call the service is asked directly,
around the proxy, and must hold just what the model can explain. Each call must also have ended as the rules of
`quantcdn.retry` say for the faults it met, with as many requests as they allow.

All of this on every road: directly, over TLS, and through each kind of proxy.

`HYPOTHESIS_PROFILE=thorough` takes ten thousand steps on each instead of some hundred.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import pytest
from fault_proxy import (
    LOSE_ANSWER,
    PASS,
    QUICK_FAULTS,
    SLOW_FAULTS,
    Exchange,
    Fault,
    FaultProxy,
    Seen,
    closed_port,
    fault_proxy,
    seeded,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from roads import ROADS, Road, tls_before
from stalls import HOPS, measured_stall

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    Configuration,
    ConnectionException,
    NotFoundException,
    OutcomeUnknownException,
    ResponseFormatException,
    ServiceException,
    TimeoutException,
    TooManyRequestsException,
    TransportException,
)
from quantcdn.attempt import Attempt
from quantcdn.exceptions import (
    OutcomeUnknownConnectionException,
    OutcomeUnknownServiceException,
    OutcomeUnknownTimeoutException,
)
from quantcdn.retry import RetryPolicy
from quantcdn.sandbox import Sandbox, running

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
pytestmark = [
    pytest.mark.timeout(3600 if THOROUGH else 120),
    pytest.mark.filterwarnings("ignore:.* is plain HTTP:UserWarning"),
]
POLICY = RetryPolicy(attempts=3, backoff=0)
PATIENCE = 20.0
"""How long a call may take, in seconds, whose answers come at once."""
SHORT = 0.6
"""How long to wait, in seconds, for an answer that does not come."""
LONG = 5.0
"""How long, where the answers that do come are those of sixteen threads at once."""


class World(NamedTuple):
    """A sandbox, what makes faults before it, and a road there.

    Attributes:
        sandbox: the sandbox.
        proxy: what makes the faults.
        direct: a way to the sandbox around it.
        options: what a client needs to take the road.
        nowhere: a host on the same road at which nobody listens; None where there is none.
        is_relayed: whether a relay stands before what makes the faults.
    """

    sandbox: Sandbox
    proxy: FaultProxy
    direct: AISessionsApi
    options: dict[str, Any]
    nowhere: str | None
    is_relayed: bool

    def client(self, retries: RetryPolicy, on_attempt: Callable[[Attempt], object] | None = None) -> ApiClient:
        """A client that takes the road."""
        configuration = Configuration(self.options["host"], self.sandbox.access_token, retries=retries)
        configuration.ca_cert_data, configuration.proxy = self.options["ca_cert_data"], self.options["proxy"]
        configuration.on_attempt = on_attempt
        return ApiClient(configuration)


@pytest.fixture(scope="module", params=ROADS, ids=str)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    road: Road = request.param
    with ExitStack() as stack:
        sandbox = stack.enter_context(running())
        proxy = stack.enter_context(fault_proxy(sandbox.host))
        port = stack.enter_context(tls_before(proxy.port)) if road.server_tls else proxy.port
        options = stack.enter_context(road.through(port))
        closed = stack.enter_context(closed_port())
        nowhere = None if road.forwards else closed.replace("http:", "https:") if road.tls else closed
        configuration = Configuration(sandbox.host, sandbox.access_token, retries=0)
        direct = AISessionsApi(stack.enter_context(ApiClient(configuration)))
        is_relayed = port != proxy.port or (road.proxy is not None and not road.forwards)
        yield World(sandbox, proxy, direct, options, nowhere, is_relayed)


class Weather(NamedTuple):
    """What a call meets.

    Attributes:
        faults: what its requests meet, in their order; those after them pass.
        reach: how many of its requests find the proxy; those after them find that nobody listens.
        one_wait: whether the first answer that does not come in time uses up the time of the call.
    """

    faults: list[Fault]
    reach: int = POLICY.attempts
    one_wait: bool = False


CALM = Weather([])


class Ending(NamedTuple):
    """How a call ends: after how many attempts, and in which exception."""

    attempts: int
    raised: type[ApiException] | None


def ending(exchanges: Sequence[Exchange], weather: Weather, *, repeatable: bool, deletes: bool) -> Ending:
    """What the rules say of a call whose requests met all this."""
    in_doubt = False
    for number in range(1, POLICY.attempts + 1):
        fault, status, kept = None, None, False
        if number <= weather.reach:
            assert number <= len(exchanges), f"attempt {number} was to follow"
            fault, status, kept = exchanges[number - 1].fault, exchanges[number - 1].status, exchanges[number - 1].kept
            # That the service refused is known from its status, even where the body with the reason was lost.
            if fault.seen is Seen.ANSWER or (status == 404 and fault.cut >= 1):
                if status != 404:
                    return Ending(number, None)
                if not (deletes and in_doubt):
                    return Ending(number, NotFoundException)
                # It is gone where the service says so. A 404 without its body may be a gateway's.
                return Ending(number, None if fault.seen is Seen.ANSWER else ResponseFormatException)
        may_repeat = repeatable or fault is None or fault.status == 429
        # Where a kept connection brought no answer, there is a part of the time left for a new one.
        time_is_over = (
            weather.one_wait and fault is not None and fault.seen is Seen.SILENCE and not (repeatable and kept)
        )
        if number == POLICY.attempts or not may_repeat or time_is_over:
            return Ending(number, _raised(fault, repeatable=repeatable))
        in_doubt = in_doubt or (fault is not None and fault.status != 429)
    raise AssertionError("there is a last attempt")


def _raised(fault: Fault | None, *, repeatable: bool) -> type[ApiException]:
    if fault is None:
        return ConnectionException
    if fault.status == 429:
        return TooManyRequestsException
    if fault.seen is Seen.REFUSAL:
        return ServiceException if repeatable else OutcomeUnknownServiceException
    if fault.seen is Seen.SILENCE:
        return TimeoutException if repeatable else OutcomeUnknownTimeoutException
    return ConnectionException if repeatable else OutcomeUnknownConnectionException


@dataclass(eq=False)
class Conversation:
    """What must be true of a session, as far as the calls have told.

    Attributes:
        id: its id.
        expires_at: when it expires.
        messages: what it holds, in its order.
        tokens: their number in all.
        deleted: whether it is gone.
    """

    id: str
    expires_at: datetime
    messages: list[str] = field(default_factory=list)
    tokens: int = 0
    deleted: bool = False


_numbers = count()  # so that no message and no user comes twice

# A slow fault costs a wait, so it is rarer.
_weathers = st.builds(
    Weather,
    faults=st.lists(st.sampled_from([*QUICK_FAULTS * 10, *SLOW_FAULTS]), max_size=POLICY.attempts),
    reach=st.sampled_from([0, 1, 2, *[POLICY.attempts] * 7]),
    one_wait=st.booleans(),
)
# Some bodies are larger than what is sent at once.
_texts = st.lists(st.builds(str.__mul__, st.text(max_size=5), st.sampled_from([1, 1, 1, 8_000])), max_size=3)


class Calls(RuleBasedStateMachine):
    """Any sequence of calls, each meeting any faults."""

    sessions: Bundle[Conversation] = Bundle("sessions")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.organisation = world.sandbox.organisation
        self.user = f"user-{next(_numbers)}"
        self.conversations: dict[str, Conversation] = {}
        self.attempts: list[Attempt] = []
        self.client = world.client(POLICY, self.on_attempt)
        self.api = AISessionsApi(self.client)
        world.proxy.follow([])

    def teardown(self) -> None:
        self.client.close()

    @initialize(target=sessions)
    def begin(self) -> MultipleResults[Conversation]:
        return self.create(CALM, ["first"])

    @rule(target=sessions, weather=_weathers, texts=_texts)
    def create(self, weather: Weather, texts: list[str]) -> MultipleResults[Conversation]:
        contents = _unique(texts)
        request = {"userId": self.user, "initialMessages": _messages(contents), "expirationMinutes": 5}
        result, done = self.call(self.api.create_ai_session, weather, request)
        listed = self.world.direct.list_ai_sessions(self.organisation, user_id=self.user, limit=100)
        new = [session.id for session in listed if session.id not in self.conversations]
        assert len(new) == done, "a create makes one session, or none where it failed"
        if not isinstance(result, ApiException):
            assert new == [result.session_id]
        for session_id in new:
            assert session_id
            found = self.world.direct.get_ai_session(self.organisation, session_id).to_dict()
            expires_at = _instant(found["expires_at"])
            self.conversations[session_id] = Conversation(session_id, expires_at, contents)
            if not isinstance(result, ApiException):
                assert result.expires_at == expires_at
        return multiple(*(self.conversations[str(session_id)] for session_id in new))

    @rule(session=sessions, weather=_weathers, texts=_texts, tokens=st.integers(0, 1000))
    def update(self, session: Conversation, weather: Weather, texts: list[str], tokens: int) -> None:
        contents = _unique(texts)
        request = {"newMessages": _messages(contents, "assistant"), "tokensUsed": tokens}
        result, done = self.call(self.api.update_ai_session, weather, session.id, request)
        if done:
            session.messages += contents
            session.tokens += tokens
        if not isinstance(result, ApiException):
            assert result.total_messages == len(session.messages)
            assert result.total_tokens == session.tokens

    @rule(session=sessions, weather=_weathers, minutes=st.integers(1, 10))
    def extend(self, session: Conversation, weather: Weather, minutes: int) -> None:
        request = {"additionalMinutes": minutes}
        result, done = self.call(self.api.extend_ai_session, weather, session.id, request)
        if done:
            session.expires_at += timedelta(minutes=minutes)
        if not isinstance(result, ApiException):
            assert result.expires_at == session.expires_at

    @rule(session=sessions, weather=_weathers)
    def get(self, session: Conversation, weather: Weather) -> None:
        result, _ = self.call(self.api.get_ai_session, weather, session.id, repeatable=True)
        if not isinstance(result, ApiException):
            assert [message["content"] for message in result.messages] == session.messages

    @rule(weather=_weathers)
    def list_all(self, weather: Weather) -> None:
        result, _ = self.call(self.api.list_ai_sessions, weather, repeatable=True, user_id=self.user, limit=100)
        if not isinstance(result, ApiException):
            there = {session.id for session in self.conversations.values() if not session.deleted}
            assert {session.id for session in result} == there
            assert len(result) == len(there)

    @rule(session=sessions, weather=_weathers)
    def delete(self, session: Conversation, weather: Weather) -> None:
        result, done = self.call(self.api.delete_ai_session, weather, session.id, repeatable=True)
        if not isinstance(result, ApiException):
            assert done or session.deleted, "a delete that returned has deleted"
        session.deleted = session.deleted or done > 0

    @precondition(lambda self: not self.world.is_relayed)  # a relay may tell only when the next request is on its way
    @rule()
    def lose_idle_connections(self) -> None:
        self.world.proxy.hang_up()

    def call(
        self,
        operation: Callable[..., Any],
        weather: Weather,
        *arguments: object,
        repeatable: bool = False,
        **options: object,
    ) -> tuple[Any, int]:
        """Make a call in this weather; return its result or exception, and how often it took effect."""
        proxy = self.world.proxy
        if self.world.is_relayed:  # where a connection ends, a relay may lose what had come before, and be late to tell
            faults = [PASS if fault.closes else LOSE_ANSWER if fault.cut else fault for fault in weather.faults]
            weather = weather._replace(faults=faults)
        if self.world.nowhere is None:
            weather = weather._replace(reach=POLICY.attempts)
        proxy.follow(weather.faults)
        self.attempts.clear()
        self.lead_to_nobody_after(weather.reach)
        silent = any(fault.seen is Seen.SILENCE for fault in weather.faults)
        timeout = PATIENCE if not silent else 2 * SHORT if weather.one_wait else (PATIENCE, SHORT)
        with measured_stall() as stall:
            try:
                result = operation(self.organisation, *arguments, **options, _request_timeout=timeout)
            except ApiException as error:
                result = error
        proxy.settle()
        exchanges = proxy.exchanges

        raised = type(result) if isinstance(result, ApiException) else None
        if not silent or HOPS * stall.seconds < SHORT / 2:  # else the machine may have used up the time of the call
            deletes = operation == self.api.delete_ai_session
            attempts, due = ending(exchanges, weather, repeatable=repeatable, deletes=deletes)
            assert raised is due
            assert len(self.attempts) == attempts
            assert len(exchanges) == min(attempts, weather.reach)
        if isinstance(result, ApiException):
            assert list(result.attempts) == self.attempts
        if isinstance(result, TransportException):
            assert result.never_sent == (not exchanges), "whether the service can have seen any of it"
        took_effect = [exchange.status in (200, 201) for exchange in exchanges]
        for exchange, attempt, effect in zip(exchanges, self.attempts, took_effect, strict=False):
            if effect and exchange.fault.seen is not Seen.ANSWER:
                assert attempt.outcome_unknown, "nobody can know that it failed, since it did not"
        if not repeatable:
            assert sum(took_effect) <= 1, "a write takes effect once"
            assert raised is not None or sum(took_effect) == 1, "what was confirmed took effect"
        return result, sum(took_effect)

    def lead_to_nobody_after(self, attempts: int) -> None:
        """Let so many attempts of the next call reach the proxy; the client asks for the host before each."""
        here = self.world.options["host"]
        hosts = [*[here] * attempts, *[self.world.nowhere or here] * (POLICY.attempts - attempts + 1)]
        self.client.configuration.host = hosts[0]
        self.hosts = hosts[1:]

    def on_attempt(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.client.configuration.host = self.hosts[attempt.number - 1]

    @invariant()
    def the_service_holds_what_the_calls_explain(self) -> None:
        for session in self.conversations.values():
            if session.deleted:
                with pytest.raises(NotFoundException):
                    self.world.direct.get_ai_session(self.organisation, session.id)
            else:
                found = self.world.direct.get_ai_session(self.organisation, session.id).to_dict()
                assert [message["content"] for message in found["messages"]] == session.messages
                assert found["total_tokens"] == session.tokens
                assert _instant(found["expires_at"]) == session.expires_at


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # which Python 3.10 does not read


def _unique(texts: Sequence[str]) -> list[str]:
    return [f"{next(_numbers)}: {text}" for text in texts]


def _messages(contents: Sequence[str], role: str = "user") -> list[dict[str, str]]:
    return [{"role": role, "content": content} for content in contents]


def test_random_calls_with_random_faults_lose_nothing_and_double_nothing(world: World) -> None:
    run_state_machine_as_test(
        lambda: Calls(world),
        settings=settings(
            max_examples=200 if THOROUGH else 5,
            stateful_step_count=60 if THOROUGH else 25,
            derandomize=not THOROUGH,
            database=None,
            deadline=None,
            # Shrinking would take minutes, and a failure names its steps anyway.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("seed", range(20) if THOROUGH else [1])
def test_sixteen_threads_append_each_message_once(world: World, seed: int) -> None:
    organisation = world.sandbox.organisation
    session = world.direct.create_ai_session(organisation, {"userId": "many"}).session_id
    assert session
    world.proxy.follow(seeded(seed, [*QUICK_FAULTS * 10, *SLOW_FAULTS], pass_rate=0.6))
    messages = [[f"{thread}-{number}" for number in range(12)] for thread in range(16)]

    with world.client(POLICY) as client, ThreadPoolExecutor(16) as threads:
        api = AISessionsApi(client)

        def append(content: str) -> ApiException | None:
            request = {"newMessages": _messages([content]), "tokensUsed": 1}
            try:
                api.update_ai_session(organisation, session, request, _request_timeout=(PATIENCE, LONG))
            except ApiException as error:
                return error
            return None

        def append_all(contents: list[str]) -> list[ApiException | None]:
            return [append(content) for content in contents]

        raised = {
            content: error
            for contents, errors in zip(messages, threads.map(append_all, messages), strict=True)
            for content, error in zip(contents, errors, strict=True)
        }
    world.proxy.settle()

    found = world.direct.get_ai_session(organisation, session).to_dict()
    stands = [message["content"] for message in found["messages"]]
    for content, error in raised.items():
        if error is None:
            assert stands.count(content) == 1
        elif isinstance(error, OutcomeUnknownException):
            assert stands.count(content) <= 1
        else:
            assert isinstance(error, TooManyRequestsException)
            assert stands.count(content) == 0
    assert found["total_tokens"] == len(stands)
    for contents in messages:
        confirmed = [content for content in contents if raised[content] is None]
        # One of unknown outcome may still have been on its way when the next was stored.
        assert [content for content in stands if content in confirmed] == confirmed, "they keep their order"
    assert {type(error) for error in raised.values()} >= {
        type(None),
        OutcomeUnknownConnectionException,
        OutcomeUnknownServiceException,
    }, "there were faults"
