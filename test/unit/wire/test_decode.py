"""From an answer to the model that was asked for, or to an exception of the SDK: never to anything else."""

import json
import math
import pickle
import re
import warnings
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quantcdn import (
    ApiException,
    BadRequestException,
    ConflictException,
    CreateAISession201Response,
    DeleteAISession200Response,
    ExtendAISession200Response,
    ForbiddenException,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    NotFoundException,
    OutcomeUnknownException,
    ResponseFormatException,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
    UpdateAISession200Response,
)
from quantcdn._wire.decode import decode
from quantcdn._wire.headers import Headers
from quantcdn._wire.message import Response

from ..calls import CALLS, CREATE, DELETE, GET, LIST, SECRET, UPDATE, answer, json_values, texts

MODELS = {
    "create": CreateAISession201Response,
    "get": GetAISession200Response,
    "update": UpdateAISession200Response,
    "extend": ExtendAISession200Response,
    "delete": DeleteAISession200Response,
}


def refusal(call: Any, response: Response) -> ApiException:
    with pytest.raises(ApiException) as caught:
        decode(call, response)
    assert caught.value.__context__ is None, "it may hold what came, and not every pickle can hold it"
    return caught.value


# Successful answers


@pytest.mark.parametrize("operation", MODELS)
def test_any_2xx_with_a_readable_body_is_success(operation: str) -> None:
    for status in (200, 201, 202, 204, 207, 226, 299):
        data = decode(CALLS[operation], answer({"message": "hello", "sessionId": "s"}, status))
        assert data == MODELS[operation].from_dict({"message": "hello", "sessionId": "s"})


@pytest.mark.parametrize("body", [b"", b"null", b"gone"], ids=repr)
def test_a_delete_answered_204_is_success_whatever_its_body(body: bytes) -> None:
    assert decode(DELETE, answer(body, 204)) == DeleteAISession200Response()


@pytest.mark.parametrize("status", [200, 202, 205])
@pytest.mark.parametrize("body", ["", "\n", " null ", "OK", "ok\r\n", '"OK"', "true", "[]"], ids=repr)
def test_a_delete_answered_with_nothing_to_read_has_succeeded(status: int, body: str) -> None:
    assert decode(DELETE, answer(body, status)) == DeleteAISession200Response()


@pytest.mark.parametrize(
    "body", ["<html>Log in</html>", "false", "0", '{"mess', "no", "[1]", "null, but", '{"error":1}']
)
def test_a_delete_answered_with_anything_else_is_not_known_to_have_succeeded(body: str) -> None:
    assert isinstance(refusal(DELETE, answer(body)), ResponseFormatException)


@pytest.mark.parametrize("body", ["{}", '{"status":"active"}', '{"sessionId":null}', '{"sessionId":""}'])
def test_a_create_that_names_no_session_is_refused(body: str) -> None:
    for status in (200, 201):
        error = refusal(CREATE, answer(body, status))
        assert isinstance(error, ResponseFormatException)
        assert "it does not name the session, which may be there nevertheless" in str(error)


@pytest.mark.parametrize("operation", ["get", "update", "extend", "delete"])
def test_another_answer_may_leave_the_id_out(operation: str) -> None:
    assert decode(CALLS[operation], answer({})) == MODELS[operation]()


@pytest.mark.parametrize("operation", [name for name in CALLS if name != "delete"])
def test_a_204_says_nothing_that_another_operation_asked_for(operation: str) -> None:
    assert isinstance(refusal(CALLS[operation], answer(b"", 204)), ResponseFormatException)


def test_unknown_fields_are_kept_null_ones_included() -> None:
    session = decode(GET, answer({"id": "a", "user_id": "u", "n": None, "deep": {"n": None, "l": [None]}}))
    assert session.user_id == "u"
    assert session.to_dict() == {"id": "a", "user_id": "u", "n": None, "deep": {"n": None, "l": [None]}}


def test_an_unknown_status_is_kept() -> None:
    assert decode(CREATE, answer({"sessionId": "s", "status": "hibernating"})).status == "hibernating"


