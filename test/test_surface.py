"""The public surface: what `surface.json` lists, which code written for the official client uses, and our additions.

Both are pinned, so that a name neither goes nor comes by accident.
"""

import ast
import importlib
import inspect
import io
import json
import re
import rlcompleter
import typing
from datetime import datetime
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Union

import pytest
import urllib3
from conftest import Connect
from servers import json_answer, scripted_server
from stubs import stubs

import quantcdn
from quantcdn import AISessionsApi, ApiClient, ApiException, ApiResponse, Configuration, models
from quantcdn.rest import RESTClientObject, RESTResponse

SURFACE: dict[str, Any] = json.loads((Path(__file__).parent / "surface.json").read_text("utf-8"))
VARIANTS: list[str] = SURFACE["operations"]["variants"]

OWN_EXCEPTIONS = {
    "TooManyRequestsException": ["ApiException"],
    "TransportException": ["ApiException"],
    "ConnectionException": ["TransportException", "ApiException"],
    "TLSException": ["ConnectionException", "TransportException", "ApiException"],
    "TimeoutException": ["TransportException", "ApiException"],
    "TokenException": ["TransportException", "ApiException"],
    "ResponseFormatException": ["ApiException"],
    "OutcomeUnknownException": ["ApiException"],
    "OutcomeUnknownConnectionException": [
        "OutcomeUnknownException",
        "ConnectionException",
        "TransportException",
        "ApiException",
    ],
    "OutcomeUnknownTimeoutException": [
        "OutcomeUnknownException",
        "TimeoutException",
        "TransportException",
        "ApiException",
    ],
    "OutcomeUnknownServiceException": ["OutcomeUnknownException", "ServiceException", "ApiException"],
}
# What the SDK has beyond the official client.
OWN_TOP_LEVEL = {
    "Attempt",
    "BadRequestException",
    "ConflictException",
    "ConnectionException",
    "Conversation",
    "ForbiddenException",
    "NotFoundException",
    "OutcomeUnknownException",
    "Reply",
    "RequestOptions",
    "ResponseFormatException",
    "RetryPolicy",
    "ServiceException",
    "TLSException",
    "TimeoutException",
    "TokenException",
    "TooManyRequestsException",
    "TransportException",
    "UnauthorizedException",
    "UnprocessableEntityException",
    "iter_ai_sessions",
    "to_dataframe",
}
OWN_SUBMODULES = {"attempt", "bulk", "conversation", "environment", "pages", "retry", "sandbox", "views"}
OWN_MODELS = {f"{name}Dict" for name in SURFACE["models"] if "Request" in name}
OWN_CONFIGURATION = {
    "bearer_token",
    "connection_max_idle",
    "from_environment",
    "host_for",
    "host_header",
    "max_response_headers",
    "max_response_size",
    "on_attempt",
    "timeout",
    "trust_env",
}
OWN_CONFIGURATION_ARGUMENTS = "timeout=60.0"
SETTABLE = {
    "connection_pool_maxsize": 4,
    "proxy_headers": {"X-Team": "blue"},
    "retries": 2,
    "server_index": 1,
    "socket_options": [(6, 1, 1)],
    "verify_ssl": False,
}
"""What the attributes of a configuration can be set to that take no text."""
OWN_API_CLIENT = {"close", "execute", "execute_with_http_info", "execute_without_preload_content"}


def shown(parameters: typing.Iterable[inspect.Parameter]) -> str:
    """Parameters in the notation of the data: names, defaults, and a star before those that are keyword-only."""
    parts: list[str] = []
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
        parts.append(f"{parameter.name}{default}")
    return ", ".join(parts)


def signature(function: Any) -> str:
    """The parameters of a function or a class, without self."""
    parameters = inspect.signature(function).parameters
    return shown(parameter for name, parameter in parameters.items() if name != "self")


def public(value: object) -> set[str]:
    return {name for name in dir(value) if not name.startswith("_")}


# The package and its modules


def test_the_top_level_holds_the_surface_and_our_additions() -> None:
    assert set(quantcdn.__all__) == {*SURFACE["top_level"], *OWN_TOP_LEVEL}
    assert len(quantcdn.__all__) == len(set(quantcdn.__all__))


