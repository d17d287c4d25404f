"""A session as the message history of pydantic-ai: a chat, a line of standard input each.

    python memory_pydantic_ai.py [SESSION ID] < lines.txt

The run of the agent is the model of a turn, so a turn is stored whole and once, or not at all. It keeps texts of users
and of the model. It does not keep calls of tools and their results, thinking, images or files: a run with such is
refused, and nothing of it is stored. (Give the agent `instructions`: a system prompt is not stored either.)
"""

import sys
from collections.abc import Sequence
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import quantcdn
from quantcdn import environment


def history_of(messages: Sequence[dict[str, Any]]) -> list[ModelMessage]:
    """The messages of a conversation, for an agent."""
    return [message_with(message["role"], message["content"]) for message in messages]


def message_with(role: str, text: str) -> ModelMessage:
    if role == "assistant":
        return ModelResponse([TextPart(text)])
    return ModelRequest([SystemPromptPart(text) if role == "system" else UserPromptPart(text)])


def refuse_more_than_text(messages: Sequence[ModelMessage]) -> None:
    """A session keeps one text of the user and one of the model, and nothing else of a run."""
    parts = [part for message in messages for part in message.parts]
    others = [
        part.part_kind
        for part in parts
        if not isinstance(part, UserPromptPart | TextPart) or not isinstance(part.content, str)
    ]
    if others:
        raise NotImplementedError(f"A session keeps texts of user and model, not these parts: {', '.join(others)}")


def stand_in(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Stands in for your model."""
    return ModelResponse([TextPart(f"You said: {messages[-1].parts[-1].content}")])  # type: ignore[union-attr]


def reply_with(agent: Agent[None, str], messages: list[dict[str, Any]]) -> quantcdn.Reply:
    """Run the agent, as the model of a turn."""
    *past, question = messages
    result = agent.run_sync(question["content"], message_history=history_of(past))
    refuse_more_than_text(result.new_messages())
    return quantcdn.Reply(result.output, result.usage.total_tokens)


def main(session_id: str = "") -> None:
    organisation = environment.organisation()
    agent = Agent(FunctionModel(stand_in), instructions="Be brief.")
    with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
        api = quantcdn.AISessionsApi(client)
        if session_id:
            conversation = quantcdn.Conversation.resume(api, organisation, session_id)
        else:
            conversation = quantcdn.Conversation.open(api, organisation, user_id="agent")
        print(conversation.session_id, flush=True)
        for line in sys.stdin:
            print(conversation.turn(line.strip(), lambda messages: reply_with(agent, messages)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
