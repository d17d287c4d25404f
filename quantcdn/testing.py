"""Tests of code that uses AI sessions: a pytest plugin with a sandbox, fresh for each test, and a client of it.

With the extra ``testing``, pytest has these fixtures; nothing is loaded in a run that does not use them:

- ``quantcdn_sandbox``: a `quantcdn.sandbox.RunningSandbox`. There is one for the whole run, in each process of tests,
  and each test finds it as new: without sessions, faults and requests, and with the clock of the system.
- ``quantcdn_api``: an `AISessionsApi` that speaks with it, and does not wait between attempts.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from quantcdn.api import AISessionsApi
    from quantcdn.sandbox import RunningSandbox, Sandbox

__all__ = ["connected", "quantcdn_api", "quantcdn_sandbox"]


@contextmanager
def connected(service: Sandbox) -> Generator[AISessionsApi, None, None]:
    """The operations of a sandbox, for the length of a ``with`` block. Attempts follow each other without a wait.

    Args:
        service: the sandbox.
    """
    from quantcdn.api import AISessionsApi
    from quantcdn.api_client import ApiClient
    from quantcdn.configuration import Configuration
    from quantcdn.retry import RetryPolicy

    at_once = RetryPolicy(backoff=0, respect_retry_after=False)
    with ApiClient(Configuration(service.host, service.access_token, retries=at_once)) as client:
        yield AISessionsApi(client)


@pytest.fixture(scope="session")
def _quantcdn_sandbox() -> Iterator[RunningSandbox]:  # pyright: ignore[reportUnusedFunction]  # it is used by its name
    from quantcdn.sandbox import running

    with running() as service:
        yield service


@pytest.fixture
def quantcdn_sandbox(_quantcdn_sandbox: RunningSandbox) -> RunningSandbox:
    """A sandbox as new."""
    _quantcdn_sandbox.reset()
    return _quantcdn_sandbox


@pytest.fixture
def quantcdn_api(quantcdn_sandbox: RunningSandbox) -> Iterator[AISessionsApi]:
    """The operations of the sandbox `quantcdn_sandbox`."""
    with connected(quantcdn_sandbox) as api:
        yield api
