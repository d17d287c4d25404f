"""A chat backend in FastAPI that keeps each user's chats. Its functions are plain ones, not `async`: FastAPI runs them
in threads, so a call that waits holds up nobody else."""

import logging
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import quantcdn
from quantcdn import environment


def refuse_other_sites(request: Request) -> None:
    """A page of another site can make a browser post with its user's login. `Origin` tells where that came from."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        raise HTTPException(403)


app = FastAPI(dependencies=[Depends(refuse_other_sites)])
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration.from_environment(timeout=10)))
organisation = environment.organisation()


class Message(BaseModel):
    text: str = Field(min_length=1, max_length=10_000)


def model(messages: list[dict[str, str]]) -> str:
    """Stands in for your model."""
    return f"You said: {messages[-1]['content']}"


def user(x_forwarded_user: Annotated[str, Header()] = "") -> str:
    """Stands in for your login: the proxy before this application tells who it is."""
    if not x_forwarded_user:
        raise HTTPException(401)
    return x_forwarded_user


User = Annotated[str, Depends(user)]


def own_chat(chat_id: str, user: User) -> quantcdn.Conversation:
    """A chat of this user. To whom a session belongs, the filter of the list tells, and nothing else."""
    if all(chat.id != chat_id for chat in quantcdn.iter_ai_sessions(api, organisation, user_id=user)):
        raise HTTPException(404)
    return quantcdn.Conversation.resume(api, organisation, chat_id)


OwnChat = Annotated[quantcdn.Conversation, Depends(own_chat)]


@app.post("/chats", status_code=201)
def begin(user: User) -> dict[str, str]:
    return {"id": quantcdn.Conversation.open(api, organisation, user_id=user).session_id}


@app.get("/chats")
def chats(user: User) -> list[dict[str, str | None]]:
    own = quantcdn.iter_ai_sessions(api, organisation, user_id=user)
    return [{"id": chat.id, "title": chat.title} for chat in own]


@app.get("/chats/{chat_id}")
def read(chat: OwnChat) -> list[dict[str, Any]]:
    return chat.messages


@app.post("/chats/{chat_id}")
def say(message: Message, chat: OwnChat) -> dict[str, str]:
    return {"reply": chat.turn(message.text, model)}


@app.exception_handler(RequestValidationError)
def refused(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": 'Send a JSON object like {"text": "Hello"}.'}, 422)


@app.exception_handler(quantcdn.ApiException)
def failed(_request: Request, error: Exception) -> JSONResponse:
    """What the user is told. The log has the rest."""
    logging.getLogger("uvicorn.error").error("%s", error)
    match error:
        case quantcdn.NotFoundException():
            return JSONResponse({"detail": "There is no such chat, or no longer."}, 404)
        case quantcdn.OutcomeUnknownException() | quantcdn.ResponseFormatException():
            return JSONResponse({"detail": "Perhaps it was stored: read before you send it again."}, 502)
        case quantcdn.TimeoutException():
            return JSONResponse({"detail": "No answer came in time."}, 504)
        case _:
            return JSONResponse({"detail": "Chats are not available at the moment."}, 503)
