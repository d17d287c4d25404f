"""How a server is reached: TLS options, and whether directly or through a proxy."""

import base64
import ssl
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any
from urllib import request as urllib_request
from urllib.parse import unquote, unquote_to_bytes

from urllib3.exceptions import LocationParseError
from urllib3.poolmanager import PoolManager, ProxyManager
from urllib3.util import Url, parse_url

from quantcdn._headers import merge_headers
from quantcdn._origin import Origin
from quantcdn._pool import POOL_CLASSES, SOCKET_OPTIONS
from quantcdn.configuration import Configuration
from quantcdn.exceptions import ApiValueError

# Which servers NO_PROXY names. The type checkers do not know it.
_bypassed: Callable[[str, dict[str, str]], bool] = vars(urllib_request)["proxy_bypass_environment"]

_SOCKS = ("socks4", "socks4a", "socks5", "socks5h")


class Routes:
    """The connection pools of a client, one manager for each way there is.

    Args:
        configuration: the options. What concerns connections is read here, once, and so is the environment.

    Raises:
        ApiValueError: a proxy is not one, or certificates cannot be used. The message does not show any credentials.
    """

    def __init__(self, configuration: Configuration) -> None:
        _check_certificates(configuration)
        self._options = _pool_options(configuration)
        self._proxy_headers = dict(configuration.proxy_headers or {})
        self._may_bypass = not configuration.proxy
        if configuration.proxy:
            self._proxies = {"all": configuration.proxy}
        else:
            self._proxies = urllib_request.getproxies_environment() if configuration.trust_env else {}
        self.open()

    def open(self) -> None:
        """Begin anew, without any connection."""
        self._chosen: dict[Origin, PoolManager] = {}
        direct = PoolManager(**self._options)
        direct.pool_classes_by_scheme = POOL_CLASSES
        # Everything else in a pool's key is the same for all pools of this manager.
        key: Any = itemgetter("scheme", "host", "port")
        direct.key_fn_by_scheme = {"http": key, "https": key}
        self._direct = direct
        self._by_proxy: dict[str, PoolManager] = {}
        if not self._may_bypass:
            self._manager_of(self._proxies["all"])  # refuses what is no proxy where the option is known

    def manager_for(self, origin: Origin) -> PoolManager:
        """The manager whose connections reach a server."""
        if not self._proxies:
            return self._direct
        manager = self._chosen.get(origin)
        if manager is None:
            manager = self._chosen[origin] = self._choose(origin)
        return manager

    def _choose(self, origin: Origin) -> PoolManager:
        proxy = self._proxies.get(origin.scheme) or self._proxies.get("all")
        if proxy is None or (self._may_bypass and self._bypasses(origin)):
            return self._direct
        # As others read the environment: a proxy without a scheme is an http one.
        return self._manager_of(proxy if "://" in proxy or not self._may_bypass else f"http://{proxy}")

    def _manager_of(self, proxy: str) -> PoolManager:
        if proxy not in self._by_proxy:
            self._by_proxy[proxy] = _proxy_manager(proxy, self._proxy_headers, self._options)
        return self._by_proxy[proxy]

    def _bypasses(self, origin: Origin) -> bool:
        bare = origin.host.strip("[]")  # as IPv6 addresses stand in NO_PROXY
        return any(_bypassed(name, self._proxies) for name in (f"{origin.host}:{origin.port}", bare))

    def close(self) -> None:
        """Close every connection that is not in use. One that is in use is closed when it is given back."""
        for manager in (self._direct, *list(self._by_proxy.values())):
            # Clearing alone would leave connections open for as long as a traceback refers to their pool.
            pools = [manager.pools.get(key) for key in manager.pools.keys()]  # noqa: SIM118  # it cannot be iterated
            manager.clear()
            for pool in pools:
                if pool is not None:
                    pool.close()


def _pool_options(configuration: Configuration) -> dict[str, Any]:
    options: dict[str, Any] = {
        "maxsize": configuration.connection_pool_maxsize,
        "cert_reqs": ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE,
        "ca_certs": configuration.ssl_ca_cert,
        "ca_cert_data": configuration.ca_cert_data,
        "cert_file": configuration.cert_file,
        "key_file": configuration.key_file,
        "assert_hostname": configuration.assert_hostname,
        "server_hostname": configuration.tls_server_name,
        "socket_options": [*SOCKET_OPTIONS, *(configuration.socket_options or ())],
    }
    return {name: value for name, value in options.items() if value is not None}


def _check_certificates(configuration: Configuration) -> None:
    """Refuse certificates here, where the option is known, that no connection could use."""
    if not (configuration.ssl_ca_cert or configuration.ca_cert_data or configuration.cert_file):
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    option = "ssl_ca_cert"
    try:
        if configuration.ssl_ca_cert:
            context.load_verify_locations(configuration.ssl_ca_cert)
        option = "ca_cert_data"
        if configuration.ca_cert_data:
            context.load_verify_locations(cadata=configuration.ca_cert_data)
        option = "cert_file with its key_file"
        if configuration.cert_file:
            # An encrypted key cannot be used; with a password at hand, OpenSSL does not ask for one on the terminal.
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
    except (OSError, ValueError) as error:
        raise ApiValueError(f"{option} cannot be used: {error}") from None


def _proxy_manager(proxy: str, headers: Mapping[str, str], options: dict[str, Any]) -> PoolManager:
    try:
        url = parse_url(proxy)
    except LocationParseError:
        url = Url()
    if url.scheme not in ("http", "https", *_SOCKS) or not url.host:
        raise ApiValueError(
            "The proxy must be a URL like 'http://proxy.example:3128' or 'socks5h://proxy.example:1080'"
        )
    user, _, password = (url.auth or "").partition(":")
    address = url._replace(auth=None).url
    if url.scheme in _SOCKS:
        return _socks_manager(address, options, unquote(user), unquote(password))
    credentials: dict[str, str] = {}
    if url.auth:
        login = unquote_to_bytes(f"{user}:{password}")
        credentials["Proxy-Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    manager = ProxyManager(address, proxy_headers=merge_headers(credentials, headers), **options)
    manager.pool_classes_by_scheme = POOL_CLASSES
    return manager


def _socks_manager(address: str, options: dict[str, Any], user: str, password: str) -> PoolManager:
    try:
        from quantcdn._socks import SOCKS_POOL_CLASSES, SOCKSProxyManager
    except ImportError:
        raise ApiValueError('A SOCKS proxy needs PySocks; in a clone, pip install ".[socks]" brings it') from None
    manager = SOCKSProxyManager(address, user or None, password or None, **options)
    manager.pool_classes_by_scheme = SOCKS_POOL_CLASSES
    return manager
