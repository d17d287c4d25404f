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
from quantcdn._decode import decode
from quantcdn._headers import Headers
from quantcdn._message import Response

from .calls import CALLS, CREATE, DELETE, GET, LIST, SECRET, UPDATE, answer, json_values, texts

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
        data = decode(CALLS[operation], answer({"message": "hello"}, status))
        assert data == MODELS[operation].from_dict({"message": "hello"})


@pytest.mark.parametrize("body", [b"", b"null", b"gone"], ids=repr)
def test_a_delete_answered_204_is_success_whatever_its_body(body: bytes) -> None:
    assert decode(DELETE, answer(body, 204)) == DeleteAISession200Response()


@pytest.mark.parametrize("operation", [name for name in CALLS if name != "delete"])
def test_a_204_says_nothing_that_another_operation_asked_for(operation: str) -> None:
    assert isinstance(refusal(CALLS[operation], answer(b"", 204)), ResponseFormatException)


def test_unknown_fields_are_kept_null_ones_included() -> None:
    session = decode(GET, answer({"id": "a", "user_id": "u", "n": None, "deep": {"n": None, "l": [None]}}))
    assert session.user_id == "u"
    assert session.to_dict() == {"id": "a", "user_id": "u", "n": None, "deep": {"n": None, "l": [None]}}


def test_an_unknown_status_is_kept() -> None:
    assert decode(CREATE, answer({"status": "hibernating"})).status == "hibernating"


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
        data = decode(CALLS[operation], answer([fields] if operation == "list" else fields))
        return data[0] if operation == "list" else data

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


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("get", {"id": True}),
        ("get", {"id": 1.5}),
        ("get", {"id": ["a"]}),
        ("get", {"title": 5}),
        ("get", {"model": {}}),
        ("get", {"messages": {"role": "user"}}),
        ("get", {"messages": ["hello"]}),
        ("get", {"messages": "[]"}),
        ("update", {"totalTokens": "5"}),
        ("update", {"totalTokens": True}),
        ("update", {"totalMessages": 1.5}),
        ("create", {"status": 1}),
        ("delete", {"message": 1}),
    ],
    ids=str,
)
def test_any_other_wrong_type_is_refused_by_the_name_of_its_field(operation: str, fields: dict[str, Any]) -> None:
    error = refusal(CALLS[operation], answer(fields))
    assert isinstance(error, ResponseFormatException)
    assert f"({next(iter(fields))}" in str(error)


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
        (rb'{"id":"\ud800"}', "application/json"),
        (rb'{"x":["\udfff"]}', "application/json"),
        (rb'{"\udfff":1}', "application/json"),
        (b'["+2AA-"]', "application/json; charset=utf-7"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "application/json"),
        (b'{"n":' + b"9" * 5_000 + b"}", "application/json"),
        (b'{"created_at":' + b"9" * 5_000 + b"}", "application/json"),
        (b'{"created_at":NaN}', "application/json"),
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
        (b'{"a":1}', "application/json; charset=martian", '{"a":1}', None),
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
    error = refusal(GET, answer({"created_at": value}))
    assert type(error) is ResponseFormatException
    assert "(created_at: Input should be a timestamp)" in str(error)


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
    try:
        read = read_timestamp(text)
    except ResponseFormatException:
        return
    assert read == datetime.strptime(text, form).replace(tzinfo=UTC)


# The year of an instant is never made up: it stands in the text, or the text is a number of seconds.
@given(st.text(st.sampled_from("0123456789-:/., TZ+aApPmMUCGNoO"), max_size=24))
@example("2024-05-06T07:08:09M")
@example(".0")
def test_any_text_is_an_aware_instant_or_refused(text: str) -> None:
    try:
        instant = read_timestamp(text)
    except ResponseFormatException:
        return
    assert _seconds(text) or f"{instant.year:04}" in text


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


def test_a_session_with_a_field_named_error_is_a_session() -> None:
    session = decode(GET, answer({"id": "s", "error": "the model was busy"}))
    assert session.to_dict() == {"id": "s", "error": "the model was busy"}
