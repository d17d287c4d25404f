"""What the SDK says of its work: to the logger ``quantcdn``, to the hook ``on_attempt``, and to nobody else."""

import contextlib
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import repeat
from typing import Any

import pytest
import urllib3
from conftest import Connect
from servers import CLOSE, RESET, STALL, Answer, answer, json_answer, scripted_server

from quantcdn import AISessionsApi, ApiException, Attempt, Configuration, NotFoundException, RetryPolicy

SESSION = json_answer({"id": "s-1"}, headers={"X-Request-Id": "r-1"})
BUSY = json_answer({"message": "busy"}, 503, {"X-Request-Id": "r-2"})
PATH = "/api/v3/organizations/org/ai/sessions"
AT_ONCE = RetryPolicy(backoff=0)


def run_program(program: str, host: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, where nobody has set up logging yet."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, host]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# The logger

LINES: dict[str, tuple[list[Answer], list[str]]] = {
    "success": ([SESSION], [r"200, 13 bytes in \d+ ms, attempt 1, request id r-1"]),
    "success without a request id": ([json_answer({})], [r"200, 2 bytes in \d+ ms, attempt 1"]),
    "refusal": ([json_answer({}, 404)], [r"404, 2 bytes in \d+ ms, attempt 1"]),
    "retry after a status": (
        [BUSY, SESSION],
        [
            r"503, 19 bytes in \d+ ms, attempt 1, request id r-2; the next one follows in 0.00 s",
            r"200, 13 bytes in \d+ ms, attempt 2, request id r-1",
        ],
    ),
    "retry after a lost connection": (
        [[RESET], SESSION],
        [
            r"ConnectionException, 0 bytes in \d+ ms, attempt 1; the next one follows in 0.00 s",
            r"200, 13 bytes in \d+ ms, attempt 2, request id r-1",
        ],
    ),
    "retries used up": (
        [BUSY, [CLOSE], BUSY],
        [
            r"503, 19 bytes in \d+ ms, attempt 1, request id r-2; the next one follows in 0.00 s",
            r"ConnectionException, 0 bytes in \d+ ms, attempt 2; the next one follows in 0.00 s",
            r"503, 19 bytes in \d+ ms, attempt 3, request id r-2",
        ],
    ),
    "timeout": ([[STALL]], [r"TimeoutException, 0 bytes in \d+ ms, attempt 1"]),
    "unreadable": (
        [answer(200, b"no gzip", {"Content-Encoding": "gzip"})],
        [r"200 ResponseFormatException, \d+ bytes in \d+ ms, attempt 1"],
    ),
}


@pytest.mark.parametrize(("script", "expected"), LINES.values(), ids=LINES)
def test_each_attempt_is_one_line_at_level_debug(
    connect: Connect, caplog: pytest.LogCaptureFixture, script: list[Answer], expected: list[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted_server(script) as server, contextlib.suppress(ApiException):
        connect(server.host, retries=AT_ONCE).get_ai_session("org", "s-1", _request_timeout=2)
    records = [record for record in caplog.records if record.name == "quantcdn"]
    assert [record.levelno for record in records] == [logging.DEBUG] * len(expected)
    for record, pattern in zip(records, expected, strict=True):
        assert re.fullmatch(f"GET {PATH}/s-1: {pattern}", record.getMessage())


def test_the_query_is_not_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "quantcdn")
    with scripted_server([json_answer([])]) as server:
        connect(server.host).list_ai_sessions("org", user_id="anna@example.org")
    assert f"GET {PATH}: 200" in caplog.text
    assert "anna" not in "".join(record.getMessage() for record in caplog.records if record.name == "quantcdn")


UNTOUCHED = """
import logging, sys
import urllib3  # it gives its logger a handler of its own

class Application(logging.Handler):
    lines = []
    def emit(self, record):
        self.lines.append(record.getMessage())

def state():
    loggers = [logging.getLogger(name) for name in (None, "application", "quantcdn", "urllib3", "http.client")]
    return [(each.level, list(each.handlers), list(each.filters), each.propagate, each.disabled) for each in loggers]

logging.getLogger("application").setLevel(logging.INFO)
{setup}
before = state()
import quantcdn

with quantcdn.ApiClient(quantcdn.Configuration(sys.argv[1], "qc_test_token", retries=0)) as client:
    api = quantcdn.AISessionsApi(client)
    api.get_ai_session("org", "s-1")
    try:
        api.get_ai_session("org", "s-1", _request_timeout=0.2)
    except quantcdn.TimeoutException:
        pass
assert state() == before
print(len(Application.lines))
"""


@pytest.mark.parametrize(
    ("setup", "shown"),
    [
        pytest.param("", 0, id="no logging at all"),
        pytest.param("logging.getLogger().addHandler(Application())", 0, id="a handler"),
        pytest.param("logging.basicConfig(handlers=[Application()], level=logging.INFO)", 0, id="level INFO"),
        pytest.param(
            "logging.getLogger('quantcdn').addHandler(Application()); logging.getLogger('quantcdn').setLevel(10)",
            2,
            id="quantcdn at DEBUG",
        ),
    ],
)
def test_the_sdk_is_quiet_unless_asked_and_leaves_the_application_s_logging_alone(setup: str, shown: int) -> None:
    with scripted_server([SESSION, [STALL]]) as server:
        run = run_program(UNTOUCHED.format(setup=setup), server.host)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{shown}\n", "")


# debug=True

DEBUGGING = """
import logging, sys
import quantcdn

{setup}
logger = logging.getLogger("quantcdn")
root = list(logging.getLogger().handlers)
configuration = quantcdn.Configuration(sys.argv[1], "qc_test_token", retries=0, debug=True)
{change}
with quantcdn.ApiClient(configuration) as client:
    quantcdn.AISessionsApi(client).get_ai_session("org", "s-1")
print(logging.getLevelName(logger.level), len(logger.handlers))
assert logging.getLogger().handlers == root
assert logging.getLogger("urllib3").level == logging.NOTSET
"""
DEBUG_CASES: dict[str, tuple[str, str, str, int]] = {
    "nothing else": ("", "", "DEBUG 1", 1),
    "twice": ("", "quantcdn.Configuration(debug=True); configuration.debug = True", "DEBUG 1", 1),
    "a client after it without debug": ("", "quantcdn.Configuration(debug=False)", "DEBUG 1", 1),
    "switched off": ("", "configuration.debug = False", "NOTSET 0", 0),
    "switched off and on": ("", "configuration.debug = False; configuration.debug = True", "DEBUG 1", 1),
    "the root logger shows it": ("logging.basicConfig(level=logging.WARNING)", "", "DEBUG 0", 1),
    "quantcdn has a handler": ("logging.getLogger('quantcdn').addHandler(logging.StreamHandler())", "", "DEBUG 1", 1),
    "an application's handler stays when it is switched off": (
        "logging.getLogger('quantcdn').addHandler(logging.StreamHandler())",
        "configuration.debug = False",
        "NOTSET 1",
        0,
    ),
    "the root logger's handler shows warnings only": (
        "logging.basicConfig(); logging.getLogger().handlers[0].setLevel(logging.WARNING)",
        "",
        "DEBUG 1",
        1,
    ),
    "a handler that shows nothing": (
        "logging.getLogger('quantcdn').addHandler(logging.NullHandler())",
        "",
        "DEBUG 2",
        1,
    ),
    "the root logger shows it, out of reach": (
        "logging.basicConfig(); logging.getLogger('quantcdn').propagate = False",
        "",
        "DEBUG 1",
        1,
    ),
}


@pytest.mark.parametrize(("setup", "change", "state", "lines"), DEBUG_CASES.values(), ids=DEBUG_CASES)
def test_debug_shows_the_log_on_standard_error_once(setup: str, change: str, state: str, lines: int) -> None:
    with scripted_server([SESSION]) as server:
        run = run_program(DEBUGGING.format(setup=setup, change=change), server.host)
    assert (run.returncode, run.stdout) == (0, f"{state}\n"), run.stderr
    shown = run.stderr.splitlines()
    assert len(shown) == lines
    assert all(f"GET {PATH}/s-1: 200" in line for line in shown)


# The hook


def hooked(connect: Connect, host: str, hook: Callable[[Attempt], object], **options: Any) -> Any:
    """An API class whose client calls this hook."""
    api = connect(host, **options)
    api.api_client.configuration.on_attempt = hook
    return type(api)(type(api.api_client)(api.api_client.configuration))


def test_the_hook_gets_one_record_of_each_attempt(connect: Connect) -> None:
    attempts: list[Attempt] = []
    with scripted_server([BUSY, [CLOSE], SESSION]) as server:
        hooked(connect, server.host, attempts.append, retries=AT_ONCE).get_ai_session("org", "s-1")
    assert [attempt._replace(seconds=0) for attempt in attempts] == [
        Attempt("GET", f"{PATH}/s-1", 1, 503, None, True, 19, 0, "r-2", 0.0),
        Attempt("GET", f"{PATH}/s-1", 2, None, "ConnectionException", True, 0, 0, None, 0.0),
        Attempt("GET", f"{PATH}/s-1", 3, 200, None, False, 13, 0, "r-1", None),
    ]
    assert all(0 < attempt.seconds < 5 for attempt in attempts)


def test_the_records_of_a_failed_call_stand_on_its_exception(connect: Connect) -> None:
    attempts: list[Attempt] = []
    with scripted_server([BUSY, [CLOSE], [RESET]]) as server, pytest.raises(ApiException) as caught:
        hooked(connect, server.host, attempts.append, retries=AT_ONCE).get_ai_session("org", "s-1")
    assert caught.value.attempts == tuple(attempts)
    assert len(attempts) == 3


def test_the_hook_is_called_before_the_wait_for_the_next_attempt(connect: Connect) -> None:
    def stop(attempt: Attempt) -> None:
        assert attempt.retry_in == 3600
        raise KeyboardInterrupt

    later = json_answer({}, 429, {"Retry-After": "3600"})
    with scripted_server([later]) as server, pytest.raises(KeyboardInterrupt):
        hooked(connect, server.host, stop, retries=2, timeout=7200).get_ai_session("org", "s-1")


def test_a_record_cannot_be_changed(connect: Connect) -> None:
    attempts: list[Attempt] = []
    with scripted_server([SESSION]) as server:
        hooked(connect, server.host, attempts.append).get_ai_session("org", "s-1")
    with pytest.raises(AttributeError):
        attempts[0].status = 500  # type: ignore[misc]


@pytest.mark.parametrize("variant", ["", "_with_http_info", "_without_preload_content"], ids=["plain", "info", "raw"])
def test_a_hook_that_fails_loses_nothing_and_is_reported(
    connect: Connect, caplog: pytest.LogCaptureFixture, variant: str
) -> None:
    def fail(_attempt: Attempt) -> None:
        raise RuntimeError("the metrics server is down")

    with scripted_server([BUSY, SESSION]) as server:
        api = hooked(connect, server.host, fail, retries=AT_ONCE)
        result = getattr(api, f"get_ai_session{variant}")("org", "s-1")
        assert (result.json() if variant.endswith("content") else getattr(result, "data", result).to_dict()) == {
            "id": "s-1"
        }
    warnings = [record for record in caplog.records if record.name == "quantcdn" and record.levelno > logging.DEBUG]
    assert [record.levelno for record in warnings] == [logging.WARNING] * 2
    assert caplog.text.count("RuntimeError: the metrics server is down") == 2


class SoftTimeLimitExceeded(Exception):
    """As Celery raises it, out of a signal handler, when the time of a task is over."""


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded("the limit"), TimeoutError("the limit")], ids=repr)
def test_a_limit_of_the_application_s_that_strikes_in_the_hook_passes(connect: Connect, error: Exception) -> None:
    def limit(_number: int, _frame: object) -> None:
        raise error

    def slow(_attempt: Attempt) -> None:
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, limit)
    try:
        with scripted_server([BUSY, SESSION]) as server, pytest.raises(type(error), match="the limit"):
            hooked(connect, server.host, slow, retries=AT_ONCE).get_ai_session("org", "s-1")
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.get_ai_session_without_preload_content("org", "s-1"),
        lambda api: api.api_client.call_api("GET", api.api_client.configuration.host),
    ],
    ids=["an operation", "call_api"],
)
def test_a_limit_of_the_application_s_leaves_no_unread_answer_open(
    connect: Connect, call: Callable[[AISessionsApi], object]
) -> None:
    def limit(_number: int, _frame: object) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, limit)
    try:
        with scripted_server([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]) as server:
            api = hooked(connect, server.host, lambda _attempt: signal.raise_signal(signal.SIGUSR1))
            with pytest.raises(SoftTimeLimitExceeded) as caught:
                call(api)
            server.wait_for_end_of_connections()
            assert caught.value.__traceback__ is not None  # what is kept keeps nothing open
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_answer_that_does_not_count_its_bytes_is_an_answer(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tell` is no part of urllib3's `BaseHTTPResponse`: its answer in a browser has none."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.delattr(urllib3.HTTPResponse, "tell")
    attempts: list[Attempt] = []
    with scripted_server([SESSION, json_answer({"message": "no"}, 404)]) as server:
        api = hooked(connect, server.host, attempts.append)
        assert api.get_ai_session("org", "s-1").id == "s-1"
        with pytest.raises(NotFoundException, match="404 Not Found: no"):
            api.get_ai_session("org", "s-1")
    assert [attempt.size for attempt in attempts] == [0, 0]


def test_a_record_of_odd_texts_can_be_written_anywhere() -> None:
    attempt = Attempt("GET", "/\ud800\x1b[2J", 1, 200, None, False, 0, 0, "\udcff\x85", None)
    assert str(attempt) == r"GET /\ud800\x1b[2J: 200, 0 bytes in 0 ms, attempt 1, request id \udcff\x85"
    str(attempt).encode("ascii")


def test_the_hook_hears_nothing_of_what_was_refused_before_it_was_sent(connect: Connect) -> None:
    attempts: list[Attempt] = []
    with pytest.raises(ValueError, match="session_id"):
        hooked(connect, "http://127.0.0.1:9", attempts.append).get_ai_session("org", "..")
    assert attempts == []


def test_the_hook_hears_of_calls_on_the_low_level_too(connect: Connect) -> None:
    attempts: list[Attempt] = []
    with scripted_server(repeat(SESSION)) as server:
        client = hooked(connect, server.host, attempts.append).api_client
        client.call_api("GET", f"{server.host}/status?secret=1").read()
    assert [(attempt.method, attempt.path, attempt.status) for attempt in attempts] == [("GET", "/status", 200)]


# urllib3's own lines


def test_what_urllib3_logs_is_its_own_and_holds_the_query_but_no_header_and_no_body(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted_server([json_answer([]), json_answer({"sessionId": "s-1"}, 201)]) as server:
        api = connect(server.host, "qc_token_never_shown")
        api.list_ai_sessions("org", user_id="anna")
        api.create_ai_session("org", {"userId": "u", "initialMessages": [{"role": "user", "content": "my secret"}]})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert any("userId=anna" in line for line in lines)
    assert not any("qc_token_never_shown" in line or "my secret" in line for line in lines)


def test_a_configuration_without_debug_leaves_the_logger_as_it_was() -> None:
    logger = logging.getLogger("quantcdn")
    before = (logger.level, list(logger.handlers))
    Configuration("https://service.example", "qc_test_token", debug=False).debug = False
    assert (logger.level, logger.handlers) == before
