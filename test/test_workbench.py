"""The sandbox as a workbench: faults, the clock, what came and sessions of any age, over real HTTP."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import urllib3
import yaml
from conftest import Connect

from quantcdn import AISessionsApi, TooManyRequestsException, bulk
from quantcdn.exceptions import (
    ApiException,
    BadRequestException,
    ForbiddenException,
    NotFoundException,
    OutcomeUnknownConnectionException,
    OutcomeUnknownException,
    OutcomeUnknownServiceException,
    OutcomeUnknownTimeoutException,
    ResponseFormatException,
)
from quantcdn.sandbox import RunningSandbox, Sandbox, running
from quantcdn.testing import connected

SAID = {"newMessages": [{"role": "user", "content": "Hello"}]}


def said(api: AISessionsApi, service: RunningSandbox, session_id: str) -> int:
    return len(api.get_ai_session(service.organisation, session_id).messages or [])


# Faults


def test_an_error_is_answered_so_many_times_and_then_no_more(service: RunningSandbox, api: AISessionsApi) -> None:
    session = service.seed()
    service.fail("update", status=429, retry_after=1, times=2)
    api.update_ai_session(service.organisation, session, SAID)
    assert [request.status for request in service.requests.of("update")] == [429, 429, 200]
    assert said(api, service, session) == 1


def test_an_error_says_when_to_come_back(service: RunningSandbox, connect: Connect) -> None:
    service.fail("list", status=429, retry_after=7)
    with pytest.raises(TooManyRequestsException) as caught:
        connect(service.host, service.access_token).list_ai_sessions(service.organisation)
    assert (caught.value.headers or {})["Retry-After"] == "7"


def test_a_rule_lets_so_many_requests_pass_before(service: RunningSandbox, api: AISessionsApi) -> None:
    service.fail("delete", status=403, after=1, times=1)
    sessions = [service.seed() for _ in range(3)]
    api.delete_ai_session(service.organisation, sessions[0])
    with pytest.raises(ApiException):
        api.delete_ai_session(service.organisation, sessions[1])
    api.delete_ai_session(service.organisation, sessions[1])


@pytest.mark.parametrize(
    ("fault", "stored"),
    [({"drop": "before"}, 0), ({"drop": "after"}, 1), ({"reset": True}, 1), ({"truncate": True}, 1)],
    ids=str,
)
def test_a_lost_answer_leaves_the_outcome_unknown(
    service: RunningSandbox, api: AISessionsApi, fault: dict[str, Any], stored: int
) -> None:
    session = service.seed()
    service.fail("update", **fault)
    with pytest.raises(OutcomeUnknownException):
        api.update_ai_session(service.organisation, session, SAID)
    service.requests.assert_received("update", body=SAID)
    assert said(api, service, session) == stored


def test_an_answer_that_comes_too_late_is_of_something_done(service: RunningSandbox, api: AISessionsApi) -> None:
    session = service.seed()
    service.fail("update", delay=60)
    with pytest.raises(OutcomeUnknownTimeoutException):
        api.update_ai_session(service.organisation, session, SAID, _request_timeout=2)
    assert said(api, service, session) == 1


def test_a_garbled_answer_is_none(service: RunningSandbox, api: AISessionsApi) -> None:
    service.fail("get", garble=True)
    with pytest.raises(ResponseFormatException):
        api.get_ai_session(service.organisation, service.seed())


def test_a_trickle_arrives_whole(service: RunningSandbox, api: AISessionsApi) -> None:
    session = service.seed(messages=[{"role": "user", "content": "Hello"}])
    service.fail("get", trickle=0.2)
    assert said(api, service, session) == 1


def test_waits_add_up_and_the_first_rule_that_ends_a_request_decides() -> None:
    from quantcdn.sandbox._faults import Fault, Faults, Rule

    faults = Faults()
    for fault in (Fault(delay=1), Fault(status=500), Fault(delay=2, drop="after")):
        faults.add(Rule("any", fault))
    assert faults.next("get") == Fault(status=500, delay=3)


def test_which_requests_a_rate_strikes_can_be_repeated(service: RunningSandbox, api: AISessionsApi) -> None:
    def struck() -> list[int | None]:
        service.reset()
        service.fail("list", status=403, rate=0.5)
        for _ in range(20):
            with suppress(ForbiddenException):
                api.list_ai_sessions(service.organisation)
        return [request.status for request in service.requests]

    statuses = struck()
    assert set(statuses) == {200, 403}
    assert struck() == statuses


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operation": "updat", "status": 500}, "there is no operation 'updat'; there are create, get"),
        ({"operation": ["get"], "status": 500}, "there is no operation ['get']; there are create, get"),
        ({"operation": "get", "delay": 10**400}, "delay must be a number of seconds, 0 or more"),
        ({"operation": "get"}, "say what goes wrong"),
        ({"operation": "get", "status": 200}, "status must be from 400 to 599, not 200"),
        ({"operation": "get", "retry_after": 1}, "retry_after needs the status"),
        (
            {"operation": "get", "drop": "now"},
            "drop must be 'before' (nothing is done) or 'after' (all is done)",
        ),
        ({"operation": "get", "status": 500, "reset": True}, "not status and reset"),
        ({"operation": "get", "delay": -1}, "delay must be a number of seconds"),
        ({"operation": "get", "delay": float("nan")}, "delay must be a number of seconds"),
        ({"operation": "get", "status": 500, "times": 0}, "times must be 1 or more"),
        ({"operation": "get", "status": 500, "after": -1}, "after must be 0 or more"),
        ({"operation": "get", "status": 500, "rate": 2}, "rate must be more than 0"),
    ],
    ids=str,
)
def test_a_fault_that_cannot_be_meant_is_refused(
    service: RunningSandbox, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        service.fail(**arguments)


def test_an_operation_may_have_the_name_of_its_method(service: RunningSandbox, api: AISessionsApi) -> None:
    service.fail("list_ai_sessions", status=400)
    with pytest.raises(ApiException):
        api.list_ai_sessions(service.organisation)
    service.requests.assert_received("list_ai_sessions", status=400)


def test_one_fault_is_removed_and_the_others_stay(service: RunningSandbox, api: AISessionsApi) -> None:
    gone = service.fail("list", status=403)
    stays = service.fail("list", status=400)
    with pytest.raises(ForbiddenException):
        api.list_ai_sessions(service.organisation)
    gone.remove()
    with pytest.raises(BadRequestException):
        api.list_ai_sessions(service.organisation)
    assert (gone.played, stays.played) == (1, 2)
    stays.remove()
    assert api.list_ai_sessions(service.organisation) == []


def test_a_fault_lasts_for_a_block(service: RunningSandbox, api: AISessionsApi) -> None:
    with service.fail("list", status=403) as fault, pytest.raises(ForbiddenException):
        api.list_ai_sessions(service.organisation)
    assert api.list_ai_sessions(service.organisation) == []
    assert repr(fault) == "<ActiveFault list: status=403; played 1>"


@pytest.mark.parametrize("end", ["remove", "mend", "reset"])
def test_a_fault_that_is_over_takes_no_later_one_with_it(service: RunningSandbox, api: AISessionsApi, end: str) -> None:
    with service.fail("list", status=400) as over:
        getattr(over if end == "remove" else service, end)()
        service.fail("list", status=403)
    over.remove()
    with pytest.raises(ForbiddenException):
        api.list_ai_sessions(service.organisation)


def test_chance_begins_anew_once_no_fault_is_left(service: RunningSandbox, api: AISessionsApi) -> None:
    def struck() -> list[int | None]:
        service.requests.clear()
        with service.fail("list", status=403, rate=0.5):
            for _ in range(20):
                with suppress(ForbiddenException):
                    api.list_ai_sessions(service.organisation)
        return [request.status for request in service.requests]

    assert struck() == struck()


# The clock, and sessions of any age


def test_sessions_expire_when_the_clock_is_put_forward(service: RunningSandbox, api: AISessionsApi) -> None:
    session = api.create_ai_session(service.organisation, {"userId": "u"}).session_id or ""
    service.clock.advance(days=2)
    with pytest.raises(NotFoundException):
        api.get_ai_session(service.organisation, session)


@pytest.mark.parametrize("length", [-1, float("nan"), 10_000_000])
def test_the_clock_goes_forward_only_and_not_past_its_end(service: RunningSandbox, length: float) -> None:
    before = service.clock.ahead
    with pytest.raises(ValueError, match="the clock"):
        service.clock.advance(days=length)
    assert service.clock.ahead == before


def test_sessions_of_any_age_are_put_there(service: RunningSandbox, api: AISessionsApi) -> None:
    session = service.seed(
        user_id="ada",
        session_group="web",
        metadata={"model": "m-1"},
        messages=[{"role": "user", "content": "Hello"}],
        age=timedelta(days=3),
        idle=timedelta(days=2),
    )
    service.seed(status="completed")
    (listed,) = api.list_ai_sessions(service.organisation)
    assert (listed.id, listed.title, listed.model) == (session, "Hello", "m-1")
    assert listed.created_at
    assert listed.updated_at
    assert listed.updated_at - listed.created_at == timedelta(days=1)
    assert service.clock() - listed.created_at >= timedelta(days=3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"age": timedelta(days=1), "idle": timedelta(days=2)}, "created first, then updated"),
        ({"age": timedelta(days=-1)}, "age must be a timedelta"),
        ({"messages": [{"role": "robot", "content": ""}]}, "messages[0] must have a role"),
        ({"status": "lost"}, "status must be active or completed"),
        ({"user_id": ""}, "user_id must not be empty"),
        ({"user_id": 5}, "user_id must be a text, not of type int"),
        ({"user_id": "\ud83d"}, "user_id must be a text without lone surrogates"),
        ({"session_group": ["web"]}, "session_group must be a text, not of type list"),
        ({"total_tokens": -1}, "total_tokens must be from 0"),
        ({"total_tokens": "1"}, "total_tokens must be a whole number, not of type str"),
        ({"metadata": "x"}, "metadata must be a mapping, such as a dict, not of type str"),
        ({"metadata": [1]}, "metadata must be a mapping, such as a dict, not of type list"),
        ({"metadata": {"a": timedelta(1)}}, "metadata must be what JSON can hold: "),
        ({"metadata": {"a": "\ud83d"}}, "metadata must be a text without lone surrogates"),
        ({"messages": ["x"]}, "messages[0] must have a role (system, user, assistant) and a content"),
        ({"messages": [("role", "user")]}, "messages[0] must have a role"),
        (
            {"messages": "x"},
            "messages must be a list of messages, each a mapping with role and content, not of type str",
        ),
        ({"messages": 5}, "messages must be a list of messages"),
        ({"messages": {"role": "user", "content": "x"}}, "messages must be a list of messages"),
        ({"messages": [{"role": "user", "content": "\ud83d"}]}, "messages[0] must be a text without lone surrogates"),
        ({"age": "1d"}, "age must be a timedelta or a number of seconds, 0 or more"),
        ({"age": math.nan}, "age must be a timedelta or a number of seconds, 0 or more"),
        ({"idle": math.inf}, "idle must be a timedelta or a number of seconds, 0 or more"),
        ({"idle": timedelta.max}, "idle must not reach back before the year 1"),
        ({"age": timedelta.max}, "age must not reach back before the year 1"),
        ({"created_at": "soon"}, "created_at must be a datetime, or a text in ISO 8601"),
        ({"expires_at": 5}, "expires_at must be a datetime, or a text in ISO 8601"),
        ({"id": 5}, "id must be a text, not of type int"),
        ({"organisation": 5}, "organisation must be a text, not of type int"),
        ({"organisation": ""}, "organisation must not be empty"),
    ],
    ids=ascii,
)
def test_a_session_that_cannot_be_is_refused(service: RunningSandbox, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        service.seed(**fields)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("{}", "lines must be an open file or a list of lines, not of type str"),
        (5, "lines must be an open file or a list of lines, not of type int"),
        (None, "lines must be an open file or a list of lines, not of type NoneType"),
        ([5], "line 1 is no session that can be taken over: it is of type int, and no text"),
        (['{"id": "a"}', '{"id": "b", "messages": ["x"]}'], "line 2 is no session that can be taken over: messages[0]"),
    ],
    ids=str,
)
def test_what_is_no_export_is_refused(service: RunningSandbox, lines: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        service.load(lines)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "say how far the clock is put forward: give days, hours, minutes or seconds"),
        ({"days": None}, "say how far the clock is put forward"),
        ({"days": "1"}, "days must be a number, 0 or more, not of type str"),
        ({"hours": True}, "hours must be a number, 0 or more, not of type bool"),
        ({"seconds": []}, "seconds must be a number, 0 or more, not of type list"),
    ],
    ids=str,
)
def test_a_clock_is_told_how_far_it_is_put_forward(
    service: RunningSandbox, given: dict[str, Any], message: str
) -> None:
    before = service.clock.ahead
    with pytest.raises(ValueError, match=message):
        service.clock.advance(**given)
    assert service.clock.ahead == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"database": 5}, "database must be the path of a file, not of type int"),
        ({"access_token": 5}, "a token must be visible ASCII characters"),
        ({"organisation": 5}, "an organisation must be one segment of a path, not 5"),
        ({"tokens": ["a"]}, "tokens must be a mapping of tokens"),
        ({"tokens": {"a": 5}}, "the organisations of a token must be a collection of names"),
        ({"tokens": {5: ["org"]}}, "a token must be visible ASCII characters"),
        ({"port": "8000"}, "the port must be from 0 to 65535, not 8000"),
        ({"clock": 5}, "clock must be a function that tells the time, not of type int"),
        ({"clock": lambda: 5}, "clock must return an aware datetime, such as .*, not of type int"),
        ({"clock": lambda: datetime(2026, 11, 22)}, "clock must return an aware datetime, such as .*, not a naive one"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_sandbox_that_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message), running(**given):
        pass


def test_an_id_is_given_once(service: RunningSandbox) -> None:
    service.seed(id="one")
    with pytest.raises(ValueError, match="there is a session with the id one already"):
        service.seed(id="one")


# What came


def test_what_came_is_told_and_never_the_token(service: RunningSandbox, api: AISessionsApi) -> None:
    session = service.seed()
    api.update_ai_session(service.organisation, session, SAID)
    api.list_ai_sessions(service.organisation, user_id="a b")
    (update,) = service.requests.assert_received("update", session_id=session, body=SAID, status=200)
    assert (update.organisation, update.method) == (service.organisation, "PUT")
    service.requests.assert_received("list", query={"userId": "a b"})
    assert service.access_token not in repr(list(service.requests))
    assert "%s" % update == f"update {session}: 200"  # noqa: UP031  # as logging does
    assert vars(update)["status"] == 200


def test_what_is_kept_of_the_requests_has_bounds(service: RunningSandbox) -> None:
    address = f"{service.host}/api/v3/organizations/{service.organisation}/ai/sessions"
    headers = {"Authorization": f"Bearer {service.access_token}", "Content-Type": "application/json"}
    with urllib3.PoolManager(headers=headers) as pool:
        for number in range(40):
            assert pool.request("POST", address, body=f"{number:<{2**20}}".encode()).status == 400
        kept = list(service.requests)
        assert 30 < len(kept) < 32
        assert [request.body for request in kept] == list(range(40))[-len(kept) :]
        assert sum(len(request.raw_body) for request in kept) <= 32 * 2**20
        for _ in range(1001):
            pool.request("GET", f"{service.host}/api/v3")
    assert len(service.requests) == 1000
    assert {request.raw_body for request in service.requests} == {b""}
    service.requests.clear()
    pool.request("POST", address, body=b"1")
    assert [request.body for request in service.requests] == [1]


def test_what_did_not_come_is_said_with_what_did(service: RunningSandbox, api: AISessionsApi) -> None:
    session = service.seed()
    api.get_ai_session(service.organisation, session)
    with pytest.raises(AssertionError) as caught:
        service.requests.assert_received("update")
    assert str(caught.value) == f"expected 1 of update, but 0 came; what came:\n  get {session}: 200"
    with pytest.raises(ValueError, match="a request has no 'sesion_id'"):
        service.requests.of("get", sesion_id=session)


def test_what_did_not_come_is_said_at_the_line_of_the_test(tmp_path: Path) -> None:
    test = 'def test_it(quantcdn_sandbox): quantcdn_sandbox.requests.assert_received("list")'
    (tmp_path / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "quantcdn.testing", "-p", "no:cacheprovider"]
    ended = subprocess.run([*command, "--rootdir", str(tmp_path), str(tmp_path)], capture_output=True, text=True)
    assert f">   {test}" in ended.stdout
    assert "_journal.py" not in ended.stdout


def test_a_reset_leaves_nothing(service: RunningSandbox, api: AISessionsApi) -> None:
    service.seed()
    service.fail("any", status=500)
    service.clock.advance(hours=1)
    service.reset()
    assert api.list_ai_sessions(service.organisation) == []
    assert len(service.requests) == 1
    assert not service.clock.ahead


def test_several_threads_may_use_it_while_requests_come(service: RunningSandbox, api: AISessionsApi) -> None:
    def work() -> None:
        for _ in range(10):
            service.fail("get", status=404, times=1)
            service.seed()
            api.list_ai_sessions(service.organisation)
            service.requests.of("list")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(service.requests) == 40
    assert len(api.list_ai_sessions(service.organisation, limit=100)) == 40


# Over HTTP


def control(service: RunningSandbox, method: str, path: str, fields: object = None, **headers: str) -> Any:
    given = {"X-Sandbox-Secret": service.secret, **headers}
    body = {} if fields is None else {"json": fields}
    return urllib3.request(method, f"{service.host}/_sandbox{path}", headers=given, retries=False, timeout=10, **body)


def test_another_process_can_do_the_same(service: RunningSandbox, api: AISessionsApi) -> None:
    old = control(service, "POST", "/sessions", {"id": "old", "age": 86400})
    assert (old.status, old.json()) == (201, {"id": "old"})
    assert control(service, "POST", "/clock", {"minutes": 30}).json()["ahead_seconds"] == 1800
    assert [session["id"] for session in control(service, "GET", "/sessions").json()] == ["old"]
    control(service, "POST", "/faults", {"operation": "get", "status": 404, "times": 1})
    with pytest.raises(NotFoundException):
        api.get_ai_session(service.organisation, "old")
    assert control(service, "GET", "/faults").json()[0]["played"] == 1
    assert control(service, "DELETE", "/faults").json() == []
    (request,) = control(service, "GET", "/requests").json()
    assert (request["operation"], request["status"], request["fault"]) == ("get", 404, "status=404")
    control(service, "POST", "/reset")
    assert control(service, "GET", "/requests").json() == control(service, "GET", "/sessions").json() == []


def test_another_process_can_remove_one_fault(service: RunningSandbox) -> None:
    numbers = []
    for status in (500, 502, 503):
        put = control(service, "POST", "/faults", {"operation": "get", "status": status})
        assert (put.status, put.json()["fault"]["status"]) == (201, status)
        numbers.append(put.json()["number"])
    left = control(service, "DELETE", f"/faults/{numbers[1]}")
    assert left.status == 200
    assert [rule["number"] for rule in left.json()] == [numbers[0], numbers[2]]
    assert control(service, "GET", "/faults").json() == left.json()


@pytest.mark.parametrize("number", ["1", "0", "-1", "x", "%31", "\u0663", "9" * 30, "%0a"])
def test_a_fault_that_is_not_there_cannot_be_removed(service: RunningSandbox, number: str) -> None:
    service.fail("get", status=500).remove()
    service.fail("get", status=500)
    refused = control(service, "DELETE", f"/faults/{number}")
    assert (refused.status, refused.json()["error"]) == (404, True)
    assert "There is no fault " in refused.json()["message"]
    assert len(control(service, "GET", "/faults").json()) == 1


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("/faults", {"operation": "get", "stauts": 500}, "a fault has no 'stauts'"),
        ("/faults", {"status": 500}, "there is no operation None"),
        ("/clock", {}, "say how far the clock is put forward: give days, hours, minutes or seconds"),
        ("/clock", {"weeks": 1}, "by days, hours, minutes and seconds"),
        ("/sessions", {"name": "x"}, "a session to begin with has no 'name'"),
        ("/reset", None, None),
        ("/faults", [], "the body must be a JSON object"),
    ],
)
def test_a_bad_command_is_refused_with_the_reason(
    service: RunningSandbox, path: str, fields: object, message: str | None
) -> None:
    answer = control(service, "POST", path, fields)
    assert (answer.status == 200) is (message is None)
    assert message is None or (answer.status == 400 and message in answer.json()["message"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Sandbox-Secret": "guess"}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
    ids=str,
)
def test_only_who_has_the_secret_and_is_no_other_site_is_heard(
    service: RunningSandbox, headers: dict[str, str], status: int
) -> None:
    service.seed()
    assert control(service, "POST", "/reset", **headers).status == status
    assert len(control(service, "GET", "/sessions").json()) == 1
    assert control(service, "GET", "/clock", Origin=service.host).status == 200


def test_the_token_of_the_api_does_not_open_it(service: RunningSandbox) -> None:
    token = {"Authorization": f"Bearer {service.access_token}", "X-Sandbox-Secret": service.access_token}
    assert control(service, "GET", "/sessions", **token).status == 401


def test_requests_are_told_live(service: RunningSandbox, api: AISessionsApi) -> None:
    headers = {"X-Sandbox-Secret": service.secret}
    events = urllib3.request("GET", f"{service.host}/_sandbox/events", headers=headers, preload_content=False)
    assert events.headers["Content-Type"].startswith("text/event-stream")
    assert events.readline() == b": listening\n"
    api.list_ai_sessions(service.organisation)
    while events.readline() != b"event: request\n":
        pass
    assert events.readline() == b"id: 1\n"
    assert json.loads(events.readline().removeprefix(b"data: "))["operation"] == "list"
    events.close()


def test_the_contract_names_the_sandbox_as_its_server(service: RunningSandbox) -> None:
    contract = urllib3.request("GET", f"{service.host}/openapi.json").json()
    assert contract["servers"] == [{"url": service.host}]
    assert len(contract["paths"]) == 3


def test_a_health_check_needs_no_secret(service: RunningSandbox) -> None:
    assert urllib3.request("GET", f"{service.host}/healthz").json() == {"status": "ok"}
    assert len(service.requests) == 0


# The clock, for what is idle


def test_what_lies_idle_once_the_clock_was_put_forward_is_idle_to_bulk_and_to_the_command_line(
    service: RunningSandbox, api: AISessionsApi
) -> None:
    in_a_week = service.clock() + timedelta(days=7)
    old, used = service.seed(expires_at=in_a_week), service.seed(expires_at=in_a_week)
    service.clock.advance(days=2)
    api.update_ai_session(service.organisation, used, SAID)

    planned = bulk.delete(api, service.organisation, idle_for=timedelta(days=2), dry_run=True)
    env = {**os.environ, "QUANT_BASE_URL": service.host, "QUANT_API_TOKEN": service.access_token}
    prune = ["--organisation", service.organisation, "sessions", "prune", "--idle-for", "2d"]
    pruned = subprocess.run([sys.executable, "-m", "quantcdn", *prune], env=env, capture_output=True, text=True)

    assert [result.session_id for result in planned.results] == [old]
    assert [json.loads(line)["id"] for line in pruned.stdout.splitlines()] == [old]
    tell = urllib3.request("GET", f"{service.host}/healthz").headers["Date"]
    assert abs(parsedate_to_datetime(tell) - service.clock()) < timedelta(minutes=1)


# The pytest plugin

PLUGIN_TEST = """
import sys
import pytest

