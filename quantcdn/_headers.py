"""HTTP header fields that never show a secret when they are printed."""

import re
from collections.abc import Iterator, Mapping

from urllib3 import HTTPHeaderDict

from quantcdn.exceptions import ApiTypeError, ApiValueError

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
        "idempotency-key",
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


def is_harmless(name: str) -> bool:
    """Whether the value of a header field may be printed, whoever sent it."""
    return name.lower() in _HARMLESS


class Headers(HTTPHeaderDict):
    """Header fields by name, whatever its case. Index one to read it; printed, all but harmless values are ``***``."""

    def __repr__(self) -> str:
        shown = {name: value if is_harmless(name) else "***" for name, value in self.itermerged()}
        return f"{type(self).__name__}({shown})"

    # Sentry and rich walk into mappings past their repr, unless they say how to be shown.
    __sentry_repr__ = __repr__

    def __rich_repr__(self) -> Iterator[str]:
        for name, value in self.itermerged():
            yield f"{name}: {value if is_harmless(name) else '***'}"


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
