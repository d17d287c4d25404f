"""What an error says: what it was about, and what to do."""

import subprocess
import sys
from typing import Any

import pydantic
import pytest
from conftest import TOKEN, Connect
from programs import nobody
from servers import CLOSE, answer, scripted_server

import quantcdn
from quantcdn import (
    AISessionsApi,
    ApiTypeError,
    ConnectionException,
    Conversation,
    CreateAISessionRequest,
    ForbiddenException,
    NotFoundException,
    OutcomeUnknownException,
    TLSException,
    TransportException,
    UpdateAISessionRequest,
    bulk,
    iter_ai_sessions,
)
from quantcdn import sandbox as sandboxes
from quantcdn.exceptions import ApiException
from quantcdn.sandbox import Sandbox


@pytest.fixture
def api(connect: Connect, sandbox: Sandbox) -> AISessionsApi:
    return connect(sandbox.host, sandbox.access_token)


# An exception names the operation


def test_swapped_arguments_show_at_a_glance(api: AISessionsApi, sandbox: Sandbox) -> None:
    with pytest.raises(NotFoundException) as right:
        api.get_ai_session(sandbox.organisation, session_id="s-1")
    with pytest.raises(ForbiddenException) as swapped:
        api.get_ai_session_with_http_info("s-1", sandbox.organisation)

    assert right.value.operation == "get_ai_session sandbox/s-1"
    assert str(right.value).startswith("get_ai_session sandbox/s-1: 404 Not Found: There is no such session")
    assert str(swapped.value).startswith("get_ai_session s-1/sandbox: 403 Forbidden: ")
    assert "get_ai_session sandbox/s-1" in right.value._repr_html_()


def test_an_exception_of_no_answer_names_the_operation_too(connect: Connect) -> None:
    with nobody() as address:
        api = connect(f"http://{address}")
        with pytest.raises(TransportException, match=r"^list_ai_sessions org: Could not connect"):
            api.list_ai_sessions("org", user_id="who-it-is")
        with pytest.raises(TransportException, match=r"^create_ai_session org: Could not connect"):
            api.create_ai_session("org", {"userId": "who-it-is"})
        with pytest.raises(TransportException, match=r"^delete_ai_session org/s-1: Could not connect"):
            api.delete_ai_session_without_preload_content("org", "s-1")


def test_a_request_of_ones_own_is_no_operation(connect: Connect) -> None:
    with nobody() as address, pytest.raises(ConnectionException, match=r"^Could not connect") as caught:
        connect(f"http://{address}").api_client.call_api("GET", f"http://{address}/")
    assert caught.value.operation is None


def test_an_outcome_that_is_not_known_names_the_session(connect: Connect) -> None:
    with (
        scripted_server([answer(500)]) as server,
        pytest.raises(OutcomeUnknownException, match=r"^extend_ai_session org/s: 500"),
    ):
        connect(server.host).extend_ai_session("org", "s")


def test_what_stands_in_the_place_of_an_id_shows_no_token_and_acts_on_no_terminal(connect: Connect) -> None:
    with scripted_server([answer(403), answer(404)]) as server:
        api = connect(server.host)
        with pytest.raises(ForbiddenException) as caught:
            api.get_ai_session(TOKEN, "s-1")
        with pytest.raises(NotFoundException) as long:
            api.get_ai_session("org", "\u202e" + "s" * 10_000)
    assert str(caught.value) == "get_ai_session ***/s-1: 403 Forbidden"
    assert str(long.value).startswith("get_ai_session org/\\u202esss")
    assert len(str(long.value)) < 300


def test_an_exception_that_was_made_by_hand_names_no_operation() -> None:
    assert str(ApiException(404, "Not Found")) == "404 Not Found"


def test_a_refusal_names_the_method_or_the_function(api: AISessionsApi) -> None:
    def title(function: Any, *args: object, **kwargs: object) -> str:
        with pytest.raises(pydantic.ValidationError) as caught:
            function(*args, **kwargs)
        return caught.value.title

    assert title(Conversation.open, api, "", user_id="u") == "Conversation.open"
    assert title(bulk.delete, api, "", everything=True) == "bulk.delete"
    assert title(lambda: next(iter_ai_sessions(api, ""))) == "pages.iter_ai_sessions"
    assert title(api.get_ai_session, "org", "") == "get_ai_session"


# A proxy, and a server without TLS


