"""What editors and makers of documentation see of the package: names, signatures and docstrings."""

import inspect
import json
import os
import pydoc
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
import jedi
import pytest

import quantcdn
from quantcdn import AISessionsApi, bulk, models

PACKAGES = Path(quantcdn.__file__).parent.parent
PUBLIC = sorted(set(quantcdn.__all__) - {"__version__"})
METHODS = [name for name, member in vars(AISessionsApi).items() if inspect.isfunction(member)]
API = "import quantcdn\napi = quantcdn.AISessionsApi()\n"

each_public_name = pytest.mark.parametrize("name", PUBLIC)
FUNCTIONS = [name for name in bulk.__all__ if inspect.isfunction(getattr(bulk, name))]
# What the functions of `bulk` take alike; an import chooses no sessions.
SHARED = ["user_id", "workers", "progress", "on_result"]
CHOICE = ["session_ids", "session_group", "model", "idle_for", "dry_run"]


def shared(name: str) -> set[str]:
    return {*SHARED, *([] if name == "import_" else CHOICE)}


each_function = pytest.mark.parametrize("name", FUNCTIONS)
each_method = pytest.mark.parametrize("name", METHODS)
MODELS = [name for name in models.__all__ if not name.endswith("Dict")]
each_model = pytest.mark.parametrize("model", MODELS)
each_field = pytest.mark.parametrize(
    ("model", "field"), [(model, field) for model in MODELS for field in getattr(models, model).model_fields]
)


def first_line(described: object) -> str:
    return str(inspect.getdoc(described)).splitlines()[0]


def test_there_are_eighteen_methods() -> None:
    assert len(METHODS) == 18


IN_IPYTHON = """
import sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("import quantcdn")
for typed in sys.argv[1:]:
    with provisionalcompleter():
        print(*(completion.text for completion in shell.Completer.completions(typed, len(typed))))
print(*(name for name in sys.modules if name.startswith("quantcdn.")))
"""


def test_ipython_completes_the_public_names_and_loads_none(tmp_path: Path) -> None:
    typed = ["quantcdn.", "quantcdn.AISess", "quantcdn.models.CreateAISessionRequestI"]
    program = [sys.executable, "-c", IN_IPYTHON, *typed]
    env = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    shown = subprocess.run(program, env=env, capture_output=True, text=True, check=True).stdout

    names, begun, model, loaded = (set(line.split()) for line in shown.splitlines())
    assert names >= {*quantcdn.__all__} - {"__version__"}
    assert begun == {"AISessionsApi"}
    assert "CreateAISessionRequestInitialMessagesInner" in model
    assert loaded <= {"quantcdn._lazy", "quantcdn._version", "quantcdn.models"}


# `help` and signatures


def test_help_on_the_package_fits_on_a_few_screens() -> None:
    script = "import pydoc, quantcdn; print(pydoc.render_doc(quantcdn, renderer=pydoc.plaintext))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert all(name in shown for name in PUBLIC)
    assert len(shown.splitlines()) < 150


def helped(name: str) -> str:
    """What `help` shows of a public name, but for a cell that Python 3.14 shows of its own in every named tuple."""
    shown = pydoc.render_doc(getattr(quantcdn, name), renderer=pydoc.plaintext)
    return re.sub(r"^ +\|  __classdictcell__ = .*$", "", shown, flags=re.MULTILINE)


@each_public_name
def test_help_shows_no_addresses(name: str) -> None:
    assert " at 0x" not in helped(name)


@pytest.mark.parametrize("name", ["bulk", "models"])
def test_help_of_a_module_shows_no_addresses(name: str) -> None:
    assert " at 0x" not in helped(name)


@each_model
def test_the_signature_of_a_model_has_the_fields_as_the_code_names_them(model: str) -> None:
    cls = getattr(models, model)
    types = typing.get_type_hints(cls)
    parameters = inspect.signature(cls).parameters
    assert cls.__signature__ is cls.__signature__  # made once
    assert {name: parameters[name].annotation for name in cls.model_fields} == {n: types[n] for n in cls.model_fields}
    for name, field in cls.model_fields.items():
        assert parameters[name].default == (inspect.Parameter.empty if field.is_required() else field.default)
    assert parameters.keys() - cls.model_fields.keys() == ({"extra_data"} if "Response" in model else set())


@each_field
def test_help_describes_a_field(model: str, field: str) -> None:
    cls = getattr(models, model)
    assert len(cls.model_fields[field].description.split()) > 1
    assert f"    {field}: {cls.model_fields[field].description}" in inspect.getdoc(cls).splitlines()
    assert f" |      {field}: {cls.model_fields[field].description}" in pydoc.plain(pydoc.render_doc(cls)).splitlines()


