"""Where requests go: a base URL, checked once and taken apart."""

import re
import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn.exceptions import ApiValueError

_API_ROOT = "/api/v3"  # the contract's paths hold it, and people's base URLs often end in it as well
is_host = re.compile(r"[\w.~%!$&'()*+,;=:\[\]-]+", re.ASCII).fullmatch  # urllib3 lets line breaks through


class Origin(NamedTuple):
    """A server, and the path prefix under which the API lives there."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        default_port = 443 if self.scheme == "https" else 80
        port = "" if self.port == default_port else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.prefix}"

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read what is sent: it is encrypted, or stays on this machine."""
        return self.scheme == "https" or self.is_loopback

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, by its name or address."""
        name = self.host.rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return True
        address = address_of(name)
        return address is not None and address.is_loopback


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is given by, without the zone that it may have here; None for a name."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        try:
            address = IPv4Address(socket.inet_aton(host))  # 127.1 and 0x7f000001 are addresses to the system
        except (OSError, ValueError) as problem:
            if raised_by_signal_handler(problem):
                raise
            return None
    return getattr(address, "ipv4_mapped", None) or address  # ::ffff:10.0.0.1 is 10.0.0.1


@lru_cache(maxsize=64)
def origin_of(base_url: str) -> Origin:
    """Take a base URL apart. With or without a slash or ``/api/v3`` at its end, it means the same.

    Raises:
        ApiValueError: it is no http or https URL of a server, or holds a user name, a query or a fragment.
    """
    try:
        url = parse_url(base_url.strip())
    except LocationParseError:
        raise ApiValueError("The host is not a URL: give one like 'https://dashboard.quantcdn.io'") from None
    if url.auth is not None:
        raise ApiValueError("The host must not hold a user name or a password: give the token as access_token")
    if url.scheme not in ("http", "https") or not url.host or not is_host(url.host):
        raise ApiValueError(
            "The host is not a URL: give one that starts with 'https://' (or 'http://' for a test server)"
        )
    if url.query is not None or url.fragment is not None:
        raise ApiValueError("The host must not hold a query ('?') or a fragment ('#')")
    prefix = (url.path or "").rstrip("/").removesuffix(_API_ROOT).rstrip("/")
    return Origin(
        url.scheme, url.host, (443 if url.scheme == "https" else 80) if url.port is None else url.port, prefix
    )
