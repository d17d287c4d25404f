"""The eleven models: requests are closed, responses are open, and both go through JSON, dicts and pickle unharmed."""

import copy
import json
import pickle
import uuid
from collections import ChainMap, OrderedDict, UserDict, defaultdict, deque, namedtuple
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quantcdn import models
from quantcdn._wire.encode import encode
from quantcdn.models import (
    CreateAISession201Response,
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    DeleteAISession200Response,
    ExtendAISession200Response,
    ExtendAISessionRequest,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    UpdateAISession200Response,
    UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
)

from .calls import SECRET, build, json_objects, json_values, texts

INSTANT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=timezone.utc)
WRITTEN = "2024-05-06T07:08:09.123456Z"

# A full example of each model, and what it is on the wire.
REQUESTS: list[tuple[Any, dict[str, Any]]] = [
    (
        CreateAISessionRequest(
            user_id="u",
            session_group="g",
            metadata={"a": {"b": None}},
            expiration_minutes=5,
            initial_messages=[CreateAISessionRequestInitialMessagesInner(role="system", content="c")],
        ),
        {
            "userId": "u",
            "sessionGroup": "g",
            "metadata": {"a": {"b": None}},
            "expirationMinutes": 5,
            "initialMessages": [{"role": "system", "content": "c"}],
        },
    ),
    (CreateAISessionRequestInitialMessagesInner(role="assistant", content=""), {"role": "assistant", "content": ""}),
    (
        UpdateAISessionRequest(
            new_messages=[UpdateAISessionRequestNewMessagesInner(role="user", content="c")],
            tokens_used=0,
            status="completed",
            metadata={},
        ),
        {"newMessages": [{"role": "user", "content": "c"}], "tokensUsed": 0, "status": "completed", "metadata": {}},
    ),
    (UpdateAISessionRequestNewMessagesInner(role="user", content="c"), {"role": "user", "content": "c"}),
    (ExtendAISessionRequest(additional_minutes=1440), {"additionalMinutes": 1440}),
]
RESPONSES: list[tuple[Any, dict[str, Any]]] = [
    (
        CreateAISession201Response(session_id="i", status="active", expires_at=INSTANT, created_at=INSTANT),
        {"sessionId": "i", "status": "active", "expiresAt": WRITTEN, "createdAt": WRITTEN},
    ),
    (
        GetAISession200Response(id="i", title="t", model="m", messages=[{"role": "x", "n": None}], created_at=INSTANT),
        {"id": "i", "title": "t", "model": "m", "messages": [{"role": "x", "n": None}], "created_at": WRITTEN},
    ),
    (
        ListAISessions200ResponseInner(id="i", title="t", model="m", created_at=INSTANT, updated_at=INSTANT),
        {"id": "i", "title": "t", "model": "m", "created_at": WRITTEN, "updated_at": WRITTEN},
    ),
    (
        UpdateAISession200Response(session_id="i", status="s", total_messages=1, total_tokens=2, updated_at=INSTANT),
        {"sessionId": "i", "status": "s", "totalMessages": 1, "totalTokens": 2, "updatedAt": WRITTEN},
    ),
    (
        ExtendAISession200Response(session_id="i", expires_at=INSTANT, message="m"),
        {"sessionId": "i", "expiresAt": WRITTEN, "message": "m"},
    ),
    (DeleteAISession200Response(message="m"), {"message": "m"}),
]


def named(examples: list[tuple[Any, dict[str, Any]]]) -> list[Any]:
    return [pytest.param(model, wire, id=type(model).__name__) for model, wire in examples]


