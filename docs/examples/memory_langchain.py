"""A session as the memory of LangChain: a chat with `RunnableWithMessageHistory`, a line of standard input each.

    python memory_langchain.py [SESSION ID] < lines.txt

It keeps texts of users and of the model. It does not keep calls of tools and their results, images, or what a model
adds beside its text: a message with such is refused, and nothing of its turn is stored. Messages cannot be removed.
LangChain calls `RunnableWithMessageHistory` deprecated, but it works. What fails while it stores, LangChain logs only:
`ask` raises it.
"""

import sys
from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory

import quantcdn
from quantcdn import environment

ROLES: dict[str, Literal["user", "assistant"]] = {"human": "user", "ai": "assistant"}
KINDS: dict[str, type[BaseMessage]] = {"user": HumanMessage, "assistant": AIMessage, "system": SystemMessage}


class SessionHistory(BaseChatMessageHistory):
    """The messages of a conversation.

    Attributes:
        failure: why the last turn was not stored, or is not known to be; None where it was.
    """

    def __init__(self, conversation: quantcdn.Conversation) -> None:
        self.conversation = conversation
        self.failure: Exception | None = None

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # a class attribute in LangChain
        return [KINDS[message["role"]](content=message["content"]) for message in self.conversation.messages]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store a turn: all of these messages, or none."""
        self.failure = None
        try:
            self.conversation.append(*map(plain, messages), tokens=sum(map(tokens, messages)))
        except Exception as error:
            self.failure = error
            raise

    def clear(self) -> None:
        raise NotImplementedError("A session keeps its messages: delete it, and open another")


def plain(message: BaseMessage) -> quantcdn.UpdateAISessionRequestNewMessagesInner:
    """A message as a session keeps it."""
    role = ROLES.get(message.type)
    more = [name for name in ("tool_calls", "invalid_tool_calls", "additional_kwargs") if getattr(message, name, None)]
    if role is None or more or not isinstance(message.content, str):
        raise NotImplementedError(f"A session keeps texts of user and model, not this {message.type} message: {more}")
    return quantcdn.UpdateAISessionRequestNewMessagesInner(role=role, content=message.content)


def tokens(message: BaseMessage) -> int:
    usage = message.usage_metadata if isinstance(message, AIMessage) else None
    return usage["total_tokens"] if usage else 0


def model(prompt: object) -> AIMessage:
    """Stands in for your model."""
    messages = prompt.to_messages()  # type: ignore[attr-defined]
    usage = {"input_tokens": len(messages), "output_tokens": 1, "total_tokens": len(messages) + 1}
    return AIMessage(f"You said: {messages[-1].content}", usage_metadata=usage)


def with_memory(model: Runnable[Any, Any], memory: SessionHistory) -> RunnableWithMessageHistory:
    """The model, which is handed what was said and whose turns are stored. Make one for each session."""
    prompt = ChatPromptTemplate([("system", "Be brief."), MessagesPlaceholder("past"), ("human", "{text}")])
    return RunnableWithMessageHistory(
        prompt | model, lambda session_id: memory, input_messages_key="text", history_messages_key="past"
    )


def ask(chain: RunnableWithMessageHistory, memory: SessionHistory, text: str) -> str:
    """Say something, and raise what failed while the turn was stored."""
    reply = chain.invoke({"text": text}, {"configurable": {"session_id": memory.conversation.session_id}})
    if memory.failure is not None:
        raise memory.failure
    return str(reply.content)


def main(session_id: str = "") -> None:
    organisation = environment.organisation()
    with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
        api = quantcdn.AISessionsApi(client)
        if session_id:
            conversation = quantcdn.Conversation.resume(api, organisation, session_id)
        else:
            conversation = quantcdn.Conversation.open(api, organisation, user_id="agent")
        print(conversation.session_id, flush=True)
        memory = SessionHistory(conversation)
        chain = with_memory(RunnableLambda(model), memory)
        for line in sys.stdin:
            print(ask(chain, memory, line.strip()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
