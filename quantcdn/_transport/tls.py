"""The certificates of a client: whom it trusts, and who it is."""

import math
import os
import socket
import ssl
import time
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from urllib3.util.ssl_ import create_urllib3_context

from quantcdn._interrupts import raised_by_signal_handler
from quantcdn.configuration import Configuration, FilePath
from quantcdn.exceptions import ApiValueError


class Certificates:
    """What the secure connections of a client share.

    urllib3 would read the authorities of the system anew for each connection: some 40 ms each time. They are read when
    the first secure connection needs them; what the configuration names is read at once.

    Args:
        configuration: the options.

    Raises:
        ApiValueError: certificates that the configuration names cannot be used.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._trusts_the_system = not (configuration.ssl_ca_cert or configuration.ca_cert_data)
        self._trusting = partial(
            _context, configuration.verify_ssl, configuration.ssl_ca_cert, configuration.ca_cert_data
        )
        self._own = configuration.cert_file, configuration.key_file
        self._context: ssl.SSLContext | None = None
        self._context_for_proxies: ssl.SSLContext | None = None
        if configuration.cert_file or not self._trusts_the_system:
            self.for_servers()

    def for_servers(self) -> ssl.SSLContext:
        """The context of connections to servers.

        Raises:
            ApiValueError: what the options or the environment name cannot be used.
        """
        if self._context is None:  # two threads may make one each, which does no harm
            context = self._trusting()
            certificate, key = self._own
            if certificate:
                with _blaming("cert_file with its key_file"):
                    # An encrypted key cannot be used; given a password, OpenSSL does not ask for one on the terminal.
                    context.load_cert_chain(certificate, key, password="")
            context.sslsocket_class = _Socket
            self._context = context
        return self._context

    def for_proxies(self) -> ssl.SSLContext:
        """The context of connections to proxies, which do not get to see the client's own certificate.

        Raises:
            ApiValueError: what the options or the environment name cannot be used.
        """
        if self._context_for_proxies is None:
            context = self._trusting()
            context.sslsocket_class = _OuterSocket
            self._context_for_proxies = context
        return self._context_for_proxies

    @property
    def advice(self) -> str:
        """What to do where the authority of a server's certificate is not known."""
        return (self._trusts_the_system and _missing_authorities(os.environ)) or (
            "name its authority with ssl_ca_cert, ca_cert_data or SSL_CERT_FILE"
        )


class _Socket(ssl.SSLSocket):
    """A secure connection that shares its file descriptor with no other socket."""

    @classmethod
    def _create(cls, sock: socket.socket, *args: Any, **kwargs: Any) -> Any:
        """Take over a connection from the socket that it was opened with.

        Where an exception out of a signal handler comes just then, both sockets have the descriptor. Each would close
        it, the second one when its number is that of another connection, or of a file of the application.
        """
        try:
            return super()._create(sock, *args, **kwargs)  # type: ignore[misc]
        except BaseException as error:
            for frame, _ in traceback.walk_tb(error.__traceback__):
                other = frame.f_locals.get("self")
                if isinstance(other, cls) and other.fileno() == sock.fileno():
                    other.detach()
            raise


class _OuterSocket(_Socket):
    """A secure connection to a proxy, through which another one may lead to a server.

    urllib3 reads and writes what is within in loops of Python, each step of which would have the whole time that was
    set. Here they have it together.
    """

    _ends = math.inf

    def settimeout(self, value: float | None) -> None:
        self._ends = math.inf if value is None else time.monotonic() + value
        super().settimeout(value)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self._arm()
        return super().recv(buflen, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        self._arm()
        return super().send(data, flags)

    def _arm(self) -> None:
        if self._ends != math.inf:
            left = self._ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            super().settimeout(left)


def _context(verify: bool, ca_file: FilePath | None, ca_data: str | bytes | bytearray | None) -> ssl.SSLContext:
    with _blaming(f"SSLKEYLOGFILE, which names {os.environ.get('SSLKEYLOGFILE')!r},"):
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    if ca_file:
        with _blaming("ssl_ca_cert"):
            context.load_verify_locations(ca_file)
    if ca_data:
        with _blaming("ca_cert_data"):
            context.load_verify_locations(cadata=ca_data)
    if not (ca_file or ca_data):
        context.load_default_certs()
    return context


@contextmanager
def _blaming(source: str) -> Generator[None, None, None]:
    try:
        yield
    except (OSError, ValueError) as error:
        if raised_by_signal_handler(error):
            raise
        raise ApiValueError(f"{source} cannot be used: {error}") from None


def _missing_authorities(environ: Mapping[str, str]) -> str | None:
    """What the environment names that is not there: OpenSSL passes over it without a word."""
    file, directories = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file and not os.path.isfile(file):
        return f"SSL_CERT_FILE names {file!r}, which is not there"
    if directories and not any(map(os.path.isdir, directories.split(os.pathsep))):
        return f"SSL_CERT_DIR names {directories!r}, which is not there"
    return None
