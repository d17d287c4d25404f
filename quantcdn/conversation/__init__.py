"""A conversation that is kept in a session: opened or resumed, continued a turn at a time, and kept alive.

How it is known whether a turn was stored whose answer was lost: see `quantcdn.conversation._history`.
"""

import html
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

from typing_extensions import Self, Unpack

from quantcdn._show.notebook import repr_html
from quantcdn._wire.call import RequestOptions
from quantcdn._wire.secrets import forgetful, forgetful_generator
from quantcdn.api._arguments import check_arguments
from quantcdn.conversation._history import History
from quantcdn.conversation._keep_alive import Expiry, KeepAlive, Stop
from quantcdn.conversation._model import Infer, InferPieces, Reply, check_model, closed, joined, pieces_of, whole_reply
from quantcdn.conversation._newest import newest_first
from quantcdn.conversation._requests import new_session, question_of, turn_of, turn_with
from quantcdn.conversation._session import Session
from quantcdn.conversation._steps import PART, Steps
from quantcdn.exceptions import NotFoundException
from quantcdn.models import (
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    CreateAISessionRequestInitialMessagesInnerDict,
    ExtendAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
    UpdateAISessionRequestNewMessagesInnerDict,
)

if TYPE_CHECKING:
    from quantcdn._show.html import Page
    from quantcdn.api import AISessionsApi

__all__ = ["Conversation", "Infer", "InferPieces", "KeepAlive", "Reply"]


