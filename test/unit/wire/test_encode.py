"""From a call to the request that is sent: paths, queries, headers, tokens, base URLs and bodies."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from quantcdn._show.visible import is_blank
from quantcdn._wire.encode import encode
from quantcdn._wire.headers import merge_headers
from quantcdn._wire.message import Request
from quantcdn._wire.origin import origin_of
from quantcdn._wire.token import normalised_token
from quantcdn.exceptions import ApiValueError

from ..calls import CALLS, CREATE, EXTEND, GET, SECRET, build, json_objects, texts

HOST = "https://api.example"
SESSIONS = "/api/v3/organizations/org/ai/sessions"


def encoded(call: Any, host: str = HOST, token: str | None = None, **default_headers: str) -> Request:
    return encode(call, host, default_headers, token)


def body_of(call: Any) -> Any:
    body = encoded(call).body
    assert body is not None
    return json.loads(body)


# What is sent for each operation


@pytest.mark.parametrize(
    ("operation", "method", "target", "body"),
    [
        ("create", "POST", SESSIONS, b'{"userId":"u","expirationMinutes":60}'),
        ("list", "GET", SESSIONS, None),
        ("get", "GET", f"{SESSIONS}/id", None),
        ("update", "PUT", f"{SESSIONS}/id", b"{}"),
        ("extend", "PUT", f"{SESSIONS}/id/extend", None),
        ("delete", "DELETE", f"{SESSIONS}/id", None),
    ],
)
def test_an_operation_has_the_method_target_and_body_of_the_contract(
    operation: str, method: str, target: str, body: bytes | None
) -> None:
    request = encoded(CALLS[operation])
    assert (request.method, request.target, request.body) == (method, target, body)


@pytest.mark.parametrize("operation", CALLS)
def test_only_a_request_with_a_body_declares_a_content_type(operation: str) -> None:
    request = encoded(CALLS[operation])
    assert ("Content-Type" in request.headers) == (request.body is not None)
    assert request.headers["Accept"] == "application/json"


# Paths

_decoder_food = st.text(st.sampled_from("%25./\\2eEfF5cC0a;é\x00"), min_size=1, max_size=12)
_segments = st.text(max_size=12) | _decoder_food


def _is_one_safe_segment(text: str) -> bool:
    if text in ("", ".", "..") or text.isspace():
        return False
    return not re.search(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]", text)


def _decodings(text: str) -> list[str]:
    """A text, and what it becomes when it is percent-decoded again and again."""
    forms = [text]
    while (decoded := unquote(forms[-1], errors="surrogateescape")) != forms[-1]:
        forms.append(decoded)
    return forms


@given(_segments, _segments)
@example("a%252fb", "x")
@example("0", "%20")
@example("%2E%2e", "x")
@example("%25%32%65", "x")
@example("%zz%", "100%")
def test_a_path_parameter_arrives_as_it_was_given_and_as_one_segment_or_is_refused(organisation: str, id_: str) -> None:
    safe = all(_is_one_safe_segment(form) for text in (organisation, id_) for form in _decodings(text))
    try:
        request = encoded(build.extend_ai_session(organisation, id_))
    except ValidationError:
        assert not safe
        return
    assert safe
    assert request.target.isascii()
    sent = request.target.split("/")
    assert [unquote(part, errors="strict") for part in sent] == [
        *["", "api", "v3", "organizations", organisation],
        *["ai", "sessions", id_, "extend"],
    ]


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("session-1769056496430", "session-1769056496430"),
        ("...", "..."),
        (".a", ".a"),
        ("a b+c", "a%20b%2Bc"),
        ("é", "%C3%A9"),
        ("😀", "%F0%9F%98%80"),
        ("a?b#c", "a%3Fb%23c"),
        ("..;x", "..%3Bx"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("a:b@c", "a%3Ab%40c"),
    ],
)
def test_a_path_parameter_is_percent_encoded_once(text: str, sent: str) -> None:
    assert encoded(build.get_ai_session("org", text)).target == f"{SESSIONS}/{sent}"


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "\t\n", "\u00a0", "%20", "%2520%20"],
        *[".", "..", "%2e", "%2E%2e", ".%2e", "%252e%252e", "a/b", "a%2fb", "a%252Fb", "a\\b", "%5c", "%255C"],
        *["\x00", "a\n", "%0a", "\x7f", "%C2%85", "\ud800", "a%ff", "%c0%ae", "%ed%a0%80"],
    ],
    ids=ascii,
)
def test_an_unsafe_path_parameter_is_refused_by_name(text: str) -> None:
    for position in ("organisation", "session_id"):
        with pytest.raises(ValidationError, match=rf"(?s){position}.*one path segment"):
            build.delete_ai_session(**{"organisation": "org", "session_id": "id", position: text})


@pytest.mark.parametrize("value", [None, 5, True, b"id", ["id"]], ids=repr)
def test_a_path_parameter_that_is_no_string_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match=r"(?s)session_id.*valid string"):
        build.get_ai_session("org", value)


def test_the_refusal_of_a_path_parameter_does_not_show_it() -> None:
    with pytest.raises(ValidationError) as caught:
        build.get_ai_session("org", f"../{SECRET}")
    assert SECRET not in str(caught.value)


# Queries


words = texts.filter(lambda text: not is_blank(text))


@given(user_id=words, session_group=words, model=words, limit=st.integers(1, 100), offset=st.integers(0))
@example(user_id="a&b=c", session_group="+ %2B/?#", model="m", limit=1, offset=0)
def test_the_filters_arrive_as_they_were_given(**filters: Any) -> None:
    path, _, query = encoded(build.list_ai_sessions("org", **filters)).target.partition("?")
    assert path == SESSIONS
    assert re.fullmatch(r"[\w.~%&=-]*", query, re.ASCII)
    assert dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) == {
        "userId": filters["user_id"],
        "sessionGroup": filters["session_group"],
        "limit": str(filters["limit"]),
        "offset": str(filters["offset"]),
        "model": filters["model"],
    }


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        ({}, ""),
        ({"user_id": None, "limit": None}, ""),
        ({"offset": 0}, "?offset=0"),
        ({"model": "a b", "session_group": "g"}, "?sessionGroup=g&model=a%20b"),
    ],
    ids=str,
)
def test_a_filter_is_left_out_only_when_it_is_none(filters: dict[str, Any], query: str) -> None:
    assert encoded(build.list_ai_sessions("org", **filters)).target == SESSIONS + query


@pytest.mark.parametrize(
    ("filters", "rule"),
    [
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": 101}, "less than or equal to 100"),
        ({"limit": "5"}, "valid integer"),
        ({"limit": True}, "valid integer"),
        ({"limit": 5.0}, "valid integer"),
        ({"offset": -1}, "greater than or equal to 0"),
        ({"user_id": 5}, "valid string"),
        ({"session_group": "\ud800"}, "surrogate"),
        ({"model": b"m"}, "valid string"),
        ({"user_id": ""}, "not blank"),
        ({"session_group": " \t"}, "not blank"),
        ({"model": "\u00a0\u2003"}, "not blank"),
        ({"user_id": "\ufeff"}, "not blank"),  # JavaScript trims it
        ({"user_id": "\x00 \u200b"}, "not blank"),  # and PHP a NUL
    ],
    ids=ascii,
)
def test_a_filter_out_of_bounds_or_of_another_type_is_refused_by_name(filters: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?s){next(iter(filters))}.*{rule}"):
        build.list_ai_sessions("org", **filters)


# Headers

_names = st.sampled_from(["X-Trace", "Accept", "Authorization", "Content-Type"]).flatmap(
    lambda name: st.sampled_from([name, name.lower(), name.upper(), name.swapcase()])
)
_values = st.text(st.characters(max_codepoint=255, exclude_characters="\x7f", exclude_categories=["Cc"]), max_size=8)


@given(st.lists(st.dictionaries(_names, _values, max_size=4), max_size=4))
def test_a_later_layer_of_headers_wins_whatever_the_case_of_the_names(layers: list[dict[str, str]]) -> None:
    expected = {name.lower(): value for layer in layers for name, value in layer.items()}
    merged = merge_headers(*layers)
    assert {name.lower(): value for name, value in merged.items()} == expected
    assert len(merged) == len(expected)


def test_a_header_of_the_call_wins_over_a_default_one_which_wins_over_the_sdks_own() -> None:
    call = CREATE._replace(options={"_headers": {"ACCEPT": "of the call"}})
    request = encoded(call, token="t", accept="default", **{"content-type": "default"})
    assert request.headers == {"Accept": "of the call", "Content-Type": "default", "Authorization": "Bearer t"}


@pytest.mark.parametrize(
    ("default", "request_auth", "header", "sent"),
    [
        (None, None, None, "Bearer configured"),
        ("default", None, None, "default"),
        ("default", "Bearer of the call", None, "Bearer of the call"),
        (None, " Bearer pasted\n", None, "Bearer pasted"),
        ("default", "Bearer of the call", "header", "header"),
    ],
)
def test_the_most_particular_authorization_wins(
    default: str | None, request_auth: str | None, header: str | None, sent: str
) -> None:
    options: dict[str, Any] = {}
    if request_auth:
        options["_request_auth"] = {"type": "bearer", "in": "header", "key": "Authorization", "value": request_auth}
    if header:
        options["_headers"] = {"authorization": header}
    defaults = {"AUTHORIZATION": default} if default else {}
    request = encoded(build.get_ai_session("org", "id", **options), token="configured", **defaults)
    assert [value for name, value in request.headers.items() if name.lower() == "authorization"] == [sent]


def test_without_a_token_no_authorization_is_sent() -> None:
    assert "Authorization" not in encoded(GET).headers


@pytest.mark.parametrize(
    "auth", [{}, {"value": " "}, {"value": SECRET, "in": "query"}, {"value": SECRET, "in": "cookie"}], ids=str
)
def test_a_request_auth_of_another_shape_is_refused_and_not_shown(auth: dict[str, str]) -> None:
    with pytest.raises(ApiValueError, match="'type': 'bearer'") as caught:
        encoded(build.get_ai_session("org", "id", _request_auth=auth))
    assert SECRET not in str(caught.value)


def test_a_content_type_can_be_declared_for_one_call() -> None:
    call = build.create_ai_session("org", {"userId": "u"}, _content_type="application/vnd.example+json")
    assert encoded(call).headers["Content-Type"] == "application/vnd.example+json"


@pytest.mark.parametrize("name", ["", " ", "A B", "A:", "A\n", "Ä", "A\x00", "(A)"], ids=ascii)
def test_a_header_name_that_cannot_be_sent_is_refused(name: str) -> None:
    with pytest.raises(ApiValueError, match="header name is not valid"):
        merge_headers({name: "value"})


@pytest.mark.parametrize("value", [f"{SECRET}\r\nX: y", f"{SECRET}\x00", f"{SECRET}\x7f", f"{SECRET}€"], ids=ascii)
def test_a_header_value_that_cannot_be_sent_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(ApiValueError, match="the header 'X-Key' cannot be sent") as caught:
        merge_headers({"X-Key": value})
    assert SECRET not in str(caught.value)


@given(st.text(max_size=10), st.text(max_size=10))
def test_whatever_headers_accept_cannot_smuggle_a_line(name: str, value: str) -> None:
    try:
        merged = merge_headers({name: value})
    except ApiValueError:
        return
    assert merged == {name: value}
    assert not re.search(r"[\r\n\x00]", name + value)
    assert re.fullmatch(r"[^\s:]+", name)
    value.encode("latin-1")


# Tokens


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
    st.sampled_from(["", "Bearer ", "bearer\t", " BEARER   ", "\n"]),
    st.sampled_from(["", "\n", "\r\n ", " "]),
)
def test_a_token_is_freed_of_what_people_paste_around_it(token: str, before: str, after: str) -> None:
    if token.lower() != "bearer":
        assert normalised_token(before + token + after) == token


@pytest.mark.parametrize("token", ["", "  ", "Bearer", "bearer \n"], ids=repr)
def test_an_empty_token_is_refused(token: str) -> None:
    with pytest.raises(ApiValueError, match="token is empty"):
        normalised_token(token)


@pytest.mark.parametrize("junk", [" ", "\n", "\x00", "é", "\ufeff", "\u200b", "€", "\x7f"], ids=ascii)
def test_a_token_that_a_header_cannot_carry_is_refused_and_not_shown(junk: str) -> None:
    with pytest.raises(ApiValueError, match="visible ASCII") as caught:
        normalised_token(f"{SECRET}{junk}x")
    assert SECRET not in str(caught.value)


# Base URLs


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://h.example", "https://h.example"),
        ("https://h.example/", "https://h.example"),
        (" https://h.example/api/v3\n", "https://h.example"),
        ("https://h.example/api/v3/", "https://h.example"),
        ("HTTPS://H.example:443//", "https://h.example"),
        ("http://h.example:80", "http://h.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://h.example/prefix", "https://h.example/prefix"),
        ("https://h.example/prefix/api/v3/", "https://h.example/prefix"),
        ("https://h.example/a b/é", "https://h.example/a%20b/%C3%A9"),
        ("https://h.example/a%20b", "https://h.example/a%20b"),
        ("https://h.example/../x", "https://h.example/x"),
    ],
)
def test_a_base_url_means_the_same_however_it_ends(host: str, url: str) -> None:
    assert origin_of(host).url == url
    assert encoded(GET, host).target == f"{urlsplit(url).path}{SESSIONS}/id"


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "//h",
        "http://",
        "http:///path",
        "ftp://h",
        "http://h:99999",
        "http://[::1",
        "http://h\r\nX: y",
        "http://a b/",
        "http://a\nb/",
        'http://a"b/',
        SECRET,
        f"u:{SECRET}@h",
        f"https://u:{SECRET}@h",
        f"https:u:{SECRET}@h",
        f"https://{SECRET}@h",
        f"https://h/?token={SECRET}",
        f"https://h/#{SECRET}",
        f"https://h:{SECRET}",
        f"ftp://u:{SECRET}@h",
    ],
    ids=repr,
)
def test_what_is_no_base_url_is_refused_and_not_shown(host: str) -> None:
    with pytest.raises(ApiValueError) as caught:
        origin_of(host)
    assert SECRET not in str(caught.value)


@given(st.text(max_size=20) | st.text(max_size=15).map("https://".__add__) | texts.map("http://h/".__add__))
def test_any_text_is_a_base_url_or_an_sdk_error(host: str) -> None:
    try:
        origin = origin_of(host)
    except ApiValueError:
        return
    assert origin.scheme in ("http", "https")
    assert re.fullmatch(r"[\x21-\x7e]+", origin.host)
    assert re.fullmatch(r"(/[\x21-\x7e]*)?", origin.prefix)
    assert not {"?", "#"} & set(origin.prefix)


# Bodies


@given(json_objects)
def test_metadata_is_sent_as_json_reads_it(metadata: dict[str, Any]) -> None:
    assert body_of(build.create_ai_session("org", {"userId": "u", "metadata": metadata}))["metadata"] == metadata


@given(texts, texts)
def test_messages_are_sent_as_they_were_given(user: str, assistant: str) -> None:
    messages = [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    assert body_of(build.update_ai_session("org", "id", {"new_messages": messages})) == {"newMessages": messages}


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (CREATE, {"userId": "u", "expirationMinutes": 60}),
        (
            build.create_ai_session("org", {"user_id": "u", "expiration_minutes": None, "metadata": {"a": None}}),
            {"userId": "u", "metadata": {"a": None}},
        ),
        (build.extend_ai_session("org", "id", {}), {"additionalMinutes": 60}),
        (build.extend_ai_session("org", "id", {"additionalMinutes": None}), {}),
        (build.update_ai_session("org", "id", {"tokensUsed": 0}), {"tokensUsed": 0}),
    ],
    ids=["default", "none", "extend-default", "extend-none", "zero"],
)
def test_a_default_is_sent_and_none_is_left_out(call: Any, body: object) -> None:
    assert body_of(call) == body


def test_extending_without_a_model_sends_no_body() -> None:
    assert encoded(EXTEND).body is None


# What is printed


def test_a_call_and_its_request_show_no_secret_when_they_are_printed() -> None:
    call = build.create_ai_session(
        "org",
        {"userId": SECRET, "initialMessages": [{"role": "user", "content": SECRET}]},
        _headers={"X-Key": SECRET},
        _request_auth={"value": f"Bearer {SECRET}"},
    )
    listing = build.list_ai_sessions("org", SECRET)
    assert repr(call) == f"<Call POST {SESSIONS}>"
    assert repr(encoded(call, token=SECRET)) == f"<Request POST {SESSIONS}>"
    assert repr(listing) == f"<Call GET {SESSIONS}>"
    assert repr(encoded(listing)) == f"<Request GET {SESSIONS}>"
