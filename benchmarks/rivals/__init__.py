"""The rivals: each module makes the same five calls in its own way.

Each has a `Client(url, token)` with the methods of `Calls`. They send the same requests, and return what was answered
as models or as dicts.
"""

from typing import Any, NamedTuple, Protocol


class Calls(Protocol):
    """What the client of every rival can do."""

    def get_session(self, organisation: str, session_id: str, /) -> Any: ...
    def list_sessions(self, organisation: str, /) -> Any: ...
    def create_session(self, organisation: str, /) -> Any: ...
    def update_session(self, organisation: str, session_id: str, /) -> Any: ...
    def delete_session(self, organisation: str, session_id: str, /) -> Any: ...


class Rival(NamedTuple):
    """A way to make the calls.

    Attributes:
        title: its name in the tables.
        module: where its `Client` is, in this package.
        imports: what a program that uses it imports.
        needs: the package without which it is left out.
    """

    title: str
    module: str
    imports: str
    needs: str = "urllib3"


# pydantic loads a good part of itself only when a first model is made.
_PYDANTIC = "from pydantic import BaseModel, TypeAdapter\nclass First(BaseModel):\n    id: str | None = None\n"
_BOTH = f"import urllib3\n{_PYDANTIC}"

RIVALS = {
    "floor": Rival("urllib3 PoolManager + pydantic: the floor", "floor", _BOTH),
    "sdk": Rival("this SDK", "sdk", "import quantcdn"),
    "official": Rival("official client", "sdk", "import quantcdn"),
    "generated": Rival("a generator's client", "sdk", "import quantcdn"),
    "niquests": Rival("niquests + json", "niquests_json", "import json, niquests", needs="niquests"),
    "requests": Rival("requests + json", "requests_json", "import json, requests"),
    "httpx": Rival("httpx + pydantic", "httpx_pydantic", f"import httpx\n{_PYDANTIC}"),
    "pool": Rival("urllib3 HTTPConnectionPool + pydantic", "pool", _BOTH),
    "msgspec": Rival(
        "urllib3 HTTPConnectionPool + msgspec", "pool_msgspec", "import urllib3, msgspec", needs="msgspec"
    ),
    "pyreqwest": Rival(
        "pyreqwest, in Rust, + pydantic", "pyreqwest_pydantic", f"import pyreqwest\n{_PYDANTIC}", needs="pyreqwest"
    ),
    "http.client": Rival("http.client + json", "http_client", "import http.client, json"),
}
