"""Real network programs, started by the tests between the SDK and a server.

Each runs on a free port of 127.0.0.1, in the foreground, as a child that ends with its `with` block, and is ready when
the block begins. nginx listens on ``::1`` as well, which is where a SOCKS proxy looks for localhost if it comes first.
A program runs in the folder of its files, and knows them by their names alone. A test whose program is absent is
skipped by name; ``test/install-programs`` installs them all.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0
"""How long to wait for a program, in seconds."""
GRACE = 5.0
"""How long a program that was asked to end may take, in seconds, before it is killed."""


@dataclass(frozen=True)
class Program:
    """A running program.

    Attributes:
        port: the port it listens on.
        log: the file in which it notes the requests it gets.
    """

    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def lines(self, expected: int = 0) -> list[str]:
        """What it noted, a line each, once there are as many as expected."""
        ends = time.monotonic() + PATIENCE
        while len(lines := self.log.read_text().splitlines()) < expected:
            assert time.monotonic() < ends, f"it noted {len(lines)} lines instead of {expected}"
            time.sleep(0.005)
        return lines


def chromium() -> str:
    """The path of Chromium, a browser."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed")
    return found


def quoted(path: Path) -> str:
    """A path as a word of nginx's configuration, whatever it holds."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_free_of_ipv6(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", port))
        return True
    return False


_HAS_IPV6 = _is_free_of_ipv6(0)


def free_port() -> int:
    """A port on which nobody listens, by IPv6 neither."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if not _HAS_IPV6 or _is_free_of_ipv6(port):
            return port


@contextlib.contextmanager
def nobody() -> Generator[str, None, None]:
    """An address that refuses connections, and is kept so for the length of a `with` block."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unheard.getsockname()[1]}"


@contextlib.contextmanager
def nginx(directory: Path, server: str, http: str = "") -> Generator[Program, None, None]:
    """nginx with one server block.

    It notes each request as ``<connection> <method> <path with query> <status>``, after it has answered.

    Args:
        directory: where it keeps its files.
        server: what stands in the server block; ``LISTEN`` stands for the address and the port. Without a ``listen``,
            it listens for plain HTTP.
        http: what stands after it, in the http block.
    """
    listen = "" if "listen LISTEN" in server else "listen LISTEN;"
    temporary = "".join(f"{kind}_temp_path {kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    http_block = f"""
        http {{
            {temporary}
            log_format requests '$connection $request_method $request_uri $status';
            access_log requests.log requests;
            server {{ {listen} {server} }}
            {http}
        }}
    """
    with _nginx(directory, http_block) as program:
        yield program


@contextlib.contextmanager
def tls_before(directory: Path, backend: str, certificate: Path) -> Generator[Program, None, None]:
    """nginx as the end of TLS before any server, whatever that speaks."""
    module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if not module.exists():
        pytest.skip("libnginx-mod-stream is not installed")
    stream_block = f"""
        load_module {module};
        stream {{
            server {{
                listen LISTEN ssl;
                ssl_certificate {quoted(certificate)};
                ssl_certificate_key {quoted(certificate)};
                proxy_pass {backend};
            }}
        }}
    """
    with _nginx(directory, stream_block) as program:
        yield program


@contextlib.contextmanager
def _nginx(directory: Path, block: str) -> Generator[Program, None, None]:
    port = free_port()
    addresses = [f"127.0.0.1:{port}", *([f"[::1]:{port}"] if _HAS_IPV6 else [])]  # what localhost may be
    block = re.sub("listen LISTEN(.*?);", lambda found: "".join(f"listen {to}{found[1]};" for to in addresses), block)
    (directory / "nginx.conf").write_text(
        f"""
        daemon off;
        master_process off;  # one process, which is the child of the test
        pid nginx.pid;
        {block}
        events {{}}
        """,
        "utf-8",
    )
    arguments = ["-e", "errors.log", "-p", f"{directory}/", "-c", "nginx.conf"]
    with _running("nginx", arguments, directory, port):
        yield Program(port, directory / "requests.log")


@contextlib.contextmanager
def tinyproxy(directory: Path, credentials: tuple[str, str] | None = None) -> Generator[Program, None, None]:
    """An HTTP proxy. It notes the request line of each request before it passes the request on."""
    port = free_port()
    log = directory / "tinyproxy.log"
    lines = [
        f"Port {port}",
        "Listen 127.0.0.1",
        "MaxClients 50",
        "Timeout 30",
        'LogFile "tinyproxy.log"',
        "LogLevel Connect",
        *([f"BasicAuth {credentials[0]} {credentials[1]}"] if credentials else []),
    ]
    (directory / "tinyproxy.conf").write_text("\n".join([*lines, ""]))
    with _running("tinyproxy", ["-d", "-c", "tinyproxy.conf"], directory, port):
        yield Program(port, log)


@contextlib.contextmanager
def microsocks(directory: Path, credentials: tuple[str, str] | None = None) -> Generator[Program, None, None]:
    """A SOCKS 5 proxy. It notes each connection it makes."""
    port = free_port()
    login = ["-u", credentials[0], "-P", credentials[1]] if credentials else []
    with _running("microsocks", ["-i", "127.0.0.1", "-p", str(port), *login], directory, port) as output:
        yield Program(port, output)


@contextlib.contextmanager
def prism(directory: Path, contract: Path, upstream: str) -> Generator[Program, None, None]:
    """A proxy that holds what passes against a contract, and answers an error where the two differ."""
    port = free_port()
    arguments = ["proxy", str(contract), upstream, "--errors", "--port", str(port), "--host", "127.0.0.1"]
    with _running("prism", arguments, directory, port) as output:
        yield Program(port, output)


@contextlib.contextmanager
def _running(name: str, arguments: list[str], directory: Path, port: int) -> Generator[Path, None, None]:
    """Run a program until the `with` block ends; the value is the file that holds its output."""
    executable = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if executable is None:
        pytest.skip(f"{name} is not installed")
    output = directory / f"{name}.output"
    with (
        output.open("wb") as stream,
        subprocess.Popen(
            [executable, *arguments], cwd=directory, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        ) as process,
    ):
        try:
            _wait_until_it_accepts(name, process, port, output)
            yield output
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a program to end, and kill it where it does not in a while, as tinyproxy once did not."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait_until_it_accepts(name: str, process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    ends = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        said = output.read_text()
        assert process.poll() is None, f"{name} ended at its start: {said}"
        assert time.monotonic() < ends, f"{name} accepts no connection: {said}"
        time.sleep(0.005)