@each_function
def test_help_on_bulk_work_describes_each_parameter(name: str) -> None:
    function = getattr(bulk, name)
    parameters = inspect.signature(function).parameters
    assert shared(name) <= parameters.keys()
    assert typing.get_type_hints(function).keys() == {*parameters, "return"}
    described = str(inspect.getdoc(function)).splitlines()
    for parameter in parameters.values():
        stars = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
        assert len([line for line in described if line.startswith(f"    {stars}{parameter.name}: ")]) == 1
        assert parameter.annotation is not inspect.Parameter.empty


# jedi: Jupyter, Spyder, pylsp, vim


@pytest.fixture(autouse=True, scope="module")
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Jedi's cache is the user's, and is read while another process of tests writes to it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(jedi.settings, "cache_directory", str(tmp_path_factory.mktemp("jedi")))
        yield


def completed(source: str) -> dict[str, Any]:
    return {found.name: found for found in jedi.Script(source, project=jedi.Project(PACKAGES)).complete()}


def test_jedi_completes_the_public_names() -> None:
    assert set(PUBLIC) <= completed("import quantcdn\nquantcdn.").keys()
    assert set(PUBLIC) <= completed("from quantcdn import ").keys()


@each_public_name
def test_jedi_documents_a_public_name(name: str) -> None:
    (found,) = jedi.Script(f"from quantcdn import {name}", project=jedi.Project(PACKAGES)).help()
    assert first_line(getattr(quantcdn, name)) in found.docstring()


def test_jedi_completes_the_methods() -> None:
    assert set(METHODS) <= completed(f"{API}api.").keys()


@each_method
def test_jedi_shows_the_parameters_and_the_docstring_of_a_method(name: str) -> None:
    (found,) = (found for found in completed(f"{API}api.{name}").values() if found.name == name)
    (signature,) = found.get_signatures()
    expected = inspect.signature(getattr(AISessionsApi, name))
    assert [parameter.name for parameter in signature.params] == [*expected.parameters][1:]
    assert first_line(getattr(AISessionsApi, name)) in found.docstring(fast=False)


@each_function
def test_jedi_shows_the_parameters_and_the_docstring_of_bulk_work(name: str) -> None:
    (found,) = completed(f"from quantcdn import bulk\nbulk.{name}").values()
    (signature,) = found.get_signatures()
    assert [parameter.name for parameter in signature.params] == [*inspect.signature(getattr(bulk, name)).parameters]
    assert str(inspect.getdoc(getattr(bulk, name))) in found.docstring(fast=False)
    assert "user_id=" in completed(f"from quantcdn import bulk\nbulk.{name}(use")


def test_jedi_completes_the_options() -> None:
    assert "_request_timeout=" in completed(f"{API}api.get_ai_session('o', 's', _req")


def test_jedi_knows_what_a_method_returns() -> None:
    assert {"id", "title", "messages", "created_at"} <= completed(f"{API}api.get_ai_session('o', 's').").keys()
    assert {"data", "headers"} <= completed(f"{API}api.get_ai_session_with_http_info('o', 's').").keys()


# griffe: mkdocstrings


@pytest.fixture(scope="module")
def documented() -> griffe.Module:
    loaded = griffe.load("quantcdn", search_paths=[PACKAGES], resolve_aliases=True)
    assert isinstance(loaded, griffe.Module)
    return loaded


@each_public_name
def test_griffe_documents_a_public_name(name: str, documented: griffe.Module) -> None:
    docstring = documented[name].docstring
    assert docstring is not None
    assert docstring.value.splitlines()[0] == first_line(getattr(quantcdn, name))


@each_method
def test_griffe_documents_a_method(name: str, documented: griffe.Module) -> None:
    method = documented["AISessionsApi"][name]
    expected = inspect.signature(getattr(AISessionsApi, name))
    assert [parameter.name for parameter in method.parameters] == [*expected.parameters]
    assert method.docstring.value.splitlines()[0] == first_line(getattr(AISessionsApi, name))


@each_function
def test_griffe_documents_bulk_work(name: str, documented: griffe.Module) -> None:
    function = documented["bulk"][name]
    assert [parameter.name for parameter in function.parameters] == [*inspect.signature(getattr(bulk, name)).parameters]
    assert function.docstring.value == inspect.getdoc(getattr(bulk, name))


# pyright: VS Code, and every editor with a language server


