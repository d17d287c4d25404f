"""Deleting, extending and exporting many sessions: what is done, what is said of it, and what stands after a stop."""

import contextlib
import errno
import hashlib
import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from datetime import datetime, timedelta, timezone
from itertools import repeat
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pydantic
import pytest
import terminals
from conftest import Connect
from fault_proxy import QUICK_FAULTS, FaultProxy, fault_proxy, seeded
from servers import CLOSE, answer, json_answer, scripted_server

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiTypeError,
    ApiValueError,
    Attempt,
    Configuration,
    ConnectionException,
    ForbiddenException,
    ListAISessions200ResponseInner,
    NotFoundException,
    OutcomeUnknownException,
    ResponseFormatException,
    ServiceException,
    TokenException,
    TransportException,
    UnauthorizedException,
    bulk,
)
from quantcdn.retry import RetryPolicy
from quantcdn.sandbox import Sandbox, running

PATIENCE = 20.0
"""How long to wait for what should happen at once, in seconds."""


@pytest.fixture
def service() -> Iterator[Sandbox]:
    """A sandbox without any sessions."""
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def api(service: Sandbox, connect: Connect) -> AISessionsApi:
    return connect(service.host, service.access_token)


def create(api: AISessionsApi, count: int, **request: Any) -> list[str]:
    """Create sessions, and return their ids in the order of a list: the newest first."""
    body = {"userId": "u", "initialMessages": [{"role": "user", "content": "Hello"}], **request}
    return [str(api.create_ai_session("sandbox", body).session_id) for _ in range(count)][::-1]


def listed(api: AISessionsApi) -> list[str | None]:
    return [session.id for session in api.list_ai_sessions("sandbox", limit=100)]


def exists(api: AISessionsApi, session_id: str) -> bool:
    with contextlib.suppress(NotFoundException):
        api.get_ai_session("sandbox", session_id)
        return True
    return False


def expiry(api: AISessionsApi, session_id: str) -> datetime:
    text = api.get_ai_session("sandbox", session_id).to_dict()["expires_at"]
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # which Python 3.10 does not read


def outcomes(report: bulk.Report) -> list[tuple[str, str]]:
    return [(result.session_id, result.outcome) for result in report.results]


# Which sessions

WORK: dict[str, Callable[..., Any]] = {
    "delete": bulk.delete,
    "extend": lambda *arguments, **options: bulk.extend(*arguments, 5, **options),
    "export": lambda *arguments, **options: bulk.export(*arguments, "/nonexistent/export.jsonl", **options),
}


@pytest.mark.parametrize("work", [*WORK.values(), bulk.get], ids=[*WORK, "get"])
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"user_id": ""}, "user_id is blank"),
        ({"session_group": " "}, "session_group is blank"),
        ({"user_id": "\ufeff\x00"}, "user_id is blank"),
        ({"idle_for": timedelta(0)}, "idle_for must be longer"),
        ({"idle_for": timedelta(days=-2)}, "idle_for must be longer"),
        ({"idle_for": 2}, "idle_for must be a timedelta, not int"),
        ({"session_ids": "abc"}, "no single str"),
        ({"session_ids": [7]}, "an iterable of str"),
        ({"session_ids": 7}, "no single int"),
        ({"session_ids": [ListAISessions200ResponseInner(id="a")]}, "item 0 is no str, .* Give the ids"),
        ({"session_ids": ["a", None]}, "item 1 is no str, but of type NoneType"),
        ({"session_ids": ["a"], "on_result": "print"}, "on_result must be a function that takes a Result"),
        ({"session_ids": ["a"], "_host_index": 99}, "There is no server 99"),
        ({"session_ids": ["a"], "_request_auth": {"value": ""}}, "_request_auth must be like"),
        ({"session_ids": ["a"], "_request_auth": {"value": "a\nb"}}, "cannot be sent"),
        ({"session_ids": ["a"], "model": "m", "user_id": "u"}, "not both: user_id, model came"),
        ({"session_ids": [], "idle_for": timedelta(1)}, "not both: idle_for came"),
        ({"session_ids": ["a"], "workers": 0}, "workers must be a whole number above 0, not 0"),
        ({"session_ids": ["a"], "workers": -1}, "workers must be"),
        ({"session_ids": ["a"], "workers": True}, "workers must be"),
        ({"session_ids": ["a"], "workers": 2.5}, "workers must be"),
    ],
    ids=repr,
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    connect: Connect, work: Callable[..., Any], arguments: dict[str, Any], error: str
) -> None:
    with scripted_server() as server, pytest.raises((ApiValueError, ApiTypeError), match=error):
        work(connect(server.host), "org", **arguments)


@pytest.mark.parametrize("work", ["delete", "extend", "export"])
@pytest.mark.parametrize("selection", [{}, {"user_id": "u"}, {"session_ids": ["a"]}], ids=repr)
@pytest.mark.parametrize(
    ("argument", "error"),
    [
        (
            {"group": "big"},
            "There is no such parameter or option; there are: api, organisation, .*session_group, model, ",
        ),
        ({"limit": 10}, "there are: .*session_ids, .*dry_run, .*_request_timeout, .*_host_index"),
        ({"dryrun": True}, "dryrun\n  There is no such"),
        ({"_request_timeot": 5}, "_request_timeot\n  There is no such"),
        ({"_host_index": "x"}, "_host_index\n  Input should be a valid integer"),
        ({"_request_timeout": -1}, "_request_timeout\n  Input should be a number of seconds above 0"),
        ({"_headers": {"X": "a\nb"}}, "_headers\n  The value of the header 'X' cannot be sent"),
        ({"organisation": ".."}, "organisation\n  Input should be one path segment"),
        ({"organisation": None}, "organisation\n  Input should be a valid string"),
    ],
    ids=repr,
)
def test_an_argument_that_no_call_takes_is_refused_before_anything_is_done(
    connect: Connect,
    tmp_path: Path,
    work: str,
    selection: dict[str, Any],
    argument: dict[str, Any],
    error: str,
) -> None:
    own = {"delete": {}, "extend": {"additional_minutes": 5}, "export": {"path": tmp_path / "a.jsonl"}}[work]
    arguments = {"organisation": "org", **own, **selection, **argument}
    told: list[bulk.Result] = []
    with scripted_server() as server, pytest.raises(pydantic.ValidationError, match=error):
        getattr(bulk, work)(connect(server.host), on_result=told.append, **arguments)

    assert told == []
    assert files(tmp_path) == set()


def test_a_refusal_shows_no_secret(connect: Connect) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        bulk.delete(connect(None), "org", session_ids=["a"], _headers={"X-Key": "hush\nhush"})

    assert "hush" not in f"{caught.value!r} {caught.value.errors()}"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "Nothing says which sessions to delete"),
        ({"dry_run": True}, "Nothing says which sessions to delete"),
        ({"everything": True, "user_id": "u"}, "everything=True contradicts"),
        ({"everything": True, "idle_for": timedelta(days=1)}, "everything=True contradicts"),
        ({"everything": True, "session_ids": []}, "everything=True contradicts"),
    ],
    ids=repr,
)
def test_deleting_needs_a_selection_or_everything_in_so_many_words(
    connect: Connect, arguments: dict[str, Any], error: str
) -> None:
    with scripted_server() as server, pytest.raises(ApiValueError, match=error):
        bulk.delete(connect(server.host), "org", **arguments)


