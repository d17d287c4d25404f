"""What carries an answer: `ApiResponse`, `RESTResponse` and the headers, also when people make them by hand."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPResponse

from quantcdn import ApiResponse, GetAISession200Response
from quantcdn._wire.headers import Headers
from quantcdn.rest import RESTResponse

from .calls import SECRET

SESSION = GetAISession200Response(id="a")


def response(**headers: str) -> ApiResponse[GetAISession200Response]:
    return ApiResponse(status_code=200, headers=headers, data=SESSION, raw_data=SECRET.encode())


def test_an_api_response_holds_what_it_was_given() -> None:
    made = response(etag="e")
    assert (made.status_code, made.data, made.raw_data) == (200, SESSION, SECRET.encode())
    assert made.headers == {"etag": "e"}


def test_an_api_response_finds_a_header_whatever_its_case() -> None:
    headers = response(**{"X-Request-Id": "r-1"}).headers
    assert headers is not None
    assert headers["x-request-id"] == headers["X-REQUEST-ID"] == headers.get("X-Request-ID") == "r-1"
    assert "x-REQUEST-id" in headers
    assert response(**{"X-Request-Id": "r-1"}).request_id == "r-1"


def test_an_api_response_needs_no_headers() -> None:
    made = ApiResponse(status_code=204, data=None, raw_data=b"")
    assert made.headers is None
    assert made.request_id is None


def test_an_api_response_takes_keywords_only() -> None:
    with pytest.raises(TypeError):
        ApiResponse(200, {}, SESSION, b"")  # type: ignore[misc]


def test_api_responses_compare_copy_and_pickle() -> None:
    made = response(etag="e")
    for duplicate in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert duplicate == made
        assert duplicate is not made
        assert isinstance(duplicate.headers, Headers)
    assert made != response(etag="f")


def test_an_api_response_shows_neither_its_raw_body_nor_its_secrets() -> None:
    shown = repr(response(**{"Content-Type": "application/json", "Set-Cookie": SECRET}))
    assert "'Content-Type': 'application/json', 'Set-Cookie': '***'" in shown
    assert SECRET not in shown


# Headers


@pytest.mark.parametrize(
    "name", ["Authorization", "cookie", "Set-Cookie", "X-Api-Key", "Proxy-Authorization", "Location", "X-Anything"]
)
def test_headers_hide_every_value_that_is_not_known_to_be_harmless(name: str) -> None:
    headers = Headers({name: SECRET, "Accept": "a"})
    for shown in (repr(headers), str(headers), f"{headers}", repr(headers.copy()), repr([headers])):
        assert SECRET not in shown
        assert f"'{name}': '***'" in shown
        assert "'Accept': 'a'" in shown
    assert headers[name.swapcase()] == SECRET


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_headers_show_no_unknown_value_whatever_its_name(name: str) -> None:
    assert SECRET not in repr(Headers({f"unknown-{name}": SECRET}))


@pytest.mark.parametrize("name", ["content-type", "Retry-After", "X-Request-ID", "User-Agent", "DATE"])
def test_headers_show_harmless_values(name: str) -> None:
    assert repr(Headers({name: "v"})) == f"Headers({{'{name}': 'v'}})"


def test_headers_that_came_twice_are_hidden_twice() -> None:
    headers = Headers()
    headers.add("Set-Cookie", f"{SECRET}=1")
    headers.add("Set-Cookie", f"{SECRET}=2")
    assert headers.getlist("set-cookie") == [f"{SECRET}=1", f"{SECRET}=2"]
    assert SECRET not in repr(headers)


def test_headers_compare_copy_and_pickle() -> None:
    headers = Headers({"A": "1", "Set-Cookie": SECRET})
    assert copy.copy(headers) == headers
    for duplicate in (headers.copy(), copy.deepcopy(headers), pickle.loads(pickle.dumps(headers))):
        assert type(duplicate) is Headers
        assert duplicate == headers == {"a": "1", "set-cookie": SECRET}
        duplicate["A"] = "2"
        assert headers["A"] == "1"


# RESTResponse


def rest_response() -> RESTResponse:
    return RESTResponse(HTTPResponse(b"body", {"X-One": "1"}, 201, reason="Created", preload_content=False))


def test_a_rest_response_is_read_when_it_is_asked() -> None:
    made = rest_response()
    assert (made.status, made.reason, made.data) == (201, "Created", None)
    assert made.read() == made.read() == made.data == made.response.data == b"body"


def test_a_rest_response_gives_its_headers() -> None:
    made = rest_response()
    assert isinstance(made.getheaders(), Headers)
    assert made.getheaders() == {"X-One": "1"}
    assert made.getheader("x-ONE") == "1"
    assert made.getheader("X-Two") is None
    assert made.getheader("X-Two", "default") == "default"
