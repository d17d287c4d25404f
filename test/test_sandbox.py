"""The sandbox over real loopback HTTP, spoken with urllib3 and raw sockets, never with the SDK it is there to test."""

from __future__ import annotations

import ast
import contextlib
import gzip
import json
import logging
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stalls import within

from quantcdn import __version__, sandbox
from quantcdn.sandbox import Sandbox, _server, _store

ROOT = Path(sandbox.__file__).parents[2]
START = datetime(2030, 1, 1, tzinfo=timezone.utc)
MISSING = "00000000-0000-4000-8000-000000000000"
UNADDRESSABLE = ["", " ", ".", "..", "a/b", "a\\b", "a%2fb", "a%252Fb", "%2e%2E", "a\n", "\ud800"]
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **units: float) -> None:
        self.now += timedelta(**units)


class Client:
    """One token's view of one organisation."""

    def __init__(self, host: str, token: str, organisation: str) -> None:
        self.host, self.token, self.organisation = host, token, organisation
        self.base = f"/api/v3/organizations/{organisation}/ai/sessions"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.pool = urllib3.PoolManager(retries=False, timeout=10, maxsize=16)

    def send(self, method: str, path: str = "", *, headers: dict[str, str] | None = None, **rest: Any) -> Any:
        headers = self.headers if headers is None else headers
        return self.pool.request(method, self.host + self.base + path, headers=headers, **rest)

    def post_bytes(self, body: bytes, content_type: str = "application/json") -> Any:
        return self.send("POST", body=body, headers={**self.headers, "Content-Type": content_type})

    def create(self, **fields: Any) -> str:
        answer = self.send("POST", json={"userId": "user-1", **fields})
        assert answer.status == 201, answer.data
        return str(answer.json()["sessionId"])

    def listed(self, query: str = "") -> list[str]:
        answer = self.send("GET", query)
        assert answer.status == 200, answer.data
        return [session["id"] for session in answer.json()]

    def contents(self, session: str) -> list[str]:
        return [message["content"] for message in self.send("GET", f"/{session}").json()["messages"]]


def client_of(service: Sandbox) -> Client:
    return Client(service.host, service.access_token, service.organisation)


def raw(service: Sandbox, data: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def port_of(service: Sandbox) -> int:
    return int(service.host.rpartition(":")[2])


def assert_error(answer: Any, status: int, *fragments: str) -> None:
    assert answer.status == status, answer.data
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"error", "message"}
    assert body["error"] is True
    for fragment in fragments:
        assert fragment in body["message"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> Iterator[Sandbox]:
    with sandbox.running(clock=clock, tokens={"second-token": ["second"], "both": ["sandbox", "second"]}) as service:
        yield service


@pytest.fixture
def client(service: Sandbox) -> Client:
    return client_of(service)


# The six operations


def test_create_answers_with_the_names_of_the_contract(client: Client) -> None:
    answer = client.send("POST", json={"userId": "user-1", "expirationMinutes": 5})
    body = answer.json()
    assert answer.status == 201
    assert body.keys() == {"sessionId", "status", "expiresAt", "createdAt"}
    assert uuid.UUID(body["sessionId"]).version == 4
    assert (body["status"], body["createdAt"]) == ("active", "2030-01-01T00:00:00.000000Z")
    assert body["expiresAt"] == "2030-01-01T00:05:00.000000Z"


def test_a_session_lives_sixty_minutes_by_default(client: Client) -> None:
    assert client.send("POST", json={"userId": "u"}).json()["expiresAt"] == "2030-01-01T01:00:00.000000Z"


def test_list_is_a_bare_array_with_the_fields_of_the_contract_only(client: Client) -> None:
    session = client.create(metadata={"title": "A title", "model": "a-model"})
    assert client.send("GET").json() == [
        {
            "id": session,
            "title": "A title",
            "model": "a-model",
            "created_at": "2030-01-01T00:00:00.000000Z",
            "updated_at": "2030-01-01T00:00:00.000000Z",
        }
    ]


def test_get_shows_the_session_its_messages_and_the_documented_extras(client: Client) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hé \U0001f600 \u0000 there"},
        {"role": "assistant", "content": ""},
    ]
    metadata = {"source": "web", "big": 10**40, "nested": {"list": [1, 2.5, None, True]}}
    session = client.create(sessionGroup="group", metadata=metadata, initialMessages=messages)
    assert client.send("GET", f"/{session}").json() == {
        "id": session,
        "title": "Hé \U0001f600 \u0000 there",
        "created_at": "2030-01-01T00:00:00.000000Z",
        "updated_at": "2030-01-01T00:00:00.000000Z",
        "expires_at": "2030-01-01T01:00:00.000000Z",
        "status": "active",
        "user_id": "user-1",
        "session_group": "group",
        "metadata": metadata,
        "total_tokens": 0,
        "messages": messages,
    }


def test_update_appends_messages_and_adds_tokens(client: Client, clock: Clock) -> None:
    session = client.create(initialMessages=[{"role": "user", "content": "one"}])
    clock.advance(minutes=1)
    change = {"newMessages": [{"role": "assistant", "content": "two"}], "tokensUsed": 10}
    client.send("PUT", f"/{session}", json=change)
    answer = client.send("PUT", f"/{session}", json=change)
    assert answer.status == 200
    assert answer.json() == {
        "sessionId": session,
        "status": "active",
        "totalMessages": 3,
        "totalTokens": 20,
        "updatedAt": "2030-01-01T00:01:00.000000Z",
    }
    assert client.contents(session) == ["one", "two", "two"]


def test_update_replaces_metadata_only_where_it_is_given(client: Client) -> None:
    session = client.create(metadata={"model": "m-1", "kept": 1})
    client.send("PUT", f"/{session}", json={"tokensUsed": 1})
    assert client.send("GET", f"/{session}").json()["metadata"] == {"model": "m-1", "kept": 1}
    client.send("PUT", f"/{session}", json={"metadata": {"model": "m-2"}})
    assert client.send("GET", f"/{session}").json()["metadata"] == {"model": "m-2"}
    assert client.listed("?model=m-2") == [session]
    assert client.listed("?model=m-1") == []