@pytest.mark.parametrize("minutes", [0, 1441, 2.5])
def test_minutes_that_the_contract_does_not_allow_are_refused_before_anything_is_asked(
    connect: Connect, minutes: Any
) -> None:
    with scripted_server() as server, pytest.raises(pydantic.ValidationError):
        bulk.extend(connect(server.host), "org", minutes, session_ids=["a"])


def test_a_list_that_is_refused_is_raised_and_nothing_is_deleted(api: AISessionsApi, service: Sandbox) -> None:
    ids = create(api, 2)
    with pytest.raises(ForbiddenException):
        bulk.delete(api, "another-organisation", everything=True)
    with pytest.raises(UnauthorizedException):
        bulk.delete(
            api,
            "sandbox",
            everything=True,
            _request_auth={"type": "bearer", "in": "header", "key": "Authorization", "value": "Bearer wrong"},
        )
    assert listed(api) == ids


def test_filters_combine_and_leave_the_others_alone(api: AISessionsApi) -> None:
    meant = create(api, 3, userId="a", sessionGroup="g", metadata={"model": "m"})
    others = create(api, 1, userId="b", sessionGroup="g", metadata={"model": "m"})
    others = create(api, 1, userId="a", sessionGroup="h", metadata={"model": "m"}) + others
    others = create(api, 1, userId="a", sessionGroup="g", metadata={"model": "n"}) + others

    report = bulk.delete(api, "sandbox", user_id="a", session_group="g", model="m")

    assert outcomes(report) == [(session_id, "done") for session_id in meant]
    assert listed(api) == others


def test_only_sessions_idle_for_so_long_are_deleted(connect: Connect) -> None:
    now = datetime(
        2031, 5, 4, 23, tzinfo=timezone.utc
    )  # by the clock of the service, whatever that of this machine says
    with running(clock=lambda: now) as service:
        api = connect(service.host, service.access_token)
        idle = create(api, 2, expirationMinutes=1440)
        used = create(api, 2, expirationMinutes=1440)
        now += timedelta(hours=2)
        for session_id in used:
            api.update_ai_session("sandbox", session_id, {"newMessages": [{"role": "user", "content": "Hello"}]})
        now += timedelta(hours=1)

        report = bulk.delete(api, "sandbox", idle_for=timedelta(hours=2))

        assert outcomes(report) == [(session_id, "done") for session_id in idle]
        assert listed(api) == used


@pytest.mark.parametrize(
    ("date", "idle"),
    [
        ("Fri, 03 Jan 2020 00:00:00 GMT", []),
        ("Sat, 04 Jan 2020 00:00:00 GMT", ["a"]),
        (None, ["a", "b"]),
        ("soon", ["a", "b"]),
    ],
)
def test_how_long_a_session_was_idle_goes_by_the_clock_of_the_service_where_it_tells(
    connect: Connect, date: str | None, idle: list[str]
) -> None:
    rows = [{"id": "a", "updated_at": "2020-01-02T00:00:00Z"}, {"id": "b", "updated_at": "2020-01-03T00:00:00Z"}]
    headers = {} if date is None else {"Date": date}
    with scripted_server([json_answer(rows, headers=headers), json_answer([])]) as server:
        report = bulk.delete(connect(server.host), "org", idle_for=timedelta(days=2), dry_run=True)

    assert outcomes(report) == [(session_id, "planned") for session_id in idle]


def test_a_session_without_a_last_update_is_never_idle(connect: Connect) -> None:
    ancient = "2020-01-01T00:00:00Z"
    rows: list[dict[str, Any]] = [
        {"id": "a", "created_at": ancient},
        {"id": "b", "created_at": ancient, "updated_at": None},
        {"id": "c", "created_at": ancient, "updated_at": ancient},
        {"id": "d", "created_at": ancient, "updated_at": "2099-01-01T00:00:00Z"},
    ]
    with scripted_server([json_answer(rows), json_answer([])]) as server:
        report = bulk.delete(connect(server.host), "org", idle_for=timedelta(seconds=1), dry_run=True)

    assert outcomes(report) == [("c", "planned")]


@pytest.mark.parametrize(
    "updated_at",
    ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2020-01-01T00:00:00Z"],
)
def test_an_update_before_the_session_or_its_century_is_none(connect: Connect, updated_at: str) -> None:
    rows = [
        {"id": "a", "created_at": "2020-01-01T00:00:01Z", "updated_at": updated_at},
        {"id": "b", "created_at": "2020-01-01T00:00:01Z", "updated_at": "2020-01-01T00:00:01Z"},
    ]
    with scripted_server([json_answer(rows), json_answer([])]) as server:
        report = bulk.delete(connect(server.host), "org", idle_for=timedelta(days=2), dry_run=True)

    assert outcomes(report) == [("b", "planned")]


