"""Connecting to the first of several addresses that answers (RFC 8305, "Happy Eyeballs").

A name often has an IPv6 and an IPv4 address, and one of them may be routed nowhere. So the next address is tried when
the one before has not answered for a quarter second; whichever answers first is taken, and the others are given up.
"""

import errno
import os
import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, TypeAlias

Address: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""One of the addresses that `socket.getaddrinfo` gives."""

_HEAD_START = 0.25  # seconds, as RFC 8305 recommends
_UNDER_WAY = frozenset([errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, getattr(errno, "WSAEWOULDBLOCK", 0)]) - {0}
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # it takes no file descriptor of its own


def connected(
    addresses: Sequence[Address],
    options: Iterable[tuple[Any, ...]],
    seconds: float,
    kind: type[socket.socket] | None = None,
) -> socket.socket:
    """A socket that is connected to one of the addresses.

    Args:
        addresses: at least one.
        options: what to set on each socket, as arguments of `socket.socket.setsockopt`.
        seconds: how long it may take.
        kind: of which type it is to be; None for the usual one.

    Raises:
        TimeoutError: none of them answered in time.
        OSError: none of them can be connected to.
    """
    options, kind = tuple(options), kind or socket.socket
    if len(addresses) == 1:
        sock = _prepared(addresses[0], options, kind)
        try:
            sock.settimeout(seconds)
            sock.connect(addresses[0][4])
        except BaseException:
            sock.close()
            raise
        return sock
    race = _Race(options, kind, min(_HEAD_START, seconds / len(addresses)))
    try:
        return race.winner(_interleaved(addresses), time.monotonic() + seconds)
    finally:
        race.close()


class _Race:
    """Connections that are tried side by side."""

    def __init__(self, options: Sequence[tuple[Any, ...]], kind: type[socket.socket], head_start: float) -> None:
        self._options = options
        self._kind = kind
        self._head_start = head_start
        self._under_way = _Selector()
        self._sockets: list[socket.socket] = []
        self._failure: OSError = OSError(errno.EADDRNOTAVAIL, "it has no address")

    def winner(self, addresses: Iterable[Address], ends: float) -> socket.socket:
        """The first socket that is connected."""
        waiting = list(addresses)
        while waiting or self._under_way.get_map():
            won = self._start(waiting.pop(0)) if waiting else None
            if won is None and self._under_way.get_map():
                left = ends - time.monotonic()
                won = self._first_connected(min(left, self._head_start) if waiting else left)
            if won is not None:
                self._sockets.remove(won)
                return won
            if time.monotonic() >= ends:
                raise TimeoutError("timed out")
        raise self._failure

    def close(self) -> None:
        """Give up all that did not win."""
        for sock in self._sockets:
            sock.close()
        self._under_way.close()

    def _start(self, address: Address) -> socket.socket | None:
        """Begin to connect; the socket, where it is connected at once."""
        try:
            sock = _prepared(address, self._options, self._kind)
        except OSError as error:
            self._failure = error
            return None
        self._sockets.append(sock)
        sock.setblocking(False)
        problem = sock.connect_ex(address[4])
        if problem in _UNDER_WAY:
            self._under_way.register(sock, selectors.EVENT_WRITE)
            return None
        return sock if self._is_connected(sock, problem) else None

    def _first_connected(self, seconds: float) -> socket.socket | None:
        for key, _ in self._under_way.select(max(seconds, 0.0)):
            sock: Any = key.fileobj
            self._under_way.unregister(sock)
            if self._is_connected(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                return sock  # type: ignore[no-any-return]
        return None

    def _is_connected(self, sock: socket.socket, problem: int) -> bool:
        if problem:
            self._failure = OSError(problem, os.strerror(problem))
            sock.close()
        return not problem


def _prepared(address: Address, options: Sequence[tuple[Any, ...]], kind: type[socket.socket]) -> socket.socket:
    sock = kind(*address[:3])
    try:
        for option in options:
            sock.setsockopt(*option)
    except BaseException:
        sock.close()
        raise
    return sock


def _interleaved(addresses: Sequence[Address]) -> list[Address]:
    """The addresses in their order, but for their families, which take turns: one of them may be routed nowhere."""
    first = addresses[0][0]
    same = [address for address in addresses if address[0] == first]
    others = [address for address in addresses if address[0] != first]
    return [address for address in chain.from_iterable(zip_longest(same, others)) if address is not None]
