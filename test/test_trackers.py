"""Error trackers, debuggers and verbose tracebacks record local variables. Those of the SDK show no secret, no content.

Each situation is met with the secrets of `test_secrets` in use, and what came out of the SDK is handed to the real
tools. What the application holds in variables of its own is shown, as of any code.
"""

import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from servers import CLOSE, RESET, STALL, Answer, answer, json_answer, scripted_server
from test_secrets import CONTENT, CREATE, OPTIONS, SECRETS, assert_hidden, client_with_secrets, untrusted
from trackers import TRACKERS

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiValueError,
    Attempt,
    Configuration,
    Conversation,
    bulk,
    iter_ai_sessions,
)
from quantcdn.bulk import Report
from quantcdn.conversation._history import History

Situation = Callable[[ExitStack], ApiClient]


def nobody(_stack: ExitStack) -> ApiClient:
    return client_with_secrets("http://127.0.0.1:1")


def answered(*script: Answer) -> Situation:
    def situation(stack: ExitStack) -> ApiClient:
        return client_with_secrets(stack.enter_context(scripted_server(list(script) * 3)).host)

    return situation


def not_trusted(stack: ExitStack) -> ApiClient:
    return client_with_secrets(stack.enter_context(untrusted()))


def behind_a_proxy(host: str, *script: Answer) -> Situation:
    def situation(stack: ExitStack) -> ApiClient:
        proxy = stack.enter_context(scripted_server(list(script) * 3)).host
        return client_with_secrets(host, proxy.removeprefix("http://"))

    return situation


@contextmanager
def refusing_socks_proxy() -> Iterator[str]:
    """A SOCKS 5 proxy that lets nobody in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    for reply in (b"\x05\x02", b"\x01\x01"):  # asks for user and password, and refuses them
                        connection.recv(1000)
                        connection.sendall(reply)

        threading.Thread(target=refuse, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def behind_socks(stack: ExitStack) -> ApiClient:
    client = client_with_secrets("http://127.0.0.1:1")
    address = stack.enter_context(refusing_socks_proxy())
    client.configuration.proxy = f"socks5h://{SECRETS['proxy user']}:{SECRETS['proxy password']}@{address}"
    return ApiClient(client.configuration, "X-Default", SECRETS["default header"])


SITUATIONS: dict[str, Situation] = {
    "refused": nobody,
    "404": answered(json_answer({"message": "no"}, 404)),
    "503": answered(json_answer({"message": "no"}, 503)),
    "unreadable": answered(answer(200, b"no JSON")),
    "closed": answered([CLOSE]),
    "reset": answered([RESET]),
    "mute": answered([STALL]),
    "no HTTP": answered([b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE]),
    "cut": answered([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", CLOSE]),
    "untrusted": not_trusted,
    "closed behind a proxy": behind_a_proxy("http://127.0.0.1:1", [CLOSE]),
    "refused by a proxy": behind_a_proxy("https://service.example", answer(407)),
    "refused by a SOCKS proxy": behind_socks,
}

CALLS: dict[str, Callable[[AISessionsApi], object]] = {
    "plain": lambda api: api.create_ai_session("org", CREATE, **OPTIONS, _request_timeout=0.3),
    "raw": lambda api: api.get_ai_session_without_preload_content("org", "s-1", **OPTIONS, _request_timeout=0.3).json(),
    "low level": lambda api: api.api_client.call_api(
        "POST", f"{api.api_client.configuration.host}/a", OPTIONS["_headers"], CONTENT, _request_timeout=0.3
    ).response.json(),
    "lowest level": lambda api: api.api_client.rest_client.request(
        "POST", f"{api.api_client.configuration.host}/a", OPTIONS["_headers"], CONTENT, _request_timeout=0.3
    ).response.json(),
}
HELPERS: dict[str, Callable[[AISessionsApi], object]] = {
    "conversation opened": lambda api: Conversation.open(
        api, "org", user_id="u", initial_messages=CREATE["initialMessages"], **OPTIONS
    ),
    "conversation resumed": lambda api: Conversation.resume(api, "org", "s-1", **OPTIONS),
    "conversation streamed": lambda api: list(
        Conversation(api, "org", "s-1", History([])).stream(CONTENT, lambda _: ["Yes"], **OPTIONS)
    ),
    "conversation found": lambda api: Conversation.latest_or_open(api, "org", user_id="u", **OPTIONS),
    "pages": lambda api: list(iter_ai_sessions(api, "org", **OPTIONS)),
    "bulk": lambda api: raise_first_of(bulk.delete(api, "org", ["s-1"], **OPTIONS)),
    "bulk selection": lambda api: bulk.delete(api, "org", bulk.Selection(), **OPTIONS),
}


def raise_first_of(report: Report) -> None:
    (result,) = report.results
    assert result.error is not None
    raise result.error


def failure_of(call: Callable[[], object]) -> BaseException | None:
    """What a call raises, from the SDK on: the tests' own functions hold secrets."""
    try:
        call()
    except BaseException as error:
        frames = error.__traceback__
        while frames is not None and not frames.tb_frame.f_globals["__name__"].startswith("quantcdn."):
            frames = frames.tb_next
        return error.with_traceback(frames)
    return None


