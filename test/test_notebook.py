"""What notebooks show: views read by a parser and by a real browser, data frames, and the tour in `docs`, executed.

A view is made of text that somebody else wrote. Whatever that text is, it changes nothing but what it is itself.

Run as a program, this file brings the outputs of the tour up to date.
"""

import copy
import json
import pickle
import pprint
import pydoc
import re
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import nbformat
import pandas as pd
import pytest
from conftest import TOKEN, Connect
from IPython.core.formatters import DisplayFormatter
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from programs import chromium
from pydantic import BaseModel
from servers import CLOSE, json_answer, scripted_server

from quantcdn import (
    ApiException,
    ApiResponse,
    ApiTypeError,
    Conversation,
    CreateAISession201Response,
    CreateAISessionRequest,
    DeleteAISession200Response,
    ExtendAISession200Response,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    NotFoundException,
    RetryPolicy,
    UpdateAISessionRequestNewMessagesInner,
    bulk,
    to_dataframe,
    views,
)
from quantcdn.conversation._history import History
from quantcdn.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)

HOSTILE = {
    "a script": "<script>window.acted = true</script>",
    "an element that acts": "<img src=x onerror='window.acted = true'>",
    "ends of elements": "</bdi></pre></td></tr></table></div></body><h1>out",
    "an open comment": "<!-- <![CDATA[ <style>*{display:none}",
    "quotes": "\"' onmouseover='window.acted = true' x=\"",
    "references": "&lt;b&gt; &#x202e; &amp",
    "control characters": "\x00\x07\x1b[2J\x1b]0;title\x07\x9b1m\x7f\r",
    "directions": "\u202etxt.exe \u2066\u2067\u200f",
    "what hides": "pay\u200bpal\ufeff \U000e0041",
    "a lone surrogate": "\ud800",
    "a word without an end": "W" * 90,
    "a heap of marks": "Z" + "\u0335\u0310" * 40,
    "right to left": "مرحبا بالعالم",
}


def session(**fields: Any) -> ListAISessions200ResponseInner:
    return ListAISessions200ResponseInner.model_construct(**fields)


VIEWS: dict[str, Callable[[str], object]] = {
    "a list": lambda text: [session(id=text, title=text, model=text, created_at=NOW)] * 2,
    "a session": lambda text: GetAISession200Response.model_construct(
        id=text,
        title=text,
        model=text,
        created_at=NOW,
        messages=[{"role": text, "content": text, text: text}, {"role": text, "content": [{"text": text}]}],
        **{text: text, "metadata": {text: [text]}},
    ),
    "an answer": lambda text: CreateAISession201Response.model_construct(session_id=text, status=text, expires_at=NOW),
    "a request": lambda text: CreateAISessionRequest.model_construct(user_id=text, metadata={text: text}),
    "a response": lambda text: ApiResponse(
        status_code=200,
        headers={"X-Request-Id": text, "Date": text},
        data=DeleteAISession200Response.model_construct(message=text),
        raw_data=b"",
    ),
    "a conversation": lambda text: Conversation(
        cast("Any", None), "org", text, History([{"role": text, "content": text, text: text}])
    ),
    "a report": lambda text: bulk.Report((bulk.Result(text, "failed", error=ApiException(400, text)),)),
    "an exception": lambda text: ApiException.answered(400, text, {"x-request-id": text}, text, {"message": text}),
}


# Reading HTML


@dataclass
class Element:
    """An element, with the elements and texts inside it."""

    tag: str
    attributes: dict[str, str | None]
    children: "list[Element | str]" = field(default_factory=list)

    def __iter__(self) -> "Iterator[Element]":
        """It, and every element below it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child

    def all(self, *tags: str) -> "list[Element]":
        return [element for element in self if element.tag in tags]

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def lines(self) -> list[list[str]]:
        """What stands in the rows of a table."""
        return [[cell.text.removeprefix("\n") for cell in row.all("th", "td")] for row in self.all("tr")]


class _Builder(HTMLParser):
    """Builds the tree of a piece of HTML in which every element is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    unknown_decl = handle_pi = handle_decl


def parsed(html: str) -> Element:
    builder = _Builder()
    builder.feed(html)
    builder.close()
    (root,) = builder.open
    (view,) = root.children
    assert isinstance(view, Element)
    return view


def seen(value: object) -> Element:
    """The view of a value, as it is at a fixed time."""
    return parsed(views.html(value, now=NOW))


def tables(value: object) -> list[tuple[str, list[list[str]]]]:
    """The tables of a view: the caption and the cells of each."""
    return [(table.all("caption")[0].text, table.lines) for table in seen(value).all("table")]


def skeleton(view: Element) -> list[tuple[str, list[str]]]:
    return [(element.tag, sorted(element.attributes)) for element in view]


# What the views show


def test_a_list_of_sessions_is_a_table_with_how_long_ago_each_was_updated_and_created() -> None:
    ages = [timedelta(seconds=30), timedelta(hours=3, minutes=5), timedelta(days=2)]
    sessions = [
        session(id=f"s-{index}", title=f"Title {index}", model="m", created_at=NOW - 2 * age, updated_at=NOW - age)
        for index, age in enumerate(ages)
    ]

    assert tables([*sessions, session(id="s-3")]) == [
        (
            "4 sessions",
            [
                ["Title", "Updated", "Model", "Created", "Id"],
                ["Title 0", "30 s ago", "m", "1 min ago", "s-0"],
                ["Title 1", "3 h ago", "m", "6 h ago", "s-1"],
                ["Title 2", "2 d ago", "m", "4 d ago", "s-2"],
                ["untitled", "", "", "", "s-3"],
            ],
        )
    ]