def __dir__() -> list[str]:
    return [*__all__]


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
        self._session = Session(api, organisation, session_id, history)

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
        request = new_session(user_id, session_group, metadata, expiration_minutes, initial_messages)
        return cls._create(api, organisation, request, options)

    @classmethod
    def _create(
        cls, api: "AISessionsApi", organisation: str, request: CreateAISessionRequest, options: RequestOptions
    ) -> Self:
        asked = cls._clock()
        session = api.create_ai_session(organisation, request, **options)
        history = History(request.to_dict().get("initialMessages", []))
        conversation = cls(api, organisation, cast("str", session.session_id), history)  # one without is no answer
        conversation._session.expiry = Expiry.of_new(session.created_at, session.expires_at, asked)
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

    @classmethod
    @forgetful
    def latest_or_open(
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
        """Go on with the newest active session of a user, or open one where there is none.

        Nothing keeps two callers at the same moment from opening a session each; later calls go on with the newer one.
        A session that ends between listing and reading is passed over.

        Args:
            api: the operations.
            organisation: the id of the organisation.
            user_id: the user of yours.
            session_group: only sessions of this group, and that of a new one. Where it is left out, one of any group.
            metadata: as for `open`, for a new one alone.
            expiration_minutes: likewise.
            initial_messages: likewise.
            **options: see `RequestOptions`. All requests share the time.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            OutcomeUnknownException: a session may have been created, or not.
            ApiException: any other failure.
        """
        filters: Any = {"user_id": user_id, "session_group": session_group}
        check_arguments(cls.latest_or_open, api, organisation=organisation, **filters, **options)
        request = new_session(user_id, session_group, metadata, expiration_minutes, initial_messages)
        steps = Steps(options, api.api_client.rest_client.timeout)
        for session_id in newest_first(api, organisation, user_id, session_group, steps):
            with suppress(NotFoundException):
                return cls.resume(api, organisation, session_id, **steps.next(PART))
        return cls._create(api, organisation, request, steps.next())

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self._session.session_id

    @property
    def organisation(self) -> str:
        """The id of the organisation."""
        return self._session.organisation

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as they were last read, and those stored since. The list is a copy."""
        return [dict(message) for message in self._session.history.messages]

    @property
    def expires_at(self) -> datetime | None:
        """When the session expires, as the service last said; None where it did not."""
        return self._session.expiry.told

    @property
    def total_tokens(self) -> int | None:
        """The tokens of the session in all, as the service last said; None where it did not."""
        return self._session.total_tokens

    def __repr__(self) -> str:
        if not self._is_made:
            return f"<{type(self).__name__}, not made yet>"
        return (
            f"<{type(self).__name__} {self.session_id!r}: {len(self._session.history.messages)} messages, "
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
        return "_session" in vars(self)

    @forgetful
    def refresh(self, **options: Unpack[RequestOptions]) -> None:
        """Read the session again.

        Raises:
            NotFoundException: there is no such session, or it has expired.
            TimeoutException: the session could not be read in time, or the turn of another thread did not end.
            ApiException: any other failure.
        """
        check_arguments(self.refresh, self._session.api, **options)
        session, steps = self._session, self._session.steps(options)
        session.alone(lambda: session.read(steps.next()), steps)

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
            ApiTypeError: a message is a text or a list. Nothing was sent.
            ApiValueError: there is no message, or one without a role or content. Nothing was sent.
            OutcomeUnknownException: the turn may have been stored, may still be, or not.
            ResponseFormatException: the same: an answer came that cannot be read.
            ApiException: any other failure, such as a `TimeoutException` where the turn of another thread did not end
                in time. Nothing was stored.
            BaseException: what a signal handler raises passes unchanged. Where it came up after the request may have
                left, the turn may have been stored, may still be, or not; the next one begins with reading.
        """
        check_arguments(self.append, self._session.api, **options)
        request = turn_of(messages, tokens)
        session, steps = self._session, self._session.steps(options)
        session.alone(lambda: session.store(request, steps), steps)

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
            ApiTypeError: `infer` is asynchronous: nothing was sent. Or it returned something else: nothing was stored.
            ApiException: as for `append`.
        """
        check_arguments(self.turn, self._session.api, **options)
        check_model(infer)
        question = question_of(text)
        session, steps = self._session, self._session.steps(options)

        def work() -> str:
            messages = session.messages_with(text, steps)
            with steps.aside(), closed(infer(messages)) as result:
                reply = whole_reply(result)
            session.store(turn_with(question, reply), steps)
            return reply.content

        return session.alone(work, steps)

    @forgetful
    def stream(self, text: str, infer: InferPieces, **options: Unpack[RequestOptions]) -> Generator[str, None, None]:
        """Let a model reply to the user in pieces, hand them on as they come, and store both messages as one turn::

            for piece in conversation.stream(text, infer):
                print(piece, end="", flush=True)

        The turn is stored when the model is through, before the loop ends: then it is sent, at most once, as with
        `append`. Where the reader leaves before, or the model fails, nothing is stored. Whichever ends it, what `infer`
        returned is closed, where it has a `close`.

        Other threads do not wait for a stream: what they store meanwhile stands before its turn.

        Args:
            text: what the user says.
            infer: the model: it gets the messages, as with `turn`, and returns or yields the pieces of its reply, each
                a `str` or a `Reply`. The tokens of all pieces are added up; one without text is not handed on.
            **options: see `RequestOptions`. The time that model and reader take is not counted.

        Returns:
            the pieces. Nothing is done before the first is asked for. The next one may be asked for in another thread.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Raised at once, not by `next`.
            ApiTypeError: `infer` is asynchronous. Raised at once. Or it returned no pieces, or one that is no text:
                raised when that is due, and nothing was stored.
            ApiException: as for `append`. Raised when the session is read before the first piece, or after the last.
        """
        check_arguments(self.stream, self._session.api, **options)
        check_model(infer)
        return forgetful_generator(self._pieces(text, question_of(text), infer, options))

    def _pieces(
        self, text: str, question: UpdateAISessionRequestNewMessagesInner, infer: InferPieces, options: RequestOptions
    ) -> Generator[str, None, None]:
        # No lock is held while the reader has the word: he may come back in another thread, or never.
        session, steps = self._session, self._session.steps(options)
        messages = session.alone(lambda: session.messages_with(text, steps), steps)
        pieces: list[Reply] = []
        with steps.aside(), closed(infer(messages)) as result:
            for piece in pieces_of(result):
                pieces.append(piece)
                if piece.content:
                    yield piece.content
        request = turn_with(question, joined(pieces))
        session.alone(lambda: session.store(request, steps), steps)

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
        check_arguments(self.keep_alive, self._session.api, **options)
        ExtendAISessionRequest(additional_minutes=minutes)  # here, so that the caller learns at once what is wrong
        by = timedelta(minutes=minutes)
        session = self._session

        def extend() -> None:
            session.extend(by, self._clock, options)

        def left() -> float:
            ends = session.expiry.ends
            return 0.0 if ends is None else ends - self._clock()

        return KeepAlive(forgetful(extend), left, self._wait)
