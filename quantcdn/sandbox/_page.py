"""The page to look into a sandbox, beside its control interface: one file, without a network.

It holds nothing of the sandbox: its script asks the control interface, as any program can. What a browser may do with
it is said in a policy that allows the style and the script in the file, by their hashes, and no other; and what came in
requests can only ever be text there.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from quantcdn.sandbox import _app
from quantcdn.sandbox._door import HEADERS, PATH, Door, refuse_other_sites
from quantcdn.sandbox._validation import Refusal

_LOCKED = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>QuantCDN sandbox: secret needed</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 30rem; margin: 10vh auto; padding: 0 1rem }
input, button { font: inherit; padding: .4rem .6rem; max-width: 100%; box-sizing: border-box }
</style>
<main>
<h1>This page needs its secret</h1>
<p>The sandbox printed the address of this page, with the secret in it, when it started.</p>
<form>
<p><label for="secret">Secret</label><br><input id="secret" name="secret" required autocomplete="off"></p>
<p><button>Open</button></p>
</form>
</main>
</html>
"""


class Page:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def answer(self, request: Request) -> Response:
        """The page, for a browser that was let in. One that brings the secret is, and is led away from the address."""
        try:
            refuse_other_sites(request)
        except Refusal as refusal:
            return _app.error(refusal.status, refusal.message, refusal.headers)
        if self._door.opens_with(request.query_params.get("secret", "")):
            response = Response(status_code=303, headers={**HEADERS, "Location": f"{PATH}/"})
            self._door.let_in(request, response)
            return response
        if self._door.knows(request):
            return _html(_page(), 200)
        return _html(_LOCKED, 401)


@cache
def _page() -> str:
    from importlib.resources import files  # a hundredth of a start, and nobody may ever look

    return files("quantcdn.sandbox").joinpath("page.html").read_text("utf-8")


def _html(text: str, status: int) -> Response:
    policies = {"Content-Security-Policy": _policy(text), "Referrer-Policy": "no-referrer"}
    return HTMLResponse(text, status, {**HEADERS, **policies})


@cache
def _policy(text: str) -> str:
    def source(element: str) -> str:
        hashes = [
            base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
            for inside in re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        ]
        return " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"

    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {source('script')}",
            f"style-src {source('style')}",
            "connect-src 'self'",
            "img-src data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",  # no text of others becomes markup
            "trusted-types 'none'",
        ]
    )
