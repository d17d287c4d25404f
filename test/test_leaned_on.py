"""What the package takes of its dependencies beyond what they promise: private names, and those they do not document.

Each stands here with what it is for, and nowhere else. Where a release takes one away, its test fails first, by name;
a private name that the code uses and that is missing here fails too.
"""

import ast
import asyncio
import functools
import http.client
import inspect
import pkgutil
import socket
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import uvicorn
from uvicorn.server import ServerState

import quantcdn

PACKAGE = Path(quantcdn.__path__[0])
DEPENDENCIES = {"http", "urllib3", "uvicorn", "starlette", "typer", "socks"}
LEANED_ON = {
    "sys:_getframe": "an import of a name that is not there says why",
    # http.client: the answer is read by code of the package, and http.client and urllib3 go by what that leaves here.
    "http.client:HTTPConnection._tunnel": "a proxy's answer keeps to the deadline, and is told from the service's",
    "http.client:HTTPConnection.response_class": "the answer is one that keeps to the deadline",
    "http.client:HTTPConnection.debuglevel": "no request is printed, with its token",
    "http.client:HTTPResponse.begin": "the head of an answer is read by the package",
    "http.client:HTTPResponse._close_conn": "the file that an answer is read from stays for the next one",
    "http.client:HTTPResponse().fp": "the body is read from here",
    "http.client:HTTPResponse().length": "how much of the body is left",
    "http.client:HTTPResponse().chunked": "how the body is framed",
    "http.client:HTTPResponse().chunk_left": "urllib3 reads chunks by itself, unless this is None",
    "http.client:HTTPResponse().will_close": "whether the connection can be kept",
    # ssl
    "ssl:SSLSocket._create": "where a secure connection takes over a socket, an interrupt leaves it one owner",
    # urllib3
    "urllib3:HTTPHeaderDict()._container": "the fields of an answer are put there, and looked up there, at once",
    "urllib3.connection:HTTPConnection._new_conn": "addresses are tried side by side, within the deadline",
    "urllib3.connection:HTTPConnection()._dns_host": "the name to look up, with the dot at its end",
    "urllib3.connection:HTTPConnection().socket_options": "they are set on the socket of the package's own making",
    "urllib3.connection:HTTPConnection().timeout": "it hands over the deadline of the request under way",
    "urllib3.connection:HTTPConnection()._response_options": "what the answer is told of its request",
    "urllib3.connection:HTTPConnection.putheader": "the fields of a request come one by one, and are checked together",
    "urllib3.connectionpool:HTTPConnectionPool.ConnectionCls": "the connections are the package's own",
    "urllib3.connectionpool:HTTPConnectionPool.QueueCls": "the connection used last is used next",
    "urllib3.contrib.socks:SOCKSConnection._new_conn": "every address of a SOCKS proxy is tried",
    "urllib3.contrib.socks:SOCKSConnection()._socks_options": "the address of the proxy, and who asks it",
    "urllib3.util.connection:allowed_gai_family": "whether this machine speaks IPv6",
    "urllib3.util.ssl_match_hostname:CertificateError": "a certificate of another host is an error of TLS",
    "urllib3.util.ssl_:create_urllib3_context": "the settings of TLS are urllib3's",
    "urllib3.util.ssltransport:SSLTransport": "TLS in TLS, through a proxy: what of an answer waits in it",
    "urllib3.util.wait:wait_for_read": "whether the server has closed a kept connection",
    # PySocks
    "socks:socksocket()._timeout": "a timeout is set without the help of PySocks",
    # uvicorn: its public server takes signals, logs for the embedding program and polls for its end.
    "uvicorn.protocols.http.h11_impl:STATUS_PHRASES": "the reason of an answer to what is not HTTP",
    "uvicorn.protocols.http.h11_impl:H11Protocol.send_400_response": "what is not HTTP is answered in JSON",
    "uvicorn.protocols.http.h11_impl:H11Protocol.data_received": "what comes after it is not read",
    "uvicorn.protocols.http.h11_impl:H11Protocol.connection_made": "what comes at the end is closed",
    "uvicorn.protocols.http.h11_impl:H11Protocol.connection_lost": "the end waits for it",
    "uvicorn.protocols.http.h11_impl:H11Protocol._get_upgrade": "no other protocol is offered, and nothing said of it",
    "uvicorn.protocols.http.h11_impl:H11Protocol().logger": "the sandbox logs by its own name",
    "uvicorn.protocols.http.h11_impl:H11Protocol().access_log": "the sandbox says by itself what it was asked",
    "uvicorn.protocols.http.h11_impl:H11Protocol().cycle": "an answer under way is cut off",
    "uvicorn.protocols.http.h11_impl:H11Protocol().conn": "h11's side of a connection",
    "uvicorn.protocols.http.h11_impl:H11Protocol().transport": "asyncio's side of it",
    "uvicorn.protocols.http.h11_impl:H11Protocol().loop": "the loop it is in",
    "uvicorn.server:ServerState().connections": "those that are closed at the end",
    "uvicorn.server:ServerState().tasks": "the requests that are given up at the end",
    "uvicorn.server:ServerState().default_headers": "an answer at the end says that it is the last",
    # Typer
    "typer.core:TyperCommand.allow_interspersed_args": "options stand before arguments",
    "typer.core:TyperCommand.parse_args": "what is wrong with the order is said",
    "typer:BadParameter.__base__": "the error that all wrong usage is one of",
}