def assert_no_tracker_shows_a_secret(error: BaseException) -> None:
    for tool in TRACKERS.values():
        assert_hidden(tool(error), content=CONTENT)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_no_tracker_finds_a_secret_in_what_the_sdk_raises(
    situation: Situation, call: Callable[[AISessionsApi], object]
) -> None:
    with ExitStack() as stack:
        api = AISessionsApi(stack.enter_context(situation(stack)))
        error = failure_of(lambda: call(api))
    if error is not None:  # the raw variants return what the others refuse
        assert_no_tracker_shows_a_secret(error)
    if call is CALLS["plain"]:
        assert isinstance(error, ApiException)


@pytest.mark.parametrize("situation", [nobody, SITUATIONS["404"]], ids=["refused", "404"])
@pytest.mark.parametrize("call", HELPERS.values(), ids=HELPERS)
def test_no_tracker_finds_a_secret_in_what_a_helper_raises(
    situation: Situation, call: Callable[[AISessionsApi], object]
) -> None:
    with ExitStack() as stack:
        api = AISessionsApi(stack.enter_context(situation(stack)))
        error = failure_of(lambda: call(api))
    if error is not None:
        assert_no_tracker_shows_a_secret(error)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda api: api.get_ai_session("org", "..", **OPTIONS),
        lambda api: api.get_ai_session("org", "s-1", _host_index=7, **OPTIONS),
        lambda api: api.get_ai_session("org", "s-1", _headers={"X-Key": f"{SECRETS['header']}\n"}),
        lambda api: api.get_ai_session("org", "s-1", _request_auth={"in": "query", "value": SECRETS["token"]}),
        lambda api: api.create_ai_session("org", {**CREATE, "userId": 7}, **OPTIONS),
        lambda api: api.api_client.call_api("GET", "http://127.0.0.1:1", {"X-Key": f"{SECRETS['header']}\n"}),
    ],
    ids=["path", "server", "header", "auth", "body", "low-level header"],
)
def test_no_tracker_finds_a_secret_in_what_the_sdk_refuses(misuse: Callable[[Any], object]) -> None:
    with client_with_secrets("http://127.0.0.1:1") as client:
        api = AISessionsApi(client)
        error = failure_of(lambda: misuse(api))
    assert isinstance(error, ValueError)
    assert_no_tracker_shows_a_secret(error)


