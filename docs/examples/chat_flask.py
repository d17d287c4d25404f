"""A chat backend in Flask that keeps each user's chats. One client serves all threads of a process; after a fork, as
under gunicorn, each process opens connections of its own."""

from urllib.parse import urlsplit

from flask import Flask, abort, request
from pydantic import BaseModel, Field, ValidationError

import quantcdn
from quantcdn import environment

app = Flask(__name__)
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration.from_environment(timeout=10)))
organisation = environment.organisation()


class Message(BaseModel):
    text: str = Field(min_length=1, max_length=10_000)


def model(messages: list[dict[str, str]]) -> str:
    """Stands in for your model."""
    return f"You said: {messages[-1]['content']}"


def user() -> str:
    """Stands in for your login: the proxy before this application tells who it is."""
    return request.headers.get("X-Forwarded-User") or abort(401)


def own_chat(chat_id: str) -> quantcdn.Conversation:
    """A chat of this user. To whom a session belongs, the filter of the list tells, and nothing else."""
    if all(chat.id != chat_id for chat in quantcdn.iter_ai_sessions(api, organisation, user_id=user())):
        abort(404)
    return quantcdn.Conversation.resume(api, organisation, chat_id)


@app.before_request
def refuse_other_sites() -> None:
    """A page of another site can make a browser post with its user's login. `Origin` tells where that came from."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.host:
        abort(403)


@app.post("/chats")
def begin() -> tuple[dict[str, str], int]:
    return {"id": quantcdn.Conversation.open(api, organisation, user_id=user()).session_id}, 201


@app.get("/chats")
def chats() -> list[dict[str, str | None]]:
    own = quantcdn.iter_ai_sessions(api, organisation, user_id=user())
    return [{"id": chat.id, "title": chat.title} for chat in own]


@app.get("/chats/<chat_id>")
def read(chat_id: str) -> list[dict[str, str]]:
    return own_chat(chat_id).messages


@app.post("/chats/<chat_id>")
def say(chat_id: str) -> dict[str, str]:
    message = Message.model_validate_json(request.get_data())
    return {"reply": own_chat(chat_id).turn(message.text, model)}


@app.errorhandler(ValidationError)
def refused(_error: ValidationError) -> tuple[dict[str, str], int]:
    return {"error": 'Send a JSON object like {"text": "Hello"}.'}, 400


@app.errorhandler(quantcdn.ApiException)
def failed(error: quantcdn.ApiException) -> tuple[dict[str, str], int]:
    """What the user is told. The log has the rest."""
    app.logger.error("%s", error)
    match error:
        case quantcdn.NotFoundException():
            return {"error": "There is no such chat, or no longer."}, 404
        case quantcdn.OutcomeUnknownException() | quantcdn.ResponseFormatException():
            return {"error": "Perhaps it was stored: read before you send it again."}, 502
        case quantcdn.TimeoutException():
            return {"error": "No answer came in time."}, 504
        case _:
            return {"error": "Chats are not available at the moment."}, 503