def connection(kind: Callable[..., Any]) -> Any:
    return kind("localhost", 9)


def answer(kind: type[http.client.HTTPResponse]) -> Any:
    with socket.socket() as unused:
        return kind(unused)


def socks_connection(kind: Callable[..., Any]) -> Any:
    return kind({"proxy_host": "localhost"}, "localhost", 9)


def closed(sock: Any) -> Any:
    sock.close()
    return sock


def protocol(kind: Callable[..., Any]) -> Any:
    config = uvicorn.Config(lambda: None, log_config=None)
    config.load()
    loop = asyncio.new_event_loop()
    try:
        return kind(config, ServerState(), {}, loop)
    finally:
        loop.close()


INSTANCES: dict[str, Callable[[Any], Any]] = {
    "HTTPHeaderDict": lambda kind: kind(),
    "HTTPConnection": connection,
    "HTTPResponse": answer,
    "SOCKSConnection": socks_connection,
    "socksocket": lambda kind: closed(kind()),
    "H11Protocol": protocol,
    "ServerState": lambda kind: kind(),
}


@pytest.mark.parametrize("name", LEANED_ON)
def test_what_a_dependency_does_not_promise_is_there(name: str) -> None:
    module, _, path = name.partition(":")
    owner: Any = import_module(module)
    for part in path.split("."):
        found = part.removesuffix("()")
        assert hasattr(owner, found), f"{name} is gone, which the package needs: {LEANED_ON[name]}"
        owner = getattr(owner, found)
        if found != part:
            owner = INSTANCES[found](owner)


def test_a_usage_error_of_typer_shows_itself() -> None:
    kind: Any = typer.BadParameter.__base__
    assert callable(kind.show)
    assert kind("why").exit_code == 2


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_abc_impl"  # what every abstract class has


@functools.cache
def defined_here() -> set[str]:
    """The names that the package itself gives to something, and those of the modules that hold them."""
    names = {"_replace", "_asdict", "_fields"}  # of a named tuple, which documents them
    for path in PACKAGE.rglob("*.py"):
        names |= {path.stem, path.parent.name}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
    return names


def test_every_private_name_of_a_dependency_that_the_code_uses_is_listed() -> None:
    used: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                used.add(node.attr)
            elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("quantcdn"):
                used |= {alias.name for alias in node.names} | set((node.module or "").split("."))
    listed = {name.replace(":", ".").rpartition(".")[2] for name in LEANED_ON}
    assert {name for name in used - defined_here() if private(name)} <= listed


def test_every_private_method_of_a_dependency_that_is_replaced_is_listed() -> None:
    replaced: set[str] = set()
    for module in pkgutil.walk_packages(quantcdn.__path__, "quantcdn."):
        if module.name.endswith("__main__") or "-" in module.name:
            continue
        for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass):
            theirs = [base for base in kind.__mro__ if base.__module__.split(".")[0] in DEPENDENCIES]
            if kind.__module__.startswith("quantcdn"):
                replaced |= vars(kind).keys() & {name for base in theirs for name in vars(base) if private(name)}
    listed = {name.replace(":", ".").rpartition(".")[2] for name in LEANED_ON}
    assert {"_new_conn", "_tunnel"} <= replaced <= listed
