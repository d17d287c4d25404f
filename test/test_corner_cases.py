"""Promises where two of them meet, like a deadline and a retry, or a status and a body that cannot be read."""

import socket
import threading
from typing import Any

import pytest
from conftest import Connect
from servers import STALL, answer, json_answer, scripted_server
from stalls import within

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiTypeError,
    ApiValueError,
    Configuration,
    ConnectionException,
    OutcomeUnknownException,
    RetryPolicy,
    ServiceException,
    TimeoutException,
    UnauthorizedException,
)
from quantcdn.rest import RESTClientObject

SESSION = json_answer({"id": "s"})
AT_ONCE = RetryPolicy(backoff=0)
NOT_GZIP = {"Content-Encoding": "gzip"}


def test_a_retried_raw_answer_does_not_lift_the_deadline(connect: Connect) -> None:
    later = answer(503, headers={"Retry-After": "30"})
    with scripted_server([later]) as server:
        api = connect(server.host, retries=AT_ONCE)
        response = api.get_ai_session_without_preload_content("org", "s", _request_timeout=1)
        assert response.status == 503
        response.close()


def test_a_call_that_allows_more_than_the_configured_time_waits_as_long_as_it_was_asked(connect: Connect) -> None:
    with scripted_server([answer(429, headers={"Retry-After": "1"}), SESSION]) as server:
        api = connect(server.host, retries=AT_ONCE, timeout=0.5)
        assert api.get_ai_session("org", "s", _request_timeout=10).id == "s"


@pytest.mark.parametrize("body", [b"<html>", b"x" * 2_000], ids=["not gzip", "too large"])
def test_a_status_counts_although_its_body_cannot_be_read(body: bytes) -> None:
    headers = NOT_GZIP if body == b"<html>" else {}
    configuration = Configuration(access_token="qc_1", retries=False)
    configuration.max_response_size = 1_000
    script = [answer(502, body, headers), answer(401, body, headers), answer(500, body, headers)]
    with scripted_server(script) as server:
        configuration.host = server.host
        with ApiClient(configuration) as client:
            api = AISessionsApi(client)
            with pytest.raises(OutcomeUnknownException) as unknown:
                api.create_ai_session("org", {"userId": "u"})
            assert isinstance(unknown.value, ServiceException)
            with pytest.raises(UnauthorizedException):
                api.get_ai_session("org", "s")
            with pytest.raises(ServiceException):
                api.get_ai_session("org", "s")


def test_an_upload_that_stalls_under_a_pair_is_a_timeout(connect: Connect) -> None:
    large = {"newMessages": [{"role": "user", "content": "x" * 30_000_000}]}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        api = connect(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(TimeoutException) as caught:
            api.update_ai_session("org", "s", large, _request_timeout=(1, 0.3))
    assert isinstance(caught.value, OutcomeUnknownException)


@pytest.mark.parametrize("key", ["Authorization", "X-Key"])
def test_the_auth_of_a_call_takes_the_place_of_the_configured_token(connect: Connect, key: str) -> None:
    with scripted_server([SESSION]) as server:
        auth = {"type": "bearer", "in": "header", "key": key, "value": "Bearer other"}
        connect(server.host, access_token="qc_configured").get_ai_session("org", "s", _request_auth=auth)
    (request,) = server.requests
    assert b"qc_configured" not in request.head
    assert f"{key}: Bearer other".encode() in request.head


def test_answers_without_a_body_are_objects_of_their_own(connect: Connect) -> None:
    with scripted_server([answer(204), answer(204)]) as server:
        api = connect(server.host)
        api.delete_ai_session("org", "s").message = "mine"
        assert api.delete_ai_session("org", "s").message is None


def test_a_length_may_be_told_twice(connect: Connect) -> None:
    with scripted_server([json_answer({"id": "s"}, headers={"Content-Length": "11, 11"})]) as server:
        assert connect(server.host).get_ai_session("org", "s").id == "s"


def test_a_list_of_lengths_is_refused_at_once(connect: Connect) -> None:
    both = json_answer({"id": "s"}, headers={"Content-Length": "11, 12"})
    with (
        scripted_server([both, STALL]) as server,
        within(10),
        pytest.raises(ConnectionException, match="more than one length"),
    ):
        connect(server.host, retries=False).get_ai_session("org", "s", _request_timeout=20)


@pytest.mark.parametrize("host", ["http://a..localhost:1", "http://.localhost:1", f"http://{'a' * 64}.localhost:1"])
def test_a_host_that_can_be_no_name_is_not_found(connect: Connect, host: str) -> None:
    with pytest.raises(ConnectionException, match="could not be found") as caught:
        connect(host).get_ai_session("org", "s")
    assert caught.value.never_sent


def test_a_token_with_commas_is_hidden_as_a_whole(connect: Connect) -> None:
    token = "aaaaaaa,bbbbbbb,ccccccc"
    echo = json_answer({"message": f"unknown token {token}"}, 401)
    with scripted_server([echo]) as server, pytest.raises(UnauthorizedException) as caught:
        connect(server.host, access_token=token).get_ai_session("org", "s")
    assert "aaaaaaa" not in f"{caught.value!s}{caught.value.body}{caught.value.data}"


@pytest.mark.parametrize("timeout", ["5", 0, -1, float("nan"), (1, None), True, ()])
def test_a_time_that_is_none_is_refused_by_the_low_level_surface_too(timeout: Any) -> None:
    rest = RESTClientObject(Configuration())
    with pytest.raises(ApiValueError, match="_request_timeout must be"):
        rest.request("GET", "http://127.0.0.1:9", _request_timeout=timeout)


def test_what_is_no_client_host_or_header_is_named() -> None:
    wrong: Any = Configuration()
    with pytest.raises(ApiTypeError, match="api_client must be an ApiClient"):
        AISessionsApi(wrong)
    wrong = 5
    with pytest.raises(ApiTypeError, match="host must be a str"):
        Configuration(wrong)
    with ApiClient() as client, pytest.raises(ApiTypeError, match="header must be str"):
        client.set_default_header("X-Number", wrong)


def test_threads_that_ask_at_once_get_one_default(no_defaults: None) -> None:
    together, found = threading.Barrier(8), []

    def ask() -> None:
        together.wait(10)
        found.append(Configuration.get_default())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(configuration) for configuration in found}) == 1