def test_an_age_tells_the_exact_time_as_well() -> None:
    (instant,) = seen([session(id="s", created_at=NOW - timedelta(hours=3))]).all("time")

    assert instant.text == "3 h ago"
    assert instant.attributes == dict.fromkeys(("datetime", "title"), "2026-05-06 04:08:09+00:00")


def test_an_empty_list_says_so() -> None:
    assert [paragraph.text for paragraph in seen([]).all("p")] == ["No sessions"]


def test_of_a_long_list_the_first_hundred_are_shown_and_the_rest_is_counted() -> None:
    ((caption, lines),) = tables([session(id=f"s-{index}") for index in range(1101)])

    assert caption == "1,101 sessions"
    assert [line[-1] for line in lines] == ["Id", *(f"s-{index}" for index in range(100)), "and 1,001 more sessions"]


def test_a_field_that_cannot_be_read_is_shown_as_it_came() -> None:
    value = GetAISession200Response.from_dict({"id": "s-1", "title": 5, "created_at": "never", "messages": "lost"})

    assert tables(value) == [
        ("untitled", [["id", "s-1"], ["title", "5"], ["messages", "lost"], ["created_at", "never"]])
    ]


def test_a_session_is_its_fields_and_its_transcript() -> None:
    value = GetAISession200Response.from_dict(
        {
            "id": "s-1",
            "title": "A title",
            "created_at": "2026-05-06T07:03:09Z",
            "updated_at": "2026-05-06T07:08:04.5Z",
            "expiresAt": "2026-05-06T18:08:09+09:00",
            "closed_at": "tomorrow",
            "total_tokens": 7,
            "metadata": {"plan": None},
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "\n  First line\n\tsecond line\r\nthird line\n", "at": "noon"},
                {"role": "assistant", "content": None, "calls": [1]},
                {"role": "assistant", "content": ["part"]},
                {},
            ],
        }
    )

    assert tables(value) == [
        (
            "A title",
            [
                ["id", "s-1"],
                ["created_at", "5 min ago"],
                ["updated_at", "4 s ago"],
                ["expiresAt", "in 2 h"],
                ["closed_at", "tomorrow"],
                ["total_tokens", "7"],
                ["metadata", '{\n  "plan": null\n}'],
            ],
        ),
        (
            "5 messages",
            [
                ["system", "Be brief."],
                ["user", '\n  First line\n\tsecond line\nthird line\n\n{\n  "at": "noon"\n}'],
                ["assistant", '{\n  "calls": [\n    1\n  ]\n}'],
                ["assistant", '[\n  "part"\n]'],
                ["", ""],
            ],
        ),
    ]


def test_of_a_long_history_the_last_fifty_messages_are_shown_and_the_rest_is_counted() -> None:
    messages = [{"role": "user", "content": str(index)} for index in range(52)]
    _, (caption, lines) = tables(GetAISession200Response(id="s", messages=messages))

    assert caption == "52 messages"
    assert lines == [["and 2 earlier messages"], *(["user", str(index)] for index in range(2, 52))]


def test_a_megabyte_is_cut_and_says_how_much_more_there_is() -> None:
    text = "<\x1b\u202e" * 2**20
    value = GetAISession200Response(id=text, title=text, messages=[{"role": text, "content": text, "x": text}])
    _, (_, ((role, content),)) = tables(value)

    assert len(role) == 100
    assert role.endswith("…")
    assert "… and 3,135,728 more characters" in content
    assert len(views.html(value)) < 300_000


def test_of_very_many_fields_the_first_fifty_are_shown() -> None:
    value = CreateAISession201Response.from_dict({"session_id": "s", **{f"field {index}": 1 for index in range(1000)}})
    ((_, lines),) = tables(value)

    assert lines[-2:] == [["field 48", "1"], ["and 951 more fields"]]


def test_an_answer_is_a_table_of_what_it_holds() -> None:
    created = CreateAISession201Response(session_id="s-1", status="active", expires_at=NOW + timedelta(minutes=60))

    assert tables(created) == [
        ("Created session", [["session_id", "s-1"], ["status", "active"], ["expires_at", "in 1 h"]])
    ]


CAPTIONS: dict[str, BaseModel] = {
    "Session": session(),
    "Extended session": ExtendAISession200Response(),
    "Deleted session": DeleteAISession200Response(),
    "Message": UpdateAISessionRequestNewMessagesInner(),
}


@pytest.mark.parametrize("caption", CAPTIONS)
def test_a_model_is_named_in_plain_words(caption: str) -> None:
    assert tables(CAPTIONS[caption])[0][0] == caption


def test_a_model_of_the_application_s_own_is_shown_under_its_own_name() -> None:
    class Ticket(ListAISessions200ResponseInner):
        """A session that the application gave fields of its own."""

    assert tables(Ticket(title="T")) == [("Ticket", [["title", "T"]])]


