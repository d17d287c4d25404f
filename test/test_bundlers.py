"""The package out of an archive: a program has a whole session. `check_package.py --release` freezes one, too."""

import os
import runpy
import subprocess
import sys
import zipapp
import zipfile
from pathlib import Path

import pytest

import quantcdn
from quantcdn import _bundling

PACKAGE = Path(quantcdn.__path__[0])
PROGRAM = Path(__file__).with_name("bundled.py")
FILES = sorted(path for path in PACKAGE.rglob("*.*") if path.suffix in (".py", ".pyi", ".html"))


@pytest.mark.parametrize("form", ["zip on sys.path", "zipapp"])
def test_a_program_has_a_whole_session_out_of_an_archive(form: str, tmp_path: Path) -> None:
    archive = tmp_path / "archive.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        for path in FILES:
            file.write(path, path.relative_to(PACKAGE.parent))
        file.write(PROGRAM, "bundled.py")
        file.writestr("__main__.py", "import bundled, quantcdn\nbundled.main()\nprint(quantcdn.__file__)\n")
    if form == "zipapp":
        zipapp.create_archive(archive, runs := tmp_path / "program.pyz", interpreter=sys.executable)
        command = [sys.executable, str(runs)]
    else:
        runs = archive
        command = [sys.executable, "-c", "import bundled, quantcdn; bundled.main(); print(quantcdn.__file__)"]

    run = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(runs)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stdout.splitlines() == ["A whole session", os.path.join(runs, "quantcdn", "__init__.py")], run.stderr


def test_what_freezes_a_program_is_told_of_the_module_of_every_public_name() -> None:
    """PyInstaller reads the imports in the code, and these are none."""
    (folder,) = _bundling.folders()
    told = runpy.run_path(os.path.join(folder, "hook-quantcdn.py"))["hiddenimports"]
    code = f"""
import inspect, sys, quantcdn
for name in {told}:
    __import__(name)
loaded = set(sys.modules)
from quantcdn import *
from quantcdn.models import *
inspect.getmembers(AISessionsApi)
assert set(sys.modules) == loaded, set(sys.modules) - loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_freezes_a_program_is_told_of_the_page() -> None:
    (folder,) = _bundling.folders()
    ((page, place),) = runpy.run_path(os.path.join(folder, "hook-quantcdn.py"))["datas"]
    assert Path(page) == PACKAGE / "sandbox" / "page.html"
    assert place == "quantcdn/sandbox"
