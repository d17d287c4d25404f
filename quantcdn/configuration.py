"""Every option of the client, declared once. Nothing here does any HTTP."""

import copy
import os
import platform
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypedDict, cast

from typing_extensions import NotRequired, Self, Unpack

from quantcdn import environment
from quantcdn._debug_log import hide_debug_log, show_debug_log
from quantcdn._interrupts import raised_by_signal_handler
from quantcdn._shared import Default
from quantcdn._version import __version__
from quantcdn._wire.options import check_option
from quantcdn._wire.origin import origin_of
from quantcdn._wire.secrets import forgetful
from quantcdn._wire.token import normalised_token
from quantcdn.exceptions import ApiTypeError, ApiValueError, TokenException

if TYPE_CHECKING:
    import urllib3

    from quantcdn.attempt import Attempt
    from quantcdn.retry import RetryPolicy

API_VERSION = "4.19.0"
DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_RESPONSE_SIZE = 100_000_000
DEFAULT_CONNECTIONS = 100
DEFAULT_MAX_IDLE = 60.0
DEFAULT_MAX_RESPONSE_HEADERS = 100


FilePath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""The path of a file, as Python's own functions take it."""


class HostSetting(TypedDict):
    """One of the servers of the service."""

    url: str
    description: str
    variables: NotRequired[Mapping[str, Mapping[str, Any]]]


class ConfigurationOptions(TypedDict, total=False):
    """The arguments of a `Configuration`, by keyword."""

    host: str | None
    access_token: str | Callable[[], str] | None
    server_index: int | None
    server_variables: Mapping[str, str] | None
    ssl_ca_cert: FilePath | None
    retries: "RetryPolicy | urllib3.Retry | int | None"
    ca_cert_data: str | bytes | bytearray | None
    debug: bool | None
    timeout: float