@pytest.mark.parametrize("name", quantcdn.__all__)
def test_a_top_level_name_can_be_used(name: str) -> None:
    value = getattr(quantcdn, name)
    if callable(value):
        assert value.__name__ == name
        assert value.__module__.startswith("quantcdn.")
    else:
        assert name == "__version__"
        assert isinstance(value, str)


def test_a_completer_lists_the_public_names_and_the_modules() -> None:
    modules = {name.split(".")[1] for name in SURFACE["modules"]} | OWN_SUBMODULES
    completed = rlcompleter.Completer({"quantcdn": quantcdn}).attr_matches("quantcdn.")  # type: ignore[attr-defined]
    names = {name.removeprefix("quantcdn.").partition("(")[0] for name in completed}
    assert {*quantcdn.__all__, *modules} - {"__version__"} <= names
    assert all(isinstance(getattr(quantcdn, name), ModuleType) for name in modules)


@pytest.mark.parametrize("name", quantcdn.__all__)
def test_dir_lists_a_public_name_that_was_used(name: str) -> None:
    getattr(quantcdn, name)
    assert name in dir(quantcdn)


def test_the_docstring_names_all_there_is() -> None:
    named = set(re.findall(r"\w+", str(quantcdn.__doc__)))
    assert set(quantcdn.__all__) - {"__version__"} <= named


