"""Networks as they are: the SDK against the sandbox, with real programs in between.

nginx ends TLS, limits, refuses, redirects and loses its backend; tinyproxy and microsocks are the way out of a closed
network. `programs` starts them. Whatever a test raises or logs is searched for secrets when it ends.
"""

import base64
import contextlib
import itertools
import logging
import os
import pickle
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import programs
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from programs import Program, microsocks, nginx, nobody, quoted, tinyproxy, tls_before
from servers import CLOSE, STALL, answer, json_answer, scripted_server
from stalls import within
from urllib3.exceptions import InsecureRequestWarning

from quantcdn import (
    AISessionsApi,
    ApiClient,
    ApiException,
    ApiValueError,
    Attempt,
    BadRequestException,
    Configuration,
    ConnectionException,
    RetryPolicy,
    ServiceException,
    TimeoutException,
    TLSException,
    TooManyRequestsException,
    TransportException,
)
from quantcdn._wire.call import Call
from quantcdn.exceptions import OutcomeUnknownConnectionException, OutcomeUnknownServiceException
from quantcdn.sandbox import Sandbox, running

USER = "proxy-user"
PASSWORD = "proxy-pass.word"  # of characters that tinyproxy's configuration allows
SOCKS_PASSWORD = "p@ss:w/rd %+"
WRONG_PASSWORD = "not-the-pass.word"
OTHER_TOKEN = "qc_networks_token"

QUICK = RetryPolicy(backoff=0.01)

T = TypeVar("T")
Operation = Callable[[AISessionsApi, str, str], Any]

READS: dict[str, Operation] = {
    "get": lambda api, organisation, session: api.get_ai_session(organisation, session),
    "list": lambda api, organisation, session: api.list_ai_sessions(organisation),
    "delete": lambda api, organisation, session: api.delete_ai_session(organisation, session),
}
WRITES: dict[str, Operation] = {
    "create": lambda api, organisation, session: api.create_ai_session(organisation, {"user_id": "u-1"}),
    "update": lambda api, organisation, session: api.update_ai_session(
        organisation, session, {"new_messages": [{"role": "user", "content": "Hello"}]}
    ),
    "extend": lambda api, organisation, session: api.extend_ai_session(
        organisation, session, {"additional_minutes": 10}
    ),
}
ALL = WRITES | READS  # the one that deletes the session comes last
SUCCESS = [201, 200, 200, 200, 200, 200]

reads = pytest.mark.parametrize("operation", READS.values(), ids=READS)
writes = pytest.mark.parametrize("operation", WRITES.values(), ids=WRITES)
operations = pytest.mark.parametrize("operation", ALL.values(), ids=ALL)


class Watched(ApiClient):
    """A client that keeps every exception it raises."""

    raised: list[Exception]

    def execute(self, call: Call[T]) -> T:
        try:
            return super().execute(call)
        except Exception as error:
            self.raised.append(error)
            raise


class Network:
    """Clients of one test, and what they did.

    Attributes:
        attempts: every attempt that any of them made.
        raised: every exception that any of them raised.
    """

    def __init__(self, stack: ExitStack, sandbox: Sandbox) -> None:
        self.attempts: list[Attempt] = []
        self.raised: list[Exception] = []
        self._stack = stack
        self._sandbox = sandbox

    def client(self, host: str, **options: Any) -> AISessionsApi:
        """A client of a host, with the sandbox's token. It is closed when the test ends."""
        configuration = Configuration(host, self._sandbox.access_token, retries=QUICK)
        configuration.on_attempt = self.attempts.append
        for name, value in options.items():
            setattr(configuration, name, value)
        try:
            client = Watched(configuration)
        except Exception as error:
            self.raised.append(error)
            raise
        client.raised = self.raised
        return AISessionsApi(self._stack.enter_context(client))

    @property
    def statuses(self) -> list[int | None]:
        """What each attempt was answered."""
        return [attempt.status for attempt in self.attempts]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of this test alone."""
    with running() as service:
        yield service


@pytest.fixture
def network(sandbox: Sandbox) -> Iterator[Network]:
    with ExitStack() as stack:
        yield Network(stack, sandbox)


@pytest.fixture(autouse=True)
def nothing_secret_shows(network: Network, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No token and no password of a proxy in what was raised or logged, in any form."""
    caplog.set_level(logging.DEBUG)
    yield
    shown = [f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.get_records("call")]
    for error in network.raised:
        shown += ["".join(traceback.format_exception(error)), pickle.dumps(error).decode("latin-1")]
        part: BaseException | None = error
        while part is not None:
            shown += [str(part), repr(part), repr(vars(part))]
            part = part.__cause__ or part.__context__
    passwords = [PASSWORD, SOCKS_PASSWORD, WRONG_PASSWORD]
    secrets = [
        sandbox.access_token,
        OTHER_TOKEN,
        *passwords,
        *(escaped(password) for password in passwords),
        *(base64.b64encode(f"{USER}:{password}".encode()).decode() for password in passwords),
    ]
    assert not [(secret, text) for secret in secrets for text in shown if secret in text]


def escaped(text: str) -> str:
    """A text with every character that is not a letter or a digit percent-encoded, as it may stand in a URL."""
    return "".join(character if character.isalnum() else f"%{ord(character):02X}" for character in text)


@pytest.fixture
def direct(sandbox: Sandbox) -> Iterator[AISessionsApi]:
    """A client of the sandbox with nothing in between, to see what really happened there."""
    with ApiClient(Configuration(sandbox.host, sandbox.access_token)) as client:
        yield AISessionsApi(client)


@pytest.fixture
def session(sandbox: Sandbox, direct: AISessionsApi) -> str:
    """A session without messages."""
    created = direct.create_ai_session(sandbox.organisation, {"user_id": "u-1"})
    assert created.session_id
    return created.session_id


@dataclass(frozen=True)
class Papers:
    """Certificates, all of one private authority, each in a file together with its key."""

    authority: Path
    localhost: Path
    inner: Path
    client: Path


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    directory = tmp_path_factory.mktemp("papers")
    authority = trustme.CA()
    papers = Papers(*(directory / f"{name}.pem" for name in ("authority", "localhost", "inner", "client")))
    authority.cert_pem.write_to_path(papers.authority)
    for path, name in (papers.localhost, "localhost"), (papers.inner, "inner.example"), (papers.client, "c@c.example"):
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(path)
    return papers


def behind_tls(sandbox: Sandbox, certificate: Path, more: str = "") -> str:
    """An nginx server block that ends TLS before the sandbox."""
    return f"""
        listen LISTEN ssl;
        ssl_certificate {quoted(certificate)};
        ssl_certificate_key {quoted(certificate)};
        {more}
        {passing_on(sandbox.host)}
    """


def passing_on(backend: str, more: str = "") -> str:
    """An nginx location that passes everything on."""
    return f"location / {{ proxy_pass {backend}; {more} }}"


