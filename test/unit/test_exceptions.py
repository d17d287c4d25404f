"""The exceptions: one tree, made by hand as by the SDK, with texts that help and no secrets, and they pickle."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPResponse

import quantcdn
from quantcdn import exceptions
from quantcdn._wire.headers import Headers
from quantcdn.exceptions import (
    ApiAttributeError,
    ApiException,
    ApiKeyError,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ConnectionException,
    NotFoundException,
    OpenApiException,
    OutcomeUnknownConnectionException,
    OutcomeUnknownException,
    OutcomeUnknownServiceException,
    OutcomeUnknownTimeoutException,
    ResponseFormatException,
    ServiceException,
    TimeoutException,
    TLSException,
    TransportException,
    excerpt,
    message_of,
    with_unknown_outcome,
)
from quantcdn.rest import RESTResponse

from .calls import SECRET, json_values

SURFACE = json.loads((Path(__file__).parents[1] / "surface.json").read_text(encoding="utf-8"))


def tree(kind: type[OpenApiException] = OpenApiException) -> list[type[OpenApiException]]:
    return [kind, *dict.fromkeys(below for child in kind.__subclasses__() for below in tree(child))]


def pickled(error: Any) -> Any:
    return pickle.loads(pickle.dumps(error))


def example(kind: type[OpenApiException]) -> OpenApiException:
    """An exception of a class, with everything that it can hold."""
    if issubclass(kind, TransportException):
        failure: Any = kind("lost", never_sent=True, permanent=True)
    elif issubclass(kind, ApiException):
        failure = kind(503, "Busy", body='{"message": "why"}', data={"message": "why"})
    else:
        return kind("what is wrong")
    failure.headers = Headers({"X-Request-Id": "r-1", "Set-Cookie": SECRET})
    return failure  # type: ignore[no-any-return]


EVERY = pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)


# The tree


@pytest.mark.parametrize(("name", "bases"), SURFACE["exceptions"].items())
def test_a_class_of_the_official_client_has_its_bases(name: str, bases: list[str]) -> None:
    mro = [kind.__name__ for kind in getattr(exceptions, name).__mro__]
    assert [base for base in mro if base in bases] == bases


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (TLSException, [ConnectionException, TransportException, ApiException]),
        (TimeoutException, [TransportException, ApiException]),
        (ResponseFormatException, [ApiException]),
        (OutcomeUnknownConnectionException, [OutcomeUnknownException, ConnectionException]),
        (OutcomeUnknownTimeoutException, [OutcomeUnknownException, TimeoutException]),
        (OutcomeUnknownServiceException, [OutcomeUnknownException, ServiceException]),
    ],
)
def test_a_class_of_its_own_can_be_caught_as_what_it_is(kind: type[Exception], bases: list[type[Exception]]) -> None:
    assert all(issubclass(kind, base) for base in bases)


@EVERY
def test_every_class_says_what_it_means(kind: type[OpenApiException]) -> None:
    assert "__doc__" in vars(kind)
    assert kind.__module__ == "quantcdn.exceptions"


def test_every_public_class_is_at_the_top() -> None:
    mixed = {OutcomeUnknownConnectionException, OutcomeUnknownTimeoutException, OutcomeUnknownServiceException}
    for kind in {*tree()} - mixed:
        assert getattr(quantcdn, kind.__name__) is kind


# Copies, pickles, equality


@EVERY
def test_an_exception_can_be_copied_and_pickled(kind: type[OpenApiException]) -> None:
    original = example(kind)
    pickled = [pickle.loads(pickle.dumps(original, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for duplicate in [copy.copy(original), copy.deepcopy(original), *pickled]:
        assert type(duplicate) is kind
        assert duplicate == original
        assert duplicate is not original
        assert hash(duplicate) == hash(original)
        assert str(duplicate) == str(original)
        assert vars(duplicate) == vars(original)
        assert duplicate.args == original.args


@EVERY
def test_exceptions_of_another_class_differ(kind: type[OpenApiException]) -> None:
    assert [other for other in tree() if example(other) == example(kind)] == [kind]
    assert example(kind) != str(example(kind))


@pytest.mark.parametrize(
    "other",
    [
        ApiException(404, "Not Found"),
        ApiException(400, "Not Found"),
        ApiException(400, "Bad", body="b"),
        ApiException(400, "Bad", data={}),
        ApiException(),
        BadRequestException(400, "Bad"),
    ],
    ids=repr,
)
def test_exceptions_with_another_value_differ(other: ApiException) -> None:
    assert ApiException(400, "Bad") != other
    assert ApiException(400, "Bad") == ApiException(400, "Bad")


def test_equal_exceptions_are_one_in_a_set() -> None:
    assert len({ApiException(400, "a"), ApiException(400, "a"), ApiException(400, "b")}) == 2


@pytest.mark.parametrize("kind", [ApiTypeError, ApiValueError, ApiKeyError, ApiAttributeError])
def test_a_plain_error_shows_its_message_as_it_is(kind: type[OpenApiException]) -> None:
    assert str(kind("the 'name' is wrong")) == "the 'name' is wrong"
    assert str(kind()) == ""


@pytest.mark.parametrize("kind", [ApiTypeError, ApiValueError, ApiKeyError, ApiAttributeError])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        (["a", 0], " at ['a'][0]"),
        (("new messages", 3, "it's"), " at ['new messages'][3][\"it's\"]"),
        (["line\nbreak"], r" at ['line\nbreak']"),
        ([], ""),
        (None, ""),
    ],
    ids=repr,
)
@pytest.mark.parametrize("duplicate", [lambda error: error, copy.copy, copy.deepcopy, pickled])
def test_a_plain_error_says_where_the_item_is_also_as_a_copy(
    kind: Any, path: Any, place: str, duplicate: Callable[[Any], Any]
) -> None:
    error = duplicate(kind("wrong", path_to_item=path))
    assert str(error) == f"wrong{place}"
    assert error.path_to_item == path
    assert error == kind("wrong", path)


@pytest.mark.parametrize("duplicate", [lambda error: error, copy.copy, pickled])
def test_a_type_error_keeps_which_types_there_may_be(duplicate: Callable[[Any], Any]) -> None:
    error = duplicate(ApiTypeError("wrong", path_to_item=["a"], valid_classes=(int, str), key_type=True))
    assert (error.path_to_item, error.valid_classes, error.key_type) == (["a"], (int, str), True)
    assert str(error) == "wrong at ['a']"
    assert ApiTypeError("wrong", None, (int,), False).valid_classes == (int,)


# Made by hand


@pytest.mark.parametrize(
    ("exception", "text"),
    [
        (ApiException(), "ApiException"),
        (NotFoundException(), "NotFoundException"),
        (ApiException(404), "404"),
        (ApiException(404, "Not Found"), "404 Not Found"),
        (ApiException(status=0, reason="Connection refused"), "0 Connection refused"),
        (ApiException(reason="No answer"), "No answer"),
        (ApiException(404, "Not Found", body="no such session"), "404 Not Found: no such session"),
        (ApiException(404, "Not Found", body="{}", data={"message": "gone"}), "404 Not Found: gone"),
        (ApiException(404, "Not Found", None, body=None, data=None), "404 Not Found"),
        (ConnectionException("refused"), "refused"),
    ],
    ids=str,
)
def test_an_exception_made_by_hand_shows_what_it_was_given(exception: ApiException, text: str) -> None:
    assert str(exception) == text


def _rest_response(read: bool = True) -> RESTResponse:
    response = RESTResponse(
        HTTPResponse(
            b'{"message":"caf\xc3\xa9"}', {"X-Request-ID": "r-1"}, 404, reason="Not Found", preload_content=False
        )
    )
    if read:
        response.read()
    return response


def test_an_exception_takes_what_it_lacks_from_a_response() -> None:
    exception = ApiException(http_resp=_rest_response())
    assert (exception.status, exception.reason, exception.body) == (404, "Not Found", '{"message":"café"}')
    assert exception.headers == {"x-request-id": "r-1"}
    assert exception.request_id == "r-1"
    assert str(exception) == '404 Not Found: {"message":"café"} (request id r-1)'
    assert pickle.loads(pickle.dumps(exception)) == exception


def test_what_an_exception_is_given_wins_over_the_response() -> None:
    exception = ApiException(400, "Mine", _rest_response(), body="my body", data={"message": "my data"})
    assert (exception.status, exception.reason, exception.body) == (400, "Mine", "my body")
    assert str(exception) == "400 Mine: my data (request id r-1)"


def test_a_response_that_was_not_read_gives_no_body() -> None:
    assert ApiException(http_resp=_rest_response(read=False)).body is None


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        (None, None),
        ({}, None),
        ({"Content-Type": "text/plain"}, None),
        ({"X-REQUEST-ID": "a"}, "a"),
        ({"request-id": "a"}, "a"),
        ({"X-Correlation-Id": "a"}, "a"),
        ({"x-amzn-RequestId": "a"}, "a"),
        ({"X-Amz-Cf-Id": "a"}, "a"),
        ({"CF-RAY": "a"}, "a"),
        ({"CF-Ray": "b", "X-Request-Id": "a"}, "a"),
    ],
    ids=str,
)
def test_the_request_id_is_found_under_its_usual_names(headers: dict[str, str] | None, request_id: str | None) -> None:
    exception = ApiException(500)
    exception.headers = None if headers is None else Headers(headers)
    assert exception.request_id == request_id
    assert (f"(request id {request_id})" in str(exception)) == (request_id is not None)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ConnectionException("lost"), OutcomeUnknownConnectionException),
        (TLSException("lost"), OutcomeUnknownConnectionException),
        (TimeoutException("lost"), OutcomeUnknownTimeoutException),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_of_unknown_outcome_says_so(failure: TransportException, kind: type[ApiException]) -> None:
    unknown = with_unknown_outcome(failure)
    assert type(unknown) is kind
    assert str(unknown) == "lost; whether the request took effect is not known"


@EVERY
def test_no_exception_shows_the_headers_it_holds(kind: type[OpenApiException]) -> None:
    failure = example(kind)
    assert SECRET not in str(failure) + repr(failure) + repr(vars(failure))


# Messages


@pytest.mark.parametrize(
    ("data", "message"),
    [
        *[(data, None) for data in (None, {}, [], "text", 5, True, {"message": None}, {"message": 5}, {"error": True})],
        ({"message": "m"}, "m"),
        ({"message": "", "detail": "d"}, "d"),
        ({"error": False, "message": "m"}, "m"),
        ({"error": {"message": "m"}}, "m"),
        ({"message": {"error": {"detail": "m"}}}, "m"),
        ({"errors": []}, None),
        ({"errors": {"a": ["b"]}}, "{'a': ['b']}"),
        ({"message": ["a", "b"]}, "['a', 'b']"),
    ],
    ids=str,
)
def test_the_message_is_found_in_every_known_shape(data: object, message: str | None) -> None:
    assert message_of(data) == message


@given(st.dictionaries(st.sampled_from(["message", "error", "detail", "errors"]), json_values) | json_values)
def test_any_data_gives_a_message_or_none(data: Any) -> None:
    message = message_of(data)
    assert message is None or message
    assert str(ApiException(400, "Bad", data=data)).startswith("400 Bad")


@pytest.mark.parametrize(
    ("text", "shown"),
    [(None, None), ("", None), (" a\r\n\tb ", "a b"), ("x" * 200, "x" * 200), ("x" * 201, "x" * 200 + "…")],
    ids=lambda value: str(value)[:5],
)
def test_an_excerpt_is_one_short_line(text: str | None, shown: str | None) -> None:
    assert excerpt(text) == shown
