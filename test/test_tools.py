"""What people build on the operations and test their programs with: each is tested as the real package."""

import asyncio
import cProfile
import inspect
import json
import os
import pstats
import subprocess
import sys
import traceback
import typing
from pathlib import Path
from typing import Any
from unittest import mock

import pydantic
import pytest
from conftest import Connect
from langchain_core.tools import StructuredTool
from mocket import Mocketizer
from mocket.mockhttp import Entry
from pydantic_core import ArgsKwargs
from servers import json_answer, scripted_server

import quantcdn
from quantcdn import AISessionsApi, ApiResponse, GetAISession200Response, ListAISessions200ResponseInner, bulk
from quantcdn.sandbox import Sandbox

OPERATIONS = ["create_ai_session", "delete_ai_session", "extend_ai_session", "get_ai_session", "list_ai_sessions"]
OPERATIONS += ["update_ai_session"]
VARIANTS = ["", "_with_http_info", "_without_preload_content"]
each_method = pytest.mark.parametrize("method", [f"{name}{variant}" for name in OPERATIONS for variant in VARIANTS])


# What reads type hints


@each_method
def test_type_hints_are_those_of_the_signature(method: str) -> None:
    function = getattr(AISessionsApi, method)
    signature = inspect.signature(function)
    parameters = {name: one.annotation for name, one in signature.parameters.items() if name != "self"}
    assert typing.get_type_hints(function, include_extras=True) == {**parameters, "return": signature.return_annotation}


@each_method
def test_pydantic_checks_the_arguments_of_an_operation(method: str, connect: Connect) -> None:
    checked = pydantic.validate_call(getattr(connect("http://127.0.0.1:9"), method))
    with pytest.raises(pydantic.ValidationError, match="organisation\n  Input should be a valid string"):
        checked(organisation=7)


