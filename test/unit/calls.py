"""What several tests of the pure halves share: calls that nobody carries out, answers, and strategies."""

import json
from typing import Any, cast

from hypothesis import strategies as st

from quantcdn import AISessionsApi, ApiClient
from quantcdn._wire.call import Call
from quantcdn._wire.headers import Headers
from quantcdn._wire.message import Response


class _Unsent:
    """In place of a client: it gives the call back."""

    def execute(self, call: Call[Any]) -> Call[Any]:
        return call


build: Any = AISessionsApi(cast("ApiClient", _Unsent()))
"""Its operations return the call that a client would carry out."""

CREATE: Call[Any] = build.create_ai_session("org", {"userId": "u"})
LIST: Call[Any] = build.list_ai_sessions("org")
GET: Call[Any] = build.get_ai_session("org", "id")
UPDATE: Call[Any] = build.update_ai_session("org", "id", {})
EXTEND: Call[Any] = build.extend_ai_session("org", "id")
DELETE: Call[Any] = build.delete_ai_session("org", "id")

CALLS = {"create": CREATE, "list": LIST, "get": GET, "update": UPDATE, "extend": EXTEND, "delete": DELETE}

SECRET = "qc_s3cret"


def answer(body: object, status: int = 200, reason: str | None = "OK", **headers: str) -> Response:
    """An answer: bytes and text as they are, anything else as JSON. ``content_type`` becomes ``content-type``."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, reason, Headers({"Content-Type": "application/json", **fields}), body)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)