def test_a_completed_session_leaves_the_list_until_it_is_active_again(client: Client) -> None:
    session = client.create()
    assert client.send("PUT", f"/{session}", json={"status": "completed"}).json()["status"] == "completed"
    assert client.listed() == []
    assert client.send("GET", f"/{session}").json()["status"] == "completed"
    assert client.send("PUT", f"/{session}", json={"tokensUsed": 1}).json()["status"] == "completed"
    assert client.send("PUT", f"/{session}/extend").status == 200
    client.send("PUT", f"/{session}", json={"status": "active"})
    assert client.listed() == [session]


@pytest.mark.parametrize(
    ("body", "minutes"),
    [
        (None, 60),
        (b"", 60),
        (b"{}", 60),
        (b"null", 60),
        (b" null\n", 60),
        (b'{"additionalMinutes": 1}', 1),
        (b'{"additionalMinutes": 90}', 90),
    ],
    ids=["no body", "empty body", "empty object", "null, as generated clients", "null in a line", "least", "given"],
)
def test_extend_adds_minutes_to_the_expiry(client: Client, clock: Clock, body: bytes | None, minutes: int) -> None:
    session = client.create()
    clock.advance(minutes=30)
    headers = client.headers if not body else {**client.headers, "Content-Type": "application/json"}
    answer = client.send("PUT", f"/{session}/extend", body=body, headers=headers)
    expiry = START + timedelta(minutes=60 + minutes)
    assert answer.status == 200
    assert answer.json() == {
        "sessionId": session,
        "expiresAt": expiry.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        "message": "Session extended by 1 minute" if minutes == 1 else f"Session extended by {minutes} minutes",
    }


def test_extend_never_reaches_further_than_a_day_ahead(client: Client, clock: Clock) -> None:
    session = client.create()
    clock.advance(minutes=10)
    answer = client.send("PUT", f"/{session}/extend", json={"additionalMinutes": 1440})
    assert answer.json()["expiresAt"] == "2030-01-02T00:10:00.000000Z"
    assert answer.json()["message"] == "Session extended to the limit of 24 hours from now"


def test_deleted_is_gone_and_cannot_be_deleted_again(client: Client) -> None:
    session, other = (client.create(initialMessages=[{"role": "user", "content": name}]) for name in "ab")
    answer = client.send("DELETE", f"/{session}")
    assert (answer.status, answer.json()) == (200, {"message": "Session deleted"})
    assert_error(client.send("DELETE", f"/{session}"), 404)
    assert_error(client.send("GET", f"/{session}"), 404)
    assert client.contents(other) == ["b"]


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"metadata": {"title": "Given"}, "initialMessages": [{"role": "user", "content": "x"}]}, "Given"),
        ({"metadata": {"title": 5}, "initialMessages": [{"role": "user", "content": " two \n words "}]}, "two words"),
        ({"initialMessages": [{"role": "system", "content": "no"}, {"role": "user", "content": "yes"}]}, "yes"),
        ({"initialMessages": [{"role": "user", "content": "x" * 60}]}, "x" * 60),
        ({"initialMessages": [{"role": "user", "content": "x" * 61}]}, "x" * 59 + "…"),
        ({"initialMessages": [{"role": "user", "content": " "}]}, None),
        ({}, None),
    ],
    ids=["metadata", "not a string", "first user message", "sixty", "shortened", "blank", "nothing"],
)
def test_title(client: Client, fields: dict[str, Any], title: str | None) -> None:
    session = client.create(**fields)
    assert client.send("GET", f"/{session}").json().get("title") == title
    assert client.send("GET").json()[0].get("title") == title


def test_a_model_that_is_no_string_is_left_out(client: Client) -> None:
    client.create(metadata={"model": 5})
    assert "model" not in client.send("GET").json()[0]


# Listing


def test_filters_combine(client: Client) -> None:
    made = {
        (user, group, model): client.create(userId=user, sessionGroup=group, metadata={"model": model})
        for user in ("u1", "ü 2")
        for group in ("g1", "g2")
        for model in ("m1", "m2")
    }
    assert set(client.listed("?userId=u1")) == {made[key] for key in made if key[0] == "u1"}
    assert set(client.listed("?sessionGroup=g2&model=m1")) == {made[key] for key in made if key[1:] == ("g2", "m1")}
    assert client.listed("?userId=%C3%BC+2&sessionGroup=g1&model=m2") == [made["ü 2", "g1", "m2"]]
    assert client.listed("?userId=U1") == []


def test_list_is_newest_first_also_within_one_instant_and_pages_do_not_overlap(client: Client, clock: Clock) -> None:
    made: list[str] = []
    for index in range(7):
        clock.advance(seconds=index % 2)
        made.append(client.create())
    newest_first = made[::-1]
    assert client.listed() == newest_first
    assert client.listed("?limit=3") + client.listed("?limit=3&offset=3") + client.listed("?offset=6") == newest_first
    assert client.listed("?offset=9007199254740991") == []


def test_fifty_sessions_are_listed_by_default_and_a_hundred_at_most(client: Client) -> None:
    for _ in range(101):
        client.create()
    assert (len(client.listed()), len(client.listed("?limit=100"))) == (50, 100)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=",
        "limit=5.0",
        "limit=+5",
        "limit=1_0",
        "limit=true",
        "limit=%D9%A3",
        "limit=" + "9" * 5000,
        "limit=1&limit=2",
        "offset=-1",
        "offset=x",
        "offset=9007199254740992",
        "offset=9223372036854775808",
        "user_id=u",
        "userId=%FF",
    ],
    ids=lambda query: query[:30],
)
def test_a_bad_query_is_refused_with_the_reason(client: Client, query: str) -> None:
    fragment = "UTF-8" if "%FF" in query else query.partition("=")[0]
    assert_error(client.send("GET", f"?{query}"), 400, fragment)


# What a body may say


def metadata_nested(levels: int) -> bytes:
    """A body with this many objects inside each other, metadata and the body itself counted."""
    inner = b'{"a":' * (levels - 1) + b"1" + b"}" * (levels - 1)
    return b'{"userId":"u","metadata":' + inner + b"}"


