"""From a call to the request that is sent. Pure: nothing here does any I/O."""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

from quantcdn._wire.call import Call
from quantcdn._wire.headers import check_header, merge_headers
from quantcdn._wire.message import Request
from quantcdn._wire.origin import origin_of
from quantcdn.exceptions import ApiValueError
from quantcdn.models._base import as_sent

T = TypeVar("T")

_ACCEPT = {"Accept": "application/json"}
_NOTHING: dict[str, str] = {}


def encode(
    call: Call[T],
    base_url: str,
    default_headers: Mapping[str, str],
    token: str | None,
    host_header: str | None = None,
) -> Request:
    """The request of a call.

    Args:
        call: the call.
        base_url: where the API lives.
        default_headers: header fields of the client. They win over the SDK's own.
        token: the bearer token, already normalised.
        host_header: the ``Host`` to name instead of the one in the base URL.

    Raises:
        ApiValueError: the base URL or a header cannot be used.
    """
    origin = origin_of(base_url)
    options = call.options
    own = _ACCEPT if token is None else {**_ACCEPT, "Authorization": f"Bearer {token}"}
    body = None
    if call.body is not None:
        body = as_sent(call.body)
        content_type = options.get("_content_type")
        if content_type:
            check_header("Content-Type", content_type)
        own = {**own, "Content-Type": content_type or "application/json"}
    credential = authorization(options.get("_request_auth"))
    headers = merge_headers(default_headers, credential, options.get("_headers") or _NOTHING, own=own)
    if host_header is not None:
        headers["Host"] = host_header
    target = origin.prefix + call.path
    query = "&".join(f"{name}={quote(str(value), '')}" for name, value in call.query.items() if value is not None)
    if query:
        target = f"{target}?{query}"
    return Request(call.method, origin, target, headers, body, *credential)


def authorization(request_auth: Mapping[str, str] | None) -> Mapping[str, str]:
    """The header field that ``_request_auth`` asks for.

    Raises:
        ApiValueError: it is not of the shape that the API takes. The message does not show its value.
    """
    if request_auth is None:
        return _NOTHING
    key, value = request_auth.get("key", "Authorization"), request_auth.get("value", "").strip()
    if request_auth.get("in", "header") != "header" or not value:
        raise ApiValueError(
            "_request_auth must be like "
            "{'type': 'bearer', 'in': 'header', 'key': 'Authorization', 'value': 'Bearer <token>'}"
        )
    return {key: value}
