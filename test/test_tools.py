"""What tools of users see of the SDK: type hints, test doubles, editors, tracebacks, and other type checkers.

Each is tested with the real package.
"""

import inspect
import shutil
import subprocess
import sys
import textwrap
import typing
from pathlib import Path
from unittest.mock import create_autospec

import jedi
import pydantic
import pytest
from servers import json_answer, scripted_server
from stubs import stubs

import quantcdn
from quantcdn import AISessionsApi, ApiClient, Configuration, Conversation, bulk, iter_ai_sessions
from quantcdn._history import History

ROOT = Path(__file__).parent.parent
METHODS = [name for name, member in vars(AISessionsApi).items() if inspect.isfunction(member)]
each_method = pytest.mark.parametrize("name", METHODS)


# Type hints


@each_method
def test_the_type_hints_of_a_method_are_those_of_its_signature(name: str) -> None:
    method = getattr(AISessionsApi, name)
    signature = inspect.signature(method)
    expected = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    del expected["self"]
    hints = typing.get_type_hints(method, include_extras=True)
    assert hints == {**expected, "return": signature.return_annotation}


def test_pydantic_validates_the_arguments_of_a_bound_method() -> None:
    with scripted_server([json_answer({"id": "s-1"})]) as server, ApiClient(Configuration(server.host, "t")) as client:
        get = pydantic.validate_call(AISessionsApi(client).get_ai_session)
        assert get("org", session_id="s-1").id == "s-1"
        with pytest.raises(pydantic.ValidationError):
            get("org", session_id=5)  # type: ignore[arg-type]


def test_langchain_makes_a_tool_of_a_method() -> None:
    tools = pytest.importorskip("langchain_core.tools")
    with scripted_server([json_answer({"id": "s-1"})]) as server, ApiClient(Configuration(server.host, "t")) as client:
        tool = tools.StructuredTool.from_function(AISessionsApi(client).get_ai_session)
        assert {"organisation", "session_id"} <= tool.args.keys()
        assert tool.invoke({"organisation": "org", "session_id": "s-1"}).id == "s-1"


# Test doubles


def doubled() -> AISessionsApi:
    double: AISessionsApi = create_autospec(AISessionsApi, instance=True)
    return double


def test_a_double_checks_the_arguments() -> None:
    api = doubled()
    api.get_ai_session("org", "s")
    with pytest.raises(TypeError, match="session_id"):
        api.get_ai_session("org")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="timeout"):
        api.get_ai_session("org", "s", timeout=5)  # type: ignore[call-arg]


def test_a_double_serves_whatever_takes_an_api() -> None:
    api = doubled()
    double: typing.Any = api
    double.list_ai_sessions.side_effect = [[quantcdn.ListAISessions200ResponseInner(id="a")], []]
    assert [session.id for session in iter_ai_sessions(api, "org")] == ["a"]

    double.update_ai_session.return_value = quantcdn.UpdateAISession200Response(session_id="s", total_messages=1)
    Conversation(api, "org", "s", History([])).append({"role": "user", "content": "Hi"})
    assert double.update_ai_session.call_count == 1

    assert bulk.delete(api, "org", session_ids=["a", "b"]).counts == {"done": 2}
    assert double.delete_ai_session.call_count == 2


def test_mocket_stands_in_for_the_network() -> None:
    mocket = pytest.importorskip("mocket")
    from mocket.mocks.mockhttp import Entry

    url = "http://localhost:8787/api/v3/organizations/org/ai/sessions/s"
    with mocket.Mocketizer():
        Entry.single_register(Entry.GET, url, body='{"id": "mocked"}', headers={"Content-Type": "application/json"})
        with ApiClient(Configuration("http://localhost:8787", "t", retries=0)) as client:
            assert AISessionsApi(client).get_ai_session("org", "s").id == "mocked"


