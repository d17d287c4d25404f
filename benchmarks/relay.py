"""A relay that stands for a network: what goes through it takes its time, both ways.

It is part of the process that starts it: ``with relaying(port, ...) as url: ...``.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager


class Relay:
    """Relays connections to a port of this machine.

    Args:
        port: that port.
        delay: how long each way takes, in seconds.
        rate: how many bytes a second come back, at most.

    Attributes:
        largest: how many bytes the largest answer had.
    """

    def __init__(self, port: int, delay: float = 0.0, rate: float = math.inf) -> None:
        self._port = port
        self._delay = delay
        self._rate = rate
        self.largest = 0
        self._came = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay a connection."""
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._pass_on(reader, back), self._come_back(there, writer))
        finally:
            back.close()
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self._came = 0
            asyncio.get_running_loop().call_later(self._delay, writer.write, data)
        writer.close()

    async def _come_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        free = 0.0  # when the line has carried what came before
        while data := await reader.read(16_384):
            self._came += len(data)
            self.largest = max(self.largest, self._came)
            free = max(free, loop.time()) + len(data) / self._rate
            loop.call_at(free + self._delay, writer.write, data)
        writer.close()


@contextmanager
def relaying(relay: Relay) -> Iterator[str]:
    """Run a relay in a thread; the value is its URL."""
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def run() -> None:
        server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        started.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        server.close()  # what is under way is cancelled with the loop

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    port, stop = started.result()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop()
        thread.join()