def test_a_conversation_shows_what_is_known_of_its_session_and_its_transcript(
    sandbox: Sandbox, connect: Connect
) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    conversation = Conversation.open(api, sandbox.organisation, user_id="u")
    conversation.turn("Hi", lambda _: "Hello")
    assert conversation.expires_at

    about, transcript = (
        (table.all("caption")[0].text, table.lines)
        for table in parsed(views.html(conversation, now=conversation.expires_at - timedelta(hours=1))).all("table")
    )

    assert about == (
        "Conversation",
        [["session_id", conversation.session_id], ["expires_at", "in 1 h"], ["total_tokens", "0"]],
    )
    assert transcript == ("2 messages", [["user", "Hi"], ["assistant", "Hello"]])


def test_a_report_shows_how_many_there_are_of_each_outcome_and_what_failed() -> None:
    refused = bulk.Result("s-3", "failed", error=ApiException(403, "Forbidden"))
    done = [bulk.Result(f"s-{index}", "done") for index in range(2)]

    assert tables(bulk.Report((*done, refused, bulk.Result("s-4", "not_tried")))) == [
        ("4 sessions", [["done", "2"], ["failed", "1"], ["not_tried", "1"]]),
        (
            "2 failures",
            [["Id", "Outcome", "Error"], ["s-3", "failed", "403 Forbidden"], ["s-4", "not_tried", ""]],
        ),
    ]
    assert tables(bulk.Report(tuple(done))) == [("2 sessions", [["done", "2"]])]
    assert tables(bulk.Report((refused,) * 101))[1][1][-1] == ["and 1 more failure"]


def test_a_request_shows_what_will_be_sent() -> None:
    request = CreateAISessionRequest.from_dict({"userId": "u", "initialMessages": [{"role": "user", "content": "Hi"}]})
    ((caption, lines),) = tables(request)

    assert caption == "Request to create a session"
    assert lines[0] == ["user_id", "u"]
    assert lines[-1][0] == "initial_messages"
    assert json.loads(lines[-1][1]) == [{"role": "user", "content": "Hi"}]


def test_a_response_shows_its_status_the_headers_that_matter_and_its_data() -> None:
    headers = {"x-request-id": "r-1", "content-type": "application/json", "set-cookie": "a=qc_secret", "x-a": "1"}
    response = ApiResponse(status_code=200, headers=headers, data=[session(id="s-1", title="T")], raw_data=b"")

    about, (caption, _) = tables(response)

    assert about == ("ApiResponse", [["Status", "200"], ["Request id", "r-1"], ["Content-Type", "application/json"]])
    assert caption == "1 session"


def test_an_exception_shows_what_the_service_said_and_each_attempt(connect: Connect) -> None:
    failure = json_answer({"message": "Try later"}, 503, {"X-Request-Id": "r-9"})
    with scripted_server([[CLOSE], failure]) as server:
        api = connect(server.host, retries=RetryPolicy(attempts=2, backoff=0.01))
        with pytest.raises(ApiException) as caught:
            api.get_ai_session("org", "s-1")

    ((caption, lines),) = tables(caught.value)

    assert caption == "ServiceException"
    assert lines[:5] == [
        ["Operation", "get_ai_session org/s-1"],
        ["Status", "503"],
        ["Reason", "Service Unavailable"],
        ["Message", "Try later"],
        ["Request id", "r-9"],
    ]
    ((header, attempts),) = lines[5:]
    first, second = attempts.splitlines()
    assert header == "Attempts"
    assert re.search("ConnectionException, .* attempt 1;", first)
    assert re.search("503, .* attempt 2$", second)


def test_an_exception_says_nothing_twice(connect: Connect) -> None:
    answers = [json_answer({"message": "Try later"}, 503, {"X-Request-Id": name}) for name in ("r-1", "r-2")]
    with scripted_server(answers) as server:
        api = connect(server.host, retries=RetryPolicy(attempts=2, backoff=0.01))
        with pytest.raises(ApiException) as caught:
            api.get_ai_session("org", "s-1")

    text = seen(caught.value).text.lower()

    for once in ("r-1", "r-2", "attempt 1", "attempt 2", "try later"):
        assert text.count(once) == 1, once


def test_an_exception_shows_no_secret_that_the_service_repeats(connect: Connect) -> None:
    echo = json_answer({"message": f"Bad token {TOKEN}"}, 401, {"X-Request-Id": TOKEN})
    with scripted_server([echo]) as server, pytest.raises(ApiException) as caught:
        connect(server.host).get_ai_session("org", "s-1")

    html = views.html(caught.value)

    assert "Bad token ***" in html
    assert TOKEN not in html


def test_something_else_is_shown_as_json() -> None:
    (shown,) = seen({"a": ["<b>", 1, NOW]}).all("pre")

    assert json.loads(shown.text) == {"a": ["<b>", 1, str(NOW)]}


def test_what_cannot_be_json_is_shown_as_python_writes_it() -> None:
    cycle: dict[object, object] = {("<b>", 1): b"x"}
    cycle["itself"] = cycle
    request = CreateAISessionRequest(user_id="u", metadata={})
    assert request.metadata is not None
    request.metadata["cycle"] = cycle

    assert [pre.text.strip() for pre in seen(cycle).all("pre")] == [repr(cycle)]
    assert repr(cycle) in seen(request).text


UNCHECKED: dict[str, object] = {
    "a list": [session(id=1, title=["odd"], created_at="odd", updated_at=NOW.replace(tzinfo=None))],
    "messages that are none": GetAISession200Response.model_construct(messages=["odd"]),
    "messages in a dict": GetAISession200Response.model_construct(messages={"odd": 1}),
    "a number of messages": GetAISession200Response.model_construct(messages=7, title="odd"),
    "a time without a zone": ExtendAISession200Response.model_construct(expires_at=datetime(2026, 1, 1), message="odd"),
    "data of an answer": ApiResponse(
        status_code=200, data=GetAISession200Response.model_construct(messages=["odd"]), raw_data=b""
    ),
}


