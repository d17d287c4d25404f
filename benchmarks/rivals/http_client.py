"""A connection of `http.client` per thread, and `json`: the limit below urllib3."""

import json
import threading
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from benchmarks.rivals._without_models import WithoutModels


class Client(WithoutModels):
    def __init__(self, url: str, token: str) -> None:
        super().__init__(token)
        self._headers_with_body = {**self._headers, "Content-Type": "application/json"}
        self._address = urlsplit(url).netloc
        self._mine = threading.local()

    def _send(self, method: str, path: str, request: dict[str, Any] | None = None) -> Any:
        try:
            connection = self._mine.connection
        except AttributeError:
            connection = self._mine.connection = HTTPConnection(self._address)
        if request is None:
            connection.request(method, path, headers=self._headers)
        else:
            connection.request(method, path, json.dumps(request).encode(), self._headers_with_body)
        response = connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise RuntimeError(f"The service answered {response.status}")
        return json.loads(content)