@pytest.mark.parametrize(
    ("operation", "field", "spellings"),
    [
        ("create", "session_id", ["sessionId", "session_id", "id"]),
        ("create", "created_at", ["createdAt", "created_at"]),
        ("create", "expires_at", ["expiresAt", "expires_at"]),
        ("get", "id", ["id", "sessionId", "session_id"]),
        ("get", "created_at", ["created_at", "createdAt"]),
        ("list", "id", ["id", "sessionId", "session_id"]),
        ("list", "updated_at", ["updated_at", "updatedAt"]),
        ("update", "session_id", ["sessionId", "session_id", "id"]),
        ("update", "total_messages", ["totalMessages", "total_messages"]),
        ("update", "total_tokens", ["totalTokens", "total_tokens"]),
        ("update", "updated_at", ["updatedAt", "updated_at"]),
        ("extend", "session_id", ["sessionId", "session_id", "id"]),
        ("extend", "expires_at", ["expiresAt", "expires_at"]),
    ],
)
def test_a_field_is_read_in_every_spelling_and_the_wire_name_wins(
    operation: str, field: str, spellings: list[str]
) -> None:
    def read(fields: dict[str, Any]) -> Any:
        if operation == "list":
            return decode(LIST, answer([fields]))[0]
        return MODELS[operation].from_dict(fields)

    values: list[Any] = ["a", "b", "c"]
    if field.endswith("_at"):
        values = [f"2024-05-06T07:08:0{second}Z" for second in range(3)]
    elif field.startswith("total"):
        values = [1, 2, 3]
    wire, *others = spellings
    for spelling in spellings:
        assert read({spelling: values[0]}).to_dict() == {wire: values[0]} or field.endswith("_at")
        assert getattr(read({spelling: values[0]}), field) == getattr(read({wire: values[0]}), field) is not None
    both = read(dict(reversed(list(zip(spellings, values, strict=False)))))
    assert getattr(both, field) == getattr(read({wire: values[0]}), field)
    assert both.model_extra == dict(zip(others, values[1:], strict=False))


@pytest.mark.parametrize(("sent", "read"), [(5, "5"), (0, "0"), (-3, "-3"), (10**30, "1" + "0" * 30)])
def test_an_integer_id_is_read_as_a_string(sent: int, read: str) -> None:
    assert decode(GET, answer({"id": sent})).id == read
    assert decode(UPDATE, answer({"sessionId": sent})).session_id == read


@pytest.mark.parametrize("name", ["id", "sessionId", "session_id"])
@pytest.mark.parametrize("value", [True, 1.5, ["a"], {}, {"id": "a"}], ids=repr)
@pytest.mark.parametrize("operation", ["create", "list", "get", "update", "extend"])
def test_an_id_that_is_none_is_refused_by_its_place(operation: str, name: str, value: object) -> None:
    fields = {"created_at": "", "title": 5, name: value}
    error = refusal(CALLS[operation], answer([{"id": 1}, fields] if operation == "list" else fields))
    assert isinstance(error, ResponseFormatException)
    assert f"({'1.' if operation == 'list' else ''}{name}: " in str(error)


ODD_FIELDS = [
    *[("get", "title", value) for value in (5, True, ["a"], {}, 1.5)],
    *[("get", "messages", value) for value in ("[]", "", {"role": "user"}, ["hello"], [{}, None], [[]], False, 7)],
    *[("get", "createdAt", value) for value in ("", "0000-00-00 00:00:00", "never", {}, [], False, 0, 2024, "\x00")],
    *[("create", "expiresAt", value) for value in ("", "-5877585-01-28T05:08:53.857Z", -1, 1e300, "1" * 5000)],
    *[("create", "status", value) for value in (1, None, {"is": "active"}) if value is not None],
    *[("update", "totalMessages", value) for value in ("1", 1.5, True, [1], "", 1e400)],
    *[("update", "total_tokens", value) for value in ("5", {}, False)],
    *[("extend", "message", value) for value in (1, ["extended"])],
    ("delete", "message", {"text": "deleted"}),
]


@pytest.mark.parametrize(("operation", "name", "value"), ODD_FIELDS, ids=lambda value: ascii(value)[:30])
def test_an_odd_field_costs_that_field_and_is_kept_as_it_came(operation: str, name: str, value: object) -> None:
    fields = {"sessionId": "s", name: value, "future": None, "metadata": {"n": None}}
    model = decode(CALLS[operation], answer(fields))
    (unread,) = model.unread
    assert name in (unread, "createdAt", "expiresAt", "totalMessages")
    assert getattr(model, unread) is None
    assert model.model_extra[name] == value
    if operation != "delete":
        assert "s" in (getattr(model, "id", None), getattr(model, "session_id", None))
    written = json.loads(model.to_json())
    assert written.pop("id", None) or written["sessionId"] == "s"
    assert written[name] == (value if value != math.inf else None)
    assert "future" in written
    assert type(model).from_dict(model.to_dict()) == model
    assert pickle.loads(pickle.dumps(model)).unread == model.unread


@pytest.mark.parametrize(
    "wrap", [lambda rows: rows, lambda rows: {"data": {"sessions": rows}}], ids=["bare", "wrapped"]
)
def test_an_odd_field_of_a_row_costs_no_other_row_and_no_other_field(wrap: Any) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "title": "fine", "created_at": "2024-05-06T07:08:09Z", "updated_at": "2024-05-06T07:08:09Z"},
        {"id": 2, "title": 5, "created_at": "2024-05-06T07:08:09Z", "updatedAt": "", "model": "m"},
        {},
        {"id": "d", "title": None, "created_at": "never", "updated_at": 1714979289},
    ]
    sessions = decode(LIST, answer(wrap(rows)))
    assert type(sessions) is type(decode(LIST, answer([])))
    assert [session.id for session in sessions] == ["a", "2", None, "d"]
    assert [session.unread for session in sessions] == [(), ("title", "updated_at"), (), ("created_at",)]
    assert [session.created_at for session in sessions] == [NOON, NOON, None, None]
    assert [session.updated_at for session in sessions] == [NOON, None, None, NOON]
    assert sessions[1].model == "m"
    assert [session.model_extra for session in sessions] == [
        {},
        {"title": 5, "updatedAt": ""},
        {},
        {"created_at": "never"},
    ]


