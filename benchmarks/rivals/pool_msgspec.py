"""One `urllib3.HTTPConnectionPool`, kept, and msgspec in the place of pydantic: bytes to a struct in one pass."""

from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec
import urllib3

T = TypeVar("T")


class CamelCase(msgspec.Struct, rename="camel", omit_defaults=True):
    pass


class InitialMessage(CamelCase):
    role: Literal["system", "user", "assistant"] | None = None
    content: str | None = None


class CreateRequest(CamelCase):
    user_id: str
    session_group: str | None = None
    metadata: dict[str, Any] | None = None
    expiration_minutes: int | None = None
    initial_messages: list[InitialMessage] | None = None


class NewMessage(CamelCase):
    role: Literal["user", "assistant"] | None = None
    content: str | None = None


class UpdateRequest(CamelCase):
    new_messages: list[NewMessage] | None = None
    tokens_used: int | None = None
    status: Literal["active", "completed"] | None = None
    metadata: dict[str, Any] | None = None


class Created(CamelCase):
    session_id: str | None = None
    status: str | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None


class Updated(CamelCase):
    session_id: str | None = None
    status: str | None = None
    total_messages: int | None = None
    total_tokens: int | None = None
    updated_at: datetime | None = None


class Session(msgspec.Struct):
    id: str | None = None
    title: str | None = None
    model: str | None = None
    messages: list[dict[str, Any]] | None = None
    created_at: datetime | None = None


class Listed(msgspec.Struct):
    id: str | None = None
    title: str | None = None
    model: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Deleted(msgspec.Struct):
    message: str | None = None


_CREATED = msgspec.json.Decoder(Created)
_UPDATED = msgspec.json.Decoder(Updated)
_SESSION = msgspec.json.Decoder(Session)
_SESSIONS = msgspec.json.Decoder(list[Listed])
_DELETED = msgspec.json.Decoder(Deleted)
_written = msgspec.json.Encoder().encode


class Client:
    def __init__(self, url: str, token: str) -> None:
        self._pool = urllib3.connection_from_url(url, maxsize=16)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._headers_with_body = {**self._headers, "Content-Type": "application/json"}

    def get_session(self, organisation: str, session_id: str) -> Session:
        return self._call(_SESSION, "GET", f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}")

    def list_sessions(self, organisation: str) -> list[Listed]:
        return self._call(_SESSIONS, "GET", f"/api/v3/organizations/{organisation}/ai/sessions?limit=100")

    def create_session(self, organisation: str) -> Created:
        request = CreateRequest(
            user_id="user-12345",
            session_group="website",
            metadata={"feature": "chat", "source": "web-app", "tags": ["beta", "help"]},
            expiration_minutes=60,
            initial_messages=[
                InitialMessage(role="system", content="You are helpful."),
                InitialMessage(role="user", content="Hello!"),
            ],
        )
        return self._call(_CREATED, "POST", f"/api/v3/organizations/{organisation}/ai/sessions", request)

    def update_session(self, organisation: str, session_id: str) -> Updated:
        request = UpdateRequest(
            new_messages=[
                NewMessage(role="user", content="And then?"),
                NewMessage(role="assistant", content="Then we are done."),
            ],
            tokens_used=130,
        )
        return self._call(_UPDATED, "PUT", f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}", request)

    def delete_session(self, organisation: str, session_id: str) -> Deleted:
        return self._call(_DELETED, "DELETE", f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}")

    def _call(
        self, result: "msgspec.json.Decoder[T]", method: str, path: str, request: msgspec.Struct | None = None
    ) -> T:
        headers = self._headers if request is None else self._headers_with_body
        body = None if request is None else _written(request)
        response = self._pool.urlopen(method, path, body=body, headers=headers)
        if response.status >= 300:
            raise RuntimeError(f"The service answered {response.status}")
        return result.decode(response.data)
