"""The way into the store for whatever writes, with one wait for the disk for all writes of a moment.

An answer leaves when what it tells of is there to stay.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TypeVar

from quantcdn.sandbox._store import Store

T = TypeVar("T")


class Commits:
    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting: list[asyncio.Future[None]] = []
        self._under_way: asyncio.Future[None] | None = None

    async def kept(self, write: Callable[[], T]) -> T:
        """Carry out a write, and wait until it is there to stay."""
        while self._under_way:  # what comes meanwhile is written together, and waits together
            await asyncio.wait([self._under_way])
        try:
            return write()
        finally:
            await self._made()

    async def _made(self) -> None:
        if not self.store.changed:
            return
        if not self.store.waits_for_the_disk:
            self.store.commit()
            return
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._begin, loop)  # after the other requests that have come by now
        self._waiting.append(loop.create_future())
        await self._waiting[-1]

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        # In another thread, so that this one goes on to read.
        self._under_way = loop.run_in_executor(None, self.store.commit)
        self._under_way.add_done_callback(functools.partial(self._end, waiting))

    def _end(self, waiting: list[asyncio.Future[None]], commit: asyncio.Future[None]) -> None:
        self._under_way = None
        error = commit.exception()
        for request in waiting:
            if request.done():
                continue
            if error:
                request.set_exception(error)
            else:
                request.set_result(None)
