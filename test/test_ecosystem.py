"""The tools that people put around urllib3 work with the SDK: each is tested as the real package."""

import gzip
import io
import json
import logging
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
import vcr
from conftest import TOKEN, Connect
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servers import CLOSE, json_answer, scripted_server
from vcr.errors import CannotOverwriteExistingCassetteException

from quantcdn import AISessionsApi, NotFoundException, RetryPolicy
from quantcdn.sandbox import Sandbox

SESSION = json_answer({"id": "s-1"})
AT_ONCE = RetryPolicy(backoff=0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that nobody knows."""
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a server for 127.0.0.1 needs, under that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def documented(needle: str) -> str:
    """The Python of docs/Logging.md that holds a text."""
    page = Path(__file__).parent.parent / "docs" / "Logging.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if needle in block]
    return block


# vcrpy


@pytest.fixture
def recorder(tmp_path: Path) -> vcr.VCR:
    """vcrpy as docs/Logging.md has it."""
    names: dict[str, Any] = {}
    exec(documented("import vcr"), names)
    documented_recorder: vcr.VCR = names["recorder"]
    documented_recorder.cassette_library_dir = str(tmp_path)
    return documented_recorder


def converse(api: AISessionsApi, organisation: str) -> list[Any]:
    """Every operation once, and a refusal."""
    created = api.create_ai_session(organisation, {"userId": "user-1"})
    session_id = created.session_id or ""
    results: list[Any] = [
        created,
        api.update_ai_session(
            organisation, session_id, {"newMessages": [{"role": "user", "content": "Grüße"}], "tokensUsed": 3}
        ),
        api.extend_ai_session(organisation, session_id, {"additionalMinutes": 5}),
        api.get_ai_session(organisation, session_id),
        api.list_ai_sessions(organisation, user_id="user-1"),
        api.list_ai_sessions_with_http_info(organisation, limit=1),
        json.loads(api.list_ai_sessions_without_preload_content(organisation, limit=2).data),
        api.delete_ai_session(organisation, session_id),
    ]
    with pytest.raises(NotFoundException) as caught:
        api.get_ai_session(organisation, session_id)
    return [*results, caught.value.data]


def test_vcrpy_records_and_replays_every_operation_and_hides_the_token(
    sandbox: Sandbox, connect: Connect, recorder: vcr.VCR, tmp_path: Path
) -> None:
    with recorder.use_cassette("conversation.yaml"):
        recorded = converse(connect(sandbox.host, sandbox.access_token), sandbox.organisation)

    with recorder.use_cassette("conversation.yaml", record_mode="none") as cassette:
        replayed = converse(connect(sandbox.host, "qc_another_token"), sandbox.organisation)
        assert cassette.play_count == 9

    assert replayed == recorded
    written = (tmp_path / "conversation.yaml").read_text(encoding="utf-8")
    assert "Gr\\xFC\\xDFe" in written
    assert sandbox.access_token not in written
    assert "authorization" not in written.lower()


def test_vcrpy_as_documented_records_no_credential_of_either_side(
    connect: Connect, recorder: vcr.VCR, tmp_path: Path
) -> None:
    given = {"Set-Cookie": "sid=qc_cookie_0001", "X-New-Token": "qc_rotated_0002"}
    with scripted_server([json_answer({"id": "s-1"}, headers=given)]) as server:
        api = connect(server.host, "qc_token_0003")
        api.api_client.cookie = "sid=qc_cookie_0004"
        api.api_client.set_default_header("X-Anything", "qc_default_0005")
        auth = {"in": "header", "key": "X-Api-Key", "value": "qc_key_0006"}
        with recorder.use_cassette("session.yaml"):
            response = api.get_ai_session_with_http_info("org", "s-1", _request_auth=auth)
    assert (response.headers or {})["set-cookie"] == "sid=qc_cookie_0001"  # only the record is without it
    assert server.request.headers["x-api-key"] == "qc_key_0006"
    written = (tmp_path / "session.yaml").read_text(encoding="utf-8")
    assert "s-1" in written
    assert "qc_" not in written


def test_vcrpy_refuses_what_was_not_recorded(sandbox: Sandbox, connect: Connect, recorder: vcr.VCR) -> None:
    api = connect(sandbox.host, sandbox.access_token)
    with (
        recorder.use_cassette("empty.yaml", record_mode="none"),
        pytest.raises(CannotOverwriteExistingCassetteException),
    ):
        api.list_ai_sessions(sandbox.organisation)


def test_vcrpy_records_over_tls(
    connect: Connect, recorder: vcr.VCR, authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    with scripted_server([SESSION], tls=tls) as server:
        for _ in range(2):
            with recorder.use_cassette("secure.yaml"):
                api = connect(server.host, ca_cert_data=authority.cert_pem.bytes().decode())
                assert api.get_ai_session("org", "s-1").id == "s-1"
    assert len(server.requests) == 1


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # vcrpy drops the connection it replaces
def test_vcrpy_sees_a_client_that_was_in_use_before_and_leaves_it_in_use(connect: Connect, recorder: vcr.VCR) -> None:
    with scripted_server([json_answer({"id": name}) for name in ("before", "recorded", "after")]) as server:
        api = connect(server.host)
        assert api.get_ai_session("org", "s-1").id == "before"
        for _ in range(2):
            with recorder.use_cassette("between.yaml"):
                assert api.get_ai_session("org", "s-1").id == "recorded"
        assert api.get_ai_session("org", "s-1").id == "after"


# OpenTelemetry


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What opentelemetry-instrumentation-urllib3 traces."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = URLLib3Instrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()


@pytest.mark.parametrize("way", ["directly", "through a proxy"])
def test_opentelemetry_traces_each_attempt_once(
    connect: Connect, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with scripted_server([json_answer({}, 503), [CLOSE], SESSION]) as server:
        if way == "directly":
            host = server.host
        else:
            host = "http://sessions.example"
            monkeypatch.setenv("http_proxy", server.host)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
        with ExitStack() as stack:
            if way != "directly":
                stack.enter_context(pytest.warns(UserWarning, match="plain HTTP"))
            api = connect(host, retries=AT_ONCE)
        api.get_ai_session("org", "s-1")

    finished = spans.get_finished_spans()
    assert [dict(span.attributes or {}).get("http.status_code") for span in finished] == [503, None, 200]
    for span, request in zip(finished, server.requests, strict=True):
        assert dict(span.attributes or {})["http.url"] == f"{host}/api/v3/organizations/org/ai/sessions/s-1"
        assert request.headers["traceparent"].split("-")[2] == f"{span.context.span_id:016x}"
        assert TOKEN not in span.to_json()


def test_opentelemetry_does_not_trace_what_was_not_sent(connect: Connect, spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="session_id"):
        connect("http://127.0.0.1:9").get_ai_session("org", "..")
    assert spans.get_finished_spans() == ()


def test_opentelemetry_as_documented_traces_no_query(sandbox: Sandbox) -> None:
    run = run_documented("URLLib3Instrumentor", sandbox)
    assert "/ai/sessions" in run.stdout
    assert "user-12345" not in run.stdout


# Sentry


def test_sentry_as_documented_gets_no_secret_and_no_user_of_yours(sandbox: Sandbox) -> None:
    """The real one, with its default settings, and with a server that takes what it sends."""
    with scripted_server(repeat(json_answer({}))) as sentry:
        dsn = sentry.host.replace("http://", "http://key@") + "/1"
        run_documented("import sentry_sdk", sandbox, SENTRY_DSN=dsn)
    events = [gzip.decompress(request.body).decode() for request in sentry.requests]
    assert any("NotFoundException" in event for event in events)
    assert any('"type":"transaction"' in event for event in events)
    for event in events:
        assert sandbox.access_token not in event
        assert "userId=" not in event


def run_documented(needle: str, sandbox: Sandbox, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run an example of docs/Logging.md in a process of its own: it patches that."""
    environment = {
        "BEARER_TOKEN": sandbox.access_token,
        "QUANT_ORGANISATION": sandbox.organisation,
        "QUANT_BASE_URL": sandbox.host,
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", documented(needle)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


# truststore

TRUSTING = """
import ssl, sys
import truststore
import urllib3.util
{before}
truststore.inject_into_ssl()
import quantcdn

assert isinstance(urllib3.util.create_urllib3_context(), truststore.SSLContext)
with quantcdn.ApiClient(quantcdn.Configuration(sys.argv[1], "qc_test_token", retries=0)) as client:
    try:
        print(quantcdn.AISessionsApi(client).get_ai_session("org", "s-1").id)
    except quantcdn.TLSException as error:
        print(error)
"""


@pytest.mark.parametrize("before", ["", "import quantcdn.rest"], ids=["first", "after the SDK was imported"])
@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "unknown"])
def test_truststore_decides_whom_to_trust(
    authority: trustme.CA, tls: ssl.SSLContext, tmp_path: Path, before: str, trusted: bool
) -> None:
    authorities = tmp_path / "authorities.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(str(authorities))
    with scripted_server([SESSION] * trusted, tls=tls) as server:
        run = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", TRUSTING.format(before=before), server.host],
            env={"SSL_CERT_FILE": str(authorities), "SSL_CERT_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (run.returncode, run.stderr) == (0, "")
    assert (run.stdout == "s-1\n") if trusted else ("certificate verify failed" in run.stdout)


# Mocks and pytest


def test_a_mock_of_urllib3_serves_the_client(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(_pool: object, method: str, url: str, *_args: object, **_options: object) -> urllib3.HTTPResponse:
        body = f'{{"id": "{url.rpartition("/")[2]}", "title": "{method}"}}'.encode()
        return urllib3.HTTPResponse(io.BytesIO(body), status=200, preload_content=False)

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", urlopen)
    session = connect("http://127.0.0.1:9").get_ai_session("org", "s-7")
    assert (session.id, session.title) == ("s-7", "GET")


def test_caplog_catches_what_the_sdk_logs(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with scripted_server([SESSION]) as server, caplog.at_level(logging.DEBUG, logger="quantcdn"):
        connect(server.host).get_ai_session("org", "s-1")
    (record,) = [record for record in caplog.records if record.name == "quantcdn"]
    assert record.levelno == logging.DEBUG
    assert record.getMessage().startswith("GET /api/v3/organizations/org/ai/sessions/s-1: 200")