FROZEN = """
    import datetime
    import pydantic
    import quantcdn
    from freezegun import freeze_time

    with freeze_time("2020-01-01"):
        assert datetime.datetime.now().year == 2020
        assert quantcdn.CreateAISession201Response(expires_at="2020-01-01T00:00:00Z").expires_at is not None
    assert datetime.datetime.now().year > 2020
    answer = quantcdn.CreateAISession201Response.from_json('{"expiresAt": "2020-01-01T00:00:00Z"}')
    assert answer.expires_at.year == 2020
"""


def test_freezegun_freezes_and_thaws_a_suite_that_has_it_loaded() -> None:
    pytest.importorskip("freezegun")
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(FROZEN)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


# Tracebacks


@each_method
def test_a_method_is_called_by_its_own_name_in_tracebacks_and_profiles(name: str) -> None:
    code = getattr(AISessionsApi, name).__code__
    assert code.co_name == name
    if sys.version_info >= (3, 11):
        assert code.co_qualname == f"AISessionsApi.{name}"


# Editors


def completions(source: str) -> dict[str, typing.Any]:
    return {found.name: found for found in jedi.Script(source, project=jedi.Project(ROOT)).complete()}


def test_jedi_completes_every_public_name() -> None:
    assert set(quantcdn.__all__) <= completions("import quantcdn\nquantcdn.").keys()


def test_jedi_completes_every_method_with_its_parameters() -> None:
    found = completions("import quantcdn\napi = quantcdn.AISessionsApi()\napi.")
    assert set(METHODS) <= found.keys()
    for name in METHODS:
        signature = inspect.signature(getattr(AISessionsApi, name))
        (shown,) = found[name].get_signatures()
        assert [parameter.name for parameter in shown.params] == [*signature.parameters][1:]


def test_jedi_knows_what_a_method_returns() -> None:
    source = "import quantcdn\napi = quantcdn.AISessionsApi()\napi.get_ai_session('o', 's')."
    assert {"id", "title", "messages", "created_at"} <= completions(source).keys()


def test_the_stubs_say_what_the_code_does() -> None:
    for stub in stubs():
        assert stub.path.read_text("utf-8") == stub.text(), "run python test/stubs.py"


# Other type checkers

RIGHT = """
    import quantcdn

    api = quantcdn.AISessionsApi()
    session = api.get_ai_session("my-org", "s-1", _request_timeout=5)
    title: str | None = session.title
    status: int = api.get_ai_session_with_http_info("my-org", "s-1").status_code
    api.create_ai_session("my-org", {"userId": "u", "initialMessages": [{"role": "system", "content": "Hi"}]})
    api.update_ai_session("my-org", "s-1", {"newMessages": [{"role": "user", "content": "Hi"}]})
    for listed in api.list_ai_sessions("my-org", limit=5):
        print(listed.id)
"""
WRONG = [
    'api.get_ai_session("my-org")',
    'api.get_ai_session("my-org", 5)',
    'api.get_ai_session("my-org", "s", _timeout=5)',
    'api.create_ai_session("my-org", {"userID": "u"})',
    'api.update_ai_session("my-org", "s", {"newMessages": [{"rol": "user"}]})',
    'api.update_ai_session("my-org", "s", {"status": "done"})',
]
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-incremental", "--follow-imports=silent"],
    "pyright": ["pyright"],
    "pyrefly": ["pyrefly", "check", "--preset", "default"],
    "ty": ["ty", "check"],
    "zuban": ["zuban", "check", "--strict"],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_accept_what_is_right_and_refuse_what_is_not(checker: str, tmp_path: Path) -> None:
    name, *arguments = CHECKERS[checker]
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "quantcdn").symlink_to(ROOT / "quantcdn")
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(textwrap.dedent(RIGHT))
    wrong.write_text("import quantcdn\n\napi = quantcdn.AISessionsApi()\n" + "\n".join(WRONG) + "\n")

    def checked(file: Path) -> "subprocess.CompletedProcess[str]":
        command = [program, *arguments, file.name]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)

    passed = checked(right)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    refused = checked(wrong)
    assert refused.returncode != 0
    for line in range(4, 4 + len(WRONG)):
        assert f"wrong.py:{line}" in refused.stdout, (WRONG[line - 4], refused.stdout)
