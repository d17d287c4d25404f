"""What the server answers, whole and always the same: the same request gives the same bytes.

How large an answer is stands in the request: ``get`` of the session `session_with(1000)` has 1,000 messages, and
``list`` of the organisation `organisation_with(100)` has 100 sessions.
"""

import functools
import gzip
import json
import random

TOKEN = "qc_3f8e4bc51a607a524c5e9d27"

# About what a service behind a gateway sends: the cost of a small answer is largely that of reading its header fields.
_HEAD = """\
HTTP/1.1 {status}\r
Date: Tue, 05 May 2026 10:15:30 GMT\r
Content-Type: application/json\r
Content-Length: {length}\r
Connection: keep-alive\r
Server: nginx\r
Vary: Accept-Encoding\r
Cache-Control: no-cache, private\r
X-Request-Id: 5f0c2f8e-6d6b-4b0e-9a53-0d8a3f4c7f11\r
X-Frame-Options: SAMEORIGIN\r
X-Content-Type-Options: nosniff\r
Strict-Transport-Security: max-age=31536000; includeSubDomains\r
\r
"""

_QUESTION = "How do I keep the order of the rows when two editors save the same page at once? Zürich asks."
_ANSWER = 'Give each row a position of its own, and let the later save win: a "version" column tells which it was.\n'


def session_with(messages: int) -> str:
    """The id of a session with as many messages."""
    return f"{messages:08}-7a52-4c5e-9d27-3f8e4bc51a60"


def organisation_with(sessions: int) -> str:
    """The id of an organisation with as many sessions."""
    return f"example-{sessions}"


def _session(messages: int) -> dict[str, object]:
    return {
        "id": session_with(messages),
        "title": "Rows in order",
        "model": "anthropic.claude-3-5-sonnet",
        "messages": [
            {"role": "assistant", "content": f"{_ANSWER}{index}"}
            if index % 2
            else {"role": "user", "content": f"{_QUESTION}{index}"}
            for index in range(messages)
        ],
        "created_at": "2026-05-05T10:15:30.123Z",
    }


def _listed(index: int) -> dict[str, object]:
    return {
        "id": f"{index:08}-7a52-4c5e-9d27-3f8e4bc51a60",
        "title": f"Rows in order {index}",
        "model": "anthropic.claude-3-5-sonnet",
        "created_at": "2026-05-05T10:15:30.123Z",
        "updated_at": "2026-05-05T11:45:00.456Z",
    }


def _content(method: str, path: str) -> tuple[str, object]:
    last = path.rpartition("/")[2]
    if method == "POST":
        return "201 Created", {
            "sessionId": session_with(2),
            "status": "active",
            "expiresAt": "2026-05-05T11:15:30.123Z",
            "createdAt": "2026-05-05T10:15:30.123Z",
        }
    if method == "PUT":
        return "200 OK", {
            "sessionId": last,
            "status": "active",
            "totalMessages": 4,
            "totalTokens": 260,
            "updatedAt": "2026-05-05T10:20:00.789Z",
        }
    if method == "DELETE":
        return "200 OK", {"message": "Session deleted successfully"}
    if last == "sessions":
        organisation = path.split("/")[4]
        return "200 OK", [_listed(index) for index in range(int(organisation.rpartition("-")[2]))]
    return "200 OK", _session(int(last[:8]))


@functools.cache
def packed_answer_to(path: str) -> bytes:
    """The whole answer to a get of a session, packed. Its texts are of words by chance: gzip makes a third of it."""
    body = gzip.compress(_varied(path))
    head = _HEAD.format(status="200 OK", length=len(body)).replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n")
    return head.encode() + body


@functools.cache
def varied_answer_to(path: str) -> bytes:
    """The same as it is."""
    body = _varied(path)
    return _HEAD.format(status="200 OK", length=len(body)).encode() + body


@functools.cache
def _varied(path: str) -> bytes:
    chance = random.Random(7)
    words = ["".join(chance.choices("etaoinshrdlucmfwyp", k=chance.randint(2, 9))) for _ in range(3_000)]
    session = _session(int(path.rpartition("/")[2][:8]))
    messages = [
        {"role": ("user", "assistant")[index % 2], "content": " ".join(chance.choices(words, k=18))}
        for index in range(1_000)
    ]
    return json.dumps({**session, "messages": messages}, separators=(",", ":")).encode()


@functools.cache
def answer_to(method: str, path: str) -> bytes:
    """The whole answer to a request."""
    status, content = _content(method, path)
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return _HEAD.format(status=status, length=len(body)).encode() + body