def test_the_wire_name_wins_also_where_it_cannot_be_read() -> None:
    fields = {"created_at": "never", "createdAt": "2024-05-06T07:08:09Z"}
    session = decode(GET, answer(fields))
    assert (session.created_at, session.unread, session.to_dict()) == (None, ("created_at",), fields)


def test_a_field_that_is_null_or_missing_is_not_unread() -> None:
    for fields in ({}, dict.fromkeys(["id", "title", "model", "messages", "created_at", "createdAt", "unread"])):
        assert decode(GET, answer(fields)).unread == ()


def test_a_field_of_the_service_named_unread_is_kept() -> None:
    session = decode(GET, answer({"id": "a", "unread": 3}))
    assert (session.unread, session.model_extra, session.to_dict()) == ((), {"unread": 3}, {"id": "a", "unread": 3})


# Lists


@pytest.mark.parametrize(
    "wrap",
    [
        lambda items: items,
        *[lambda items, name=name: {name: items} for name in ("sessions", "data", "items", "results")],
        lambda items: {"data": {"sessions": items}},
        lambda items: {"results": {"data": {"items": items}}},
        lambda items: {"meta": {"total": 1}, "error": None, "data": items},
    ],
    ids=["bare", "sessions", "data", "items", "results", "twice", "thrice", "beside others"],
)
def test_a_list_is_a_list_bare_or_wrapped(wrap: Any) -> None:
    assert decode(LIST, answer(wrap([{"id": 1}]))) == [ListAISessions200ResponseInner(id="1")]
    assert decode(LIST, answer(wrap([]))) == []


BROKEN_LISTS = [
    *["", " ", "null", '""', "{}", "0", "false", '"[]"', "[", "]", "[]]", "[[]]", "[null]", '["id"]'],
    *['{"error":"x"}', '{"error":true,"message":"m"}', '{"errors":[]}', '{"message":[]}', '{"sessions":null}'],
    *['{"data":{}}', '{"data":{"error":"x"}}', '{"items":"[]"}', '{"total":0}', '{"data":{"data":null}}'],
]


@pytest.mark.parametrize("body", BROKEN_LISTS)
def test_a_broken_answer_is_never_an_empty_list(body: str) -> None:
    error = refusal(LIST, answer(body))
    assert isinstance(error, ResponseFormatException)
    assert "cannot be read as a list of sessions" in str(error)


@pytest.mark.parametrize(
    "body",
    [{"error": True, "message": "m", "sessions": []}, {"error": "E", "data": []}, {"errors": ["x"], "items": []}],
    ids=json.dumps,
)
def test_a_list_beside_an_error_is_refused(body: dict[str, Any]) -> None:
    assert isinstance(refusal(LIST, answer(body)), ResponseFormatException)


def _innermost(value: Any) -> Any:
    while isinstance(value, dict):
        value = next((value[name] for name in ("sessions", "data", "items", "results") if name in value), None)
    return value


_listish = st.recursive(
    st.sampled_from([[], None, "", 0]) | json_values,
    lambda inner: st.dictionaries(
        st.sampled_from(["sessions", "data", "items", "results", "error"]), inner, max_size=2
    ),
    max_leaves=4,
)


@given(_listish)
def test_an_empty_list_comes_of_an_empty_array_only(value: Any) -> None:
    try:
        sessions = decode(LIST, answer(value))
    except ResponseFormatException:
        return
    assert len(sessions) == len(_innermost(value))


