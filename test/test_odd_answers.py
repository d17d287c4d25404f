"""Answers that are not quite as the contract has them: what can be read of one is read, and the rest is kept."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import Connect
from servers import Answer, answer, json_answer, scripted_server

from quantcdn import (
    ApiResponse,
    Conversation,
    DeleteAISession200Response,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    NotFoundException,
    OutcomeUnknownException,
    ResponseFormatException,
    RetryPolicy,
    bulk,
    iter_ai_sessions,
)

LONG_AGO = "2020-01-01T00:00:00Z"
ODD: dict[str, str] = {
    "title cut in an emoji": r'"title": "Well done \ud83d"',
    "updated_at empty": '"updated_at": ""',
    "updated_at of MySQL's zero": '"updated_at": "0000-00-00 00:00:00"',
    "updated_at in the year 0": '"updated_at": "0000-01-01T06:00:00+02:00"',
    "updated_at of Java's earliest": '"updated_at": "-5877585-01-28T05:08:53.857Z"',
    "updated_at false": '"updated_at": false',
    "title a number": '"title": 2026',
    "model a list": '"model": []',
}
each_odd_field = pytest.mark.parametrize("field", ODD.values(), ids=ODD)


def rows(field: str) -> bytes:
    """A list of three sessions, the second of which has an odd field."""
    fine = f'"title": "fine", "updated_at": "{LONG_AGO}"'
    body = f'[{{"id": "a", {fine}}}, {{"id": "b", {field}}}, {{"id": "c", {fine}}}]'
    return answer(200, body.encode(), {"Content-Type": "application/json"})


def check(sessions: Sequence[ListAISessions200ResponseInner], field: str) -> None:
    """Whether nothing is lost but the odd field."""
    ((name, value),) = json.loads(f"{{{field}}}").items()
    first, odd, last = sessions
    for session in (first, last):
        assert (session.title, session.updated_at) == ("fine", datetime(2020, 1, 1, tzinfo=timezone.utc))
    if name == "title" and isinstance(value, str):
        assert (odd.title, odd.unread) == ("Well done \ufffd", ())
    else:
        assert (getattr(odd, name), odd.unread, odd.model_extra) == (None, (name,), {name: value})
        assert json.loads(odd.to_json()) == {"id": "b", name: value}


@each_odd_field
def test_an_odd_field_of_a_session_costs_the_list_nothing_else(connect: Connect, field: str) -> None:
    with scripted_server([rows(field), rows(field), json_answer([])]) as server:
        api = connect(server.host)
        check(api.list_ai_sessions("org"), field)
        check([*iter_ai_sessions(api, "org")], field)


@each_odd_field
def test_bulk_work_passes_over_a_session_of_which_it_is_not_known_since_when_it_is_idle(
    connect: Connect, field: str
) -> None:
    with scripted_server([rows(field), json_answer([]), json_answer({}), json_answer({})]) as server:
        report = bulk.delete(connect(server.host), "org", idle_for=timedelta(days=2), workers=1)
    assert [(result.session_id, result.outcome) for result in report.results] == [("a", "done"), ("c", "done")]


def test_an_export_of_odd_sessions_is_whole_and_can_be_resumed(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    odd = [
        answer(200, b'{"id": "a", "messages": [{"content": "half \\ud83d"}]}'),
        answer(200, b'{"id": "b", "created_at": "", "messages": "none"}'),
        answer(200, b'{"id": "c"}'),
    ]
    with scripted_server([*odd[:2], json_answer({"message": "no"}, 403), odd[2]]) as server:
        api = connect(server.host)
        manifest = bulk.export(api, "org", path, session_ids=["a", "b", "c"], workers=1)
        assert manifest.counts == {"done": 2, "failed": 1}
        assert bulk.export(api, "org", path, session_ids=["a", "b", "c"], workers=1).complete
        assert len(server.requests) == 4, "what stands is not asked for again"
    lines = [GetAISession200Response.from_json(line) for line in path.read_text().splitlines()]
    assert [line.id for line in lines] == ["a", "b", "c"]


# Writes that took effect are told as such


def test_a_session_that_was_created_is_not_lost_for_its_expiry(connect: Connect) -> None:
    created = json_answer({"sessionId": "new-1", "status": "active", "expiresAt": ""}, 201)
    with scripted_server([created, created]) as server:
        api = connect(server.host)
        session = api.create_ai_session("org", {"userId": "u"})
        conversation = Conversation.open(api, "org", user_id="u")
    assert (session.session_id, session.expires_at, session.unread) == ("new-1", None, ("expires_at",))
    assert (conversation.session_id, conversation.expires_at) == ("new-1", None)


def test_an_update_whose_totals_are_text_is_stored(connect: Connect) -> None:
    with scripted_server([json_answer({"sessionId": "s", "totalMessages": "1", "totalTokens": "2"})]) as server:
        updated = connect(server.host).update_ai_session("org", "s", {})
    assert (updated.total_messages, updated.unread) == (None, ("total_messages", "total_tokens"))
    assert updated.to_dict() == {"sessionId": "s", "totalMessages": "1", "totalTokens": "2"}


def test_an_extension_whose_expiry_cannot_be_read_took_effect(connect: Connect) -> None:
    with scripted_server([json_answer({"expiresAt": "in an hour"})]) as server:
        extended = connect(server.host).extend_ai_session("org", "s")
    assert (extended.expires_at, extended.unread) == (None, ("expires_at",))


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [{}, {"status": "active"}, {"sessionId": None}, {"sessionId": ""}], ids=str)
def test_a_create_that_names_no_session_is_an_error_that_says_so(
    connect: Connect, status: int, body: dict[str, Any]
) -> None:
    with (
        scripted_server([json_answer(body, status)]) as server,
        pytest.raises(ResponseFormatException, match="does not name the session, which may be there") as caught,
    ):
        connect(server.host).create_ai_session("org", {"userId": "u"})
    assert (caught.value.status, caught.value.data) == (status, body)


@pytest.mark.parametrize("messages", ["[]", "", {"role": "user"}, ["hello"], 5, False], ids=repr)
def test_messages_that_cannot_be_read_are_not_taken_for_none(connect: Connect, messages: object) -> None:
    session = json_answer({"id": "s", "title": "fine", "messages": messages})
    lost = json_answer({"message": "busy"}, 503)
    script = [session, session, json_answer({"id": "s"}), lost, session]
    with scripted_server(script) as server:
        api = connect(server.host)
        read = api.get_ai_session("org", "s")
        assert (read.title, read.messages, read.unread) == ("fine", None, ("messages",))
        assert read.to_dict()["messages"] == messages
        with pytest.raises(ResponseFormatException, match="The messages of the session cannot be read"):
            Conversation.resume(api, "org", "s")
        conversation = Conversation.resume(api, "org", "s")
        with pytest.raises(OutcomeUnknownException):
            conversation.append({"role": "user", "content": "Hello"})


@pytest.mark.parametrize("name", ["id", "sessionId"])
def test_an_id_that_is_none_is_an_error_with_the_json(connect: Connect, name: str) -> None:
    body = {name: {"uuid": "s"}, "title": "fine"}
    with scripted_server([json_answer(body)]) as server, pytest.raises(ResponseFormatException) as caught:
        connect(server.host).get_ai_session("org", "s")
    assert f"({name}: " in str(caught.value)
    assert caught.value.data == body


# Deletes


@pytest.mark.parametrize(
    ("status", "body"), [(204, ""), (200, ""), (202, "\n"), (200, "null"), (200, "OK"), (205, "")], ids=repr
)
def test_a_delete_with_nothing_to_read_has_succeeded_in_bulk_too(connect: Connect, status: int, body: str) -> None:
    deleted = answer(status, body.encode())
    with scripted_server([deleted] * 3) as server:
        api = connect(server.host)
        assert api.delete_ai_session("org", "s") == DeleteAISession200Response()
        answered: ApiResponse[DeleteAISession200Response] = api.delete_ai_session_with_http_info("org", "s")
        assert (answered.status_code, answered.raw_data) == (status, body.encode())
        report = bulk.delete(api, "org", session_ids=["s"])
    assert report.counts == {"done": 1}


PAGE = answer(404, b"<html>404 Not Found</html>", {"Content-Type": "text/html"})
OURS = json_answer({"error": True, "message": "No such session"}, 404)
AGAIN = RetryPolicy(attempts=2, backoff=0.01)
LOST: dict[str, Answer] = {
    "503": json_answer({}, 503, {"Retry-After": "0"}),
    "502 of a gateway": answer(502, b"<html>"),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_the_404_of_a_gateway_after_a_loss_does_not_make_a_delete_succeed(connect: Connect, lost: Answer) -> None:
    with scripted_server([lost, PAGE, lost, PAGE]) as server:
        api = connect(server.host, retries=AGAIN)
        with pytest.raises(ResponseFormatException, match="404 is not the service's") as caught:
            api.delete_ai_session("org", "s")
        assert [attempt.status for attempt in caught.value.attempts][-1] == 404
        report = bulk.delete(api, "org", session_ids=["s"])
    assert report.counts == {"unknown": 1}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_the_404_of_the_service_after_a_loss_does(connect: Connect, lost: Answer) -> None:
    with scripted_server([lost, OURS]) as server:
        assert connect(server.host, retries=AGAIN).delete_ai_session("org", "s") == DeleteAISession200Response()


def test_a_404_of_a_gateway_to_the_first_attempt_is_not_found(connect: Connect) -> None:
    with scripted_server([PAGE]) as server, pytest.raises(NotFoundException):
        connect(server.host, retries=AGAIN).delete_ai_session("org", "s")