def refusal(make: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        make(*args, **kwargs)
    assert SECRET not in str(caught.value) + repr(caught.value)
    return str(caught.value)


def test_there_is_an_example_of_every_model() -> None:
    examples = {type(model).__name__ for model, _ in REQUESTS + RESPONSES}
    assert examples == {name for name in models.__all__ if not name.endswith("Dict")}


# Reading and writing


@pytest.mark.parametrize(("model", "wire"), named(REQUESTS + RESPONSES))
def test_a_model_is_written_under_the_names_of_the_wire(model: Any, wire: dict[str, Any]) -> None:
    assert json.loads(model.to_json()) == wire
    assert model.to_dict().keys() == wire.keys()
    assert all(name in model.to_str() for name in wire)


@pytest.mark.parametrize(("model", "wire"), named(REQUESTS + RESPONSES))
def test_a_model_comes_back_from_what_it_wrote(model: Any, wire: dict[str, Any]) -> None:
    kind = type(model)
    assert kind.from_json(model.to_json()) == kind.from_json(json.dumps(wire)) == model
    assert kind.from_dict(model.to_dict()) == kind.from_dict(wire) == model
    assert kind.model_validate_json(model.to_json()) == model


@pytest.mark.parametrize(("model", "wire"), named(REQUESTS + RESPONSES))
def test_a_model_can_be_copied_and_pickled(model: Any, wire: dict[str, Any]) -> None:
    pickled = [pickle.loads(pickle.dumps(model, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for duplicate in [copy.copy(model), copy.deepcopy(model), model.model_copy(deep=True), *pickled]:
        assert duplicate == model
        assert duplicate is not model
        assert json.loads(duplicate.to_json()) == wire


@pytest.mark.parametrize(("model", "wire"), named(REQUESTS + RESPONSES))
def test_models_with_another_value_or_of_another_type_differ(model: Any, wire: dict[str, Any]) -> None:
    assert model != wire
    for name in type(model).model_fields:
        assert model.model_copy(update={name: None}) != model
    for other, _ in REQUESTS + RESPONSES:
        assert (other == model) == (other is model)


@pytest.mark.parametrize("model", [type(model) for model, _ in REQUESTS + RESPONSES])
def test_from_dict_of_none_is_none(model: Any) -> None:
    assert model.from_dict(None) is None


@pytest.mark.parametrize("text", ["", "{", "NULL", f'{{"{SECRET}"', '{"a":"\\ud800', "[" * 1000], ids=repr)
def test_what_is_no_json_is_a_value_error_that_does_not_show_it(text: str) -> None:
    for model in (CreateAISessionRequest, GetAISession200Response):
        with pytest.raises(ValueError, match="at line 1 column") as caught:
            model.from_json(text)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [[], "text", 5, True, [["message", SECRET]]], ids=repr)
def test_what_is_no_object_is_refused(value: Any) -> None:
    for model, _ in REQUESTS + RESPONSES:
        assert "valid dictionary" in refusal(type(model).from_json, json.dumps(value))


def test_a_timestamp_without_a_zone_is_utc_and_is_written_as_rfc_3339() -> None:
    model = GetAISession200Response(created_at=INSTANT.replace(tzinfo=None))
    assert model.created_at == INSTANT
    assert model.to_json() == f'{{"created_at":"{WRITTEN}"}}'


def test_a_dict_keeps_the_datetime_as_it_is() -> None:
    assert GetAISession200Response(created_at=INSTANT).to_dict() == {"created_at": INSTANT}


# Responses


@pytest.mark.parametrize("model", [type(model) for model, _ in RESPONSES])
def test_a_response_keeps_unknown_fields_and_writes_them_back(model: Any) -> None:
    fields = {"future": {"a": [None, 1.5]}, "nothing": None, "model_config": 1, "to_json": "x", "": []}
    response = model.from_dict(fields)
    assert response.to_dict() == json.loads(response.to_json()) == fields
    assert response.future == {"a": [None, 1.5]}


@pytest.mark.parametrize("model", [type(model) for model, _ in RESPONSES])
def test_a_known_field_that_is_none_is_left_out(model: Any) -> None:
    response = model.from_dict(dict.fromkeys(model.model_fields))
    assert response.to_dict() == {}
    assert response == model()


@pytest.mark.parametrize(("model", "wire"), named(RESPONSES))
def test_a_field_that_cannot_be_read_is_kept_among_the_unknown_ones(model: Any, wire: dict[str, Any]) -> None:
    kind = type(model)
    odd = {name: {"odd": [name]} for name in wire if name not in ("id", "sessionId")}
    for response in (kind.from_dict(odd), kind.from_json(json.dumps(odd))):
        assert response.unread == tuple(name for name in kind.model_fields if name not in ("id", "session_id"))
        assert response.model_extra == response.to_dict() == json.loads(response.to_json()) == odd
        assert all(getattr(response, name) is None for name in kind.model_fields)
        assert response in (copy.copy(response), copy.deepcopy(response), kind.from_dict(odd))
        assert response != kind()
    assert model.unread == ()


def test_from_dict_leaves_what_it_is_given_as_it_is() -> None:
    odd = {"title": 5, "created_at": ""}
    GetAISession200Response.from_dict(odd)
    assert odd == {"title": 5, "created_at": ""}


@pytest.mark.parametrize(
    "make", [GetAISession200Response, lambda **fields: GetAISession200Response.model_validate(fields)]
)
def test_a_response_that_is_made_by_hand_is_checked(make: Any) -> None:
    assert "title\n" in refusal(make, title=5)


_values: dict[str, st.SearchStrategy[Any]] = {
    "messages": st.lists(json_objects, max_size=2),
    "total_messages": st.integers(),
    "total_tokens": st.integers(),
    **dict.fromkeys(
        ["created_at", "updated_at", "expires_at"],
        st.datetimes(timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))),
    ),
}


def _responses() -> st.SearchStrategy[Any]:
    def of(model: Any) -> st.SearchStrategy[Any]:
        known = {name: st.none() | _values.get(name, texts) for name in model.model_fields}
        return st.builds(
            lambda fields, extra: model(**{**extra, **fields}),
            st.fixed_dictionaries({}, optional=known),
            st.dictionaries(texts.map("x-{}".format), json_values, max_size=3),  # no name of a field among them
        )

    return st.sampled_from([type(model) for model, _ in RESPONSES]).flatmap(of)


def _messages(*roles: str) -> st.SearchStrategy[Any]:
    fields = {"role": st.sampled_from([None, *roles]), "content": st.none() | texts}
    return st.none() | st.lists(st.fixed_dictionaries({}, optional=fields), max_size=3)


_requests = st.one_of(
    st.fixed_dictionaries(
        {"user_id": texts},
        optional={
            "session_group": st.none() | texts,
            "metadata": st.none() | json_objects,
            "expiration_minutes": st.none() | st.integers(5, 1440),
            "initial_messages": _messages("system", "user", "assistant"),
        },
    ).map(CreateAISessionRequest.from_dict),
    st.fixed_dictionaries(
        {},
        optional={
            "new_messages": _messages("user", "assistant"),
            "tokens_used": st.none() | st.integers(),
            "status": st.sampled_from([None, "active", "completed"]),
            "metadata": st.none() | json_objects,
        },
    ).map(UpdateAISessionRequest.from_dict),
    st.fixed_dictionaries({}, optional={"additional_minutes": st.integers(1, 1440)}).map(
        ExtendAISessionRequest.from_dict
    ),
)


@given(_responses() | _requests)
def test_any_model_comes_back_from_json_dict_copy_and_pickle(model: Any) -> None:
    kind = type(model)
    assert copy.copy(model) == copy.deepcopy(model) == pickle.loads(pickle.dumps(model)) == model
    if getattr(model, "expiration_minutes", 60) is not None:  # None is left out, and reads back as the default
        assert kind.from_dict(model.to_dict()) == model
        assert kind.from_json(model.to_json()) == model


@pytest.mark.parametrize("body", ['{"x":NaN}', '{"x":1e400}', '{"messages":[{"x":-Infinity}]}'])
def test_to_json_writes_json_only(body: str) -> None:
    written = GetAISession200Response.from_json(body).to_json()
    json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


# Requests: names


@pytest.mark.parametrize(
    ("by_python_name", "by_wire_name"),
    [
        (
            CreateAISessionRequest(user_id="u", session_group="g", expiration_minutes=7, initial_messages=[]),
            CreateAISessionRequest(userId="u", sessionGroup="g", expirationMinutes=7, initialMessages=[]),  # type: ignore[call-arg]
        ),
        (
            UpdateAISessionRequest(new_messages=[], tokens_used=7),
            UpdateAISessionRequest(newMessages=[], tokensUsed=7),  # type: ignore[call-arg]
        ),
        (ExtendAISessionRequest(additional_minutes=7), ExtendAISessionRequest(additionalMinutes=7)),  # type: ignore[call-arg]
    ],
    ids=["create", "update", "extend"],
)
def test_both_spellings_of_a_keyword_work(by_python_name: Any, by_wire_name: Any) -> None:
    assert by_python_name == by_wire_name


@pytest.mark.parametrize("name", ["usr_id", "UserId", "user-id", "", "metaData", "model_config", "{fields}", "\ud800"])
def test_an_unknown_field_is_refused_and_the_fields_are_named(name: str) -> None:
    for request, wire in REQUESTS:
        text = refusal(type(request).from_dict, {**wire, name: SECRET})
        assert f"the fields are: {', '.join(type(request).model_fields)}" in text


def test_an_unknown_field_of_a_message_is_refused_by_its_place() -> None:
    text = refusal(CreateAISessionRequest, user_id="u", initial_messages=[{}, {"text": SECRET}])
    assert "initial_messages.1\n  There is no field 'text'; the fields are: role, content" in text


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CreateAISessionRequest, {"user_id": SECRET, "userId": SECRET}),
        (CreateAISessionRequest, {"user_id": "u", "session_group": SECRET, "sessionGroup": "g"}),
        (UpdateAISessionRequest, {"tokens_used": 1, "tokensUsed": 1}),
        (ExtendAISessionRequest, {"additional_minutes": 1, "additionalMinutes": 2}),
    ],
    ids=["user_id", "session_group", "tokens_used", "additional_minutes"],
)
def test_both_spellings_of_one_field_are_refused(model: Any, fields: dict[str, Any]) -> None:
    assert "Extra inputs are not permitted" in refusal(model, **fields)


