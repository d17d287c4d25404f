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

from quantcdn._transport.connect import connected
from quantcdn._transport.deadline import Deadline
from quantcdn._transport.pool import KeepsDeadline, ProxyRefusal, Stack, TellsHandshake

__all__ = ["SOCKS_POOL_CLASSES", "SOCKSProxyManager"]


class _Connected(socket.socket):
    """A socket as PySocks finds it below its own: it need not be connected any more."""

    def connect(self, _address: Any) -> None:
        """Nothing."""


class _Socket(socks.socksocket, _Connected):
    """A socket that is connected to a proxy, and then keeps a deadline while it speaks with that.

    PySocks would try one address of the proxy only, and reads its answers in many pieces.
    """

    _deadline: Deadline | None = None

    # Their arguments are named as PySocks names them.
    def connect(self, dest_pair: Any, catch_errors: bool | None = None) -> None:
        """Connect to the proxy."""
        socket.socket.connect(self, dest_pair)

    def connect_ex(self, dest_pair: Any) -> int:
        """Begin to connect to the proxy."""
        return socket.socket.connect_ex(self, dest_pair)

    def lead_to(self, destination: tuple[str, int], deadline: Deadline) -> None:
        """Have the proxy, which `set_proxy` has named, connect to a server."""
        self._deadline = deadline
        super().connect(destination)
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
    """A connection through a SOCKS proxy, by the first of its addresses that answers."""

    def _new_conn(self) -> socks.socksocket:
        options: Any = self._socks_options
        host, port = options["proxy_host"].strip("[]"), options["proxy_port"] or 1080
        deadline = self._deadline
        try:
            addresses = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
            sock: Any = connected(addresses, self.socket_options or (), deadline.connect_timeout, _Socket)
            try:
                sock.settimeout(deadline.connect_timeout)
                sock.set_proxy(
                    options["socks_version"], host, port, options["rdns"], options["username"], options["password"]
                )
                sock.lead_to((self.host, self.port), deadline)
                sock.settimeout(deadline.connect_timeout)  # for the TLS handshake
            except BaseException:
                sock.close()
                raise
        except (socket.gaierror, UnicodeError) as error:
            raise ProxyError("No connection", NameResolutionError(host, self, socket.gaierror(str(error)))) from error
        except OSError as error:
            failure = getattr(error, "socket_err", None) or error  # PySocks wraps what happened
            if isinstance(failure, TimeoutError):
                raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from error
            kind = ProxyRefusal if isinstance(failure, socks.SOCKS5AuthError) else ProxyError
            raise kind("No connection", failure) from error
        return sock  # type: ignore[no-any-return]


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
