"""What must not be shown of a call: credentials that its answer repeats, and the local variables that hold it."""

import base64
import contextlib
import functools
import json
import re
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar, cast
from urllib.parse import quote

from quantcdn._interrupts import causes_within, handles_signal, raised_by_signal_handler
from quantcdn._show.visible import visible
from quantcdn._wire.headers import Headers, is_harmless
from quantcdn._wire.message import Request
from quantcdn.exceptions import ApiException

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Piece = TypeVar("_Piece")

# Header fields whose values are credentials, whoever set them.
_names_credential = re.compile(
    r"auth(?!or\b)|bearer|cookie|credential|csrf|dpop|jwt|key|login|passw|passphrase|saml|secret|session|signature|"
    r"token|xsrf",
    re.IGNORECASE,
).search

# What may be one in any other header field. Its everyday words are not: what a service says holds them as well.
_looks_random = re.compile(r"(?=.*\d)(?=.*[^\W\d])\S{12,}").fullmatch
# Shorter ones are no secrets, and are found by chance.
_SHORTEST = 8
# How many parts of a header are looked for. Browsers send fewer cookies.
_MOST_PARTS = 50
# How HTML is escaped: by Python, with quotation marks and without, and by Jinja, Go, Mustache and others.
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_QUOTED_HTML = {**_HTML, '"': "&quot;", "'": "&#39;"}
_MUSTACHE = {**_QUOTED_HTML, "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;"}
_JINJA = {**_QUOTED_HTML, '"': "&#34;"}
_HTML_ESCAPES = [
    str.maketrans(table)
    for table in (_HTML, _QUOTED_HTML, {**_QUOTED_HTML, "'": "&#x27;"}, _MUSTACHE, _JINJA, {**_JINJA, "+": "&#43;"})
]
# What .NET and Go escape in JSON, and Python leaves as it is.
_GO_JSON = str.maketrans({"&": r"\u0026", "<": r"\u003c", ">": r"\u003e"})
_find_what_dotnet_escapes = re.compile("[^ -~]|[&<>'+\"`]")
_OURS = frozenset(["quantcdn", "pydantic"])  # packages whose functions run before a request is sent
# A cause that holds more than this holds an answer.
_LONGEST_TEXT = 1000


def secrets_of(request: Request) -> list[str]:
    """The credentials among the header fields of a request, whole and in the parts that an answer may repeat."""
    secrets: dict[str, None] = {}
    for name, value in [*request.headers.items(), *(request.proxy_headers or {}).items()]:
        if is_harmless(name):
            continue
        parts = _long_parts(value)
        if name.lower() == request.credential.lower() or _names_credential(name):
            whole = (value, value.partition(" ")[2], _password(value))
            parts += [text for text in whole if len(text) >= _SHORTEST]
        else:
            parts = [part for part in parts if _looks_random(part)]
        secrets.update(dict.fromkeys(parts))
    return list(secrets)


def _long_parts(value: str) -> list[str]:
    """The parts of a value like "Bearer qc_1" or "id=1; theme=dark" that are long enough for a secret."""
    pieces = re.split(r'[\s,;"]+', value)
    parts = {part for piece in pieces for part in (piece, piece.partition("=")[2]) if len(part) >= _SHORTEST}
    return sorted(parts, key=len, reverse=True)[:_MOST_PARTS]


def _password(value: str) -> str:
    """The password in a value like "Basic dXNlcjpwYXNzd29yZA=="; nothing where there is none."""
    scheme, _, login = value.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(login, validate=True).decode().partition(":")[2]
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        return ""


