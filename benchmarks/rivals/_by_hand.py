"""The schemas of the contract as plain pydantic models, and the calls, as somebody writes them who needs no more.

What is left to the rivals that build on this is how a request is sent.
"""

from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

T = TypeVar("T")


class CamelCase(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class InitialMessage(CamelCase):
    role: Literal["system", "user", "assistant"] | None = None
    content: str | None = None


class CreateRequest(CamelCase):
    user_id: str
    session_group: str | None = None
    metadata: dict[str, Any] | None = None
    expiration_minutes: int | None = Field(default=60, ge=5, le=1440)
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


class Session(BaseModel):
    id: str | None = None
    title: str | None = None
    model: str | None = None
    messages: list[dict[str, Any]] | None = None
    created_at: datetime | None = None


class Listed(BaseModel):
    id: str | None = None
    title: str | None = None
    model: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Deleted(BaseModel):
    message: str | None = None


_CREATED = TypeAdapter(Created)
_UPDATED = TypeAdapter(Updated)
_SESSION = TypeAdapter(Session)
_SESSIONS = TypeAdapter(list[Listed])
_DELETED = TypeAdapter(Deleted)


class ByHand:
    """The calls, with models."""

    def __init__(self, token: str) -> None:
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

    def _call(self, result: "TypeAdapter[T]", method: str, path: str, request: BaseModel | None = None) -> T:
        if request is None:
            status, content = self._send(method, path, None, self._headers)
        else:
            body = request.model_dump_json(by_alias=True, exclude_none=True).encode()
            status, content = self._send(method, path, body, self._headers_with_body)
        if status >= 300:
            raise RuntimeError(f"The service answered {status}")
        return result.validate_json(content)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a request, and return the status and the body of the answer."""
        raise NotImplementedError