def test_the_user_is_required() -> None:
    assert "userId\n  Field required" in refusal(CreateAISessionRequest)


# Requests: values

STRING = "Input should be a valid string"
INTEGER = "Input should be a valid integer"


@pytest.mark.parametrize(
    ("model", "field", "value", "rule"),
    [
        *[(CreateAISessionRequest, "user_id", value, STRING) for value in (5, True, None, b"u", ["u"], 1.5)],
        *[(CreateAISessionRequest, "session_group", value, STRING) for value in (5, True, b"g")],
        *[
            (model, field, value, INTEGER)
            for model, field in [
                (CreateAISessionRequest, "expiration_minutes"),
                (UpdateAISessionRequest, "tokens_used"),
                (ExtendAISessionRequest, "additional_minutes"),
            ]
            for value in (True, "60", 60.0, 60.5, Decimal(60), float("nan"), [60])
        ],
        (CreateAISessionRequest, "expiration_minutes", 4, "greater than or equal to 5"),
        (CreateAISessionRequest, "expiration_minutes", 1441, "less than or equal to 1440"),
        (ExtendAISessionRequest, "additional_minutes", 0, "greater than or equal to 1"),
        (ExtendAISessionRequest, "additional_minutes", 1441, "less than or equal to 1440"),
        (CreateAISessionRequest, "user_id", "\ud800", "without lone surrogates"),
        (CreateAISessionRequest, "metadata", [1], "valid dictionary"),
        (CreateAISessionRequest, "metadata", SECRET, "valid dictionary"),
        (CreateAISessionRequest, "initial_messages", SECRET, "valid list"),
        (CreateAISessionRequest, "initial_messages", {"role": "user"}, "valid list"),
        (UpdateAISessionRequest, "status", "active ", "one of 'active', 'completed' [type="),
        (UpdateAISessionRequest, "status", SECRET, "one of 'active', 'completed' [type="),
        (UpdateAISessionRequest, "status", 1, "Input should be one of 'active', 'completed'"),
        (CreateAISessionRequestInitialMessagesInner, "role", SECRET, "one of 'system', 'user', 'assistant' [type="),
        (CreateAISessionRequestInitialMessagesInner, "content", "\udfff", "without lone surrogates"),
        (CreateAISessionRequestInitialMessagesInner, "content", 5, STRING),
        (UpdateAISessionRequestNewMessagesInner, "role", "system", "one of 'user', 'assistant' [type="),
        (UpdateAISessionRequestNewMessagesInner, "role", "User", "one of 'user', 'assistant' [type="),
    ],
    ids=ascii,
)
def test_a_value_that_the_contract_does_not_allow_is_refused_by_name_when_given_or_assigned(
    model: Any, field: str, value: Any, rule: str
) -> None:
    required = {"user_id": "u"} if model is CreateAISessionRequest else {}
    text = refusal(model, **{**required, field: value})
    assert f"\n{field}\n" in text
    assert rule in text
    request = model(**required)
    before = request.model_copy()
    assert rule in refusal(setattr, request, field, value)
    assert request == before


