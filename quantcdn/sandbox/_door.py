"""The door of the control interface: it opens to who has the secret, and to no page of another site.

A program gives the secret in the header field ``X-Sandbox-Secret``; a browser in a cookie, which it got when it came
with the secret in the address of the page.
"""

from __future__ import annotations

import hmac
import re

from starlette.requests import Request
from starlette.responses import Response

from quantcdn.sandbox import _app
from quantcdn.sandbox._validation import Refusal

PATH = "/_sandbox"
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer behind the door has: it is for who asked, and for no page of another site."""


class Door:
    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def refuse_others(self, request: Request) -> None:
        """Refuse who has no secret, and what a page of another site asks for."""
        refuse_other_sites(request)
        given = request.headers.get("x-sandbox-secret")
        if given is None and self.knows(request):
            # A browser says where it posts from, and sends the cookie for pages of other ports too.
            if request.method not in ("GET", "HEAD") and "origin" not in request.headers:
                raise Refusal(403, "With a cookie, a request that changes something needs an Origin.")
        elif not self.opens_with(given or ""):
            raise Refusal(401, "The control interface needs its secret, in X-Sandbox-Secret.")

    def opens_with(self, secret: str) -> bool:
        """Whether this is the secret."""
        return hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), self._secret)

    def knows(self, request: Request) -> bool:
        """Whether a browser comes that was let in before."""
        return self.opens_with(request.cookies.get(_cookie(request), ""))

    def let_in(self, request: Request, response: Response) -> None:
        """Know this browser from now on."""
        secret = self._secret.decode()
        response.set_cookie(_cookie(request), secret, path=PATH, httponly=True, samesite="strict")


def refuse_other_sites(request: Request) -> None:
    """Refuse what was meant for another host, and what a page of another site asks for."""
    _app.refuse_other_names(request)
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
        raise Refusal(403, "The control interface does not answer pages of other sites.")


def _cookie(request: Request) -> str:
    """The name of the cookie: a browser sends those of one port to all, and there may be several sandboxes."""
    port = re.search(r":(\d+)\Z", request.headers.get("host", ""))
    return f"quantcdn-sandbox-{port[1] if port else 80}"