@pytest.mark.parametrize("updated_at", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z"])
def test_an_update_long_before_there_were_sessions_is_none(connect: Connect, updated_at: str) -> None:
    with scripted_server([json_answer([{"id": "a", "updated_at": updated_at}]), json_answer([])]) as server:
        report = bulk.delete(connect(server.host), "org", idle_for=timedelta(days=2), dry_run=True)

    assert outcomes(report) == []


def test_a_session_whose_last_update_cannot_be_read_is_not_idle(connect: Connect) -> None:
    rows = [{"id": "a", "updated_at": "2020-01-01T00:00:00Z"}, {"id": "b", "updated_at": "the day before"}]
    with scripted_server([json_answer(rows), json_answer([]), json_answer({})]) as server:
        report = bulk.delete(connect(server.host), "org", idle_for=timedelta(seconds=1))
    assert outcomes(report) == [("a", "done")]
    assert [request.method for request in server.requests] == ["GET", "GET", "DELETE"]


# Doing it


def test_deleting_skips_none_though_the_list_shrinks(api: AISessionsApi) -> None:
    ids = create(api, 230)

    report = bulk.delete(api, "sandbox", everything=True, workers=8)

    assert outcomes(report) == [(session_id, "done") for session_id in ids]
    assert report.counts == {"done": 230}
    assert report.failures == []
    assert listed(api) == []


def test_a_result_tells_what_the_list_said_of_the_session(api: AISessionsApi) -> None:
    create(api, 1, metadata={"title": "Opening hours"})

    (result,) = bulk.delete(api, "sandbox", user_id="u").results

    assert result.session is not None
    assert result.session.title == "Opening hours"
    assert result.error is None


def test_each_session_is_extended_once(api: AISessionsApi) -> None:
    ids = create(api, 5)
    before = {session_id: expiry(api, session_id) for session_id in ids}

    report = bulk.extend(api, "sandbox", 30, session_ids=[*ids[:3], *ids[:2]])

    assert outcomes(report) == [(session_id, "done") for session_id in ids[:3]]
    moved = {session_id: expiry(api, session_id) - before[session_id] for session_id in ids}
    assert list(moved.values()) == [timedelta(minutes=30)] * 3 + [timedelta(0)] * 2


@pytest.mark.parametrize("work", [*WORK.values()][:2], ids=[*WORK][:2])
def test_a_session_that_is_gone_counts_as_gone(api: AISessionsApi, work: Callable[..., bulk.Report]) -> None:
    there, gone = create(api, 2)
    api.delete_ai_session("sandbox", gone)

    report = work(api, "sandbox", session_ids=[gone, there])

    assert outcomes(report) == [(gone, "gone"), (there, "done")]
    assert report.failures == []
    assert [result.error for result in report.results] == [None, None]


def test_a_failure_stops_nothing_and_says_what_failed(connect: Connect) -> None:
    script = [json_answer({}), json_answer({"message": "Not yours"}, 403), json_answer({}), json_answer({}, 404)]
    with scripted_server(script) as server:
        report = bulk.delete(connect(server.host), "org", session_ids=["a", "b", "", "c", "d"], workers=1)

    assert outcomes(report) == [("a", "done"), ("b", "failed"), ("", "failed"), ("c", "done"), ("d", "gone")]
    assert [result.session_id for result in report.failures] == ["b", ""]
    assert isinstance(report.results[1].error, ForbiddenException)
    assert isinstance(report.results[2].error, pydantic.ValidationError)
    assert str(report) == "2 done, 2 failed, 1 gone"


def test_printed_what_failed_shows_what_the_service_said(
    api: AISessionsApi, service: Sandbox, connect: Connect
) -> None:
    (session_id,) = create(api, 1)

    report = bulk.delete(connect(service.host, "another-token"), "sandbox", session_ids=[session_id])

    (result,) = report.failures
    said = json.loads(str(getattr(result.error, "body", None)))["message"]
    assert repr(result).startswith(f"<Result '{session_id}': failed: 401 Unauthorized: {said}")
    assert repr(report) == f"<Report: 1 failed; the first error is in {result!r}>"
    assert str(report) == "1 failed"


def test_printed_what_is_done_is_short(api: AISessionsApi) -> None:
    (session_id,) = create(api, 1)

    report = bulk.delete(api, "sandbox", user_id="u")

    assert repr(report) == "<Report: 1 done>"
    assert repr(report.results[0]) == f"<Result '{session_id}': done>"


def test_printed_what_the_service_said_acts_on_no_terminal(connect: Connect) -> None:
    with scripted_server([json_answer({"message": "\x1b[2J"}, 403)]) as server:
        report = bulk.delete(connect(server.host), "org", session_ids=["a"])

    assert repr(report.results[0]) == r"<Result 'a': failed: 403 Forbidden: \x1b[2J>"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ([CLOSE], OutcomeUnknownException),
        (json_answer({}, 503), OutcomeUnknownException),
        (answer(200, b"<html>"), ResponseFormatException),
    ],
    ids=["connection lost", "503", "an answer that cannot be read"],
)
def test_an_extension_of_unknown_outcome_is_said_to_be_and_is_not_repeated(
    connect: Connect, reply: Any, error: type[Exception]
) -> None:
    with scripted_server([reply, json_answer({})]) as server:
        report = bulk.extend(connect(server.host, retries=5), "org", 5, session_ids=["a", "b"], workers=1)

    assert outcomes(report) == [("a", "unknown"), ("b", "done")]
    assert isinstance(report.results[0].error, error)
    assert report.failures == [report.results[0]]


def test_a_deletion_may_be_unknown_too(connect: Connect) -> None:
    refused = json_answer({}, 403)
    with scripted_server([[CLOSE], refused, refused, answer(200, b"<html>")]) as server:
        api = connect(server.host, retries=RetryPolicy(backoff=0))
        report = bulk.delete(api, "org", session_ids=["lost, then refused", "refused", "unreadable"], workers=1)

    assert [result.outcome for result in report.results] == ["unknown", "failed", "unknown"]


def test_what_never_reached_the_service_has_failed(connect: Connect) -> None:
    api = connect("http://127.0.0.1:9")
    deleted = bulk.delete(api, "org", session_ids=["a"])
    extended = bulk.extend(api, "org", 5, session_ids=["a"])

    assert outcomes(deleted) == outcomes(extended) == [("a", "failed")]
    assert isinstance(deleted.results[0].error, ConnectionException)


def test_a_token_that_fails_after_an_attempt_that_was_lost_leaves_the_outcome_unknown(connect: Connect) -> None:
    tokens = iter(["token"])

    def token() -> str:
        try:
            return next(tokens)
        except StopIteration:
            raise RuntimeError("the identity provider is down") from None

    with scripted_server([json_answer({}, 502)]) as server:
        api = connect(server.host, token, retries=RetryPolicy(backoff=0))
        report = bulk.delete(api, "org", session_ids=["a", "b"], workers=1)

    assert outcomes(report) == [("a", "unknown"), ("b", "failed")]
    for result in report.results:
        assert isinstance(result.error, TokenException)
        assert str(result.error.__cause__) == "the identity provider is down"


def test_a_token_that_fails_after_an_attempt_that_was_refused_changes_nothing(connect: Connect) -> None:
    tokens = iter(["token"])
    with scripted_server([json_answer({}, 429)]) as server:
        api = connect(server.host, lambda: next(tokens), retries=RetryPolicy(backoff=0))
        report = bulk.extend(api, "org", 5, session_ids=["a"])

    assert outcomes(report) == [("a", "failed")]
    assert isinstance(report.results[0].error, TokenException)