@pytest.fixture
def secure(tmp_path: Path, sandbox: Sandbox, papers: Papers) -> Iterator[str]:
    """The sandbox behind nginx with TLS, whose certificate is for localhost only; the value is the host and port."""
    with nginx(tmp_path, behind_tls(sandbox, papers.localhost)) as program:
        yield f"localhost:{program.port}"


# TLS


@pytest.mark.parametrize(
    "trust",
    [
        pytest.param(lambda path: {"ssl_ca_cert": str(path)}, id="by path"),
        pytest.param(lambda path: {"ca_cert_data": path.read_text()}, id="by PEM text"),
        pytest.param(lambda path: {"ca_cert_data": ssl.PEM_cert_to_DER_cert(path.read_text())}, id="by DER bytes"),
    ],
)
def test_a_private_authority_can_be_trusted(
    trust: Callable[[Path], dict[str, Any]], secure: str, network: Network, sandbox: Sandbox, papers: Papers
) -> None:
    api = network.client(f"https://{secure}", **trust(papers.authority))
    assert api.list_ai_sessions(sandbox.organisation) == []


def test_a_private_authority_can_be_named_by_ssl_cert_file(secure: str, sandbox: Sandbox, papers: Papers) -> None:
    program = """
import os
from quantcdn import AISessionsApi, ApiClient, Configuration

with ApiClient(Configuration(os.environ["HOST"], os.environ["TOKEN"])) as client:
    print(AISessionsApi(client).list_ai_sessions("sandbox"))
"""
    environment = {
        **os.environ,
        "SSL_CERT_FILE": str(papers.authority),
        "HOST": f"https://{secure}",
        "TOKEN": sandbox.access_token,
    }
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


@operations
def test_an_authority_that_is_not_trusted_is_refused_before_anything_is_sent(
    operation: Operation, secure: str, network: Network, sandbox: Sandbox, session: str
) -> None:
    api = network.client(f"https://{secure}")
    with pytest.raises(TLSException) as caught:
        operation(api, sandbox.organisation, session)
    assert caught.value.never_sent
    assert "certificate verify failed" in str(caught.value)
    assert "ssl_ca_cert" in str(caught.value)
    assert len(network.attempts) == 1


def test_a_certificate_for_another_host_name_is_refused(
    secure: str, network: Network, sandbox: Sandbox, papers: Papers
) -> None:
    address = secure.replace("localhost", "127.0.0.1")
    with pytest.raises(TLSException, match=r"127\.0\.0\.1") as caught:
        network.client(f"https://{address}", ssl_ca_cert=str(papers.authority)).list_ai_sessions(sandbox.organisation)
    assert caught.value.never_sent
    assert len(network.attempts) == 1


@pytest.mark.parametrize("expected", ["localhost", False], ids=["another name", "any name"])
def test_assert_hostname_says_which_name_the_certificate_must_have(
    expected: str | bool, secure: str, network: Network, sandbox: Sandbox, papers: Papers
) -> None:
    address = secure.replace("localhost", "127.0.0.1")
    api = network.client(f"https://{address}", ssl_ca_cert=str(papers.authority), assert_hostname=expected)
    assert api.list_ai_sessions(sandbox.organisation) == []


def test_a_certificate_without_the_name_of_assert_hostname_is_refused(
    secure: str, network: Network, sandbox: Sandbox, papers: Papers
) -> None:
    api = network.client(f"https://{secure}", ssl_ca_cert=str(papers.authority), assert_hostname="inner.example")
    with pytest.raises(TLSException, match=r"inner\.example") as caught:
        api.list_ai_sessions(sandbox.organisation)
    assert caught.value.never_sent