def test_assigning_an_unknown_field_is_refused() -> None:
    assert "There is no field 'usr'" in refusal(setattr, CreateAISessionRequest(user_id="u"), "usr", SECRET)


# Requests: metadata


class Colour(Enum):
    RED = "red"
    NAN = float("nan")
    NESTED = {"a": b""}  # noqa: RUF012


class Number(IntEnum):
    ONE = 1


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (10**30, 10**30),
        (-0.0, -0.0),
        ("\x00é😀", "\x00é😀"),
        ((1, (2,)), [1, [2]]),
        (Pair(1, 2), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (INSTANT, WRITTEN),
        (INSTANT.replace(tzinfo=None), WRITTEN[:-1]),
        (date(2024, 5, 6), "2024-05-06"),
        (time(7, 8, 9), "07:08:09"),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+400"), "1E+400"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Number.ONE, 1),
        ([{"a": {"b": [None]}}], [{"a": {"b": [None]}}]),
    ],
    ids=ascii,
)
def test_metadata_is_written_as_json_says_it(value: Any, written: Any) -> None:
    request = CreateAISessionRequest(user_id="u", metadata={"top": value, "deep": [{"a": value}]})
    assert json.loads(request.to_json())["metadata"] == {"top": written, "deep": [{"a": written}]}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "no NaN and no infinity"),
        (float("-inf"), "no NaN and no infinity"),
        (Decimal("nan"), "no NaN and no infinity"),
        (Decimal("snan"), "no NaN and no infinity"),
        (Decimal("inf"), "no NaN and no infinity"),
        (Colour.NAN, "no NaN and no infinity"),
        (SECRET.encode(), "type bytes cannot be written"),
        (bytearray(b""), "type bytearray cannot be written"),
        ({SECRET}, "type set cannot be written"),
        (object(), "type object cannot be written"),
        (1j, "type complex cannot be written"),
        (timedelta(1), "type timedelta cannot be written"),
        (range(3), "type range cannot be written"),
        (deque([1]), "type deque cannot be written"),
        (UserDict(a=1), "type UserDict cannot be written"),
        (ChainMap({"a": 1}), "type ChainMap cannot be written"),
        (MappingProxyType({"a": 1}), "type mappingproxy cannot be written"),
        (DeleteAISession200Response(message=SECRET), "type DeleteAISession200Response cannot be written"),
        (f"{SECRET}\ud800", "lone surrogate"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else ascii(value),
)
def test_what_json_cannot_hold_is_refused_at_any_depth_by_its_path(value: Any, problem: str) -> None:
    for metadata, path in [
        ({"a": value}, "metadata.a"),
        ({"a": [0, {"b": (value,)}]}, "metadata.a[1].b[0]"),
    ]:
        for make in (
            lambda md: CreateAISessionRequest(user_id="u", metadata=md),
            lambda md: UpdateAISessionRequest(metadata=md),
        ):
            text = refusal(make, metadata)
            assert f"\nmetadata\n  {path}: " in text
            assert problem in text


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (1, "a key is of type int, and only strings can be keys"),
        ((1, 2), "a key is of type tuple, and only strings can be keys"),
        (b"k", "a key is of type bytes, and only strings can be keys"),
        (None, "a key is of type NoneType, and only strings can be keys"),
        ("\ud800", "a key holds a lone surrogate"),
    ],
    ids=ascii,
)
def test_a_key_that_json_cannot_hold_is_refused_at_any_depth_by_its_path(key: Any, problem: str) -> None:
    assert f"metadata: {problem}" in refusal(CreateAISessionRequest, user_id="u", metadata={key: SECRET})
    assert f"metadata.a[0]: {problem}" in refusal(UpdateAISessionRequest, metadata={"a": [{key: SECRET}]})


