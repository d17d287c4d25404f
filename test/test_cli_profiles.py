"""Profiles of the command line: what `quantcdn configure` keeps, who can read it, and what counts before what."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import pytest
from servers import ScriptedServer, json_answer, scripted_server
from terminals import screen
from test_cli import LIST, QUANTCDN, TOKEN, findings, quantcdn, records, without

USUAL = "https://dashboard.quantcdn.io"
KEYRING = """
import json, os, pathlib
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

FILE = pathlib.Path(os.environ["HOME"], "keyring.json")

class Keyring(KeyringBackend):
    priority = 1

    def _all(self):
        if (FILE.parent / "locked").exists():
            raise KeyringError("It is locked")
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        FILE.write_text(json.dumps({**self._all(), f"{service} {username}": password}))

    def delete_password(self, service, username):
        known = self._all()
        if known.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("It is not there")
        FILE.write_text(json.dumps(known))
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing is configured, with a home of its own and no keyring."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    (tmp_path / "home").mkdir()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return {
        **kept,
        "HOME": str(tmp_path / "home"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


@pytest.fixture
def keyring(home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The same, with a keyring: the real package, over a backend of ours."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "keyring_in_a_file.py").write_text(KEYRING)
    return {
        **home,
        "PYTHONPATH": str(tmp_path / "packages"),
        "PYTHON_KEYRING_BACKEND": "keyring_in_a_file.Keyring",
    }


def configure(
    env: dict[str, str], host: str, *options: str, profile: str = "default", code: int = 0, organisation: str = "acme"
) -> "subprocess.CompletedProcess[str]":
    """Keep settings in a profile, with the token of the test."""
    token_file = str(Path(env["HOME"]).parent / "token")
    given = ("--base-url", host, "--organisation", organisation, "--token-file", token_file)
    run = quantcdn(env, "--profile", profile, *given, "configure", *options, code=code)
    assert TOKEN not in run.stdout + run.stderr
    return run


def file_in(env: dict[str, str]) -> Path:
    """The file of the profiles."""
    (found,) = Path(env["HOME"]).rglob("profiles.ini")
    return found


def asked(server: ScriptedServer) -> tuple[str, str]:
    """The organisation and the token that the server was last asked with."""
    request = server.requests[-1]
    return request.target.split("/")[4], request.headers["authorization"].removeprefix("Bearer ")


def test_a_profile_serves_where_nothing_else_is_said_and_nobody_else_can_read_it(home: dict[str, str]) -> None:
    with scripted_server(repeat(json_answer([]))) as server:
        run = configure(home, server.host)
        quantcdn(home, *LIST)
        assert asked(server) == ("acme", TOKEN)
        found = findings(quantcdn(home, "doctor"))
        listed = quantcdn(home, "profiles", "list")

    assert run.stdout == ""
    kept = f"The profile default is in {file_in(home)}; its token is in the file."
    assert run.stderr == f"{kept} Next: quantcdn --profile default doctor\n"
    if os.name != "nt":
        assert stat.S_IMODE(file_in(home).stat().st_mode) == 0o600
        assert stat.S_IMODE(file_in(home).parent.stat().st_mode) == 0o700
    assert found["profile"] == ("ok", f"default, used where none is named, in {file_in(home)}")
    assert found["token"] == ("ok", "from the profile default")
    assert found["organisation"] == ("ok", "acme, from the profile default")
    assert found["base URL"] == ("ok", f"{server.host}, from the profile default")
    assert TOKEN not in str(found)
    assert records(listed) == [
        {"profile": "default", "organisation": "acme", "base_url": server.host, "token": "file", "used": True}
    ]


def test_a_person_is_asked_and_the_token_is_not_shown(home: dict[str, str], tmp_path: Path) -> None:
    command = shlex.join([QUANTCDN, "--profile", "mine", "configure"])
    with scripted_server([json_answer([])]) as server:
        with screen(command, tmp_path, home, columns=120) as shown:
            shown.wait_for("^Organisation:")
            shown.type("acme", "Enter")
            shown.wait_for(rf"^Base URL \[{USUAL}\]:")
            shown.type(server.host, "Enter")
            shown.wait_for("^Token, which is not shown")
            shown.type(TOKEN, "Enter")
            end = shown.wait_for("its token is in the file")
        assert TOKEN not in end
        quantcdn(home, "--profile", "mine", *LIST)

    assert asked(server) == ("acme", TOKEN)


ON_A_SLOW_TERMINAL = """
import runpy, sys, termios, time

set_attributes = termios.tcsetattr

def set_late(*arguments):
    time.sleep(0.3)
    set_attributes(*arguments)

termios.tcsetattr = set_late
sys.argv[1:] = ["--organisation", "acme", "--base-url", "http://127.0.0.1:9", "configure"]
runpy.run_module("quantcdn", run_name="__main__")
"""


def test_what_is_typed_at_once_is_not_shown_either(home: dict[str, str], tmp_path: Path) -> None:
    with screen(shlex.join([sys.executable, "-c", ON_A_SLOW_TERMINAL]), tmp_path, home, columns=120) as shown:
        shown.wait_for("^Token, which is not shown")
        shown.type(TOKEN, "Enter")
        assert TOKEN not in shown.wait_for("its token is in the file")


def test_enter_keeps_what_is_there_and_ctrl_c_writes_nothing(home: dict[str, str], tmp_path: Path) -> None:
    configure(home, "http://127.0.0.1:9")
    before = file_in(home).read_bytes()
    for keys, said in ((("Enter", "Enter", "Enter"), "^The profile default is in"), (("C-c",), "nothing was written")):
        (tmp_path / keys[-1]).mkdir()
        with screen(shlex.join([QUANTCDN, "configure"]), tmp_path / keys[-1], home, columns=120) as shown:
            for prompt, key in zip((r"^Organisation \[acme\]:", "^Base URL", "^Token.*keeps"), keys, strict=False):
                shown.wait_for(prompt)
                shown.type(key)
            shown.wait_for(said)
        assert file_in(home).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        ([], {}, "default"),
        ([], {"QUANTCDN_PROFILE": "other"}, "other"),
        ([], {"QUANT_ORGANISATION": "environment"}, "environment"),
        ([], {"QUANT_ORGANISATION": "environment", "QUANTCDN_PROFILE": "other"}, "environment"),
        (["--profile", "other"], {"QUANT_ORGANISATION": "environment", "QUANTCDN_PROFILE": "default"}, "other"),
        (["--profile", "other", "--organisation", "option"], {"QUANT_ORGANISATION": "environment"}, "option"),
    ],
    ids=["default", "variable", "environment", "environment before variable", "option before all", "option itself"],
)
def test_an_option_counts_before_the_environment_and_that_before_a_profile(
    home: dict[str, str], options: list[str], variables: dict[str, str], expected: str
) -> None:
    with scripted_server([json_answer([])]) as server:
        for name in ("default", "other"):
            configure(home, server.host, profile=name, organisation=name)
        quantcdn({**home, **variables}, *options, *LIST)
        assert asked(server) == (expected, TOKEN)