# Bodies that are hard to read


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"title":"é😀"}'.encode(), "application/json"),
        ('{"title":"é😀"}'.encode(), ""),
        ('\ufeff{"title":"é😀"}'.encode(), "application/json; charset=UTF-8"),
        ('{"title":"é😀"}'.encode("utf-16"), "application/json; charset=utf-16"),
        ('{"title":"é😀"}'.encode("utf-16-be"), 'application/json; charset="UTF-16BE"'),
        ('{"title":"é😀"}'.encode("utf-32"), "application/json;charset = utf-32 ; x=y"),
        (rb'{"title":"\u00e9\ud83d\ude00"}', "application/json; charset=us-ascii"),
        (b'{"title":"\xe9\\ud83d\\ude00"}', "application/json; charset=ISO-8859-1"),
        (b'{"title":"\xe9\\ud83d\\ude00"}', "text/plain; Charset='windows-1252'"),
        (b'\n\t {"title":"\xc3\xa9\xf0\x9f\x98\x80"}\r\n', "text/html"),
    ],
)
def test_a_body_is_read_in_the_charset_it_declares(body: bytes, content_type: str) -> None:
    assert decode(GET, answer(body, content_type=content_type)).title == "é😀"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>Bad gateway</html>", "text/html"),
        (b'{"id":"a"', "application/json"),
        (b'{"id":"a"}}', "application/json"),
        (b"{'id': 'a'}", "application/json"),
        (b'{"id":"\xff"}', "application/json"),
        (b'\xff\xfe{"id":"a"}', "application/json; charset=utf-16"),
        (b'{"title":"\xe9"}', "application/json; charset=martian"),
        (b'{"title":"\xe9"}', "application/json; charset=hex"),
        (b'{"title":"\xe9"}', "application/json; charset=a\x00b"),
        (b'{"id":"\xed\xa0\x80"}', "application/json"),
        (b'{"title":"\xe9"}', "application/json; charset=unicode_escape"),
        (b'{"title":"\xe9"}', "application/json; charset=\xe9"),
        (b'["+2AA-"]', "application/json; charset=utf-7"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "application/json"),
        (b'{"n":' + b"9" * 5_000 + b"}", "application/json"),
        (b'{"created_at":' + b"9" * 5_000 + b"}", "application/json"),
        (b"[1]", "application/json"),
        (b'{"id":Infinity}', "application/json"),
        (b"NaN", "application/json"),
        (b"\x00" * 10, "application/octet-stream"),
        (b"\xef\xbb\xbf", "application/json"),
    ],
    ids=range(23),
)
def test_what_cannot_be_read_is_one_exception_that_shows_the_start_of_what_came(body: bytes, content_type: str) -> None:
    for call, expected in [(GET, "a session"), (LIST, "a list of sessions")]:
        error = refusal(call, answer(body, content_type=content_type, x_request_id="r-1"))
        assert type(error) is ResponseFormatException
        start = f"200 The answer cannot be read as {expected} ("
        assert str(error).startswith(start)
        assert len(start) + 20 < len(str(error)) < 600
        assert error.request_id == "r-1"
        assert error.body is not None


def test_an_exception_holds_the_json_of_what_cannot_be_read() -> None:
    for call, body in [(LIST, {"total": 0}), (GET, {"id": []}), (CREATE, {"status": "active"}), (DELETE, [1])]:
        assert refusal(call, answer(body)).data == body
    assert refusal(GET, answer("<html>")).data is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"cut \ud83d", "cut \ufffd"),
        (r"\ude00 cut", "\ufffd cut"),
        (r"\uD83D\uD83D\uDE00\uDE00", "\ufffd😀\ufffd"),
        (r"\ud83d\u0041", "\ufffdA"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (r"\\\ud83d \\\\ude00 \n", "\\\ufffd \\\\ude00 \n"),
        (r"\\ud83d\ude00", "\\ud83d\ufffd"),
    ],
)
def test_half_an_emoji_is_read_as_a_replacement_character(written: str, read: str) -> None:
    body = f'{{"id": "s", "title": "{written}", "{written}": ["{written}"]}}'
    session = decode(GET, answer(body))
    assert (session.title, session.model_extra) == (read, {read: [read]})
    assert session.unread == ()
    assert decode(LIST, answer(f"[{body}]")) == [ListAISessions200ResponseInner.from_dict(session.to_dict())]
    assert GetAISession200Response.from_json(body) == session
    json.loads(session.to_json())


def test_an_empty_body_is_said_to_be_empty() -> None:
    assert str(refusal(GET, answer(b""))) == "200 The answer cannot be read as a session (it is empty)"


# Other statuses

