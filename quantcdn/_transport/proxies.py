"""Which proxy leads to a server: the configuration's, or one of the environment. Pure."""

import contextlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network

from typing_extensions import Self
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._wire.origin import Origin, address_of, is_host
from quantcdn.environment import Setting
from quantcdn.exceptions import ApiValueError

SOCKS = ("socks4", "socks4a", "socks5", "socks5h")
# What GNOME, Clash and V2Ray write where their SOCKS 5 proxy is meant. It looks names up, which an inner network needs.
_PLAIN_SOCKS = "socks"
_OPTION = "Configuration.proxy"

# A password may hold anything, also what ends the address elsewhere in a URL: the last @ is the one that counts.
_parts_of = re.compile(r"([A-Za-z][\w+.-]*)://(?:(.*)@)?([^@/?#\\\s]+)(?:[/?#][^@]*)?", re.ASCII | re.DOTALL).fullmatch
_entries = re.compile(r"[^\s,]+").findall
_port_of = re.compile(r"(.+):(\d{1,5})", re.ASCII).fullmatch


@dataclass(frozen=True)
class Proxy:
    """A proxy. Printed, it shows no credentials.

    Attributes:
        address: its URL, without credentials.
        source: where it was named.
        user: who asks, percent-encoded or not.
        password: the password, likewise.
    """

    address: str
    source: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def scheme(self) -> str:
        """How it is spoken with: http, https, or a version of SOCKS."""
        return self.address.partition(":")[0]

    @property
    def way_around(self) -> str:
        """How to do without it, to end a message with."""
        return "" if self.source == _OPTION else "; NO_PROXY names the hosts to reach without it"

    def __str__(self) -> str:
        return f"{self.address} of {self.source}"


@dataclass(frozen=True)
class Proxies:
    """The proxies of a client.

    Attributes:
        named: the URL of a proxy by the scheme of the servers that it leads to; ``all`` stands for the other schemes.
        exempt: the servers that are reached directly, as NO_PROXY lists them; None for none, not even this machine.
    """

    named: Mapping[str, Setting]
    exempt: str | None = None

    @classmethod
    def of_configuration(cls, proxy: str) -> Self:
        """The one proxy that is named in the code: it leads to every server."""
        return cls({"all": Setting(proxy, _OPTION)})

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Self:
        """The proxies that the environment names. A name in lower case counts before the same in upper case."""
        found = {scheme: _variable(f"{scheme}_proxy", environ) for scheme in ("http", "https", "all")}
        exempt = _variable("no_proxy", environ)
        return cls({scheme: setting for scheme, setting in found.items() if setting}, exempt.value if exempt else "")

    def __bool__(self) -> bool:
        return bool(self.named)

    @property
    def everywhere(self) -> Proxy | None:
        """The proxy that leads to every server, where there is one.

        Raises:
            ApiValueError: what is named is no proxy. The message does not show it.
        """
        return _read(self.named["all"]) if self.exempt is None else None

    def leading_to(self, origin: Origin) -> Proxy | None:
        """The proxy that leads to a server; None where it is reached directly.

        What the environment says is meant for the network: a server on this machine is no part of that, and a proxy
        would read the token that is sent there in the clear.

        Raises:
            ApiValueError: what is named is no proxy. The message does not show it.
        """
        setting = self.named.get(origin.scheme) or self.named.get("all")
        if setting is None:
            return None
        if self.exempt is not None and (origin.is_loopback or is_exempt(origin, self.exempt)):
            return None
        # As others read the environment: a proxy without a scheme is an http one.
        lenient = self.exempt is not None and "://" not in setting.value
        return _read(Setting(f"http://{setting.value}", setting.source) if lenient else setting)


def is_exempt(origin: Origin, no_proxy: str) -> bool:
    """Whether a list of servers, as in NO_PROXY, names this one.

    Commas and white space part the entries. An entry is ``*`` for every server, the name of a host for it and all below
    it (``example.com``, ``.example.com`` and ``*.example.com`` mean the same, and so do Unicode and Punycode), an
    address, or a network like ``10.0.0.0/8``. A name or an address may be followed by a port; one of IPv6 then stands
    in brackets.
    """
    return any(_names(entry.lower(), origin) for entry in _entries(no_proxy))


def _names(entry: str, origin: Origin) -> bool:
    if entry == "*":
        return True
    address = address_of(origin.host)
    if "/" in entry:
        return address is not None and _is_within(address, entry)
    with_port = None if address_of(entry) else _port_of(entry)
    name, port = with_port.groups() if with_port else (entry, None)
    if port is not None and int(port) != origin.port:
        return False
    if address is not None:
        return address == address_of(name)
    host, name = _in_unicode(origin.host.rstrip(".")), _in_unicode(name.removeprefix("*").strip("."))
    return name != "" and (host == name or host.endswith(f".{name}"))


def _in_unicode(name: str) -> str:
    """The name of a host in the letters that people read, in whichever way it is written."""
    return ".".join(map(_label_in_unicode, unicodedata.normalize("NFKC", name).split(".")))


def _label_in_unicode(label: str) -> str:
    if label.startswith("xn--"):
        with contextlib.suppress(UnicodeError):  # it only looks like Punycode
            return label[4:].encode().decode("punycode")
    return label


def _is_within(address: IPv4Address | IPv6Address, network: str) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError as error:
        if raised_by_signal_handler(error):
            raise
        return False


def _variable(name: str, environ: Mapping[str, str]) -> Setting | None:
    """A variable under its name in lower case or else in upper case. Set to nothing, the first hides the second."""
    for spelling in (name, name.upper()):
        if spelling in environ:
            # To a CGI program, HTTP_PROXY is the header Proxy of whoever asked for it.
            if spelling == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
                return None
            value = environ[spelling].strip()
            return Setting(value, spelling) if value else None
    return None


def _read(setting: Setting) -> Proxy:
    proxy = _parsed(setting)
    if proxy is None:
        raise ApiValueError(
            f"The proxy of {setting.source} must be a URL like 'http://proxy.example:3128' or "
            "'socks5h://proxy.example:1080'"
        )
    return proxy


def _parsed(setting: Setting) -> Proxy | None:
    match = _parts_of(setting.value.strip())
    if match is None:
        return None
    scheme, credentials, server = match.groups(default="")
    scheme = scheme.lower()
    if scheme == _PLAIN_SOCKS:
        scheme = "socks5h"
    try:
        url = parse_url(f"{scheme}://{server}")
    except LocationParseError:
        return None
    if scheme not in ("http", "https", *SOCKS) or not url.host or not is_host(url.host):
        return None
    user, _, password = credentials.partition(":")
    return Proxy(url._replace(path=None).url, setting.source, user, password)
