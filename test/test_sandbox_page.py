"""The page to look into a sandbox, in a real browser: what it shows and does, and how it bears what is shown.

The browser is Debian's Chromium. Playwright drives it; axe-core holds the page against the rules of accessibility.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import picture
import pytest
import urllib3
from programs import chromium

from quantcdn import AISessionsApi, ApiException
from quantcdn.exceptions import ConnectionException
from quantcdn.sandbox import RunningSandbox, running
from quantcdn.sandbox._faults import ANY, OPERATIONS

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = playwright.expect

SAID = {"newMessages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good morning"}]}
HOSTILE = [
    '<script>window.acted = true</script><img src="x" onerror="window.acted = true">',
    "</pre></li></script><style>body { display: none }</style>",
    "\u202egnp.elcitra\u2066 שלום \u2069",
    "x" * 10_000,
    "👩‍👩‍👧‍👦🏳️‍🌈🤷🏽‍♀️" * 300,
    "Z̷̛̗̤͚̈́͝a̸͖̤͌l̵̰̔g̶̝̈́o̷" * 100,
    "tab\tand\n\n\nlines & &amp; {{ 7 * 7 }} ${7 * 7} %00",
    "__proto__",
]
NARROW = [320, 360, 390]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = chromium()
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # as root it has none
        browser = driver.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


Look = Callable[..., Any]


@pytest.fixture
def look(browser: Any, service: RunningSandbox) -> Iterator[Look]:
    """Open the page. When the test ends, its console must be empty, and no text of others have become a script."""
    said: list[str] = []
    with ExitStack() as stack:

        def opened(width: int = 1280, height: int = 900, **options: Any) -> Any:
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            stack.callback(context.close)
            context.set_default_timeout(20_000)
            page = context.new_page()
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(service.page)
            expect(page.locator("#connection")).to_have_text("Live", timeout=20_000)
            stack.callback(lambda: said.extend(["a script acted"] * page.evaluate("'acted' in window")))
            return page

        yield opened
    assert said == []


def heard(service: RunningSandbox, path: str) -> Any:
    """What the control interface tells."""
    return urllib3.request("GET", f"{service.host}/_sandbox{path}", headers={"X-Sandbox-Secret": service.secret}).json()


def requests_on(page: Any) -> Any:
    return page.locator("#request-table tbody")


def rules_on(page: Any) -> Any:
    """What is said of the faults."""
    return page.locator("#rules li > span")


def choose(page: Any, name: str) -> Any:
    """Choose a session, and return its transcript."""
    page.locator("#session-list button", has_text=name).click()
    expect(page.get_by_role("heading", level=2, name=name)).to_be_visible()
    return page.get_by_role("list", name="Messages").get_by_role("listitem")


def test_the_secret_does_not_stay_in_the_address(service: RunningSandbox, look: Look) -> None:
    page = look()
    assert page.url == f"{service.host}/_sandbox/"
    page.reload()
    expect(page.locator("#connection")).to_have_text("Live")
    assert page.evaluate("document.cookie") == ""  # no script can read it
    assert page.evaluate("performance.getEntriesByType('resource').every(({ name }) => name.startsWith(origin))")


def test_who_comes_without_the_secret_can_type_it(service: RunningSandbox, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{service.host}/_sandbox/")
    page.get_by_label("Secret").fill("guess")
    page.get_by_role("button", name="Open").click()
    page.get_by_label("Secret").fill(service.secret)
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_have_text("Live")
    assert page.url == f"{service.host}/_sandbox/"
    page.close()


def test_the_browser_holds_the_page_to_its_policy(service: RunningSandbox, browser: Any) -> None:
    page = browser.new_page()
    page.goto(service.page)
    with pytest.raises(playwright.Error, match="This document requires 'TrustedHTML' assignment"):
        page.evaluate("document.body.innerHTML = '<p>'")
    with pytest.raises(playwright.Error, match="Failed to fetch"):
        page.evaluate("address => fetch(address, { mode: 'no-cors' })", service.host.replace("127.0.0.1", "localhost"))
    with pytest.raises(playwright.Error, match="This document requires 'TrustedScript' assignment"):
        page.evaluate("document.body.setAttribute('onclick', 'window.acted = true')")
    page.close()


@pytest.mark.parametrize("site", ["http://127.0.0.1:9/", "http://evil.example/"], ids=["same host", "other host"])
def test_a_page_of_another_site_in_the_same_browser_can_do_nothing(
    service: RunningSandbox, browser: Any, site: str
) -> None:
    service.seed()
    context = browser.new_context()
    context.new_page().goto(service.page)
    context.route(f"{site}**", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><p>Hello"))
    page = context.new_page()
    page.goto(site)
    answers = page.evaluate(
        """async host => {
            const heard = [];
            for (const mode of ["cors", "no-cors"])
                for (const [path, body] of [["/reset", "{}"], ["/clock", '{"days": 1}'], ["/sessions"], ["/"]]) {
                    const options = { mode, body, method: body ? "POST" : "GET", credentials: "include" };
                    heard.push(await fetch(`${host}/_sandbox${path}`, options).then(answer => answer.text(), () => ""));
                }
            return heard;
        }""",
        service.host,
    )
    assert answers == [""] * 8
    page.evaluate(
        """address => {
            const frame = Object.assign(document.createElement("iframe"), { src: address });
            return new Promise(loaded => { frame.onload = loaded; document.body.append(frame) });
        }""",
        service.page,
    )
    assert page.frame_locator("iframe").locator("#connection").count() == 0
    page.evaluate(
        """host => {
            const form = document.createElement("form");
            Object.assign(form, { method: "post", action: `${host}/_sandbox/reset` });
            document.body.append(form);
            form.submit();
        }""",
        service.host,
    )
    expect(page.locator("body")).to_contain_text("The control interface does not answer pages of other sites.")
    assert len(heard(service, "/sessions")) == 1
    assert not service.clock.ahead
    context.close()


def test_requests_appear_as_they_come(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    page = look()
    expect(page.get_by_text("None yet.", exact=True)).to_be_visible()
    session = service.seed()
    api.update_ai_session(service.organisation, session, SAID)
    with pytest.raises(ApiException):
        api.get_ai_session(service.organisation, "lost")
    rows = requests_on(page)
    expect(rows).to_have_count(2)
    expect(rows.nth(0).get_by_role("cell")).to_have_text(
        [re.compile(r"\d\d:\d\d:\d\d"), "get", "404", re.compile(" ms$")]
    )
    expect(rows.nth(1)).to_contain_text("update")
    expect(page.locator("#news")).to_have_text("2 requests came; the last: get, 404")


def test_a_request_opens_to_what_it_held_and_leads_to_its_session(
    service: RunningSandbox, api: AISessionsApi, look: Look
) -> None:
    session = service.seed(metadata={"title": "Opening hours"})
    api.update_ai_session(service.organisation, session, SAID)
    page = look()
    update = page.get_by_role("button", name="update")
    expect(update).to_have_attribute("aria-expanded", "false")
    update.click()
    expect(update).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("group", name="Body")).to_have_text(json.dumps(SAID, indent=2))
    page.get_by_role("button", name="Show the session").click()
    expect(page.locator("#messages li")).to_have_text(["userHello", "assistantGood morning"])
    update.click()
    expect(page.get_by_role("group", name="Body")).to_be_hidden()


@pytest.mark.parametrize(
    ("body", "shown"),
    [(b'{"userId": NaN} <script>', '{"userId": NaN} <script>'), (b"[1]", "[\n  1\n]"), (b"", None)],
    ids=str,
)
def test_a_body_is_shown_that_was_none(service: RunningSandbox, look: Look, body: bytes, shown: str | None) -> None:
    address = f"{service.host}/api/v3/organizations/{service.organisation}/ai/sessions"
    headers = {"Authorization": f"Bearer {service.access_token}", "Content-Type": "application/json"}
    urllib3.request("POST", address, headers=headers, body=body)
    page = look()
    page.get_by_role("button", name="create").click()
    if shown is None:
        expect(page.get_by_text("No body.")).to_be_visible()
    else:
        expect(page.get_by_role("group", name="Body")).to_have_text(shown, use_inner_text=True)


def test_what_a_request_held_may_be_kept_no_longer(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    api.list_ai_sessions(service.organisation)
    page = look()
    page.get_by_role("button", name="Pause").click()
    service.requests.clear()
    page.get_by_role("button", name="list").click()
    expect(page.get_by_text("What it held is no longer kept.")).to_be_visible()


def test_what_is_paused_stands_still_and_is_not_lost(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    page = look()
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    for _ in range(3):
        api.list_ai_sessions(service.organisation)
    expect(page.locator("#request-count")).to_have_text("3 more came")
    assert requests_on(page).count() == 0
    pause.click()
    expect(requests_on(page)).to_have_count(3)


def test_many_requests_leave_the_latest(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    page = look()
    for _ in range(205):
        api.list_ai_sessions(service.organisation)
    expect(page.locator("#request-count")).to_have_text("the latest 200 of 205")
    assert requests_on(page).count() == 200


def test_sessions_tell_their_age_and_how_long_they_live(service: RunningSandbox, look: Look) -> None:
    now = service.clock()
    service.seed(
        metadata={"title": "One", "model": "small"},
        user_id="ann",
        session_group="web",
        messages=SAID["newMessages"],
        total_tokens=1234,
        age=timedelta(days=3, hours=1),
        expires_at=now + timedelta(minutes=90),
    )
    service.seed(metadata={"title": "Two"}, age=timedelta(minutes=5), expires_at=now - timedelta(hours=2, minutes=1))
    service.seed(metadata={"title": "Three"}, status="completed")
    page = look()
    button = page.locator("#session-list button", has_text="One")
    expect(button.locator("span")).to_have_text(
        ["One", "ann · web · small", "2 messages, 1,234 tokens", "3 d old, expires in 1 h"]
    )
    expect(page.locator("#session-list button", has_text="Two")).to_contain_text("5 min old, expired 2 h ago")
    expect(page.locator("#session-list button", has_text="Three")).to_contain_text("completed")
    expect(page.locator("#session-count")).to_have_text("3 sessions")
    choose(page, "One")
    facts = page.locator("#facts")
    for part in (service.organisation, "ann", "web", "small", "active", "1,234", "3 d ago", "expires in 1 h"):
        expect(facts).to_contain_text(part)


def test_what_is_not_known_yet_is_not_said_to_be_none(service: RunningSandbox, browser: Any) -> None:
    service.seed(metadata={"title": "Opening hours"})
    context = browser.new_context()
    page = context.new_page()
    held: list[Any] = []
    page.route(re.compile("/_sandbox/(events|sessions)"), lambda route: held.append(route))

    def let_through() -> None:
        while not held:
            page.wait_for_timeout(10)
        held.pop().continue_()

    page.goto(service.page)
    expect(page.locator("#connection")).to_have_text("Connecting")
    none = page.get_by_text(re.compile("None yet|Nothing is told to fail"))
    expect(none.filter(visible=True)).to_have_count(0)
    let_through()  # the events
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.get_by_text("Nothing is told to fail.")).to_be_visible()  # the state has come, and the sessions not
    expect(page.get_by_text("What an application makes at")).to_be_hidden()
    expect(page.locator("#session-count")).to_have_text("")
    let_through()
    expect(page.locator("#session-list button")).to_contain_text("Opening hours")
    context.close()


def test_sessions_come_grow_and_go_without_a_reload(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    page = look()
    expect(page.get_by_text(f"None yet. What an application makes at {service.host} appears here.")).to_be_visible()
    created = api.create_ai_session(service.organisation, {"userId": "ann", "metadata": {"title": "Opening hours"}})
    assert created.session_id
    messages = choose(page, "Opening hours")
    expect(messages).to_have_count(0)
    api.update_ai_session(service.organisation, created.session_id, SAID)
    expect(messages).to_have_text(["userHello", "assistantGood morning"])
    expect(page.locator("#session-list button")).to_contain_text("2 messages")
    api.delete_ai_session(service.organisation, created.session_id)
    expect(page.get_by_text("This session is no longer there.")).to_be_visible()
    expect(page.locator("#session-list button")).to_have_count(0)


def test_sessions_are_found_by_organisation_and_by_text(service: RunningSandbox, look: Look) -> None:
    service.seed(metadata={"title": "Here"})
    service.seed(metadata={"title": "There"}, organisation="acme")
    page = look()
    titles = page.locator("#session-list .title")
    expect(titles).to_have_text(["There", "Here"])
    organisation = page.get_by_label("Organisation")
    expect(organisation.locator("option")).to_have_text(["All (2)", "sandbox (1)", "acme (1)"])
    organisation.select_option("acme")
    expect(titles).to_have_text(["There"])
    page.get_by_label("Find").fill("HERE")
    expect(titles).to_have_text(["There"])
    organisation.select_option("")
    expect(titles).to_have_text(["There", "Here"])
    page.get_by_label("Find").fill("nothing like it")
    expect(page.get_by_text("None is like that.")).to_be_visible()


def test_of_very_many_sessions_the_newest_are_shown(service: RunningSandbox, look: Look) -> None:
    for number in range(105):
        service.seed(metadata={"title": f"Number {number}"})
    page = look()
    expect(page.locator("#session-count")).to_have_text("the newest 100 of 105")
    expect(page.locator("#session-list .title").first).to_have_text("Number 104")
    page.get_by_label("Find").fill("number 3")
    expect(page.locator("#session-count")).to_have_text("11 sessions")


def test_a_long_conversation_begins_with_its_end(service: RunningSandbox, look: Look) -> None:
    messages = [{"role": "user", "content": f"Message {number}"} for number in range(150)]
    service.seed(metadata={"title": "Long"}, messages=messages)
    page = look()
    shown = choose(page, "Long")
    expect(shown).to_have_count(100)
    expect(shown.first).to_contain_text("Message 50")
    page.get_by_role("button", name="Show 50 earlier messages").click()
    expect(shown).to_have_count(150)
    expect(shown.first).to_contain_text("Message 0")


FAULTS: list[tuple[str, dict[str, str], dict[str, object], str]] = [
    ("An error; nothing is done", {}, {"status": 500}, "any: status 500; played 0 times"),
    (
        "An error; nothing is done",
        {"Status": "429", "Retry-After, in s": "1.5", "Times": "2", "Let pass before": "1", "Share, in %": "50"},
        {"status": 429, "retry_after": 1.5, "times": 2, "after": 1, "rate": 0.5},
        "any: status 429, Retry-After 1.5 s, after 1 request, 50 % of them; played 0 of 2 times",
    ),
    ("A late answer", {"Seconds": "0.5"}, {"delay": 0.5}, "any: 0.5 s late; played 0 times"),
    (
        "No answer; nothing is done",
        {},
        {"drop": "before"},
        "any: connection ends before it is done; played 0 times",
    ),
    ("No answer; it is done", {}, {"drop": "after"}, "any: connection ends after it is done; played 0 times"),
    ("A reset connection; it is done", {}, {"reset": True}, "any: connection is reset; played 0 times"),
    ("Half an answer; it is done", {}, {"truncate": True}, "any: half an answer; played 0 times"),
    ("A trickling answer", {"Seconds": "3"}, {"trickle": 3}, "any: trickles over 3 s; played 0 times"),
    ("An answer that is no JSON", {}, {"garble": True}, "any: no JSON; played 0 times"),
]


@pytest.mark.parametrize(("what", "given", "meant", "told"), FAULTS, ids=[told for *_, told in FAULTS])
def test_a_fault_is_put_into_force(
    service: RunningSandbox, look: Look, what: str, given: dict[str, str], meant: dict[str, object], told: str
) -> None:
    page = look()
    page.get_by_label("What goes wrong").select_option(label=what)
    for label, value in given.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Add the fault").click()
    expect(page.get_by_text("The fault is in force.")).to_be_visible()
    expect(rules_on(page)).to_have_text([told])
    (rule,) = heard(service, "/faults")
    found = {**rule["fault"], **{name: rule[name] for name in ("times", "after", "rate")}}
    usual = {"times": None, "after": 0, "rate": 1, "delay": 0, "trickle": 0}
    assert {name: value for name, value in found.items() if value not in (None, False, usual.get(name))} == meant


def test_every_operation_can_be_told_to_fail(look: Look) -> None:
    assert look().get_by_label("Operation").locator("option").all_inner_texts() == [ANY, *OPERATIONS]


def test_faults_are_seen_played_and_cleared(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    page = look()
    page.get_by_label("Operation").select_option("list")
    page.get_by_label("Status").fill("404")
    page.get_by_label("Times").fill("2")
    page.get_by_label("Times").press("Enter")
    rules = rules_on(page)
    expect(rules).to_have_text(["list: status 404; played 0 of 2 times"])
    with pytest.raises(ApiException):
        api.list_ai_sessions(service.organisation)
    expect(rules).to_have_text(["list: status 404; played 1 of 2 times"])
    expect(requests_on(page)).to_contain_text("fault: status=404")
    service.fail("get", garble=True)
    expect(rules).to_have_count(2)
    page.get_by_role("button", name="Clear the faults").click()
    expect(page.get_by_text("Nothing fails any more.")).to_be_visible()
    expect(rules).to_have_count(0)
    assert api.list_ai_sessions(service.organisation) == []


def test_one_fault_is_removed_and_the_others_stay(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    service.fail("list", status=404)
    service.fail("get", garble=True)
    page = look()
    expect(rules_on(page)).to_have_count(2)
    page.get_by_role("button", name="Remove list: status 404", exact=True).click()
    expect(rules_on(page)).to_have_text(["get: no JSON; played 0 times"])
    expect(page.locator("#fault output")).to_have_text("Removed: list: status 404.")
    assert [rule["operation"] for rule in heard(service, "/faults")] == ["get"]
    assert api.list_ai_sessions(service.organisation) == []


def test_faults_are_removed_one_after_the_other_by_keyboard(service: RunningSandbox, look: Look) -> None:
    for operation in ("list", "get", "update", "delete"):
        service.fail(operation, status=500)
    page = look()
    page.get_by_role("button", name="Remove get: status 500").focus()
    for left, focus in (
        (["list", "update", "delete"], "Remove update: status 500"),
        (["list", "delete"], "Remove delete: status 500"),
        (["list"], "Remove list: status 500"),
        ([], "Faults and clock"),
    ):
        page.keyboard.press("Enter")
        expect(rules_on(page)).to_have_text([f"{operation}: status 500; played 0 times" for operation in left])
        assert focused(page) == focus


def test_a_fault_that_others_removed_goes_from_the_page(service: RunningSandbox, look: Look) -> None:
    fault = service.fail("list", status=500)
    page = look()
    expect(rules_on(page)).to_have_count(1)
    fault.remove()
    expect(rules_on(page)).to_have_count(0)


def test_a_fault_that_cannot_be_meant_is_not_sent(service: RunningSandbox, look: Look) -> None:
    page = look()
    page.get_by_label("Status").fill("200")
    page.get_by_role("button", name="Add the fault").click()
    assert page.get_by_label("Status").evaluate("field => field === document.activeElement && !field.validity.valid")
    assert heard(service, "/faults") == []


@pytest.mark.parametrize(
    ("number", "unit", "ahead"), [("2", "days", "2 d"), ("1.5", "hours", "1 h"), ("90", "minutes", "1 h")]
)
def test_the_clock_is_put_forward(service: RunningSandbox, look: Look, number: str, unit: str, ahead: str) -> None:
    service.seed(metadata={"title": "Short"}, expires_at=service.clock() + timedelta(minutes=30))
    page = look()
    expect(page.locator("#session-list button")).to_contain_text("expires in 29 min")
    page.get_by_label("Put forward by").fill(number)
    page.get_by_label("Unit").select_option(unit)
    page.get_by_role("button", name="Put forward").click()
    expect(page.get_by_text("The clock shows 2")).to_be_visible()
    expect(page.locator("header")).to_contain_text(f"UTC, {ahead} ahead")
    assert service.clock.ahead == timedelta(**{unit: float(number)})
    expect(page.locator("#session-list button")).to_contain_text("expired")


def test_a_clock_that_stands_still_does_so_on_the_page(browser: Any) -> None:
    now = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
    with running(clock=lambda: now) as service:
        page = browser.new_page()
        page.goto(service.page)
        expect(page.locator("#now")).to_have_text("2026-11-22 12:00:00 UTC")
        page.wait_for_timeout(1500)
        expect(page.locator("#now")).to_have_text("2026-11-22 12:00:00 UTC")
        page.close()


def test_the_sandbox_begins_anew_when_that_is_confirmed(
    service: RunningSandbox, api: AISessionsApi, look: Look
) -> None:
    service.seed(metadata={"title": "Old"})
    service.fail("get", garble=True)
    service.clock.advance(days=1)
    api.list_ai_sessions(service.organisation)
    page = look()
    choose(page, "Old")
    page.get_by_role("button", name="Reset…").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Reset…")).to_be_focused()
    expect(page.locator("#session-list button")).to_have_count(1)
    page.get_by_role("button", name="Reset…").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(page.locator("#session-list button")).to_have_count(0)
    expect(requests_on(page)).to_have_count(0)
    expect(page.locator("#rules li")).to_have_count(0)
    expect(page.locator("#messages li")).to_have_count(0)
    assert not service.clock.ahead


def test_a_page_that_is_not_looked_at_listens_to_nothing(
    service: RunningSandbox, api: AISessionsApi, look: Look
) -> None:
    page = look()
    hide = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(hide, True)
    api.list_ai_sessions(service.organisation)
    page.wait_for_timeout(300)
    assert requests_on(page).count() == 0
    page.evaluate(hide, False)
    expect(requests_on(page)).to_have_count(1)


def test_a_page_whose_sandbox_has_ended_says_so(browser: Any) -> None:
    with running() as service:
        page = browser.new_page()
        page.goto(service.page)
        expect(page.locator("#connection")).to_have_text("Live")
        service.seed(metadata={"title": "Opening hours"})
        expect(page.locator("#session-list button")).to_have_count(1)
        errors: list[Any] = []
        page.on("pageerror", lambda error: errors.append(error))
    expect(page.locator("#connection")).to_have_text("Not connected, trying again")
    page.locator("#session-list button").click()
    page.get_by_role("button", name="Add the fault").click()
    expect(page.locator("#fault output")).to_have_text("Failed to fetch")
    assert errors == []
    page.close()


def test_the_picture_of_the_document_can_be_drawn_again(browser: Any, tmp_path: Path) -> None:
    docs = Path(picture.__file__).parent.parent
    picture.draw_sandbox(tmp_path / "sandbox.png", browser)
    drawn, shown = (path.read_bytes() for path in (tmp_path / "sandbox.png", docs / picture.SANDBOX_SHOWN))
    assert drawn[:4] == b"\x89PNG"
    assert drawn[:24] == shown[:24], "of the same size"


# Text of others


def fill_with(texts: list[str], service: RunningSandbox) -> None:
    """Sessions and requests that hold these texts wherever there may be any."""
    for text in texts:
        messages = [{"role": role, "content": text} for role in ("system", "user", "assistant")]
        metadata = {"title": text, "model": text, text[:100]: text}
        service.seed(id=text, user_id=text, session_group=text, organisation=text, metadata=metadata, messages=messages)
        part = quote(text[:2000], safe="")
        address = f"{service.host}/api/v3/organizations"
        urllib3.request("PUT", f"{address}/{part}/ai/sessions/{part}?{part}={part}", retries=False)
        token = {"Authorization": f"Bearer {service.access_token}"}
        urllib3.request("POST", f"{address}/{service.organisation}/ai/sessions", headers=token, json={text: text})


def broken(page: Any) -> list[str]:
    """What is wider than the page, or than the part of it that it is in."""
    return list(
        page.evaluate("""() => [...document.querySelectorAll("html, body, main *, header *")]
            .filter(element => element.offsetParent !== null && !element.matches("#session-list bdi"))  // which are cut
            .filter(element => element.getBoundingClientRect().right > Math.max(innerWidth, 320) + 1)
            .map(element => `${element.tagName} ${element.className} ${element.textContent.slice(0, 40)}`)
            .concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : [])""")
    )


@pytest.mark.parametrize("width", [1280, 900, *NARROW])
def test_text_of_others_stays_text_and_breaks_nothing(service: RunningSandbox, look: Look, width: int) -> None:
    fill_with(HOSTILE, service)
    page = look(width)
    rows = page.locator("#session-list button")
    expect(rows).to_have_count(len(HOSTILE))
    for index, text in enumerate(reversed(HOSTILE)):
        rows.nth(index).click()
        expect(page.locator("#messages .content").last).to_have_text(text, use_inner_text=False)
        assert page.locator("#messages .content").all_text_contents() == [text] * 3
        page.locator("summary").click()
        assert json.loads(page.locator("#metadata").inner_text()) == {"title": text, "model": text, text[:100]: text}
        assert broken(page) == []
        page.locator("summary").click()
    assert "\ufffd" not in page.locator("main").inner_text(), "a character was cut in two"
    for button in requests_on(page).locator("button.plain").all():
        button.click()
    expect(page.locator(".details pre")).to_have_count(len(HOSTILE))
    assert broken(page) == []
    assert page.locator("main :is(script, style, img)").count() == 0


@pytest.mark.parametrize("width", NARROW)
def test_a_telephone_needs_no_sideways_scrolling(
    service: RunningSandbox, api: AISessionsApi, look: Look, width: int
) -> None:
    service.fail("create", drop="before")
    with pytest.raises(ConnectionException):
        api.create_ai_session(service.organisation, {"userId": "u"})
    page = look(width, 640, has_touch=True, is_mobile=True)
    names = page.locator("button.plain")
    expect(names.first).to_have_text("create")
    assert all(name.bounding_box()["height"] < 32 for name in names.all()), "each in one line"
    assert broken(page) == []
    for kind in page.get_by_label("What goes wrong").locator("option").all_inner_texts():
        page.get_by_label("What goes wrong").select_option(label=kind)
        assert broken(page) == []
    page.get_by_role("button", name="Reset…").tap()
    assert page.get_by_role("dialog").evaluate("dialog => dialog.getBoundingClientRect().right <= innerWidth")


# By keyboard, and for screen readers


def focused(page: Any) -> str:
    """What has the focus: the name of its label, or its text."""
    return str(
        page.evaluate("""() => {
            const { activeElement: element } = document;
            const label = element.querySelector(".title") ?? element.labels?.[0]?.firstChild
                ?? document.getElementById(element.getAttribute("aria-labelledby")) ?? element;
            return (element.getAttribute("aria-label") ?? label.textContent).trim();
        }""")
    )


WAY = [
    *("Skip to the sessions", "Reset…"),
    *("Organisation", "Find", "Opening hours"),
    *("Opening hours", "Metadata"),  # the conversation, which may have to be scrolled
    *("Pause", "Requests", "update", "Body", "Show the session"),
    *("Faults and clock", "Clear the faults", "Operation", "What goes wrong", "Status", "Retry-After, in s"),
    *("Times", "Let pass before", "Share, in %", "Add the fault"),
    *("Put forward by", "Unit", "Put forward"),
]


def test_everything_can_be_reached_and_done_by_keyboard(
    service: RunningSandbox, api: AISessionsApi, look: Look
) -> None:
    session = service.seed(metadata={"title": "Opening hours"})
    api.update_ai_session(service.organisation, session, SAID)
    page = look()
    expect(requests_on(page)).to_have_count(1)
    act = {
        "Opening hours": ("Enter", lambda: expect(page.locator("#messages li")).to_have_count(2)),
        "update": ("Space", lambda: expect(page.get_by_role("group", name="Body")).to_be_visible()),
        "Times": ("3", lambda: expect(page.get_by_label("Times")).to_have_value("3")),
        "Add the fault": ("Space", lambda: expect(page.locator("#rules li")).to_contain_text("played 0 of 3 times")),
        "Unit": ("d", lambda: expect(page.get_by_label("Unit")).to_have_value("days")),
        "Put forward": ("Enter", lambda: expect(page.locator("#ahead")).to_have_text(", 1 d ahead")),
    }
    for stop in WAY:
        page.keyboard.press("Tab")
        assert focused(page) == stop
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "it does not show"
        if act.get(stop):
            key, done = act.pop(stop)
            page.keyboard.press(key)
            done()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement === document.body")
    assert not act


def test_who_skips_gets_to_the_sessions(service: RunningSandbox, look: Look) -> None:
    service.seed(metadata={"title": "Opening hours"})
    page = look(360, 640)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "Organisation"


def test_the_focus_stays_where_it_is_when_lists_change(service: RunningSandbox, api: AISessionsApi, look: Look) -> None:
    session = service.seed(metadata={"title": "Opening hours"}, organisation="sandbox")
    api.update_ai_session(service.organisation, session, SAID)
    page = look()
    expect(requests_on(page)).to_have_count(1)
    for element in (page.locator("#session-list button"), page.get_by_role("button", name="update").last):
        element.focus()
        before = page.evaluate_handle("document.activeElement")
        count = requests_on(page).count()
        other = api.create_ai_session(service.organisation, {"userId": "u", "metadata": {"title": "Another"}})
        expect(page.locator("#session-list button")).to_have_count(2)
        api.update_ai_session(service.organisation, session, SAID)
        expect(requests_on(page)).to_have_count(count + 2)
        api.delete_ai_session(service.organisation, other.session_id or "")
        expect(page.locator("#session-list button")).to_have_count(1)
        assert page.evaluate("before => before === document.activeElement", before)
    page.locator("#session-list button").focus()
    api.delete_ai_session(service.organisation, session)
    expect(page.locator("#session-list button")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "sessions"  # and not at the top of the page


def test_the_page_has_the_parts_that_it_says(look: Look) -> None:
    page = look()
    for role, name in (
        ("banner", None),
        ("main", None),
        ("search", "Sessions"),
        ("region", "Sessions"),
        ("region", "Transcript"),
        ("region", "Requests"),
        ("region", "Faults and clock"),
        ("form", "Faults"),
        ("form", "Clock"),
    ):
        expect(page.get_by_role(role, **({"name": name, "exact": True} if name else {}))).to_have_count(1)
    assert page.locator("[aria-live=assertive], [role=alert]").count() == 0


axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")


@pytest.mark.parametrize(
    ("filled", "width", "colors"),
    [
        *[("full", width, colors) for width in (1280, 900, 320) for colors in ("light", "dark")],
        *[(None, 1280, "dark"), (None, 320, "light"), ("hostile", 1280, "light"), ("hostile", 320, "dark")],
    ],
)
def test_axe_finds_nothing(
    service: RunningSandbox, api: AISessionsApi, look: Look, filled: str | None, width: int, colors: str
) -> None:
    if filled == "hostile":
        fill_with(HOSTILE, service)
    elif filled == "full":
        session = service.seed(metadata={"title": "Opening hours"}, messages=SAID["newMessages"] * 30)
        service.seed(status="completed", expires_at=service.clock() - timedelta(days=1))
        service.fail("list", status=429)
        api.update_ai_session(service.organisation, session, SAID)
        with pytest.raises(ApiException):
            api.list_ai_sessions(service.organisation)
    page = look(width, color_scheme=colors)
    if filled:
        page.locator("#session-list button").last.click()
        expect(page.locator("#conversation")).to_be_visible()
        page.locator("summary").click()
        for button in page.locator("button.plain").all()[:5]:
            button.click()
        expect(page.locator(".details pre").first).to_be_visible()
        page.get_by_role("button", name="Add the fault").click()
        expect(page.get_by_text("The fault is in force.")).to_be_visible()
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    if not filled:
        page.get_by_role("button", name="Reset…").click()
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_nothing_in_the_form_that_asks_for_the_secret(
    service: RunningSandbox, browser: Any, colors: str
) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640}, color_scheme=colors)
    page.goto(f"{service.host}/_sandbox/")
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert broken(page) == []
    page.evaluate("document.documentElement.lang = ''")
    assert axe.Axe().run(page).violations_count == 1, "it finds what there is"
    page.close()
