"""What other systems do differently, as far as it can be played here. docs/Platforms.md says what was run where."""

import ast
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TOKEN
from servers import json_answer, scripted_server

from quantcdn.sandbox.__main__ import in_shell

ROOT = Path(__file__).parent.parent
QUANTCDN = [sys.executable, "-m", "quantcdn"]
NOT_ON_WINDOWS = {"fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}


def environment(host: str, **more: str) -> dict[str, str]:
    return {**os.environ, "QUANT_BASE_URL": host, "QUANT_API_TOKEN": TOKEN, "QUANT_ORGANISATION": "org", **more}


# Windows


def test_all_tests_can_be_collected_on_windows() -> None:
    for path in (ROOT / "test").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                assert NOT_ON_WINDOWS.isdisjoint(names), path


CLOSED_AS_ON_WINDOWS = """
import errno, io, os, runpy, sys

closed = os.fstat(1)

class Closed(io.RawIOBase):
    def writable(self):
        return True
    def fileno(self):
        return 1
    def write(self, data):
        if os.path.samestat(os.fstat(1), closed):
            raise OSError(errno.EINVAL, "Invalid argument")
        return os.write(1, data)

sys.stdout = io.TextIOWrapper(io.BufferedWriter(Closed()))
sys.argv[1:] = ["sessions", "list"]
runpy.run_module("quantcdn", run_name="__main__")
"""


@pytest.mark.parametrize("count", [1, 50], ids=["what fits in a buffer", "more than that"])
def test_a_reader_that_leaves_is_no_error_where_that_is_an_invalid_argument(count: int) -> None:
    page = json_answer([{"id": f"s-{number}", "title": "t" * 500} for number in range(count)])
    with scripted_server([page, json_answer([])]) as server:
        run = subprocess.run(
            [sys.executable, "-c", CLOSED_AS_ON_WINDOWS],
            env=environment(server.host),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (run.returncode, run.stderr) == (141, "")


def test_an_invalid_argument_that_is_no_closed_pipe_is_told(tmp_path: Path) -> None:
    with scripted_server([json_answer([{"id": "s"}]), json_answer([])]) as server, open(tmp_path / "out", "wb") as out:
        run = subprocess.run(
            [sys.executable, "-c", CLOSED_AS_ON_WINDOWS],
            env=environment(server.host),
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (run.returncode, run.stderr) == (1, f"Error: {os.strerror(errno.EINVAL)}\n")


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "cp932"])
def test_data_is_the_same_bytes_in_every_code_page(encoding: str) -> None:
    title = "café, 漢字, 🙂 and \\"
    with scripted_server([json_answer([{"id": "s", "title": title}]), json_answer([])]) as server:
        run = subprocess.run(
            [*QUANTCDN, "sessions", "list"],
            env=environment(server.host, PYTHONIOENCODING=encoding),
            capture_output=True,
            check=True,
        )
    assert run.stdout.endswith(b"}\n")
    assert title in run.stdout.decode("utf-8").replace("\\\\", "\\")


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "cp932"])
def test_an_error_can_be_said_in_every_code_page(encoding: str) -> None:
    with scripted_server([json_answer({"message": "漢字 é 🙂"}, 404)]) as server:
        run = subprocess.run(
            [*QUANTCDN, "sessions", "show", "s"],
            env=environment(server.host, PYTHONIOENCODING=encoding),
            capture_output=True,
            check=False,
        )
    assert run.returncode == 4
    assert run.stderr.decode(encoding).startswith("Error: get_ai_session org/s: 404")


def test_the_sandbox_says_what_the_shells_of_windows_take() -> None:
    variables = {"QUANT_API_TOKEN": "it's", "QUANT_ORGANISATION": "a b"}
    assert in_shell(variables, windows=False) == """export QUANT_API_TOKEN='it'"'"'s' QUANT_ORGANISATION='a b'"""
    assert in_shell(variables, windows=True).splitlines() == [
        "$env:QUANT_API_TOKEN = 'it''s'; $env:QUANT_ORGANISATION = 'a b'",
        'or, in cmd: set "QUANT_API_TOKEN=it\'s" & set "QUANT_ORGANISATION=a b"',
    ]


# Browsers

IN_A_BROWSER = """
import http.client, io
import urllib3.connection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

class Browser:
    \'\'\'As urllib3's own connection in a browser: it has no socket, and one error for all that fails.\'\'\'
    asked = []
    is_verified = is_connected = True
    is_closed = has_connected_to_proxy = False
    proxy = proxy_is_verified = None
    def __init__(self, host, port=None, **options):
        self.host, self.port, self.timeout = host, port, 0.0
    def connect(self):
        pass
    def request(self, method, url, *arguments, **options):
        self.asked.append(method)
        if "refused" in url:
            raise http.client.HTTPException("fetch failed")
    def getresponse(self):
        return Answer(io.BytesIO(b'{"id": "s"}'), status=200, preload_content=False)
    def close(self):
        pass

class Answer(urllib3.HTTPResponse):
    tell = io.IOBase.tell  # that of a browser has no other

HTTPConnectionPool.ConnectionCls = HTTPSConnectionPool.ConnectionCls = Browser
urllib3.connection.HTTPConnection = urllib3.connection.HTTPSConnection = Browser
import ssl
def refuse(*arguments):
    raise AttributeError("there is no TLS in a browser's Python")
ssl.SSLContext.load_default_certs = refuse

import quantcdn
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration("https://quant.example", "qc_token", retries=2)))
print(api.get_ai_session("o", "s").id)
print(api.api_client.call_api("GET", "https://quant.example/a").read())
print(quantcdn.bulk.delete(api, "o", session_ids=["s"]))
try:
    api.create_ai_session("refused", {"userId": "u"})
except quantcdn.OutcomeUnknownException as error:
    print(error)
print(*Browser.asked)
"""


def test_in_a_browser_the_browser_is_asked_and_what_may_have_been_sent_is_not_repeated() -> None:
    run = subprocess.run([sys.executable, "-c", IN_A_BROWSER], capture_output=True, text=True, check=False)
    *others, lost, asked = run.stdout.splitlines()
    assert (others, asked) == (["s", 'b\'{"id": "s"}\'', "1 done"], "GET GET DELETE POST"), run.stderr
    assert lost.startswith("create_ai_session refused: The connection to https://quant.example was lost: fetch failed")
    assert lost.endswith("whether the request took effect is not known")
