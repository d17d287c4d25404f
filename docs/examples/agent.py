"""A long-running agent: it does one task after the other, a line of standard input each, and its session, which keeps
the memory of them, stays alive however long they take.

    python agent.py < tasks.txt

It tells the id of its session first. With that id as its argument, it goes on where it ended.
"""

import sys

import quantcdn
from quantcdn import environment

SYSTEM = "Do the task. Say in one sentence what you did."


def work(messages: list[dict[str, str]]) -> quantcdn.Reply:
    """Stands in for your agent, which may take hours."""
    task = messages[-1]["content"]
    return quantcdn.Reply(f"Done: {task}", tokens=len(task.split()))


def main(session_id: str | None = None) -> None:
    organisation = environment.organisation()
    with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
        api = quantcdn.AISessionsApi(client)
        if session_id:
            memory = quantcdn.Conversation.resume(api, organisation, session_id)
        else:
            memory = quantcdn.Conversation.open(
                api,
                organisation,
                user_id="agent",
                expiration_minutes=30,
                initial_messages=[{"role": "system", "content": SYSTEM}],
            )
        print(memory.session_id, flush=True)
        # Leaving the block ends the extensions, and raises what ended them before.
        with memory.keep_alive(minutes=30):
            for task in sys.stdin:
                print(memory.turn(task.strip(), work), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