@pytest.mark.parametrize("source", ["HTTPS_PROXY", "https_proxy", "Configuration.proxy"])
def test_a_proxy_that_fails_is_named_with_where_it_was_configured(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    with nobody() as address:
        proxy = f"http://anna:correct-horse@{address}"
        if source != "Configuration.proxy":
            monkeypatch.setenv(source, proxy)
        api = connect("https://service.example")
        if source == "Configuration.proxy":
            api.api_client.configuration.proxy = proxy
            api = AISessionsApi(quantcdn.ApiClient(api.api_client.configuration))
        with pytest.raises(ConnectionException) as caught:
            api.list_ai_sessions("org")

    text = str(caught.value)
    assert f"https://service.example through the proxy http://{address} of {source}: Connection refused" in text
    assert ("NO_PROXY" in text) == (source != "Configuration.proxy")
    assert "correct-horse" not in text
    assert "anna" not in text


def test_an_answer_that_a_proxy_lost_names_the_proxy(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server([[CLOSE]]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.host)
        with pytest.warns(UserWarning, match="plain HTTP"):
            api = connect("http://service.example")
        with pytest.raises(ConnectionException, match=f"through the proxy {proxy.host} of HTTP_PROXY"):
            api.list_ai_sessions("org")


def test_a_server_without_tls_is_said_to_speak_plain_http(connect: Connect, sandbox: Sandbox) -> None:
    api = connect(sandbox.host.replace("http:", "https:"))
    with pytest.raises(TLSException, match="speaks plain HTTP there, it seems: then its URL begins with http://"):
        api.list_ai_sessions("org")


def test_a_proxy_without_tls_is_said_to_speak_plain_http(
    connect: Connect, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", sandbox.host.replace("http:", "https:"))
    with pytest.raises(ConnectionException, match=r"of HTTPS_PROXY: .*; the proxy speaks plain HTTP there"):
        connect("https://service.example").list_ai_sessions("org")


# Arguments


@pytest.mark.parametrize(
    ("value", "came"), [(5, "int"), (None, "None"), (b"u", "bytes"), (["u"], "list"), (1.5, "float")], ids=repr
)
def test_what_came_instead_of_a_string_is_named(api: AISessionsApi, value: Any, came: str) -> None:
    problem = f"Input should be a valid string, not {came} \\[type=string_type\\]$"
    requests = [
        lambda: CreateAISessionRequest(user_id=value),
        lambda: setattr(CreateAISessionRequest(user_id="u"), "user_id", value),
        lambda: api.create_ai_session("org", {"userId": value}),
        lambda: api.get_ai_session("org", value),
        lambda: bulk.delete(api, value, everything=True),
    ]
    if value is not None:
        requests += [
            lambda: UpdateAISessionRequest.from_dict({"newMessages": [{"role": "user", "content": value}]}),
            lambda: api.list_ai_sessions("org", user_id=value),
        ]
    for make in requests:
        with pytest.raises(pydantic.ValidationError, match=problem):
            make()


def test_other_types_are_named_as_well_and_the_value_is_not(api: AISessionsApi) -> None:
    limit: Any = "the limit"
    with pytest.raises(
        pydantic.ValidationError, match=r"limit\n  Input should be a valid integer, not str \["
    ) as caught:
        api.list_ai_sessions("org", limit=limit)
    assert "the limit" not in repr(caught.value.errors())


def test_an_organisation_that_is_empty_is_said_to_be(api: AISessionsApi) -> None:
    with pytest.raises(pydantic.ValidationError, match=r"organisation\n .*, and it is empty"):
        api.list_ai_sessions("")


@pytest.mark.parametrize("messages", ["hi", [{"role": "user", "content": "hi"}], ()], ids=["text", "list", "tuple"])
def test_messages_are_given_one_by_one(api: AISessionsApi, sandbox: Sandbox, messages: Any) -> None:
    conversation = Conversation.open(api, sandbox.organisation, user_id="u")
    with pytest.raises(ApiTypeError, match=rf"role and content, not {type(messages).__name__}: give one by one"):
        conversation.append(messages)
    assert conversation.messages == []


# Names


@pytest.mark.parametrize("name", ["ApplicationsApi", "AIModelsApi", "AISessionApi"])
def test_another_api_of_the_official_client_is_said_to_be_none_of_ours(name: str) -> None:
    told = f"{name}.*AI sessions only.*see docs/Migration.md"
    with pytest.raises(AttributeError, match=told):
        getattr(quantcdn, name)
    with pytest.raises(ImportError, match=told):
        exec(f"from quantcdn import {name}")
    assert not hasattr(quantcdn, name)


@pytest.mark.parametrize(
    ("data", "asked", "meant"),
    [
        ({"id": "s"}, "session_id", "id"),
        ({"id": "s"}, "sessionId", "id"),
        ({"id": "s"}, "createdAt", "created_at"),
    ],
)
def test_the_field_that_is_meant_is_named(data: dict[str, str], asked: str, meant: str) -> None:
    listed = quantcdn.ListAISessions200ResponseInner.from_dict(data)
    with pytest.raises(AttributeError, match=f"has no attribute '{asked}': it is '{meant}' here"):
        getattr(listed, asked)
    assert getattr(listed, asked, None) is None


def test_the_id_of_a_created_session_has_another_name() -> None:
    created = quantcdn.CreateAISession201Response(session_id="s")
    with pytest.raises(AttributeError, match="has no attribute 'id': it is 'session_id' here"):
        created.id  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no attribute 'colour'$"):
        created.colour  # type: ignore[attr-defined]  # noqa: B018


# The sandbox


def test_a_sandbox_runs_within_a_with_block() -> None:
    with pytest.raises(AttributeError, match=r"no 'host' before .*: with sandbox.running\(\) as service: "):
        sandboxes.running().host  # type: ignore[attr-defined]  # noqa: B018


def test_a_port_in_use_points_to_the_option(sandbox: Sandbox) -> None:
    port = sandbox.host.rpartition(":")[2]
    run = subprocess.run([sys.executable, "-m", "quantcdn.sandbox", "--port", port], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.endswith(f"port {port} is in use; give another with --port, or none for any that is free\n")
