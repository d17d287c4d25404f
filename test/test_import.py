"""What importing the package costs, counted in modules that it loads into a fresh interpreter."""

import json
import subprocess
import sys

import pytest

from quantcdn.sandbox import Sandbox

PACKAGE = {"quantcdn", "quantcdn._lazy", "quantcdn._version"}
HEAVY = {"urllib3", "pydantic", "pydantic_core", "dateutil"}


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that some code loads, beyond those that a plain interpreter and the import system need."""
    script = (
        f"import importlib, json, sys, typing\nbefore = set(sys.modules)\n{code}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_importing_the_package_loads_the_package_alone() -> None:
    assert loaded_by("import quantcdn") == PACKAGE


def test_the_version_and_the_names_are_there_without_loading_anything() -> None:
    assert loaded_by("import quantcdn; quantcdn.__version__; quantcdn.__all__; dir(quantcdn)") == PACKAGE


@pytest.mark.parametrize(
    ("code", "not_loaded"),
    [
        ("from quantcdn import ApiException", {*HEAVY, "typing_extensions"}),
        ("from quantcdn import Configuration", {"pydantic", "dateutil"}),
        ("from quantcdn import RetryPolicy", HEAVY),
        ("from quantcdn import CreateAISessionRequest", {"urllib3", "dateutil"}),
        ("from quantcdn import *", {"dateutil"}),
        ("from quantcdn import sandbox", {*HEAVY, "starlette", "uvicorn"}),
        ("from quantcdn import Conversation", {"dateutil"}),
        ("from quantcdn import to_dataframe", {"urllib3", "dateutil", "pandas"}),
    ],
    ids=[
        "exceptions",
        "configuration",
        "retry policy",
        "models",
        "everything",
        "sandbox",
        "conversations",
        "data frames",
    ],
)
def test_using_a_part_loads_what_it_needs(code: str, not_loaded: set[str]) -> None:
    assert packages(loaded_by(code)) & not_loaded == set()


LIFE_OF_A_SESSION = """
from quantcdn import AISessionsApi, ApiClient, Configuration
host, token, organisation = sys.argv[1:]
with ApiClient(Configuration(host, token)) as client:
    api = AISessionsApi(client)
    session = api.create_ai_session(organisation, {"userId": "importer"}).session_id
    api.update_ai_session(organisation, session, {"newMessages": [{"role": "user", "content": "Hello"}]})
    api.get_ai_session(organisation, session)
    api.list_ai_sessions(organisation)
    api.extend_ai_session(organisation, session)
    assert api.delete_ai_session(organisation, session).message == "Session deleted"
"""


def test_using_the_client_loads_neither_dateutil_nor_the_sandbox(sandbox: Sandbox) -> None:
    loaded = loaded_by(LIFE_OF_A_SESSION, sandbox.host, sandbox.access_token, sandbox.organisation)
    assert {"urllib3", "pydantic"} <= packages(loaded)
    assert packages(loaded) & {"dateutil", "starlette", "uvicorn", "h11", "sqlite3"} == set()
    assert {
        name for name in loaded if name.startswith(("quantcdn.sandbox", "quantcdn.views", "quantcdn._show.html"))
    } == set()


LIST = """
from quantcdn import AISessionsApi, ApiClient, Configuration
host, token, organisation = sys.argv[1:]
with ApiClient(Configuration(host, token)) as client:
    AISessionsApi(client).list_ai_sessions(organisation)
"""


def test_a_call_loads_its_own_operation_and_the_models_that_it_needs(sandbox: Sandbox) -> None:
    loaded = loaded_by(LIST, sandbox.host, sandbox.access_token, sandbox.organisation)
    ours = {name.rpartition(".")[2] for name in loaded if name.startswith(("quantcdn.models.", "quantcdn.api."))}
    assert {name for name in ours if not name.startswith("_")} == {
        "ai_sessions_api",
        "list_ai_sessions",
        "list_ai_sessions200_response_inner",
    }


FIRST_LOOKS = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import quantcdn
together = Barrier(8)
def look(_):
    together.wait()
    create = quantcdn.AISessionsApi.create_ai_session
    return create, create.__annotations__["return"], quantcdn.CreateAISession201Response
with ThreadPoolExecutor(8) as pool:
    method, result, model = zip(*pool.map(look, range(8)))
assert len({*method}) == len({*result, *model}) == 1
assert vars(quantcdn.AISessionsApi)["create_ai_session"] is method[0]
"""


def test_threads_that_look_at_once_find_the_same() -> None:
    loaded_by(FIRST_LOOKS)


def test_what_looks_into_the_class_finds_methods_before_their_first_use() -> None:
    loaded_by(
        """
import inspect, unittest.mock
from quantcdn import AISessionsApi, ApiClient, Configuration
waiting = vars(AISessionsApi)["get_ai_session"]
assert inspect.isfunction(waiting)
assert (waiting.__module__, waiting.__doc__) == ("quantcdn.api.ai_sessions_api", AISessionsApi.get_ai_session.__doc__)
with unittest.mock.patch.object(AISessionsApi, "get_ai_session", autospec=True) as get:
    api = AISessionsApi(ApiClient(Configuration()))
    api.get_ai_session("acme", session_id="s-1")
    get.assert_called_once_with(api, "acme", "s-1")
assert inspect.signature(AISessionsApi.get_ai_session).parameters["session_id"].annotation is str
"""
    )


def test_only_an_unusual_timestamp_loads_dateutil() -> None:
    code = "import quantcdn; print(quantcdn.GetAISession200Response.from_json(sys.argv[1]).created_at.year)"
    assert "dateutil" not in loaded_by(code, '{"created_at": "2030-01-01T00:00:00Z"}')
    assert "dateutil" in loaded_by(code, '{"created_at": "Tue, 01 Jan 2030 00:00:00 GMT"}')


def test_saying_its_version_the_command_line_loads_nothing_that_commands_need() -> None:
    loaded = loaded_by(
        """
from contextlib import suppress
from quantcdn.cli import main
sys.argv = ["quantcdn", "--version"]
with suppress(SystemExit):
    main()
"""
    )
    assert not packages(loaded) & {*HEAVY, "typer", "rich", "click", "typing_extensions"}
    assert {name for name in loaded if name.startswith("quantcdn")} == {*PACKAGE, "quantcdn.cli"}


def test_a_running_sandbox_loads_nothing_of_the_client() -> None:
    code = "import urllib.request, quantcdn.sandbox\nwith quantcdn.sandbox.running(): pass"
    loaded = loaded_by(code)
    assert {"starlette", "uvicorn"} <= packages(loaded)
    ours = {name for name in loaded if name.partition(".")[0] == "quantcdn"}
    assert {name for name in ours if not name.startswith("quantcdn.sandbox")} == PACKAGE
    assert packages(loaded) & HEAVY == set()


def test_an_operation_that_is_first_used_when_all_ends_does_not_keep_the_process() -> None:
    code = """
import quantcdn
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration("http://127.0.0.1:9", "t", retries=False)))
def scratch(api=api):
    try:
        yield
    finally:
        api.delete_ai_session("org", "s")
suspended = scratch()
next(suspended)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)
