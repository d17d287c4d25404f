"""A server that answers at once with what it has ready, so that what is measured is the client.

It runs in a process of its own: ``with serving() as server: ...`` starts one. ``GET /accepted`` tells how many
connections it has accepted, not counting those that asked this.
"""

import asyncio
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import ClassVar

from benchmarks.answers import answer_to, packed_answer_to, varied_answer_to

_asks_for_gzip = re.compile(rb"\r\nAccept-Encoding: *gzip", re.IGNORECASE).search
_length = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE).search


class Canned(asyncio.Protocol):
    """One connection."""

    accepted: ClassVar[int] = 0
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        Canned.accepted += 1
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = _length(head)
        if end and (length is None or int(length[1]) <= len(body)):
            request, self.received = self.received, b""
            self.transport.write(self.answer(request))

    def answer(self, request: bytes) -> bytes:
        """The answer to a request that was received whole."""
        method, target, _ = request.decode().split(" ", 2)
        if target == "/accepted":
            Canned.accepted -= 1
            text = str(Canned.accepted).encode()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(text), text)
        return answer_to(method, target.partition("?")[0])


class Varied(Canned):
    """The same, with sessions of more than one kind of text, which are packed for those who ask for that."""

    def answer(self, request: bytes) -> bytes:
        """The answer to a request that was received whole."""
        target = request.split(b" ", 2)[1].decode()
        return (packed_answer_to if _asks_for_gzip(request) else varied_answer_to)(target)


class Server:
    """A server that runs.

    Attributes:
        port: its port.
        url: where it is.
        authority: the certificate of the authority to trust; None where there is no TLS.
    """

    def __init__(self, port: int, authority: Path | None) -> None:
        self.port = port
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{port}"
        self.authority = authority

    def accepted(self) -> int:
        """How many connections it has accepted, not counting those that asked this."""
        connection = HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", "/accepted")
            return int(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def serving(certificates: tuple[Path, Path] | None = None, *, varied: bool = False) -> Iterator[Server]:
    """Run the server in a process of its own; over TLS where its certificate and its authority's are given."""
    certificate, authority = certificates or (None, None)
    options = ["--varied"] if varied else [str(certificate)] if certificate else []
    command = [sys.executable, "-m", "benchmarks.canned", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(int(process.stdout.readline()), authority)
        finally:
            process.terminate()


async def _serve(kind: type[Canned], certificates: list[str]) -> None:
    context = None
    for certificate in certificates:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", 0, backlog=1024, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["--varied"]:
        asyncio.run(_serve(Varied, []))
    else:
        asyncio.run(_serve(Canned, sys.argv[1:]))
