"""The help of each command: it fits a terminal, and ends with examples, which run, and with exit codes."""

import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from terminals import in_terminal
from test_cli import ORGANISATION, QUANTCDN, TOKEN, _service, env, quantcdn

from quantcdn import bulk
from quantcdn.cli._app import app
from quantcdn.cli._exits import MEANINGS, Exit

__all__ = ["env"]  # the fixture

LOCAL = {Exit.DONE, Exit.FAILED, Exit.USAGE}
SERVED = LOCAL | {Exit.REFUSED, Exit.NOT_FOUND, Exit.UNREACHABLE, Exit.SERVICE_FAILED}
SIGNALS = {Exit.HUNG_UP, Exit.INTERRUPTED, Exit.PIPE_CLOSED, Exit.TERMINATED}


def commands(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The commands below one, but for groups, and for the sandbox, which has a parser of its own."""
    for name, below in getattr(command, "commands", {}).items():
        if name != "sandbox":
            yield from commands(below, *path, name)
    if not hasattr(command, "commands") or not path:
        yield path


def test_the_help_of_the_sandbox_has_examples_that_run_and_its_exit_codes(env: dict[str, str], tmp_path: Path) -> None:
    code, text = in_terminal([QUANTCDN, "sandbox", "--help"], {**env, "NO_COLOR": "1"})
    assert code == 0
    assert max(map(len, text.splitlines())) < 80
    match = re.search(r"\nexamples:\n((?:  .*\n)+)\nexit codes:\n((?:  .*\n)+)\Z", text)
    assert match, text
    examples, codes = ([line[2:] for line in part.splitlines()] for part in match.groups())
    assert [line[:5].strip() for line in codes if line[0].isdigit()] == ["0", "2", "126", "127"]
    without_plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the lowest of some warn of the newest pytest
    path = {**env, **without_plugins, "PATH": f"{Path(QUANTCDN).parent}:{env['PATH']}"}
    for example in examples:
        command = ["bash", "-euc", f"exec {example.replace('--port 8765', '--port 0')}"]
        with subprocess.Popen(command, env=path, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            if " -- " in example:
                assert "no tests ran" in process.stdout.read()
                assert process.wait(30) == pytest.ExitCode.NO_TESTS_COLLECTED
            else:
                assert process.stdout.readline().startswith("The sandbox listens at")
                process.terminate()
                assert process.wait(30) == 0


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_help_fits_a_terminal_and_its_examples_run(
    env: dict[str, str], path: tuple[str, ...], tmp_path: Path
) -> None:
    code, text = in_terminal([QUANTCDN, *path, "--help"], env)
    assert code == 0
    assert max(map(len, text.splitlines())) < 80
    match = re.search(r"\nExamples:\n((?:  .*\n)+)\nExit codes:\n((?:  .*\n)+)\Z", text)
    assert match, text
    examples, codes = ([line[2:] for line in part.splitlines()] for part in match.groups())

    told = {Exit(int(line[:3])): line[5:] for line in codes}
    assert {code: MEANINGS[code] for code in told} == told
    assert set(told) >= LOCAL | SIGNALS
    assert set(told) >= SERVED or path[0] in ("configure", "profiles")

    (tmp_path / "token").write_text(TOKEN)
    with _service(env) as service:
        settings = {**service.env, "HOME": str(tmp_path), "PATH": f"{Path(QUANTCDN).parent}:{env['PATH']}"}
        for name in ("default", "staging"):
            given = ("--base-url", settings["QUANT_BASE_URL"], "--token-file", str(tmp_path / "token"))
            quantcdn(settings, "--profile", name, "--organisation", "my-organisation", *given, "configure")
        service.ago = timedelta(0)
        if path == ("sessions", "import"):
            bulk.export(service.api, ORGANISATION, tmp_path / "sessions.jsonl")
        for example in examples:
            assert len(example) < 77
            session = service.session(user="user-7", group="shop")
            run = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", example],
                env={**settings, "session": session},
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert (run.returncode, "Traceback" in run.stderr) == (0, False), (example, run.stderr)
