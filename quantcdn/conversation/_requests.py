"""What a conversation sends, as requests. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from quantcdn.conversation._model import Reply
from quantcdn.exceptions import ApiTypeError, ApiValueError
from quantcdn.models import (
    CreateAISessionRequest,
    UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
)
from quantcdn.models._base import RequestModel
from quantcdn.models._lenient import pass_on_interrupt

_Request = TypeVar("_Request", bound=RequestModel)


def new_session(
    user_id: str,
    session_group: str | None,
    metadata: Mapping[str, Any] | None,
    expiration_minutes: int,
    initial_messages: Sequence[object],
) -> CreateAISessionRequest:
    """The request for a session."""
    # A text or a mapping is refused as one, and not character by character.
    is_list = not isinstance(cast("object", initial_messages), str | Mapping)
    fields = {
        "user_id": user_id,
        "session_group": session_group,
        "metadata": metadata,
        "expiration_minutes": expiration_minutes,
        "initial_messages": (list(initial_messages) or None) if is_list else initial_messages,
    }
    return _made(CreateAISessionRequest, fields)


def turn_of(messages: Sequence[object], tokens: int | None) -> UpdateAISessionRequest:
    """The request that appends these messages.

    Raises:
        ApiTypeError: one is a text or a list.
        ApiValueError: there is none, or one without a role or content.
    """
    for message in messages:
        if isinstance(message, str | list | tuple):
            kind = type(cast("object", message)).__name__
            raise ApiTypeError(
                f"A message is a dict with role and content, not {kind}: give one by one, as in "
                "append({'role': 'user', 'content': '...'}, {'role': 'assistant', 'content': '...'})"
            )
    request = _made(UpdateAISessionRequest, {"new_messages": list(messages), "tokens_used": tokens})
    if not messages:
        raise ApiValueError("Give one message or more")
    for index, appended in enumerate(messages_in(request)):
        if missing := {"role", "content"} - appended.keys():
            raise ApiValueError(f"Message {index} has no {' and no '.join(sorted(missing))}")
    return request


def turn_with(question: UpdateAISessionRequestNewMessagesInner, reply: Reply) -> UpdateAISessionRequest:
    """The request that appends what the user said and what the model replied."""
    answer = _message("assistant", reply.content)
    return turn_of([question, answer], reply.tokens)


def question_of(text: str) -> UpdateAISessionRequestNewMessagesInner:
    """What the user says, as a message."""
    if not isinstance(cast("object", text), str):
        raise ApiTypeError(f"text must be a str, not {type(text).__name__}")
    return _message("user", text)


def messages_in(request: UpdateAISessionRequest) -> list[dict[str, Any]]:
    """The messages that a request appends."""
    return cast("list[dict[str, Any]]", request.to_dict()["newMessages"])


def _message(role: str, content: str) -> UpdateAISessionRequestNewMessagesInner:
    return _made(UpdateAISessionRequestNewMessagesInner, {"role": role, "content": content})


def _made(model: type[_Request], fields: dict[str, Any]) -> _Request:
    """A request of these fields, or what a signal handler raises meanwhile, as it is."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        pass_on_interrupt(error)
        raise
