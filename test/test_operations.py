"""Every operation, from one table: against the sandbox, on the wire, with bad input, with options, and refused.

Another API class adds a row for each of its operations to `OPERATIONS`.
"""

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import pytest
import urllib3
from conftest import TOKEN, Connect
from pydantic import ValidationError
from servers import answer, json_answer, scripted_server

from quantcdn import (
    AISessionsApi,
    ApiException,
    ApiResponse,
    ApiValueError,
    BadRequestException,
    ConflictException,
    CreateAISession201Response,
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    DeleteAISession200Response,
    ExtendAISession200Response,
    ExtendAISessionRequest,
    ForbiddenException,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    NotFoundException,
    OutcomeUnknownException,
    ResponseFormatException,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
    UpdateAISession200Response,
    UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
    __version__,
)
from quantcdn.sandbox import Sandbox

ID = "5f3c1c1e-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: the name of its plain variant.
        path: its path parameters, by name. The sandbox test takes the sandbox's organisation and a new session.
        arguments: its other arguments, by name.
        request: method and target of the request.
        answer: a successful answer.
        result: what that answer is read as.
        done: tells whether what the sandbox answered is right, where the session has one message.
        repeatable: whether it may be sent again when its outcome is unknown.
        body: the body of the request, if any.
        dicts: the same body, as other dicts that can be given.
        status: the status of a successful answer.
        api: the class that it belongs to.
    """

    name: str
    path: dict[str, str]
    arguments: dict[str, Any]
    request: tuple[str, str]
    answer: Any
    result: Any
    done: Callable[[Any, dict[str, str]], bool]
    repeatable: bool
    body: dict[str, Any] | None = None
    dicts: tuple[dict[str, Any], ...] = field(default=())
    status: int = 200
    api: type[Any] = AISessionsApi

    def __str__(self) -> str:
        return self.name

    def method(self, connected: AISessionsApi, variant: str = "") -> Callable[..., Any]:
        """A variant of the operation, on the client of the class given."""
        method: Callable[..., Any] = getattr(self.api(connected.api_client), f"{self.name}{variant}")
        return method

    def call(self, connected: AISessionsApi, variant: str = "", **changes: Any) -> Any:
        return self.method(connected, variant)(**{**self.path, **self.arguments, **changes})

    @property
    def body_argument(self) -> str:
        return f"{self.name}_request"


OPERATIONS = [
    Operation(
        name="create_ai_session",
        path={"organisation": "org"},
        arguments={
            "create_ai_session_request": CreateAISessionRequest(
                user_id="user-1",
                initial_messages=[CreateAISessionRequestInitialMessagesInner(role="system", content="Be brief.")],
            )
        },
        request=("POST", "/api/v3/organizations/org/ai/sessions"),
        body={
            "userId": "user-1",
            "expirationMinutes": 60,
            "initialMessages": [{"role": "system", "content": "Be brief."}],
        },
        dicts=(
            {"userId": "user-1", "initialMessages": [{"role": "system", "content": "Be brief."}]},
            {"user_id": "user-1", "initial_messages": [{"role": "system", "content": "Be brief."}]},
        ),
        status=201,
        answer={"sessionId": ID, "status": "active"},
        result=CreateAISession201Response(session_id=ID, status="active"),
        done=lambda result, path: result.status == "active" and result.expires_at > result.created_at,
        repeatable=False,
    ),
    Operation(
        name="list_ai_sessions",
        path={"organisation": "org"},
        arguments={"user_id": "user-1", "limit": 5},
        request=("GET", "/api/v3/organizations/org/ai/sessions?userId=user-1&limit=5"),
        answer=[{"id": ID, "title": "Hello"}],
        result=[ListAISessions200ResponseInner(id=ID, title="Hello")],
        done=lambda result, path: 1 <= len(result) <= 5 and result[0].title == "Hello",
        repeatable=True,
    ),
    Operation(
        name="get_ai_session",
        path={"organisation": "org", "session_id": ID},
        arguments={},
        request=("GET", f"/api/v3/organizations/org/ai/sessions/{ID}"),
        answer={"id": ID, "messages": [{"role": "user", "content": "Hello"}]},
        result=GetAISession200Response(id=ID, messages=[{"role": "user", "content": "Hello"}]),
        done=lambda result, path: (
            result.id == path["session_id"] and result.messages == [{"role": "user", "content": "Hello"}]
        ),
        repeatable=True,
    ),
    Operation(
        name="update_ai_session",
        path={"organisation": "org", "session_id": ID},
        arguments={
            "update_ai_session_request": UpdateAISessionRequest(
                new_messages=[UpdateAISessionRequestNewMessagesInner(role="user", content="Hi")], tokens_used=7
            )
        },
        request=("PUT", f"/api/v3/organizations/org/ai/sessions/{ID}"),
        body={"newMessages": [{"role": "user", "content": "Hi"}], "tokensUsed": 7},
        dicts=(
            {"newMessages": [{"role": "user", "content": "Hi"}], "tokensUsed": 7},
            {"new_messages": [{"role": "user", "content": "Hi"}], "tokens_used": 7},
        ),
        answer={"sessionId": ID, "totalMessages": 2, "totalTokens": 7},
        result=UpdateAISession200Response(session_id=ID, total_messages=2, total_tokens=7),
        done=lambda result, path: (
            (result.session_id, result.total_messages, result.total_tokens) == (path["session_id"], 2, 7)
        ),
        repeatable=False,
    ),
    Operation(
        name="extend_ai_session",
        path={"organisation": "org", "session_id": ID},
        arguments={"extend_ai_session_request": ExtendAISessionRequest(additional_minutes=30)},
        request=("PUT", f"/api/v3/organizations/org/ai/sessions/{ID}/extend"),
        body={"additionalMinutes": 30},
        dicts=({"additionalMinutes": 30}, {"additional_minutes": 30}),
        answer={"sessionId": ID, "message": "Session extended by 30 minutes"},
        result=ExtendAISession200Response(session_id=ID, message="Session extended by 30 minutes"),
        done=lambda result, path: result.message == "Session extended by 30 minutes",
        repeatable=False,
    ),
    Operation(
        name="delete_ai_session",
        path={"organisation": "org", "session_id": ID},
        arguments={},
        request=("DELETE", f"/api/v3/organizations/org/ai/sessions/{ID}"),
        answer={"message": "Session deleted"},
        result=DeleteAISession200Response(message="Session deleted"),
        done=lambda result, path: result.message == "Session deleted",
        repeatable=True,
    ),
]
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
VARIANTS = ["", "_with_http_info", "_without_preload_content"]

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=["plain", "with_http_info", "without_preload_content"])


# Against the sandbox


@pytest.fixture(params=["sandbox", "sandbox_process"], ids=["same process", "another process"])
def service(request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = request.getfixturevalue(request.param)
    return found


@each_variant
@each_operation
def test_an_operation_works_against_the_sandbox(
    service: Sandbox, connect: Connect, operation: Operation, variant: str
) -> None:
    api = connect(service.host, service.access_token)
    organisation = service.organisation
    session = api.create_ai_session(
        organisation, {"userId": "user-1", "initialMessages": [{"role": "user", "content": "Hello"}]}
    )
    known = {"organisation": organisation, "session_id": session.session_id}
    path = {name: known[name] for name in operation.path}

    result = operation.call(api, variant, **path)

    if variant == "_without_preload_content":
        assert isinstance(result, urllib3.BaseHTTPResponse)
        assert result.status == operation.status
        assert type(result.json()) is type(operation.answer)
        return
    if variant == "_with_http_info":
        assert isinstance(result, ApiResponse)
        assert result.status_code == operation.status
        assert result.request_id
        assert json.loads(result.raw_data)
        result = result.data
    assert isinstance(result, type(operation.result))
    assert operation.done(result, path)


def test_a_deleted_session_is_gone(service: Sandbox, connect: Connect) -> None:
    api = connect(service.host, service.access_token)
    session_id = api.create_ai_session(service.organisation, {"userId": "user-2"}).session_id
    assert api.list_ai_sessions(service.organisation, user_id="user-2")[0].id == session_id
    api.delete_ai_session(service.organisation, session_id)
    assert api.list_ai_sessions(service.organisation, user_id="user-2") == []
    with pytest.raises(NotFoundException, match="There is no such session, or it has expired"):
        api.get_ai_session(service.organisation, session_id)


# What is sent, and what is read


@each_variant
@each_operation
def test_an_operation_sends_exactly_its_request(connect: Connect, operation: Operation, variant: str) -> None:
    with scripted_server([json_answer(operation.answer, operation.status)]) as server:
        result = operation.call(connect(server.host), variant)
        if variant == "_without_preload_content":
            assert result.json() == operation.answer
    request = server.request
    assert (request.method, request.target) == operation.request
    headers = request.headers
    assert headers.pop("user-agent").startswith(f"quantcdn-python/{__version__} Python/")
    expected = {
        "host": server.host.removeprefix("http://"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {TOKEN}",
    }
    if operation.body is not None:
        expected |= {"content-type": "application/json", "content-length": str(len(request.body))}
        assert request.json() == operation.body
    else:
        assert request.body == b""
    assert headers == expected


@each_operation
def test_an_answer_is_read_as_its_model(connect: Connect, operation: Operation) -> None:
    reply = json_answer(operation.answer, operation.status, {"X-Request-Id": "r-1"})
    with scripted_server([reply, reply]) as server:
        api = connect(server.host)
        assert operation.call(api) == operation.result
        answered = operation.call(api, "_with_http_info")
    assert answered.data == operation.result
    assert answered.status_code == operation.status
    assert answered.headers["x-request-id"] == answered.headers["X-Request-Id"] == answered.request_id == "r-1"
    assert answered.raw_data == json.dumps(operation.answer).encode()


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
@each_operation
def test_any_status_of_success_counts(connect: Connect, operation: Operation, status: int) -> None:
    with scripted_server([json_answer(operation.answer, status)]) as server:
        answered = operation.call(connect(server.host), "_with_http_info")
    assert (answered.status_code, answered.data) == (status, operation.result)


@pytest.mark.parametrize(
    "reply",
    [answer(), answer(204), answer(200, b"<html>"), answer(200, b"7"), answer(200, b"null"), answer(200, b'{"id": [')],
    ids=["empty", "no content", "markup", "a number", "null", "cut"],
)
@each_operation
def test_a_success_that_cannot_be_read_is_an_error(connect: Connect, operation: Operation, reply: bytes) -> None:
    with scripted_server([reply]) as server:
        api = connect(server.host)
        says_nothing = not reply.endswith((b"<html>", b"7", b"["))
        if operation.name == "delete_ai_session" and says_nothing:
            assert operation.call(api) == DeleteAISession200Response()
            return
        with pytest.raises(
            ResponseFormatException, match=rf"^{operation.name} org\S*: 20\d The answer cannot be read as "
        ) as caught:
            operation.call(api)
    assert caught.value.body == reply.partition(b"\r\n\r\n")[2].decode()


# Bad input is refused before a socket opens

BAD_SEGMENTS: dict[str, Any] = {
    "empty": "",
    "dot": ".",
    "two dots": "..",
    "slash": "a/b",
    "leading slash": "/a",
    "backslash": "a\\b",
    "encoded dots": "%2e%2E",
    "dots encoded twice": "%252e%252e",
    "encoded slash": "a%2Fb",
    "slash encoded twice": "a%252fb",
    "encoded backslash": "a%5cb",
    "line break": "a\r\nb",
    "encoded line break": "a%0d%0ab",
    "null": "a\0b",
    "delete": "a\x7fb",
    "control of Latin-1": "a\x85b",
    "lone surrogate": "a\ud800b",
    "None": None,
    "number": 7,
    "bytes": b"a",
    "bool": True,
}


@pytest.mark.parametrize("value", BAD_SEGMENTS.values(), ids=BAD_SEGMENTS)
@pytest.mark.parametrize(
    ("operation", "parameter"),
    [pytest.param(row, name, id=f"{row}-{name}") for row in OPERATIONS for name in row.path],
)
def test_a_path_parameter_that_is_no_segment_is_refused(
    connect: Connect, operation: Operation, parameter: str, value: Any
) -> None:
    with scripted_server() as server:
        api = connect(server.host)
        for variant in VARIANTS:
            with pytest.raises(ValidationError) as caught:
                operation.call(api, variant, **{parameter: value})
            (error,) = caught.value.errors()
            assert error["loc"] == (parameter,)
            assert error["msg"].startswith(("Input should be one path segment", "Input should be a valid string"))
            assert "input_value" not in str(caught.value)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("segment", "sent"),
    [
        ("a b", "a%20b"),
        ("ü", "%C3%BC"),
        ("😀", "%F0%9F%98%80"),
        ("a?b#c", "a%3Fb%23c"),
        ("a&b=c+d", "a%26b%3Dc%2Bd"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("a.b-c_d~e", "a.b-c_d~e"),
        ("...", "..."),
        ("session-1769056496430", "session-1769056496430"),
    ],
)
def test_a_path_parameter_is_one_encoded_segment(connect: Connect, segment: str, sent: str) -> None:
    with scripted_server([json_answer({})]) as server:
        connect(server.host).get_ai_session(segment, segment)
    assert server.request.target == f"/api/v3/organizations/{sent}/ai/sessions/{sent}"


BAD_OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt option": ({"_request_timout": 1}, "_request_timout"),
    "option without its underscore": ({"headers": {}}, "headers"),
    **{
        f"timeout {value!r}": ({"_request_timeout": value}, "_request_timeout")
        for value in (True, 0, -1, 0.0, math.nan, -math.inf, "1", (1,), (1, 2, 3), (1, 0), ("1", 2), [1, 2], {})
    },
    "auth as a string": ({"_request_auth": "Bearer qc_1"}, "_request_auth"),
    "auth with a number": ({"_request_auth": {"value": 7}}, "_request_auth"),
    "content type as bytes": ({"_content_type": b"text/plain"}, "_content_type"),
    "headers as a list": ({"_headers": [("X-A", "1")]}, "_headers"),
    "header with a number": ({"_headers": {"X-A": 1}}, "_headers"),
    "header with a line break": ({"_headers": {"X-A": "1\r\nX-B: 2"}}, "_headers"),
    "header name with a space": ({"_headers": {"X A": "1"}}, "_headers"),
    "header name that is empty": ({"_headers": {"": "1"}}, "_headers"),
    "header beyond Latin-1": ({"_headers": {"X-A": "€"}}, "_headers"),
    "host index as a string": ({"_host_index": "1"}, "_host_index"),
    "host index as a bool": ({"_host_index": True}, "_host_index"),
    "negative host index": ({"_host_index": -1}, "_host_index"),
}


@pytest.mark.parametrize(("options", "named"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
@each_operation
def test_a_bad_option_is_refused(connect: Connect, operation: Operation, options: dict[str, Any], named: str) -> None:
    with scripted_server() as server:
        api = connect(server.host)
        for variant in VARIANTS:
            with pytest.raises(ValidationError) as caught:
                operation.call(api, variant, **options)
            assert any(named in error["loc"] for error in caught.value.errors())
            assert "input_value" not in str(caught.value)
    assert server.connections == 0


@each_operation
def test_a_misspelt_keyword_is_answered_with_what_there_is(connect: Connect, operation: Operation) -> None:
    with scripted_server() as server, pytest.raises(ValidationError) as caught:
        operation.call(connect(server.host), organization="org")
    (error,) = caught.value.errors()
    assert error["loc"] == ("organization",)
    parameters = inspect.signature(getattr(operation.api, operation.name)).parameters
    assert error["msg"].endswith(f"there are: {', '.join(name for name in parameters if name != 'self')}")
    assert server.connections == 0


@each_operation
def test_a_missing_argument_is_refused_by_name(connect: Connect, operation: Operation) -> None:
    with scripted_server() as server, pytest.raises(ValidationError) as caught:
        operation.method(connect(server.host))()
    missing = [error["loc"][0] for error in caught.value.errors()]
    assert missing[: len(operation.path)] == list(operation.path)
    assert server.connections == 0


@each_operation
def test_too_many_arguments_are_refused(connect: Connect, operation: Operation) -> None:
    with scripted_server() as server, pytest.raises(ValidationError):
        operation.method(connect(server.host))(*["a"] * 9)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("user_id", 7),
        ("user_id", b"u"),
        ("user_id", "\ud800"),
        ("session_group", ["g"]),
        ("model", True),
        ("limit", True),
        ("limit", "5"),
        ("limit", 5.0),
        ("limit", 0),
        ("limit", 101),
        ("offset", -1),
        ("offset", False),
        ("offset", "0"),
    ],
    ids=ascii,
)
def test_a_filter_of_the_wrong_type_or_out_of_bounds_is_refused(connect: Connect, parameter: str, value: Any) -> None:
    with scripted_server() as server, pytest.raises(ValidationError) as caught:
        connect(server.host).list_ai_sessions("org", **{parameter: value})
    assert [error["loc"] for error in caught.value.errors()] == [(parameter,)]
    assert server.connections == 0


# Bodies


@pytest.mark.parametrize(
    ("operation", "body"),
    [pytest.param(row, body, id=f"{row}-{next(iter(body))}") for row in WITH_BODY for body in row.dicts],
)
def test_a_dict_serves_as_a_model(connect: Connect, operation: Operation, body: dict[str, Any]) -> None:
    with scripted_server([json_answer(operation.answer)]) as server:
        operation.call(connect(server.host), "", **{operation.body_argument: body})
    assert server.request.json() == operation.body


BAD_BODIES: dict[str, tuple[str, Any, str]] = {
    "create: misspelt": ("create_ai_session", {"userId": "u", "sesionGroup": "g"}, "sesionGroup"),
    "create: nothing": ("create_ai_session", {}, "userId"),
    "create: None": ("create_ai_session", None, "CreateAISessionRequest"),
    "create: list": ("create_ai_session", [], "CreateAISessionRequest"),
    "create: text": ("create_ai_session", '{"userId": "u"}', "CreateAISessionRequest"),
    "create: another model": ("create_ai_session", ExtendAISessionRequest(), "CreateAISessionRequest"),
    "create: user as a number": ("create_ai_session", {"userId": 7}, "userId"),
    "create: user is null": ("create_ai_session", {"userId": None}, "userId"),
    "create: minutes as text": ("create_ai_session", {"userId": "u", "expirationMinutes": "60"}, "expirationMinutes"),
    "create: minutes as a bool": ("create_ai_session", {"userId": "u", "expirationMinutes": True}, "expirationMinutes"),
    "create: minutes as a float": (
        "create_ai_session",
        {"userId": "u", "expirationMinutes": 60.0},
        "expirationMinutes",
    ),
    "create: too few minutes": ("create_ai_session", {"userId": "u", "expirationMinutes": 4}, "expirationMinutes"),
    "create: too many minutes": ("create_ai_session", {"userId": "u", "expirationMinutes": 1441}, "expirationMinutes"),
    "create: wrong role": (
        "create_ai_session",
        {"userId": "u", "initialMessages": [{"role": "robot"}]},
        "initialMessages.0.role",
    ),
    "create: NaN in metadata": ("create_ai_session", {"userId": "u", "metadata": {"a": [math.nan]}}, "metadata.a[0]"),
    "create: bytes in metadata": ("create_ai_session", {"userId": "u", "metadata": {"a": {"b": b""}}}, "metadata.a.b"),
    "create: key that is a number": ("create_ai_session", {"userId": "u", "metadata": {"a": {1: 2}}}, "metadata.a"),
    "update: misspelt": ("update_ai_session", {"tokens": 1}, "tokens"),
    "update: system role": ("update_ai_session", {"newMessages": [{"role": "system"}]}, "newMessages.0.role"),
    "update: misspelt in a message": ("update_ai_session", {"newMessages": [{"rol": "user"}]}, "newMessages.0"),
    "update: wrong status": ("update_ai_session", {"status": "done"}, "status"),
    "update: tokens as a bool": ("update_ai_session", {"tokensUsed": True}, "tokensUsed"),
    "update: message is text": ("update_ai_session", {"newMessages": ["Hi"]}, "newMessages.0"),
    "extend: no minutes": ("extend_ai_session", {"additionalMinutes": 0}, "additionalMinutes"),
    "extend: too many minutes": ("extend_ai_session", {"additionalMinutes": 1441}, "additionalMinutes"),
    "extend: a number": ("extend_ai_session", 60, "ExtendAISessionRequest"),
}


@pytest.mark.parametrize(("name", "body", "named"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_and_its_place_named(connect: Connect, name: str, body: Any, named: str) -> None:
    operation = next(row for row in OPERATIONS if row.name == name)
    with scripted_server() as server:
        api = connect(server.host)
        for variant in VARIANTS:
            with pytest.raises(ValidationError) as caught:
                operation.call(api, variant, **{operation.body_argument: body})
            assert named in str(caught.value)
            assert "input_value" not in str(caught.value)
    assert server.connections == 0


def _wrong_item() -> CreateAISessionRequest:
    request = CreateAISessionRequest(user_id="u", initial_messages=[])
    assert request.initial_messages is not None
    request.initial_messages.append({"role": "robot"})
    return request


def _wrong_role_set_behind_the_back() -> UpdateAISessionRequest:
    message = UpdateAISessionRequestNewMessagesInner(role="user", content="Hi")
    request = UpdateAISessionRequest(new_messages=[message])
    message.__dict__["role"] = "robot"
    assert request.new_messages is not None
    request.new_messages[0].__dict__["role"] = "robot"
    return request


def _wrong_metadata() -> CreateAISessionRequest:
    request = CreateAISessionRequest(user_id="u", metadata={"a": {}})
    assert request.metadata is not None
    request.metadata["a"]["b"] = {1, 2}
    return request


CHANGED: dict[str, tuple[str, Callable[[], Any], str]] = {
    "item appended to a list": ("create_ai_session", _wrong_item, "initial_messages.0.role"),
    "role of a message": ("update_ai_session", _wrong_role_set_behind_the_back, "new_messages.0.role"),
    "deep in metadata": ("create_ai_session", _wrong_metadata, "metadata.a.b"),
    "made without checks": (
        "create_ai_session",
        lambda: CreateAISessionRequest.model_construct(user_id=7),
        "user_id",
    ),
    "made without what is required": ("create_ai_session", CreateAISessionRequest.model_construct, "userId"),
    "out of bounds, made without checks": (
        "extend_ai_session",
        lambda: ExtendAISessionRequest.model_construct(additional_minutes=0),
        "additional_minutes",
    ),
}


@pytest.mark.parametrize(("name", "changed", "named"), CHANGED.values(), ids=CHANGED)
def test_what_was_changed_after_construction_is_checked_as_it_is_sent(
    connect: Connect, name: str, changed: Callable[[], Any], named: str
) -> None:
    operation = next(row for row in OPERATIONS if row.name == name)
    with scripted_server() as server, pytest.raises(ValidationError) as caught:
        operation.call(connect(server.host), **{operation.body_argument: changed()})
    assert named in str(caught.value)
    assert server.connections == 0


def test_a_good_change_after_construction_is_sent(connect: Connect) -> None:
    request = CreateAISessionRequest(user_id="u", metadata={})
    request.session_group = "g"
    assert request.metadata is not None
    request.metadata["a"] = [1]
    with scripted_server([json_answer({"sessionId": "s"})]) as server:
        connect(server.host).create_ai_session("org", request)
    assert server.request.json() == {
        "userId": "u",
        "sessionGroup": "g",
        "metadata": {"a": [1]},
        "expirationMinutes": 60,
    }


# Options


@pytest.mark.parametrize("timeout", [None, 5, 2.5, math.inf, (1, 2), (0.5, math.inf)], ids=repr)
@each_operation
def test_a_timeout_in_any_of_its_forms_is_taken(connect: Connect, operation: Operation, timeout: Any) -> None:
    with scripted_server([json_answer(operation.answer)]) as server:
        assert operation.call(connect(server.host), _request_timeout=timeout) == operation.result


@each_operation
def test_headers_of_a_call_win_over_defaults_and_those_over_the_sdk_s_own(
    connect: Connect, operation: Operation
) -> None:
    with scripted_server(repeat(json_answer(operation.answer))) as server:
        api = connect(server.host)
        api.api_client.set_default_header("aCCept", "application/default")
        api.api_client.set_default_header("X-Team", "default")
        operation.call(api)
        operation.call(api, _headers={"ACCEPT": "application/call", "x-team": "call", "X-Other": "1"})
        operation.call(api)
    default, call, after = (request.headers for request in server.requests)
    assert (default["accept"], default["x-team"]) == ("application/default", "default")
    assert (call["accept"], call["x-team"], call["x-other"]) == ("application/call", "call", "1")
    assert after == default, "headers of a call are for that call alone"


@each_operation
def test_request_auth_replaces_the_token_for_one_call(connect: Connect, operation: Operation) -> None:
    auth = {"type": "bearer", "in": "header", "key": "Authorization", "value": "Bearer qc_other"}
    with scripted_server(repeat(json_answer(operation.answer))) as server:
        api = connect(server.host)
        operation.call(api, _request_auth=auth)
        operation.call(api)
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer qc_other", f"Bearer {TOKEN}"]


@each_operation
def test_request_auth_wins_over_a_default_header_and_headers_of_the_call_over_both(
    connect: Connect, operation: Operation
) -> None:
    auth = {"value": "Bearer qc_other"}
    with scripted_server(repeat(json_answer(operation.answer))) as server:
        api = connect(server.host)
        api.api_client.set_default_header("authorization", "Bearer qc_default")
        operation.call(api, _request_auth=auth)
        operation.call(api, _request_auth=auth, _headers={"AUTHORIZATION": "Bearer qc_call"})
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer qc_other", "Bearer qc_call"]


@pytest.mark.parametrize("auth", [{}, {"in": "query", "value": "Bearer x"}, {"value": " "}], ids=repr)
@each_operation
def test_request_auth_of_another_shape_is_refused(connect: Connect, operation: Operation, auth: dict[str, str]) -> None:
    with scripted_server() as server, pytest.raises(ApiValueError, match="_request_auth must be like "):
        operation.call(connect(server.host), _request_auth=auth)
    assert server.connections == 0


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_the_content_type_of_a_body_can_be_chosen(connect: Connect, operation: Operation) -> None:
    with scripted_server([json_answer(operation.answer)]) as server:
        operation.call(connect(server.host), _content_type="application/vnd.api+json")
    assert server.request.headers["content-type"] == "application/vnd.api+json"
    assert server.request.json() == operation.body


@pytest.mark.parametrize("operation", [row for row in OPERATIONS if row not in WITH_BODY], ids=str)
def test_a_content_type_without_a_body_is_not_sent(connect: Connect, operation: Operation) -> None:
    with scripted_server([json_answer(operation.answer)]) as server:
        operation.call(connect(server.host), _content_type="application/vnd.api+json")
    assert "content-type" not in server.request.headers


@each_operation
def test_a_host_index_has_no_effect_where_a_host_was_given(connect: Connect, operation: Operation) -> None:
    with scripted_server(repeat(json_answer(operation.answer))) as server:
        api = connect(server.host)
        for index in (0, 1):
            assert operation.call(api, _host_index=index) == operation.result
    assert len(server.requests) == 2


@pytest.mark.parametrize("host", [None, "http://127.0.0.1:1"], ids=["no host", "a host"])
@each_variant
@each_operation
def test_a_host_index_out_of_range_is_refused(
    connect: Connect, operation: Operation, variant: str, host: str | None
) -> None:
    with pytest.raises(ApiValueError, match="There is no server 2: the index must be 0 to 1"):
        operation.call(connect(host), variant, _host_index=2)


# Statuses

STATUSES: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ConflictException,
    422: UnprocessableEntityException,
    429: TooManyRequestsException,
    500: ServiceException,
    502: ServiceException,
    503: ServiceException,
}
REASONS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@pytest.mark.parametrize("variant", ["", "_with_http_info"], ids=["plain", "with_http_info"])
@pytest.mark.parametrize("status", STATUSES)
@each_operation
def test_a_refusal_is_the_exception_of_its_status(
    connect: Connect, operation: Operation, status: int, variant: str
) -> None:
    data = {"error": True, "message": "It did not work."}
    with (
        scripted_server([json_answer(data, status, {"X-Request-Id": "r-1"})]) as server,
        pytest.raises(STATUSES[status]) as caught,
    ):
        operation.call(connect(server.host), variant)
    error = caught.value
    unknown = status >= 500 and not operation.repeatable
    assert isinstance(error, OutcomeUnknownException) == unknown
    assert type(error) is STATUSES[status] or unknown
    assert (error.status, error.data, error.body, error.request_id) == (status, data, json.dumps(data), "r-1")
    assert error.reason == REASONS.get(status, error.reason)
    assert error.headers is not None
    assert error.headers["content-TYPE"] == "application/json"
    assert error.operation == " ".join([operation.name, "/".join(operation.path.values())])
    assert str(error) == f"{error.operation}: {status} {error.reason}: It did not work. (request id r-1)"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", STATUSES)
@each_operation
def test_the_raw_variant_returns_a_refusal(connect: Connect, operation: Operation, status: int) -> None:
    with scripted_server([json_answer({"message": "no"}, status)]) as server:
        response = operation.call(connect(server.host), "_without_preload_content")
        assert isinstance(response, urllib3.BaseHTTPResponse)
        assert response.status == status
        assert response.headers["content-type"] == "application/json"
        assert response.json() == {"message": "no"}


@pytest.mark.parametrize(
    ("body", "message", "data"),
    [
        (b'{"error": true, "message": "Wrong."}', "Wrong.", {"error": True, "message": "Wrong."}),
        (b'{"code": 7, "message": "Wrong."}', "Wrong.", {"code": 7, "message": "Wrong."}),
        (b'{"error": "SOME_CODE", "message": "Wrong."}', "Wrong.", {"error": "SOME_CODE", "message": "Wrong."}),
        (b'{"error": "Wrong."}', "Wrong.", {"error": "Wrong."}),
        (b'{"errors": {"userId": ["is empty"]}}', "{'userId': ['is empty']}", {"errors": {"userId": ["is empty"]}}),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>", None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
        (b"[1]", "[1]", [1]),
    ],
    ids=["flag", "number", "code", "error alone", "errors", "markup", "no text", "list"],
)
def test_the_server_s_own_message_is_shown_whatever_its_form(
    connect: Connect, body: bytes, message: str, data: Any
) -> None:
    with scripted_server([answer(422, body)]) as server, pytest.raises(UnprocessableEntityException) as caught:
        connect(server.host).get_ai_session("org", ID)
    assert str(caught.value) == f"get_ai_session org/{ID}: 422 {caught.value.reason}: {message}"
    assert caught.value.data == data
    assert caught.value.body == body.decode("utf-8", "replace")


def test_an_empty_refusal_says_its_status(connect: Connect) -> None:
    with scripted_server([answer(404)]) as server, pytest.raises(NotFoundException) as caught:
        connect(server.host).get_ai_session("org", ID)
    assert str(caught.value) == f"get_ai_session org/{ID}: 404 Not Found"
    assert (caught.value.body, caught.value.data) == ("", None)


def test_a_status_without_a_class_of_its_own_is_an_api_exception(connect: Connect) -> None:
    with scripted_server([answer(418)]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).get_ai_session("org", ID)
    assert type(caught.value) is ApiException
    assert caught.value.status == 418