@pytest.mark.parametrize("value", UNCHECKED.values(), ids=UNCHECKED)
def test_a_model_that_was_made_unchecked_is_shown_as_far_as_it_can_be(value: object) -> None:
    assert "odd" in seen(value).text


# What the views are


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_changes_nothing_but_what_it_is(text: str, make: Callable[[str], object]) -> None:
    view = seen(make(text))

    assert skeleton(view) == skeleton(seen(make("plain")))
    shown = view.text.replace("\n", "").replace("\t", "")
    assert {unicodedata.category(character) for character in shown}.isdisjoint(["Cc", "Cf", "Cs", "Zl", "Zp"])


def test_hostile_text_that_went_through_the_service_changes_nothing_else(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)

    def views_of(text: str) -> list[list[tuple[str, list[str]]]]:
        request = {"userId": "u", "sessionGroup": "hostile", "metadata": {"title": text, "model": text}}
        session_id = api.create_ai_session(
            sandbox.organisation, {**request, "initialMessages": [{"role": "user", "content": text}]}
        ).session_id
        assert session_id
        shown = [
            seen(api.list_ai_sessions(sandbox.organisation, session_group="hostile")),
            seen(api.get_ai_session(sandbox.organisation, session_id)),
        ]
        api.delete_ai_session(sandbox.organisation, session_id)
        return [skeleton(view) for view in shown]

    harmless = views_of("plain")

    for name, text in HOSTILE.items():
        if name != "a lone surrogate":  # which no request can carry
            assert views_of(text) == harmless, name


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "&lt;b&gt;", "\"quoted\" 'text'", "مرحبا", "👩\u200d👧"])
def test_text_is_read_as_it_was_written(text: str) -> None:
    ((_, (_, line)),) = tables([session(title=text)])
    _, (_, ((_, content),)) = tables(GetAISession200Response(messages=[{"role": "user", "content": text}]))

    assert (line[0], content) == (text, text)


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_a_view_acts_on_nothing_loads_nothing_and_can_be_shown_twice_on_a_page(make: Callable[[str], object]) -> None:
    view = seen(make("text"))

    assert {element.tag for element in view} <= {
        *("div", "style", "table", "caption", "thead", "tr", "th", "td"),
        *("bdi", "span", "pre", "time", "i"),
    }
    assert {name for element in view for name in element.attributes} <= {
        *("class", "style", "lang", "dir", "scope", "colspan", "datetime", "title")
    }
    assert not any("url" in str(element.attributes.get("style")) for element in view)
    (style,) = view.all("style")
    assert "url(" not in style.text
    assert "@" not in style.text


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_where_a_notebook_takes_the_styles_away_nothing_is_boxed_or_moved_to_the_right(
    make: Callable[[str], object],
) -> None:
    """As JupyterLab does, until a notebook is trusted: what each element says of itself stays."""
    for element in seen(make("text")):
        said = str(element.attributes.get("style"))
        assert "text-align: left" in said or element.tag not in ("caption", "th", "td")
        assert "background-color: transparent" in said or element.tag != "pre"