class Configuration:
    """The options of an `ApiClient`.

    A client reads `host`, `host_header`, `server_index`, `server_variables` and `access_token` at each call, and
    everything else when it is made, the files of certificates too. `debug` takes effect at once, for the whole process.

    Args:
        host: the base URL of the service. With or without a slash or ``/api/v3`` at its end, it means the same.
        access_token: the bearer token, or a callable that returns it and is asked at each attempt.
            White space around it and a ``Bearer`` before it are removed.
        server_index: which server of the service to use where no host is given: 0 is the public cloud, 1 is QuantGov.
        server_variables: values for the variables in a server's URL (the servers of this service have none).
        ssl_ca_cert: the path of a file of certificate authorities to trust, in PEM format.
        retries: None for the default policy, the number of retries, False for none, a `RetryPolicy`,
            or a `urllib3.Retry`, whose counts, statuses and backoff are kept.
        ca_cert_data: certificate authorities to trust, as PEM text or DER bytes.
        debug: log what happens to standard error, as the logger ``quantcdn`` at level DEBUG does.
        timeout: how long a call may take in all, in seconds, unless it says otherwise with ``_request_timeout``;
            ``math.inf`` for no limit.

    Attributes:
        assert_hostname: the host name to expect in the server's certificate, or False to accept any.
        cert_file: the path of the client's own certificate, in PEM format.
        max_response_headers: how many header fields an answer may have.
        max_response_size: the largest answer to read, in bytes, once unpacked.
        host_header: the host to name in the header ``Host`` of each request of an operation instead of the one in the
            base URL, for a gateway that is reached by its address.
        key_file: the path of the key of that certificate, in PEM format.
        connection_pool_maxsize: how many connections to keep open for use again; one if None. More threads than that
            open new ones again and again.
        connection_max_idle: how long a kept connection may have been idle and still be used again, in seconds. For
            create, update and extend it is 4 seconds at most, unless the service announces how long it keeps one.
        proxy: the URL of a proxy for every server, with credentials in it if it needs them; the environment's if None.
            What goes through it to an ``http`` server, it can read: the token too.
        proxy_headers: header fields to send to that proxy.
        on_attempt: a function to call after each attempt, with one `Attempt`, for metrics.
        socket_options: more options to set on each socket, a list of arguments for `socket.socket.setsockopt`. Nagle's
            algorithm is off and TCP keep-alive on, unless these say otherwise.
        tls_server_name: the host name to ask for in the TLS handshake (SNI) instead of the one in the base URL. It is
            also the name that the certificate must have, unless `assert_hostname` says otherwise.
        trust_env: whether to use the proxies that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY).
            They are not used for localhost and other loopback addresses; a `proxy` that is named here is.
        verify_ssl: whether to verify the server's certificate.

    Raises:
        ApiTypeError: an option is of the wrong type.
        ApiValueError: an option cannot be used. The message never shows a token.
    """

    __slots__ = (
        "_access_token",
        "_debug",
        "_host",
        "_server_index",
        "assert_hostname",
        "ca_cert_data",
        "cert_file",
        "connection_max_idle",
        "connection_pool_maxsize",
        "host_header",
        "key_file",
        "max_response_headers",
        "max_response_size",
        "on_attempt",
        "proxy",
        "proxy_headers",
        "retries",
        "server_variables",
        "socket_options",
        "ssl_ca_cert",
        "timeout",
        "tls_server_name",
        "trust_env",
        "verify_ssl",
    )
    _default: ClassVar[Default["Configuration"]] = Default()

    @forgetful
    def __init__(
        self,
        host: str | None = None,
        access_token: str | Callable[[], str] | None = None,
        server_index: int | None = None,
        server_variables: Mapping[str, str] | None = None,
        ssl_ca_cert: FilePath | None = None,
        retries: "RetryPolicy | urllib3.Retry | int | None" = None,
        ca_cert_data: str | bytes | bytearray | None = None,
        *,
        debug: bool | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.server_variables: dict[str, str] = dict(server_variables or {})
        self.server_index = server_index or 0
        self._set_host(host)
        self.access_token = access_token
        self.ssl_ca_cert: FilePath | None = ssl_ca_cert
        self.ca_cert_data: str | bytes | bytearray | None = ca_cert_data
        self.retries: RetryPolicy | urllib3.Retry | int | None = retries
        self.timeout: float = timeout
        self.verify_ssl: bool = True
        self.assert_hostname: str | bool | None = None
        self.cert_file: FilePath | None = None
        self.key_file: FilePath | None = None
        self.host_header: str | None = None
        self.tls_server_name: str | None = None
        self.trust_env: bool = True
        self.connection_pool_maxsize: int | None = DEFAULT_CONNECTIONS
        self.connection_max_idle: float = DEFAULT_MAX_IDLE
        self.max_response_headers: int = DEFAULT_MAX_RESPONSE_HEADERS
        self.max_response_size: int = DEFAULT_MAX_RESPONSE_SIZE
        self.proxy: str | None = None
        self.proxy_headers: Mapping[str, str] | None = None
        self.on_attempt: Callable[[Attempt], object] | None = None
        self.socket_options: Sequence[tuple[int, int, int | bytes]] | None = None
        self._debug = False
        self.debug = bool(debug)

    @classmethod
    @forgetful
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, **options: Unpack[ConfigurationOptions]
    ) -> Self:
        """The configuration that the environment names: see `quantcdn.environment`.

        Args:
            environ: where to look; `os.environ` if None.
            **options: the arguments of the constructor. They win over the environment, unless they are None.

        Raises:
            ApiValueError: the environment names no token, or what it says cannot be used. The message names the
                variable, and does not show a token.
        """
        configuration = cls(**options)
        host = environment.find(environment.BASE_URL, environ) if options.get("host") is None else None
        token = environment.find(environment.ACCESS_TOKEN, environ) if options.get("access_token") is None else None
        if token is None and configuration.access_token is None:
            raise environment.missing("access token", environment.ACCESS_TOKEN)
        if host is not None:
            with environment.blaming(host):
                configuration._set_host(host.value)
        if token is not None:
            with environment.blaming(token):
                configuration.access_token = token.value
        return configuration

    if not TYPE_CHECKING:  # to a type checker, it would make every misspelt option one

        @forgetful
        def __setattr__(self, name: str, value: object) -> None:
            check_option(name, value)
            super().__setattr__(name, value)

    @property
    def host(self) -> str:
        """The base URL of the service. Set it to None to use the server that `server_index` names."""
        return self._host or self.get_host_from_settings(self.server_index, self.server_variables)

    @host.setter
    def host(self, host: str | None) -> None:
        self._set_host(host)

    def _set_host(self, host: str | None) -> None:
        given = cast("object", host)
        if not (given is None or isinstance(given, str)):
            raise ApiTypeError(f"host must be a str, not {type(given).__name__}")
        if host is not None and not origin_of(host).is_private:
            _warn(f"{host} is plain HTTP: the token and all messages can be read on the way")
        self._host = host

    @property
    def server_index(self) -> int:
        """Which server of the service to use where no host is given."""
        return self._server_index

    @server_index.setter
    def server_index(self, index: int) -> None:
        self.get_host_from_settings(index, self.server_variables)
        self._server_index = index

    def host_for(self, index: int) -> str:
        """The base URL of a call that asks for the server with this index: it counts only where no host was given.

        Raises:
            ApiValueError: there is no server with this index.
        """
        if index == 0:
            return self.host
        server = self.get_host_from_settings(index, self.server_variables)
        return self._host or server

    @property
    def access_token(self) -> str | Callable[[], str] | None:
        """The bearer token, or a callable that returns it."""
        return self._access_token

    @access_token.setter
    def access_token(self, token: str | Callable[[], str] | None) -> None:
        self._access_token = token if token is None or callable(token) else normalised_token(token)

    def bearer_token(self) -> str | None:
        """The token to send now, or None where there is none.

        Raises:
            TokenException: the callable failed.
            ApiValueError: it gave a token that cannot be sent. The message does not show it.
            ApiTypeError: it gave something else than a `str`.
        """
        token = self._access_token
        if not callable(token):
            return token
        try:
            given = token()
        except Exception as error:
            if raised_by_signal_handler(error):
                raise
            raise TokenException(f"The access_token callable raised {type(error).__name__}", never_sent=True) from error
        return normalised_token(given)

    @property
    def debug(self) -> bool:
        """Whether the logger ``quantcdn`` shows what happens on standard error."""
        return self._debug

    @debug.setter
    def debug(self, debug: bool) -> None:
        if debug:
            show_debug_log()
        elif self._debug:  # else the application's own settings would be lost
            hide_debug_log()
        self._debug = debug

    @classmethod
    def set_default(cls, default: "Configuration | None") -> None:
        """Make this the configuration of clients that are made without one."""
        Configuration._default.put(default)

    @classmethod
    def get_default(cls) -> "Configuration":
        """The configuration of clients that are made without one."""
        return Configuration._default.get(cls)

    @classmethod
    def get_default_copy(cls) -> "Configuration":
        """A copy of the default configuration, to change without changing the default."""
        return copy.deepcopy(cls.get_default())

    def get_host_settings(self) -> list[HostSetting]:
        """The servers of the service, in the order of their index."""
        return [
            {"url": "https://dashboard.quantcdn.io", "description": "QuantCDN Public Cloud"},
            {"url": "https://dash.quantgov.cloud", "description": "QuantGov Cloud"},
        ]

    def get_host_from_settings(
        self,
        index: int | None,
        variables: Mapping[str, str] | None = None,
        servers: Sequence[HostSetting] | None = None,
    ) -> str:
        """The URL of a server.

        Args:
            index: which of the servers; None for the base URL: the host that was given, or else the first server.
            variables: values for the variables in its URL; a variable that is not given takes its default.
            servers: the servers to choose from; those of the service where None.

        Raises:
            ApiValueError: there is no server with this index, or a variable has a value that is not allowed.
        """
        if index is None:
            return self._host or self.get_host_from_settings(0)
        servers = self.get_host_settings() if servers is None else servers
        if not 0 <= index < len(servers):
            raise ApiValueError(f"There is no server {index}: the index must be 0 to {len(servers) - 1}")
        server = servers[index]
        url = server["url"]
        for name, variable in server.get("variables", {}).items():
            value = variables[name] if variables and name in variables else str(variable["default_value"])
            allowed = variable.get("enum_values", [])
            if allowed and value not in allowed:
                raise ApiValueError(f"The server variable {name!r} is {value!r}: it must be one of {allowed}")
            url = url.replace(f"{{{name}}}", value)
        return url

    def to_debug_report(self) -> str:
        """What a bug report should say of the machine and the versions."""
        return (
            "Python SDK Debug Report:\n"
            f"OS: {platform.platform()}\n"
            f"Python Version: {platform.python_version()}\n"
            f"Version of the API: {API_VERSION}\n"
            f"SDK Package Version: {__version__}"
        )

    def __repr__(self) -> str:
        try:
            token = "None" if self._access_token is None else "***"
            return f"{type(self).__name__}(host={self.host!r}, access_token={token}, timeout={self.timeout!r})"
        except AttributeError:  # a tool shows the local variables of a constructor that refuses something
            return f"<{type(self).__name__}, not made yet>"

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        duplicate = copy.copy(self)
        memo[id(self)] = duplicate
        for name in ("server_variables", "proxy_headers", "socket_options"):
            setattr(duplicate, name, copy.copy(getattr(self, name)))
        return duplicate


def _warn(text: str) -> None:
    """Warn in the line of whoever uses this module, which is named and not shown: it may hold a literal token."""
    from inspect import stack

    ours = (__name__, forgetful.__module__)
    caller = next(frame for frame, *_ in stack(context=0) if frame.f_globals.get("__name__") not in ours)
    is_ours = caller.f_globals.get("__name__", "").startswith("quantcdn.cli.")  # whose lines tell nobody anything
    warnings.warn_explicit(
        text if is_ours else f"{text} (said in line {caller.f_lineno})",
        UserWarning,
        caller.f_code.co_filename,
        lineno=0,  # of which there is no source to show
        module=caller.f_globals.get("__name__"),
        registry=caller.f_globals.setdefault("__warningregistry__", {}),
    )
