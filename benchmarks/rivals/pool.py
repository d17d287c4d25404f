"""One `urllib3.HTTPConnectionPool`, kept: no URL is parsed and no pool is looked up at a call."""

import urllib3

from benchmarks.rivals._by_hand import ByHand


class Client(ByHand):
    def __init__(self, url: str, token: str) -> None:
        super().__init__(token)
        self._pool = urllib3.connection_from_url(url, maxsize=16)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        response = self._pool.urlopen(method, path, body=body, headers=headers)
        return response.status, response.data