STATUSES = {
    400: BadRequestException,
    401: UnauthorizedException,
    402: ApiException,
    403: ForbiddenException,
    404: NotFoundException,
    405: ApiException,
    409: ConflictException,
    422: UnprocessableEntityException,
    429: TooManyRequestsException,
    500: ServiceException,
    502: ServiceException,
    503: ServiceException,
    599: ServiceException,
    301: ApiException,
    300: ApiException,
    304: ApiException,
    100: ApiException,
    199: ApiException,
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_a_status_has_its_exception(status: int, kind: type[ApiException]) -> None:
    for operation, call in CALLS.items():
        error = refusal(call, answer({"message": "why"}, status, "Phrase", x_request_id="r-1"))
        unknown = status >= 500 and operation in ("create", "update", "extend")
        assert isinstance(error, kind)
        assert unknown == isinstance(error, OutcomeUnknownException)
        assert unknown or type(error) is kind
        assert (error.status, error.data, error.body) == (status, {"message": "why"}, '{"message": "why"}')
        assert error.headers is not None
        assert error.headers["X-REQUEST-ID"] == error.request_id == "r-1"
        assert str(error).startswith(f"{status} Phrase")
        assert str(error).endswith(": why (request id r-1)")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"error": True, "message": "No such session"}, "No such session"),
        ({"code": 17, "message": "No such session"}, "No such session"),
        ({"error": "NO_SESSION", "message": "No such session"}, "No such session"),
        ({"error": "NO_SESSION"}, "NO_SESSION"),
        ({"error": {"code": 1, "message": "No such session"}}, "No such session"),
        ({"detail": "No such session"}, "No such session"),
        ({"message": "", "error": "NO_SESSION"}, "NO_SESSION"),
        ({"errors": {"userId": ["is required"]}}, "{'userId': ['is required']}"),
        ({"errors": [{"message": "is required"}]}, "[{'message': 'is required'}]"),
        ({"something": "else"}, '{"something": "else"}'),
        (["list"], '["list"]'),
        ("<html>\n  <b>Bad</b>\n</html>", "<html> <b>Bad</b> </html>"),
        ("x" * 1000, "x" * 200 + "…"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_text_of_an_exception_holds_what_the_service_says(body: object, shown: str) -> None:
    assert str(refusal(GET, answer(body, 400, "Bad Request"))) == f"400 Bad Request: {shown}"


@pytest.mark.parametrize(
    ("body", "content_type", "text", "data"),
    [
        (b"", "application/json", "", None),
        (b"\xff", "application/json", "\ufffd", None),
        (b'{"a":"\xe9"}', "application/json; charset=latin-1", '{"a":"é"}', {"a": "é"}),
        (b'{"a":1}', "application/json; charset=martian", '{"a":1}', {"a": 1}),
        (b'{"a":"\xff"}', "application/json", '{"a":"\ufffd"}', {"a": "\ufffd"}),
        (rb'{"a":"\ud83d"}', "application/json", '{"a":"\\ud83d"}', {"a": "\ufffd"}),
        (b"+2AA-", "text/plain; charset=utf-7", "+2AA-", None),
        (b"oops", "text/html", "oops", None),
    ],
)
def test_the_body_of_an_error_is_text_whatever_it_is(body: bytes, content_type: str, text: str, data: object) -> None:
    error = refusal(GET, answer(body, 500, "Oops", content_type=content_type))
    assert (error.body, error.data) == (text, data)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://h.example/x", "https://h.example/x"),
        ("/login", "/login"),
        (f"https://h.example/x?token={SECRET}", "https://h.example/x?***"),
        (f"https://h.example/x#{SECRET}", "https://h.example/x#***"),
        (f"https://u:{SECRET}@h.example/x", "https://***@h.example/x"),
        (f"https://u:{SECRET}@{SECRET}@h.example/x", "https://***@h.example/x"),
        (f"https://h.example?next=a@{SECRET}", "https://h.example?***"),
        (f"//u:{SECRET}@h.example", "//***@h.example"),
    ],
)
def test_a_redirect_says_where_it_leads_without_secrets(location: str, shown: str) -> None:
    error = refusal(GET, answer(b"", 302, "Found", location=location))
    assert str(error) == f"302 Found (redirects are not followed; this one leads to {shown})"
    assert SECRET not in str(error) + repr(error) + repr(error.headers)


def test_a_304_is_not_called_a_redirect() -> None:
    text = str(refusal(GET, answer(b"", 304, "Not Modified")))
    assert text.startswith("304 Not Modified (an answer out of a cache in between")
    assert "redirect" not in text


@pytest.mark.parametrize("reason", ["", None], ids=repr)
def test_a_status_without_a_phrase_is_called_by_its_usual_one(reason: str | None) -> None:
    body = {"message": "why"}
    assert str(refusal(GET, answer(body, 404, reason))) == "404 Not Found: why"
    assert str(refusal(GET, answer(body, 499, reason))) == "499: why"
    assert str(refusal(GET, answer(b"", 399, reason))).startswith("399 Redirect (redirects are not followed")


def test_a_5xx_says_whether_its_outcome_is_unknown() -> None:
    body = {"message": "why"}
    for operation, call in CALLS.items():
        unknown = "; whether the request took effect is not known" * (operation in ("create", "update", "extend"))
        assert str(refusal(call, answer(body, 503, "Busy"))) == f"503 Busy{unknown}: why"
        assert str(refusal(call, answer(body, 599, ""))) == f"599{' Service error' * bool(unknown)}{unknown}: why"


# A 404 to a delete after an attempt that may have taken effect


@pytest.mark.parametrize(
    "body", [{"message": "no"}, {"error": True}, {"code": 404}, {"error": "GONE", "x": 1}], ids=str
)
def test_a_404_of_the_service_after_a_loss_is_a_delete_that_succeeded(body: object) -> None:
    gone = answer(body, 404)
    assert decode(DELETE, gone, after_loss=True) == DeleteAISession200Response()
    assert isinstance(refusal(DELETE, gone), NotFoundException)
    for operation in ("get", "update", "extend"):
        with pytest.raises(NotFoundException):
            decode(CALLS[operation], gone, after_loss=True)


