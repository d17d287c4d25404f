"""A session as the memory of the OpenAI Agents SDK, by its `Session` protocol: a chat, a line of standard input each.

    python memory_openai_agents.py [SESSION ID] < lines.txt

It keeps texts of users and of the model. It does not keep calls of tools and their results, reasoning, images, files or
refusals: an item of such a kind is refused, which ends the run. Items cannot be removed. The SDK stores the question
before the model is asked, so where the model fails it stands alone.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, SessionSettings, TResponseInputItem, Usage, set_tracing_disabled
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

import quantcdn
from quantcdn import environment


class SessionMemory:
    """The items of a conversation. The client is synchronous, so what waits for the service runs in threads."""

    session_settings: SessionSettings | None = None

    def __init__(self, conversation: quantcdn.Conversation) -> None:
        self.conversation = conversation
        self.session_id = conversation.session_id

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        await asyncio.to_thread(self.conversation.refresh)
        items: list[Any] = [{name: item[name] for name in ("role", "content")} for item in self.conversation.messages]
        return items if limit is None else items[max(0, len(items) - limit) :]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Store all of these items, or none."""
        if messages := [plain(item) for item in items]:
            await asyncio.to_thread(self.conversation.append, *messages)

    async def pop_item(self) -> TResponseInputItem | None:
        raise NotImplementedError("A session keeps its messages: no single one can be removed")

    async def clear_session(self) -> None:
        raise NotImplementedError("A session keeps its messages: delete it, and open another")


def plain(item: Any) -> quantcdn.UpdateAISessionRequestNewMessagesInner:
    """An item as a session keeps it."""
    kind, role, content = item.get("type", "message"), item.get("role"), item.get("content")
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content or []
    others = [part["type"] for part in parts if part["type"] not in ("input_text", "output_text")]
    if kind != "message" or role not in ("user", "assistant") or others:
        raise NotImplementedError(f"A session keeps texts of user and model, not this {role or ''} {kind}: {others}")
    return quantcdn.UpdateAISessionRequestNewMessagesInner(role=role, content="".join(part["text"] for part in parts))


class StandIn(Model):
    """Stands in for your model."""

    async def get_response(
        self, system_instructions: str | None, input: str | list[TResponseInputItem], *_: Any, **__: Any
    ) -> ModelResponse:
        last: Any = input if isinstance(input, str) else input[-1]
        text = ResponseOutputText(type="output_text", text=f"You said: {last['content']}", annotations=[])
        message = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse([message], Usage(), None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def main(session_id: str = "") -> None:
    organisation = environment.organisation()
    set_tracing_disabled(True)
    agent = Agent("Assistant", instructions="Be brief.", model=StandIn())
    with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
        api = quantcdn.AISessionsApi(client)
        if session_id:
            conversation = quantcdn.Conversation.resume(api, organisation, session_id)
        else:
            conversation = quantcdn.Conversation.open(api, organisation, user_id="agent")
        print(conversation.session_id, flush=True)
        memory = SessionMemory(conversation)
        for line in sys.stdin:
            print(Runner.run_sync(agent, line.strip(), session=memory).final_output, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