def test_unused(): assert "urllib3" not in sys.modules and "uvicorn" not in sys.modules

@pytest.mark.parametrize("number", range(20))
def test_fresh(quantcdn_sandbox, quantcdn_api, number):
    assert quantcdn_api.list_ai_sessions(quantcdn_sandbox.organisation) == []
    quantcdn_sandbox.requests.assert_received("list")
    quantcdn_sandbox.seed()
    quantcdn_sandbox.fail("create", status=429, retry_after=60, times=2)
    quantcdn_api.create_ai_session(quantcdn_sandbox.organisation, {"userId": "u"})
    assert not quantcdn_sandbox.clock.ahead
    quantcdn_sandbox.clock.advance(days=1)
"""


@pytest.mark.parametrize("spread", [[], ["-n", "2"]], ids=["one process", "xdist"])
def test_the_plugin_gives_each_test_a_sandbox_as_new(tmp_path: Path, spread: list[str]) -> None:
    (tmp_path / "test_it.py").write_text(PLUGIN_TEST)
    plugins = ["-p", "quantcdn.testing", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *spread, "--rootdir", str(tmp_path), str(tmp_path)]
    if not spread:  # what other plugins load is not ours
        command += ["-p", "no:langsmith_plugin", "-p", "no:anyio"]
    else:
        command += ["-k", "fresh"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{20 if spread else 21} passed" in ended.stdout


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (OutcomeUnknownConnectionException("the connection was lost"), {"drop": "after"}),
        (OutcomeUnknownTimeoutException("no answer within 2 s"), {"delay": 60}),
        (OutcomeUnknownServiceException(503, "Service Unavailable"), {"status": 503}),
    ],
    ids=["lost", "late", "503"],
)
def test_an_unknown_outcome_in_a_mock_is_like_those_of_the_sdk(
    service: RunningSandbox, api: AISessionsApi, made: ApiException, fault: dict[str, Any]
) -> None:
    session = service.seed()
    service.fail("any", **fault)
    with pytest.raises(OutcomeUnknownException) as caught:
        api.extend_ai_session(service.organisation, session, _request_timeout=2)
    double = Mock(spec=AISessionsApi)
    double.extend_ai_session.side_effect = made
    (result,) = bulk.extend(double, "org", 5, session_ids=[session]).results

    assert type(caught.value) is type(made)
    assert caught.value.status == made.status
    assert getattr(caught.value, "never_sent", None) == getattr(made, "never_sent", None)
    assert (result.outcome, result.error) == ("unknown", made)


# For other machines


def own_address() -> str:
    """An address of this machine that is no loopback. What is sent to it does not leave the machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of a datagram socket, it sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