def test_no_tracker_finds_a_secret_in_an_interrupt_that_the_application_s_own_frames_explain() -> None:
    class Limit(Exception):
        pass

    def handler(_number: int, _frame: object) -> None:
        told = "what the application knows"
        raise Limit(len(told))

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with scripted_server([[STALL]]) as server, client_with_secrets(server.host) as client:
            api = AISessionsApi(client)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            error = failure_of(lambda: api.create_ai_session("org", CREATE, **OPTIONS))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert isinstance(error, Limit)
    assert_no_tracker_shows_a_secret(error)
    for tool in TRACKERS.values():
        assert "what the application knows" in tool(error)


def test_the_frames_of_a_hook_and_of_a_token_callable_keep_their_variables() -> None:
    def stop(attempt: Attempt) -> None:
        told = f"after attempt {attempt.number}"
        raise KeyboardInterrupt(len(told))

    with scripted_server([json_answer({}, 404)]) as server, client_with_secrets(server.host) as client:
        client.configuration.on_attempt = stop
        with ApiClient(client.configuration) as hooked:
            api = AISessionsApi(hooked)
            error = failure_of(lambda: api.get_ai_session("org", "s-1", **OPTIONS))
    assert isinstance(error, KeyboardInterrupt)
    assert_no_tracker_shows_a_secret(error)
    for tool in TRACKERS.values():
        assert "after attempt 1" in tool(error)


def test_the_lines_of_a_traceback_stay_and_its_causes_keep_type_and_text() -> None:
    with client_with_secrets("http://127.0.0.1:1") as client:
        api = AISessionsApi(client)
        error = failure_of(lambda: api.get_ai_session("org", "s-1"))
    assert error is not None
    shown = "".join(traceback.format_exception(error))
    assert "api_client.py" in shown
    assert "ConnectionRefusedError: [Errno 111] Connection refused" in shown
    assert "urllib3.exceptions.NewConnectionError" in shown
    assert "urllib3/" not in shown
    assert "http/client.py" not in shown


def test_what_is_left_of_a_call_is_no_tuple_and_no_mapping() -> None:
    """So nothing can walk into it, wherever it is held."""
    from quantcdn._exchange import Exchange
    from quantcdn._wire.message import Request, Response

    for kind in (Request, Response, Exchange):
        assert not any(hasattr(kind, name) for name in ("_fields", "keys", "__iter__", "__dataclass_fields__"))


def test_header_fields_that_a_tracker_walks_into_are_shown_as_printed() -> None:
    session = json_answer({"id": "s-1"}, headers={"Set-Cookie": f"sid={SECRETS['cookie']}"})
    with scripted_server([session]) as server, client_with_secrets(server.host) as client:
        headers = AISessionsApi(client).get_ai_session_with_http_info("org", "s-1").headers
    assert headers is not None
    assert headers["set-cookie"].endswith(SECRETS["cookie"])

    with pytest.raises(LookupError) as caught:
        _fails_with(headers)
    assert_no_tracker_shows_a_secret(caught.value.with_traceback(caught.tb.tb_next))


def _fails_with(headers: object) -> None:
    raise LookupError(type(headers))


def test_no_tracker_finds_a_secret_in_an_option_that_is_refused() -> None:
    bad = f"{SECRETS['token']} {SECRETS['token']}"
    client = ApiClient(Configuration("http://127.0.0.1:1"))
    misuses: list[Callable[[], object]] = [
        lambda: Configuration(access_token=bad),
        lambda: setattr(client.configuration, "access_token", bad),
        lambda: Configuration.from_environment(None, access_token=bad),
        lambda: client_with_secrets("http://127.0.0.1:1", "host:port"),
        lambda: ApiClient(client.configuration, "X-Key", f"{SECRETS['header']}\n"),
        lambda: ApiClient(client.configuration, cookie=f"sid={SECRETS['cookie']}\n"),
        lambda: client.set_default_header("X-Key", f"{SECRETS['header']}\n"),
        lambda: setattr(client, "cookie", f"sid={SECRETS['cookie']}\n"),
    ]
    for misuse in misuses:
        error = failure_of(misuse)
        assert isinstance(error, ApiValueError)
        assert_no_tracker_shows_a_secret(error)
