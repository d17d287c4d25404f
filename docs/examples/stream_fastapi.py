"""A chat in FastAPI that streams: the reply comes as server-sent events, while an asynchronous model makes it.

What waits for the service runs in threads; the model runs in the event loop. Each user has one chat, the latest.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
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


async def model(messages: list[dict[str, str]]) -> AsyncGenerator[str, None]:
    """Stands in for your model."""
    for word in f"You said: {messages[-1]['content']}".split(" "):
        await asyncio.sleep(0.01)
        yield f"{word} "


def awaited(pieces: AsyncGenerator[str, None], loop: asyncio.AbstractEventLoop) -> Generator[str, None, None]:
    """The pieces of an asynchronous model, for a thread: it waits for each while the event loop makes it."""

    async def following() -> str | None:
        return await anext(pieces, None)

    try:
        while (piece := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
            yield piece
    finally:  # not waited for: where the browser left, this may run in the event loop itself
        asyncio.run_coroutine_threadsafe(pieces.aclose(), loop)


def user(x_forwarded_user: Annotated[str, Header()] = "") -> str:
    """Stands in for your login: the proxy before this application tells who it is."""
    if not x_forwarded_user:
        raise HTTPException(401)
    return x_forwarded_user


async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def own_chat(user: Annotated[str, Depends(user)]) -> quantcdn.Conversation:
    return quantcdn.Conversation.latest_or_open(api, organisation, user_id=user)


OwnChat = Annotated[quantcdn.Conversation, Depends(own_chat)]


@app.get("/chat")
def read(chat: OwnChat) -> list[dict[str, Any]]:
    return chat.messages


@app.post("/chat")
def say(
    message: Message, chat: OwnChat, loop: Annotated[asyncio.AbstractEventLoop, Depends(running_loop)]
) -> StreamingResponse:
    pieces = chat.stream(message.text, lambda messages: awaited(model(messages), loop))
    return StreamingResponse(events(pieces), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def events(pieces: Iterator[str]) -> Iterator[str]:
    """A plain generator: FastAPI asks for each event in a thread. Where the browser leaves, it drops the stream."""
    try:
        for piece in pieces:
            yield event("piece", piece)
        yield event("stored", "")
    except Exception as error:  # the status has been sent: an event has to tell
        logging.getLogger("uvicorn.error").error("%s", error)
        yield event("failed", told(error))


def event(name: str, value: str) -> str:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"


def told(error: Exception) -> str:
    """What the user is told. The log has the rest."""
    if isinstance(error, quantcdn.OutcomeUnknownException | quantcdn.ResponseFormatException):
        return "Perhaps it was stored: read before you send it again."
    return "It was not stored."


@app.exception_handler(quantcdn.ApiException)
def failed(_request: Request, error: Exception) -> JSONResponse:
    """What fails before the first event has a status."""
    logging.getLogger("uvicorn.error").error("%s", error)
    return JSONResponse({"detail": "Chats are not available at the moment."}, 503)
