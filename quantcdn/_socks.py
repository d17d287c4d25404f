"""Connections through a SOCKS proxy, made to keep a deadline. Importing this needs PySocks, of the extra ``socks``."""

from urllib3.contrib.socks import (
    SOCKSConnection,
    SOCKSHTTPConnectionPool,
    SOCKSHTTPSConnection,
    SOCKSHTTPSConnectionPool,
    SOCKSProxyManager,
)

from quantcdn._pool import KeepsDeadline, TellsHandshake

__all__ = ["SOCKS_POOL_CLASSES", "SOCKSProxyManager"]


class _Connection(KeepsDeadline, SOCKSConnection):
    """A connection through a SOCKS proxy."""


class _TLSConnection(KeepsDeadline, TellsHandshake, SOCKSHTTPSConnection):
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