@pytest.mark.filterwarnings("ignore:.*is plain HTTP")
@pytest.mark.parametrize("before", [[], ["one"]], ids=["a new connection", "a kept connection"])
def test_behind_a_proxy_too_an_extension_whose_answer_is_lost_is_unknown_and_sent_once(before: list[str]) -> None:
    with scripted_server([*[json_answer({})] * len(before), [CLOSE]]) as proxy:
        configuration = Configuration("http://service.example", "token")
        configuration.proxy = proxy.host
        with ApiClient(configuration) as client:
            report = bulk.extend(AISessionsApi(client), "org", 5, session_ids=[*before, "lost"], workers=1)

    assert outcomes(report)[-1] == ("lost", "unknown")
    assert report.counts == {"unknown": 1, **({"done": 1} if before else {})}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RuntimeError("of the application's own"), "unknown"),
        (TimeoutError(), "unknown"),
        (ApiValueError("not sent"), "failed"),
        (ApiTypeError("not sent"), "failed"),
        (TransportException("not sent", never_sent=True), "failed"),
        (TransportException("lost"), "unknown"),
        (ForbiddenException(403), "failed"),
        (ApiException(302), "failed"),
        (ServiceException(503), "unknown"),
        (ResponseFormatException(200), "unknown"),
        (NotFoundException(404), "gone"),
    ],
    ids=repr,
)
def test_with_a_double_in_place_of_the_operations_the_outcomes_are_the_same(error: Exception, outcome: str) -> None:
    api = create_autospec(AISessionsApi, instance=True)
    api.delete_ai_session.side_effect = [error, None]
    api.extend_ai_session.side_effect = [error, None]

    deleted = bulk.delete(api, "org", session_ids=["a", "b"], workers=1)
    extended = bulk.extend(api, "org", 5, session_ids=["a", "b"], workers=1)

    assert outcomes(deleted) == outcomes(extended) == [("a", outcome), ("b", "done")]


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_a_dry_run_asks_for_the_list_and_no_more(connect: Connect, work: Callable[..., Any], tmp_path: Path) -> None:
    told: list[bulk.Result] = []
    with scripted_server([json_answer([{"id": "a"}, {"id": "b"}]), json_answer([])]) as server:
        report = work(connect(server.host), "org", user_id="u", dry_run=True, on_result=told.append)

    assert [request.method for request in server.requests] == ["GET", "GET"]
    assert report.counts == {"planned": 2}
    assert [(result.session_id, result.outcome) for result in told] == [("a", "planned"), ("b", "planned")]


def test_the_options_of_a_call_hold_for_each_call(connect: Connect) -> None:
    script = [json_answer([{"id": "a"}]), json_answer([]), json_answer({}), json_answer({})]
    with scripted_server(script) as server:
        api = connect(server.host)
        bulk.delete(api, "org", user_id="u", _headers={"X-Job": "nightly"}, _request_timeout=5)
        bulk.extend(api, "org", 5, session_ids=["a"], _headers={"X-Job": "nightly"})

    assert [request.headers["x-job"] for request in server.requests] == ["nightly"] * 4


# At a time


def test_so_many_calls_are_under_way_at_a_time_and_no_more(connect: Connect) -> None:
    with scripted_server(repeat([0.03, json_answer({})])) as server:
        report = bulk.delete(connect(server.host), "org", session_ids=map(str, range(12)), workers=3)

    assert report.counts == {"done": 12}
    assert server.connections == 3


def test_there_are_no_more_calls_at_a_time_than_the_client_keeps_connections(caplog: pytest.LogCaptureFixture) -> None:
    with scripted_server(repeat([0.03, json_answer({})])) as server:
        configuration = Configuration(server.host, "token")
        configuration.connection_pool_maxsize = 2
        with ApiClient(configuration) as client:
            bulk.delete(AISessionsApi(client), "org", session_ids=map(str, range(12)), workers=64)

    assert server.connections == 2
    assert "pool is full" not in caplog.text


def test_results_are_told_as_they_come_in_the_thread_of_the_caller(connect: Connect) -> None:
    told: list[tuple[str, threading.Thread]] = []
    with scripted_server([[0.3, json_answer({})], json_answer({}), json_answer({})]) as server:
        report = bulk.delete(
            connect(server.host),
            "org",
            session_ids=["a", "b", "c"],
            workers=2,
            on_result=lambda result: told.append((result.session_id, threading.current_thread())),
        )

    assert [session_id for session_id, _ in told][-1] != "c"
    assert {thread for _, thread in told} == {threading.current_thread()}
    assert sorted(session_id for session_id, _ in told) == ["a", "b", "c"]
    assert [result.session_id for result in report.results] == ["a", "b", "c"]


def test_an_error_in_on_result_ends_the_work_and_is_raised(connect: Connect) -> None:
    def fail(result: bulk.Result) -> None:
        raise OSError("the disk is full")

    with scripted_server(repeat(json_answer({}))) as server:
        with pytest.raises(OSError, match="the disk is full"):
            bulk.delete(connect(server.host), "org", session_ids=map(str, range(50)), workers=2, on_result=fail)
        requests = len(server.requests)

    assert requests <= 2
    assert [thread for thread in threading.enumerate() if thread.name.startswith("quantcdn-bulk")] == []


def test_ctrl_c_in_on_result_brings_the_report(connect: Connect) -> None:
    def interrupt(result: bulk.Result) -> None:
        raise KeyboardInterrupt

    with scripted_server(repeat(json_answer({}))) as server, pytest.raises(bulk.Interrupted) as caught:
        bulk.delete(connect(server.host), "org", session_ids=["a", "b", "c"], workers=1, on_result=interrupt)

    assert outcomes(caught.value.report) == [("a", "done"), ("b", "not_tried"), ("c", "not_tried")]
    assert str(caught.value) == "interrupted: 1 done, 2 not_tried"


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_ctrl_c_in_a_dry_run_brings_the_report(connect: Connect, work: Callable[..., Any]) -> None:
    def interrupt(result: bulk.Result) -> None:
        raise KeyboardInterrupt

    with scripted_server() as server, pytest.raises(bulk.Interrupted) as caught:
        work(connect(server.host), "org", session_ids=["a", "b"], dry_run=True, on_result=interrupt)

    assert outcomes(caught.value.report) == [("a", "planned"), ("b", "planned")]


# Under faults


@pytest.fixture
def stormy(service: Sandbox) -> Iterator[FaultProxy]:
    """A way to the service on which two of five requests meet a fault."""
    with fault_proxy(service.host) as proxy:
        yield proxy


@pytest.mark.parametrize("seed", range(3))
def test_under_faults_a_deletion_tells_the_truth(
    api: AISessionsApi, service: Sandbox, stormy: FaultProxy, connect: Connect, seed: int
) -> None:
    ids = create(api, 60)
    stormy.follow(seeded(seed, QUICK_FAULTS, pass_rate=0.6))
    through = connect(stormy.host, service.access_token, retries=RetryPolicy(attempts=2, backoff=0))

    report = bulk.delete(through, "sandbox", session_ids=ids, workers=6)

    assert [result.session_id for result in report.results] == ids
    there = {session_id: exists(api, session_id) for session_id in ids}
    for result in report.results:
        if result.outcome == "failed":
            assert there[result.session_id]
        elif result.outcome != "unknown":
            assert not there[result.session_id]
    assert report.counts.keys() >= {"done", "unknown"}, "there were faults"
    again = bulk.delete(api, "sandbox", session_ids=ids)
    assert set(again.counts) <= {"done", "gone"}
    assert listed(api) == []


