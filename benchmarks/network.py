"""What the network makes of calls: ``python -m benchmarks.network CLIENT WHAT URL [PROXY]`` prints it, in seconds.

The client is ``sdk`` or ``floor``, urllib3 by hand. What is measured is a get over a ``first`` connection, or a
``further`` one; a ``create``, or a ``tuned create``, with socket options; or a history of 1,000 messages, as it comes
(``plain``) or packed (``gzip``). Printed are the time that it takes and the CPU time of it, the median of some calls.
"""

import socket
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import urllib3

from benchmarks.answers import TOKEN, organisation_with, session_with
from benchmarks.rivals._by_hand import ByHand
from quantcdn import AISessionsApi, ApiClient, Configuration

CALLS = 9
SOCKET_OPTIONS = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]


class _Floor(ByHand):
    """urllib3 by hand."""

    def __init__(self, url: str, proxy: str | None, tuned: bool) -> None:
        super().__init__(TOKEN)
        self._url = url
        options: dict[str, Any] = {"socket_options": SOCKET_OPTIONS} if tuned else {}
        self.manager = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager(**options)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        response = self.manager.request(method, self._url + path, body=body, headers=headers)
        return response.status, response.data

    def ask_for_gzip(self) -> None:
        self._headers["Accept-Encoding"] = "gzip"


def calls_of(client: str, what: str, url: str, proxy: str | None) -> tuple[Callable[[], object], Callable[[], object]]:
    """What makes the call, and what closes the connections before it."""
    organisation, session_id = organisation_with(2), session_with(1000 if what in ("plain", "gzip") else 2)
    creates, tuned = what.endswith("create"), what.startswith("tuned")
    if client == "floor":
        floor = _Floor(url, proxy, tuned)
        if what == "gzip":
            floor.ask_for_gzip()
        calls = (lambda: floor.create_session(organisation)), (lambda: floor.get_session(organisation, session_id))
        return calls[not creates], floor.manager.clear
    configuration = Configuration(host=url, access_token=TOKEN)
    configuration.proxy = proxy
    configuration.socket_options = SOCKET_OPTIONS if tuned else None
    sdk = ApiClient(configuration)
    if what == "gzip":
        sdk.set_default_header("Accept-Encoding", "gzip")
    api = AISessionsApi(sdk)
    if creates:
        return lambda: api.create_ai_session(organisation, {"userId": "user-12345"}), sdk.close
    return lambda: api.get_ai_session(organisation, session_id), sdk.close


def main() -> None:
    client, what, url, *proxy = sys.argv[1:]
    call, close = calls_of(client, what, url, proxy[0] if proxy else None)
    if what != "first":
        call()
    wall: list[float] = []
    cpu: list[float] = []
    for _ in range(1 if what == "first" else CALLS):
        if what == "further":
            close()
        began, used = time.perf_counter(), time.process_time()
        call()
        cpu.append(time.process_time() - used)
        wall.append(time.perf_counter() - began)
    print(median(wall), median(cpu))


if __name__ == "__main__":
    main()