def test_a_cycle_is_refused() -> None:
    cyclic: dict[str, Any] = {"a": []}
    cyclic["a"].append(cyclic)
    assert "it contains itself" in refusal(UpdateAISessionRequest, metadata=cyclic)


def test_the_same_object_twice_is_no_cycle() -> None:
    shared = {"x": [1]}
    assert UpdateAISessionRequest(metadata={"a": shared, "b": [shared, shared]}).metadata == {
        "a": {"x": [1]},
        "b": [{"x": [1]}, {"x": [1]}],
    }


def _nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value  # type: ignore[no-any-return]


def test_nesting_is_limited_so_that_no_recursion_error_gets_out() -> None:
    request = CreateAISessionRequest(user_id="u", metadata=_nested(200))
    assert json.loads(request.to_json())["metadata"] == _nested(200)
    for depth in (201, 10_000):
        assert "nested more than 200 levels deep" in refusal(UpdateAISessionRequest, metadata=_nested(depth))


def test_any_mapping_is_metadata() -> None:
    assert UpdateAISessionRequest(metadata=MappingProxyType({"a": 1})).metadata == {"a": 1}  # type: ignore[arg-type]


# Requests: what was changed since


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda request: request.initial_messages.append({"role": SECRET}), "initial_messages.0.role"),
        (lambda request: request.initial_messages.append(SECRET), "initial_messages.0"),
        (lambda request: request.metadata.update(a={"b": SECRET.encode()}), "metadata.a.b: "),
        (lambda request: request.metadata.update({b"b": SECRET}), "metadata: a key"),
        (lambda request: vars(request).update(user_id=5), "user_id"),
        (lambda request: vars(request).update(expiration_minutes=1), "expiration_minutes"),
    ],
    ids=["role", "message", "metadata", "key", "user", "minutes"],
)
def test_a_wrong_value_put_in_later_is_refused_when_it_would_be_sent(change: Any, place: str) -> None:
    request = CreateAISessionRequest(user_id="u", metadata={}, initial_messages=[])
    change(request)
    for make in (CreateAISessionRequest.model_validate, lambda request: build.create_ai_session("org", request)):
        assert place in refusal(make, request)


