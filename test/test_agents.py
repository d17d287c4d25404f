"""Sessions as the memory of agent frameworks: the programs in `docs/examples`, with the real packages, and no network.

Each runs in one process of its own, since the packages take a second or two to load. There it is started as its users
start it, and then its memory is handed what a session cannot keep.
"""

import importlib.util
import json
import subprocess
import sys
from typing import NamedTuple

import pytest
from conftest import Connect
from test_examples import EXAMPLES, of

from quantcdn import Conversation
from quantcdn.sandbox import Sandbox

# Runs `main`, for a new session and then for the same one, and prints what becomes of the refusals.
PROGRAM = """
import asyncio, contextlib, importlib, io, json, os, sys
import quantcdn
from quantcdn import environment

def say(*lines, session_id=""):
    sys.stdin, output = io.StringIO("\\n".join(lines)), io.StringIO()
    with contextlib.redirect_stdout(output):
        example.main(session_id)
    return output.getvalue().splitlines()

example = importlib.import_module(sys.argv[1])
session_id, *replies = say("Hello", "When?")
again, *more = say("And then?", session_id=session_id)
assert again == session_id
with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
    api = quantcdn.AISessionsApi(client)
    conversation = quantcdn.Conversation.resume(api, environment.organisation(), session_id)
    def refused(work):
        try:
            work()
        except NotImplementedError as error:
            return str(error)
        return "it was not refused"
    REFUSED
print(json.dumps({"session": session_id, "replies": replies + more, "refusals": refusals}))
"""

LANGCHAIN = """
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
    from langchain_core.runnables import RunnableLambda
    memory = example.SessionHistory(conversation)
    call = AIMessage("", tool_calls=[{"name": "look_up", "args": {}, "id": "1"}])
    image = HumanMessage([{"type": "image_url", "image_url": {"url": "data:,"}}])
    chain = example.with_memory(RunnableLambda(lambda _: call), memory)
    refusals = [
        refused(lambda: example.ask(chain, memory, "Look it up")),
        refused(lambda: memory.add_messages([HumanMessage("a"), ToolMessage("b", tool_call_id="1")])),
        refused(lambda: memory.add_messages([image])),
        refused(memory.clear),
    ]
"""
OPENAI_AGENTS = """
    from agents import Session
    memory = example.SessionMemory(conversation)
    assert isinstance(memory, Session)
    assert len(asyncio.run(memory.get_items(2))) == 2
    assert asyncio.run(memory.get_items(0)) == []
    call = {"type": "function_call", "name": "look_up", "arguments": "{}", "call_id": "1"}
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}
    refusals = [
        refused(lambda: asyncio.run(memory.add_items([{"role": "user", "content": "a"}, call]))),
        refused(lambda: asyncio.run(memory.add_items([image]))),
        refused(lambda: asyncio.run(memory.pop_item())),
        refused(lambda: asyncio.run(memory.clear_session())),
    ]
"""
PYDANTIC_AI = """
    from pydantic_ai import Agent, ImageUrl
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.models.test import TestModel
    agent = Agent(TestModel())
    @agent.tool_plain
    def look_up() -> str:
        return "nine"
    image = ModelRequest([UserPromptPart(["What is this?", ImageUrl("https://example.com/a.png")])])
    refusals = [
        refused(lambda: conversation.turn("Look it up", lambda messages: example.reply_with(agent, messages[-1:]))),
        refused(lambda: example.refuse_more_than_text([image])),
    ]
"""
LLAMA_INDEX = """
    from llama_index.core.base.llms.types import ChatMessage, ImageBlock
    store = example.SessionStore(api, environment.organisation(), "agent")
    assert session_id in store.get_keys()
    stored = store.get_messages(session_id)
    store.set_messages(session_id, stored)
    other = store._api.create_ai_session(environment.organisation(), {"userId": "agent"}).session_id
    store.set_messages(other, stored)
    assert store.delete_messages(other) == stored
    assert other not in store.get_keys()
    call = ChatMessage("", role="assistant", additional_kwargs={"tool_calls": ["look_up"]})
    image = ChatMessage(blocks=[ImageBlock(image=b"")])
    refusals = [
        refused(lambda: store.add_message(session_id, call)),
        refused(lambda: store.add_message(session_id, image)),
        refused(lambda: store.set_messages(session_id, stored[1:])),
        refused(lambda: store.delete_message(session_id, 0)),
        refused(lambda: store.delete_last_message(session_id)),
    ]
"""


class Framework(NamedTuple):
    """An agent framework.

    Attributes:
        package: what is imported of it.
        refused: code that hands to its memory what a session cannot keep.
        refusals: words of the refusals.
    """

    package: str
    refused: str
    refusals: list[str]


FRAMEWORKS = {
    "langchain": Framework("langchain_core", LANGCHAIN, ["tool_calls", "tool message", "human message", "keeps its"]),
    "openai_agents": Framework("agents", OPENAI_AGENTS, ["function_call", "input_image", "no single one", "delete it"]),
    "pydantic_ai": Framework("pydantic_ai", PYDANTIC_AI, ["tool-call, tool-return", "user-prompt"]),
    "llama_index": Framework(
        "llama_index.core", LLAMA_INDEX, ["tool_calls", "image", "replaced", "no single one", "no single one"]
    ),
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_session_is_the_memory_of_an_agent_and_what_it_cannot_keep_is_refused(
    name: str, sandbox: Sandbox, connect: Connect
) -> None:
    package, code, refusals = FRAMEWORKS[name]
    if importlib.util.find_spec(package.partition(".")[0]) is None:
        pytest.skip(f"{package} is not installed: it needs newer dependencies than the lowest, or another Python")

    program = PROGRAM.replace("\n    REFUSED", code)
    done = subprocess.run(
        [sys.executable, "-c", program, f"memory_{name}"],
        env={**of(sandbox), "PYTHONPATH": str(EXAMPLES)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["replies"]) == 3
    assert all(said in reply for said, reply in zip(["Hello", "When?", "And then?"], told["replies"], strict=True))
    assert [words in refusal for words, refusal in zip(refusals, told["refusals"], strict=True)] == [True] * len(
        refusals
    ), told["refusals"]
    messages = Conversation.resume(
        connect(sandbox.host, sandbox.access_token), sandbox.organisation, told["session"]
    ).messages
    assert [message["content"] for message in messages[::2]] == ["Hello", "When?", "And then?"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 3
