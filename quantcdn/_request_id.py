"""The id under which the service logged a request: what its support will ask for."""

from collections.abc import Mapping

from quantcdn._show.visible import visible

_NAMES = ("x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-cf-id", "cf-ray")


def request_id_of(headers: Mapping[str, str] | None) -> str | None:
    """The request id among the header fields of an answer, safe to show, where the service or a gateway sent one."""
    if not headers:
        return None
    return next((visible(headers[name]) for name in _NAMES if name in headers), None)
