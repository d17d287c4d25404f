"""The guard that keeps the tests of the pure halves free of I/O works."""

import socket
import time

import pytest


def test_connecting_is_an_error() -> None:
    with pytest.raises(AssertionError, match="socket"):
        socket.create_connection(("127.0.0.1", 9))


def test_making_a_socket_is_an_error() -> None:
    with pytest.raises(AssertionError, match="socket"):
        socket.socket()


def test_sleeping_is_an_error() -> None:
    with pytest.raises(AssertionError, match="slept"):
        time.sleep(0)
