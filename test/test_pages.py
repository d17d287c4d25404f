"""Going through all the sessions of a list: what is asked, and when. What comes of it is in `unit/test_pages.py`."""

from itertools import islice, repeat
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydantic
import pytest
from conftest import Connect
from servers import ScriptedServer, json_answer, scripted_server

from quantcdn import BadRequestException, ServiceException, iter_ai_sessions
from quantcdn.sandbox import Sandbox


def page(*ids: str) -> bytes:
    return json_answer([{"id": name} for name in ids])


def asked(server: ScriptedServer) -> list[dict[str, str]]:
    """The query of each request."""
    return [{name: text for name, (text,) in parse_qs(urlsplit(r.target).query).items()} for r in server.requests]


def test_every_session_comes_in_the_order_of_the_service(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    created = [api.create_ai_session(sandbox.organisation, {"userId": "pages"}).session_id for _ in range(7)]

    found = iter_ai_sessions(api, sandbox.organisation, user_id="pages", page_size=3)

    assert [session.id for session in found] == created[::-1]


def test_the_filters_hold_for_each_page_and_combine(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    for user, group, model in [("a", "g", "m"), ("a", "g", "n"), ("a", "h", "m"), ("b", "g", "m")] * 2:
        request = {"userId": f"pages-{user}", "sessionGroup": group, "metadata": {"model": model, "title": user}}
        api.create_ai_session(sandbox.organisation, request)

    found = iter_ai_sessions(api, sandbox.organisation, user_id="pages-a", session_group="g", model="m", page_size=1)

    assert [(session.title, session.model) for session in found] == [("a", "m")] * 2


def test_nothing_is_asked_before_a_session_is_due_and_no_page_before_its_time(connect: Connect) -> None:
    with scripted_server([page("a", "b"), page("c"), page()]) as server:
        sessions = iter_ai_sessions(connect(server.host), "org", page_size=2)
        requests = [len(server.requests)]
        for _ in range(3):
            next(sessions)
            requests.append(len(server.requests))
        with pytest.raises(StopIteration):
            next(sessions)

    assert requests == [0, 1, 1, 2]
    assert [query["offset"] for query in asked(server)] == ["0", "2", "3"]
    assert {query["limit"] for query in asked(server)} == {"2"}


def test_a_hundred_are_asked_for_at_a_time(connect: Connect) -> None:
    with scripted_server([page()]) as server:
        assert list(iter_ai_sessions(connect(server.host), "org")) == []

    assert asked(server) == [{"limit": "100", "offset": "0"}]


def test_a_server_that_says_the_same_for_ever_does_not_go_on_for_ever(connect: Connect) -> None:
    with scripted_server(repeat(page("a", "b"))) as server:
        assert [session.id for session in iter_ai_sessions(connect(server.host), "org")] == ["a", "b"]

    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 422])
def test_a_service_that_refuses_an_offset_beyond_its_list_heeds_offsets(connect: Connect, status: int) -> None:
    """All sessions of the second page came before: does the service ignore the offset? It is asked for one far off."""
    script = [page("a", "b"), page("b", "a"), json_answer({"message": "offset"}, status), page("c"), page()]
    with scripted_server(script) as server:
        assert [session.id for session in iter_ai_sessions(connect(server.host), "org")] == ["a", "b", "c"]

    assert [query["offset"] for query in asked(server)] == ["0", "2", str(2**31 - 1), "4", "5"]


def test_a_refused_page_is_no_end(connect: Connect) -> None:
    with (
        scripted_server([page("a", "b"), json_answer({"message": "offset"}, 400)]) as server,
        pytest.raises(BadRequestException),
    ):
        list(iter_ai_sessions(connect(server.host), "org"))


def test_the_options_of_a_call_hold_for_each_page(connect: Connect) -> None:
    auth = {"type": "bearer", "in": "header", "key": "Authorization", "value": "Bearer other"}
    with scripted_server([page("a"), page("b"), page()]) as server:
        list(iter_ai_sessions(connect(server.host), "org", _headers={"X-Job": "nightly"}, _request_auth=auth))

    sent = [(request.headers["x-job"], request.headers["authorization"]) for request in server.requests]
    assert sent == [("nightly", "Bearer other")] * 3


@pytest.mark.needs_pace
def test_the_time_allowed_is_that_of_a_page_not_of_all(connect: Connect) -> None:
    with scripted_server([[0.3, page("a")], [0.3, page("b")], [0.3, page()]]) as server:
        found = list(iter_ai_sessions(connect(server.host), "org", _request_timeout=0.7))

    assert len(found) == 2


def test_a_page_that_fails_is_raised_after_the_sessions_before_it(connect: Connect) -> None:
    with scripted_server([page("a", "b"), json_answer({}, 503)]) as server:
        sessions = iter_ai_sessions(connect(server.host), "org")
        assert [session.id for session in islice(sessions, 2)] == ["a", "b"]
        with pytest.raises(ServiceException):
            next(sessions)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"page_size": 0}, "page_size\n  Input should be greater than or equal to 1"),
        ({"page_size": 101}, "page_size\n  Input should be less than or equal to 100"),
        ({"page_size": True}, "page_size\n  Input should be a valid integer"),
        (
            {"limit": 10},
            "limit\n  There is no such parameter or option; there are: .*user_id, session_group, model, page_",
        ),
        ({"offset": 5}, "offset\n  There is no such parameter or option"),
        ({"group": "g"}, "group\n  There is no such parameter or option"),
        ({"organisation": "a/b"}, "organisation\n  Input should be one path segment"),
        ({"user_id": 7}, "user_id\n  Input should be a valid string"),
        ({"model": "\ud800"}, "model\n  Input should be a valid string"),
        ({"_host_index": "x"}, "_host_index\n  Input should be a valid integer"),
    ],
    ids=repr,
)
def test_an_argument_that_cannot_be_meant_is_refused_by_the_call(
    connect: Connect, arguments: dict[str, Any], error: str
) -> None:
    with scripted_server() as server, pytest.raises(pydantic.ValidationError, match=error):
        iter_ai_sessions(connect(server.host), **{"organisation": "org", **arguments})
