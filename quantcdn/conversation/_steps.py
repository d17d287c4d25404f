"""The time of a call of several steps, shared out among them."""

import math
import time
from collections.abc import Generator
from contextlib import contextmanager

from quantcdn._wire.call import RequestOptions

# The part of the time left that a step may take where another may follow: reading after waiting for another thread,
# sending after reading, and reading back after sending.
PART = 0.75
# What is left of the time at the end, in seconds: a call that is allowed none would be refused as a mistake.
_LEAST = 0.001


class Steps:
    """The options for each step of a call, with the time that is left for it."""

    def __init__(self, options: RequestOptions, default_timeout: float) -> None:
        self._options = options
        timeout = options.get("_request_timeout")
        self._ends = time.monotonic() + _in_all(default_timeout if timeout is None else timeout)

    def left(self, share: float = 1.0) -> float:
        """This share of the time that is left, in seconds; `math.inf` where only each request has a limit, or none."""
        return max(share * (self._ends - time.monotonic()), _LEAST)

    def next(self, share: float = 1.0) -> RequestOptions:
        """The options for the next step, which may take this share of the time that is left."""
        left = self.left(share)
        return self._options if left == math.inf else {**self._options, "_request_timeout": left}

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """For what does not count: the length of a `with` block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._ends += time.monotonic() - began


def _in_all(timeout: object) -> float:
    """How long all the steps may take. A pair holds for each request, and a double of a client has no timeout."""
    return timeout if isinstance(timeout, int | float) else math.inf