@pytest.mark.parametrize(
    ("body", "fragment"),
    [
        (b"", "body is required"),
        (b"{", "not valid JSON"),
        (b"\xef\xbb\xbf{}", "begins with a byte-order mark"),
        (b'{"userId":"u"} x', "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"userId"', "must be a JSON object"),
        (b'{"userId":"\xff"}', "UTF-8"),
        ('{"userId":"u"}'.encode("utf-16"), "UTF-8"),
        (b'{"userId":"\\ud800"}', "surrogate"),
        (b'{"userId":"u","metadata":{"\\udfff":1}}', "surrogate"),
        (b'{"userId":"u","metadata":{"a":NaN}}', "finite"),
        (b'{"userId":"u","metadata":{"a":-Infinity}}', "finite"),
        (b'{"userId":"u","metadata":{"a":1e999}}', "finite"),
        (b'{"userId":"u","metadata":{"a":' + b"9" * 400 + b"}}", "finite"),
        (b'{"userId":"u","metadata":{"a":-' + b"9" * 10_000 + b"}}", "finite"),
        (b'{"userId":"u","userId":"v"}', "'userId' is given more than once"),
        (b'{"userId":"u","metadata":{"a":1,"a":1}}', "'a' is given more than once"),
        (b'{"userId":"u","user_group":"g"}', "'user_group' is not known here; known are userId, sessionGroup"),
        (metadata_nested(101), "deeper than 100"),
        (b'{"userId":"u","metadata":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, "deeper than 100"),
        (b"[" * 100_000, "deeper than 100"),
        (b"{}", "userId is required"),
        (b'{"userId":""}', "userId is required"),
        (b'{"userId":null}', "userId must be a string"),
        (b'{"userId":5}', "userId must be a string"),
        (b'{"userId":"u","sessionGroup":null}', "sessionGroup must be a string"),
        (b'{"userId":"u","metadata":[]}', "metadata must be an object"),
        (b'{"userId":"u","metadata":null}', "metadata must be an object"),
        (b'{"userId":"u","expirationMinutes":4}', "expirationMinutes must be an integer from 5 to 1440"),
        (b'{"userId":"u","expirationMinutes":1441}', "from 5 to 1440"),
        (b'{"userId":"u","expirationMinutes":60.0}', "must be an integer"),
        (b'{"userId":"u","expirationMinutes":"60"}', "must be an integer"),
        (b'{"userId":"u","expirationMinutes":true}', "must be an integer"),
        (b'{"userId":"u","expirationMinutes":99999999999999999999}', "must be an integer"),
        (b'{"userId":"u","initialMessages":{}}', "initialMessages must be an array"),
        (b'{"userId":"u","initialMessages":["x"]}', "initialMessages[0] must be an object"),
        (b'{"userId":"u","initialMessages":[{"role":"user"}]}', "must have role and content"),
        (b'{"userId":"u","initialMessages":[{"content":"x"}]}', "must have role and content"),
        (b'{"userId":"u","initialMessages":[{"role":"user","content":"x","n":1}]}', "nothing else"),
        (b'{"userId":"u","initialMessages":[{"role":"tool","content":"x"}]}', "one of system, user, assistant"),
        (b'{"userId":"u","initialMessages":[{"role":[],"content":"x"}]}', "initialMessages[0].role must be one of"),
        (b'{"userId":"u","initialMessages":[{"role":"user","content":5}]}', "[0].content must be a string"),
    ],
    ids=lambda value: value.decode("ascii", "replace")[:50] if isinstance(value, bytes) else "",
)
def test_create_refuses_with_the_reason_and_stores_nothing(client: Client, body: bytes, fragment: str) -> None:
    assert_error(client.post_bytes(body), 400, fragment)
    assert client.listed() == []


def test_nesting_up_to_the_limit_comes_back_as_it_was(client: Client) -> None:
    body = metadata_nested(100)
    session = client.post_bytes(body).json()["sessionId"]
    assert client.send("GET", f"/{session}").json()["metadata"] == json.loads(body)["metadata"]


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"newMessages": [{"role": "user", "content": "new"}, {"role": "system", "content": "x"}]}, "newMessages[1]"),
        ({"newMessages": [{"role": "user", "content": "new"}, {"role": "user", "content": None}]}, "newMessages[1]"),
        ({"newMessages": [{"role": "user", "content": "new"}], "tokensUsed": -1}, "tokensUsed"),
        ({"newMessages": [{"role": "user", "content": "new"}], "tokensUsed": True}, "tokensUsed"),
        ({"newMessages": [{"role": "user", "content": "new"}], "tokensUsed": 2**63}, "tokensUsed"),
        ({"newMessages": [{"role": "user", "content": "new"}], "tokensUsed": 2**53 - 1}, "past 9007199254740991"),
        ({"newMessages": [{"role": "user", "content": "new"}], "status": "expired"}, "active, completed"),
        ({"newMessages": [{"role": "user", "content": "new"}], "metadata": "x"}, "metadata must be an object"),
        ({"newMessages": [{"role": "user", "content": "new"}], "messages": []}, "'messages' is not known"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refused_update_changes_nothing(client: Client, clock: Clock, change: dict[str, Any], fragment: str) -> None:
    session = client.create(metadata={"a": 1}, initialMessages=[{"role": "user", "content": "old"}])
    client.send("PUT", f"/{session}", json={"tokensUsed": 7})
    before = client.send("GET", f"/{session}").json()
    clock.advance(minutes=1)
    assert_error(client.send("PUT", f"/{session}", json=change), 400, fragment)
    assert client.send("GET", f"/{session}").json() == before


@pytest.mark.parametrize("minutes", [0, 1441, -5, 1.0, True, "60", None], ids=repr)
def test_extend_refuses_other_minutes(client: Client, minutes: object) -> None:
    session = client.create()
    answer = client.send("PUT", f"/{session}/extend", json={"additionalMinutes": minutes})
    assert_error(answer, 400, "additionalMinutes must be an integer from 1 to 1440")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_must_say_that_it_is_json(client: Client, content_type: str) -> None:
    assert_error(client.post_bytes(b'{"userId":"u"}', content_type), 415, "application/json")


@pytest.mark.parametrize("encoding", ["gzip", "br, gzip"])
def test_a_body_that_is_packed_is_refused_as_such(client: Client, encoding: str) -> None:
    headers = {**client.headers, "Content-Type": "application/json", "Content-Encoding": encoding}
    answer = client.send("POST", body=gzip.compress(b'{"userId":"u"}'), headers=headers)
    assert_error(answer, 415, "Content-Encoding")
    assert answer.headers["Accept-Encoding"] == "identity"
    headers["Content-Encoding"] = "identity"
    assert client.send("POST", body=b'{"userId":"u"}', headers=headers).status == 201


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_is_read_as_a_media_type(client: Client, content_type: str) -> None:
    assert client.post_bytes(b'{"userId":"u"}', content_type).status == 201


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["userId", "sessionGroup", "metadata", "expirationMinutes", "initialMessages", "other"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary() | st.dictionaries(names, json_values).map(lambda body: json.dumps(body).encode()))
def test_whatever_the_body_is_the_answer_is_created_or_refused(client: Client, body: bytes) -> None:
    answer = client.post_bytes(body)
    if answer.status != 201:
        assert_error(answer, 400)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.floats(allow_nan=False).filter(abs)))
