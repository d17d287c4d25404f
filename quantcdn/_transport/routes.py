"""How a server is reached: directly or through a proxy, and with which options of its connections."""

import base64
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager

from quantcdn._shared import undisturbed
from quantcdn._transport.pool import HAS_SOCKETS, POOL_CLASSES, SOCKET_OPTIONS
from quantcdn._transport.proxies import SOCKS, Proxies, Proxy
from quantcdn._transport.tls import Certificates
from quantcdn._wire.headers import Headers
from quantcdn._wire.origin import Origin
from quantcdn.configuration import Configuration
from quantcdn.exceptions import ApiValueError, TLSException

# How many routes are kept at most. One that was forgotten is made anew, with connections of its own.
_MOST_ROUTES = 10


class Route(NamedTuple):
    """The way to a server.

    Attributes:
        pool: the connections to it, or to the proxy that forwards to it.
        forwards: whether they lead to a proxy that gets the requests themselves, with whole URLs.
        proxy_headers: the header fields that an HTTP proxy on the way is told, if there is one.
    """

    pool: HTTPConnectionPool
    forwards: bool = False
    proxy_headers: Mapping[str, str] | None = None


class Routes:
    """The connection pools of a client, one for each server.

    urllib3's managers keep pools under a lock that is taken in Python code, where an exception out of a signal handler
    can leave it locked for good. Here a manager only makes a pool, one manager for each, and no lock is taken.

    Args:
        configuration: the options. What concerns connections is read here, once, and so is the environment.

    Attributes:
        certificates: whom the client trusts, and who it is.

    Raises:
        ApiValueError: a proxy is not one, or certificates cannot be used. The message does not show any credentials.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.certificates = Certificates(configuration)
        self._options = _pool_options(configuration)
        self._proxy_headers = dict(configuration.proxy_headers or {})
        self._proxies = _proxies(configuration)
        if self._proxies is not None and self._proxies.everywhere:
            self._manager_to(self._proxies.everywhere)  # refuses what is no proxy where the option is known
        self.open()

    def open(self) -> None:
        """Begin anew, without any connection."""
        self._routes: dict[Origin, Route] = {}

    def to(self, origin: Origin) -> Route:
        """The route to a server.

        Raises:
            ApiValueError: the environment names a proxy for it that is none.
        """
        return self._routes.get(origin) or self._made_to(origin)

    def proxy_to(self, origin: Origin) -> Proxy | None:
        """The proxy that leads to a server; None where it is reached directly."""
        return None if self._proxies is None else self._proxies.leading_to(origin)

    def _made_to(self, origin: Origin) -> Route:
        manager = self._manager_to(self.proxy_to(origin))
        pool = manager.connection_from_host(origin.host, origin.port, origin.scheme)
        if isinstance(manager, ProxyManager):
            route = Route(pool, origin.scheme == "http", manager.proxy_headers)
        else:
            route = Route(pool)
        routes = self._routes
        route = routes.setdefault(origin, route)  # two threads may make one each
        for first_made in list(routes)[:-_MOST_ROUTES]:
            routes.pop(first_made, None)
        return route

    def _manager_to(self, proxy: Proxy | None) -> PoolManager:
        if proxy is None:
            manager = PoolManager(**self._options)
            manager.pool_classes_by_scheme = _pools(POOL_CLASSES, self.certificates)
            return manager
        return self._socks_manager(proxy) if proxy.scheme in SOCKS else self._http_manager(proxy)

    def _http_manager(self, proxy: Proxy) -> PoolManager:
        headers = Headers()
        if proxy.user or proxy.password:
            login = unquote_to_bytes(f"{proxy.user}:{proxy.password}")
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        headers.update(self._proxy_headers)
        context = self.certificates.for_proxies() if proxy.scheme == "https" else None
        manager = ProxyManager(proxy.address, proxy_headers=headers, proxy_ssl_context=context, **self._options)
        manager.pool_classes_by_scheme = _pools(POOL_CLASSES, self.certificates)
        return manager

    def _socks_manager(self, proxy: Proxy) -> PoolManager:
        try:
            manager_class, pool_classes = undisturbed(_socks_classes)
        except ImportError:
            raise ApiValueError('A SOCKS proxy needs PySocks; in a clone, pip install ".[socks]" brings it') from None
        user, password = unquote(proxy.user), unquote(proxy.password)
        manager = manager_class(proxy.address, user or None, password or None, **self._options)
        manager.pool_classes_by_scheme = _pools(pool_classes, self.certificates)
        return manager

    def close(self) -> None:
        """Close every connection that is not in use. One that is in use is closed when it is given back."""
        routes = list(self._routes.values())
        self.open()
        for route in routes:  # forgetting alone would leave connections open for as long as a traceback refers to them
            route.pool.close()


def _proxies(configuration: Configuration) -> Proxies | None:
    if configuration.proxy:
        return Proxies.of_configuration(configuration.proxy)
    return (configuration.trust_env and Proxies.of_environment(os.environ)) or None


def _pool_options(configuration: Configuration) -> dict[str, Any]:
    options: dict[str, Any] = {
        "maxsize": configuration.connection_pool_maxsize,
        "cert_reqs": ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE,
        "assert_hostname": configuration.assert_hostname,
        "server_hostname": configuration.tls_server_name,
        "socket_options": [*SOCKET_OPTIONS, *(configuration.socket_options or ())],
    }
    return {name: value for name, value in options.items() if value is not None}


def _socks_classes() -> tuple[Callable[..., PoolManager], Mapping[str, type[HTTPConnectionPool]]]:
    from quantcdn._transport.socks import SOCKS_POOL_CLASSES, SOCKSProxyManager

    return SOCKSProxyManager, SOCKS_POOL_CLASSES


def _pools(classes: Mapping[str, type[HTTPConnectionPool]], certificates: Certificates) -> dict[str, Any]:
    """What a manager makes its pools of, by scheme: secure ones with the certificates of the client."""

    def secure(host: str, port: int, **options: Any) -> HTTPConnectionPool:
        try:
            context = certificates.for_servers() if HAS_SOCKETS else None
        except ApiValueError as error:
            reason = f"No secure connection to {host}: {error}"
            raise TLSException(reason, never_sent=True, permanent=True) from None
        return classes["https"](host, port, ssl_context=context, **options)

    return {"http": classes["http"], "https": secure}
