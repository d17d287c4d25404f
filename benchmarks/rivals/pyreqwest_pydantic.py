"""`pyreqwest`, whose HTTP is in Rust, and pydantic: what a client can be that need not be written in Python."""

from pyreqwest.client import SyncClientBuilder

from benchmarks.rivals._by_hand import ByHand


class Client(ByHand):
    def __init__(self, url: str, token: str) -> None:
        super().__init__(token)
        self._url = url
        self._client = SyncClientBuilder().http1_only().build()

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        request = self._client.request(method, self._url + path).headers(headers)
        if body is not None:
            request = request.body_bytes(body)
        response = request.build().send()
        return response.status, response.bytes().to_bytes()
