"""The pure halves need no I/O, and here they get none: making a socket, looking up a name or sleeping is an error.

`HYPOTHESIS_PROFILE=thorough` searches for longer.
"""

import os
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=15, deadline=None)
settings.register_profile("thorough", max_examples=1500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def _refuse(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a test of the pure halves made a socket, looked up a name or slept")


@pytest.fixture(scope="package", autouse=True)
def no_io() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "__init__", _refuse)
        patch.setattr(socket, "getaddrinfo", _refuse)
        patch.setattr(time, "sleep", _refuse)
        yield