@pytest.mark.parametrize(
    "body", ["", "<html>404</html>", "null", "[]", '"message"', "{}", '{"title":"x"}', "{'code': 1}"]
)
def test_a_404_of_a_gateway_after_a_loss_tells_nothing(body: str) -> None:
    with pytest.raises(ResponseFormatException, match="this 404 is not the service's") as caught:
        decode(DELETE, answer(body, 404), after_loss=True)
    assert caught.value.status == 404
    assert isinstance(refusal(DELETE, answer(body, 404)), NotFoundException)


# Timestamps

UTC = timezone.utc
NOON = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def read_timestamp(value: object) -> datetime:
    instant = decode(GET, answer({"created_at": value})).created_at
    assert isinstance(instant, datetime)
    assert instant.tzinfo is not None
    return instant


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-06T07:08:09Z",
        "2024-05-06T07:08:09z",
        "2024-05-06t07:08:09z",
        "2024-05-06 07:08:09Z",
        "2024-05-06_07:08:09Z",
        "2024-05-06T07:08:09+00:00",
        "2024-05-06T07:08:09-00:00",
        "2024-05-06T09:08:09+02:00",
        "2024-05-06T09:08:09+0200",
        "2024-05-06T09:08:09+02",
        "2024-05-06T09:08:09 +02:00",
        "2024-05-06T12:38:09+05:30",
        "2024-05-05T23:08:09-08:00",
        "2024-05-06T07:08:09",
        "2024-05-06 07:08:09",
        "2024-05-06T07:08:09.0",
        "2024-05-06 07:08:09 UTC",
        "2024-05-06 07:08:09 +0000 (UTC)",
        "20240506T070809Z",
        "20240506T070809",
        "Mon, 06 May 2024 07:08:09 GMT",
        "Mon, 06 May 2024 07:08:09 +0000",
        "Mon, 06 May 2024 02:08:09 -0500",
        "Mon, 6 May 2024 07:08:09 GMT",
        "Mon, 06 May 24 07:08:09 GMT",
        "Monday, 06-May-24 07:08:09 GMT",
        "Mon May  6 07:08:09 2024",
        "May 6, 2024 07:08:09",
        1714979289,
        1714979289.0,
        "1714979289",
        "1714979289.0",
        1714979289000,
        "1714979289000",
    ],
)
def test_every_usual_form_of_a_timestamp_is_the_same_instant(value: object) -> None:
    assert read_timestamp(value) == NOON


