"""A conversation that is kept in a session: opened or resumed, continued a turn at a time, and kept alive.

How it is known whether a turn was stored whose answer was lost: see `quantcdn.conversation._history`.
"""

import html
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, cast

from pydantic import ValidationError
from typing_extensions import Self, Unpack

from quantcdn._show.notebook import repr_html
from quantcdn._wire.call import RequestOptions
from quantcdn._wire.secrets import forgetful
from quantcdn.api._arguments import check_arguments
from quantcdn.conversation._beyond import beyond_the_contract
from quantcdn.conversation._history import History
from quantcdn.conversation._keep_alive import Expiry, KeepAlive, Stop
from quantcdn.conversation._steps import PART, Steps
from quantcdn.conversation._turns import Turns
from quantcdn.exceptions import (
    ApiTypeError,
    ApiValueError,
    OpenApiException,
    OutcomeUnknownException,
    ResponseFormatException,
)
from quantcdn.models import (
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    CreateAISessionRequestInitialMessagesInnerDict,
    ExtendAISession200Response,
    ExtendAISessionRequest,
    UpdateAISession200Response,
    UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
    UpdateAISessionRequestNewMessagesInnerDict,
)

if TYPE_CHECKING:
    from quantcdn._show.html import Page
    from quantcdn.api import AISessionsApi

__all__ = ["Conversation", "Infer", "KeepAlive", "Reply"]


