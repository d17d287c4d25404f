"""Sessions as a chat store of LlamaIndex, each key being the id of one: a chat, a line of standard input each.

    python memory_llama_index.py [SESSION ID] < lines.txt

It keeps texts of users and of the model. It does not keep calls of tools and their results, images or other blocks: a
message with such is refused. Single messages cannot be removed or replaced; all of them can, with their session.
LlamaIndex stores the question before the model is asked, so where the model fails it stands alone.
"""

import sys

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.storage.chat_store.base import BaseChatStore

import quantcdn
from quantcdn import environment


class SessionStore(BaseChatStore):
    """The sessions of a user."""

    _api: quantcdn.AISessionsApi = PrivateAttr()
    _organisation: str = PrivateAttr()
    _user_id: str = PrivateAttr()
    _conversations: dict[str, quantcdn.Conversation] = PrivateAttr(default_factory=dict)

    def __init__(self, api: quantcdn.AISessionsApi, organisation: str, user_id: str) -> None:
        super().__init__()
        self._api, self._organisation, self._user_id = api, organisation, user_id

    def _conversation(self, key: str) -> quantcdn.Conversation:
        """The same for a key each time, since it knows which turns may still arrive."""
        if key not in self._conversations:
            self._conversations[key] = quantcdn.Conversation.resume(self._api, self._organisation, key)
        return self._conversations[key]

    def get_messages(self, key: str) -> list[ChatMessage]:
        conversation = self._conversation(key)
        conversation.refresh()
        return [ChatMessage(role=said["role"], content=said["content"]) for said in conversation.messages]

    def add_message(self, key: str, message: ChatMessage) -> None:
        self._conversation(key).append(plain(message))

    def set_messages(self, key: str, messages: list[ChatMessage]) -> None:
        """Append what is new, in one turn."""
        stored = self.get_messages(key)
        if [(said.role, said.content) for said in messages[: len(stored)]] != [(it.role, it.content) for it in stored]:
            raise NotImplementedError("A session keeps its messages: none can be replaced")
        if new := messages[len(stored) :]:
            self._conversation(key).append(*map(plain, new))

    def delete_messages(self, key: str) -> list[ChatMessage] | None:
        """Delete the session with its messages."""
        messages = self.get_messages(key)
        self._api.delete_ai_session(self._organisation, key)
        del self._conversations[key]
        return messages

    def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        raise NotImplementedError("A session keeps its messages: no single one can be removed")

    def delete_last_message(self, key: str) -> ChatMessage | None:
        raise NotImplementedError("A session keeps its messages: no single one can be removed")

    def get_keys(self) -> list[str]:
        own = quantcdn.iter_ai_sessions(self._api, self._organisation, user_id=self._user_id)
        return [session.id for session in own if session.id]


def plain(message: ChatMessage) -> quantcdn.UpdateAISessionRequestNewMessagesInner:
    """A message as a session keeps it."""
    blocks: list[str] = [block.block_type for block in message.blocks if not isinstance(block, TextBlock)]
    others = [*blocks, *message.additional_kwargs]
    if message.role not in (MessageRole.USER, MessageRole.ASSISTANT) or others:
        raise NotImplementedError(f"A session keeps texts of user and model, not this {message.role.value}: {others}")
    return quantcdn.UpdateAISessionRequestNewMessagesInner(role=message.role.value, content=message.content or "")


def main(session_id: str = "") -> None:
    organisation = environment.organisation()
    with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
        api = quantcdn.AISessionsApi(client)
        session_id = session_id or quantcdn.Conversation.open(api, organisation, user_id="agent").session_id
        print(session_id, flush=True)
        memory = ChatMemoryBuffer.from_defaults(
            chat_store=SessionStore(api, organisation, "agent"), chat_store_key=session_id, tokenizer_fn=str.split
        )
        # MockLLM stands in for your model: it replies with its prompt.
        engine = SimpleChatEngine.from_defaults(llm=MockLLM(), memory=memory)
        for line in sys.stdin:
            print(engine.chat(line.strip()).response.replace("\n", " "), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