@pytest.mark.parametrize("digits", range(1, 13))
def test_fractions_of_a_second_are_kept_to_the_microsecond(digits: int) -> None:
    fraction = "123456789012"[:digits]
    instant = read_timestamp(f"2024-05-06T07:08:09.{fraction}Z")
    assert instant - NOON == timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.5Z", datetime(2017, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2016-12-31 23:59:60", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("2024-05-06T07:08Z", datetime(2024, 5, 6, 7, 8, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1999-12-31T23:59:59.999Z", datetime(1999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2100-01-01T00:00:00Z", datetime(2100, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("13/02/2026", datetime(2026, 2, 13, tzinfo=UTC)),
        (946684800, datetime(2000, 1, 1, tzinfo=UTC)),
        (4102444799, datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1714979289.25, NOON + timedelta(milliseconds=250)),
    ],
)
def test_a_rarer_form_of_a_timestamp_is_the_right_instant(value: object, instant: datetime) -> None:
    assert read_timestamp(value) == instant


@pytest.mark.parametrize(
    "value",
    [
        # Part of an instant, which would be filled in from the clock.
        *["Monday", "12", "10:30", "May", "2024", "2024-05", "May 2024", "May 06", "T07:08:09Z", "00:00:00", "31"],
        # Words.
        *["", " ", "yesterday", "now", "today", "never", "null", "P1D", "\x00", "Z", "x 2024-05-06T07:08:09Z"],
        # Day or month, year or day.
        *[
            "2024-05-06-07-08-09",
            "2024,05,06,07,08",
            "01/02/2026",
            "01-02-2026",
            "01.02.2026",
            "1/2/3",
            "24-05-06",
            "26-01-02",
            "12:30:45 05/06/24",
        ],
        # A year with a sign, years out of range, dates and times that do not exist.
        *["-2024-01-01T00:00:00Z", "+02024-05-06T07:08:09Z", "10000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"],
        *["2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-05-06T24:00:01Z", "2024-05-06T07:08:61Z"],
        *["2024-05-06T07:08:09+24:00", "2024-05-06T07:08:09+99:99", "9999-12-31T23:59:60Z"],
        # Zones that are not one known offset, or read one way by people and the other way by programs.
        *["Mon, 06 May 2024 07:08:09 EST", "2024-05-06 07:08:09 CET", "2024-05-06 07:08:09 IST"],
        *["2024-05-06 07:08:09 UTC+3", "Mon May 06 2024 07:08:09 GMT+0200", "2024-05-06 07:08:09 CET+1"],
        *["2024-05-06T07:08:09A", "2024-05-06T07:08:09 T", "2024-05-06T07:08:09+02:00[Europe/Paris]"],
        # Numbers that are hardly seconds since 1970.
        *[
            0,
            1,
            -1,
            12.5,
            ".0",
            "-.5",
            "0.",
            2024,
            20240506,
            "20240506",
            "20240506070809",
            253402300799,
            -62135596800,
            4102444800,
        ],
        *[1714979289000000, 1714979289000000000, 1e20, 1e300, 10**30, "9" * 400, "1e9", "inf", "nan", "1_714_979_289"],
        # Other types.
        *[True, False, [], {}, ["2024-05-06T07:08:09Z"], {"date": "2024-05-06"}],
        *["2024-05-06T07:08:09Z" * 100, "1" * 5000],
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_names_no_instant_for_certain_is_refused(value: object) -> None:
    session = decode(GET, answer({"created_at": value}))
    assert (session.created_at, session.unread, session.to_dict()) == (None, ("created_at",), {"created_at": value})


_offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_instants = st.datetimes(timezones=st.just(UTC) | _offsets)
_modern = st.datetimes(datetime(2000, 1, 1, 1), datetime(2099, 12, 30), timezones=st.just(UTC))


@given(_instants)
def test_any_rfc_3339_timestamp_is_the_instant_it_names(instant: datetime) -> None:
    assert read_timestamp(instant.isoformat()) == instant
    assert read_timestamp(instant.isoformat(" ")).utcoffset() == instant.utcoffset()


@given(_modern)
def test_any_timestamp_of_this_century_is_read_in_any_form(instant: datetime) -> None:
    whole = instant.replace(microsecond=0)
    seconds = int(whole.timestamp())
    for value in [seconds, str(seconds), 1000 * seconds, float(seconds), whole.strftime("%a, %d %b %Y %H:%M:%S GMT")]:
        assert read_timestamp(value) == whole
    assert read_timestamp(instant.replace(tzinfo=None).isoformat()) == instant
    assert read_timestamp(whole.strftime("%Y%m%dT%H%M%SZ")) == whole
    assert read_timestamp(whole.strftime("%a %b %d %H:%M:%S %Y")) == whole


FORMATS = [
    *["%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y %H:%M", "%d-%m-%y", "%y-%m-%d", "%m/%d/%y", "%d %b %y", "%y-%b-%d"],
    *["%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H%M%S", "%y%m%d", "%d%m%Y", "%Y-%j", "%Y%j", "%G-W%V-%u", "%Y-%m", "%b %Y"],
    *["%H:%M:%S %Y-%m-%d", "%I:%M %p %Y-%m-%d", "%Y-%m-%d %I:%M %p", "%Y-%m-%d-%H-%M-%S", "%Y,%m,%d,%H,%M,%S", "%c"],
    *["%Y-%m-%dT%H%M%S", "%Y-%m-%d %H.%M.%S", "%d/%b/%Y:%H:%M:%S", "%a, %y/%m/%d", "%a, %m/%d/%Y", "%X", "%m-%Y"],
]


@given(_modern, st.sampled_from(FORMATS))
def test_a_timestamp_in_a_form_of_some_country_is_the_right_instant_or_refused(instant: datetime, form: str) -> None:
    text = instant.strftime(form)
    read = decode(GET, answer({"created_at": text})).created_at
    assert read in (None, datetime.strptime(text, form).replace(tzinfo=UTC))


# The year of an instant is never made up: it stands in the text, or the text is a number of seconds.
@given(st.text(st.sampled_from("0123456789-:/., TZ+aApPmMUCGNoO"), max_size=24))
@example("2024-05-06T07:08:09M")
@example(".0")
def test_any_text_is_an_aware_instant_or_refused(text: str) -> None:
    instant = decode(GET, answer({"created_at": text})).created_at
    assert instant is None or _seconds(text) or f"{instant.year:04}" in text


def _seconds(text: str) -> bool:
    return bool(re.fullmatch(r"[\s+]*\d{9,13}(\.\d*)?\s*", text))


# Whatever comes

_names = st.sampled_from(
    [
        *["id", "sessionId", "session_id", "title", "model", "messages", "status", "message", "totalTokens"],
        *["created_at", "createdAt", "updatedAt", "expires_at", "error", "sessions", "data"],
        *["model_config", "__class__"],
    ]
)
_wild = st.recursive(
    json_values | st.floats() | st.sampled_from(["2024-05-06T07:08:09Z", "Monday", 10**400, 1e400, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names | texts, inner, max_size=4),
    max_leaves=8,
)
_charsets = st.sampled_from(
    ["", "utf-8", "UTF8", "utf-16", "utf-7", "latin-1", "martian", "hex", "idna", "punycode", "cp037", "undefined", "é"]
)


def _check(operation: str, response: Response) -> None:
    """An answer is read as what was asked, or is an exception that can be shown and pickled."""
    data = error = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            data = decode(CALLS[operation], response)
        except ApiException as caught:
            error = caught
    if error is not None:
        assert type(error) is ResponseFormatException or not 200 <= response.status < 300
        assert str(error).startswith(str(response.status))
        str(error).encode()
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        return
    assert 200 <= response.status < 300
    for model in data if operation == "list" else [data]:
        assert isinstance(model, ListAISessions200ResponseInner if operation == "list" else MODELS[operation])
        assert model.to_str()
        json.loads(model.to_json())
        for name in type(model).model_fields:
            value = getattr(model, name)
            assert not isinstance(value, datetime) or value.tzinfo is not None


@given(
    st.sampled_from(list(CALLS)),
    st.integers(100, 599) | st.just(200),
    st.binary(max_size=40) | texts.map(str.encode) | json_values.map(lambda value: json.dumps(value).encode()),
    _charsets,
    st.none() | texts,
    st.dictionaries(st.sampled_from(["Location", "X-Request-Id", "Retry-After"]), texts),
)
@example("get", 200, b'"+2AA-"', "utf-7", None, {})
@example("get", 500, b"+2AA-", "utf-7", None, {})
@example("delete", 204, b"\xff", "martian", "", {})
def test_any_bytes_are_what_was_asked_or_an_exception_of_the_sdk(
    operation: str, status: int, body: bytes, charset: str, reason: str | None, headers: dict[str, str]
) -> None:
    content_type = f"application/json; charset={charset}" if charset else "application/json"
    _check(operation, Response(status, reason, Headers({**headers, "Content-Type": content_type}), body))


@given(_wild, st.sampled_from(list(CALLS)))
@example({"id": None, "x": math.nan}, "get")
@example({"created_at": math.inf, "createdAt": 5}, "get")
def test_any_json_is_what_was_asked_or_an_exception_of_the_sdk(value: object, operation: str) -> None:
    _check(operation, answer(value))
    _check(operation, answer([value]))
    _check(operation, answer({"data": [value]}))


@pytest.mark.parametrize("name", ["get", "create", "update", "extend", "delete"])
def test_an_error_under_the_status_of_a_success_is_refused(name: str) -> None:
    with pytest.raises(ResponseFormatException, match="it reports an error") as caught:
        decode(CALLS[name], answer({"error": True, "message": "it failed"}))
    assert "it failed" in str(caught.value)


# What a body may hold

MOST = 1_000_000


def test_an_answer_of_too_many_values_is_refused_before_it_is_read() -> None:
    for body in ("[" + "{}," * (MOST // 2) + "{}]", '{"messages":[' + "[]," * MOST + "[]]}", "[" + "0," * MOST + "0]"):
        for call in (LIST, GET):
            error = refusal(call, answer(body))
            assert "(it holds more than 1,000,000 values)" in str(error)
            assert error.data is None
        assert refusal(GET, answer(body, 500)).data is None
    for encoding in ("utf-16", "utf-32-be"):
        content_type = f"application/json; charset={encoding}"
        body = '{"x":"' + '\\"' * 100 + '","messages":[' + "[]," * MOST + "[]]}"
        error = refusal(GET, answer(body.encode(encoding), content_type=content_type))
        assert "(it holds more than 1,000,000 values)" in str(error)


def test_a_list_of_more_sessions_than_may_be_is_refused() -> None:
    most = 10_000
    assert len(decode(LIST, answer("[" + "{}," * (most - 1) + "{}]"))) == most
    for rows in ("[" + "{}," * most + "{}]", '{"data":[' + "{}," * most + "{}]}", "[" + '{"title":1},' * most + "{}]"):
        assert "List should have at most 10000 items" in str(refusal(LIST, answer(rows)))


def test_what_stands_in_a_text_is_no_value() -> None:
    text = '[{,"\\' * MOST
    session = decode(GET, answer({"title": text, "messages": [{"content": text}]}))
    assert session.title == text
    assert session.messages == [{"content": text}]


def test_as_many_values_as_may_be_are_read() -> None:
    assert len(decode(GET, answer('{"messages":[' + "{}," * (MOST // 2 - 3) + "{}]}")).messages) == MOST // 2 - 2


def test_a_session_with_a_field_named_error_is_a_session() -> None:
    session = decode(GET, answer({"id": "s", "error": "the model was busy"}))
    assert session.to_dict() == {"id": "s", "error": "the model was busy"}
