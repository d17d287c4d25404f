"""HTTP header fields that never show a secret when they are printed, and hide it where an answer repeats it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from urllib3 import HTTPHeaderDict

from quantcdn.exceptions import ApiException, ApiTypeError, ApiValueError

# Every other value prints as ***, because any header, of a caller's or of the service's, may carry a credential.
_HARMLESS = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-ranges",
        "age",
        "allow",
        "cache-control",
        "cf-ray",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "expires",
        "keep-alive",
        "last-modified",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "request-id",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
        "via",
        "www-authenticate",
        "x-amz-cf-id",
        "x-amzn-requestid",
        "x-cache",
        "x-correlation-id",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
    ]
)

# RFC 9110, sections 5.6.2 and 5.5.
is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_value = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch

# The parts of a value like "Bearer qc_1" or "id=1; theme=dark". Shorter ones are no secrets, and are found by chance.
_SHORTEST_SECRET = 8
_long_parts = re.compile(r"(?:[^\s,;=]+=)?\"?([^\s,;\"]{8,})").findall


class Headers(HTTPHeaderDict):
    """Header fields by name, whatever its case. Index one to read it; printed, all but harmless values are ``***``."""

    def __repr__(self) -> str:
        shown = {name: value if name.lower() in _HARMLESS else "***" for name, value in self.itermerged()}
        return f"{type(self).__name__}({shown})"


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """One set of header fields, in which a later layer wins, whatever the case of the names.

    Raises:
        ApiValueError: a name or a value cannot be sent in a header. The message never shows the value.
    """
    merged: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.items():
            check_header(name, value)
            # The first spelling stays, the SDK's own: urllib3 compares some names, like Accept, by their case.
            merged[spellings.setdefault(name.lower(), name)] = value
    return merged


def check_header(name: object, value: object) -> None:
    """Refuse what cannot be sent in a header, without showing it."""
    if not (isinstance(name, str) and isinstance(value, str)):
        raise ApiTypeError("The name and the value of a header must be str")
    if not is_token(name):
        raise ApiValueError(
            "A header name is not valid: it may hold letters, digits and !#$%&'*+-.^_`|~ only, and at least one of them"
        )
    if not _is_value(value):
        raise ApiValueError(
            f"The value of the header {name!r} cannot be sent: it may hold Latin-1 characters only, "
            "and no line breaks or other control characters"
        )


def secrets_of(headers: Mapping[str, str]) -> list[str]:
    """What must not be shown of the header fields of a request: all but what is harmless, or too short for a secret."""
    values = [value for name, value in headers.items() if name.lower() not in _HARMLESS]
    whole = [text for value in values for text in (value, value.partition(" ")[2]) if len(text) >= _SHORTEST_SECRET]
    return whole + [part for value in values for part in _long_parts(value)]


def without_secrets(value: Any, secrets: Sequence[str]) -> Any:
    """A text, or the texts in lists, dicts and header fields, with ``***`` for each secret, also as JSON escapes it."""
    if isinstance(value, str):
        for secret in secrets:
            escaped = json.dumps(secret)[1:-1]
            for spelling in (secret, escaped, escaped.replace("/", "\\/")):
                value = value.replace(spelling, "***")
    elif isinstance(value, Headers):
        value = Headers((name, without_secrets(text, secrets)) for name, text in value.iteritems())
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        value = {without_secrets(name, secrets): without_secrets(member, secrets) for name, member in members.items()}
    elif isinstance(value, list):
        value = [without_secrets(item, secrets) for item in cast("list[object]", value)]
    return value


def hide_secrets(error: ApiException, headers: Mapping[str, str]) -> None:
    """Hide in an exception what its answer repeats of the secrets in the header fields of its request."""
    secrets = secrets_of(headers)
    error.args = tuple(without_secrets(list(error.args), secrets))
    vars(error).update(without_secrets(vars(error), secrets))
    causes = repr([(cause.args, vars(cause)) for cause in _causes(error)])
    # A context without a cause was suppressed, and yet holds the answer.
    if error.__cause__ is None or any(secret in causes for secret in secrets):
        error.__cause__ = error.__context__ = None


def _causes(error: BaseException) -> Iterator[BaseException]:
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            yield cause
            yield from _causes(cause)
