# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""What type checkers make of the package. Nothing here is run: mypy and pyright read it, both in their strict modes.

A line that must be an error says so in a comment, which both checkers heed. Where one of them finds no error, the
comment is an error itself. Other checkers read it in `test_type_checkers.py`; which of them finds no error in a line,
the line says.
"""

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import urllib3
from typing_extensions import TypedDict, assert_type

import quantcdn
from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiResponse,
    Configuration,
    CreateAISession201Response,
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    DeleteAISession200Response,
    ExtendAISession200Response,
    ExtendAISessionRequest,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    NotFoundException,
    OutcomeUnknownException,
    RequestOptions,
    RetryPolicy,
    UpdateAISession200Response,
    UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
    bulk,
    environment,
    sandbox,
)
from quantcdn.models import CreateAISessionRequestDict, ExtendAISessionRequestDict, UpdateAISessionRequestDict
from quantcdn.rest import RESTClientObject, RESTResponse


def the_eighteen_methods(api: AISessionsApi) -> None:
    create = CreateAISessionRequest(user_id="u")
    update = UpdateAISessionRequest()
    extend = ExtendAISessionRequest()

    assert_type(api.create_ai_session("org", create), CreateAISession201Response)
    assert_type(api.create_ai_session_with_http_info("org", create), ApiResponse[CreateAISession201Response])
    assert_type(api.create_ai_session_without_preload_content("org", create), urllib3.BaseHTTPResponse)

    assert_type(api.list_ai_sessions("org"), list[ListAISessions200ResponseInner])
    assert_type(api.list_ai_sessions_with_http_info("org"), ApiResponse[list[ListAISessions200ResponseInner]])
    assert_type(api.list_ai_sessions_without_preload_content("org"), urllib3.BaseHTTPResponse)

    assert_type(api.get_ai_session("org", "s"), GetAISession200Response)
    assert_type(api.get_ai_session_with_http_info("org", "s"), ApiResponse[GetAISession200Response])
    assert_type(api.get_ai_session_without_preload_content("org", "s"), urllib3.BaseHTTPResponse)

    assert_type(api.update_ai_session("org", "s", update), UpdateAISession200Response)
    assert_type(api.update_ai_session_with_http_info("org", "s", update), ApiResponse[UpdateAISession200Response])
    assert_type(api.update_ai_session_without_preload_content("org", "s", update), urllib3.BaseHTTPResponse)

    assert_type(api.extend_ai_session("org", "s", extend), ExtendAISession200Response)
    assert_type(api.extend_ai_session_with_http_info("org", "s", extend), ApiResponse[ExtendAISession200Response])
    assert_type(api.extend_ai_session_without_preload_content("org", "s", extend), urllib3.BaseHTTPResponse)

    assert_type(api.delete_ai_session("org", "s"), DeleteAISession200Response)
    assert_type(api.delete_ai_session_with_http_info("org", "s"), ApiResponse[DeleteAISession200Response])
    assert_type(api.delete_ai_session_without_preload_content("org", "s"), urllib3.BaseHTTPResponse)


def arguments_by_name(api: AISessionsApi) -> None:
    api.create_ai_session(organisation="org", create_ai_session_request=CreateAISessionRequest(user_id="u"))
    api.list_ai_sessions("org", user_id="u", session_group=None, limit=5, offset=0, model="m")
    api.update_ai_session(organisation="org", session_id="s", update_ai_session_request=UpdateAISessionRequest())
    api.extend_ai_session("org", "s")
    api.extend_ai_session("org", "s", None)
    api.extend_ai_session("org", session_id="s", extend_ai_session_request=None)


def options(api: AISessionsApi, shared: RequestOptions, headers: Mapping[str, str]) -> None:
    auth = {"type": "bearer", "in": "header", "key": "Authorization", "value": "Bearer qc_1"}
    api.get_ai_session("org", "s", _request_timeout=5)
    api.get_ai_session("org", "s", _request_timeout=(1, 2.5), _request_auth=auth, _headers=headers)
    api.get_ai_session("org", "s", _content_type=None, _headers={"X-A": "1"}, _host_index=1)
    api.list_ai_sessions_with_http_info("org", limit=5, **shared)
    api.extend_ai_session_without_preload_content("org", "s", **shared)


def dicts_where_models_are(
    api: AISessionsApi,
    create: CreateAISessionRequestDict,
    update: UpdateAISessionRequestDict,
    extend: ExtendAISessionRequestDict,
) -> None:
    api.create_ai_session("org", {"userId": "u", "metadata": {"a": [1, None]}, "expirationMinutes": 5})
    api.create_ai_session("org", {"userId": "u", "sessionGroup": "g", "initialMessages": [{"role": "system"}]})
    api.create_ai_session("org", create)
    api.update_ai_session("org", "s", {"newMessages": [{"role": "user", "content": "Hi"}], "tokensUsed": 7})
    api.update_ai_session("org", "s", update)
    api.extend_ai_session("org", "s", {"additionalMinutes": 5})
    api.extend_ai_session("org", "s", extend)


def dicts_read_from_json(api: AISessionsApi, anything: dict[str, Any], fields: Mapping[str, Any]) -> None:
    api.create_ai_session("org", CreateAISessionRequest.from_dict(anything))
    api.create_ai_session("org", CreateAISessionRequest.from_dict(fields))
    api.update_ai_session("org", "s", UpdateAISessionRequest.from_dict(fields))
    api.extend_ai_session("org", "s", ExtendAISessionRequest.from_dict(fields))

    api.create_ai_session("org", anything)  # type: ignore[arg-type]
    api.update_ai_session("org", "s", fields)  # type: ignore[arg-type]


def wrong_dicts(api: AISessionsApi, conversation: quantcdn.Conversation) -> None:
    api.create_ai_session("o", {"userID": "x"})  # type: ignore[arg-type]
    api.create_ai_session("o", {"userId": 7})  # type: ignore[arg-type]
    api.create_ai_session("o", {})  # type: ignore[arg-type]
    api.create_ai_session("o", {"userId": "x", "initialMessages": [{"role": "narrator"}]})  # type: ignore[arg-type]
    api.update_ai_session("o", "s", {"newMessages": [{"rol": "user"}]})  # type: ignore[arg-type]
    api.update_ai_session("o", "s", {"newMessages": [{"role": "system"}]})  # type: ignore[arg-type]
    api.update_ai_session("o", "s", {"status": "done"})  # type: ignore[arg-type]
    api.extend_ai_session("o", "s", {"minutes": 5})  # type: ignore[arg-type]
    api.extend_ai_session("o", "s", {"additionalMinutes": "5"})  # type: ignore[arg-type]
    conversation.append({"rol": "user"})  # type: ignore[arg-type]
    conversation.append({"role": "system", "content": "Hi"})  # type: ignore[arg-type]
    UpdateAISessionRequest(status="done")  # type: ignore[arg-type]
    UpdateAISessionRequestNewMessagesInner(role="system")  # type: ignore[arg-type]
    UpdateAISessionRequest().status = "done"  # type: ignore[assignment]


def typed_dicts() -> None:
    create: CreateAISessionRequestDict = {
        "userId": "u",
        "sessionGroup": "g",
        "metadata": {"a": 1},
        "expirationMinutes": 60,
        "initialMessages": [{"role": "system", "content": "Be brief."}],
    }
    create["initialMessages"].append({"role": "user"})
    update: UpdateAISessionRequestDict = {"newMessages": [{"role": "assistant"}], "status": "completed"}
    update["tokensUsed"] = 7
    ExtendAISessionRequestDict(additionalMinutes=5)

    without_user: CreateAISessionRequestDict = {}  # type: ignore[typeddict-item]
    without_user["user_id"] = "u"  # type: ignore[typeddict-unknown-key]
    update["status"] = "done"  # type: ignore[typeddict-item]
    update["newMessages"] = [{"role": "system"}]  # type: ignore[typeddict-item]


def request_models() -> None:
    message = CreateAISessionRequestInitialMessagesInner(role="system", content="Be brief.")
    request = CreateAISessionRequest(
        user_id="u", session_group=None, metadata={"a": 1}, expiration_minutes=5, initial_messages=[message]
    )
    assert_type(request.user_id, str)
    assert_type(request.session_group, str | None)
    assert_type(request.metadata, dict[str, Any] | None)
    assert_type(request.expiration_minutes, int | None)
    assert_type(request.initial_messages, list[CreateAISessionRequestInitialMessagesInner] | None)
    assert_type(message.role, Literal["system", "user", "assistant"] | None)
    request.expiration_minutes = None

    update = UpdateAISessionRequest(new_messages=[UpdateAISessionRequestNewMessagesInner(role="user")], tokens_used=7)
    assert_type(update.new_messages, list[UpdateAISessionRequestNewMessagesInner] | None)
    assert_type(update.status, Literal["active", "completed"] | None)
    assert_type(ExtendAISessionRequest().additional_minutes, int | None)

    CreateAISessionRequest()  # type: ignore[call-arg]  # pyrefly finds none
    CreateAISessionRequest(user_id=7)  # type: ignore[arg-type]
    CreateAISessionRequest(user_id="u", sesion_group="g")  # type: ignore[call-arg]
    request.user_id = None  # type: ignore[assignment]
    print(request.organisation)  # type: ignore[attr-defined]


def response_models(api: AISessionsApi) -> None:
    created = api.create_ai_session("org", {"userId": "u"})
    assert_type(created.session_id, str | None)
    assert_type(created.status, str | None)
    assert_type(created.expires_at, datetime | None)
    session = api.get_ai_session("org", "s")
    assert_type(session.messages, list[dict[str, Any]] | None)
    assert_type([listed.updated_at for listed in api.list_ai_sessions("org")], list[datetime | None])
    updated = api.update_ai_session("org", "s", {})
    assert_type(updated.total_messages, int | None)
    assert_type(updated.total_tokens, int | None)
    assert_type(api.extend_ai_session("org", "s").message, str | None)
    assert_type(api.delete_ai_session("org", "s").message, str | None)
    assert_type(session.to_dict(), dict[str, Any])
    assert_type(session.to_json(), str)
    assert_type(session.to_str(), str)
    assert_type(GetAISession200Response.from_dict({"id": "s"}), GetAISession200Response)
    assert_type(GetAISession200Response.from_dict(None), None)
    assert_type(GetAISession200Response.from_json("{}"), GetAISession200Response)
    assert_type(GetAISession200Response(id="s", messages=[{"role": "user"}]), GetAISession200Response)


def answers(api: AISessionsApi) -> None:
    answer = api.get_ai_session_with_http_info("org", "s")
    assert_type(answer.status_code, int)
    assert_type(answer.headers, Mapping[str, str] | None)
    assert_type(answer.data, GetAISession200Response)
    assert_type(answer.raw_data, bytes)
    assert_type(answer.request_id, str | None)
    assert_type(ApiResponse(status_code=200, data=[1], raw_data=b""), ApiResponse[list[int]])


def exceptions(error: ApiException, unknown: OutcomeUnknownException) -> None:
    assert_type(error.status, int | None)
    assert_type(error.reason, str | None)
    assert_type(error.body, str | None)
    assert_type(error.headers, Mapping[str, str] | None)
    assert_type(error.request_id, str | None)
    assert_type(error.data, Any)
    assert_type(unknown.status, int | None)
    NotFoundException(404, "Not Found", body="{}", data={})


def configuration_and_client(token: Callable[[], str]) -> None:
    configuration = Configuration("https://a.example", "qc_1", retries=urllib3.Retry(3), debug=False, timeout=5)
    Configuration(access_token=token, retries=RetryPolicy(attempts=2), server_index=1, timeout=float("inf"))
    Configuration(retries=False, ca_cert_data=b"", ssl_ca_cert="ca.pem", server_variables={})
    Configuration(ca_cert_data=bytearray(), ssl_ca_cert=Path("ca.pem"))
    configuration.cert_file, configuration.key_file = Path("own.pem"), b"own.key"
    configuration.access_token = token
    assert_type(configuration.host, str)
    assert_type(Configuration.get_default(), Configuration)
    with ApiClient(configuration, "X-A", "1", cookie="a=1") as client:
        assert_type(client, ApiClient)
        assert_type(AISessionsApi(client).api_client, ApiClient)
        assert_type(client.call_api("GET", "https://a.example/", {"X-A": "1"}, {"a": 1}), RESTResponse)
        assert_type(client.rest_client, RESTClientObject)
    AISessionsApi()


def the_environment(variables: Mapping[str, str], token: Callable[[], str]) -> None:
    assert_type(Configuration.from_environment(), Configuration)
    assert_type(Configuration.from_environment(variables, access_token=token, timeout=5, debug=None), Configuration)
    assert_type(environment.organisation(), str)
    assert_type(environment.find(environment.BASE_URL, variables), environment.Setting | None)


def the_package() -> None:
    assert_type(quantcdn.__version__, str)
    assert_type(quantcdn.models.GetAISession200Response.from_json("{}"), GetAISession200Response)
    assert_type(quantcdn.exceptions.NotFoundException(404), NotFoundException)
    with sandbox.running() as service:
        assert_type(service.host, str)
    quantcdn.AISessionApi()  # type: ignore[attr-defined]


def notebooks(api: AISessionsApi) -> None:
    sessions = api.list_ai_sessions("org")
    assert_type(quantcdn.to_dataframe(sessions), pd.DataFrame)
    assert_type(quantcdn.to_dataframe(session for session in sessions), pd.DataFrame)
    assert_type(quantcdn.to_dataframe([api.get_ai_session("org", "s")]), pd.DataFrame)
    assert_type(quantcdn.views.html(sessions), str)
    quantcdn.to_dataframe("sessions")  # type: ignore[arg-type]
    quantcdn.to_dataframe(sessions[0])  # type: ignore[arg-type]


def conversations(api: AISessionsApi, shared: RequestOptions) -> None:
    conversation = quantcdn.Conversation.open(
        api,
        "org",
        user_id="u",
        metadata={"a": 1},
        initial_messages=[{"role": "system", "content": "Be brief."}],
        _request_timeout=5,
    )
    assert_type(conversation, quantcdn.Conversation)
    assert_type(quantcdn.Conversation.resume(api, "org", "s", **shared), quantcdn.Conversation)
    assert_type(conversation.session_id, str)
    assert_type(conversation.messages, list[dict[str, Any]])
    assert_type(conversation.expires_at, datetime | None)
    assert_type(conversation.total_tokens, int | None)
    conversation.refresh()
    conversation.append({"role": "user", "content": "Hi"}, tokens=7, **shared)
    conversation.append(UpdateAISessionRequestNewMessagesInner(role="user", content="Hi"), _request_timeout=(1, 2))

    def text(messages: list[dict[str, str]]) -> str:
        return messages[-1]["content"]

    def reply(messages: list[dict[str, Any]]) -> quantcdn.Reply:
        return quantcdn.Reply("Hi", tokens=len(messages))

    class ChatMessage(TypedDict):
        role: str
        content: str

    def typed(messages: list[ChatMessage]) -> str:
        return messages[-1]["content"]

    conversation.turn("Hi", typed)

    async def later(messages: list[dict[str, Any]]) -> str:
        return f"{len(messages)}"

    assert_type(conversation.turn("Hi", text), str)
    assert_type(conversation.turn("Hi", reply, **shared), str)

    def pieces(messages: list[dict[str, str]]) -> Iterator[str | quantcdn.Reply]:
        yield messages[-1]["content"]
        yield quantcdn.Reply("", tokens=7)

    def words(messages: list[dict[str, str]]) -> list[str]:
        return messages[-1]["content"].split()

    async def pieces_later(messages: list[dict[str, str]]) -> AsyncIterator[str]:
        yield messages[-1]["content"]

    assert_type(conversation.stream("Hi", pieces, **shared), Generator[str, None, None])
    for piece in conversation.stream("Hi", words):
        assert_type(piece, str)
    latest = quantcdn.Conversation.latest_or_open(api, "org", user_id="u", session_group="g", **shared)
    assert_type(latest, quantcdn.Conversation)
    with conversation.keep_alive(30) as alive:
        assert_type(alive.failure, BaseException | None)

    conversation.turn("Hi", later)  # type: ignore[arg-type]
    conversation.stream("Hi", pieces_later)  # type: ignore[arg-type]
    conversation.append("Hi")  # type: ignore[arg-type]
    quantcdn.Conversation.latest_or_open(api, "org")  # type: ignore[call-arg]
    quantcdn.Conversation.open(api, "org")  # type: ignore[call-arg]
    quantcdn.Conversation.open(api, "org", user_id="u", sesion_group="g")  # type: ignore[call-arg]  # ty finds none


def many_sessions(api: AISessionsApi, shared: RequestOptions) -> None:
    sessions = quantcdn.iter_ai_sessions(api, "org", user_id="u", session_group=None, page_size=50, _request_timeout=5)
    assert_type(sessions, Iterator[ListAISessions200ResponseInner])
    report = bulk.delete(api, "org", session_group="g", idle_for=timedelta(days=2), on_result=print, **shared)
    assert_type(report, bulk.Report)
    assert_type(report.counts, dict[bulk.Outcome, int])
    assert_type(report.results[0], bulk.Result)
    assert_type(report.failures[0].error, Exception | None)
    assert_type(bulk.extend(api, "org", 60, session_ids=iter(["s"]), dry_run=True), bulk.Report)
    manifest = bulk.export(api, "org", Path("sessions.jsonl"), workers=8, progress=True)
    assert_type(manifest, bulk.Manifest)
    with ProcessPoolExecutor() as pool:
        assert_type(bulk.export(api, "org", "sessions", executor=pool).parts, tuple[bulk.Part, ...])
    assert_type(manifest.complete, bool)
    assert_type(bulk.Interrupted(report).report, bulk.Report)

    bulk.delete(api, "org", idle_for=2)  # type: ignore[arg-type]
    bulk.delete(api, "org", "s")  # type: ignore[call-arg]
    bulk.delete(api, "org", session_id="s")  # type: ignore[call-arg]  # ty finds none
    bulk.export(api, "org")  # type: ignore[call-arg]


def what_must_be_an_error(api: AISessionsApi) -> None:
    api.get_ai_session("org")  # type: ignore[call-arg]
    api.get_ai_session("org", 7)  # type: ignore[arg-type]
    api.get_ai_session("org", "s", _request_timout=5)  # type: ignore[call-arg]
    api.get_ai_session("org", "s", _request_timeout="5")  # type: ignore[arg-type]
    api.get_ai_session("org", "s", _headers={"X-A": 1})  # type: ignore[dict-item]
    api.get_ai_session("org", "s", _host_index="1")  # type: ignore[arg-type]
    api.list_ai_sessions("org", limit="5")  # type: ignore[arg-type]
    api.list_ai_sessions("org", userId="u")  # type: ignore[call-arg]
    api.create_ai_session("org")  # type: ignore[call-arg]
    api.create_ai_session("org", "u")  # type: ignore[arg-type]
    api.create_ai_session("org", ExtendAISessionRequest())  # type: ignore[arg-type]
    api.create_ai_sesion("org")  # type: ignore[attr-defined]
    Configuration(hostname="https://a.example")  # type: ignore[call-arg]
    Configuration.from_environment(hostname="https://a.example")  # type: ignore[call-arg]  # ty finds none
    Configuration().verify_tls = False  # type: ignore[attr-defined]
    Configuration().verify_ssl = "no"  # type: ignore[assignment]
    AISessionsApi(Configuration())  # type: ignore[arg-type]
    ApiResponse(200, data=1, raw_data=b"")  # type: ignore[call-arg]