class LanguageServer:
    """A conversation with pyright's language server about one file."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [Path(sys.executable).parent / "pyright-langserver", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._ids = 0
        self._version = 0
        self._folder = folder
        self._file = folder / "user.py"

    def __enter__(self) -> "LanguageServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def initialize(self) -> None:
        self.ask(
            "initialize",
            {
                "processId": None,
                "rootUri": self._folder.as_uri(),
                "capabilities": {
                    "textDocument": {"completion": {"completionItem": {"documentationFormat": ["markdown"]}}},
                },
                "workspaceFolders": [{"uri": self._folder.as_uri(), "name": "user"}],
            },
        )
        self._send({"method": "initialized", "params": {}})

    def ask(self, method: str, params: object) -> Any:
        self._ids += 1
        self._send({"id": self._ids, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("method") == "workspace/configuration":
                answer = [{"pythonPath": sys.executable} for _ in message["params"]["items"]]
                self._send({"id": message["id"], "result": answer})
            elif "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})
            elif message.get("id") == self._ids:
                assert "error" not in message, message
                return message["result"]

    def at_the_end_of(self, source: str, method: str, back: int = 0) -> Any:
        """Ask about the place at the end of a source text, or some characters before it."""
        self._version += 1
        document = {"uri": self._file.as_uri(), "languageId": "python", "version": self._version, "text": source}
        if self._version == 1:
            self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        else:
            changes = {"textDocument": document, "contentChanges": [{"text": source}]}
            self._send({"method": "textDocument/didChange", "params": changes})
        *before, last = source.split("\n")
        position = {"line": len(before), "character": len(last) - back}
        return self.ask(method, {"textDocument": {"uri": document["uri"]}, "position": position})

    def completions(self, source: str, back: int = 0) -> set[str]:
        return {item["label"] for item in self.at_the_end_of(source, "textDocument/completion", back)["items"]}

    def hover(self, source: str) -> str:
        return str(self.at_the_end_of(source, "textDocument/hover", 1)["contents"]["value"])

    def _send(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            assert line, "the language server has ended"
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return dict(json.loads(self._process.stdout.read(length)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("user")
    settings = {"extraPaths": [str(PACKAGES)], "pythonVersion": "3.10"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    with LanguageServer(folder) as server:
        server.initialize()
        yield server


def test_pyright_completes_the_public_names_and_the_methods(server: LanguageServer) -> None:
    assert set(PUBLIC) <= server.completions("import quantcdn\nquantcdn.")
    assert set(METHODS) <= server.completions(f"{API}api.")


@each_public_name
def test_pyright_documents_a_public_name(name: str, server: LanguageServer) -> None:
    words = first_line(getattr(quantcdn, name)).replace("`", "")
    assert words[:40] in server.hover(f"from quantcdn import {name}").replace("`", "")


@each_method
def test_pyright_shows_the_parameters_and_the_docstring_of_a_method(name: str, server: LanguageServer) -> None:
    shown = server.hover(f"{API}api.{name}")
    for parameter in [*inspect.signature(getattr(AISessionsApi, name)).parameters][1:]:
        assert f"{parameter}:" in shown
    assert first_line(getattr(AISessionsApi, name)) in shown


@each_function
def test_pyright_shows_the_parameters_and_the_docstring_of_bulk_work(name: str, server: LanguageServer) -> None:
    source = f"from quantcdn import bulk\nbulk.{name}"
    shown = server.hover(source)
    for parameter in inspect.signature(getattr(bulk, name)).parameters:
        assert f"{parameter}:" in shown
    assert first_line(getattr(bulk, name)) in shown
    assert {f"{parameter}=" for parameter in shared(name)} <= server.completions(f"{source}()", 1)


@each_field
def test_pyright_and_jedi_describe_a_field(model: str, field: str, server: LanguageServer) -> None:
    description = str(getattr(quantcdn, model).model_fields[field].description)
    source = f"from quantcdn import {model}\ndef show(model: {model}):\n    model.{field}"
    assert description.rstrip(".") in server.hover(source)
    (found,) = jedi.Script(source, project=jedi.Project(PACKAGES)).help(3, len("    model."))
    assert description in found.docstring()


@pytest.mark.parametrize(
    ("source", "back", "labels"),
    [
        ('api.create_ai_session("o", {""})', 3, {"userId", "sessionGroup", "metadata", "initialMessages"}),
        ('api.update_ai_session("o", "s", {"newMessages": [{""}]})', 5, {"role", "content"}),
        ('api.update_ai_session("o", "s", {"newMessages": [{"role": ""}]})', 5, {"user", "assistant"}),
        ('api.update_ai_session("o", "s", {"status": ""})', 3, {"active", "completed"}),
        ('quantcdn.UpdateAISessionRequest(status="")', 2, {"active", "completed"}),
        ("api.get_ai_session(org)", 1, {"organisation="}),
    ],
)
def test_pyright_completes_what_a_call_takes(source: str, back: int, labels: set[str], server: LanguageServer) -> None:
    assert labels <= {label.strip("\"'") for label in server.completions(f"{API}{source}", back)}
