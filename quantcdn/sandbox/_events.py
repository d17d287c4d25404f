"""What happens in a sandbox, told as it happens: server-sent events.

Nothing is kept for a reader. Each round tells it what came since the last one, so that who reads slowly, or no more,
costs nothing, and misses what is no longer kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

from quantcdn.sandbox._journal import Received, Requests

_BEAT = 1.0
"""How long to be silent at most, in seconds: a reader that is gone is noticed when it is written to."""
_PAUSE = 0.05
"""How long to gather what comes before it is told, in seconds."""


async def events(
    requests: Requests, after: int, state: Callable[[], dict[str, Any]], ending: asyncio.Future[None]
) -> AsyncGenerator[str, None]:
    """The requests that come, and the state of the sandbox, until it ends.

    Args:
        requests: what came.
        after: the number of the last request not to be told.
        state: the state, which is told after requests, and each second.
        ending: done when the sandbox ends.
    """
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()

    def heard(request: Received) -> None:
        if not came.done():
            came.set_result(None)

    with requests.told(heard):
        yield ": listening\n\n"
        while not ending.done():
            came = loop.create_future()
            last = requests.latest
            while (request := requests.after(after)) and request.number <= last and not ending.done():
                after = request.number
                yield f"event: request\nid: {after}\ndata: {json.dumps(summary(request))}\n\n"
            yield f"event: state\ndata: {json.dumps(state())}\n\n"
            await asyncio.wait([ending, came], timeout=_BEAT, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([ending], timeout=_PAUSE)


def summary(request: Received) -> dict[str, Any]:
    """What is told of a request: all but its body, which may be long."""
    told = {**vars(request), "time": request.time.isoformat()}
    del told["raw_body"]
    return told