def test_a_model_made_without_validation_is_refused_when_it_would_be_sent() -> None:
    made = CreateAISessionRequest.model_construct(user_id=5)  # type: ignore[arg-type]
    assert STRING in refusal(build.create_ai_session, "org", made)
    assert "Field required" in refusal(build.create_ai_session, "org", CreateAISessionRequest.model_construct())


def test_a_right_value_put_in_later_is_sent() -> None:
    request = CreateAISessionRequest(user_id="u", metadata={}, initial_messages=[])
    assert request.initial_messages is not None
    assert request.metadata is not None
    request.initial_messages.append({"role": "user", "content": "c"})  # type: ignore[arg-type]
    request.metadata["a"] = 1
    body = encode(build.create_ai_session("org", request), "https://h", {}, None).body
    assert body is not None
    assert json.loads(body) == {
        "userId": "u",
        "metadata": {"a": 1},
        "expirationMinutes": 60,
        "initialMessages": [{"role": "user", "content": "c"}],
    }


def test_writing_a_model_with_a_wrong_value_warns_of_nothing_and_so_shows_nothing() -> None:
    request = CreateAISessionRequest(user_id="u", initial_messages=[])
    assert request.initial_messages is not None
    request.initial_messages.append({"role": SECRET})  # type: ignore[arg-type]
    assert SECRET in request.to_json()


@given(st.dictionaries(st.sampled_from(["user_id", "metadata", "status", "tokens_used"]), json_values, min_size=1))
def test_no_refusal_shows_a_value(fields: dict[str, Any]) -> None:
    marked = {name: {SECRET: value} if name != "metadata" else [SECRET, value] for name, value in fields.items()}
    for model in (CreateAISessionRequest, UpdateAISessionRequest):
        assert model.__name__ in refusal(model.from_dict, marked)


# An instant is one everywhere


@pytest.mark.parametrize("name", ["updated_at", "expires_at", "updatedAt", "expiresAt"])
def test_an_instant_that_the_contract_does_not_list_is_one_nevertheless(name: str) -> None:
    came = {"id": "s", name: "2026-11-22T10:00:00Z"}
    session = GetAISession200Response.from_json(json.dumps(came))
    assert getattr(session, name) == datetime(2026, 11, 22, 10, tzinfo=timezone.utc)
    assert session.to_dict() == came


@pytest.mark.parametrize("value", ["never", 17, None, {"at": 1}])
def test_what_is_no_instant_stays_as_it_came(value: Any) -> None:
    assert GetAISession200Response.from_dict({"id": "s", "expires_at": value}).expires_at == value  # type: ignore[attr-defined]
