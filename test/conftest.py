"""What several test files share: a client that is closed when its test ends, and running sandboxes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from programs import end

from quantcdn import AISessionsApi, ApiClient, Configuration
from quantcdn.sandbox import RunningSandbox, Sandbox, running
from quantcdn.testing import connected

pytest_plugins = ["fault_matrix", "skipped_summary", "stalls"]

# For `benchmarks`. Last, so that the package under test is the one that is installed.
sys.path.append(str(Path(__file__).parent.parent))

TOKEN = "qc_test_token"

Connect = Callable[..., AISessionsApi]


@pytest.fixture(scope="session", autouse=True)
def _no_proxies() -> Iterator[None]:
    """Reach loopback directly, whatever proxies the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> Iterator[None]:
    """Hear Ctrl-C, and let what is started hear it and a hang-up: jobs in the background have them ignored."""
    heard: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        heard[signal.SIGHUP] = lambda _number, _frame: None
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make an API class for a host, without retries. Its client is closed when the test ends."""
    with ExitStack() as stack:

        def connected(host: str | None, access_token: Any = TOKEN, retries: Any = 0, **options: Any) -> AISessionsApi:
            configuration = Configuration(host, access_token, retries=retries, **options)
            return AISessionsApi(stack.enter_context(ApiClient(configuration)))

        yield connected


@pytest.fixture
def no_defaults() -> Iterator[None]:
    """No default configuration and no default client, before and after."""
    Configuration.set_default(None)
    ApiClient.set_default(None)
    yield
    ApiClient.set_default(None)
    Configuration.set_default(None)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in a thread of this process."""
    with running() as service:
        yield service


@pytest.fixture
def service() -> Iterator[RunningSandbox]:
    """A sandbox of the test's own, with what it offers beside its HTTP."""
    with running() as service:
        yield service


@pytest.fixture
def api(service: RunningSandbox) -> Iterator[AISessionsApi]:
    """The operations of that sandbox, with attempts that follow each other without a wait."""
    with connected(service) as api:
        yield api


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """A sandbox in a process of its own, started as people do."""
    with subprocess.Popen(
        [sys.executable, "-m", "quantcdn.sandbox", "--quiet"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            first, token, organisation = (process.stdout.readline().split() for _ in range(3))
            yield Sandbox(host=first[4], access_token=token[1], organisation=organisation[1])
        finally:
            end(process)