@pytest.mark.parametrize("seed", range(3))
def test_under_faults_an_extension_happens_once_or_says_that_nobody_knows(
    api: AISessionsApi, service: Sandbox, stormy: FaultProxy, connect: Connect, seed: int
) -> None:
    ids = create(api, 60)
    before = {session_id: expiry(api, session_id) for session_id in ids}
    stormy.follow(seeded(seed, QUICK_FAULTS, pass_rate=0.6))
    through = connect(stormy.host, service.access_token, retries=RetryPolicy(attempts=3, backoff=0))

    report = bulk.extend(through, "sandbox", 7, session_ids=ids, workers=6)
    stormy.settle()

    allowed = {"done": {7}, "failed": {0}, "unknown": {0, 7}}
    for result in report.results:
        moved = expiry(api, result.session_id) - before[result.session_id]
        assert moved / timedelta(minutes=1) in allowed[result.outcome]
    assert report.counts.keys() >= {"done", "unknown"}, "there were faults"


# Stopped on the way


class Gate:
    """A clock of a sandbox that lets so many requests through, then holds what comes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open_for = 10**9
        self.waiting = False

    def __call__(self) -> datetime:
        with self._changed:
            self.waiting = self._open_for == 0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._open_for > 0)
            self._open_for -= 1
            self.waiting = False
        return datetime.now(timezone.utc)

    def let(self, requests: int) -> None:
        with self._changed:
            self._open_for = 2 * requests  # each asks for the time to do what is asked, and to date its answer
            self._changed.notify_all()

    def wait_until_held(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.waiting, PATIENCE), "no request is held"


CONNECT = """
import json, signal, sys
from quantcdn import AISessionsApi, ApiClient, Configuration, bulk

def interrupted(*details):
    print("interrupted", flush=True)
    signal.default_int_handler(*details)

signal.signal(signal.SIGINT, interrupted)
host, token, *arguments = sys.argv[1:]
configuration = Configuration(host, token, retries=0)
configuration.connection_pool_maxsize = 4
api = AISessionsApi(ApiClient(configuration))
"""


@contextlib.contextmanager
def child(service: Sandbox, code: str, *arguments: object) -> Generator["subprocess.Popen[bytes]", None, None]:
    """A Python of its own that runs some code with an `api`, and says when a signal comes."""
    command = [sys.executable, "-c", CONNECT + code, service.host, service.access_token, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def interrupt(process: "subprocess.Popen[bytes]", until: str) -> str:
    """Press Ctrl-C until the child says something that begins so: Python may miss one when it is about to wait."""
    while True:
        process.send_signal(signal.SIGINT)
        while select.select([process.stdout], [], [], 1)[0]:
            if (line := said(process)).startswith(until):
                return line
            assert line == "interrupted"


PRUNE = """
try:
    bulk.delete(api, "sandbox", everything=True, workers=4)
except bulk.Interrupted as stop:
    print(json.dumps([(result.session_id, result.outcome) for result in stop.report.results]), flush=True)
"""


@pytest.mark.parametrize("times", [1, 2])
def test_a_prune_that_is_interrupted_half_way_says_what_was_done(connect: Connect, times: int) -> None:
    gate = Gate()
    with running(clock=gate) as service:
        api = connect(service.host, service.access_token)
        ids = create(api, 40)
        gate.let(2 + 15)  # a page, the empty one after it, and some deletions
        with child(service, PRUNE) as process:
            gate.wait_until_held()
            interrupt(process, until="interrupted")
            if times == 2:
                said_so = interrupt(process, until="[")
            gate.let(10**9)
            if times == 1:
                said_so = said(process)
            process.wait(PATIENCE)
        left = listed(api)

    report = json.loads(said_so)
    assert [session_id for session_id, _ in report] == ids
    found = {kind: [name for name, outcome in report if outcome == kind] for _, kind in report}
    if times == 1:
        assert found.keys() == {"done", "not_tried"}
        assert left == found["not_tried"]
        assert 15 < len(found["done"]) <= 15 + 4, "those under way were waited for, and no other was begun"
    else:
        assert found.keys() == {"done", "unknown", "not_tried"}
        assert set(found["not_tried"]) <= set(left)
        assert not set(found["done"]) & set(left)
        assert len(found["unknown"]) <= 4


LISTING = """
try:
    bulk.{work}
except bulk.Interrupted as stop:
    print([*stop.report.results], stop, flush=True)