def test_text_and_metadata_come_back_as_they_were(client: Client, content: str, metadata: dict[str, Any]) -> None:
    metadata = {name: value for name, value in metadata.items() if value not in (float("inf"), float("-inf"))}
    session = client.create(metadata=metadata, initialMessages=[{"role": "user", "content": content}])
    assert client.contents(session) == [content]
    assert client.send("GET", f"/{session}").json()["metadata"] == metadata


# Access


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (None, 'Bearer realm="QuantCDN sandbox"'),
        ("", 'Bearer realm="QuantCDN sandbox"'),
        ("{token}", 'Bearer realm="QuantCDN sandbox"'),
        ("Basic {token}", 'Bearer realm="QuantCDN sandbox"'),
        ("Bearer", 'Bearer realm="QuantCDN sandbox", error="invalid_token"'),
        ("Bearer {token}x", 'Bearer realm="QuantCDN sandbox", error="invalid_token"'),
        ("Bearer Bearer {token}", 'Bearer realm="QuantCDN sandbox", error="invalid_token"'),
        ("Bearer tök", 'Bearer realm="QuantCDN sandbox", error="invalid_token"'),
    ],
    ids=str,
)
def test_without_a_known_token_the_answer_is_401(
    client: Client, service: Sandbox, header: str | None, challenge: str
) -> None:
    value = None if header is None else header.format(token=service.access_token)
    answer = client.send("GET", headers={} if value is None else {"Authorization": value})
    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"] == challenge
    assert service.access_token not in str(answer.headers) + answer.data.decode()


def test_two_authorization_headers_are_none(client: Client, service: Sandbox) -> None:
    lines = f"Authorization: Bearer {service.access_token}\r\n" * 2
    answer = raw(service, f"GET {client.base} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_may_be_written_in_any_case(client: Client, service: Sandbox, scheme: str) -> None:
    assert client.send("GET", headers={"Authorization": f"{scheme} {service.access_token}"}).status == 200


def test_an_organisation_the_token_takes_no_part_in_is_403(service: Sandbox) -> None:
    for organisation in ("second", "unknown", "SANDBOX", ".."):
        client = Client(service.host, service.access_token, organisation.replace(".", "%2E"))
        assert_error(client.send("GET"), 403)


def test_organisations_are_kept_apart(service: Sandbox, client: Client) -> None:
    session = client.create()
    other = Client(service.host, "second-token", "second")
    assert other.listed() == []
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("PUT", "/extend")):
        assert_error(other.send(method, f"/{session}{path}", json={}), 404)
    assert client.listed() == [session]


def test_a_token_may_take_part_in_several_organisations(service: Sandbox, client: Client) -> None:
    session = client.create()
    assert Client(service.host, "both", "sandbox").listed() == [session]
    assert Client(service.host, "both", "second").listed() == []


# Expiry


def test_an_expired_session_is_gone_for_every_operation(client: Client, clock: Clock) -> None:
    session, longer = client.create(expirationMinutes=5), client.create(expirationMinutes=6)
    clock.advance(minutes=5, microseconds=-1)
    assert set(client.listed()) == {session, longer}
    assert client.send("GET", f"/{session}").status == 200
    clock.advance(microseconds=1)
    assert client.listed() == [longer]
    for method, path in (("GET", ""), ("PUT", ""), ("PUT", "/extend"), ("DELETE", "")):
        assert_error(client.send(method, f"/{session}{path}", json={}), 404)


def test_only_extend_moves_the_expiry(client: Client, clock: Clock) -> None:
    session = client.create(expirationMinutes=5)
    clock.advance(minutes=4)
    client.send("PUT", f"/{session}", json={"tokensUsed": 1})
    assert client.send("GET", f"/{session}").json()["expires_at"] == "2030-01-01T00:05:00.000000Z"
    client.send("PUT", f"/{session}/extend", json={"additionalMinutes": 5})
    clock.advance(minutes=5)
    assert client.send("GET", f"/{session}").json()["updated_at"] == "2030-01-01T00:04:00.000000Z"


def test_expired_sessions_do_not_pile_up_in_the_file(tmp_path: Path, clock: Clock) -> None:
    with sandbox.running(database=tmp_path / "sessions.db", clock=clock) as service:
        for _ in range(3):
            client_of(service).create(initialMessages=[{"role": "user", "content": "x"}])
            clock.advance(hours=2)
    connection = sqlite3.connect(tmp_path / "sessions.db")
    counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("sessions", "messages")]
    connection.close()
    assert counts == [1, 1]


def test_times_are_utc_whatever_the_zone_of_the_clock() -> None:
    with sandbox.running(clock=lambda: START.astimezone(timezone(timedelta(hours=-7)))) as service:
        session = client_of(service).create()
        assert client_of(service).send("GET", f"/{session}").json()["created_at"] == "2030-01-01T00:00:00.000000Z"


def test_the_usual_clock_is_the_clock_of_the_system() -> None:
    with sandbox.running() as service:
        created = client_of(service).send("POST", json={"userId": "u"}).json()["createdAt"]
    assert TIMESTAMP.fullmatch(created)
    age = datetime.now(timezone.utc) - datetime.fromisoformat(created.replace("Z", "+00:00"))
    assert timedelta(0) <= age < timedelta(minutes=1)


# Paths, methods and what is not quite HTTP