def test_certificates_are_read_once_for_all_connections_of_a_client(
    secure: str, network: Network, sandbox: Sandbox, papers: Papers, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_bytes(papers.authority.read_bytes())
    api = network.client(f"https://{secure}", ssl_ca_cert=str(authority))
    authority.unlink()
    for _ in range(2):
        assert api.list_ai_sessions(sandbox.organisation) == []
        api.api_client.close()  # the next call connects anew


def test_a_key_log_that_cannot_be_written_is_named(
    secure: str, network: Network, sandbox: Sandbox, papers: Papers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "absent" / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    problem = f"SSLKEYLOGFILE, which names {re.escape(repr(str(log)))}, cannot be used: .*No such file or directory"
    api = network.client(f"https://{secure}")
    with pytest.raises(TLSException, match=f": No secure connection to localhost: {problem}") as caught:
        WRITES["create"](api, sandbox.organisation, "")
    assert (caught.value.never_sent, len(caught.value.attempts)) == (True, 1)
    with pytest.raises(ApiValueError, match=f"^{problem}"):
        network.client(f"https://{secure}", ssl_ca_cert=str(papers.authority))

    log.parent.mkdir()
    trusting = network.client(f"https://{secure}", ssl_ca_cert=str(papers.authority))
    assert trusting.list_ai_sessions(sandbox.organisation) == []
    assert log.read_text().startswith("# TLS secrets log file")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_authorities_of_the_environment_that_are_not_there_are_named_where_one_is_missing(
    variable: str,
    secure: str,
    network: Network,
    sandbox: Sandbox,
    papers: Papers,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    absent = tmp_path / "absent"
    monkeypatch.setenv(variable, str(absent))
    named = re.escape(repr(str(absent)))
    with pytest.raises(TLSException, match=f"verify failed.*; {variable} names {named}, which is not there$"):
        network.client(f"https://{secure}").list_ai_sessions(sandbox.organisation)
    other = network.client(f"https://{secure}", ca_cert_data=trustme.CA().cert_pem.bytes().decode())
    with pytest.raises(TLSException, match=r"verify failed.*; name its authority with ssl_ca_cert"):
        other.list_ai_sessions(sandbox.organisation)
    trusting = network.client(f"https://{secure}", ssl_ca_cert=str(papers.authority))
    assert trusting.list_ai_sessions(sandbox.organisation) == []


def test_tls_server_name_chooses_the_server_and_the_name_in_its_certificate(
    tmp_path: Path, network: Network, sandbox: Sandbox, papers: Papers
) -> None:
    name = "add_header X-Cache $ssl_server_name;"
    inner = f"server {{ server_name inner.example; {behind_tls(sandbox, papers.inner)} }}"
    with nginx(tmp_path, behind_tls(sandbox, papers.localhost, name), inner) as program:
        trusting: dict[str, Any] = {"ssl_ca_cert": str(papers.authority)}
        outer = network.client(f"https://localhost:{program.port}", **trusting)
        chosen = network.client(f"https://127.0.0.1:{program.port}", **trusting, tls_server_name="inner.example")
        assert outer.list_ai_sessions_with_http_info(sandbox.organisation).headers["x-cache"] == "localhost"
        assert chosen.list_ai_sessions_with_http_info(sandbox.organisation).headers["x-cache"] == "inner.example"


def test_tls_server_name_is_the_name_to_verify_and_assert_hostname_parts_the_two(
    secure: str, network: Network, sandbox: Sandbox, papers: Papers
) -> None:
    options: dict[str, Any] = {"ssl_ca_cert": str(papers.authority), "tls_server_name": "inner.example"}
    with pytest.raises(TLSException, match=r"inner\.example"):  # the certificate is for localhost
        network.client(f"https://{secure}", **options).list_ai_sessions(sandbox.organisation)
    parted = network.client(f"https://{secure}", **options, assert_hostname="localhost")
    assert parted.list_ai_sessions(sandbox.organisation) == []


def test_verification_can_be_turned_off_and_warns(secure: str, network: Network, sandbox: Sandbox) -> None:
    api = network.client(f"https://{secure}", verify_ssl=False)
    with pytest.warns(InsecureRequestWarning, match="localhost"):
        assert api.list_ai_sessions(sandbox.organisation) == []


class TestMutualTLS:
    @pytest.fixture
    def mutual(self, tmp_path: Path, sandbox: Sandbox, papers: Papers) -> Iterator[str]:
        more = f"ssl_client_certificate {quoted(papers.authority)}; ssl_verify_client on;"
        with nginx(tmp_path, behind_tls(sandbox, papers.localhost, more)) as program:
            yield f"https://localhost:{program.port}"

    def test_a_client_certificate_is_presented(
        self, mutual: str, network: Network, sandbox: Sandbox, papers: Papers
    ) -> None:
        client = {"cert_file": str(papers.client), "key_file": str(papers.client)}
        api = network.client(mutual, ssl_ca_cert=str(papers.authority), **client)
        assert api.list_ai_sessions(sandbox.organisation) == []

    @operations
    def test_without_one_the_error_says_so(
        self, operation: Operation, mutual: str, network: Network, sandbox: Sandbox, session: str, papers: Papers
    ) -> None:
        api = network.client(mutual, ssl_ca_cert=str(papers.authority))
        with pytest.raises(BadRequestException, match="No required SSL certificate was sent"):
            operation(api, sandbox.organisation, session)
        assert network.statuses == [400]


@pytest.mark.parametrize(
    ("option", "content"),
    [
        pytest.param("ssl_ca_cert", None, id="no file of authorities"),
        pytest.param("ssl_ca_cert", "no certificate", id="authorities by path that are none"),
        pytest.param("ca_cert_data", "no certificate", id="text that holds no authority"),
        pytest.param("ca_cert_data", b"no certificate", id="bytes that hold no authority"),
        pytest.param("cert_file", None, id="no file of its own certificate"),
        pytest.param("cert_file", "no certificate", id="a certificate of its own that is none"),
    ],
)
def test_certificates_that_cannot_be_used_are_refused_by_the_name_of_their_option(
    option: str, content: str | bytes | None, network: Network, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "file.pem"
    if isinstance(content, str):
        path.write_text(content)
    with pytest.raises(ApiValueError, match=f"^{option} .*cannot be used: "):
        network.client("https://localhost", **{option: content if option == "ca_cert_data" else str(path)})


@pytest.mark.parametrize("key", ["of another certificate", "encrypted"])
def test_a_key_that_cannot_be_used_is_refused(key: str, network: Network, papers: Papers, tmp_path: Path) -> None:
    if key == "encrypted":
        path = tmp_path / "key.pem"
        loaded = load_pem_private_key(papers.client.read_bytes(), password=None)
        encryption = BestAvailableEncryption(b"a password")
        path.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    else:
        path = papers.inner
    with pytest.raises(ApiValueError, match=r"^cert_file with its key_file cannot be used: "):
        network.client("https://localhost", cert_file=str(papers.client), key_file=str(path))


# A gateway that limits, fails or refuses


def test_limits_on_kept_connections_lose_nothing_and_double_nothing(
    tmp_path: Path, network: Network, sandbox: Sandbox, direct: AISessionsApi, session: str
) -> None:
    order = ["create", "get", "list", "update", "extend", "delete"]
    made: list[str] = []
    with nginx(tmp_path, "keepalive_requests 2; keepalive_timeout 100ms;" + passing_on(sandbox.host)) as program:
        api = network.client(f"http://{program.address}")
        for name in itertools.islice(itertools.cycle(order), 50):
            answered = ALL[name](api, sandbox.organisation, made.pop() if name == "delete" else session)
            if name == "create":
                made.append(answered.session_id)
            elif name == "get":
                time.sleep(0.2)  # twice as long as nginx keeps an idle connection
        connections = [line.split()[0] for line in program.lines(50)]
    assert [attempt.number for attempt in network.attempts] == [1] * 50
    assert len(connections) == 50
    assert len(set(connections)) >= 25
    assert {item.id for item in direct.list_ai_sessions(sandbox.organisation)} == {session, *made}
    assert len(direct.get_ai_session(sandbox.organisation, session).messages or []) == 8


@operations
def test_a_limit_on_requests_is_waited_out_by_every_operation(
    operation: Operation, tmp_path: Path, network: Network, sandbox: Sandbox, direct: AISessionsApi, session: str
) -> None:
    limit = "limit_req zone=all; limit_req_status 429;"
    zone = "limit_req_zone $binary_remote_addr zone=all:1m rate=1r/s;"
    before = facts(direct, sandbox.organisation)
    with nginx(tmp_path, limit + passing_on(sandbox.host), zone) as program:
        api = network.client(f"http://{program.address}", retries=RetryPolicy(attempts=5, backoff=0.3))
        api.list_ai_sessions(sandbox.organisation)
        operation(api, sandbox.organisation, session)
        seen = [line.split()[-1] for line in program.lines(len(network.attempts))]
    assert network.statuses[:2] == [200, 429]
    assert network.statuses[-1] in (200, 201)
    added = -1 if operation is READS["delete"] else int(operation in (WRITES["create"], WRITES["update"]))
    assert facts(direct, sandbox.organisation) - before == added
    assert seen == [str(status) for status in network.statuses]


def test_a_limit_that_says_when_to_come_back_is_obeyed(
    tmp_path: Path, network: Network, sandbox: Sandbox, session: str
) -> None:
    limit = "limit_req zone=all; limit_req_status 429; add_header Retry-After 1 always;"
    zone = "limit_req_zone $binary_remote_addr zone=all:1m rate=1r/s;"
    with nginx(tmp_path, limit + passing_on(sandbox.host), zone) as program:
        api = network.client(f"http://{program.address}")
        WRITES["update"](api, sandbox.organisation, session)
        WRITES["update"](api, sandbox.organisation, session)
        assert network.statuses == [200, 429, 200]
        assert network.attempts[1].retry_in == 1.0
        with pytest.raises(TooManyRequestsException, match="429 Too Many Requests"):
            # Not enough patience to come back in a second.
            api.list_ai_sessions(sandbox.organisation, _request_timeout=0.5)


@reads
def test_a_dead_backend_is_tried_three_times_by_what_may_be_repeated(
    operation: Operation, tmp_path: Path, network: Network, sandbox: Sandbox, session: str
) -> None:
    with nobody() as dead, nginx(tmp_path, passing_on(f"http://{dead}")) as program:
        with pytest.raises(ServiceException, match="502 Bad Gateway") as caught:
            operation(network.client(f"http://{program.address}"), sandbox.organisation, session)
        assert network.statuses == [502, 502, 502]
        assert caught.value.attempts == tuple(network.attempts)


@writes
def test_a_dead_backend_leaves_the_outcome_of_a_write_unknown_after_one_attempt(
    operation: Operation, tmp_path: Path, network: Network, sandbox: Sandbox, session: str
) -> None:
    with nobody() as dead, nginx(tmp_path, passing_on(f"http://{dead}")) as program:
        with pytest.raises(OutcomeUnknownServiceException, match="502 Bad Gateway"):
            operation(network.client(f"http://{program.address}"), sandbox.organisation, session)
        assert network.statuses == [502]


def test_a_backend_that_comes_back_is_reached_by_the_next_attempt(
    tmp_path: Path, network: Network, sandbox: Sandbox
) -> None:
    script = [[CLOSE], json_answer([])]
    with scripted_server(script) as backend, nginx(tmp_path, passing_on(backend.host)) as program:
        assert network.client(f"http://{program.address}").list_ai_sessions(sandbox.organisation) == []
    assert network.statuses == [502, 200]


@operations
def test_a_backend_that_is_too_slow_is_a_504(
    operation: Operation, tmp_path: Path, network: Network, sandbox: Sandbox
) -> None:
    write = operation in WRITES.values()
    impatient = "proxy_read_timeout 50ms;"
    with (
        scripted_server([[STALL]] * 3) as backend,
        nginx(tmp_path, passing_on(backend.host, impatient)) as program,
        pytest.raises(OutcomeUnknownServiceException if write else ServiceException, match="504"),
    ):
        operation(network.client(f"http://{program.address}"), sandbox.organisation, "s-1")
    attempts = 1 if write else 3
    assert network.statuses == [504] * attempts
    assert len(backend.requests) == attempts


@pytest.mark.parametrize("size", [2_000, 3_000_000], ids=["small", "more than the sockets hold"])
def test_a_body_that_is_too_large_for_the_gateway_is_a_413(
    size: int, tmp_path: Path, network: Network, sandbox: Sandbox, direct: AISessionsApi
) -> None:
    with nginx(tmp_path, "client_max_body_size 1k;" + passing_on(sandbox.host)) as program:
        api = network.client(f"http://{program.address}")
        with pytest.raises(ApiException, match="413 Request Entity Too Large") as caught:
            api.create_ai_session(sandbox.organisation, {"user_id": "u-1", "metadata": {"text": "x" * size}})
    assert caught.value.status == 413
    assert network.statuses == [413]
    assert direct.list_ai_sessions(sandbox.organisation) == []


@operations
def test_a_redirect_to_https_is_not_followed_and_named(
    operation: Operation, tmp_path: Path, network: Network, sandbox: Sandbox, session: str
) -> None:
    with nginx(tmp_path, "return 301 https://secure.example$request_uri;") as program:
        api = network.client(f"http://{program.address}")
        with pytest.raises(ApiException, match=r"leads to https://secure\.example/api/v3/") as caught:
            operation(api, sandbox.organisation, session)
    assert caught.value.status == 301
    assert network.statuses == [301]


# Answers in the forms that gateways give them


def test_an_answer_compressed_on_the_way_is_read(
    tmp_path: Path, network: Network, sandbox: Sandbox, session: str
) -> None:
    compressing = "gzip on; gzip_types application/json; gzip_min_length 0;"
    with nginx(tmp_path, compressing + passing_on(sandbox.host)) as program:
        api = network.client(f"http://{program.address}")
        answered = api.list_ai_sessions_with_http_info(sandbox.organisation, _headers={"Accept-Encoding": "gzip"})
        assert answered.headers["content-encoding"] == "gzip"
        assert [item.id for item in answered.data] == [session]
        assert [item.id for item in api.list_ai_sessions(sandbox.organisation)] == [session]


def test_a_body_of_an_http_1_0_backend_that_ends_with_its_connection_is_read(
    tmp_path: Path, network: Network, sandbox: Sandbox
) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
    script = [[head + b'[{"id": "s-1"},', b'{"id": "s-2"}]', CLOSE]]
    with scripted_server(script) as backend, nginx(tmp_path, passing_on(backend.host)) as program:
        answered = network.client(f"http://{program.address}").list_ai_sessions_with_http_info(sandbox.organisation)
    assert answered.headers["transfer-encoding"] == "chunked"
    assert [item.id for item in answered.data] == ["s-1", "s-2"]


def test_a_client_that_is_answered_in_http_1_0_works(tmp_path: Path, network: Network, sandbox: Sandbox) -> None:
    plain = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[]"
    with scripted_server([[plain, CLOSE], [plain, CLOSE]]) as backend:
        api = network.client(backend.host)
        assert [api.list_ai_sessions(sandbox.organisation) for _ in range(2)] == [[], []]


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"], ids=["by length", "chunked"]
)
def test_a_body_that_the_backend_breaks_off_is_a_failure_like_a_lost_connection(
    framing: bytes, tmp_path: Path, network: Network, sandbox: Sandbox
) -> None:
    start = b'a\r\n{"sessionId\r\n' if b"chunked" in framing else b'{"sessionId'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + framing + b"\r\n\r\n"
    broken = [head + start, CLOSE]
    script = [broken, broken, json_answer([])]
    location = "proxy_http_version 1.1;"
    with scripted_server(script) as backend, nginx(tmp_path, passing_on(backend.host, location)) as program:
        api = network.client(f"http://{program.address}")
        with pytest.raises(OutcomeUnknownConnectionException):
            api.create_ai_session(sandbox.organisation, {"user_id": "u-1"})
        assert api.list_ai_sessions(sandbox.organisation) == []
    assert [attempt.number for attempt in network.attempts] == [1, 1, 2]


@pytest.mark.parametrize("ending", ["/prefix", "/prefix/", "/prefix/api/v3", "/prefix/api/v3/"])
def test_a_host_with_a_path_prefix_is_reached(
    ending: str, tmp_path: Path, network: Network, sandbox: Sandbox, session: str
) -> None:
    location = f"location /prefix/api/v3/ {{ proxy_pass {sandbox.host}/api/v3/; }}"
    with nginx(tmp_path, location) as program:
        api = network.client(f"http://{program.address}{ending}")
        for operation in ALL.values():
            operation(api, sandbox.organisation, session)
        paths = [line.split()[2] for line in program.lines(6)]
    assert network.statuses == SUCCESS
    assert all(path.startswith("/prefix/api/v3/organizations/") for path in paths)


@pytest.mark.parametrize("buffering", ["on", "off"])
def test_large_bodies_pass_in_both_directions(
    buffering: str, tmp_path: Path, network: Network, sandbox: Sandbox, papers: Papers, session: str
) -> None:
    more = f"client_max_body_size 2m; proxy_buffering {buffering}; proxy_request_buffering {buffering};"
    content = "ü€" * 100_000  # 500,000 bytes in UTF-8
    with nginx(tmp_path, behind_tls(sandbox, papers.localhost, more)) as program:
        api = network.client(f"https://localhost:{program.port}", ssl_ca_cert=str(papers.authority))
        for _ in range(4):
            api.update_ai_session(
                sandbox.organisation, session, {"new_messages": [{"role": "user", "content": content}]}
            )
        messages = api.get_ai_session(sandbox.organisation, session).messages
    assert messages is not None
    assert [message["content"] for message in messages] == [content] * 4


# HTTP proxies

INSIDE = f"http://{USER}:{escaped(PASSWORD)}@"
"""The start of the URL of a proxy that asks for credentials."""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Program]:
    """A proxy for everybody."""
    with tinyproxy(tmp_path) as program:
        yield program


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Program]:
    """A proxy that asks for credentials."""
    with tinyproxy(tmp_path, (USER, PASSWORD)) as program:
        yield program


@pytest.fixture(params=["http", "https"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, papers: Papers
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A server and the options to reach it: the sandbox itself, and the sandbox behind TLS."""
    if request.param == "http":
        yield sandbox.host, {}
    else:
        with nginx(tmp_path_factory.mktemp("target"), behind_tls(sandbox, papers.localhost)) as program:
            yield f"https://localhost:{program.port}", {"ssl_ca_cert": str(papers.authority)}


Target = tuple[str, dict[str, Any]]


def by_no_name_of_this_machine(host: str) -> str:
    """The same server by an address that is none of loopback: proxies of the environment lead there."""
    return host.replace("127.0.0.1", "0.0.0.0").replace("localhost", "0.0.0.0")


@pytest.fixture
def plain_elsewhere(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sandbox, as if it were on another machine: the base URL."""
    with nginx(tmp_path_factory.mktemp("elsewhere"), passing_on(sandbox.host)) as program:
        yield by_no_name_of_this_machine(f"http://{program.address}")


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, target: Target) -> Target:
    """The same for each target."""
    host, options = target
    if host.startswith("http:"):
        return request.getfixturevalue("plain_elsewhere"), options
    return by_no_name_of_this_machine(host), {**options, "assert_hostname": "localhost"}


in_the_clear = pytest.mark.filterwarnings("ignore:.*is plain HTTP")


def requests_to(program: Program) -> list[str]:
    """What tinyproxy was asked: method and URL, or address."""
    requests = (line.partition("): ")[2] for line in program.lines() if "Request (" in line)
    return [" ".join(request.split()[:2]) for request in requests]


def clients_of_tinyproxy(network: Network, host: str, **options: Any) -> list[AISessionsApi]:
    """A client for each operation: the same for a tunnel, which is kept, else one each.

    tinyproxy closes the connection after each plain request without saying so. Who uses it again at that very moment
    loses the race, and for a write that is an unknown outcome.
    """
    if host.startswith("https"):
        return [network.client(host, **options)] * len(ALL)
    return [network.client(host, **options) for _ in ALL]


def test_every_operation_goes_through_a_proxy(
    target: Target, proxy: Program, network: Network, sandbox: Sandbox, session: str
) -> None:
    host, options = target
    clients = clients_of_tinyproxy(network, host, proxy=f"http://{proxy.address}", **options)
    for operation, api in zip(ALL.values(), clients, strict=True):
        operation(api, sandbox.organisation, session)
    assert network.statuses == SUCCESS
    address = host.partition("://")[2]
    assert len(requests_to(proxy)) == (1 if host.startswith("https") else 6)  # a tunnel is kept
    assert all(address in request for request in requests_to(proxy))


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(lambda address: {"proxy": f"{INSIDE}{address}"}, id="in the URL"),
        pytest.param(
            lambda address: {
                "proxy": f"http://{address}",
                "proxy_headers": {"Proxy-Authorization": f"Basic {basic(USER, PASSWORD)}"},
            },
            id="in headers",
        ),
    ],
)
def test_a_proxy_is_given_its_credentials(
    credentials: Callable[[str], dict[str, Any]], target: Target, guarded: Program, network: Network, sandbox: Sandbox
) -> None:
    host, options = target
    api = network.client(host, **options, **credentials(guarded.address))
    assert api.list_ai_sessions(sandbox.organisation) == []