"""


@pytest.mark.parametrize(
    "work",
    [
        'delete(api, "sandbox", everything=True)',
        'delete(api, "sandbox", everything=True, dry_run=True)',
        'extend(api, "sandbox", 5)',
        'export(api, "sandbox", arguments[0])',
    ],
)
def test_ctrl_c_while_the_ids_are_taken_down_brings_an_empty_report(
    connect: Connect, tmp_path: Path, work: str
) -> None:
    gate = Gate()
    with running(clock=gate) as service:
        api = connect(service.host, service.access_token)
        ids = create(api, 3)
        gate.let(1)
        with child(service, LISTING.format(work=work), tmp_path / "a.jsonl") as process:
            gate.wait_until_held()
            assert interrupt(process, until="[") == "[] interrupted: no sessions"
            assert process.wait(PATIENCE) == 0
        gate.let(10**9)
        assert listed(api) == ids

    assert files(tmp_path) == set()


# Exports


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def raw(api: AISessionsApi, session_id: str) -> Any:
    return json.loads(api.get_ai_session_with_http_info("sandbox", session_id).raw_data)


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "line breaks": "a\nb\r\nc\u2028d\u2029e\x85f\x0bg\x0ch\x1ci",
    "controls": "\x00\x1b[31mred\x1b[0m\x07",
    "bidi": "\u202eabc\u2066def",
    "quotes": '"\\"\\\\n',
    "scripts": "日本語 العربية 👩‍👩‍👧‍👦 é",
    "large": "x" * 900_000,
}


def test_an_export_holds_each_session_as_the_service_has_it(api: AISessionsApi, tmp_path: Path) -> None:
    ids = [
        *create(api, 3),
        *(
            create(api, 1, metadata={"title": text, "n": None}, initialMessages=[{"role": "user", "content": text}])[0]
            for name, text in HOSTILE.items()
            if name != "large"
        ),
        *create(api, 1, initialMessages=[{"role": "user", "content": HOSTILE["large"]}]),
    ]
    target = tmp_path / "sessions.jsonl"

    manifest = bulk.export(api, "sandbox", target)

    exported = {session["id"]: session for session in lines(target)}
    assert exported == {session_id: raw(api, session_id) for session_id in ids}
    assert len(lines(target)) == len(ids)
    content = target.read_bytes()
    assert (manifest.size, manifest.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert manifest.complete
    assert manifest.counts == {"done": len(ids)}
    assert files(tmp_path) == {"sessions.jsonl", "sessions.jsonl.manifest.json"}
    assert json.loads((tmp_path / "sessions.jsonl.manifest.json").read_text()) == manifest.model_dump(mode="json")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_every_byte_that_means_something_is_kept(connect: Connect, tmp_path: Path) -> None:
    sent = b"""\xef\xbb\xbf{
        "id": "a", "id_of_their_own": 123456789012345678901234567890, "one": 1.0, "tiny": 1e-400, "huge": 1E+400,
        "precise": 0.1000000000000000055511151231257827, "null": null, "title": null,\r\n\t"messages":\r
        [{"role": "robot", "content": "\\u0000 \\n \xe2\x80\xa8 \xf0\x9f\x91\x8b", "tokens": {"in": -0, "out": []}}]
    }\n"""
    with scripted_server([answer(200, sent, {"Content-Type": "application/json"})]) as server:
        bulk.export(connect(server.host), "org", tmp_path / "a.jsonl", session_ids=["a"])

    (line, end) = re.split(rb"[\r\n]", (tmp_path / "a.jsonl").read_bytes())
    assert end == b""
    assert re.sub(rb"\s+", b" ", line).strip() == re.sub(rb"\s+", b" ", sent[3:]).strip()


def test_printed_a_manifest_is_short(api: AISessionsApi, tmp_path: Path) -> None:
    ids = create(api, 30)
    api.delete_ai_session("sandbox", ids[0])

    planned = bulk.export(api, "sandbox", tmp_path / "a.jsonl", session_ids=ids, dry_run=True)
    manifest = bulk.export(api, "sandbox", tmp_path / "a.jsonl", session_ids=ids, workers=1)

    assert repr(planned) == "<Manifest: not complete: 30 planned>"
    assert str(manifest) == f"complete: 1 gone, 29 done, {manifest.size} bytes"
    assert repr(manifest) == f"<Manifest: {manifest}>"


def test_an_export_of_nothing_is_an_empty_file(api: AISessionsApi, tmp_path: Path) -> None:
    manifest = bulk.export(api, "sandbox", tmp_path / "none.jsonl", user_id="nobody")

    assert (tmp_path / "none.jsonl").read_bytes() == b""
    assert (manifest.complete, manifest.size, manifest.counts) == (True, 0, {})


def test_a_finished_export_is_never_overwritten(api: AISessionsApi, tmp_path: Path) -> None:
    create(api, 1)
    target = tmp_path / "a.jsonl"
    bulk.export(api, "sandbox", target)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(FileExistsError, match=r"a\.jsonl'$"):
        bulk.export(api, "sandbox", target)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    target.rename(tmp_path / "moved.jsonl")
    with pytest.raises(FileExistsError, match=r"a\.jsonl\.manifest\.json'$"):
        bulk.export(api, "sandbox", target)


def test_a_session_that_is_gone_is_named_in_the_manifest(api: AISessionsApi, tmp_path: Path) -> None:
    there, gone = create(api, 2)
    api.delete_ai_session("sandbox", gone)

    manifest = bulk.export(api, "sandbox", tmp_path / "a.jsonl", session_ids=[there, gone])

    assert manifest.complete
    assert manifest.gone == (gone,)
    assert [session["id"] for session in lines(tmp_path / "a.jsonl")] == [there]


def test_an_export_with_a_failure_is_not_finished_and_goes_on_when_called_again(
    connect: Connect, tmp_path: Path
) -> None:
    target, partial = tmp_path / "a.jsonl", tmp_path / "a.jsonl.partial"
    rows = json_answer([{"id": name} for name in "abc"])
    script = [rows, json_answer([]), json_answer({"id": "a"}), json_answer({}, 500), json_answer({"id": "c"})]
    with scripted_server(script) as server:
        manifest = bulk.export(connect(server.host), "org", target, user_id="u", workers=1)

        assert not manifest.complete
        assert manifest.counts == {"done": 2, "failed": 1}
        assert manifest.failures.keys() == {"b"}
        assert manifest.failures["b"].startswith("500")
        assert not target.exists()
        assert [session["id"] for session in lines(partial)] == ["a", "c"]
        assert json.loads((tmp_path / "a.jsonl.manifest.json").read_text()) == manifest.model_dump(mode="json")

    told: list[bulk.Result] = []
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    planned = bulk.export(connect(server.host), "org", target, user_id="u", dry_run=True, on_result=told.append)
    assert (planned.complete, planned.counts) == (False, {"done": 2, "planned": 1})
    assert outcomes(bulk.Report(tuple(told))) == [("b", "planned")]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    told.clear()
    with scripted_server([json_answer({"id": "b"})], port=server.address[1]) as server:
        finished = bulk.export(connect(server.host), "org", target, user_id="u", on_result=told.append)

    assert finished.complete
    assert finished.counts == {"done": 3}
    assert finished.listed_at == manifest.listed_at
    assert [session["id"] for session in lines(target)] == ["a", "c", "b"]
    assert [result.session_id for result in told] == ["b"]
    assert files(tmp_path) == {"a.jsonl", "a.jsonl.manifest.json"}


def test_an_export_to_which_nothing_came_keeps_to_the_ids_that_were_taken_down(
    connect: Connect, tmp_path: Path
) -> None:
    target = tmp_path / "a.jsonl"
    rows = json_answer([{"id": "a"}, {"id": "b"}])
    with scripted_server([rows, json_answer([]), json_answer({}, 500), json_answer({}, 500)]) as server:
        manifest = bulk.export(connect(server.host), "org", target, user_id="u", workers=1)
    assert manifest.counts == {"failed": 2}

    script = [json_answer({"id": "a"}), json_answer({"id": "b"})]
    with scripted_server(script, port=server.address[1]) as server:
        finished = bulk.export(connect(server.host), "org", target, user_id="u", workers=1)

    assert (finished.complete, finished.listed_at) == (True, manifest.listed_at)
    assert [session["id"] for session in lines(target)] == ["a", "b"]


@pytest.mark.parametrize(
    "other",
    [{"user_id": "v"}, {"user_id": "u", "idle_for": timedelta(1)}, {"session_ids": ["a"]}, {}],
    ids=repr,
)
def test_an_unfinished_export_is_not_mixed_with_another(
    connect: Connect, tmp_path: Path, other: dict[str, Any]
) -> None:
    script = [json_answer([{"id": "a"}, {"id": "b"}]), json_answer([]), json_answer({"id": "a"}), json_answer({}, 500)]
    with scripted_server(script) as server:
        api = connect(server.host)
        bulk.export(api, "org", tmp_path / "a.jsonl", user_id="u", workers=1)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        with pytest.raises(ApiValueError, match=r"a\.jsonl\.partial was begun by an export of other sessions"):
            bulk.export(api, "org", tmp_path / "a.jsonl", **other)
        with pytest.raises(ApiValueError, match="other sessions"):
            bulk.export(api, "another-org", tmp_path / "a.jsonl", user_id="u")
        with pytest.raises(ApiValueError, match="other sessions"):
            bulk.export(connect("http://127.0.0.1:9"), "org", tmp_path / "a.jsonl", user_id="u")

    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"{}", b"[", b"\xff"], ids=repr)
def test_a_manifest_that_is_none_is_left_alone(connect: Connect, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl.manifest.json").write_bytes(content)
    with scripted_server() as server, pytest.raises(ApiValueError, match="is not the manifest of an export"):
        bulk.export(connect(server.host), "org", tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl.manifest.json").read_bytes() == content


def test_lines_without_a_manifest_are_left_alone(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.partial").write_bytes(b"{}\n")
    with scripted_server() as server, pytest.raises(ApiValueError, match="other sessions"):
        bulk.export(connect(server.host), "org", tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl.partial").read_bytes() == b"{}\n"


def test_a_folder_that_is_not_there_is_refused_before_anything_is_asked(connect: Connect, tmp_path: Path) -> None:
    with scripted_server() as server, pytest.raises(FileNotFoundError, match=r"nowhere/a\.jsonl"):
        bulk.export(connect(server.host), "org", tmp_path / "nowhere" / "a.jsonl")


def test_a_list_that_cannot_be_had_leaves_no_file(connect: Connect, tmp_path: Path) -> None:
    with scripted_server([json_answer({}, 403)]) as server, pytest.raises(ForbiddenException):
        bulk.export(connect(server.host), "org", tmp_path / "a.jsonl")

    assert files(tmp_path) == set()


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "utf-8", None])
def test_an_answer_in_another_charset_is_written_in_utf_8(
    connect: Connect, tmp_path: Path, charset: str | None
) -> None:
    text = '{"id": "a", "title": "caf\xe9", "n": 1.0}'
    kind = "application/json" + (f"; charset={charset}" if charset else "")
    with scripted_server([answer(200, text.encode(charset or "utf-8"), {"Content-Type": kind})]) as server:
        manifest = bulk.export(connect(server.host), "org", tmp_path / "a.jsonl", session_ids=["a"])

    assert manifest.complete
    assert (tmp_path / "a.jsonl").read_bytes() == text.encode() + b"\n"


def test_while_one_export_takes_down_the_ids_another_is_refused(connect: Connect, tmp_path: Path) -> None:
    target = tmp_path / "a.jsonl"
    refusals: list[str] = []

    def meddle(attempt: Attempt) -> None:
        try:
            bulk.export(other, "org", target, user_id="v")
        except BlockingIOError as error:
            refusals.append(str(error.strerror))

    with scripted_server([json_answer([{"id": "a"}]), json_answer([]), json_answer({"id": "a"})]) as server:
        other = connect(server.host)
        configuration = Configuration(server.host, "token")
        configuration.on_attempt = meddle
        with ApiClient(configuration) as client:
            manifest = bulk.export(AISessionsApi(client), "org", target, user_id="u")

    assert refusals == ["Another export writes here"] * 3
    assert manifest.complete
    assert [session["id"] for session in lines(target)] == ["a"]


EXPORT = """
bulk.export(api, "sandbox", arguments[0], session_group="g", workers=3)
"""


def test_an_export_that_was_killed_in_the_middle_of_a_line_goes_on(connect: Connect, tmp_path: Path) -> None:
    target, partial = tmp_path / "a.jsonl", tmp_path / "a.jsonl.partial"
    gate, attempts = Gate(), list[Attempt]()
    with running(clock=gate) as service:
        api = connect(service.host, service.access_token)
        ids = create(api, 20, sessionGroup="g")
        expected = {session_id: raw(api, session_id) for session_id in ids}
        gate.let(2 + 9)
        with child(service, EXPORT, target) as process:
            gate.wait_until_held()
            process.send_signal(signal.SIGKILL)
            assert process.wait(PATIENCE) == -signal.SIGKILL
        gate.let(10**9)
        standing = lines(partial)
        assert 9 - 3 <= len(standing) <= 9
        assert not target.exists()
        with partial.open("ab") as torn:
            torn.write(json.dumps(expected[ids[-1]]).encode()[:-20])

        configuration = Configuration(service.host, service.access_token)
        configuration.on_attempt = attempts.append
        with ApiClient(configuration) as client:
            manifest = bulk.export(AISessionsApi(client), "sandbox", target, session_group="g")

    assert manifest.complete
    assert manifest.counts == {"done": 20}
    assert {session["id"]: session for session in lines(target)} == expected
    assert len(lines(target)) == 20
    assert lines(target)[: len(standing)] == standing
    assert hashlib.sha256(target.read_bytes()).hexdigest() == manifest.sha256
    assert len(attempts) == 20 - len(standing), "only what was missing was asked for"
    assert files(tmp_path) == {"a.jsonl", "a.jsonl.manifest.json"}


WITH_LITTLE_SPACE = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    bulk.export(api, "sandbox", arguments[0], session_group="g", workers=3)
except OSError as error:
    print(error.strerror, flush=True)
"""