def test_a_page_of_a_list_says_that_it_is_one_and_its_titles_are_not_bold(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    api.create_ai_session(sandbox.organisation, {"userId": "one-page"})
    page = api.list_ai_sessions(sandbox.organisation, user_id="one-page")

    assert [caption for caption, _ in tables(page)] == ["1 session on this page"]
    assert [caption for caption, _ in tables([*page])] == ["1 session"]
    titles = [header for header in seen(page).all("th") if header.attributes["scope"] == "row"]
    assert {str(title.attributes["style"]) for title in titles} == {"text-align: left; font-weight: normal"}


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_the_text_of_others_is_no_tex(make: Callable[[str], object]) -> None:
    view = seen(make(r"$\href{https://evil.example}{Sign in}$"))

    # What MathJax leaves out, all below it too: the classes of its versions 2 and 3.
    assert (view.attributes["class"] or "").split() == ["quantcdn-view", "tex2jax_ignore", "mathjax_ignore"]
    assert "process" not in views.html(make("text"))


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_the_text_of_others_has_a_direction_and_a_language_of_its_own(make: Callable[[str], object]) -> None:
    view = seen(make("theirs"))
    isolated = [element for element in view if element.tag == "bdi" or element.attributes.get("dir") == "auto"]

    assert view.attributes["lang"] == "en"
    assert {element.attributes["lang"] for element in isolated} == {""}
    assert "".join(element.text for element in isolated).count("theirs") == view.text.count("theirs") > 0


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_every_table_has_a_caption_and_every_header_a_scope(make: Callable[[str], object]) -> None:
    for table in seen(make("text")).all("table"):
        assert [element.tag for element in table][1] == "caption"
        assert all(header.attributes["scope"] in ("row", "col") for header in table.all("th"))


# Where they are shown


def formatted(value: object, *types: str) -> dict[str, str]:
    """What IPython would show of a value: in a notebook all types, in a terminal plain text."""
    formatter = DisplayFormatter()
    formatter.active_types = list(types or formatter.format_types)
    data, _ = formatter.format(value)
    return data


def test_what_an_operation_returns_or_raises_has_a_view(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    organisation = sandbox.organisation
    created = api.create_ai_session(organisation, {"userId": "u", "sessionGroup": "views"})
    assert created.session_id
    values: list[object] = [
        created,
        api.list_ai_sessions(organisation, session_group="views"),
        api.list_ai_sessions(organisation, session_group="nobody's"),
        api.list_ai_sessions_with_http_info(organisation, session_group="views"),
        api.get_ai_session(organisation, created.session_id),
        api.update_ai_session(organisation, created.session_id, {"tokensUsed": 1}),
        api.extend_ai_session(organisation, created.session_id),
        api.delete_ai_session(organisation, created.session_id),
    ]
    values += [
        Conversation.open(api, organisation, user_id="u", session_group="views"),
        bulk.delete(api, organisation, session_group="views"),
    ]
    with pytest.raises(NotFoundException) as caught:
        api.get_ai_session(organisation, created.session_id)

    for value in [*values, caught.value]:
        assert formatted(value).keys() == {"text/plain", "text/html"}
        assert formatted(value)["text/html"].startswith('<div class="quantcdn-view ')


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_plain_text_stays_plain(make: Callable[[str], object]) -> None:
    value = make("text")

    assert formatted(value, "text/plain").keys() == {"text/plain"}
    assert "quantcdn-view" not in f"{value!r}{value}{pprint.pformat(value)}{formatted(value)['text/plain']}"


@pytest.mark.parametrize(
    "kind",
    [GetAISession200Response, CreateAISessionRequest, ApiResponse, ApiException, Conversation, bulk.Report],
    ids=lambda kind: kind.__name__,
)
def test_help_does_not_tell_of_it(kind: type) -> None:
    assert "_repr_html_" not in pydoc.render_doc(kind)


def test_fields_of_the_service_cannot_take_the_place_of_a_view() -> None:
    names = ["_repr_html_", "_repr_javascript_", "_repr_mimebundle_", "_ipython_display_"]
    value = GetAISession200Response.from_dict(dict.fromkeys(names, "<script>alert(1)</script>"))

    shown = formatted(value)

    assert shown.keys() == {"text/plain", "text/html"}
    assert [line[0] for line in parsed(shown["text/html"]).all("table")[0].lines] == names


def test_a_listed_list_is_a_list_in_all_but_its_view(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    api.create_ai_session(sandbox.organisation, {"userId": "u", "sessionGroup": "listed"})
    listed = api.list_ai_sessions(sandbox.organisation, session_group="listed")
    plain = list(listed)

    assert isinstance(listed, list)
    assert listed == plain
    assert plain == listed
    assert {name for name in dir(listed) if not name.startswith("_")} == {name for name in dir([]) if name[0] != "_"}
    assert not hasattr(listed, "__dict__")
    for show in (repr, str, pprint.pformat, lambda value: formatted(value)["text/plain"]):
        assert show(listed) == show(plain)
    assert json.dumps(listed, default=str) == json.dumps(plain, default=str)
    for copied in (copy.copy(listed), copy.deepcopy(listed), pickle.loads(pickle.dumps(listed))):
        assert copied == plain
        assert formatted(copied)["text/html"] == formatted(listed)["text/html"]
    listed.append(listed[0])
    assert [type(listed[:1]), type(listed + plain), len(listed)] == [list, list, 2]


# In a browser


def browse(page: Path, picture: Path) -> str:
    """Open a page in a real browser, without a network. Returns the page as it is after its scripts have run."""
    options = [
        "--headless",
        "--no-sandbox",  # it does not start as root with one
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={page.parent / 'profile'}",
        "--window-size=1000,1600",
        f"--screenshot={picture}",
        "--dump-dom",
    ]
    run = subprocess.run([chromium(), *options, page.as_uri()], capture_output=True, text=True, check=True)
    return run.stdout


# What a page says of the views on it: how many elements there are, what was loaded, whether a script of theirs acted,
# and every pair of colours in which text is shown.
OBSERVE = """<script>
const shown = [...document.querySelectorAll(".quantcdn-view, .quantcdn-view *:not(style)")];
const background = element => {
  const color = element ? getComputedStyle(element).backgroundColor : "rgb(255, 255, 255)";
  return color === "rgba(0, 0, 0, 0)" ? background(element.parentElement) : color;
};
const seen = {
  elements: shown.length,
  acted: window.acted === true,
  loaded: performance.getEntriesByType("resource").length,
  colors: [...new Set(shown.map(element => getComputedStyle(element).color + " on " + background(element)))],
};
document.body.insertAdjacentHTML("beforeend", `<pre id="observed">${JSON.stringify(seen)}</pre>`);
</script>"""


def observed(dom: str) -> dict[str, Any]:
    (said,) = re.findall('<pre id="observed">({.*})</pre>', dom)
    return dict(json.loads(said))


def is_blank(picture: Path) -> bool:
    """Whether a PNG file shows nothing: then it is made of very few different bytes, while text has soft edges."""
    data = picture.read_bytes()
    chunks: dict[bytes, bytes] = {}
    position = 8
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        chunks[name] = chunks.get(name, b"") + data[position + 8 : position + 8 + size]
        position += size + 12
    return len(set(zlib.decompress(chunks[b"IDAT"]))) < 50


def contrast(colors: str) -> float:
    """The contrast of two colours, from 1 to 21, as the guidelines for accessible pages (WCAG 2) count it."""

    def luminance(channels: list[float]) -> float:
        red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    text, background = ([float(part) for part in re.findall(r"[\d.]+", color)] for color in colors.split(" on "))
    opacity = text[3] if len(text) > 3 else 1
    mixed = [opacity * over + (1 - opacity) * under for over, under in zip(text[:3], background, strict=True)]
    dark, light = sorted(luminance([channel / 255 for channel in color]) for color in (mixed, background))
    return (light + 0.05) / (dark + 0.05)


SCHEMES = {"light": "rgb(34, 34, 34) on rgb(255, 255, 255)", "dark": "rgb(221, 221, 221) on rgb(17, 17, 17)"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_browser_shows_hostile_text_as_text_in_the_colours_of_the_page(scheme: str, tmp_path: Path) -> None:
    def page(name: str, texts: list[str]) -> dict[str, Any]:
        color, _, background = SCHEMES[scheme].partition(" on ")
        shown = "".join(views.html(make(text)) for text in texts for make in VIEWS.values())
        html = f'<!doctype html><meta charset="utf-8"><body style="color: {color}; background: {background}">{shown}'
        (tmp_path / name).write_text(html + OBSERVE, encoding="utf-8")
        return observed(browse(tmp_path / name, tmp_path / f"{name}.png"))

    hostile = page("hostile.html", list(HOSTILE.values()))
    harmless = page("harmless.html", ["plain"] * len(HOSTILE))

    assert hostile == harmless == {**harmless, "acted": False, "loaded": 0, "colors": [SCHEMES[scheme]]}
    assert harmless["elements"] > 500
    assert not is_blank(tmp_path / "hostile.html.png")


# Data frames


def test_a_data_frame_has_a_row_for_each_session_and_times_in_utc(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    metadata = {"title": "Titled", "model": "m-1"}
    for _ in range(3):
        api.create_ai_session(sandbox.organisation, {"userId": "u", "sessionGroup": "frame", "metadata": metadata})
    sessions = api.list_ai_sessions(sandbox.organisation, session_group="frame")

    frame = to_dataframe(sessions)

    assert list(frame.columns) == ["id", "title", "model", "created_at", "updated_at"]
    assert list(frame["id"]) == [session.id for session in sessions]
    assert set(frame["title"]) == {"Titled"}
    assert list(frame["created_at"]) == [session.created_at for session in sessions]
    assert (frame["created_at"] > pd.Timestamp("2026-01-01", tz="UTC")).all()


NO_TIME = session(id="s")
FAR_EAST = session(created_at=datetime(2026, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))))
LAST_INSTANT = session(created_at=datetime.max.replace(tzinfo=timezone.utc))


@pytest.mark.parametrize(
    ("sessions", "instants"),
    [
        ([], []),
        ([NO_TIME], [None]),
        ([NO_TIME, session(created_at=NOW)], [None, NOW]),
        ([FAR_EAST, session(created_at=NOW)], [datetime(2026, 1, 1, tzinfo=timezone.utc), NOW]),
        ([LAST_INSTANT], [datetime.max.replace(tzinfo=timezone.utc)]),
        ([session(created_at=datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))))], [None]),
    ],
    ids=["no sessions", "no time", "some times", "several offsets", "the last instant", "beyond the last instant"],
)
def test_times_are_in_utc_whatever_came(sessions: Any, instants: list[datetime | None]) -> None:
    frame = to_dataframe(sessions)

    for name in ("created_at", "updated_at"):
        assert str(frame[name].dtype) == "datetime64[us, UTC]"
    assert [None if pd.isna(instant) else instant.to_pydatetime() for instant in frame["created_at"]] == instants


