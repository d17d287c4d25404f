"""Draws the pictures of the documents: `python test/picture.py` writes them to `docs`, with Chromium.

`conversation.png` shows a conversation as a notebook does, and `sandbox.png` the page of a sandbox: they are to be
drawn again where these have changed.
"""

import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import quantcdn
from quantcdn import sandbox
from quantcdn.testing import connected

SHOWN = "docs/conversation.png"
SIZE = (570, 265)
SAID = {
    "When do you open?": "At nine, every day but Sunday.",
    "And on public holidays?": "We are closed then. Shall I tell you when the next one is?",
}
SANDBOX_SHOWN = "docs/sandbox.png"
SANDBOX_SIZE = (1200, 680)
PAGE = '<!DOCTYPE html><meta charset="utf-8"><body style="margin: 20px; font: 14px sans-serif">{}'


def infer(messages: list[dict[str, str]]) -> quantcdn.Reply:
    reply = SAID[messages[-1]["content"]]
    return quantcdn.Reply(reply, len(reply.split()))


def view() -> str:
    """A conversation on a sandbox, as HTML."""
    with sandbox.running() as service:
        configuration = quantcdn.Configuration(service.host, service.access_token)
        with quantcdn.ApiClient(configuration) as client:
            api = quantcdn.AISessionsApi(client)
            conversation = quantcdn.Conversation.open(api, service.organisation, user_id="user-17")
            for text in SAID:
                conversation.turn(text, infer)
            return quantcdn.views.html(conversation)


def draw(picture: Path, chromium: str) -> None:
    """Write the picture, as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(PAGE.format(view()), encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",  # it does not start as root with one
            "--disable-gpu",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder}/profile",
            f"--window-size={SIZE[0]},{SIZE[1]}",
            f"--screenshot={picture}",
        ]
        subprocess.run([chromium, *options, page.as_uri()], capture_output=True, timeout=60, check=True)


def fill(service: sandbox.RunningSandbox, api: quantcdn.AISessionsApi) -> None:
    """Sessions, faults and requests to look at."""
    for hours, title, user in ((52, "Refund of order 1187", "user-23"), (7, "A gift for my father", "user-4")):
        question = {"role": "user", "content": f"{title}, please."}
        metadata = {"title": title, "model": "large"}
        service.seed(user_id=user, metadata=metadata, messages=[question], age=timedelta(hours=hours), total_tokens=412)
    chosen = service.seed(user_id="user-17", session_group="web", metadata={"title": "Opening hours", "model": "small"})
    for question, reply in SAID.items():
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
        api.update_ai_session(service.organisation, chosen, {"newMessages": messages, "tokensUsed": 31})
    service.fail("update", status=429, retry_after=1, times=2)
    api.update_ai_session(service.organisation, chosen, {"tokensUsed": 0})
    api.get_ai_session(service.organisation, chosen)
    api.list_ai_sessions(service.organisation)


def draw_sandbox(picture: Path, browser: Any) -> None:
    """Write the picture of the page of a sandbox, as PNG."""
    with sandbox.running() as service, connected(service) as api:
        fill(service, api)
        page = browser.new_page(viewport=dict(zip(("width", "height"), SANDBOX_SIZE, strict=True)))
        page.goto(service.page)
        page.get_by_role("button", name="Opening hours").click()
        page.get_by_role("list", name="Messages").get_by_role("listitem").last.wait_for()
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=picture)
        page.close()


def main(chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    docs = Path(__file__).parent.parent
    draw(docs / SHOWN, chromium)
    with sync_playwright() as driver:
        draw_sandbox(docs / SANDBOX_SHOWN, driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"]))


if __name__ == "__main__":
    found = shutil.which("chromium")
    sys.exit("chromium is not installed") if found is None else main(found)
