"""A pool of processes that share work: each takes a session, reads it, and sums it up.

    python worker_pool.py support

Every process has a client of its own, however it was started: one that came with a fork opens its own connections.
"""

import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache

import quantcdn
from quantcdn import environment


@cache
def api() -> quantcdn.AISessionsApi:
    """The operations, with the client of this process."""
    return quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration.from_environment()))


def summary(session_id: str) -> str:
    """Stands in for work that needs a process of its own."""
    messages = api().get_ai_session(environment.organisation(), session_id).messages or []
    return f"{len(messages)} messages, {sum(len(str(message.get('content')).split()) for message in messages)} words"


def main(group: str) -> int:
    sessions = quantcdn.iter_ai_sessions(api(), environment.organisation(), session_group=group)
    session_ids = [session.id for session in sessions if session.id]
    failures = 0
    with ProcessPoolExecutor() as pool:
        works = {pool.submit(summary, session_id): session_id for session_id in session_ids}
        for work in as_completed(works):
            try:
                print(f"{works[work]}: {work.result()}")
            except quantcdn.ApiException as error:  # it came from the other process, with all it knows
                failures += 1
                print(f"{works[work]}: {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