def test_a_star_import_brings_the_public_names_and_nothing_else() -> None:
    namespace: dict[str, object] = {}
    exec("from quantcdn import *", namespace)
    assert namespace.keys() - {"__builtins__"} == set(quantcdn.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'quantcdn' has no attribute 'AISessionApi'"):
        quantcdn.AISessionApi  # noqa: B018
    with pytest.raises(ImportError, match=r"AI sessions only.* see docs/Migration.md"):
        exec("from quantcdn import AISessionApi")


@pytest.mark.parametrize(
    ("package", "more"),
    [
        (quantcdn, {*(name.split(".")[1] for name in SURFACE["modules"]), *OWN_SUBMODULES}),
        (quantcdn.models, set()),
    ],
    ids=["quantcdn", "models"],
)
def test_type_checkers_see_the_names_that_are_loaded_when_they_are_used(package: ModuleType, more: set[str]) -> None:
    stub = ast.parse(Path(str(package.__file__)).with_suffix(".pyi").read_text("utf-8"))
    seen: dict[str, object] = {}
    for statement in stub.body:
        if isinstance(statement, ast.Assign):
            assert sorted(ast.literal_eval(statement.value)) == sorted(package.__all__)
        if not isinstance(statement, ast.ImportFrom):
            continue
        for name in statement.names:
            assert name.asname == name.name, "without the alias, the name is private to type checkers"
            module = importlib.import_module(str(statement.module))
            seen[name.name] = getattr(module, name.name)
    assert seen.keys() == {*package.__all__, *more} - {"__version__"}
    assert all(getattr(package, name) is value for name, value in seen.items())


def test_the_stubs_are_those_of_the_code() -> None:
    written = stubs()
    assert [stub.path.name for stub in written] == ["ai_sessions_api.pyi", "__init__.pyi"]
    for stub in written:
        assert stub.path.read_text("utf-8") == stub.text(), "write it anew: python test/stubs.py"


@pytest.mark.parametrize("module", SURFACE["modules"])
def test_a_module_holds_the_surface(module: str) -> None:
    loaded = importlib.import_module(module)
    assert [name for name in SURFACE["modules"][module] if not hasattr(loaded, name)] == []


@pytest.mark.parametrize(
    ("module", "additions"),
    [
        ("quantcdn.api", set()),
        ("quantcdn.api.ai_sessions_api", set()),
        ("quantcdn.models", OWN_MODELS),
        ("quantcdn.rest", set()),
        ("quantcdn.sandbox", {"ActiveFault", "RunningSandbox", "Sandbox", "running"}),
    ],
)
def test_a_star_import_of_a_module_brings_the_surface_and_our_additions(module: str, additions: set[str]) -> None:
    namespace: dict[str, object] = {}
    exec(f"from {module} import *", namespace)
    assert namespace.keys() - {"__builtins__"} == {*SURFACE["modules"].get(module, []), *additions}


# Models


def shape(annotation: Any) -> object:
    """A type in a form in which `Optional[List[str]]` equals `list[str] | None`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, UnionType):
        return frozenset(map(shape, arguments))
    return (origin, *map(shape, arguments)) if arguments else annotation


@pytest.mark.parametrize("name", SURFACE["models"])
def test_a_model_has_the_fields_of_the_surface(name: str) -> None:
    facts = SURFACE["models"][name]
    model = getattr(importlib.import_module(facts["module"]), name)
    assert model is getattr(models, name) is getattr(quantcdn, name)
    names = {**vars(typing), **vars(models), "datetime": datetime}
    types = typing.get_type_hints(model)
    written = model.model_json_schema(mode="serialization")["properties"]
    assert list(model.model_fields) == list(facts["fields"])
    for (field, expected), wire in zip(facts["fields"].items(), written, strict=True):
        assert wire == expected["wire"]
        assert shape(types[field]) == shape(eval(expected["type"], names))
        assert model.model_fields[field].is_required() == expected["required"]
        if not expected["required"]:
            assert model.model_fields[field].default == expected.get("default")


@pytest.mark.parametrize("name", SURFACE["models"])
def test_a_model_has_the_methods_of_the_surface(name: str) -> None:
    model = getattr(models, name)
    base = next(parent for parent in model.__mro__ if parent.__module__.startswith("pydantic"))
    added = {"unread"} if name.endswith(("Response", "ResponseInner")) else set()
    assert public(model) - public(base) == {*SURFACE["model_methods"], *added}


# Operations


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("operation", SURFACE["operations"]["methods"])
def test_a_method_has_the_signature_of_the_surface(operation: str, variant: str) -> None:
    method = getattr(AISessionsApi, f"{operation}{variant}")
    parameters, options = SURFACE["operations"]["methods"][operation], SURFACE["operations"]["options"]
    assert signature(method) == f"{parameters}, *, {options}"
    assert all(
        parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        for parameter in inspect.signature(method).parameters.values()
        if not parameter.name.startswith("_")
    )
    bound = inspect.signature(getattr(AISessionsApi(ApiClient(Configuration())), f"{operation}{variant}"))
    assert shown(bound.parameters.values()) == f"{parameters}, *, {options}"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("operation", SURFACE["operations"]["methods"])
def test_a_method_describes_itself_as_if_it_were_written_out(operation: str, variant: str) -> None:
    name = f"{operation}{variant}"
    method = getattr(AISessionsApi, name)
    assert inspect.isfunction(method)
    assert (method.__name__, method.__qualname__) == (name, f"AISessionsApi.{name}")
    assert method.__module__ == "quantcdn.api.ai_sessions_api"
    assert inspect.getdoc(method).splitlines()[0] == inspect.getdoc(getattr(AISessionsApi, operation)).splitlines()[0]
    result = inspect.signature(getattr(AISessionsApi, operation)).return_annotation
    expected = {
        "": result,
        "_with_http_info": ApiResponse[result],
        "_without_preload_content": urllib3.BaseHTTPResponse,
    }
    assert inspect.signature(method).return_annotation == expected[variant]


def test_an_api_class_is_made_as_in_the_surface() -> None:
    assert signature(AISessionsApi) == SURFACE["operations"]["constructor"]
    client = ApiClient(Configuration())
    assert AISessionsApi(client).api_client is client


def test_arguments_can_be_given_by_position_or_by_name(connect: Connect) -> None:
    with scripted_server([json_answer([]), json_answer([])]) as server:
        api = connect(server.host)
        api.list_ai_sessions("org", "u", "g", 5, 2, "m")
        api.list_ai_sessions(organisation="org", user_id="u", session_group="g", limit=5, offset=2, model="m")
    first, second = server.requests
    assert first.target == second.target
    assert first.target.endswith("?userId=u&sessionGroup=g&limit=5&offset=2&model=m")


# Configuration and client


def test_a_configuration_is_made_as_in_the_surface() -> None:
    assert signature(Configuration) == f"{SURFACE['configuration']['constructor']}, {OWN_CONFIGURATION_ARGUMENTS}"


def test_a_configuration_holds_the_surface_and_our_additions() -> None:
    facts = SURFACE["configuration"]
    expected = {*facts["attributes"], *facts["properties"], *facts["methods"], *OWN_CONFIGURATION}
    assert public(Configuration()) == expected


@pytest.mark.parametrize("name", SURFACE["configuration"]["attributes"])
def test_an_attribute_of_a_configuration_has_the_default_of_the_surface(name: str) -> None:
    expected, value = SURFACE["configuration"]["attributes"][name], getattr(Configuration(), name)
    if expected == "<int>":
        assert value > 0
    else:
        assert value == expected


@pytest.mark.parametrize("name", SURFACE["configuration"]["attributes"])
def test_an_attribute_of_a_configuration_can_be_set(name: str) -> None:
    configuration = Configuration()
    value = SETTABLE.get(name, "anything")
    setattr(configuration, name, value)
    assert getattr(configuration, name) == value


@pytest.mark.parametrize("name", SURFACE["configuration"]["properties"])
def test_a_property_of_a_configuration_is_one(name: str) -> None:
    assert isinstance(inspect.getattr_static(Configuration, name), property)


@pytest.mark.parametrize("name", SURFACE["configuration"]["methods"])
def test_a_method_of_a_configuration_has_the_signature_of_the_surface(name: str) -> None:
    assert signature(getattr(Configuration(), name)) == SURFACE["configuration"]["methods"][name]


def test_the_hosts_are_those_of_the_surface() -> None:
    assert Configuration().get_host_settings() == SURFACE["configuration"]["hosts"]
    assert Configuration().host == SURFACE["configuration"]["hosts"][0]["url"]
    assert not Configuration().debug


@pytest.mark.usefixtures("no_defaults")
def test_the_default_configuration_is_the_one_that_was_set() -> None:
    default = Configuration(host="https://a.example", access_token="qc_1")
    Configuration.set_default(default)
    assert Configuration.get_default() is default
    copied = Configuration.get_default_copy()
    assert copied is not default
    assert (copied.host, copied.access_token) == ("https://a.example", "qc_1")
    copied.host = "https://b.example"
    assert default.host == "https://a.example"


def test_a_client_is_made_as_in_the_surface() -> None:
    assert signature(ApiClient) == SURFACE["api_client"]["constructor"]


def test_a_client_holds_the_surface_and_our_additions() -> None:
    facts = SURFACE["api_client"]
    assert public(ApiClient(Configuration())) == {*facts["attributes"], *facts["methods"], *OWN_API_CLIENT}


@pytest.mark.parametrize("name", SURFACE["api_client"]["methods"])
def test_a_method_of_a_client_has_the_signature_of_the_surface(name: str) -> None:
    assert signature(getattr(ApiClient, name)) == SURFACE["api_client"]["methods"][name]


@pytest.mark.usefixtures("no_defaults")
def test_the_default_client_is_the_one_that_was_set() -> None:
    client = ApiClient(Configuration())
    ApiClient.set_default(client)
    assert ApiClient.get_default() is client
    assert AISessionsApi().api_client is client


@pytest.mark.usefixtures("no_defaults")
def test_the_default_client_is_made_once_from_the_default_configuration() -> None:
    configuration = Configuration()
    Configuration.set_default(configuration)
    assert AISessionsApi().api_client is AISessionsApi().api_client
    assert AISessionsApi().api_client.configuration is configuration


# Exceptions


@pytest.mark.parametrize("name", SURFACE["exceptions"])
def test_an_exception_has_the_bases_of_the_surface(name: str) -> None:
    kind = getattr(quantcdn.exceptions, name)
    assert [base.__name__ for base in kind.__mro__[1:-1]] == SURFACE["exceptions"][name]


@pytest.mark.parametrize("name", OWN_EXCEPTIONS)
def test_an_exception_of_our_own_has_its_place_in_the_tree(name: str) -> None:
    kind = getattr(quantcdn.exceptions, name)
    expected = [*OWN_EXCEPTIONS[name], *SURFACE["exceptions"]["ApiException"]]
    assert [base.__name__ for base in kind.__mro__[1:-1]] == expected


def test_there_is_no_exception_beyond_the_surface_and_our_own() -> None:
    kinds = {name for name, value in vars(quantcdn.exceptions).items() if inspect.isclass(value)}
    exceptions = {name for name in kinds if issubclass(getattr(quantcdn.exceptions, name), BaseException)}
    assert exceptions == {*SURFACE["exceptions"], *OWN_EXCEPTIONS}


def test_an_api_exception_can_be_made_by_hand() -> None:
    assert signature(ApiException) == SURFACE["constructors"]["ApiException"]
    empty = ApiException()
    assert (empty.status, empty.reason, empty.body, empty.data, empty.headers) == (None,) * 5
    full = ApiException(404, "Not Found", body='{"message": "gone"}', data={"message": "gone"})
    assert (full.status, full.reason, full.body, full.data) == (
        404,
        "Not Found",
        '{"message": "gone"}',
        {"message": "gone"},
    )
    assert str(full) == "404 Not Found: gone"


def test_an_api_exception_can_be_made_from_a_response() -> None:
    raw = urllib3.HTTPResponse(
        io.BytesIO(b"no"), {"X-Request-Id": "r-1"}, 403, reason="Forbidden", preload_content=False
    )
    response = RESTResponse(raw)
    response.read()
    exception = ApiException(http_resp=response)
    assert (exception.status, exception.reason, exception.body) == (403, "Forbidden", "no")
    assert exception.headers is not None
    assert exception.headers["x-request-id"] == "r-1"
    assert exception.request_id == "r-1"


# Responses and the low level


def test_an_api_response_can_be_made_by_hand() -> None:
    response = ApiResponse(status_code=200, headers={"X-Request-Id": "r-1"}, data=[1], raw_data=b"[1]")
    assert public(response) == {*SURFACE["api_response"], "request_id"}
    assert (response.status_code, response.data, response.raw_data) == (200, [1], b"[1]")
    assert response.headers is not None
    assert response.headers["x-request-id"] == response.request_id == "r-1"
    assert ApiResponse(status_code=204, data=None, raw_data=b"").headers is None


def test_the_fields_of_an_api_response_are_those_of_the_surface() -> None:
    assert list(inspect.signature(ApiResponse).parameters) == SURFACE["api_response"]
    assert all(
        parameter.kind is inspect.Parameter.KEYWORD_ONLY
        for parameter in inspect.signature(ApiResponse).parameters.values()
    )


def test_a_rest_response_can_be_made_by_hand() -> None:
    assert signature(RESTResponse) == SURFACE["constructors"]["RESTResponse"]
    raw = urllib3.HTTPResponse(io.BytesIO(b"{}"), {"X-A": "1"}, 200, reason="OK", preload_content=False)
    response = RESTResponse(raw)
    assert (response.status, response.reason, response.response, response.data) == (200, "OK", raw, None)
    assert response.read() == response.data == b"{}"
    assert response.getheaders()["x-a"] == response.getheader("X-a") == "1"
    assert response.getheader("X-B") is None
    assert response.getheader("X-B", "none") == "none"
    assert public(response) == {entry.partition("(")[0] for entry in SURFACE["rest_response"]}
    assert signature(RESTResponse.getheader) == "name, default=None"


def test_a_rest_client_can_be_made_by_hand() -> None:
    assert signature(RESTClientObject) == SURFACE["constructors"]["RESTClientObject"]
    assert signature(RESTClientObject.request) == SURFACE["constructors"]["RESTClientObject.request"]
    with scripted_server([json_answer({"a": 1})]) as server:
        client = RESTClientObject(Configuration())
        assert client.request("GET", f"{server.host}/path").read() == b'{"a": 1}'
        client.close()
    assert server.request.target == "/path"


def test_request_auth_takes_the_dict_of_the_surface(connect: Connect) -> None:
    with scripted_server([json_answer([])]) as server:
        connect(server.host).list_ai_sessions("org", _request_auth=SURFACE["request_auth"])
    assert server.request.headers["authorization"] == SURFACE["request_auth"]["value"]


@pytest.mark.parametrize("name", ["bulk", "conversation", "environment", "pages", "sandbox", "views"])
def test_a_completer_offers_what_is_public_of_a_module_and_nothing_else(name: str) -> None:
    module = importlib.import_module(f"quantcdn.{name}")
    assert dir(module) == sorted(module.__all__)
