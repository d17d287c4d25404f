"""What a careful engineer writes by hand: `urllib3.PoolManager.request`, and bytes to model in one pass.

urllib3's defaults hold: three retries, redirects followed, no timeout. The pool has room for 16 threads.
"""

import urllib3

from benchmarks.rivals._by_hand import ByHand


class Client(ByHand):
    def __init__(self, url: str, token: str) -> None:
        super().__init__(token)
        self._url = url
        self._manager = urllib3.PoolManager(maxsize=16)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        response = self._manager.request(method, self._url + path, body=body, headers=headers)
        return response.status, response.data