def test_what_is_not_said_stays_and_what_a_profile_does_not_hold_comes_from_the_environment(
    home: dict[str, str],
) -> None:
    with scripted_server([json_answer([]), json_answer([])]) as server:
        quantcdn(home, "--organisation", "acme", "--base-url", server.host, "configure")
        quantcdn({**home, "QUANT_API_TOKEN": "qc_environment"}, "--profile", "default", *LIST)
        assert asked(server) == ("acme", "qc_environment")

        configure(home, server.host)
        quantcdn(home, "--organisation", "umbrella", "configure")
        quantcdn(home, *LIST)
        assert asked(server) == ("umbrella", TOKEN)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_is_open_to_others_is_refused(home: dict[str, str], mode: int) -> None:
    with scripted_server() as server:
        configure(home, server.host)
        path = file_in(home)
        path.chmod(mode)
        for command in (LIST, ("profiles", "list")):
            run = quantcdn(home, *command, code=2)
            assert (
                run.stderr
                == f"Error: {file_in(home)} is open to others, and may hold a token: chmod 600 {file_in(home)}\n"
            )
        configure(home, server.host, code=2)
        assert server.requests == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"token = {TOKEN}\n", "line 1: It must be [NAME] once"),
        (f"[default]\ntoken {TOKEN}\n", "line 2: It must be [NAME] once"),
        (f"[default]\ntoken = {TOKEN}\ntoken = {TOKEN}\n", "line 3: It must be [NAME] once"),
        (f"[default]\norganization = acme\ntoken = {TOKEN}\n", "[default]: It may hold organisation, base_url, token,"),
        (f"[default]\ntoken_in = {TOKEN}\n", "token_in is keyring or is left out"),
        (f"[default]\ntoken = {TOKEN} {TOKEN}\n", "the profile default: The access token may hold visible ASCII"),
        (f"[default]\nbase_url = ftp://x\ntoken = {TOKEN}\n", "the profile default: The host is not a URL"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told_without_what_is_in_it(
    home: dict[str, str], text: str, said: str
) -> None:
    configure(home, "http://127.0.0.1:9")
    file_in(home).write_text(text)
    run = quantcdn(
        {**home, "QUANT_ORGANISATION": "acme", **({"QUANT_API_TOKEN": "x"} if "ftp" in text else {})}, *LIST, code=2
    )

    assert said in run.stderr
    assert TOKEN not in run.stderr


def test_a_profile_that_is_not_there_is_said_with_those_that_are(home: dict[str, str]) -> None:
    configure(home, "http://127.0.0.1:9", profile="production")
    run = quantcdn(home, "--profile", "prodution", *LIST, code=2)
    assert run.stderr == f"Error: There is no profile prodution in {file_in(home)}. Those there: production\n"
    assert "quantcdn configure" in quantcdn(home, *LIST, code=2).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Give --organisation, or run this on a terminal"),
        (["--organisation", "a/b"], "organisation: The organisation should be one path segment"),
        (["--organisation", "acme", "--base-url", "ftp://x"], "The host is not a URL"),
        (["--profile", "../x", "--organisation", "acme"], "it must be of letters"),
        (["--organisation", "acme", "--token-file", "/dev/null"], "The access token is empty"),
    ],
)
def test_what_no_call_could_be_made_with_is_not_kept(home: dict[str, str], options: list[str], said: str) -> None:
    assert said in quantcdn(home, *options, "configure", code=2).stderr
    assert list(Path(home["HOME"]).rglob("profiles.ini")) == []


