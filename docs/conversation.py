"""The life of a conversation: created, continued, read back, listed, extended, deleted.

It runs on a sandbox of its own, or on the real service where QUANT_API_TOKEN and QUANT_ORGANISATION are set
(and QUANT_BASE_URL, for another server than the public cloud). Either way it leaves nothing behind.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import quantcdn
from quantcdn import environment, sandbox

NEXT = """
No model ran: what was said stands in this program. Next:
  docs/Conversations.md   keep a chat with your own model, a piece at a time
  docs/Examples.md        whole programs to copy
  docs/Sandbox.md         a sandbox that stays: python -m quantcdn.sandbox"""


@contextmanager
def service() -> Iterator[tuple[quantcdn.Configuration, str]]:
    """Where to talk, and in the name of which organisation."""
    token, organisation = environment.find(environment.ACCESS_TOKEN), environment.find(environment.ORGANISATION)
    if token and organisation:
        yield quantcdn.Configuration.from_environment(), organisation.value
    elif token or organisation or environment.find(environment.BASE_URL):
        missing = "QUANT_ORGANISATION" if token else "QUANT_API_TOKEN"
        raise ValueError(f"{missing} is not set; set all for the real service, or none for the sandbox")
    else:
        with sandbox.running() as local:
            configuration = quantcdn.Configuration(local.host, local.access_token)
            configuration.trust_env = False  # this machine is not behind the proxy that its environment may name
            yield configuration, local.organisation


def converse(api: quantcdn.AISessionsApi, organisation: str) -> None:
    """Lead a conversation from its beginning to its end."""
    created = api.create_ai_session(
        organisation,
        quantcdn.CreateAISessionRequest(
            user_id="docs-reader",
            session_group="docs",
            expiration_minutes=30,
            initial_messages=[
                quantcdn.CreateAISessionRequestInitialMessagesInner(role="system", content="Answer in one sentence.")
            ],
        ),
    )
    session_id = created.session_id or ""  # an empty one is refused
    try:
        print(f"create   session {session_id}, open until {clock(created.expires_at)}")

        updated = api.update_ai_session(
            organisation,
            session_id,
            quantcdn.UpdateAISessionRequest(
                new_messages=[
                    quantcdn.UpdateAISessionRequestNewMessagesInner(role="user", content="What does a CDN do?"),
                    quantcdn.UpdateAISessionRequestNewMessagesInner(
                        role="assistant", content="It answers from a server near the reader."
                    ),
                ],
                tokens_used=42,
            ),
        )
        print(f"update   2 messages appended: now {updated.total_messages}, and {updated.total_tokens} tokens in all")

        print("get      read back:")
        for message in api.get_ai_session(organisation, session_id).messages or []:
            print(f"           {message.get('role')!s:<9}  {message.get('content')}")

        for session in api.list_ai_sessions(organisation, user_id="docs-reader", session_group="docs"):
            print(f"list     {session.id}: {session.title}")

        extended = api.extend_ai_session(
            organisation, session_id, quantcdn.ExtendAISessionRequest(additional_minutes=15)
        )
        print(f"extend   15 minutes more: open until {clock(extended.expires_at)}")
    finally:
        print(f"delete   {api.delete_ai_session(organisation, session_id).message}")
    try:
        api.get_ai_session(organisation, session_id)
    except quantcdn.NotFoundException as gone:
        print(f"get      {gone.status}: the session is gone")
    else:
        raise ValueError(f"session {session_id} is still there after its deletion")


def clock(moment: datetime | None) -> str:
    """The time of day, where the service told it."""
    return "an unknown time" if moment is None else f"{moment:%H:%M %Z}"


def main() -> int:
    """Tell the story, or in one line why it could not be told."""
    try:
        with service() as (configuration, organisation), quantcdn.ApiClient(configuration) as client:
            print(f"A conversation on {configuration.host}, organisation {organisation}\n")
            converse(quantcdn.AISessionsApi(client), organisation)
        print(NEXT)
    except (quantcdn.ApiException, ValueError, ImportError) as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
