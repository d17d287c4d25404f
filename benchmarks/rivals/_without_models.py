"""The calls with dicts, unchecked, for the rivals that have no models."""

from typing import Any


class WithoutModels:
    """The calls, with dicts."""

    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def get_session(self, organisation: str, session_id: str) -> Any:
        return self._send("GET", f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}")

    def list_sessions(self, organisation: str) -> Any:
        return self._send("GET", f"/api/v3/organizations/{organisation}/ai/sessions?limit=100")

    def create_session(self, organisation: str) -> Any:
        request = {
            "userId": "user-12345",
            "sessionGroup": "website",
            "metadata": {"feature": "chat", "source": "web-app", "tags": ["beta", "help"]},
            "expirationMinutes": 60,
            "initialMessages": [
                {"role": "system", "content": "You are helpful."},
                {"role": "user", "content": "Hello!"},
            ],
        }
        return self._send("POST", f"/api/v3/organizations/{organisation}/ai/sessions", request)

    def update_session(self, organisation: str, session_id: str) -> Any:
        request = {
            "newMessages": [
                {"role": "user", "content": "And then?"},
                {"role": "assistant", "content": "Then we are done."},
            ],
            "tokensUsed": 130,
        }
        return self._send("PUT", f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}", request)

    def delete_session(self, organisation: str, session_id: str) -> Any:
        return self._send("DELETE", f"/api/v3/organizations/{organisation}/ai/sessions/{session_id}")

    def _send(self, method: str, path: str, request: dict[str, Any] | None = None) -> Any:
        """Send a request, and return what was answered."""
        raise NotImplementedError