def test_pydantic_calls_an_operation(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    arguments = {"organisation": sandbox.organisation, "create_ai_session_request": {"userId": "u"}}
    created: Any = pydantic.TypeAdapter(api.create_ai_session).validate_python(ArgsKwargs((), arguments))
    assert created.status == "active"


# Of options whose names begin with an underscore, a tool takes none; pydantic 2.10 says so.
@pytest.mark.filterwarnings("ignore:fields may not start with an underscore:RuntimeWarning")
def test_langchain_makes_tools_of_operations(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    create, get = StructuredTool.from_function(api.create_ai_session), StructuredTool.from_function(api.get_ai_session)
    assert (create.name, set(get.args)) == ("create_ai_session", {"organisation", "session_id"})
    request = {"userId": "u", "initialMessages": [{"role": "system", "content": "Be brief."}]}
    created = create.invoke({"organisation": sandbox.organisation, "create_ai_session_request": request})
    session = get.invoke({"organisation": sandbox.organisation, "session_id": created.session_id})
    assert [message["content"] for message in session.messages] == ["Be brief."]


def test_fastmcp_makes_tools_of_operations(sandbox: Sandbox, connect: Connect) -> None:
    fastmcp = pytest.importorskip("fastmcp")
    api = connect(sandbox.host, sandbox.access_token)
    session_id = api.create_ai_session(sandbox.organisation, {"userId": "u"}).session_id
    server: Any = fastmcp.FastMCP("sessions")
    for name in OPERATIONS:
        server.tool(getattr(api, name))

    async def use() -> tuple[list[str], Any]:
        tools = [tool.name for tool in await server.list_tools()]
        arguments = {"organisation": sandbox.organisation, "session_id": session_id}
        return tools, (await server.call_tool("get_ai_session", arguments)).structured_content

    tools, session = asyncio.run(use())
    assert tools == OPERATIONS
    assert session["id"] == session_id


# Doubles


def test_an_autospec_checks_signatures() -> None:
    double = mock.create_autospec(AISessionsApi)
    for api in (double(), mock.create_autospec(AISessionsApi, instance=True)):
        api.get_ai_session.return_value = GetAISession200Response(id="s-1")
        assert api.get_ai_session("org", session_id="s-1", _request_timeout=5).id == "s-1"
        with pytest.raises(TypeError, match="missing a required argument: 'session_id'"):
            api.get_ai_session("org")
        with pytest.raises(TypeError, match="unexpected keyword argument '_timeout'"):
            api.get_ai_session_with_http_info("org", "s-1", _timeout=5)
        with pytest.raises(AttributeError, match="get_session"):
            api.get_session("org", "s-1")


def test_an_autospec_serves_what_makes_several_calls(tmp_path: Path) -> None:
    api = mock.create_autospec(AISessionsApi, instance=True)
    api.list_ai_sessions.side_effect = [[ListAISessions200ResponseInner(id="s-1")], [], []]
    assert [session.id for session in quantcdn.iter_ai_sessions(api, "org", _host_index=1)] == ["s-1"]
    api.get_ai_session.return_value = GetAISession200Response(id="s-1", messages=[])
    conversation = quantcdn.Conversation.resume(api, "org", "s-1")
    conversation.append({"role": "user", "content": "Hi"})
    (_, session_id, request), _ = api.update_ai_session.call_args
    assert (session_id, request.to_dict()) == ("s-1", {"newMessages": [{"role": "user", "content": "Hi"}]})
    assert bulk.delete(api, "org", session_ids=["s-1", "s-2"]).counts == {"done": 2}
    assert bulk.extend(api, "org", 5, session_ids=["s-1"]).counts == {"done": 1}
    session = ApiResponse(status_code=200, data=GetAISession200Response(id="s-1"), raw_data=b'{"id": "s-1"}')
    api.get_ai_session_with_http_info.return_value = session
    export = bulk.export(api, "org", tmp_path / "sessions.jsonl", session_ids=["s-1"])
    assert export.counts == {"done": 1}
    assert [json.loads(line)["id"] for line in (tmp_path / "sessions.jsonl").read_text().splitlines()] == ["s-1"]


@pytest.mark.filterwarnings("ignore:http.* is plain HTTP:UserWarning", "ignore::DeprecationWarning:mocket")
def test_mocket_answers_in_place_of_the_service(connect: Connect) -> None:
    url = "http://api.example/api/v3/organizations/org/ai/sessions/s-1"
    Entry.single_register(Entry.GET, url, body='{"id": "s-1"}', headers={"content-type": "application/json"})
    with Mocketizer(strict_mode=True):
        assert connect("http://api.example").get_ai_session("org", "s-1").id == "s-1"


# Clocks


def in_a_fresh_interpreter(code: str) -> str:
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


LOADED_BEFORE = {"nothing": "", "operations": "quantcdn.AISessionsApi", "everything": "from quantcdn import *"}
FROZEN = """
import datetime, sys
import quantcdn
from pydantic import BaseModel  # what pydantic takes for a datetime is settled here
{before}
from {package} import {clock}
loaded = {{name for name in sys.modules if name.startswith("quantcdn")}}
with {clock}("2020-01-01 12:00", tick=False):
    assert {{name for name in sys.modules if name.startswith("quantcdn")}} == loaded
    assert datetime.datetime.now().year == 2020
    session = quantcdn.GetAISession200Response.from_dict({{"id": "s", "created_at": "Wed, 01 Jan 2020 12:00:00 GMT"}})
    assert session.created_at == datetime.datetime.now(datetime.timezone.utc)
    request = quantcdn.CreateAISessionRequest(user_id="u", metadata={{"at": datetime.datetime.now()}})
    assert request.to_dict() == quantcdn.CreateAISessionRequest.from_json(request.to_json()).to_dict() | {{
        "metadata": {{"at": datetime.datetime.now()}}
    }}
    quantcdn.AISessionsApi, quantcdn.Conversation, quantcdn.bulk, quantcdn.to_dataframe
assert datetime.datetime.now().year > 2020
session = quantcdn.GetAISession200Response.from_json('{{"id": "s", "created_at": "2030-01-01T00:00:00Z"}}')
assert type(session.created_at) is datetime.datetime
"""


@pytest.mark.parametrize("looks", ["dir(quantcdn)", "inspect.getmembers(quantcdn)", "dir(type(quantcdn))"])
def test_looking_at_the_package_loads_nothing_of_it(looks: str) -> None:
    code = f"import inspect, sys, quantcdn; before = set(sys.modules); {looks}; print(*(set(sys.modules) - before))"
    assert in_a_fresh_interpreter(code) == "\n"


@pytest.mark.parametrize("before", LOADED_BEFORE)
@pytest.mark.parametrize(("package", "clock"), [("freezegun", "freeze_time"), ("time_machine", "travel")])
def test_a_stopped_clock_can_be_started_again(package: str, clock: str, before: str) -> None:
    in_a_fresh_interpreter(FROZEN.format(before=LOADED_BEFORE[before], package=package, clock=clock))


# Tracebacks and profilers


@each_method
def test_a_traceback_names_the_operation(method: str, connect: Connect) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        getattr(connect("http://127.0.0.1:9"), method)()
    frames = [frame for frame, _ in traceback.walk_tb(refused.value.__traceback__)]
    assert frames[1].f_code.co_name == method
    if sys.version_info >= (3, 11):
        assert frames[1].f_code.co_qualname == f"AISessionsApi.{method}"


def test_a_profile_tells_the_operations_apart(connect: Connect) -> None:
    with scripted_server([json_answer([]), json_answer({"id": "s-1"})]) as server, cProfile.Profile() as profile:
        api = connect(server.host)
        api.list_ai_sessions("org")
        api.get_ai_session("org", "s-1")
    names = {
        name for path, _, name in pstats.Stats(profile).stats if path.endswith(os.path.join("api", "_operation.py"))
    }  # type: ignore[attr-defined]
    assert {"list_ai_sessions", "get_ai_session"} <= names


# Green threads


GREEN = """
import sys
import quantcdn
{before}
from gevent import joinall, monkey, spawn
monkey.patch_all()
_, host, token, organisation = sys.argv
with quantcdn.ApiClient(quantcdn.Configuration(host, token)) as client:
    api = quantcdn.AISessionsApi(client)
    created = api.create_ai_session(organisation, {{"userId": "u"}})
    reads = [spawn(api.get_ai_session, organisation, created.session_id) for _ in range(3)]
    joinall([*reads, spawn(api.list_ai_sessions, organisation)], raise_error=True)
    print(*{{read.value.id == created.session_id for read in reads}})
"""


@pytest.mark.parametrize("before", LOADED_BEFORE)
def test_gevent_may_take_the_place_of_threads_at_any_time(sandbox: Sandbox, before: str) -> None:
    pytest.importorskip("gevent", reason="gevent is not for this Python")
    command = [sys.executable, "-c", GREEN.format(before=LOADED_BEFORE[before])]
    served = [sandbox.host, sandbox.access_token, sandbox.organisation]
    run = subprocess.run([*command, *served], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