def test_further_fields_keep_their_values() -> None:
    big = 2**53 + 1
    first = {"id": "s-1", "total_tokens": big, "metadata": {"a": [1]}, "user_id": "u"}
    sessions = [ListAISessions200ResponseInner.from_dict(fields) for fields in (first, {"id": "s-2", "flag": True})]

    frame = to_dataframe(iter(sessions))

    assert list(frame.columns)[5:] == ["total_tokens", "metadata", "user_id", "flag"]
    assert list(frame["total_tokens"]) == [big, pd.NA]
    assert list(frame["metadata"]) == [{"a": [1]}, None]
    assert list(frame["flag"]) == [pd.NA, True]


MISSING = None
HUGE = 2**63


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([7, 2**53 + 1], "int64"),
        ([7, MISSING, 2**53 + 1, 2**63 - 1], "Int64"),
        ([7, HUGE], "object"),
        ([7, HUGE, MISSING], "object"),
        ([0.5, 7], "float64"),
        ([0.5, MISSING], "float64"),
        ([0.5, 2**53 + 1], "object"),
        ([True, False], "bool"),
        ([True, MISSING], "boolean"),
        ([True, 1], "object"),
        (["a", "\ud83d"], "string"),
        (["a", MISSING], "string"),
        (["a", 1], "object"),
        ([[1], MISSING], "object"),
        ([MISSING], "object"),
    ],
    ids=repr,
)
def test_a_column_has_the_type_that_holds_all_its_values_exactly(values: list[Any], dtype: str) -> None:
    sessions = [ListAISessions200ResponseInner.from_dict({"id": "s", "further": value}) for value in values]

    column = to_dataframe(sessions)["further"]

    assert str(column.dtype) == dtype
    assert [None if value is not MISSING and pd.isna(value) is True else value for value in column] == values


