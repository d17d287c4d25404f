"""Connections through a SOCKS proxy, made to keep a deadline. Importing this needs PySocks, of the extra ``socks``."""

import socket
from typing import Any

import socks
from urllib3.contrib.socks import (
    SOCKSConnection,
    SOCKSHTTPConnectionPool,
    SOCKSHTTPSConnection,
    SOCKSHTTPSConnectionPool,
    SOCKSProxyManager,
)
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ProxyError
from urllib3.util.connection import allowed_gai_family

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._transport.deadline import Deadline
from quantcdn._transport.pool import KeepsDeadline, ProxyRefusal, Stack, TellsHandshake

__all__ = ["SOCKS_POOL_CLASSES", "SOCKSProxyManager"]


class _Socket(socks.socksocket):
    """A socket that keeps a deadline while it speaks with the proxy: PySocks reads its answers in many pieces."""

    def __init__(self, family: socket.AddressFamily, deadline: Deadline) -> None:
        super().__init__(family)
        self._deadline: Deadline | None = deadline

    def connect(self, *args: Any, **kwargs: Any) -> None:
        super().connect(*args, **kwargs)
        self._deadline = None

    def settimeout(self, timeout: float | None) -> None:
        """Set it, connected or not: PySocks tries, and swallows every OSError, a signal handler's too."""
        self._timeout = timeout
        socket.socket.settimeout(self, timeout)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self._deadline is not None:
            socket.socket.settimeout(self, self._deadline.connect_timeout)
        return super().recv_into(*args, **kwargs)


class _Connection(KeepsDeadline, SOCKSConnection):
    """A connection through a SOCKS proxy, every address of which is tried within the deadline."""

    def _new_conn(self) -> socks.socksocket:
        options: Any = self._socks_options
        host, port = options["proxy_host"].strip("[]"), options["proxy_port"] or 1080
        try:
            addresses = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise ProxyError("No connection", NameResolutionError(host, self, socket.gaierror(str(error)))) from error
        failure: Exception = OSError("it has no address")
        for index, (family, *_, address) in enumerate(addresses):
            sock = _Socket(family, self._deadline)
            left = self._deadline.connect_timeout
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(left / (len(addresses) - index))
                sock.set_proxy(
                    options["socks_version"],
                    _with_zone(address),
                    port,
                    options["rdns"],
                    options["username"],
                    options["password"],
                )
                sock.connect((self.host, self.port))
            except OSError as error:
                sock.close()
                if raised_by_signal_handler(error):
                    raise
                failure = getattr(error, "socket_err", None) or error  # PySocks wraps what happened
                if isinstance(failure, socks.SOCKS5AuthError):
                    raise ProxyRefusal("No connection", failure) from error
            else:
                sock.settimeout(self._deadline.connect_timeout)  # for the TLS handshake
                return sock
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from failure
        raise ProxyError("No connection", failure) from failure


def _with_zone(address: tuple[Any, ...]) -> str:
    """The host of an address, with the zone of one that is local to a link (RFC 4007)."""
    zone = address[3] if len(address) == 4 else 0
    return f"{address[0]}%{zone}" if zone else str(address[0])


class _TLSConnection(_Connection, TellsHandshake, SOCKSHTTPSConnection):
    """The same over TLS."""


class _Pool(SOCKSHTTPConnectionPool):
    QueueCls: Any = Stack
    ConnectionCls = _Connection


class _TLSPool(SOCKSHTTPSConnectionPool):
    QueueCls: Any = Stack
    ConnectionCls = _TLSConnection


SOCKS_POOL_CLASSES: dict[str, type[SOCKSHTTPConnectionPool] | type[SOCKSHTTPSConnectionPool]] = {
    "http": _Pool,
    "https": _TLSPool,
}
"""What a manager for a SOCKS proxy makes its pools of, by scheme."""