@operations
@pytest.mark.parametrize("credentials", ["", f"{USER}:{WRONG_PASSWORD}@"], ids=["none", "wrong ones"])
def test_a_proxy_that_refuses_the_credentials_is_asked_once(
    credentials: str,
    operation: Operation,
    target: Target,
    guarded: Program,
    network: Network,
    sandbox: Sandbox,
    session: str,
) -> None:
    host, options = target
    api = network.client(host, proxy=f"http://{credentials}{guarded.address}", **options)
    with pytest.raises(ApiException, match=r"40[17] (Proxy Authentication Required|Unauthorized)") as caught:
        operation(api, sandbox.organisation, session)
    assert len(network.attempts) == 1
    assert len(requests_to(guarded)) == 1
    if host.startswith("https"):
        assert isinstance(caught.value, ConnectionException)
        assert caught.value.never_sent


def test_credentials_in_a_proxy_url_are_sent_as_they_read(network: Network, sandbox: Sandbox) -> None:
    with scripted_server([json_answer([])]) as proxy:
        url = f"http://{USER}:{escaped(SOCKS_PASSWORD)}@{proxy.host.partition('//')[2]}"
        assert network.client("http://service.localhost", proxy=url).list_ai_sessions(sandbox.organisation) == []
    assert proxy.request.headers["proxy-authorization"] == f"Basic {basic(USER, SOCKS_PASSWORD)}"