def test_numbers_can_be_ranked_and_described() -> None:
    tokens = [7, None, 42, 9]
    sessions = [ListAISessions200ResponseInner.from_dict({"id": "s", "total_tokens": value}) for value in tokens]

    frame = to_dataframe(sessions)

    assert list(frame.nlargest(2, "total_tokens")["total_tokens"]) == [42, 9]
    assert frame.describe()["total_tokens"]["max"] == 42


def test_without_sessions_the_columns_have_their_types() -> None:
    assert [str(dtype) for dtype in to_dataframe([]).dtypes] == ["string"] * 3 + ["datetime64[us, UTC]"] * 2
    assert [str(dtype) for dtype in to_dataframe([], messages=True).dtypes] == ["string", "int64", "string", "string"]


def test_whole_sessions_become_a_row_for_each_message(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]
    for _ in range(3):
        api.create_ai_session(
            sandbox.organisation, {"userId": "u", "sessionGroup": "messages", "initialMessages": said}
        )
    listed = api.list_ai_sessions(sandbox.organisation, session_group="messages")

    frame = to_dataframe(bulk.get(api, sandbox.organisation, session_group="messages"), messages=True)

    assert list(frame.columns)[:4] == ["session_id", "position", "role", "content"]
    assert sorted(frame["session_id"]) == sorted(str(session.id) for session in listed for _ in said)
    assert list(frame["position"]) == [0, 1] * 3
    assert list(frame["content"]) == ["Hello", "Good day"] * 3
    assert dict(frame.groupby("role").size()) == {"assistant": 3, "user": 3}


def test_further_fields_of_messages_are_columns_whatever_their_names() -> None:
    told = [{"role": "user", "tokens": 5, "sent_at": "2026-05-06T07:08:09Z"}, {"session_id": "other", "position": "p"}]
    frame = to_dataframe([GetAISession200Response.from_dict({"id": "s", "messages": told})], messages=True)

    assert list(frame["session_id"]) == ["s", "s"]
    assert list(frame["position"]) == [0, 1]
    assert list(frame["tokens"]) == [5, pd.NA]
    assert list(frame["sent_at"]) == [NOW, pd.NaT]
    assert list(frame["message.session_id"]) == [pd.NA, "other"]
    assert list(frame["message.position"]) == [pd.NA, "p"]


def test_messages_need_whole_sessions() -> None:
    with pytest.raises(ApiTypeError, match=r"takes whole sessions, as bulk\.get .*, not ListAISessions200Response"):
        to_dataframe([session(id="s")], messages=True)


def test_what_a_session_lacks_is_na_and_a_time_is_nat() -> None:
    frame = to_dataframe([session(id="s-1", title="T", created_at=NOW), session(id="s-2")])

    assert list(frame["title"]) == ["T", pd.NA]
    assert list(frame["created_at"])[1] is pd.NaT


def test_sessions_from_get_are_rows_as_well(sandbox: Sandbox, connect: Connect) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    session_id = api.create_ai_session(sandbox.organisation, {"userId": "u", "sessionGroup": "got"}).session_id
    assert session_id
    (listed,) = api.list_ai_sessions(sandbox.organisation, session_group="got")

    frame = to_dataframe([listed, api.get_ai_session(sandbox.organisation, session_id)])

    assert list(frame.columns)[:6] == ["id", "title", "model", "created_at", "updated_at", "messages"]
    assert list(frame["updated_at"]) == [listed.updated_at] * 2
    assert str(frame["expires_at"].dtype) == "datetime64[us, UTC]"


def test_one_odd_time_makes_no_column_of_texts() -> None:
    rows = [{"id": "s-1", "updated_at": "2026-05-06T07:08:09Z"}, {"id": "s-2", "updated_at": "", "title": 5}]
    frame = to_dataframe([ListAISessions200ResponseInner.from_dict(row) for row in rows])

    assert str(frame["updated_at"].dtype) == "datetime64[us, UTC]"
    assert list(frame["updated_at"].isna()) == [False, True]
    assert list(frame["title"]) == [pd.NA, pd.NA]


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"updated_at": "2026-05-06T07:08:09Z"}, NOW),
        ({"updatedAt": "2026-05-06 09:08:09.000+02:00"}, NOW),
        ({"updated_at": "2026-05-06T07:08:09.1234567z"}, NOW.replace(microsecond=123456)),
        ({"updated_at": "2026-13-06T07:08:09Z"}, "2026-13-06T07:08:09Z"),
        ({"updated_at": "2026-05-06T07:08:09"}, "2026-05-06T07:08:09"),
        ({"updated_at": "yesterday"}, "yesterday"),
        ({"updated_at": 1778051289}, 1778051289),
    ],
    ids=["UTC", "camel case and an offset", "many digits", "no such month", "no zone", "no time", "a number"],
)
def test_a_time_that_the_contract_does_not_list_is_read_where_it_is_rfc_3339(told: dict[str, Any], read: Any) -> None:
    frame = to_dataframe([GetAISession200Response.from_dict(told)])

    assert list(frame["updated_at"]) == [read]
    assert "updatedAt" not in frame


