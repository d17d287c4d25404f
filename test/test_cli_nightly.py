"""What runs every night, as the page of the command line prints it: by cron, and by systemd."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from test_cli import ORGANISATION, QUANTCDN, TOKEN, Service, env, quantcdn, service

__all__ = ["env", "service"]  # the fixtures

PAGE = (Path(__file__).parent.parent / "docs" / "CommandLine.md").read_text("utf-8")
SECTION = PAGE.partition("\n## Every night\n")[2].partition("\n## ")[0]


def with_the_command(home: Path) -> Path:
    """A home, with the command put where the page has it."""
    programs = home / "quantcdn" / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "quantcdn").symlink_to(QUANTCDN)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return with_the_command(tmp_path)


def at_night(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command as Debian's cron does."""
    variables = {"HOME": str(home), "LOGNAME": "somebody", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    run = ["/bin/sh", "-c", command]
    return subprocess.run(run, env=variables, cwd=home, capture_output=True, text=True, check=True)


def in_profile(service: Service, home: Path) -> None:
    (home / "token").write_text(TOKEN)
    given = ("--base-url", service.env["QUANT_BASE_URL"], "--organisation", ORGANISATION)
    settings = {**service.env, "HOME": str(home)}
    quantcdn(settings, *given, "--token-file", str(home / "token"), "configure", "--token-in", "file")


def in_environment(service: Service, home: Path, name: str = "night.env") -> None:
    names = ("QUANT_API_TOKEN", "QUANT_ORGANISATION", "QUANT_BASE_URL")
    (home / "quantcdn" / name).write_text("".join(f"{name}={service.env[name]}\n" for name in names))


@pytest.mark.parametrize(("number", "keep"), [(0, in_profile), (1, in_environment)])
def test_the_lines_of_cron_work_as_printed_and_are_silent_where_there_is_nothing_to_do(
    service: Service, home: Path, number: int, keep: Callable[[Service, Path], None]
) -> None:
    lines = re.findall(r"```text\n(.*)\n```", SECTION)
    assert len(lines) == 2
    *_, command = lines[number].split(" ", 5)
    assert "%" not in command  # which cron takes for the end of the line
    keep(service, home)
    service.session("Old", timedelta(days=3), group="drupal-production")
    service.session("Young", timedelta(hours=3), group="drupal-production")
    service.live_until()

    first, second = (at_night(command, home) for _ in range(2))
    assert (first.stdout.count("\n"), '"title":"Old"' in first.stdout, first.stderr) == (1, True, "")
    assert (second.stdout, second.stderr) == ("", "")
    assert len(service.left()) == 1


def test_the_line_of_cron_in_the_example_works_as_printed(service: Service, home: Path) -> None:
    example = Path(__file__).parent.parent / "docs" / "examples" / "clean_up.py"
    (command,) = re.findall(r"^    15 3 \* \* \* (.*)$", example.read_text("utf-8"), re.MULTILINE)
    folder = home / "quantcdn"
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o700)
    (folder / "docs").symlink_to(example.parent.parent)
    in_environment(service, home, "clean_up.env")
    service.session("Old", timedelta(days=3), group="support")
    service.live_until()

    first, second = (at_night(command, home) for _ in range(2))
    assert first.stderr.endswith("In all: 1 done\n")
    assert (second.stdout, second.stderr) == ("", "")
    assert service.left() == set()


def test_systemd_takes_the_units_as_printed() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    units = re.findall(r"`(?:[^`]*/)?(quantcdn-prune\.\w+)`:\n\n```ini\n(.*?)```", SECTION, re.DOTALL)
    assert [name for name, _ in units] == ["quantcdn-prune.service", "quantcdn-prune.timer"]
    with TemporaryDirectory(dir="/tmp") as folder:  # of a program whose path has a quote, systemd runs none
        home = with_the_command(Path(folder))
        for name, text in units:
            (home / name).write_text(text.replace("%h", str(home)), "utf-8")
        verify = ["systemd-analyze", "verify", "--man=no", *(str(home / name) for name, _ in units)]
        run = subprocess.run(verify, capture_output=True, text=True, check=False)

    assert [line for line in run.stderr.splitlines() if "quantcdn-prune" in line] == []
    assert run.returncode == 0, run.stderr