def test_what_other_machines_can_reach_must_be_allowed_and_have_a_token_of_its_own() -> None:
    with pytest.raises(ValueError, match="unless allow_remote"), running(host="0.0.0.0"):
        pass
    with (
        pytest.raises(ValueError, match="needs an access_token of your own"),
        running(host="0.0.0.0", allow_remote=True),
    ):
        pass


def test_other_machines_may_use_any_name_and_this_one_its_own() -> None:
    named = {"Host": "sandbox:8080"}
    with running(host="0.0.0.0", allow_remote=True, access_token="a-token") as service:
        assert service.host.startswith("http://127.0.0.1:")
        assert urllib3.request("GET", f"{service.host}/api/v3", headers=named).status == 404
        remote = service.host.replace("127.0.0.1", own_address())
        path = f"/api/v3/organizations/{service.organisation}/ai/sessions"
        access = {"Authorization": "Bearer a-token"}
        assert urllib3.request("GET", remote + path, headers=named | access).status == 200
        assert urllib3.request("GET", remote + path, headers=named).status == 401
        assert urllib3.request("GET", service.host + path, headers=named | access).status == 421


CONTAINER = Path(__file__).parents[1] / "docs" / "container"


def test_the_container_runs_what_works_here() -> None:
    lines = (CONTAINER / "Containerfile").read_text("utf-8").splitlines()
    entry, health = (
        json.loads(line.partition("[")[1] + line.partition("[")[2])
        for kind in ("ENTRYPOINT", "HEALTHCHECK")
        for line in lines
        if line.startswith(kind)
    )
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text("utf-8"))["services"]
    environment = {**os.environ, "QUANTCDN_SANDBOX_TOKEN": "a-token"}
    entry[0] = health[0] = sys.executable
    assert compose["sandbox"]["command"][:2] == ["--organisation", "my-organisation"]
    with subprocess.Popen(
        [*entry, "--port", "0", "--organisation", "my-organisation"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout
        address = process.stdout.readline().split()[4]
        health[-1] = health[-1].replace("http://127.0.0.1:8080", address)
        assert subprocess.run(health).returncode == 0
        used = {**os.environ, **compose["application"]["environment"], "QUANT_BASE_URL": address}
        used["QUANT_API_TOKEN"] = "a-token"
        look = subprocess.run([sys.executable, "-c", LOOK], env=used, capture_output=True, text=True)
        assert (look.returncode, look.stdout) == (7, "")
        process.terminate()
        assert process.stderr
        assert "not encrypted" in process.stderr.read()


# In a terminal

SANDBOX = [sys.executable, "-m", "quantcdn.sandbox"]
FROM_THE_COMMAND_LINE = [sys.executable, "-m", "quantcdn", "sandbox"]
LOOK = """
import quantcdn
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration.from_environment()))
for session in api.list_ai_sessions(quantcdn.environment.organisation()):
    print(session.id, api.get_ai_session(quantcdn.environment.organisation(), session.id).messages)
raise SystemExit(7)
"""


@pytest.mark.parametrize("start", [SANDBOX, FROM_THE_COMMAND_LINE], ids=["module", "command"])
@pytest.mark.parametrize("options", [[], ["--quiet", "--port", "0"], ["--organisation", "acme"]], ids=str)
def test_a_command_finds_the_sandbox_and_ends_it(start: list[str], options: list[str]) -> None:
    run = subprocess.run([*start, *options, "--", sys.executable, "-c", LOOK], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (7, "", "")


@pytest.mark.parametrize("start", [SANDBOX, FROM_THE_COMMAND_LINE], ids=["module", "command"])
@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("no-such-program", 127, ": no-such-program: there is no such command\n"),
        ("/no/such/program", 127, ": /no/such/program: there is no such command\n"),
        pytest.param(__file__, 126, ": Permission denied\n", marks=pytest.mark.skipif(os.name == "nt", reason="POSIX")),
        pytest.param("/", 126, ": /: Permission denied\n", marks=pytest.mark.skipif(os.name == "nt", reason="POSIX")),
        pytest.param("", 126, ": '': Permission denied\n", marks=pytest.mark.skipif(os.name == "nt", reason="POSIX")),
    ],
)
def test_a_command_that_cannot_be_run_is_what_it_is_to_a_shell(
    start: list[str], command: str, code: int, reason: str
) -> None:
    run = subprocess.run([*start, "--", command], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (code, "")
    assert run.stderr.endswith(reason)
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize("start", [SANDBOX, FROM_THE_COMMAND_LINE], ids=["module", "command"])
def test_a_command_that_was_left_out_does_not_start_a_service_that_lasts(start: list[str]) -> None:
    run = subprocess.run([*start, "--quiet", "--"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith("error: give a command after --\n")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")
@pytest.mark.parametrize("start", [SANDBOX, FROM_THE_COMMAND_LINE], ids=["module", "command"])
def test_the_end_of_its_terminal_ends_it_in_order_unless_that_is_ignored(start: list[str]) -> None:
    with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
        assert process.stderr
        assert process.stderr.read() == ""
    with subprocess.Popen(["nohup", *start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().split()[4]
        process.send_signal(signal.SIGHUP)
        assert urllib3.request("GET", f"{address}/healthz").status == 200
        process.terminate()
        assert process.wait(30) == 0


def test_it_goes_on_when_nobody_reads_its_lines() -> None:
    reader, writer = os.pipe()
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(SANDBOX, stdout=subprocess.PIPE, stderr=writer, text=True, env=buffered) as process:
        os.close(writer)
        os.close(reader)
        assert process.stdout
        address = process.stdout.readline().split()[4]
        for _ in range(3):
            assert urllib3.request("GET", f"{address}/api/v3", retries=False).status == 404
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_the_sandbox_ends_its_command_first(name: str) -> None:
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"there is no {name}")
    command = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    with subprocess.Popen([*SANDBOX, "--", *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.wait(10) == 128 + number


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize(
    ("command", "is_done"), [(["--", sys.executable, "-c", "print('ran')"], False), ([], True)], ids=["command", "none"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_before_its_command_began_it_does_not_call_that_done(
    number: signal.Signals, command: list[str], is_done: bool, tmp_path: Path
) -> None:
    pipe = tmp_path / "sessions.jsonl"
    os.mkfifo(pipe)
    with subprocess.Popen([*SANDBOX, "--seed", pipe, *command], stdout=subprocess.PIPE, text=True) as process:
        with pipe.open("w"):  # waits until it is read
            process.send_signal(number)
            assert process.stdout
            assert process.stdout.read() == ""
        assert process.wait(30) == (0 if is_done else 128 + number)


@pytest.mark.skipif(os.name == "nt", reason="Windows tells all programs of a console")
def test_an_interrupt_that_no_terminal_sends_goes_to_the_command() -> None:
    command = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    with subprocess.Popen(
        [*SANDBOX, "--", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT


def test_a_command_that_takes_a_signal_decides_how_both_end() -> None:
    program = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print("begun", flush=True)
time.sleep(60)
"""
    command = [*SANDBOX, "--", sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.wait(10) == 9


def test_what_was_exported_can_be_looked_at(service: RunningSandbox, api: AISessionsApi, tmp_path: Path) -> None:
    session_id = service.seed(age=timedelta(days=3), messages=[{"role": "user", "content": "Hello"}])
    bulk.export(api, service.organisation, tmp_path / "sessions.jsonl")
    command = [*SANDBOX, "--seed", tmp_path / "sessions.jsonl", "--", sys.executable, "-c", LOOK]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 7, run.stderr
    assert run.stdout.startswith(session_id)
    assert "Hello" in run.stdout


ASK = """
import urllib.request, urllib.error, os
for _ in range(4):
    request = urllib.request.Request(
        os.environ["QUANT_BASE_URL"] + "/api/v3/organizations/" + os.environ["QUANT_ORGANISATION"] + "/ai/sessions",
        headers={"Authorization": "Bearer " + os.environ["QUANT_API_TOKEN"]},
    )
    try:
        print(urllib.request.urlopen(request).status)
    except urllib.error.HTTPError as error:
        print(error.code, error.headers["Retry-After"])
    except OSError as error:
        print("lost")
"""


@pytest.mark.parametrize(
    ("options", "answers"),
    [
        (["--fail", "list:status=429,retry_after=1,times=2"], ["429 1", "429 1", "200", "200"]),
        (["--fail", "list:drop=before,times=1", "--fail", "any:reset,times=1"], ["lost", "200", "200", "200"]),
        (["--fail", "update:status=500"], ["200"] * 4),
        (["--error-rate", "1"], ["503 None"] * 4),
        (["--error-rate=0.5"], ["200", "200", "503 None", "503 None"]),
    ],
    ids=str,
)
def test_faults_can_be_asked_for_from_the_start(options: list[str], answers: list[str]) -> None:
    run = subprocess.run([*SANDBOX, *options, "--", sys.executable, "-c", ASK], capture_output=True, text=True)
    assert (run.stdout.splitlines(), run.stderr) == (answers, "")


def test_each_answer_can_be_held_back() -> None:
    timed = f"import time; began = time.perf_counter(){ASK}print(time.perf_counter() - began)"
    command = [*SANDBOX, "--latency", "0.2", "--", sys.executable, "-c", timed]
    run = subprocess.run(command, capture_output=True, text=True)
    *answers, took = run.stdout.splitlines()
    assert answers == ["200"] * 4
    assert float(took) >= 4 * 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fail", "update"], "say what goes wrong after a colon, as in update:status=429,times=2"),
        (["--fail", "updat:reset"], "there is no operation 'updat'; there are create, get"),
        (["--fail", "update:stats=500"], "a fault has no 'stats', but status, retry_after"),
        (["--fail", "update:status=ok"], "status must be from 400 to 599, not 'ok'"),
        (["--fail", "update:status"], "status must be from 400 to 599, not True"),
        (["--fail", "update:reset,reset"], "reset is given twice"),
        (["--fail", "update:"], "a fault has no ''"),
        (["--latency", "soon"], "delay must be a number of seconds, 0 or more, not 'soon'"),
        (["--error-rate", "often"], "rate must be more than 0, and 1 at most, not 'often'"),
        (["--latency", "-1"], "delay must be a number of seconds"),
        (["--error-rate", "2"], "rate must be more than 0, and 1 at most, not 2.0"),
    ],
    ids=str,
)
def test_a_fault_that_is_none_is_refused_at_the_start(options: list[str], message: str) -> None:
    run = subprocess.run([*SANDBOX, *options], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr


def test_a_believable_organisation_can_be_looked_at() -> None:
    run = subprocess.run([*SANDBOX, "--demo", "--", sys.executable, "-c", LOOK], capture_output=True, text=True)
    assert run.returncode == 7, run.stderr
    assert len(run.stdout.splitlines()) > 40


def test_a_believable_organisation_has_what_a_real_one_has(service: RunningSandbox, api: AISessionsApi) -> None:
    assert service.demo() == 60
    listed = api.list_ai_sessions(service.organisation, limit=100)
    whole = [api.get_ai_session(service.organisation, session.id) for session in listed]
    extras = [session.to_dict() for session in whole]
    assert len({extra["user_id"] for extra in extras}) > 5
    assert {extra.get("session_group") for extra in extras} > {"support", "research", None}
    assert len({session.model for session in listed}) == 3
    assert {len(session.messages or []) for session in whole} > {0, 2, 10}
    created = [session.created_at for session in whole]
    assert max(created) - min(created) > timedelta(weeks=4)


def test_a_believable_organisation_is_the_same_each_time(service: RunningSandbox, api: AISessionsApi) -> None:
    def looked_at() -> list[object]:
        service.reset()
        service.demo()
        sessions = api.list_ai_sessions(service.organisation, limit=100)
        return [(session.id, session.title, session.model) for session in sessions]

    first = looked_at()
    assert looked_at() == first
    with pytest.raises(ValueError, match="already"):
        service.demo()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"[]", "it is no JSON object"),
        (b"no JSON", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"\xff", "it is no UTF-8"),
        (b'{"userId": 1}', "user_id must be a text, not of type int"),
    ],
    ids=["array", "text", "deep", "bytes", "user"],
)
def test_a_line_that_is_no_session_is_said(line: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    file.write_bytes(b'{"id": "s-1"}\n' + line + b"\n")
    run = subprocess.run([*SANDBOX, "--seed", file], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith(f": {file}: line 2 is no session that can be taken over: {problem}\n")


@pytest.mark.parametrize("options", [[], ["--quiet"]], ids=["told", "quiet"])
def test_each_request_is_a_line_without_its_content(options: list[str]) -> None:
    with subprocess.Popen([*SANDBOX, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        address, token, organisation = (process.stdout.readline().split() for _ in range(3))
        with connected(Sandbox(address[4], token[1], organisation[1])) as api:
            api.create_ai_session(organisation[1], {"userId": "a-user-of-mine"})
        process.terminate()
        said = process.stderr.read()
    assert re.fullmatch("" if options else r"\d\d:\d\d:\d\d create: 201, \d+ ms\n", said)


@pytest.mark.parametrize("options", [[], ["--quiet"]], ids=["told", "quiet"])
def test_what_is_no_http_is_said_unless_it_is_to_be_quiet(options: list[str]) -> None:
    with subprocess.Popen([*SANDBOX, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        host, _, port = process.stdout.readline().split()[4].removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
        process.terminate()
        said = process.stderr.read()
    assert said == ("" if options else "Invalid HTTP request received.\n")


def test_what_is_said_before_the_command_holds_for_the_sandbox_too() -> None:
    command = [sys.executable, "-m", "quantcdn", "--quiet", "--organisation", "acme", "sandbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        address, token, organisation = (process.stdout.readline().split() for _ in range(3))
        assert organisation == ["Organisation:", "acme"]
        with connected(Sandbox(address[4], token[1], "acme")) as api:
            assert api.list_ai_sessions("acme") == []
        process.terminate()
        assert process.stderr.read() == ""


def test_a_request_that_is_answered_while_the_sandbox_stops_is_a_line_too() -> None:
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [*SANDBOX, "--fail", "create:delay=1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        assert process.stdout
        assert process.stderr
        address, token, organisation = (process.stdout.readline().split() for _ in range(3))
        api = stack.enter_context(connected(Sandbox(address[4], token[1], organisation[1])))
        thread = stack.enter_context(ThreadPoolExecutor(1))
        answer = thread.submit(api.create_ai_session, organisation[1], {"userId": "user-12345"})
        while not api.list_ai_sessions(organisation[1]):  # it is done, and its answer is late
            assert not answer.done()
        process.terminate()
        assert answer.result().session_id
        assert re.search("^.{8} create: 201", process.stderr.read(), re.MULTILINE)
