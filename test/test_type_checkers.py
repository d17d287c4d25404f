"""What type checkers make of code that uses the package: right calls pass, and each wrong one is an error."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import quantcdn

CODE = (Path(__file__).parent / "typing" / "ai_sessions.py").read_text("utf-8")
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


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the checkers find the package, apart from all else that is installed.

    What is in a folder that is named to them goes before their own stubs; and pyrefly takes a class that it finds in
    site-packages for two.
    """
    folder = tmp_path_factory.mktemp("packages")
    shutil.copytree(Path(quantcdn.__file__).parent, folder / "quantcdn", ignore=shutil.ignore_patterns("__pycache__"))
    return {**os.environ, "PYTHONPATH": str(folder)}


def lines_with(comment: str) -> set[int]:
    return {number for number, line in enumerate(CODE.splitlines(), 1) if comment in line}


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_finds_an_error_in_each_wrong_line_and_in_no_other(
    checker: str, environment: dict[str, str], tmp_path: Path
) -> None:
    wrong = lines_with("# type: ignore")
    assert len(wrong) > 40
    wrong -= lines_with(f"# {checker} finds none")
    path = tmp_path / "user.py"
    path.write_text(re.sub(r"  # type: ignore.*|^# pyright:.*", "", CODE, flags=re.MULTILINE), "utf-8")
    command, is_error = CHECKERS[checker]
    run = subprocess.run(
        [PROGRAMS / command[0], *command[1:], path.name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {int(number) for number in re.findall(is_error, run.stdout, re.MULTILINE)}
    assert found == wrong, run.stdout + run.stderr


def test_the_types_of_the_package_are_complete(environment: dict[str, str]) -> None:
    run = subprocess.run(
        [PROGRAMS / "pyright", "--verifytypes", "quantcdn", "--ignoreexternal"],  # urllib3's and pydantic's are not
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Type completeness score: 100%" in run.stdout, run.stdout
