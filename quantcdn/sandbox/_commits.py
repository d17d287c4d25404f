"""One wait for the disk for all requests of a moment: an answer leaves when what it tells of is there to stay."""

from __future__ import annotations

import asyncio

from quantcdn.sandbox._store import Store


class Commits:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[asyncio.Future[None]] = []

    async def made(self) -> None:
        """Wait until nothing that was read or written is uncommitted."""
        if not self._store.changed:
            return
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit)  # after the other requests that have come by now
        self._waiting.append(loop.create_future())
        await self._waiting[-1]

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            self._store.commit()
        except Exception as error:
            for request in waiting:
                if not request.done():
                    request.set_exception(error)
        else:
            for request in waiting:
                if not request.done():
                    request.set_result(None)
