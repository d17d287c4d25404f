"""Builds the source distribution and the wheel, checks them, and uses the wheel in a clean environment.

Usage: python test/check_package.py FOLDER (for what is built)
"""

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
USE_IT = """
import importlib.metadata
import quantcdn

assert quantcdn.__version__ == importlib.metadata.version("quantcdn"), quantcdn.__version__
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration(host="http://127.0.0.1:9", retries=False)))
try:
    api.get_ai_session("organisation", "session")
except quantcdn.ConnectionException as error:
    assert error.never_sent
else:
    raise AssertionError("nobody listens on port 9")
try:
    quantcdn.sandbox.running().__enter__()
except ImportError as error:
    assert ".[sandbox]" in str(error), error
else:
    raise AssertionError("the sandbox needs its extra")
"""


def run(*command: object) -> None:
    """Run a command, and stop where it fails."""
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT)


def main(folder: Path) -> None:
    """Build into a folder, and check what was built."""
    distributions = folder / "dist"
    stray = ROOT / "quantcdn" / "sessions.db"  # as somebody may leave it there
    stray.touch()
    try:
        run(sys.executable, "-m", "build", "--outdir", distributions)
    finally:
        stray.unlink()
    (wheel,) = distributions.glob("*.whl")
    (source,) = distributions.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, source)

    in_wheel = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    in_repository = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "quantcdn").rglob("*")
        if path.suffix in (".py", ".pyi") or path.name == "py.typed"
    }
    assert in_wheel == in_repository, in_wheel ^ in_repository

    with tarfile.open(source) as archive:
        in_source = {name.partition("/")[2] for name in archive.getnames()}
    beside = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "PKG-INFO"}
    expected = in_repository | beside | {".gitignore"}  # hatchling adds the last one, to build as it would from a clone
    assert in_source == expected, in_source ^ expected

    environment = folder / "clean"
    venv.create(environment, with_pip=True, clear=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    run(python, "-I", "-c", USE_IT)
    print(f"{wheel.name} and {source.name} are in order")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
