"""What runs every night, as the page of the command line prints it: by cron, and by systemd."""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from test_cli import ORGANISATION, QUANTCDN, TOKEN, Service, env, quantcdn, service

__all__ = ["env", "service"]  # the fixtures

PAGE = (Path(__file__).parent.parent / "docs" / "CommandLine.md").read_text("utf-8")
SECTION = PAGE.partition("\n## Every night\n")[2].partition("\n## ")[0]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the command where the page has it."""
    programs = tmp_path / "quantcdn" / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "quantcdn").symlink_to(QUANTCDN)
    return tmp_path


def test_the_line_of_cron_works_as_printed_and_is_silent_where_there_is_nothing_to_do(
    service: Service, home: Path
) -> None:
    (line,) = re.findall(r"```text\n(.*)\n```", SECTION)
    *_, command = line.split(" ", 5)
    assert "%" not in command  # which cron takes for the end of the line
    (home / "token").write_text(TOKEN)
    given = ("--base-url", service.env["QUANT_BASE_URL"], "--organisation", ORGANISATION)
    settings = {**service.env, "HOME": str(home)}
    quantcdn(settings, *given, "--token-file", str(home / "token"), "configure", "--token-in", "file")
    service.session("Old", timedelta(days=3), group="drupal-production")
    service.session("Young", timedelta(hours=3), group="drupal-production")

    def at_night() -> "subprocess.CompletedProcess[str]":
        variables = {"HOME": str(home), "LOGNAME": "somebody", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}  # Debian's
        run = ["/bin/sh", "-c", command]
        return subprocess.run(run, env=variables, cwd=home, capture_output=True, text=True, check=True)

    first, second = at_night(), at_night()
    assert (first.stdout.count("\n"), '"title":"Old"' in first.stdout, first.stderr) == (1, True, "")
    assert (second.stdout, second.stderr) == ("", "")
    assert len(service.left()) == 1


def test_systemd_takes_the_units_as_printed(home: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    units = re.findall(r"`(?:[^`]*/)?(quantcdn-prune\.\w+)`:\n\n```ini\n(.*?)```", SECTION, re.DOTALL)
    assert [name for name, _ in units] == ["quantcdn-prune.service", "quantcdn-prune.timer"]
    for name, text in units:
        (home / name).write_text(text.replace("%h", str(home)), "utf-8")
    verify = ["systemd-analyze", "verify", "--man=no", *(str(home / name) for name, _ in units)]
    run = subprocess.run(verify, capture_output=True, text=True, check=False)

    assert [line for line in run.stderr.splitlines() if "quantcdn-prune" in line] == []
    assert run.returncode == 0, run.stderr
