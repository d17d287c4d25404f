"""HTTP header fields that never show a secret when they are printed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

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


def has_credential(names: Iterable[str]) -> bool:
    """Whether one of these header fields may carry a credential: any may that is not known to be harmless."""
    return not all(name == "Host" or is_harmless(name) for name in names)


# What says where a request ends or whom it is for, and what concerns one connection alone: a gateway and the service
# behind it would take another request out of it (RFC 9110, sections 7.2, 7.6.1 and 8.6; RFC 9112, section 6).
_FRAMING = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


class Headers(HTTPHeaderDict):
    """Header fields by name, whatever its case. Index one to read it; printed, all but harmless values are ``***``."""

    def lines(self) -> list[tuple[str, str]]:
        """Each field as it is sent. urllib3's view of the same takes three generators to go through."""
        return [(name, value) for name, *values in self._container.values() for value in values]

    def __repr__(self) -> str:
        shown = {name: value if is_harmless(name) else "***" for name, value in self.itermerged()}
        return f"{type(self).__name__}({shown})"

    # Sentry and rich walk into mappings past their repr, unless they say how to be shown.
    __sentry_repr__ = __repr__

    def __rich_repr__(self) -> Iterator[str]:
        for name, value in self.itermerged():
            yield f"{name}: {value if is_harmless(name) else '***'}"


def merge_headers(*layers: Mapping[str, str], own: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """One set of header fields, in which a later layer wins, whatever the case of the names.

    Args:
        *layers: header fields.
        own: the SDK's own, which come before them and are known to be sendable.

    Raises:
        ApiValueError: a name or a value cannot be sent in a header. The message never shows the value.
    """
    merged = dict(own)
    spellings = {name.lower(): name for name in own}
    for layer in filter(None, layers):
        for name, value in layer.lines() if isinstance(layer, Headers) else layer.items():
            check_header(name, value)
            # The first spelling stays, the SDK's own: urllib3 compares some names, like Accept, by their case.
            merged[spellings.setdefault(name.lower(), name)] = value
    return merged


def check_header(name: object, value: object, *, to_proxy: bool = False) -> None:
    """Refuse what cannot be sent in a header, without showing it.

    Args:
        name: the name.
        value: the value.
        to_proxy: whether it is meant for a proxy, rather than for the server.
    """
    if not (isinstance(name, str) and isinstance(value, str)):
        raise ApiTypeError("The name and the value of a header must be str")
    _check_name(name, to_proxy)
    if not _is_value(value):
        raise ApiValueError(
            f"The value of the header {name!r} cannot be sent: it may hold Latin-1 characters only, "
            "and no line breaks or other control characters"
        )


@lru_cache(maxsize=256)  # there are few names; one that is refused is not kept
def _check_name(name: str, to_proxy: bool) -> None:
    if not is_token(name):
        raise ApiValueError(
            "A header name is not valid: it may hold letters, digits and !#$%&'*+-.^_`|~ only, and at least one of them"
        )
    plain = name.lower().replace("_", "-")  # many a server takes both for the same
    if plain in _FRAMING or (plain.startswith("proxy-") and not to_proxy):
        raise ApiValueError(
            f"The header {name!r} cannot be set: it says how a request is sent, as Connection, Content-Length, Expect, "
            "Host, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding and Upgrade do. For another Host, set "
            "Configuration.host_header; of a request that came to you, pass on only the headers that you know"
        )