@pytest.mark.parametrize("path", ["/", "//extend", f"/{MISSING}/", f"/{MISSING}/extend/", f"/{MISSING}/other"])
def test_an_unknown_path_is_404(client: Client, path: str) -> None:
    assert_error(client.send("GET", path), 404, "nothing at this path")


def test_the_root_and_an_asterisk_are_404(service: Sandbox) -> None:
    assert_error(urllib3.request("GET", service.host, retries=False), 404)
    answer = raw(service, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "", "GET, HEAD, POST"),
        ("OPTIONS", "", "GET, HEAD, POST"),
        ("POST", f"/{MISSING}", "DELETE, GET, HEAD, PUT"),
        ("GET", f"/{MISSING}/extend", "PUT"),
        ("BREW", f"/{MISSING}/extend", "PUT"),
    ],
)
def test_another_method_is_405_and_told_what_is_allowed(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.send(method, path)
    assert_error(answer, 405, method, allowed)
    assert answer.headers["Allow"] == allowed


def test_head_is_get_without_a_body(client: Client) -> None:
    session = client.create()
    get, head = client.send("GET", f"/{session}"), client.send("HEAD", f"/{session}")
    assert (head.status, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_a_segment_arrives_decoded_and_whole() -> None:
    name = "a b é?#% \U0001f600"
    with sandbox.running(organisation=name) as service:
        client = Client(service.host, service.access_token, "a%20b%20%C3%A9%3F%23%25%20%F0%9F%98%80")
        session = client.create()
        assert client.listed() == [session]
        assert_error(client.send("GET", "/x%2Fextend"), 404, "no such session")
        assert_error(client.send("GET", f"/{session.upper()}"), 404, "no such session")


@pytest.mark.parametrize("form", ["http://localhost", "HTTP://127.0.0.1:80"])
def test_a_target_may_be_written_as_to_a_proxy(client: Client, service: Sandbox, form: str) -> None:
    def answer(base: str, host: str) -> bytes:
        lines = f"Host: {host}\r\nAuthorization: Bearer {service.access_token}\r\nConnection: close\r\n\r\n"
        return raw(service, f"GET {base}{client.base}?limit=1 HTTP/1.1\r\n{lines}".encode())

    assert answer(form, "localhost").startswith(b"HTTP/1.1 200 ")
    # It is the target that says who is meant, whatever the header says.
    assert answer(form, "rebound.example").startswith(b"HTTP/1.1 200 ")
    assert answer("http://rebound.example", "localhost").startswith(b"HTTP/1.1 421 ")
    assert answer("http://localhost@rebound.example", "localhost").startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        ("", {}, 100),
        ("", {"Authorization": "Bearer unknown"}, 401),
        ("", {"Content-Length": str(2**20 + 1)}, 413),
        ("", {"Content-Type": "text/plain"}, 415),
        ("", {"Content-Encoding": "gzip"}, 415),
        (f"/{MISSING}/extend", {}, 404),
        (f"/{MISSING}/other", {}, 404),
    ],
    ids=["created", "no access", "too large", "another type", "packed", "no such session", "no such path"],
)
def test_a_client_that_waits_to_send_a_body_is_told_to_go_on_only_where_the_body_is_read(
    client: Client, service: Sandbox, path: str, change: dict[str, str], status: int
) -> None:
    body = b'{"userId":"u"}'
    headers = {**client.headers, "Host": "localhost", "Expect": "100-continue", "Content-Type": "application/json"}
    headers |= {"Content-Length": str(len(body))} | change
    head = f"{'PUT' if path else 'POST'} {client.base}{path} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=10) as connection:
        connection.sendall(f"{head}\r\n".encode())
        first = connection.recv(65536)
        assert first.startswith(f"HTTP/1.1 {status} ".encode())
        if status == 100:
            connection.sendall(body)
            assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")
        else:  # what would come next might be the body or another request
            assert b"connection: close" in first.lower()
            assert b"HTTP/" not in b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_is_no_percent_encoding_is_refused(client: Client, service: Sandbox) -> None:
    for method, path in (("GET", "/%zz"), ("DELETE", "/%"), ("PUT", "/%4/extend"), ("GET", "?userId=%zz")):
        request = f"{method} {client.base}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        answer = raw(service, f"{request}Authorization: Bearer {service.access_token}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"two hexadecimal digits" in answer


@pytest.mark.parametrize("path", ["/%FF", "/%ED%A0%80", "/%C3/extend"])
def test_a_path_that_is_not_utf_8_is_refused(client: Client, service: Sandbox, path: str) -> None:
    request = f"PUT {client.base}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    answer = raw(service, f"{request}Authorization: Bearer {service.access_token}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"not UTF-8" in answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization : Bearer qc_secret\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: brotli\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000_000, 431),
        (b"GET /" + b"x" * 1_000_000, 431),
    ],
    ids=["text", "tls", "no host", "space before colon", "length", "encoding", "long header", "long target"],
)
def test_what_is_not_http_is_answered_in_json_too(
    service: Sandbox, data: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    head, _, body = raw(service, data).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/json" in head.lower()
    assert b"x-request-id: " in head.lower()
    assert json.loads(body)["error"] is True
    assert b"qc_secret" not in body
    assert {record.name for record in caplog.records} == {"quantcdn.sandbox"}
    assert "qc_secret" not in caplog.text
    assert client_of(service).listed() == []


def test_garbage_within_a_body_ends_the_connection_and_nothing_else(
    service: Sandbox, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST {client.base} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.access_token}\r\n"
    chunk = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{'use\r\n"
    garbage = "not a size\r\n"
    for method in ("POST", "GET"):
        answer = raw(service, (head.replace("POST", method) + chunk + garbage).encode())
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1
    # A get does not wait for its body: here the garbage comes when the answer is out.
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=10) as connection:
        connection.sendall((head.replace("POST", "GET") + chunk).encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(garbage.encode())
        rest = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"HTTP/1.1 " not in rest
    assert client.listed() == []
    assert [record for record in caplog.records if record.exc_info] == []


def test_pipelined_requests_are_answered_in_order(service: Sandbox, client: Client) -> None:
    lines = f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.access_token}\r\n"
    first, last = f"GET {client.base} {lines}\r\n", f"GET /other {lines}Connection: close\r\n\r\n"
    answer = raw(service, (first + first + last).encode())
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"200", b"404"]


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_a_request_to_change_the_protocol_is_answered_in_the_old_one(
    client: Client, protocol: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Java's client offers h2c with each first request: the program that embeds the sandbox need not hear of it."""
    headers = {**client.headers, "Connection": "Upgrade, HTTP2-Settings", "Upgrade": protocol, "HTTP2-Settings": "AA"}
    answer = client.send("GET", headers=headers)
    assert (answer.status, answer.json()) == (200, [])
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


# The size of a body


@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "chunked"])
def test_a_body_over_the_limit_is_413_and_the_connection_goes_on(service: Sandbox, chunked: bool) -> None:
    client = client_of(service)
    headers = {**client.headers, "Content-Type": "application/json"}
    pool = urllib3.HTTPConnectionPool("127.0.0.1", port_of(service), maxsize=1, retries=False, timeout=10)
    body = b'{"userId":"' + b"u" * 5 * 1024 * 1024 + b'"}'
    answer = pool.request("POST", client.base, body=iter([body]) if chunked else body, headers=headers, chunked=chunked)
    assert_error(answer, 413, "1048576")
    assert pool.request("GET", client.base, headers=client.headers).json() == []
    assert pool.num_connections == 1
    pool.close()


