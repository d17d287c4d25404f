"""The session that a conversation is kept in: read and written by one thread at a time, each turn sent at most once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from quantcdn._wire.call import RequestOptions
from quantcdn.conversation._beyond import beyond_the_contract
from quantcdn.conversation._history import History
from quantcdn.conversation._keep_alive import Expiry
from quantcdn.conversation._requests import messages_in
from quantcdn.conversation._steps import PART, Steps
from quantcdn.conversation._turns import Turns
from quantcdn.exceptions import OpenApiException, OutcomeUnknownException, ResponseFormatException
from quantcdn.models import (
    ExtendAISession200Response,
    ExtendAISessionRequest,
    UpdateAISession200Response,
    UpdateAISessionRequest,
)

if TYPE_CHECKING:
    from quantcdn.api import AISessionsApi

T = TypeVar("T")


class Session:
    """A session, as far as its answers have told.

    Args:
        api: the operations.
        organisation: the id of the organisation.
        session_id: its own id.
        history: the messages that it holds.

    Attributes:
        expiry: when it expires.
        total_tokens: its tokens in all, as the service last said; None where it did not.
    """

    def __init__(self, api: "AISessionsApi", organisation: str, session_id: str, history: History) -> None:
        self.api = api
        self.organisation = organisation
        self.session_id = session_id
        self.history = history
        self.expiry = Expiry()
        self.total_tokens: int | None = None
        self._turns = Turns(after_fork=history.expect_more)

    def steps(self, options: RequestOptions) -> Steps:
        """The time of a call with these options, to be shared out."""
        return Steps(options, self.api.api_client.rest_client.timeout)

    def alone(self, work: Callable[[], T], steps: Steps) -> T:
        """Do some work while no other thread does any."""
        return self._turns.take(work, steps.left(PART))

    def messages_with(self, text: str, steps: Steps) -> list[dict[str, Any]]:
        """What a model gets: the messages, read again where that is needed, and the text of the user."""
        self._read_unless_current(steps)
        history = [
            {name: message[name] for name in ("role", "content") if name in message}
            for message in self.history.messages
        ]
        return [*history, {"role": "user", "content": text}]

    def store(self, request: UpdateAISessionRequest, steps: Steps) -> None:
        """Send a turn, and find out whether it was stored."""
        turn = messages_in(request)
        self._read_unless_current(steps)
        self.history.sending(turn)
        try:
            answer = self.api.update_ai_session(self.organisation, self.session_id, request, **steps.next(PART))
        except (OutcomeUnknownException, ResponseFormatException):
            if not self._is_stored(turn, steps.next()):
                raise
        except (OpenApiException, ValidationError):
            self.history.refused(turn)
            raise
        else:
            self.history.confirmed(turn, answer.total_messages)
            self._note_tokens(answer)

    def read(self, options: RequestOptions, turn: Sequence[Mapping[str, Any]] = ()) -> bool:
        """Read it, and tell whether a turn whose answer was lost is in it for certain."""
        session = self.api.get_ai_session(self.organisation, self.session_id, **options)
        if "messages" in session.unread:  # none is something else
            raise ResponseFormatException(reason="The messages of the session cannot be read")
        expires_at = beyond_the_contract(session, ExtendAISession200Response, "expiresAt", "expires_at").expires_at
        if expires_at is not None:
            self.expiry = self.expiry.moved_to(expires_at)
        self._note_tokens(beyond_the_contract(session, UpdateAISession200Response, "totalTokens", "total_tokens"))
        return self.history.read(session.messages or [], turn)

    def extend(self, by: timedelta, clock: Callable[[], float], options: RequestOptions) -> None:
        """Move its expiry: it lives so long from now on, at least."""
        asked = clock()
        request = ExtendAISessionRequest(additional_minutes=by // timedelta(minutes=1))
        answer = self.api.extend_ai_session(self.organisation, self.session_id, request, **options)
        self.expiry = self.expiry.moved_to(answer.expires_at, at_least=asked + by.total_seconds())

    def _is_stored(self, turn: Sequence[Mapping[str, Any]], options: RequestOptions) -> bool:
        try:
            return self.read(options, turn)
        except (OpenApiException, ValidationError):
            return False

    def _read_unless_current(self, steps: Steps) -> None:
        if not self.history.is_current:
            self.read(steps.next(PART))

    def _note_tokens(self, answer: UpdateAISession200Response) -> None:
        if answer.total_tokens is not None:
            self.total_tokens = answer.total_tokens