def test_nothing_but_the_address_of_a_secure_target_is_shown_to_a_proxy(network: Network, sandbox: Sandbox) -> None:
    with scripted_server([answer(403)]) as proxy:
        api = network.client("https://service.example", proxy=f"{INSIDE}{proxy.host.partition('//')[2]}")
        with pytest.raises(ConnectionException, match="403 Forbidden"):
            api.list_ai_sessions(sandbox.organisation)
    assert proxy.request.target == "service.example:443"
    assert "authorization" not in proxy.request.headers
    assert proxy.request.headers["proxy-authorization"] == f"Basic {basic(USER, PASSWORD)}"


def test_the_credentials_of_a_proxy_stay_with_the_proxy(
    tmp_path: Path, guarded: Program, network: Network, sandbox: Sandbox, papers: Papers
) -> None:
    shown = 'add_header X-Cache "[$http_proxy_authorization]";'
    with nginx(tmp_path, behind_tls(sandbox, papers.localhost, shown)) as program:
        options = {"proxy": f"{INSIDE}{guarded.address}", "ssl_ca_cert": str(papers.authority)}
        answered = network.client(f"https://localhost:{program.port}", **options).list_ai_sessions_with_http_info(
            sandbox.organisation
        )
        assert answered.headers["x-cache"] == "[]"