@pytest.mark.parametrize("excess", [0, 1])
def test_the_limit_is_one_mebibyte_to_the_byte(client: Client, excess: int) -> None:
    body = b'{"userId":"u","metadata":{"a":"' + b"x" * (1024 * 1024 - 34 + excess) + b'"}}'
    assert len(body) == 1024 * 1024 + excess
    assert client.post_bytes(body).status == (413 if excess else 201)


def test_a_body_cut_off_stores_nothing(service: Sandbox, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=10) as connection:
        head = f"POST {client.base} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.access_token}\r\n"
        rest = 'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"userId":"u"}'
        connection.sendall((head + rest).encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert client.listed() == []
    assert [record for record in caplog.records if record.exc_info] == []


# Every answer


def test_an_answer_leaves_in_one_piece(service: Sandbox, client: Client) -> None:
    request = f"GET {client.base} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {service.access_token}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=10) as connection:
        for _ in range(20):
            connection.sendall(request.encode())
            assert connection.recv(65536).endswith(b"\r\n\r\n[]")


def test_every_answer_has_a_request_id_of_its_own(client: Client) -> None:
    session = client.create()
    answers = [
        client.send("GET"),
        client.send("GET", f"/{session}"),
        client.send("GET", f"/{MISSING}"),
        client.send("GET", headers={}),
        client.send("PATCH"),
        client.send("GET", "/a/b/c"),
        client.post_bytes(b"{"),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len({str(uuid.UUID(request_id)) for request_id in ids}) == len(answers)
    assert {answer.headers["server"] for answer in answers} == {f"quantcdn-sandbox/{__version__}"}
    assert all(answer.headers["date"].endswith(" GMT") for answer in answers)


def test_a_failure_inside_is_a_500_that_tells_nothing_and_a_log_that_tells_all(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the secret inside")

    with monkeypatch.context() as patch:
        patch.setattr(_store.Store, "page", fail)
        answer = client.send("GET")
    assert_error(answer, 500)
    assert b"secret inside" not in answer.data
    assert "the secret inside" in caplog.text
    assert client.send("GET").status == 200


def test_answers_are_sent_at_once_without_waiting_for_acknowledgements() -> None:
    with _server.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_many_clients_may_knock_at_once() -> None:
    with _server.listen("127.0.0.1", 0) as listener:
        clients: list[socket.socket] = []
        try:
            for _ in range(128):  # nobody accepts: they all wait in the backlog
                clients.append(socket.create_connection(listener.getsockname(), timeout=0.5))
        finally:
            for connection in clients:
                connection.close()


# Concurrency


def test_sixteen_threads_on_one_session_lose_and_double_nothing(client: Client) -> None:
    session = client.create()
    names = [f"{thread}-{index}" for thread in range(16) for index in range(20)]

    def update(name: str) -> int:
        change = {"newMessages": [{"role": role, "content": name} for role in ("user", "assistant")], "tokensUsed": 3}
        return int(client.send("PUT", f"/{session}", json=change).json()["totalMessages"])

    with ThreadPoolExecutor(16) as pool:
        totals = list(pool.map(update, names))
    assert sorted(totals) == [2 * number for number in range(1, len(names) + 1)]
    contents = client.contents(session)
    assert contents[::2] == contents[1::2]
    assert sorted(contents[::2]) == sorted(names)
    assert client.send("GET", f"/{session}").json()["total_tokens"] == 3 * len(names)


# In a program


def test_a_sandbox_says_what_is_needed_to_use_it_and_its_repr_keeps_the_token() -> None:
    with sandbox.running() as service:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", service.host)
        assert len(service.access_token) > 30
        assert service.access_token not in repr(service)
        assert service.host in repr(service)
    with sandbox.running() as another:
        assert another.access_token != service.access_token


def test_the_token_the_organisation_and_the_port_may_be_chosen() -> None:
    with sandbox.running() as service:
        port = port_of(service)
    with sandbox.running(access_token="my-token", organisation="my-organisation", port=port) as service:
        given = (service.host, service.access_token, service.organisation)
        assert given == (f"http://127.0.0.1:{port}", "my-token", "my-organisation")
        assert client_of(service).listed() == []


def test_tokens_add_to_the_first_token(clock: Clock) -> None:
    with sandbox.running(access_token="one", organisation="a", tokens={"one": ["b"]}) as service:
        assert [Client(service.host, "one", name).send("GET").status for name in "abc"] == [200, 200, 403]


def test_ipv6_loopback_has_an_address_that_can_be_used() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    with sandbox.running(host="::1") as service:
        assert service.host.startswith("http://[::1]:")
        assert client_of(service).listed() == []


def test_several_sandboxes_run_at_once_and_know_nothing_of_each_other() -> None:
    with sandbox.running() as one, sandbox.running() as two:
        session = client_of(one).create()
        assert client_of(one).listed() == [session]
        assert client_of(two).listed() == []


def test_when_the_block_ends_no_thread_and_no_socket_is_left() -> None:
    threads = set(threading.enumerate())

    def fail(service: Sandbox) -> None:
        client_of(service).create()
        raise RuntimeError(service.host)

    with pytest.raises(RuntimeError) as caught, sandbox.running() as service:
        fail(service)
    assert str(caught.value) == service.host
    assert set(threading.enumerate()) == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(service)), timeout=5)


def test_a_block_that_is_not_left_does_not_keep_python_from_its_end() -> None:
    program = "from quantcdn import sandbox; block = sandbox.running(); service = block.__enter__(); service.seed()"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_clients_that_stall_do_not_hold_up_the_end() -> None:
    connections: list[socket.socket] = []
    with contextlib.ExitStack() as ending, sandbox.running() as service:
        client = client_of(service)
        head = f"POST {client.base} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.access_token}\r\n"
        for data in ("", "GET /half", f"{head}Content-Length: 10\r\n\r\n{{"):
            connections.append(socket.create_connection(("127.0.0.1", port_of(service)), timeout=5))
            connections[-1].sendall(data.encode())
        client.listed()
        ending.enter_context(within(2))
    for connection in connections:
        connection.close()


def test_the_embedding_program_keeps_its_signals_and_its_logging(caplog: pytest.LogCaptureFixture) -> None:
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")]

    def state() -> list[object]:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return [*handlers, *((log.level, list(log.handlers), log.propagate, log.disabled) for log in loggers)]

    before = state()
    with caplog.at_level(logging.INFO), sandbox.running() as service:
        client_of(service).create()
        assert state()[:2] == before[:2]
    assert state() == before
    assert caplog.records == []


def test_nothing_is_left_for_the_garbage_collector_to_warn_about() -> None:
    program = """
import contextlib, logging, socket, threading
from quantcdn import sandbox

logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of a machine that is slow

def knock(address, connections):
    with contextlib.suppress(OSError):
        for _ in range(300):
            connections.append(socket.create_connection(address))

with contextlib.suppress(OSError), sandbox.running(database="."):
    pass
for _ in range(10):
    connections = []
    with sandbox.running() as service:
        address = ("127.0.0.1", int(service.host.rpartition(":")[2]))
        connections.append(socket.create_connection(address))
        connections[-1].sendall(b"GET /half")
        knocking = threading.Thread(target=knock, args=[address, connections])
        knocking.start()
    knocking.join()
    for connection in connections:
        connection.close()
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", program], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"access_token": ""}, "visible ASCII"),
        ({"access_token": "a b"}, "visible ASCII"),
        ({"access_token": "tök"}, "visible ASCII"),
        ({"access_token": "secret\n"}, "visible ASCII"),
        ({"access_token": "Bearer"}, "not the word Bearer"),
        *[({"organisation": name}, "one segment of a path") for name in UNADDRESSABLE],
        ({"tokens": {"t": ["fine", "a/b"]}}, "one segment of a path"),
        ({"database": ""}, "must be a file"),
        ({"database": ":memory:"}, "must be a file"),
        ({"tokens": {"t": "organisation"}}, "must be a collection"),
        ({"host": "0.0.0.0"}, "loopback"),
        ({"host": "192.0.2.1"}, "loopback"),
        ({"host": "example.com"}, "loopback"),
        ({"port": 65536}, "from 0 to 65535"),
        ({"port": -1}, "from 0 to 65535"),
    ],
    ids=lambda value: f"{', '.join(value)}" if isinstance(value, dict) else "",
)
def test_an_unusable_argument_is_a_value_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught, sandbox.running(**arguments):
        pass
    assert "secret" not in str(caught.value)


def test_a_port_in_use_is_an_os_error() -> None:
    with sandbox.running() as service, pytest.raises(OSError, match="in use"), sandbox.running(port=port_of(service)):
        pass


def test_a_file_that_is_not_the_sandbox_s_own_is_an_os_error_and_stays_as_it_is(tmp_path: Path) -> None:
    junk, foreign = tmp_path / "junk", tmp_path / "foreign.db"
    junk.write_bytes(b"no database, for certain" * 100)
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE sessions (id)")
    connection.close()
    for path in (tmp_path, tmp_path / "no" / "folder.db", junk, foreign):
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(OSError, match=re.escape(str(path))), sandbox.running(database=path):
            pass
        assert (path.read_bytes() if path.is_file() else None) == before


# As a process


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """Run the module and read from what it prints where it listens."""
    command = [sys.executable, "-m", "quantcdn.sandbox", "--quiet", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            printed = ""
            while "list_ai_sessions" not in printed:
                line = running.stdout.readline()
                assert line, running.stderr and running.stderr.read()
                printed += line
            found = re.search(
                r"^import quantcdn\napi = quantcdn\.AISessionsApi\(quantcdn\.ApiClient\(quantcdn\.Configuration\("
                r"host='(.+)', access_token='(.+)'\)\)\)\nprint\(api\.list_ai_sessions\('(.+)'\)\)\n\Z",
                printed,
                re.MULTILINE,
            )
            assert found, printed
            yield running, Client(*found.groups())
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_process_prints_how_to_use_it_and_ends_quietly(number: signal.Signals) -> None:
    with process("--organisation", "my-organisation") as (running, client):
        session = client.create()
        assert client.listed() == [session]
        running.send_signal(number)
        assert running.wait(10) == 0
        assert running.stderr
        assert running.stderr.read() == ""


def test_a_signal_ends_the_process_that_does_not_wake_it() -> None:
    """One that comes a moment before it begins to wait; here, another thread of it hears the signal."""
    program = """if True:
        import signal, sys, threading
        from quantcdn.sandbox import __main__
        def hear():
            sys.stdin.readline()
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        threading.Thread(target=hear, daemon=True).start()
        sys.exit(__main__.main([]))
    """
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            assert running.stdin
            assert any(line.startswith("export ") for line in iter(running.stdout.readline, ""))
            running.stdin.write("\n")
            running.stdin.flush()
            assert running.wait(10) == 0
        finally:
            running.kill()


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    arguments = ("--database", str(tmp_path / "sessions.db"), "--token", "my-token")
    stored: list[str] = []
    with process(*arguments) as (running, client):
        session, deleted = client.create(), client.create()
        client.send("DELETE", f"/{deleted}")
        client.send("PUT", f"/{session}/extend")
        answered = threading.Event()

        def write() -> None:
            for index in range(100_000):
                change = {"newMessages": [{"role": "user", "content": str(index)}], "tokensUsed": 1}
                try:
                    answer = client.send("PUT", f"/{session}", json=change)
                except urllib3.exceptions.HTTPError:
                    return
                assert answer.status == 200
                stored.append(str(index))
                if index == 20:
                    answered.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert answered.wait(10)
        os.kill(running.pid, signal.SIGKILL)
        writer.join()
    with process(*arguments) as (_, client):
        assert client.listed() == [session]
        contents = client.contents(session)
        found = client.send("GET", f"/{session}").json()
    # The last update may have been stored without having been answered.
    assert contents[: len(stored)] == stored
    assert len(contents) <= len(stored) + 1
    assert found["total_tokens"] == len(contents)


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    arguments = ("--database", str(tmp_path / "sessions.db"), "--token", "my-token")
    with process(*arguments) as (_, one), process(*arguments) as (_, two):
        session = one.create()
        change = {"newMessages": [{"role": "user", "content": "x"}], "tokensUsed": 1}
        with ThreadPoolExecutor(2) as pool:
            statuses = list(pool.map(lambda c: c.send("PUT", f"/{session}", json=change).status, [one, two] * 20))
        assert set(statuses) == {200}
        found = two.send("GET", f"/{session}").json()
        assert (len(found["messages"]), found["total_tokens"]) == (40, 40)
        one.send("DELETE", f"/{session}")
        assert two.listed() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "{port}"], "in use"),
        (["--port", "70000"], "port"),
        (["--host", "0.0.0.0"], "loopback"),
        (["--database", "{folder}"], "database"),
        (["--database", ""], "database must be a file"),
        (["--organisation", "a/b"], "segment"),
        (["--token", "a b"], "--token: a token must be visible ASCII"),
        (["--token-file", "/dev/null"], "/dev/null: a token must be visible ASCII"),
        (["--token-file", sys.executable], f"{re.escape(sys.executable)}: it is no UTF-8"),
        ([], "QUANTCDN_SANDBOX_TOKEN: a token must be visible ASCII"),
    ],
    ids=[
        *("port in use", "port out of range", "not loopback", "database", "no database", "organisation"),
        *("token", "token of a file", "token of no text", "token of the environment"),
    ],
)
def test_what_cannot_start_is_one_line_and_exit_code_2(
    service: Sandbox, tmp_path: Path, arguments: list[str], message: str
) -> None:
    arguments = [argument.format(port=port_of(service), folder=tmp_path) for argument in arguments]
    command = [sys.executable, "-m", "quantcdn.sandbox", *arguments]
    env = {**os.environ, **({} if arguments else {"QUANTCDN_SANDBOX_TOKEN": "a b"})}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"python -m quantcdn\.sandbox: .*{message}.*\n", done.stderr)


# The package


@pytest.mark.parametrize("missing", ["uvicorn", "starlette"])
def test_without_the_extra_the_error_says_how_to_install_it(missing: str) -> None:
    program = f"""
import runpy, sys
sys.modules[{missing!r}] = None
from quantcdn import sandbox
try:
    with sandbox.running():
        pass
except ImportError as error:
    print(error)
runpy.run_module("quantcdn.sandbox", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    needed = 'the sandbox needs Starlette and uvicorn; in a clone, pip install ".[sandbox]" brings them'
    assert done.stdout == f"{needed}\n"
    assert done.stderr == f"python -m quantcdn.sandbox: {needed}\n"


def test_importing_the_sandbox_loads_no_server() -> None:
    program = (
        "import sys, quantcdn.sandbox; print(sys.modules.keys() & {'asyncio', 'starlette', 'uvicorn', 'sqlite3'} or '')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_the_sandbox_imports_nothing_of_the_package_but_its_version() -> None:
    files = sorted(Path(sandbox.__file__).parent.rglob("*.py"))
    assert len(files) >= 6
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
                imported = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in imported:
                assert not name.startswith(("quantcdn", "pydantic")) or name.startswith(
                    ("quantcdn.sandbox.", "quantcdn._version.")
                ), (file, name)


# Who may use it


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.example", "localhost.example:80", "192.0.2.1", "[2001:db8::1]", "", "a b"]
)
def test_what_was_meant_for_another_host_is_refused(client: Client, service: Sandbox, host: str) -> None:
    """A page in a browser can have a name of its own point to this machine (DNS rebinding)."""
    assert_error(client.send("GET", headers={**client.headers, "Host": host}), 421, "names of this machine")
    assert_error(client.send("POST", headers={**client.headers, "Host": host}, json={"userId": "u"}), 421)
    assert client.listed() == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "my.localhost:80", "127.0.0.1", "127.1.2.3:80", "[::1]:80"]
)
def test_what_was_meant_for_this_machine_is_answered(client: Client, host: str) -> None:
    assert client.send("GET", headers={**client.headers, "Host": host}).status == 200


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_database_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    before = os.umask(0)
    try:
        with sandbox.running(database=path) as service:
            client_of(service).create()
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes.pop("sessions.db") == 0o600
    assert not any(mode & 0o077 for mode in modes.values())


def test_the_token_can_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    """What stands on the command line, other users of the machine can see."""
    file = tmp_path / "token"
    file.write_text("qc_from_a_file\n")
    from_environment = {**os.environ, "QUANTCDN_SANDBOX_TOKEN": "qc_from_the_environment"}
    assert _token_of(["--token-file", str(file)], from_environment) == "qc_from_a_file"
    assert _token_of(["--token", "qc_given"], from_environment) == "qc_given"
    assert _token_of([], from_environment) == "qc_from_the_environment"


def test_two_tokens_are_refused_and_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    both = _started(["--token", "qc_a", "--token-file", missing])
    assert both.returncode == 2
    assert "--token or --token-file, not both" in both.stderr
    absent = _started(["--token-file", missing])
    assert absent.returncode == 2
    assert repr(missing) in absent.stderr
    assert len(absent.stderr.splitlines()) == 1


def _token_of(arguments: list[str], env: dict[str, str]) -> str:
    command = [sys.executable, "-m", "quantcdn.sandbox", *arguments]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            return next(line.split()[1] for line in process.stdout if line.startswith("Token: "))
        finally:
            process.terminate()


def _started(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quantcdn.sandbox", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
