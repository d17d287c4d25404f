"""A session of an export as requests that make it again: what it is made of, and which request is next. Pure."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn.exceptions import ApiValueError
from quantcdn.models import CreateAISessionRequest, UpdateAISessionRequest
from quantcdn.models._base import SnakeCaseResponseModel
from quantcdn.models._types import Id, Messages, Timestamp

_LARGEST = 512 * 1024
"""How many bytes of messages to send at a time, unless a single one has more: services bound what they take."""

_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(minutes=1440)
"""How long a session may be created to live."""


class State(NamedTuple):
    """How far a session has come.

    Attributes:
        outcome: ``unknown`` while a request is under way, and where its outcome is not known; ``failed`` where the
            last one was refused; ``done``.
        new_id: the id of the new session; None before it is known.
        messages: how many of its messages are stored.
    """

    outcome: Literal["done", "failed", "unknown"]
    new_id: str | None = None
    messages: int = 0


class Step(NamedTuple):
    """A request, and how many messages are stored when it is answered."""

    request: CreateAISessionRequest | UpdateAISessionRequest
    messages: int
    is_last: bool


class _Exported(SnakeCaseResponseModel):
    """What of a session can be stored again."""

    id: Id | None = None
    user_id: str | None = None
    session_group: str | None = None
    metadata: dict[str, Any] | None = None
    status: str | None = None
    total_tokens: int | None = None
    expires_at: Timestamp | None = None
    messages: Messages | None = None


@dataclass(frozen=True)
class Replay:
    """The requests that make a session again.

    Attributes:
        session_id: the id that it had.
    """

    session_id: str
    _user_id: str
    _exported: _Exported

    def step(self, state: State, now: datetime) -> Step:
        """The request that is next.

        Raises:
            pydantic.ValidationError: it cannot be sent, for what the session holds.
        """
        messages = [_said(message) for message in self._exported.messages or []]
        end = _end(messages, state.messages)
        is_last = end == len(messages)
        closing: dict[str, Any] = {}
        if is_last and self._exported.total_tokens:
            closing["tokensUsed"] = self._exported.total_tokens
        if is_last and self._exported.status == "completed":
            closing["status"] = "completed"
        if state.new_id is not None:
            said = messages[state.messages : end]
            return Step(UpdateAISessionRequest.model_validate({"newMessages": said, **closing}), end, is_last)
        created = {
            "userId": self._user_id,
            "sessionGroup": self._exported.session_group,
            "metadata": self._exported.metadata,
            "expirationMinutes": self._minutes(now),
            "initialMessages": messages[:end],
        }
        return Step(CreateAISessionRequest.model_validate(created), end, is_last and not closing)

    def _minutes(self, now: datetime) -> int | None:
        """For how long it is still to live; as long as the service chooses, where it has expired or does not say."""
        left = (self._exported.expires_at or now) - now
        if left <= timedelta(0):
            return None
        return math.ceil(min(max(left, _SHORTEST), _LONGEST) / timedelta(minutes=1))


def replay_of(line: bytes, where: str, user_id: str | None) -> Replay:
    """The session in a line.

    Args:
        line: the line.
        where: which one it is, in words.
        user_id: whose session it is, where it does not say itself.

    Raises:
        ApiValueError: it is no session, or not all of it can be read.
    """
    try:
        exported = _Exported.from_json(line.decode())
    except ValidationError:
        problem = "it is no JSON object with an id"
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        problem = "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else "it is no JSON"
    else:
        user = exported.user_id or user_id
        if exported.unread:
            problem = f"its {', '.join(exported.unread)} cannot be read"
        elif not exported.id:
            problem = "it has no id"
        elif not user:
            problem = "it does not say whose session it is, as an export does: give a user for those"
        else:
            return Replay(exported.id, user, exported)
    raise ApiValueError(f"{where} is no session that can be imported: {problem}")


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in ("role", "content") if name in message}


def _end(messages: list[dict[str, Any]], begin: int) -> int:
    """How many messages are stored after the next request. One of the system can only be among the first."""
    of_system = [index for index, said in enumerate(messages) if said.get("role") == "system"]
    end = max([begin, *(index + 1 for index in of_system)])
    size = sum(map(_size, messages[begin:end]))
    while end < len(messages):
        size += _size(messages[end])
        if size > _LARGEST and end > begin:
            break
        end += 1
    return end


def _size(said: dict[str, Any]) -> int:
    return len(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