class Hider:
    """Puts ``***`` in the place of secrets, as they are and as JSON, HTML, URLs and base64 write them.

    Args:
        secrets: what to hide.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = dict.fromkeys(spelling for secret in secrets for spelling in _spellings(secret))
        self._spellings = sorted(spellings, key=len, reverse=True)  # the whole before its parts

    def hide(self, value: Any) -> Any:
        """A text, or the texts in lists, dicts and header fields, without the secrets."""
        if isinstance(value, str):
            for spelling in self._spellings:
                value = value.replace(spelling, "***")
            if value.endswith("…"):
                value = self._hide_cut(value)
        elif isinstance(value, Headers):
            value = Headers((name, self.hide(text)) for name, text in value.iteritems())
        elif isinstance(value, dict):
            members = cast("dict[str, object]", value)
            value = {self.hide(name): self.hide(member) for name, member in members.items()}
        elif isinstance(value, list):
            value = [self.hide(item) for item in cast("list[object]", value)]
        return value

    def _hide_cut(self, text: str) -> str:
        """An excerpt that may end amid a secret."""
        for spelling in self._spellings:
            for length in range(min(len(spelling), _LONGEST_TEXT) - 1, _SHORTEST - 1, -1):
                if text.endswith(f"{spelling[:length]}…"):
                    return f"{text[: -length - 1]}***…"
        return text


def without_secret(text: str, secret: object) -> str:
    """A text, with ``***`` in the place of a secret that is long enough for one."""
    return Hider([secret]).hide(text) if isinstance(secret, str) and len(secret) >= _SHORTEST else text


def _spellings(secret: str) -> Iterator[str]:
    for text in (secret, *map(secret.translate, _HTML_ESCAPES)):
        escaped = json.dumps(text)[1:-1]
        yield from (text, escaped, escaped.replace("/", "\\/"))
        yield escaped.translate(_GO_JSON)
    yield _find_what_dotnet_escapes.sub(_by_number, secret)
    for encoded in {secret.encode(), secret.encode("latin-1", "replace")}:
        for safe in ("", "/", "~!*'()", "/~!*'();:@&=+$,?#"):  # as Python, JavaScript and others do
            quoted = quote(encoded, safe)
            yield from (quoted, re.sub("%..", _lower, quoted), quoted.replace("%20", "+"), quoted.replace("%", "%25"))
        for shift in range(3):
            inside = _inside_base64(encoded, shift)
            yield from (inside, inside.replace("+", "-").replace("/", "_"))


def _by_number(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04X}"


def _lower(match: re.Match[str]) -> str:
    return match[0].lower()


def _inside_base64(text: bytes, shift: int) -> str:
    """What is the same in the base64 of every longer text that has this one 0, 1 or 2 bytes after a multiple of 3."""
    encoded = base64.b64encode(bytes(shift) + text).decode().rstrip("=")
    whole = (shift + len(text)) // 3 * 4 + (shift + len(text)) % 3  # characters without a bit of what follows
    return encoded[(0, 2, 3)[shift] : whole]


def hide_secrets(error: ApiException, request: Request) -> None:
    """Hide in an exception what its answer repeats of the credentials of its request.

    What led to it keeps its type and its text, without a traceback into what sent the request. Where it holds a part of
    an answer, it is left out. What the caller was handling is its context, untouched. Call it outside of each except
    clause of the call itself.
    """
    hider = Hider(secrets_of(request))
    error.args = tuple(hider.hide(list(error.args)))
    vars(error).update(hider.hide(vars(error)))
    handled = sys.exc_info()[1]
    error.__context__ = handled
    if error.__cause__ is not None:
        causes = list(causes_within(error.__cause__, handled))
        for cause in causes:
            cause.__traceback__ = None
        if not all(_is_presentable(text, hider) for cause in causes for text in _texts_of(cause)):
            error.__cause__ = None
    error.__suppress_context__ = error.__cause__ is not None


def _is_presentable(text: str, hider: Hider) -> bool:
    return len(text) <= _LONGEST_TEXT and hider.hide(text) == text == visible(text)


def _texts_of(value: object) -> Iterator[str]:
    """The texts that an exception holds: its own, and those that it was made of."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, BaseException):
        for part in (*value.args, *vars(value).values()):
            yield from _texts_of(part)


def forget_locals(error: BaseException) -> None:
    """Clear the local variables of the functions that an exception came through, but for the application's own.

    Error trackers, debuggers and verbose tracebacks show them, and while a request is made and sent they hold it.
    """
    is_sending = False
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if handles_signal(frame) if is_sending else module.partition(".")[0] not in _OURS:
            return
        is_sending = is_sending or module == "quantcdn.rest"
        with contextlib.suppress(RuntimeError):  # it is still at work
            frame.clear()


def forgetful(function: _Function) -> _Function:
    """The function, made to forget what it was given, and its local variables, when it raises."""

    @functools.wraps(function)
    def forgetting(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            forget_locals(error)
            raise

    return cast("_Function", forgetting)


def forgetful_generator(pieces: Generator[_Piece, None, None]) -> Generator[_Piece, None, None]:
    """The same pieces, of a generator that is made to forget its local variables when it raises."""
    try:
        yield from pieces
    except BaseException as error:
        del pieces
        forget_locals(error)
        raise
