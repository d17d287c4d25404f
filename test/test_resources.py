"""Sockets, threads and processes: what a client opens it closes, threads and forks never mix answers, and everything
that is handed around goes to worker processes.

Open sockets are read from /proc, so these tests need Linux.
"""

import gc
import multiprocessing
import os
import pickle
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import trustme
from conftest import TOKEN, Connect
from distributed import Client, LocalCluster
from servers import CLOSE, STALL, Answer, ScriptedServer, json_answer, scripted_server

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiResponse,
    ApiValueError,
    Attempt,
    Configuration,
    ConnectionException,
    CreateAISession201Response,
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    NotFoundException,
    OutcomeUnknownException,
    RetryPolicy,
)
from quantcdn.sandbox import Sandbox

THREADS = 16
SESSION = json_answer({"id": "s-1"})


def open_sockets() -> set[str]:
    """The sockets of this process."""
    found = set[str]()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:  # it was closed meanwhile
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def run_program(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a developer does who wants to hear of everything left open."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def echoing_server(tls: ssl.SSLContext | None = None) -> Generator[ScriptedServer, None, None]:
    """A server that answers a get with the id that was asked for."""

    def answers() -> Iterator[Answer]:
        while True:
            yield json_answer({"id": server.requests[-1].target.rpartition("/")[2]})

    with scripted_server(answers(), tls=tls) as server:
        yield server


# Sockets


def leave(client: ApiClient) -> None:
    with client:
        pass


closes = pytest.mark.parametrize("close", [ApiClient.close, leave], ids=["close()", "with"])


@closes
def test_closing_a_client_closes_every_socket_and_a_later_call_opens_again(
    sandbox_process: Sandbox, close: Callable[[ApiClient], None]
) -> None:
    before = open_sockets()
    client = ApiClient(Configuration(sandbox_process.host, sandbox_process.access_token))
    api = AISessionsApi(client)
    for _ in range(2):
        unread = [api.list_ai_sessions_without_preload_content(sandbox_process.organisation) for _ in range(3)]
        api.list_ai_sessions(sandbox_process.organisation)
        unread.pop().read()
        assert len(open_sockets() - before) == 4
        close(client)
        assert open_sockets() <= before


@closes
def test_closing_a_client_ends_an_answer_that_is_still_on_its_way(close: Callable[[ApiClient], None]) -> None:
    begun = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"id":'
    with scripted_server([[begun, STALL]]) as server:
        client = ApiClient(Configuration(server.host, TOKEN))
        raw = AISessionsApi(client).get_ai_session_without_preload_content("org", "s-1")
        close(client)
        assert raw.closed


RAW_ENDINGS: dict[str, tuple[Callable[[Any], object], int]] = {
    "read": (lambda raw: raw.read(), 1),
    "data": (lambda raw: raw.data, 1),
    "json": (lambda raw: raw.json(), 1),
    "stream": (lambda raw: list(raw.stream()), 1),
    "drained": (lambda raw: raw.drain_conn(), 1),
    "closed": (lambda raw: raw.close(), 2),
    "with": (lambda raw: raw.__enter__() and raw.__exit__(None, None, None), 2),
}


@pytest.mark.parametrize(("end", "connections"), RAW_ENDINGS.values(), ids=RAW_ENDINGS)
def test_a_raw_response_returns_its_connection_when_it_is_read_and_ends_it_when_it_is_closed(
    connect: Connect, end: Callable[[Any], object], connections: int
) -> None:
    with scripted_server([SESSION, SESSION]) as server:
        api = connect(server.host)
        end(api.get_ai_session_without_preload_content("org", "s-1"))
        api.get_ai_session("org", "s-1")
    assert server.connections == connections


def test_a_failure_that_another_attempt_made_good_is_not_kept(connect: Connect) -> None:
    def kept() -> int:
        return sum(type(thing) is ConnectionException for thing in gc.get_objects())

    with scripted_server([[CLOSE], SESSION]) as server:
        api = connect(server.host, retries=RetryPolicy(backoff=0))
        gc.collect()
        before = kept()
        gc.disable()
        try:
            assert api.get_ai_session("org", "s-1").id
            assert kept() == before
        finally:
            gc.enable()


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_returns_its_connection(connect: Connect, status: int) -> None:
    with scripted_server([json_answer({}, status), SESSION]) as server:
        api = connect(server.host)
        with pytest.raises(Exception, match=str(status)):
            api.get_ai_session("org", "s-1")
        api.get_ai_session("org", "s-1")
    assert server.connections == 1


def test_a_hundred_dropped_clients_leave_no_socket_and_no_thread(sandbox_process: Sandbox) -> None:
    gc.collect()
    sockets, threads = open_sockets(), set(threading.enumerate())
    for _ in range(100):
        api = AISessionsApi(ApiClient(Configuration(sandbox_process.host, sandbox_process.access_token)))
        api.list_ai_sessions(sandbox_process.organisation)
        api.list_ai_sessions_without_preload_content(sandbox_process.organisation)
    del api
    gc.collect()
    assert open_sockets() <= sockets
    assert set(threading.enumerate()) <= threads


PROGRAM = """
import sys
import quantcdn

host, token, organisation = sys.argv[1:]
client = quantcdn.ApiClient(quantcdn.Configuration(host, token, retries=False))
api = quantcdn.AISessionsApi(client)
created = api.create_ai_session(organisation, {"userId": "user-1"})
api.update_ai_session(organisation, created.session_id, {"newMessages": [{"role": "user", "content": "Hello"}]})
print(api.get_ai_session(organisation, created.session_id).messages[0]["content"])
api.list_ai_sessions_without_preload_content(organisation)
try:
    api.get_ai_session(organisation, "missing")
except quantcdn.NotFoundException:
    api.delete_ai_session(organisation, created.session_id)
try:
    quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration("http://127.0.0.1:1", token, retries=False))
        ).list_ai_sessions(organisation)
except quantcdn.ConnectionException:
    pass
"""


@pytest.mark.parametrize("last_line", ["", "client.close()"], ids=["never closed", "closed"])
def test_a_usual_program_warns_of_nothing_in_development_mode(sandbox_process: Sandbox, last_line: str) -> None:
    service = sandbox_process
    run = run_program(PROGRAM + last_line, service.host, service.access_token, service.organisation)
    assert (run.returncode, run.stdout, run.stderr) == (0, "Hello\n", "")


# Threads


@pytest.mark.parametrize("kept", [None, THREADS], ids=["default pool", "a connection kept for each thread"])
def test_threads_share_a_client_without_mixing_answers_and_with_a_socket_each_at_most(
    sandbox_process: Sandbox, kept: int | None
) -> None:
    service = sandbox_process
    configuration = Configuration(service.host, service.access_token)
    if kept is not None:
        configuration.connection_pool_maxsize = kept
    before = open_sockets()
    with ApiClient(configuration) as client:
        api = AISessionsApi(client)
        together = threading.Barrier(THREADS)

        def talk(number: int) -> int:
            together.wait(10)
            user = f"thread-{kept}-{number}"
            first = {"role": "user", "content": f"I am {user}"}
            created = api.create_ai_session(service.organisation, {"userId": user, "initialMessages": [first]})
            assert created.session_id
            for _ in range(10):
                session = api.get_ai_session(service.organisation, created.session_id)
                assert (session.id, session.messages) == (created.session_id, [first])
                (listed,) = api.list_ai_sessions(service.organisation, user_id=user)
                assert listed.id == created.session_id
            sockets = len(open_sockets() - before)
            api.delete_ai_session(service.organisation, created.session_id)
            return sockets

        with ThreadPoolExecutor(THREADS) as pool:
            assert 1 <= max(pool.map(talk, range(THREADS))) <= THREADS
    assert open_sockets() <= before


# Forks


FORKING = """
import json, os, sys
import quantcdn

host, authority = sys.argv[1:]
configuration = quantcdn.Configuration(host, "qc_test_token", ssl_ca_cert=authority or None, retries=False)
with quantcdn.ApiClient(configuration) as client:
    api = quantcdn.AISessionsApi(client)
    unread = api.get_ai_session_without_preload_content("org", "unread")
    api.get_ai_session("org", "before")
    child = os.fork()
    name = "parent" if child else "child"
    for number in range(100):
        session_id = f"{name}-{number}"
        found = api.get_ai_session("org", session_id).id
        assert found == session_id, f"{name} got {found}"
    if child:
        assert os.waitpid(child, 0)[1] == 0, "the child failed"
        assert unread.json() == {"id": "unread"}
        assert api.get_ai_session("org", "after").id == "after"
"""


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_after_a_fork_both_sides_work_at_once_and_never_mix(tmp_path: Path, secure: bool) -> None:
    tls, authority = None, ""
    if secure:
        issuer = trustme.CA()
        authority = str(tmp_path / "authority.pem")
        issuer.cert_pem.write_to_path(authority)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert("127.0.0.1").configure_cert(tls)
    with echoing_server(tls) as server:
        run = run_program(FORKING, server.host, authority)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(server.requests) == 2 + 2 * 100 + 1
    assert server.connections == 3  # the unread answer's, the parent's and the child's


def test_a_client_that_is_shared_with_threads_works_after_a_fork_too() -> None:
    program = """
import os, sys, threading
import quantcdn

client = quantcdn.ApiClient(quantcdn.Configuration(sys.argv[1], "qc_test_token", retries=False))
api = quantcdn.AISessionsApi(client)
api.get_ai_session("org", "before")
child = os.fork()
wrong = []

def talk(name):
    for number in range(20):
        found = api.get_ai_session("org", f"{name}-{number}").id
        if found != f"{name}-{number}":
            wrong.append(found)

threads = [threading.Thread(target=talk, args=(f"{bool(child)}-{index}",)) for index in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
client.close()
if child:
    assert os.waitpid(child, 0)[1] == 0, "the child failed"
sys.exit(len(wrong))
"""
    with echoing_server() as server:
        run = run_program(program, server.host)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(server.requests) == 1 + 2 * 8 * 20


# Configurations


MUTABLE: dict[str, Callable[[Configuration], object]] = {
    "server_variables": lambda configuration: configuration.server_variables.update(region="eu"),
    "proxy_headers": lambda configuration: configuration.proxy_headers.update({"X-A": "2"}),
    "socket_options": lambda configuration: configuration.socket_options.append((1, 2, 3)),
    "timeout": lambda configuration: setattr(configuration, "timeout", 1.0),
    "access_token": lambda configuration: setattr(configuration, "access_token", "qc_other"),
    "host": lambda configuration: setattr(configuration, "host", "https://other.example"),
}


@pytest.mark.parametrize("name", MUTABLE)
def test_a_copy_of_the_default_configuration_shares_no_mutable_state(no_defaults: None, name: str) -> None:
    default = Configuration.get_default()
    default.proxy_headers, default.socket_options = {"X-A": "1"}, [(1, 2, 0)]
    before = pickle.dumps(default)
    MUTABLE[name](Configuration.get_default_copy())
    assert pickle.dumps(default) == before
    MUTABLE[name](default)
    assert pickle.dumps(default) != before


def test_configurations_and_clients_share_no_mutable_state_with_each_other_or_with_their_maker() -> None:
    variables = {"region": "eu"}
    first, second = Configuration(server_variables=variables), Configuration(server_variables=variables)
    first.server_variables["region"] = "us"
    assert (variables, second.server_variables) == ({"region": "eu"}, {"region": "eu"})
    assert Configuration().server_variables is not Configuration().server_variables

    with ApiClient(first) as one, ApiClient(first) as other:
        one.set_default_header("X-Team", "blue")
        assert "X-Team" not in other.default_headers


# Pickling and worker processes


def options_of(configuration: Configuration) -> dict[str, Any]:
    return {name: getattr(configuration, name) for name in Configuration.__slots__}


CONFIGURATION = Configuration("https://service.example", TOKEN, retries=RetryPolicy(attempts=5), timeout=7.5)
SESSION_READ = GetAISession200Response.from_dict(
    {"id": "s-1", "createdAt": "2026-11-22T12:00:00Z", "messages": [{"role": "user", "content": "Hello"}], "new": [1]}
)
PICKLED: dict[str, Any] = {
    "request model": CreateAISessionRequest(
        user_id="user-1", initial_messages=[CreateAISessionRequestInitialMessagesInner(role="user", content="Hello")]
    ),
    "response model": SESSION_READ,
    "response model with an unknown status": CreateAISession201Response.from_dict({"status": "paused"}),
    "list of models": [ListAISessions200ResponseInner(id="s-1")],
    "answer": ApiResponse(status_code=200, headers={"X-Request-Id": "r-1"}, data=SESSION_READ, raw_data=b"{}"),
    "refusal": NotFoundException.answered(404, "Not Found", {"X-Request-Id": "r-1"}, '{"message": "no"}', {"a": 1}),
    "no answer": ConnectionException("refused", never_sent=True),
    "unknown outcome": OutcomeUnknownException(503, "Service Unavailable", body="busy"),
    "bad value": ApiValueError("bad"),
    "attempt": Attempt("GET", "/path", 1, 200, None, False, 2, 0.1, "r-1", None),
    "retry policy": RetryPolicy(attempts=5),
}


@pytest.mark.parametrize("value", PICKLED.values(), ids=PICKLED)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_value_survives_pickling(value: Any, protocol: int) -> None:
    copy = pickle.loads(pickle.dumps(value, protocol))
    assert copy == value
    assert type(copy) is type(value)


def test_a_configuration_survives_pickling_with_its_token() -> None:
    copy = pickle.loads(pickle.dumps(CONFIGURATION))
    assert options_of(copy) == options_of(CONFIGURATION)
    assert copy.access_token == TOKEN


def test_a_client_survives_pickling_without_its_connections(connect: Connect) -> None:
    with scripted_server(repeat(SESSION)) as server:
        api = connect(server.host)
        api.api_client.set_default_header("X-Team", "blue")
        api.api_client.cookie = "flavour=plain"
        api.get_ai_session("org", "s-1")
        copy: AISessionsApi = pickle.loads(pickle.dumps(api))
        with copy.api_client:
            copy.get_ai_session("org", "s-1")
        api.get_ai_session("org", "s-1")
    assert server.connections == 2
    assert [request.connection for request in server.requests] == [1, 2, 1]
    assert server.requests[0].headers == server.requests[1].headers


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_work_is_shared_among_worker_processes(sandbox_process: Sandbox, connect: Connect, method: str) -> None:
    service = sandbox_process
    api = connect(service.host, service.access_token)
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as workers:
        request = CreateAISessionRequest(user_id=f"worker-{method}", expiration_minutes=5)
        made = [workers.submit(api.create_ai_session, service.organisation, request) for _ in range(4)]
        ids = {future.result().session_id for future in made}
        assert len(ids) == 4
        listed = workers.submit(api.list_ai_sessions_with_http_info, service.organisation, request.user_id).result()
        assert {session.id for session in listed.data} == ids
        for session_id in ids:
            workers.submit(api.delete_ai_session, service.organisation, session_id).result()

        failing = workers.submit(api.get_ai_session, service.organisation, ids.pop())
        with pytest.raises(NotFoundException) as caught:
            failing.result()
    assert caught.value.status == 404
    assert caught.value.request_id
    assert len(caught.value.attempts) == 1


def test_a_dask_cluster_of_two_processes_makes_pages_and_deletes_a_thousand_sessions(
    sandbox_process: Sandbox, connect: Connect
) -> None:
    service = sandbox_process
    api = connect(service.host, service.access_token)
    organisation = service.organisation

    def make(first: int) -> int:
        for number in range(first, first + 100):
            api.create_ai_session(organisation, {"userId": "dask", "metadata": {"number": number}})
        return os.getpid()

    def delete(sessions: list[ListAISessions200ResponseInner]) -> int:
        return sum(api.delete_ai_session(organisation, session.id or "").message is not None for session in sessions)

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as dask,
    ):
        makers = dask.gather(dask.map(make, range(0, 1000, 100), pure=False))
        assert len(set(makers)) == 2
        pages = [
            dask.submit(api.list_ai_sessions, organisation, user_id="dask", limit=100, offset=offset, pure=False)
            for offset in range(0, 1000, 100)
        ]
        assert len({session.id for page in dask.gather(pages) for session in page}) == 1000
        assert sum(dask.gather(dask.map(delete, pages, pure=False))) == 1000
    assert api.list_ai_sessions(organisation, user_id="dask") == []
