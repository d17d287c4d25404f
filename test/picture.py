"""Draws the picture of the README: `python test/picture.py` writes `docs/conversation.png`, with Chromium.

It shows a conversation as a notebook does, so it is to be drawn again where views have changed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import quantcdn
from quantcdn import sandbox

SHOWN = "docs/conversation.png"
SIZE = (570, 265)
SAID = {
    "When do you open?": "At nine, every day but Sunday.",
    "And on public holidays?": "We are closed then. Shall I tell you when the next one is?",
}
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
            conversation = quantcdn.Conversation.open(api, service.organisation, user_id="ann")
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


if __name__ == "__main__":
    found = shutil.which("chromium")
    sys.exit("chromium is not installed") if found is None else draw(Path(__file__).parent.parent / SHOWN, found)
