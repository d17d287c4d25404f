"""`niquests.Session`, and its `json`. It brings a urllib3 of its own, and is installed in a folder of its own."""

from typing import Any

import niquests  # pyright: ignore[reportMissingImports]

from benchmarks.rivals._without_models import WithoutModels


class Client(WithoutModels):
    def __init__(self, url: str, token: str) -> None:
        super().__init__(token)
        self._url = url
        self._session: Any = niquests.Session(pool_maxsize=16)
        self._session.headers.update(self._headers)

    def _send(self, method: str, path: str, request: dict[str, Any] | None = None) -> Any:
        response = self._session.request(method, self._url + path, json=request)
        response.raise_for_status()
        return response.json()