def test_an_export_that_finds_no_space_stops_and_goes_on(api: AISessionsApi, service: Sandbox, tmp_path: Path) -> None:
    message = {"role": "user", "content": "x" * 1000}
    ids = create(api, 40, sessionGroup="g", initialMessages=[message])
    with child(service, WITH_LITTLE_SPACE, tmp_path / "a.jsonl") as process:
        assert said(process) == os.strerror(errno.EFBIG)
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "a.jsonl.partial").stat().st_size == 20_000, "it ends in the middle of a line"

    assert bulk.export(api, "sandbox", tmp_path / "a.jsonl", session_group="g").counts == {"done": 40}

    assert {session["id"]: session for session in lines(tmp_path / "a.jsonl")} == {name: raw(api, name) for name in ids}


def test_an_export_that_is_interrupted_goes_on(connect: Connect, tmp_path: Path) -> None:
    target = tmp_path / "a.jsonl"
    script = [json_answer({"id": name}) for name in "abc"]

    def interrupt(result: bulk.Result) -> None:
        raise KeyboardInterrupt

    with scripted_server(script) as server:
        api = connect(server.host)
        with pytest.raises(bulk.Interrupted) as caught:
            bulk.export(api, "org", target, session_ids=["a", "b", "c"], workers=1, on_result=interrupt)
        assert outcomes(caught.value.report) == [("a", "done"), ("b", "not_tried"), ("c", "not_tried")]
        assert bulk.export(api, "org", target, session_ids=["a", "b", "c"], workers=1).complete

    assert [session["id"] for session in lines(target)] == ["a", "b", "c"]


def test_two_processes_do_not_write_the_same_export(connect: Connect, tmp_path: Path) -> None:
    target, gate = tmp_path / "a.jsonl", Gate()
    with running(clock=gate) as service:
        api = connect(service.host, service.access_token)
        ids = create(api, 10, sessionGroup="g")
        gate.let(2 + 5)
        with child(service, EXPORT, target) as process:
            gate.wait_until_held()
            while not (tmp_path / "a.jsonl.partial").stat().st_size:
                assert process.poll() is None
            with pytest.raises(BlockingIOError, match="Another export writes here"):
                bulk.export(api, "sandbox", target, session_group="g")
            gate.let(10**9)
            assert process.wait(PATIENCE) == 0

    assert {session["id"] for session in lines(target)} == set(ids)
    assert len(lines(target)) == 10


