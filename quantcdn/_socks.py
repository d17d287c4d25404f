"""Connections through a SOCKS proxy, made to keep a deadline. Importing this needs PySocks, of the extra ``socks``."""

import socks
from urllib3.contrib.socks import (
    SOCKSConnection,
    SOCKSHTTPConnectionPool,
    SOCKSHTTPSConnection,
    SOCKSHTTPSConnectionPool,
    SOCKSProxyManager,
)
from urllib3.exceptions import NewConnectionError, ProxyError

from quantcdn._pool import KeepsDeadline, ProxyRefusal, TellsHandshake

__all__ = ["SOCKS_POOL_CLASSES", "SOCKSProxyManager"]


class _ThroughProxy(SOCKSConnection):
    """A connection that says of an error that the proxy is concerned."""

    def _new_conn(self) -> socks.socksocket:
        try:
            return super()._new_conn()
        except NewConnectionError as error:
            reason = getattr(error.__context__, "socket_err", None)  # of PySocks
            kind = ProxyRefusal if isinstance(reason, socks.SOCKS5AuthError) else ProxyError
            raise kind("No connection", error) from error


class _Connection(KeepsDeadline, _ThroughProxy):
    """A connection through a SOCKS proxy."""


class _TLSConnection(KeepsDeadline, TellsHandshake, _ThroughProxy, SOCKSHTTPSConnection):
    """The same over TLS."""


class _Pool(SOCKSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(SOCKSHTTPSConnectionPool):
    ConnectionCls = _TLSConnection


SOCKS_POOL_CLASSES: dict[str, type[SOCKSHTTPConnectionPool] | type[SOCKSHTTPSConnectionPool]] = {
    "http": _Pool,
    "https": _TLSPool,
}
"""What a manager for a SOCKS proxy makes its pools of, by scheme."""