@in_the_clear
@pytest.mark.parametrize("upper", [False, True], ids=["lower case", "upper case"])
@pytest.mark.parametrize("name", ["scheme", "all"])
def test_a_proxy_of_the_environment_is_used(
    name: str,
    upper: bool,
    elsewhere: Target,
    guarded: Program,
    network: Network,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, options = elsewhere
    variable = f"{host.partition(':')[0] if name == 'scheme' else 'all'}_proxy"
    monkeypatch.setenv(variable.upper() if upper else variable, f"{INSIDE}{guarded.address}")
    assert network.client(host, **options).list_ai_sessions(sandbox.organisation) == []
    assert len(requests_to(guarded)) == 1


def test_a_proxy_of_the_environment_does_not_lead_to_this_machine(
    target: Target, proxy: Program, network: Network, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{proxy.address}")
    host, options = target
    assert network.client(host, **options).list_ai_sessions(sandbox.organisation) == []
    assert requests_to(proxy) == []
    told = network.client(host, proxy=f"http://{proxy.address}", **options)
    assert told.list_ai_sessions(sandbox.organisation) == []
    assert len(requests_to(proxy)) == 1


@in_the_clear
@pytest.mark.parametrize("exception", ["0.0.0.0", "other.example 0.0.0.0/8", "*"])
@pytest.mark.parametrize("upper", [False, True], ids=["lower case", "upper case"])
def test_no_proxy_names_the_servers_that_are_reached_directly(
    upper: bool,
    exception: str,
    elsewhere: Target,
    network: Network,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, options = elsewhere
    with nobody() as dead:
        monkeypatch.setenv("ALL_PROXY", f"http://{dead}")
        monkeypatch.setenv("NO_PROXY" if upper else "no_proxy", exception)
        assert network.client(host, **options).list_ai_sessions(sandbox.organisation) == []


@in_the_clear
@pytest.mark.parametrize("exception", ["127.0.0.1,::", "[::]", "[::]:PORT", "::/64"])
def test_no_proxy_may_name_an_ipv6_address(
    exception: str, network: Network, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody() as dead, scripted_server([json_answer([])], "::1") as server:
        monkeypatch.setenv("ALL_PROXY", f"http://{dead}")
        monkeypatch.setenv("NO_PROXY", exception.replace("PORT", str(server.address[1])))
        host = server.host.replace("::1", "::")
        assert network.client(host).list_ai_sessions(sandbox.organisation) == []


@in_the_clear
def test_the_environment_is_read_when_the_client_is_made(
    plain_elsewhere: str, network: Network, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody() as dead:
        monkeypatch.setenv("ALL_PROXY", f"http://{dead}")
        monkeypatch.setenv("NO_PROXY", "0.0.0.0")
        api = network.client(plain_elsewhere)
        monkeypatch.delenv("NO_PROXY")
        assert api.list_ai_sessions(sandbox.organisation) == []


@in_the_clear
def test_no_proxy_does_not_concern_other_servers(
    proxy: Program, plain_elsewhere: str, network: Network, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", "other.example")
    assert network.client(plain_elsewhere).list_ai_sessions(sandbox.organisation) == []
    assert len(requests_to(proxy)) == 1


def test_no_proxy_does_not_concern_a_proxy_that_the_configuration_names(
    proxy: Program, network: Network, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    api = network.client(sandbox.host, proxy=f"http://{proxy.address}")
    assert api.list_ai_sessions(sandbox.organisation) == []
    assert len(requests_to(proxy)) == 1


@in_the_clear
def test_trust_env_off_leaves_the_environment_alone(
    elsewhere: Target, network: Network, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, options = elsewhere
    with nobody() as dead:
        for name in "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY":
            monkeypatch.setenv(name, f"http://{dead}")
        assert network.client(host, trust_env=False, **options).list_ai_sessions(sandbox.organisation) == []


@operations
def test_a_proxy_that_is_down_means_that_nothing_was_sent(
    operation: Operation, target: Target, network: Network, sandbox: Sandbox, session: str
) -> None:
    host, options = target
    with nobody() as dead:
        api = network.client(host, proxy=f"{INSIDE}{dead}", **options)
        with pytest.raises(
            ConnectionException, match=rf"proxy \w+://{dead} of Configuration\.proxy: .*refused"
        ) as caught:
            operation(api, sandbox.organisation, session)
    assert caught.value.never_sent
    assert len(network.attempts) == 3


def test_a_proxy_that_cannot_reach_a_secure_target_means_that_nothing_was_sent(
    proxy: Program, network: Network, sandbox: Sandbox
) -> None:
    with nobody() as dead:
        api = network.client(f"https://{dead}", proxy=f"http://{proxy.address}")
        with pytest.raises(ConnectionException, match=r"proxy.*500") as caught:
            WRITES["create"](api, sandbox.organisation, "")
    assert caught.value.never_sent
    assert len(network.attempts) == 3


def test_an_authority_that_is_not_trusted_is_refused_behind_a_proxy_too(
    secure: str, proxy: Program, network: Network, sandbox: Sandbox
) -> None:
    api = network.client(f"https://{secure}", proxy=f"http://{proxy.address}")
    with pytest.raises(TLSException, match="certificate verify failed") as caught:
        WRITES["create"](api, sandbox.organisation, "")
    assert caught.value.never_sent
    assert len(network.attempts) == 1


class TestSecureProxies:
    """A proxy that is itself reached over TLS."""

    @pytest.fixture
    def address(self, guarded: Program, tmp_path_factory: pytest.TempPathFactory, papers: Papers) -> Iterator[str]:
        with tls_before(tmp_path_factory.mktemp("before"), guarded.address, papers.localhost) as program:
            yield f"localhost:{program.port}"

    def test_every_operation_goes_through_one(
        self, target: Target, address: str, network: Network, sandbox: Sandbox, session: str, papers: Papers
    ) -> None:
        host, _ = target
        proxy = f"https://{USER}:{PASSWORD}@{address}"
        clients = clients_of_tinyproxy(network, host, proxy=proxy, ssl_ca_cert=str(papers.authority))
        for operation, api in zip(ALL.values(), clients, strict=True):
            operation(api, sandbox.organisation, session)
        assert network.statuses == SUCCESS

    @operations
    def test_one_that_is_not_trusted_is_given_nothing(
        self, operation: Operation, target: Target, address: str, guarded: Program, network: Network, sandbox: Sandbox
    ) -> None:
        api = network.client(target[0], proxy=f"https://{USER}:{PASSWORD}@{address}")
        with pytest.raises(ConnectionException, match=r"proxy: .*certificate verify failed") as caught:
            operation(api, sandbox.organisation, "s-1")
        assert caught.value.never_sent
        assert len(network.attempts) == 1
        assert requests_to(guarded) == []

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param([STALL], id="says nothing"),
            pytest.param([b"HTTP/1.1 200 OK\r\n", *([b"X: y\r\n", 0.05] * 20)], id="trickles headers"),
            pytest.param(
                [b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n", *([b" ", 0.05] * 20)], id="trickles a body"
            ),
        ],
    )
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_server_behind_one_is_given_up_in_time(
        self, scheme: str, script: Any, address: str, network: Network, sandbox: Sandbox, papers: Papers, tmp_path: Path
    ) -> None:
        with ExitStack() as stack:
            server = stack.enter_context(scripted_server([script]))
            host = server.host
            if scheme == "https":
                backend = f"127.0.0.1:{server.address[1]}"
                host = f"https://localhost:{stack.enter_context(tls_before(tmp_path, backend, papers.localhost)).port}"
            proxy = f"https://{USER}:{PASSWORD}@{address}"
            api = network.client(host, proxy=proxy, ssl_ca_cert=str(papers.authority))
            with a_quarter_second_later_at_most():
                api.list_ai_sessions(sandbox.organisation, _request_timeout=PATIENCE)

    def test_a_tls_handshake_behind_one_is_given_up_in_time(
        self, address: str, network: Network, sandbox: Sandbox, papers: Papers
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            proxy = f"https://{USER}:{PASSWORD}@{address}"
            host = f"https://127.0.0.1:{silent.getsockname()[1]}"
            api = network.client(host, proxy=proxy, ssl_ca_cert=str(papers.authority))
            with a_quarter_second_later_at_most():
                api.list_ai_sessions(sandbox.organisation, _request_timeout=PATIENCE)


# Deadlines on the way through proxies

PATIENCE = 0.3


@contextlib.contextmanager
def a_quarter_second_later_at_most() -> Iterator[None]:
    with within(PATIENCE, least=PATIENCE - 0.05), pytest.raises(TimeoutException):
        yield


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_a_proxy_that_says_nothing_is_given_up_in_time(scheme: str, network: Network, sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        api = network.client("https://service.example", proxy=f"{scheme}://{address}")
        with a_quarter_second_later_at_most():
            api.list_ai_sessions(sandbox.organisation, _request_timeout=PATIENCE)


@pytest.mark.parametrize("kind", [tinyproxy, microsocks])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param([STALL], id="says nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\n", *([b"X: y\r\n", 0.05] * 20)], id="trickles headers"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n", *([b" ", 0.05] * 20)], id="trickles a body"),
    ],
)
def test_a_server_behind_a_proxy_is_given_up_in_time(
    script: Sequence[Any], kind: Any, tmp_path: Path, network: Network, sandbox: Sandbox
) -> None:
    with scripted_server([script]) as server, kind(tmp_path) as program:
        proxy = f"{'http' if kind is tinyproxy else 'socks5h'}://{program.address}"
        api = network.client(server.host, proxy=proxy)
        with a_quarter_second_later_at_most():
            api.list_ai_sessions(sandbox.organisation, _request_timeout=PATIENCE)


@pytest.mark.parametrize("kind", [tinyproxy, microsocks])
def test_a_tls_handshake_behind_a_proxy_is_given_up_in_time(
    kind: Any, tmp_path: Path, network: Network, sandbox: Sandbox
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, kind(tmp_path) as program:
        proxy = f"{'http' if kind is tinyproxy else 'socks5h'}://{program.address}"
        api = network.client(f"https://127.0.0.1:{silent.getsockname()[1]}", proxy=proxy)
        with a_quarter_second_later_at_most():
            api.list_ai_sessions(sandbox.organisation, _request_timeout=PATIENCE)
    assert isinstance(network.raised[0], TransportException)
    assert network.raised[0].never_sent


def test_a_socks_proxy_that_trickles_is_given_up_in_time(network: Network, sandbox: Sandbox) -> None:
    with trickling(b"\x05\x00" + b"\x05\x00\x00\x01" + 6 * b"\x00") as address:
        api = network.client("http://service.localhost", proxy=f"socks5h://{address}")
        with a_quarter_second_later_at_most():
            api.list_ai_sessions(sandbox.organisation, _request_timeout=PATIENCE)
    assert isinstance(network.raised[0], TransportException)
    assert network.raised[0].never_sent


@contextlib.contextmanager
def trickling(answer: bytes) -> Iterator[str]:
    """A server that says, whatever it is asked, an answer of its own, ten bytes a second; the value is its address."""
    over = threading.Event()

    def trickle() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionError):
            for byte in answer:
                connection.sendall(bytes([byte]))
                if over.wait(0.1):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


# SOCKS

SOCKS_INSIDE = f"{USER}:{escaped(SOCKS_PASSWORD)}@"


@pytest.fixture
def socks(tmp_path: Path) -> Iterator[Program]:
    """A SOCKS proxy for everybody."""
    with microsocks(tmp_path) as program:
        yield program


@pytest.fixture
def guarded_socks(tmp_path: Path) -> Iterator[Program]:
    """A SOCKS proxy that asks for credentials."""
    with microsocks(tmp_path, (USER, SOCKS_PASSWORD)) as program:
        yield program


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_every_operation_goes_through_a_socks_proxy(
    scheme: str, target: Target, socks: Program, network: Network, sandbox: Sandbox, session: str
) -> None:
    host, options = target
    api = network.client(host, proxy=f"{scheme}://{socks.address}", **options)
    for operation in ALL.values():
        operation(api, sandbox.organisation, session)
    assert network.statuses == SUCCESS
    connected = [line for line in socks.lines() if "connected to" in line]
    assert len(connected) == 1  # and kept
    name, _, port = host.partition("://")[2].rpartition(":")
    seen = name if scheme == "socks5h" else socket.getaddrinfo(name, None)[0][4][0]  # or the proxy looks the name up
    assert connected[0].endswith(f"connected to {seen}:{port}")


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_is_given_its_credentials(
    scheme: str, target: Target, guarded_socks: Program, network: Network, sandbox: Sandbox
) -> None:
    host, options = target
    api = network.client(host, proxy=f"{scheme}://{SOCKS_INSIDE}{guarded_socks.address}", **options)
    assert api.list_ai_sessions(sandbox.organisation) == []


@operations
@pytest.mark.parametrize("credentials", ["", f"{USER}:{WRONG_PASSWORD}@"], ids=["none", "wrong ones"])
def test_a_socks_proxy_that_refuses_the_credentials_means_that_nothing_was_sent(
    credentials: str,
    operation: Operation,
    guarded_socks: Program,
    network: Network,
    sandbox: Sandbox,
    session: str,
) -> None:
    api = network.client(sandbox.host, proxy=f"socks5h://{credentials}{guarded_socks.address}")
    with pytest.raises(ConnectionException, match=r"(?i)proxy.*auth") as caught:
        operation(api, sandbox.organisation, session)
    assert caught.value.never_sent
    assert len(network.attempts) == 1


@pytest.mark.parametrize("variable", ["all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"])
def test_a_socks_proxy_of_the_environment_is_used(
    variable: str,
    secure: str,
    guarded_socks: Program,
    network: Network,
    sandbox: Sandbox,
    papers: Papers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, f"socks5h://{SOCKS_INSIDE}{guarded_socks.address}")
    host = by_no_name_of_this_machine(f"https://{secure}")
    api = network.client(host, ssl_ca_cert=str(papers.authority), assert_hostname="localhost")
    assert api.list_ai_sessions(sandbox.organisation) == []
    assert "connected to 0.0.0.0" in guarded_socks.lines()[-1]


@operations
def test_a_socks_proxy_that_is_down_means_that_nothing_was_sent(
    operation: Operation, target: Target, network: Network, sandbox: Sandbox, session: str
) -> None:
    host, options = target
    with nobody() as dead:
        api = network.client(host, proxy=f"socks5h://{SOCKS_INSIDE}{dead}", **options)
        with pytest.raises(
            ConnectionException, match=rf"proxy \w+://{dead} of Configuration\.proxy: .*refused"
        ) as caught:
            operation(api, sandbox.organisation, session)
    assert caught.value.never_sent
    assert len(network.attempts) == 3


def test_a_socks_proxy_that_cannot_reach_the_target_means_that_nothing_was_sent(
    socks: Program, network: Network, sandbox: Sandbox
) -> None:
    with nobody() as dead:
        api = network.client(f"http://{dead}", proxy=f"socks5h://{socks.address}")
        with pytest.raises(ConnectionException, match="refused") as caught:
            WRITES["create"](api, sandbox.organisation, "")
    assert caught.value.never_sent
    assert len(network.attempts) == 3


def test_an_authority_that_is_not_trusted_is_refused_behind_a_socks_proxy_too(
    secure: str, socks: Program, network: Network, sandbox: Sandbox
) -> None:
    api = network.client(f"https://{secure}", proxy=f"socks5h://{socks.address}")
    with pytest.raises(TLSException, match="certificate verify failed") as caught:
        WRITES["create"](api, sandbox.organisation, "")
    assert caught.value.never_sent
    assert len(network.attempts) == 1


def test_without_pysocks_the_error_says_what_to_install() -> None:
    program = f"""
import sys
sys.modules["socks"] = None  # as if it were not installed
from quantcdn import ApiClient, ApiValueError, Configuration
configuration = Configuration("https://service.example", "{OTHER_TOKEN}")
configuration.proxy = "socks5h://{SOCKS_INSIDE}127.0.0.1:1080"
try:
    ApiClient(configuration)
except ApiValueError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == (
        'A SOCKS proxy needs PySocks; in a clone, pip install ".[socks]" brings it\n',
        "",
    )


# Proxies that are none, and hosts that everybody can read


@pytest.mark.parametrize(
    "proxy",
    [
        f"ftp://{USER}:{PASSWORD}@127.0.0.1:21",
        f"http://{USER}:{PASSWORD}@",
        f"http://{USER}:{PASSWORD}@127.0.0.1:port",
        f"socks5://{USER}:{PASSWORD}@",
        f"socks5://{USER}:{PASSWORD}@127.0.0.1:port",
    ],
)
@pytest.mark.parametrize("source", ["configuration", "environment"])
def test_a_proxy_that_is_no_url_is_refused_without_showing_its_credentials(
    source: str, proxy: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"proxy": proxy} if source == "configuration" else {}
    monkeypatch.setenv("ALL_PROXY", proxy)
    named = "Configuration.proxy" if options else "ALL_PROXY"
    with pytest.raises(ApiValueError, match=f"^The proxy of {named} must be a URL like"):
        network.client("https://service.example", **options).list_ai_sessions("org")


def test_a_proxy_of_the_environment_without_a_scheme_is_an_http_one(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{USER}:{PASSWORD}@{proxy}")
        with pytest.raises(ConnectionException, match=f" through the proxy http://{proxy} of ALL_PROXY: .*; NO_PROXY "):
            network.client("https://service.example").list_ai_sessions("org")


def test_a_proxy_of_the_environment_that_no_call_needs_is_not_read(
    network: Network, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "ftp://127.0.0.1:1080/")
    assert isinstance(network.client(sandbox.host).list_ai_sessions(sandbox.organisation), list)


@pytest.mark.parametrize("host", ["http://service.example", "http://10.0.0.1:8080/prefix", "http://localhost.example"])
def test_a_plain_http_host_elsewhere_warns(host: str) -> None:
    with pytest.warns(UserWarning, match="plain HTTP: the token and all messages can be read") as warned:
        Configuration(host)
    assert len(warned) == 1
    assert warned[0].filename == __file__


def test_the_warning_of_plain_http_names_the_line_and_does_not_show_what_is_in_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    made = f'Configuration("http://service.example", "{OTHER_TOKEN}")'
    program.write_text(
        "from quantcdn import Configuration\n"
        f"configuration = {made}\n"
        f'configuration.host, configuration.access_token = "http://other.example", "{OTHER_TOKEN}"\n'
        f'Configuration.from_environment({{"QUANT_BASE_URL": "http://third.example"}}, access_token="{OTHER_TOKEN}")\n'
    )
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    assert ran.stderr.splitlines() == [
        f"{program}:0: UserWarning: http://{name}.example is plain HTTP: the token and all messages can be read on the "
        f"way (said in line {line})"
        for name, line in (("service", 2), ("other", 3), ("third", 4))
    ]


@pytest.mark.parametrize(
    "host",
    [
        "https://service.example",
        "http://localhost:8080",
        "http://service.localhost",
        "http://127.0.0.1:8080",
        "http://127.1.2.3",
        "http://[::1]:8080",
    ],
)
def test_a_host_that_nobody_else_can_read_does_not_warn(host: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Configuration(host).host == host


# The programs


def test_a_test_whose_program_is_absent_is_skipped_by_name() -> None:
    name = "test_every_operation_goes_through_a_socks_proxy[http-socks5h]"
    arguments = ["-m", "pytest", "-p", "no:cacheprovider", f"{__file__}::{name}"]
    environment = {**os.environ, "PATH": ""}
    ran = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    assert f"{name}: microsocks is not installed" in ran.stdout
    assert "1 skipped" in ran.stdout


def test_a_program_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "GRACE", 0.1)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        programs.end(process)
    assert process.returncode == -signal.SIGKILL


def facts(api: AISessionsApi, organisation: str) -> int:
    """How many sessions and messages there are."""
    sessions = [item.id for item in api.list_ai_sessions(organisation)]
    return len(sessions) + sum(len(api.get_ai_session(organisation, str(one)).messages or []) for one in sessions)


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
