"""The contract, `docs/openapi.yaml`, and the code agree in both directions, but for the deviations listed here.

Both sides are reduced to flat facts, such as `limit.maximum: 100`, and compared. The facts of the code are observed
through its public surface: signatures, JSON schemas of the models, what is sent, and what is refused.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, get_args
from urllib.parse import parse_qsl

import pytest
import yaml
from conftest import Connect
from contract import SERVED, SOURCE, as_json
from pydantic import BaseModel, TypeAdapter, ValidationError
from servers import json_answer, scripted_server

from quantcdn import AISessionsApi, ApiException, ApiValueError, Configuration, models

CONTRACT: dict[str, Any] = yaml.safe_load(SOURCE.read_text("utf-8"))
SCHEMAS: dict[str, Any] = CONTRACT["components"]["schemas"]
ABSENT = "absent"
KEYWORDS = ("type", "format", "minimum", "maximum", "default", "enum")

Facts = dict[str, object]


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def class_name(schema: str) -> str:
    return "".join(part[0].upper() + part[1:] for part in schema.split("_"))


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what it refers to within the contract."""
    if "$ref" not in node:
        return node
    found: dict[str, Any] = CONTRACT
    for key in node["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and definition of each operation, by its id. Parameters of its path are among its own."""
    found: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for path, item in CONTRACT["paths"].items():
        for method, definition in item.items():
            if method not in {"get", "put", "post", "delete", "patch", "head", "options", "trace"}:
                continue
            parameters = [resolved(node) for node in [*item.get("parameters", []), *definition.get("parameters", [])]]
            found[definition["operationId"]] = (method.upper(), path, {**definition, "parameters": parameters})
    return found


OPERATIONS = operations()
MODELS = {schema: getattr(models, class_name(schema)) for schema in SCHEMAS}
REQUEST_SCHEMAS = [schema for schema in SCHEMAS if "_request" in schema]


def type_name(schema: dict[str, Any]) -> str:
    """The type that a schema stands for: its class, or its own name for it."""
    if "$ref" in schema:
        return class_name(schema["$ref"].rpartition("/")[2])
    return f"list of {type_name(schema['items'])}" if schema["type"] == "array" else schema["type"]


def keyword_facts(name: str, schema: dict[str, Any]) -> Facts:
    facts: Facts = {f"{name}.{keyword}": schema[keyword] for keyword in KEYWORDS if keyword in schema}
    return {**facts, f"{name}.type": type_name(schema)}


# What the contract says


def contract_of_operation(operation_id: str) -> Facts:
    method, path, definition = OPERATIONS[operation_id]
    content = next(
        response["content"] for status, response in definition["responses"].items() if status.startswith("2")
    )
    facts: Facts = {
        "request": f"{method} {re.sub('{(.*?)}', lambda match: f'{{{snake_case(match[1])}}}', path)}",
        "returns": type_name(content["application/json"]["schema"]),
    }
    for parameter in definition["parameters"]:
        name = snake_case(parameter["name"])
        facts[f"{name}.required"] = parameter.get("required", False)
        facts |= keyword_facts(name, parameter["schema"])
        if parameter["in"] == "query":
            facts[f"{name}.in query"] = parameter["name"]
    if body := definition.get("requestBody"):
        facts["body.required"] = body["required"]
        ((media_type, content),) = body["content"].items()
        facts["body.media type"] = media_type
        facts["body.type"] = type_name(content["schema"])
    return facts


def contract_of_schema(schema: str) -> Facts:
    definition = SCHEMAS[schema]
    facts: Facts = {"open": definition.get("additionalProperties", True)}
    for name, property_ in definition["properties"].items():
        facts[f"{name}.field"] = snake_case(name)
        facts[f"{name}.required"] = name in definition.get("required", [])
        facts |= keyword_facts(name, property_)
    return facts


# What the code does


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without the alternative of None, and without a default of None: every optional field has both."""
    alternatives = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    assert len(alternatives) < 2, schema
    merged = {**schema, **alternatives[0]} if alternatives else dict(schema)
    if merged.get("default", ...) is None:
        del merged["default"]
    return merged


def parameters_of(method: str) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(getattr(AISessionsApi, method)).parameters.values())[1:]
    return [parameter for parameter in parameters if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]


def model_in(annotation: object) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def sample(parameter: inspect.Parameter, number: int) -> Any:
    """A value that can be found again in what is sent."""
    model = model_in(parameter.annotation)
    if model is not None:
        return {name: "any" for name, field in model.model_fields.items() if field.is_required()}
    return number if int in (parameter.annotation, *get_args(parameter.annotation)) else f"the-{parameter.name}"


def refused_bounds(call: Callable[[Any], object]) -> Facts:
    """The bounds that errors tell for values far out."""
    bounds: Facts = {}
    for value in (-(10**12), 10**12):
        try:
            call(value)
        except ValidationError as error:
            context = error.errors()[0]["ctx"]
            bounds |= {{"ge": "minimum", "le": "maximum"}[rule]: bound for rule, bound in context.items()}
    return bounds


def code_of_operation(operation_id: str, connect: Connect) -> Facts:
    method = snake_case(operation_id)
    parameters = parameters_of(method)
    arguments = {parameter.name: sample(parameter, number) for number, parameter in enumerate(parameters, start=7)}
    facts: Facts = {}
    with scripted_server(repeat(json_answer({}))) as server:
        call = getattr(connect(server.host), f"{method}_without_preload_content")
        call(**arguments).read()
        request = server.requests[0]
        path, _, query = request.target.partition("?")
        wire_names = {value: name for name, value in parse_qsl(query)}
        for parameter in parameters:
            name, value = parameter.name, arguments[parameter.name]
            required = parameter.default is inspect.Parameter.empty
            model = model_in(parameter.annotation)
            if model is not None:
                facts["body.required"] = required
                facts["body.type"] = model.__name__
                facts["body.media type"] = request.headers["content-type"]
                continue
            facts[f"{name}.required"] = required
            facts |= keyword_facts(name, without_null(TypeAdapter(parameter.annotation).json_schema()))
            if parameter.default not in (None, inspect.Parameter.empty):
                facts[f"{name}.default"] = parameter.default
            if isinstance(value, int):
                bounds = refused_bounds(lambda bad, name=name: call(**{**arguments, name: bad}).read())
                facts |= {f"{name}.{bound}": limit for bound, limit in bounds.items()}
            path = path.replace(str(value), f"{{{name}}}") if isinstance(value, str) else path
            if str(value) in wire_names:
                facts[f"{name}.in query"] = wire_names.pop(str(value))
        assert not wire_names, "a query parameter came from nowhere"
    facts["request"] = f"{request.method} {path}"
    returned = inspect.signature(getattr(AISessionsApi, method)).return_annotation
    (item,) = get_args(returned) or [returned]
    facts["returns"] = item.__name__ if item is returned else f"list of {item.__name__}"
    return facts


def allowed_values(model: type[BaseModel], name: str) -> Facts:
    """The values that an error names as the only ones allowed."""
    required = {field.alias: "any" for field in model.model_fields.values() if field.is_required()}
    try:
        model.model_validate({**required, name: "no such value"})
    except ValidationError as error:
        return {f"{name}.enum": re.findall("'(.*?)'", error.errors()[0]["msg"])}
    return {}


def code_of_schema(schema: str) -> Facts:
    model = MODELS[schema]
    read, written = model.model_json_schema(), model.model_json_schema(mode="serialization")
    assert list(read["properties"]) == list(written["properties"]), "names are written as they are read"
    facts: Facts = {"open": read["additionalProperties"]}
    for (name, property_), field in zip(read["properties"].items(), model.model_fields, strict=True):
        facts[f"{name}.field"] = field
        facts[f"{name}.required"] = name in read.get("required", [])
        facts |= keyword_facts(name, without_null(property_))
        if facts[f"{name}.type"] == "string" and f"{name}.format" not in facts:
            facts |= allowed_values(model, name)
    return facts


# Where the two differ, and why


def unknown_status_is_read() -> None:
    assert models.CreateAISession201Response.from_json('{"status": "queued"}').status == "queued"


def any_session_id_is_read() -> None:
    for model in (
        models.CreateAISession201Response,
        models.UpdateAISession200Response,
        models.ExtendAISession200Response,
    ):
        assert model.from_json('{"sessionId": "session-1769056496430"}').session_id == "session-1769056496430"


def unknown_request_fields_are_refused() -> None:
    for schema in REQUEST_SCHEMAS:
        with pytest.raises(ValidationError, match="There is no field 'unknown'; the fields are: "):
            MODELS[schema].model_validate({"unknown": 1})


def negative_offset_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"offset\n.*greater than or equal to 0"):
        AISessionsApi().list_ai_sessions("org", offset=-1)


def unset_limit_is_not_sent() -> None:
    with scripted_server([json_answer([])]) as server:
        api = AISessionsApi()
        api.api_client.configuration.host = server.host
        api.api_client.configuration.access_token = "token"
        api.list_ai_sessions("org")
        api.api_client.close()
    assert "limit" not in server.request.target


@dataclass(frozen=True)
class Deviation:
    """A deliberate difference: what each side says of one fact, the reason, and a function that shows it."""

    contract: object
    code: object
    reason: str
    shown_by: Callable[[], None]


ANY_ID = Deviation("uuid", ABSENT, "other ids of the service are no uuids", any_session_id_is_read)
CLOSED = Deviation(True, False, "a misspelt field would be ignored without a word", unknown_request_fields_are_refused)
DEVIATIONS = {
    "createAISession_201_response.status.enum": Deviation(
        ["active"], ABSENT, "a new status must not break a client", unknown_status_is_read
    ),
    "createAISession_201_response.sessionId.format": ANY_ID,
    "updateAISession_200_response.sessionId.format": ANY_ID,
    "extendAISession_200_response.sessionId.format": ANY_ID,
    **{f"{schema}.open": CLOSED for schema in REQUEST_SCHEMAS},
    "listAISessions.offset.minimum": Deviation(
        ABSENT, 0, "nothing lies before the first session", negative_offset_is_refused
    ),
    "listAISessions.limit.default": Deviation(
        50, ABSENT, "the service applies its own default", unset_limit_is_not_sent
    ),
}


def differences(group: str, contract: Facts, code: Facts) -> dict[str, tuple[object, object]]:
    return {
        f"{group}.{name}": (contract.get(name, ABSENT), code.get(name, ABSENT))
        for name in contract.keys() | code.keys()
        if contract.get(name, ABSENT) != code.get(name, ABSENT)
    }


def deviations_of(group: str) -> dict[str, tuple[object, object]]:
    return {
        name: (deviation.contract, deviation.code)
        for name, deviation in DEVIATIONS.items()
        if name.startswith(f"{group}.")
    }


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_an_operation_is_as_the_contract_has_it(operation_id: str, connect: Connect) -> None:
    contract, code = contract_of_operation(operation_id), code_of_operation(operation_id, connect)
    assert differences(operation_id, contract, code) == deviations_of(operation_id)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_model_is_as_its_schema(schema: str) -> None:
    assert differences(schema, contract_of_schema(schema), code_of_schema(schema)) == deviations_of(schema)


def test_every_deviation_belongs_to_an_operation_or_a_schema() -> None:
    assert {name.partition(".")[0] for name in DEVIATIONS} <= {*OPERATIONS, *SCHEMAS}


@pytest.mark.usefixtures("no_defaults")
@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_is_really_there(name: str) -> None:
    deviation = DEVIATIONS[name]
    assert deviation.reason
    deviation.shown_by()


def test_the_code_has_no_operation_beyond_the_contract() -> None:
    methods = {name for name in dir(AISessionsApi) if not name.startswith("_")} - {"api_client"}
    suffixes = ("", "_with_http_info", "_without_preload_content")
    assert methods == {f"{snake_case(operation_id)}{suffix}" for operation_id in OPERATIONS for suffix in suffixes}


def test_the_code_has_no_model_beyond_the_contract() -> None:
    assert {name for name in models.__all__ if not name.endswith("Dict")} == set(map(class_name, SCHEMAS))


@pytest.mark.parametrize("schema", REQUEST_SCHEMAS)
def test_the_typed_dict_of_a_request_is_as_its_schema(schema: str) -> None:
    read = TypeAdapter(getattr(models, f"{class_name(schema)}Dict")).json_schema()
    code: Facts = {}
    for name, property_ in read["properties"].items():
        code[f"{name}.required"] = name in read.get("required", [])
        code |= keyword_facts(name, property_)
        code[f"{name}.type"] = str(code[f"{name}.type"]).removesuffix("Dict")
    beyond_a_typed_dict = ("open", ".field", ".minimum", ".maximum", ".default")
    contract = contract_of_schema(schema)
    assert code == {name: contract[name] for name in contract if not name.endswith(beyond_a_typed_dict)}


def bounded_fields() -> list[Any]:
    return [
        pytest.param(MODELS[schema], name, property_["minimum"], property_["maximum"], id=f"{schema}.{name}")
        for schema, definition in SCHEMAS.items()
        for name, property_ in definition["properties"].items()
        if "minimum" in property_
    ]


@pytest.mark.parametrize(("model", "name", "minimum", "maximum"), bounded_fields())
def test_a_field_accepts_its_bounds_and_nothing_beyond(
    model: type[BaseModel], name: str, minimum: int, maximum: int
) -> None:
    required = {field.alias: "any" for field in model.model_fields.values() if field.is_required()}
    for accepted in (minimum, maximum):
        assert model.model_validate({**required, name: accepted}).model_dump(by_alias=True)[name] == accepted
    for refused in (minimum - 1, maximum + 1):
        with pytest.raises(ValidationError, match=rf"{name}\n.*(greater|less) than or equal to ({minimum}|{maximum})"):
            model.model_validate({**required, name: refused})


@pytest.mark.parametrize("limit", [1, 100])
def test_a_limit_within_its_bounds_is_sent(connect: Connect, limit: int) -> None:
    with scripted_server([json_answer([])]) as server:
        assert connect(server.host).list_ai_sessions("org", limit=limit) == []
    assert server.request.target.endswith(f"/ai/sessions?limit={limit}")


@pytest.mark.parametrize("limit", [0, 101])
def test_a_limit_beyond_its_bounds_is_refused_before_anything_is_sent(connect: Connect, limit: int) -> None:
    with scripted_server() as server, pytest.raises(ValidationError, match=r"limit\n.*or equal to (1|100)"):
        connect(server.host).list_ai_sessions("org", limit=limit)
    assert server.connections == 0


def documented_errors() -> list[Any]:
    return [
        pytest.param(operation_id, int(status), id=f"{operation_id}-{status}")
        for operation_id, (_, _, definition) in OPERATIONS.items()
        for status in definition["responses"]
        if not status.startswith("2")
    ]


@pytest.mark.parametrize(("operation_id", "status"), documented_errors())
def test_a_documented_error_has_a_class_of_its_own(connect: Connect, operation_id: str, status: int) -> None:
    method = snake_case(operation_id)
    arguments = {parameter.name: sample(parameter, 7) for parameter in parameters_of(method)}
    with scripted_server([json_answer({"message": "no"}, status)]) as server, pytest.raises(ApiException) as caught:
        getattr(connect(server.host), method)(**arguments)
    assert caught.value.status == status
    assert type(caught.value) is not ApiException


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_the_documented_success_is_read_as_its_model(connect: Connect, operation_id: str) -> None:
    method = snake_case(operation_id)
    arguments = {parameter.name: sample(parameter, 7) for parameter in parameters_of(method)}
    (status,) = [int(status) for status in OPERATIONS[operation_id][2]["responses"] if status.startswith("2")]
    returned = inspect.signature(getattr(AISessionsApi, method)).return_annotation
    (item,) = get_args(returned) or [returned]
    fields = {"id": "s"}
    with scripted_server([json_answer(fields if item is returned else [fields], status)]) as server:
        answer = getattr(connect(server.host), f"{method}_with_http_info")(**arguments)
    assert answer.status_code == status
    assert answer.data == (item.from_dict(fields) if item is returned else [item.from_dict(fields)])


def test_servers_and_version_are_those_of_the_contract() -> None:
    configuration = Configuration()
    assert configuration.get_host_settings() == CONTRACT["servers"]
    assert [configuration.get_host_from_settings(index) for index in (0, 1)] == [
        server["url"] for server in CONTRACT["servers"]
    ]
    with pytest.raises(ApiValueError, match="no server 2"):
        configuration.get_host_from_settings(len(CONTRACT["servers"]))
    assert f"Version of the API: {CONTRACT['info']['version']}\n" in configuration.to_debug_report()


def test_access_is_by_bearer_token(connect: Connect) -> None:
    (requirement,) = CONTRACT["security"]
    scheme = CONTRACT["components"]["securitySchemes"][next(iter(requirement))]
    with scripted_server([json_answer([])]) as server:
        connect(server.host, access_token="qc_1").list_ai_sessions("org")
    assert server.request.headers["authorization"].lower() == f"{scheme['scheme']} qc_1"


def test_what_the_sandbox_serves_is_the_contract_as_it_stands() -> None:
    assert SERVED.read_text("utf-8") == as_json(), "python test/contract.py writes it anew"