def test_a_column_with_something_else_than_times_stays_as_it_came() -> None:
    values = ["2026-05-06T07:08:09Z", "never", None]
    sessions = [ListAISessions200ResponseInner.from_dict({"expires_at": value}) for value in values]

    assert list(to_dataframe(sessions)["expires_at"]) == [*values[:-1], pd.NA]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (session(id="s"), "ListAISessions200ResponseInner"),
        (None, "NoneType"),
        ("sessions", "str"),
        ([CreateAISession201Response()], "CreateAISession201Response"),
    ],
    ids=["one session", "None", "text", "other answers"],
)
def test_what_is_no_iterable_of_sessions_is_refused(given: Any, name: str) -> None:
    with pytest.raises(ApiTypeError, match=f"^to_dataframe takes .*sessions.*, not {name}$"):
        to_dataframe(given)


def test_without_pandas_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match=r'to_dataframe needs pandas; in a clone, pip install "\.\[pandas\]"'):
        to_dataframe([])


def test_the_page_writes_a_frame_to_excel_without_a_formula_or_a_link(
    sandbox: Sandbox, tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n((?:(?!```).)*ExcelWriter.*?)```", NOTEBOOKS.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("QUANT_BASE_URL", sandbox.host),
        ("QUANT_API_TOKEN", sandbox.access_token),
        ("QUANT_ORGANISATION", sandbox.organisation),
    ):
        monkeypatch.setenv(name, value)
    api = connect(sandbox.host, sandbox.access_token)
    for title in ("=1+1", "https://example.com", "plain"):
        api.create_ai_session(sandbox.organisation, {"userId": "u", "metadata": {"title": title}})

    exec(example, {})

    with zipfile.ZipFile(tmp_path / "sessions.xlsx") as book:
        sheet, texts = (book.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet1", "sharedStrings"))
    assert "=1+1" in texts
    assert "https://example.com" in texts
    assert re.findall("<(?:f|hyperlink)[ >]", sheet) == []


# The tour

NOTEBOOKS = ROOT / "docs" / "Notebooks.md"
TOUR = ROOT / "docs" / "tour.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"

# What differs from one run of the tour to the next.
VARYING = {
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "ID",
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?": "TIME",
    r"\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT": "TIME",
    r"\b\d+ (s|min|h)\b": "AGE",
    r"\d+ bytes in \d+ ms": "BYTES",
}


def executed(tour: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The tour with the outputs of a run, but for progress bars, which are gone when it is read."""
    run = copy.deepcopy(tour)
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
            patch.setenv(name, directory)
        patch.delenv("MPLBACKEND", raising=False)
        # It looks for fonts when it is first imported, and where that takes long, says so in the cell.
        subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True, capture_output=True)
        NotebookClient(run, timeout=None, record_timing=False, store_widget_state=False).execute()
    run.metadata = tour.metadata  # else it would tell of the Python that ran it
    for cell in run.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    return run


def outputs(tour: nbformat.NotebookNode) -> list[list[dict[str, Any]]]:
    """What each cell of the tour shows, without what differs from one run, or from one pandas, to the next."""
    return [[_lasting(output) for output in cell.outputs] for cell in tour.cells if cell.cell_type == "code"]


def _lasting(output: nbformat.NotebookNode) -> dict[str, Any]:
    shown = dict(output.get("data", {"stream": output.get("text")}))
    if "image/png" in shown:
        shown["image/png"] = "..."  # it names the days of the run
    if "text/html" in shown:
        shown["text/plain"] = "..."  # the repr of a model, which depends on pydantic
    if "dataframe" in shown.get("text/html", ""):
        shown["text/html"] = [re.sub(r"\s+", " ", text) for text in re.findall("<td>(.*?)</td>", shown["text/html"])]
    text = json.dumps(shown, ensure_ascii=False)
    for pattern, name in VARYING.items():
        text = re.sub(pattern, name, text)
    return dict(json.loads(text))


@pytest.fixture(scope="module")
def tour() -> nbformat.NotebookNode:
    return nbformat.read(TOUR, as_version=4)


def test_the_tour_shows_what_it_gives_when_it_is_run(tour: nbformat.NotebookNode) -> None:
    run = executed(tour)

    assert outputs(tour) == outputs(run), f"bring it up to date: python {Path(__file__).relative_to(ROOT)}"
    assert [cell.execution_count for cell in tour.cells if cell.cell_type == "code"] == [
        cell.execution_count for cell in run.cells if cell.cell_type == "code"
    ]


def test_the_tour_shows_views_in_html_and_is_small(tour: nbformat.NotebookNode) -> None:
    shown = [output.get("data", {}) for cell in tour.cells for output in cell.get("outputs", [])]
    pictures = [data["image/png"] for data in shown if "image/png" in data]

    assert sum("quantcdn-view" in data.get("text/html", "") for data in shown) >= 5
    assert [len(picture) < 40_000 for picture in pictures] == [True]
    assert TOUR.stat().st_size - sum(map(len, pictures)) < 50_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_the_tour_is_readable(theme: str, tmp_path: Path) -> None:
    exporter = HTMLExporter(template_name="lab", theme=theme)
    page, _ = exporter.from_filename(str(TOUR))
    (tmp_path / "tour.html").write_text(page.replace("</body>", f"{OBSERVE}</body>"), encoding="utf-8")

    seen = observed(browse(tmp_path / "tour.html", tmp_path / "tour.png"))

    assert seen["elements"] > 100
    assert min(map(contrast, seen["colors"])) >= 4.5, seen["colors"]
    assert not is_blank(tmp_path / "tour.png")


if __name__ == "__main__":
    nbformat.write(executed(nbformat.read(TOUR, as_version=4)), TOUR)