class Reply(NamedTuple):
    """What a model replied.

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


class Conversation:
    """A conversation that is kept in a session. Make one with `open` or `resume`.

    It holds no connection and needs no closing; the session stays until it is deleted or expires. Threads may share
    one: their turns wait for one another. After a fork the child may go on with it, as another writer.

    Every method that talks to the service takes the options of `RequestOptions`, for itself alone. A `_request_timeout`
    in seconds holds for all that the method does with the service, and for waiting for the turns of other threads.
    """

    # Tests let time pass at once.
    _clock = staticmethod(time.monotonic)
    _wait = staticmethod(Stop.wait)

    def __init__(self, api: "AISessionsApi", organisation: str, session_id: str, history: History) -> None:
        self._api = api
        self._organisation = organisation
        self._session_id = session_id
        self._history = history
        self._expiry = Expiry()
        self._total_tokens: int | None = None
        self._turns = Turns(after_fork=history.expect_more)

    @classmethod
    @forgetful
    def open(
        cls,
        api: "AISessionsApi",
        organisation: str,
        *,
        user_id: str,
        session_group: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_minutes: int = 60,
        initial_messages: Sequence[
            CreateAISessionRequestInitialMessagesInner | CreateAISessionRequestInitialMessagesInnerDict
        ] = (),
        **options: Unpack[RequestOptions],
    ) -> Self:
        """Create a session, and begin a conversation in it.

        Args:
            api: the operations.
            organisation: the id of the organisation.
            user_id: the user of yours that the session is for.
            session_group: a name to group sessions by.
            metadata: what else to keep with the session.
            expiration_minutes: when it expires, 5 to 1440.
            initial_messages: the messages that it starts with, as models or dicts.
            **options: see `RequestOptions`.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            OutcomeUnknownException: the session may have been created, or not.
            ApiException: any other failure.
        """
        check_arguments(cls.open, api, organisation=organisation, **options)
        request = CreateAISessionRequest.model_validate(
            {
                "user_id": user_id,
                "session_group": session_group,
                "metadata": metadata,
                "expiration_minutes": expiration_minutes,
                "initial_messages": list(initial_messages) or None,
            }
        )
        asked = cls._clock()
        session = api.create_ai_session(organisation, request, **options)
        history = History(request.to_dict().get("initialMessages", []))
        conversation = cls(api, organisation, cast("str", session.session_id), history)  # one without is no answer
        conversation._expiry = Expiry.of_new(session.created_at, session.expires_at, asked)
        return conversation

    @classmethod
    @forgetful
    def resume(
        cls, api: "AISessionsApi", organisation: str, session_id: str, **options: Unpack[RequestOptions]
    ) -> Self:
        """Go on with the conversation that a session holds.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            ApiException: any other failure.
        """
        check_arguments(cls.resume, api, organisation=organisation, **options)
        conversation = cls(api, organisation, session_id, History([]))
        conversation.refresh(**options)
        return conversation

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self._session_id

    @property
    def organisation(self) -> str:
        """The id of the organisation."""
        return self._organisation

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as they were last read, and those stored since. The list is a copy."""
        return [dict(message) for message in self._history.messages]

    @property
    def expires_at(self) -> datetime | None:
        """When the session expires, as the service last said; None where it did not."""
        return self._expiry.told

    @property
    def total_tokens(self) -> int | None:
        """The tokens of the session in all, as the service last said; None where it did not."""
        return self._total_tokens

    def __repr__(self) -> str:
        if not self._is_made:
            return f"<{type(self).__name__}, not made yet>"
        return (
            f"<{type(self).__name__} {self.session_id!r}: {len(self._history.messages)} messages, "
            f"{self.total_tokens} tokens, expires at {self.expires_at}>"
        )

    def _shown(self, page: "Page") -> str:
        fields = {name: getattr(self, name) for name in ("session_id", "expires_at", "total_tokens")}
        return page.fields("Conversation", fields) + page.transcript(self.messages)

    def _repr_html_(self) -> str:
        return repr_html(self) if self._is_made else html.escape(repr(self))

    def __getstate__(self) -> NoReturn:
        raise TypeError("A conversation cannot be pickled nor copied: resume it by the id of its session")

    @property
    def _is_made(self) -> bool:
        """Whether its `__init__` came to its end, which a debugger does not wait for."""
        return "_turns" in vars(self)

    @forgetful
    def refresh(self, **options: Unpack[RequestOptions]) -> None:
        """Read the session again.

        Raises:
            NotFoundException: there is no such session, or it has expired.
            TimeoutException: the session could not be read in time, or the turn of another thread did not end.
            ApiException: any other failure.
        """
        check_arguments(self.refresh, self._api, **options)
        steps = self._steps(options)
        self._turns.take(lambda: self._read(steps.next()), steps.left(PART))

    @forgetful
    def append(
        self,
        *messages: UpdateAISessionRequestNewMessagesInner | UpdateAISessionRequestNewMessagesInnerDict,
        tokens: int | None = None,
        **options: Unpack[RequestOptions],
    ) -> None:
        """Store a turn: all of these messages, or none. It is sent at most once.

        Where the answer is lost, the session is read back. If the turn is there, it is stored. If not, it may still
        arrive, and is not sent again: the exception tells. The next turn then begins with reading the session again.

        Args:
            *messages: the messages, as models or dicts with `role` (``user`` or ``assistant``) and `content`.
            tokens: how many tokens the turn took, to be added to the total of the session.
            **options: see `RequestOptions`.

        Raises:
            pydantic.ValidationError: a message is not as the contract has it. Nothing was sent.
            ApiValueError: there is no message, or one without a role or content. Nothing was sent.
            OutcomeUnknownException: the turn may have been stored, may still be, or not.
            ResponseFormatException: the same: an answer came that cannot be read.
            ApiException: any other failure, such as a `TimeoutException` where the turn of another thread did not end
                in time. Nothing was stored.
            BaseException: what a signal handler raises passes unchanged. Where it came up after the request may have
                left, the turn may have been stored, may still be, or not; the next one begins with reading.
        """
        check_arguments(self.append, self._api, **options)
        request = UpdateAISessionRequest.model_validate({"new_messages": list(messages), "tokens_used": tokens})
        if not messages:
            raise ApiValueError("Give one message or more")
        turn = _turn(request)
        for index, message in enumerate(turn):
            if missing := {"role", "content"} - message.keys():
                raise ApiValueError(f"Message {index} has no {' and no '.join(sorted(missing))}")
        steps = self._steps(options)
        self._turns.take(lambda: self._store(request, turn, steps), steps.left(PART))

    @forgetful
    def turn(self, text: str, infer: Infer, **options: Unpack[RequestOptions]) -> str:
        """Let a model reply to the user, and store both messages as one turn.

        Args:
            text: what the user says.
            infer: the model: it gets the messages of the conversation, each a dict with `role` and `content`, with
                the user's last, and returns its reply, as a `str` or a `Reply`. What it raises passes unchanged, and
                nothing is stored.
            **options: see `RequestOptions`. The time that the model takes is not counted.

        Returns:
            the text of the reply.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. The model was not asked.
            ApiTypeError: `infer` returned something else, for example a coroutine. Nothing was stored.
            ApiException: as for `append`.
        """
        check_arguments(self.turn, self._api, **options)
        question = UpdateAISessionRequestNewMessagesInner(role="user", content=text)
        steps = self._steps(options)

        def work() -> str:
            self._read_unless_current(steps)
            history = [
                {name: message[name] for name in ("role", "content") if name in message}
                for message in self._history.messages
            ]
            reply = _reply(steps.aside(lambda: infer([*history, {"role": "user", "content": text}])))
            answer = UpdateAISessionRequestNewMessagesInner(role="assistant", content=reply.content)
            request = UpdateAISessionRequest.model_validate(
                {"new_messages": [question, answer], "tokens_used": reply.tokens}
            )
            self._store(request, _turn(request), steps)
            return reply.content

        return self._turns.take(work, steps.left(PART))

    @forgetful
    def keep_alive(self, minutes: int = 60, **options: Unpack[RequestOptions]) -> KeepAlive:
        """Keep the session from expiring for the length of a `with` block::

            with conversation.keep_alive():
                ...  # hours of work

        A thread extends it each time that half of the life that it had left is over, by the service's clock. Where
        nothing has told how long it lives, as with a session that was resumed, it is extended at once.

        Args:
            minutes: by how much each extension extends it, 1 to 1440.
            **options: see `RequestOptions`.

        Returns:
            what to enter. Its `failure` tells what ended it before its time; leaving the block raises that.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it.
        """
        check_arguments(self.keep_alive, self._api, **options)
        request = ExtendAISessionRequest(additional_minutes=minutes)
        seconds = timedelta(minutes=minutes).total_seconds()

        def extend() -> None:
            asked = self._clock()
            answer = self._api.extend_ai_session(self._organisation, self._session_id, request, **options)
            self._expiry = self._expiry.moved_to(answer.expires_at, at_least=asked + seconds)

        def left() -> float:
            ends = self._expiry.ends
            return 0.0 if ends is None else ends - self._clock()

        return KeepAlive(forgetful(extend), left, self._wait)

    def _steps(self, options: RequestOptions) -> Steps:
        return Steps(options, self._api.api_client.rest_client.timeout)

    def _store(self, request: UpdateAISessionRequest, turn: Sequence[Mapping[str, Any]], steps: Steps) -> None:
        """Send a turn, and find out whether it was stored."""
        self._read_unless_current(steps)
        self._history.sending(turn)
        try:
            answer = self._api.update_ai_session(self._organisation, self._session_id, request, **steps.next(PART))
        except (OutcomeUnknownException, ResponseFormatException):
            if not self._is_stored(turn, steps.next()):
                raise
        except (OpenApiException, ValidationError):
            self._history.refused(turn)
            raise
        else:
            self._history.confirmed(turn, answer.total_messages)
            self._note_tokens(answer)

    def _is_stored(self, turn: Sequence[Mapping[str, Any]], options: RequestOptions) -> bool:
        try:
            return self._read(options, turn)
        except (OpenApiException, ValidationError):
            return False

    def _read_unless_current(self, steps: Steps) -> None:
        if not self._history.is_current:
            self._read(steps.next(PART))

    def _read(self, options: RequestOptions, turn: Sequence[Mapping[str, Any]] = ()) -> bool:
        """Read the session, and tell whether a turn whose answer was lost is in it for certain."""
        session = self._api.get_ai_session(self._organisation, self._session_id, **options)
        if "messages" in session.unread:  # none is something else
            raise ResponseFormatException(reason="The messages of the session cannot be read")
        expires_at = beyond_the_contract(session, ExtendAISession200Response, "expiresAt", "expires_at").expires_at
        if expires_at is not None:
            self._expiry = self._expiry.moved_to(expires_at)
        self._note_tokens(beyond_the_contract(session, UpdateAISession200Response, "totalTokens", "total_tokens"))
        return self._history.read(session.messages or [], turn)

    def _note_tokens(self, answer: UpdateAISession200Response) -> None:
        if answer.total_tokens is not None:
            self._total_tokens = answer.total_tokens


def _turn(request: UpdateAISessionRequest) -> list[dict[str, Any]]:
    """The messages that a request appends."""
    return cast("list[dict[str, Any]]", request.to_dict()["newMessages"])


def _reply(result: object) -> Reply:
    """What a model returned, as a reply."""
    reply = Reply(result) if isinstance(result, str) else result
    if isinstance(reply, Reply) and isinstance(cast("object", reply.content), str):
        return reply
    if inspect.iscoroutine(result):
        result.close()  # else Python warns that nobody awaited it
    raise ApiTypeError(f"infer must return a str or a quantcdn.Reply, not {type(result).__name__}")
