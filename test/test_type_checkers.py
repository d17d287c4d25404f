"""What type checkers make of code that uses the package: right calls pass, and each wrong one is an error."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import quantcdn

CODE = (Path(__file__).parent / "typing" / "ai_sessions.py").read_text("utf-8")
PACKAGES = Path(quantcdn.__file__).parent.parent
# Where it is installed, the checkers find it. What is named here goes before their own stubs, of typing_extensions too.
INSTALLED = Path(sysconfig.get_path("purelib"))
ENVIRONMENT = {**os.environ, **({} if PACKAGES == INSTALLED else {"PYTHONPATH": str(PACKAGES)})}
PROGRAMS = Path(sys.executable).parent
# What starts each, and how it writes the line of an error.
CHECKERS = {
    "mypy": (["mypy", "--strict", "--follow-imports=silent", "--python-executable", sys.executable], r":(\d+): error:"),
    "pyright": (["pyright", "--pythonpath", sys.executable], r":(\d+):\d+ - error:"),
    "ty": (["ty", "check", "--output-format=concise", "--python", sys.executable], r":(\d+):\d+: error\["),
    "pyrefly": (
        [
            "pyrefly",
            "check",
            "--preset=default",
            "--output-format=min-text",
            "--python-interpreter-path",
            sys.executable,
        ],
        r"^ERROR \S+?:(\d+):",
    ),
    "zuban": (["zuban", "check", "--strict", "--python-executable", sys.executable], r":(\d+): error:"),
}


def lines_with(comment: str) -> set[int]:
    return {number for number, line in enumerate(CODE.splitlines(), 1) if comment in line}


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_finds_an_error_in_each_wrong_line_and_in_no_other(checker: str, tmp_path: Path) -> None:
    wrong = lines_with("# type: ignore")
    assert len(wrong) > 40
    wrong -= lines_with(f"# {checker} finds none")
    path = tmp_path / "user.py"
    path.write_text(re.sub(r"  # type: ignore.*|^# pyright:.*", "", CODE, flags=re.MULTILINE), "utf-8")
    command, is_error = CHECKERS[checker]
    run = subprocess.run(
        [PROGRAMS / command[0], *command[1:], path.name],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    found = {int(number) for number in re.findall(is_error, run.stdout, re.MULTILINE)}
    assert found == wrong, run.stdout + run.stderr


def test_the_types_of_the_package_are_complete() -> None:
    run = subprocess.run(
        [PROGRAMS / "pyright", "--verifytypes", "quantcdn", "--ignoreexternal"],  # urllib3's and pydantic's are not
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert "Type completeness score: 100%" in run.stdout, run.stdout