@pytest.mark.parametrize("seed", range(2))
def test_under_faults_an_export_ends_up_complete_and_exact(
    api: AISessionsApi, service: Sandbox, stormy: FaultProxy, connect: Connect, tmp_path: Path, seed: int
) -> None:
    expected = {session_id: raw(api, session_id) for session_id in create(api, 60)}
    stormy.follow(seeded(seed, QUICK_FAULTS, pass_rate=0.6))
    through = connect(stormy.host, service.access_token, retries=RetryPolicy(attempts=2, backoff=0))
    target = tmp_path / "a.jsonl"

    runs = 1
    while not bulk.export(through, "sandbox", target, session_ids=expected, workers=6).complete:
        assert not target.exists()
        runs += 1

    assert 1 < runs < 10, "there were faults"
    assert {session["id"]: session for session in lines(target)} == expected
    assert len(lines(target)) == 60


# Getting


def crew() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "quantcdn-bulk"]


def test_whole_sessions_come_with_their_messages(api: AISessionsApi) -> None:
    ids = create(api, 20)
    create(api, 1, userId="other")

    got = list(bulk.get(api, "sandbox", user_id="u"))

    assert sorted(str(session.id) for session in got) == sorted(ids)
    assert {session.messages[0]["content"] for session in got if session.messages} == {"Hello"}
    assert crew() == []


def test_nothing_is_asked_before_the_first_session_is_due(connect: Connect) -> None:
    with scripted_server() as server:
        bulk.get(connect(server.host), "org")

    assert server.requests == []


def test_while_a_session_is_looked_at_no_more_are_asked_for_than_there_are_workers(connect: Connect) -> None:
    with scripted_server(repeat(json_answer({"messages": []}))) as server:
        sessions = bulk.get(connect(server.host), "org", session_ids=map(str, range(100)), workers=3)
        for count, _ in enumerate(sessions, 1):
            assert len(server.requests) <= count + 2 * 3

    assert count == 100


def test_leaving_the_loop_ends_the_workers(connect: Connect) -> None:
    with scripted_server(repeat(json_answer({"messages": []}))) as server:
        for _ in bulk.get(connect(server.host), "org", session_ids=map(str, range(100)), workers=3):
            break

        assert crew() == []
        assert len(server.requests) <= 6


def refused(times: int) -> Iterator[Any]:
    """Answers, of which the second refuses."""
    yield json_answer({"messages": []})
    yield json_answer({"message": "No"}, "403 Forbidden")
    yield from repeat(json_answer({"messages": []}), times)


def test_a_session_that_cannot_be_had_is_raised_and_ends_the_workers(connect: Connect) -> None:
    with scripted_server(refused(20)) as server, pytest.raises(ForbiddenException):
        list(bulk.get(connect(server.host), "org", session_ids=map(str, range(20)), workers=1))

    assert len(server.requests) <= 3  # the one that was under way by then
    assert crew() == []


def test_where_results_are_told_a_session_that_cannot_be_had_stops_nothing(connect: Connect) -> None:
    told: list[bulk.Result] = []
    with scripted_server(refused(20)) as server:
        ids = list(map(str, range(20)))
        got = list(bulk.get(connect(server.host), "org", session_ids=ids, workers=1, on_result=told.append))

    assert len(got) == 19
    assert [result.session_id for result in told if result.outcome == "failed"] == ["1"]
    assert len(told) == 20


def test_a_session_that_is_gone_does_not_come(api: AISessionsApi) -> None:
    (session_id,) = create(api, 1)

    assert [session.id for session in bulk.get(api, "sandbox", session_ids=["none", session_id])] == [session_id]


def test_a_dry_run_of_getting_tells_what_it_would_get(api: AISessionsApi) -> None:
    ids = create(api, 3)
    told: list[bulk.Result] = []

    assert list(bulk.get(api, "sandbox", dry_run=True, on_result=told.append)) == []
    assert [(result.session_id, result.outcome) for result in told] == [(each, "planned") for each in ids]


def test_ctrl_c_while_a_session_is_waited_for_brings_the_report(connect: Connect) -> None:
    def interrupt(result: bulk.Result) -> None:
        raise KeyboardInterrupt

    with scripted_server(repeat(json_answer({}))) as server, pytest.raises(bulk.Interrupted) as caught:
        list(bulk.get(connect(server.host), "org", session_ids=["a", "b", "c"], on_result=interrupt))

    assert caught.value.report.counts["done"] >= 1
    assert crew() == []


# What a person sees

SHOW = """
print(bulk.delete(api, "sandbox", user_id="u", progress=True))
"""


def run_in_terminal(service: Sandbox, code: str) -> tuple[str, str]:
    """What a child prints to standard output, a pipe, and to standard error, a terminal."""
    ours, theirs = terminals.open_terminal(columns=100)
    command = [sys.executable, "-c", CONNECT + code, service.host, service.access_token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        shown = terminals.read_terminal(ours)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, shown
    return output, shown


def test_a_progress_bar_is_shown_in_a_terminal_on_standard_error(api: AISessionsApi, service: Sandbox) -> None:
    create(api, 12)

    output, shown = run_in_terminal(service, SHOW)

    assert output == "12 done\n"
    last = re.split(r"[\r\n]+", shown.strip())[-1]
    assert last.startswith("Deleting: 100%|")
    assert "| 12/12 [" in last


@pytest.mark.parametrize(
    "selection", ['user_id="nobody"', 'user_id="u", dry_run=True'], ids=["nothing to do", "dry run"]
)
def test_where_nothing_is_to_be_done_no_progress_bar_is_drawn(
    api: AISessionsApi, service: Sandbox, selection: str
) -> None:
    create(api, 2)

    output, shown = run_in_terminal(service, SHOW.replace('user_id="u"', selection))

    assert output in ("no sessions\n", "2 planned\n")
    assert shown == ""


def test_a_list_that_takes_long_is_shown_to_go_on(connect: Connect) -> None:
    pages = [json_answer([{"id": "a"}]), [0.7, json_answer([{"id": "b"}])], json_answer([])]
    with scripted_server([*pages, json_answer({}), json_answer({})]) as server:
        output, shown = run_in_terminal(Sandbox(server.host, "token", "sandbox"), SHOW)

    assert output == "2 done\n"
    assert "Listing: 2 sessions [" in shown
    assert shown.index("Listing: ") < shown.index("Deleting: ")


def test_in_a_pipe_no_progress_bar_is_shown(api: AISessionsApi, service: Sandbox) -> None:
    create(api, 3)
    command = [sys.executable, "-W", "error", "-c", CONNECT + SHOW, service.host, service.access_token]

    run = subprocess.run(command, capture_output=True, text=True, check=True)

    assert (run.stdout, run.stderr) == ("3 done\n", "")


def test_without_tqdm_a_progress_bar_is_refused_with_what_to_install(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with scripted_server() as server, pytest.raises(ImportError, match=r'pip install "\.\[cli\]"'):
        bulk.delete(connect(server.host), "org", user_id="u", progress=True)