def test_a_variable_that_would_be_kept_is_named_where_it_cannot_be(home: dict[str, str]) -> None:
    run = quantcdn({**home, "QUANT_BASE_URL": "ftp://x"}, "--organisation", "acme", "configure", code=2)
    assert run.stderr.startswith("Error: QUANT_BASE_URL: The host is not a URL")


def test_an_organisation_of_a_profile_that_cannot_be_is_said_to_be_of_it(home: dict[str, str]) -> None:
    configure(home, "http://127.0.0.1:9")
    file = file_in(home)
    file.write_text(re.sub("(?m)^organisation.*$", "organisation = a/b", file.read_text()))
    said = "the profile default: The organisation should be one path segment"
    assert quantcdn(home, *LIST, code=2).stderr.startswith(f"Error: {said}")
    checked = [json.loads(line) for line in quantcdn(home, "doctor", code=2).stdout.splitlines()]
    assert [check["detail"].startswith(said) for check in checked if check["check"] == "organisation"] == [True]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_write_that_fails_leaves_the_file_as_it_was(home: dict[str, str]) -> None:
    configure(home, "http://127.0.0.1:9")
    before = file_in(home).read_bytes()
    limited = ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", QUANTCDN, "--organisation", "other", "configure"]
    run = subprocess.run(limited, env=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (1, "Error: File too large\n")
    assert file_in(home).read_bytes() == before
    assert [file_in(home)] == list(file_in(home).parent.iterdir())


def test_a_file_that_is_a_link_stays_one(home: dict[str, str], tmp_path: Path) -> None:
    configure(home, "http://127.0.0.1:9")
    kept = tmp_path / "dotfiles.ini"
    file_in(home).rename(kept)
    (Path(home["HOME"]) / ".config" / "quantcdn" / "profiles.ini").symlink_to(kept)
    quantcdn(home, "--organisation", "other", "configure")

    assert "organisation = other" in kept.read_text()
    assert file_in(home).is_symlink()


# The keyring


def test_a_token_in_the_keyring_is_not_in_the_file(keyring: dict[str, str]) -> None:
    kept = Path(keyring["HOME"], "keyring.json")
    with scripted_server([json_answer([])]) as server:
        run = configure(keyring, server.host)
        quantcdn(keyring, *LIST)
        assert asked(server) == ("acme", TOKEN)

    assert "its token is in the keyring" in run.stderr
    assert TOKEN not in file_in(keyring).read_text()
    assert json.loads(kept.read_text()) == {"quantcdn default": TOKEN}
    assert records(quantcdn(keyring, "profiles", "list"))[0]["token"] == "keyring"

    quantcdn(keyring, "profiles", "remove", "--", "default")
    assert json.loads(kept.read_text()) == {}
    assert records(quantcdn(keyring, "profiles", "list")) == []
    assert "There is no profile default" in quantcdn(keyring, "profiles", "remove", "--", "default", code=2).stderr


def test_a_token_moves_between_the_file_and_the_keyring(keyring: dict[str, str]) -> None:
    def places() -> tuple[bool, bool]:
        return TOKEN in file_in(keyring).read_text(), TOKEN in Path(keyring["HOME"], "keyring.json").read_text()

    configure(keyring, "http://127.0.0.1:9")
    assert places() == (False, True)
    quantcdn(keyring, "configure")
    assert places() == (False, True)
    quantcdn(keyring, "configure", "--token-in", "file")
    assert places() == (True, False)
    quantcdn(keyring, "configure", "--token-in", "keyring")
    assert places() == (False, True)


def test_a_keyring_that_is_not_there_or_locked_or_empty_is_said(keyring: dict[str, str], tmp_path: Path) -> None:
    configure(keyring, "http://127.0.0.1:9")
    absent = tmp_path / "absent"
    absent.mkdir()
    no_package = quantcdn(without("keyring", keyring, absent), *LIST, code=2)
    Path(keyring["HOME"], "locked").touch()
    locked = quantcdn(keyring, *LIST, code=1)
    Path(keyring["HOME"], "locked").unlink()
    Path(keyring["HOME"], "keyring.json").unlink()
    empty = quantcdn(keyring, *LIST, code=2)

    assert no_package.stderr == (
        'Error: The keyring of the system needs keyring; in a clone, pip install ".[keyring]" brings it\n'
    )
    assert locked.stderr == "Error: The keyring of the system: It is locked\n"
    assert empty.stderr == "Error: The keyring has no token of the profile default: run quantcdn configure\n"


def test_without_a_keyring_the_file_serves_and_the_package_is_not_needed(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "absent").mkdir()
    env = without("keyring", home, tmp_path / "absent")
    with scripted_server([json_answer([])]) as server:
        configure(env, server.host)
        quantcdn(env, *LIST)
        assert asked(server) == ("acme", TOKEN)
    refused = configure(home, "http://127.0.0.1:9", "--token-in", "keyring", code=1)
    assert refused.stderr.startswith("Error: The keyring of the system: ")


@pytest.mark.parametrize("options", [(), ("--profile", "default")], ids=["default", "named"])
def test_the_token_of_a_profile_is_sent_to_no_server_that_the_environment_names(
    home: dict[str, str], options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home["HOME"])
    with scripted_server(repeat(json_answer([]))) as own, scripted_server(repeat(json_answer([]))) as other:
        given = ("--organisation", "acme", "--token-file", str(Path(home["HOME"]).parent / "token"))
        quantcdn(home, *given, "configure")
        elsewhere = {**home, "QUANT_BASE_URL": other.host}
        refused = quantcdn(elsewhere, *options, "sessions", "list", code=2)
        assert "is not for the server that QUANT_BASE_URL names" in refused.stderr
        quantcdn({**elsewhere, "QUANT_API_TOKEN": "another"}, "sessions", "list")
        Path("the profile default").write_text("of-a-file")
        quantcdn(elsewhere, "--token-file", "the profile default", "sessions", "list")
        quantcdn(elsewhere, "--base-url", own.host, "sessions", "list")
    sent = [request.headers["authorization"] for request in other.requests]
    assert sent == ["Bearer another", "Bearer of-a-file"]
    assert len(own.requests) == 1


@pytest.mark.parametrize(
    ("kept", "named"),
    [
        ("http://localhost:{port}/", "HTTP://LocalHost:{port}"),
        ("http://localhost:{port}", "http://localhost:{port}/api/v3/"),
        ("http://localhost:{port}/at/", "http://LOCALHOST:{port}/at"),
    ],
)
def test_the_server_of_a_profile_is_the_same_however_its_url_is_written(
    home: dict[str, str], kept: str, named: str
) -> None:
    with scripted_server(repeat(json_answer([]))) as own:
        port = own.host.rpartition(":")[2]
        configure(home, kept.format(port=port))
        quantcdn({**home, "QUANT_BASE_URL": named.format(port=port)}, *LIST)
    assert [request.headers["authorization"] for request in own.requests] == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize(
    ("kept", "named", "is_same"),
    [
        ("https://quant.test", "https://quant.test:443", True),
        ("https://quant.test", "https://quant.test:8443", False),
        ("https://quant.test", "http://quant.test", False),
        (None, "https://DASHBOARD.quantcdn.io/", True),
        (None, "https://quant.test", False),
    ],
)
def test_the_usual_port_and_the_public_cloud_need_not_be_written(
    home: dict[str, str], kept: str | None, named: str, is_same: bool
) -> None:
    given = ("--organisation", "acme", "--token-file", str(Path(home["HOME"]).parent / "token"))
    quantcdn(home, *given, *(("--base-url", kept) if kept else ()), "configure")
    unreachable = {**home, "QUANT_BASE_URL": named, "HTTPS_PROXY": "http://127.0.0.1:9"}
    run = quantcdn(unreachable, "--retries", "0", *LIST, code=5 if is_same else 2)
    assert ("is not for the server that QUANT_BASE_URL names" in run.stderr) is not is_same


def test_a_server_that_is_none_is_said_to_be_so_by_its_name(home: dict[str, str]) -> None:
    configure(home, "https://quant.test")
    refused = quantcdn({**home, "QUANT_BASE_URL": "quant.test"}, *LIST, code=2)
    assert "QUANT_BASE_URL" in refused.stderr
    assert "is not a URL" in refused.stderr


def test_a_profile_keeps_the_server_that_the_environment_names_when_it_is_made(home: dict[str, str]) -> None:
    with scripted_server(repeat(json_answer([]))) as own:
        given = ("--organisation", "acme", "--token-file", str(Path(home["HOME"]).parent / "token"))
        quantcdn({**home, "QUANT_BASE_URL": own.host}, *given, "configure")
        quantcdn(home, "sessions", "list")
    assert len(own.requests) == 1
