"""`httpx.Client`, and bytes to model in one pass."""

import httpx

from benchmarks.rivals._by_hand import ByHand


class Client(ByHand):
    def __init__(self, url: str, token: str) -> None:
        super().__init__(token)
        self._client = httpx.Client(base_url=url)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        response = self._client.request(method, path, content=body, headers=headers)
        return response.status_code, response.content
