"""Builds the source distribution and the wheel, checks them, and uses what was built.

Usage: python test/check_package.py FOLDER (for what is built) [--release]

With --release, both are installed in a clean environment on each Python that is there, one that is too old refuses them
at once, and a program that uses the package is frozen. Without, the wheel is used on this Python.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from email import message_from_bytes
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent
SESSION = ROOT / "test" / "bundled.py"
OLD, PYTHONS = ["3.8", "3.9"], ["3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
SOURCE = "https://example.org/quantcdn"
USE_IT = """
import importlib.metadata
import quantcdn

assert quantcdn.__version__ == importlib.metadata.version("quantcdn"), quantcdn.__version__
configuration = quantcdn.Configuration("http://127.0.0.1:9", "token", retries=False)
api = quantcdn.AISessionsApi(quantcdn.ApiClient(configuration))
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


def run(*command: object, cwd: Path = ROOT) -> None:
    """Run a command, and stop where it fails."""
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, cwd=cwd)


def copied(folder: Path) -> Path:
    """A copy of what the repository holds, as another machine may have it: other times, other rights."""
    names = ["pyproject.toml", "hatch_build.py", ".gitignore", *(path.name for path in ROOT.glob("*.md")), "LICENSE"]
    folder.mkdir()
    for name in names:
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copytree(ROOT / "quantcdn", folder / "quantcdn", copy_function=shutil.copyfile)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def build(source: Path, folder: Path) -> tuple[Path, Path]:
    """Build the wheel, out of the source distribution, and that."""
    run(sys.executable, "-m", "build", "--outdir", folder, source)
    (wheel,), (archive,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, archive


def digests(*paths: Path) -> list[str]:
    """What tells the contents of files apart."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def description(wheel: Path) -> str:
    """The page that an index shows."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name)).get_payload(decode=True).decode()  # type: ignore[union-attr]


def links(markdown: str) -> list[str]:
    """Where the links of a page lead, but for those within it."""
    tokens = [child for token in MarkdownIt().parse(markdown) for child in token.children or []]
    targets = [str(token.attrs.get("href", token.attrs.get("src", ""))) for token in tokens]
    return [target for target in targets if target and not target.startswith("#")]


def way_to(target: str) -> str:
    """A picture is shown from its file as it is, and not from the page about it."""
    return "raw/HEAD" if target.endswith(".png") else "blob/HEAD"


def check_contents(wheel: Path, source: Path) -> None:
    """Both hold the package, whole, and nothing that lies beside it."""
    in_wheel = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    in_repository = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "quantcdn").rglob("*")
        if path.suffix in (".py", ".pyi") or path.name in ("py.typed", "openapi.json", "page.html")
    }
    assert in_wheel == in_repository, in_wheel ^ in_repository

    with tarfile.open(source) as archive:
        in_source = {name.partition("/")[2] for name in archive.getnames()}
    beside = {"pyproject.toml", "hatch_build.py", "LICENSE", "PKG-INFO"}
    beside |= {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    expected = in_repository | beside | {".gitignore"}  # hatchling adds the last one, to build as it would from a clone
    assert in_source == expected, in_source ^ expected


def check_page(folder: Path, wheel: Path) -> None:
    """On an index page, no link is relative; with a repository to lead to, none of the README's is lost."""
    declared = "\nSource = " in (ROOT / "pyproject.toml").read_text()
    here = links((ROOT / "README.md").read_text())
    there = links(description(wheel))
    assert all(target.startswith("https://") for target in there), there
    assert len(there) == len(here) or not declared, set(here) - set(there)

    elsewhere = copied(folder / "with-source")
    text = re.sub(r"\nSource = .*", "", (elsewhere / "pyproject.toml").read_text())
    (elsewhere / "pyproject.toml").write_text(text.replace("[project.urls]", f'[project.urls]\nSource = "{SOURCE}"'))
    wheel, _ = build(elsewhere, folder / "dist-with-source")
    expected = [target if target.startswith("https://") else f"{SOURCE}/{way_to(target)}/{target}" for target in here]
    assert links(description(wheel)) == expected
    if not declared:
        print("[project.urls] names no Source yet: the page of an index would show the README without these links")


def environment(folder: Path, version: str) -> Path | None:
    """The Python of a clean environment, or None where the machine has no such version."""
    made = subprocess.run(
        [sys.executable, "-m", "virtualenv", "--quiet", "--clear", "--python", version, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if made.returncode else folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def check_clean(folder: Path, version: str, *distributions: Path) -> bool:
    """Use each in an environment that holds nothing else. Returns whether there is such a Python."""
    for distribution in distributions:
        python = environment(folder, version)
        if python is None:
            return False
        run(python, "-m", "pip", "install", "--quiet", distribution)
        run(python, "-I", "-c", USE_IT, cwd=folder)
        run(python, "-m", "pip", "install", "--quiet", f"{distribution}[sandbox]")
        run(python, "-I", SESSION, cwd=folder)
    return True


def check_refusal(folder: Path, version: str) -> bool:
    """The README's first command is refused at once, by the pip that such a Python brings."""
    found = shutil.which(f"python{version}")
    if (
        not found
        or subprocess.run([found, "-m", "venv", "--clear", folder], capture_output=True, check=False).returncode
    ):
        return False
    command = re.search(r"\.venv/bin/(pip install .*?) &&", (ROOT / "README.md").read_text())
    assert command
    started = time.monotonic()
    refused = subprocess.run(
        f"{folder}/bin/{command[1]}", shell=True, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert refused.returncode == 1, refused.stderr
    assert "requires a different Python" in refused.stderr, refused.stderr
    print(f"Python {version} is refused after {time.monotonic() - started:.1f} s: {refused.stderr.splitlines()[-1]}")
    return True


def check_extras(folder: Path, wheel: Path) -> None:
    """The lowest versions that the extras allow serve, and warn of nothing."""
    python = environment(folder / "lowest", "3.11")
    if python is None:
        print("not there: Python 3.11, for the lowest versions of the extras")
        return
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        required = message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    lowest = re.findall(r"^([\w-]+(?:\[\w+\])?)\S*?>=([\d.]+)", "\n".join(required), re.MULTILINE)
    run(python, "-m", "pip", "install", "--quiet", wheel, *(f"{package}=={version}" for package, version in lowest))
    use = "from quantcdn import to_dataframe; import ipywidgets, socks; assert to_dataframe([]).empty"
    run(python, "-I", "-W", "error", SESSION, cwd=folder)
    run(python, "-I", "-W", "error", "-c", use, cwd=folder)
    # Without errors for warnings: Typer before 0.26 asks click for what click has deprecated.
    run(python, "-I", "-m", "quantcdn", "sessions", "export", "--help", cwd=folder)


def check_bundles(folder: Path, wheel: Path) -> None:
    """A program is frozen and packed with all that it needs, and has a whole session."""
    python = environment(folder / "bundlers", f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert python
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[sandbox,cli]", "pyinstaller", "shiv")
    command = folder / "command.py"
    command.write_text("from quantcdn.cli import main\n\nmain()\n")
    for script in (SESSION, command):
        run(python, "-m", "PyInstaller", "--log-level", "ERROR", "--noconfirm", script, cwd=folder)
    run(folder / "dist" / "bundled" / "bundled", cwd=folder)
    run(folder / "dist" / "command" / "command", "sessions", "export", "--help", cwd=folder)
    doctor = [folder / "dist" / "command" / "command", "--base-url", "http://127.0.0.1:9", "doctor"]
    said = subprocess.run(doctor, capture_output=True, text=True, check=False).stdout.splitlines()[0]
    assert re.search(r"urllib3 \d\S+, pydantic \d\S+, python-dateutil \d", said), said

    packed = folder / "packed"
    packed.mkdir()
    shutil.copyfile(SESSION, packed / "bundled.py")
    run(python, "-m", "pip", "install", "--quiet", "--target", packed, f"{wheel}[sandbox]")
    run(python, "-m", "shiv", "--site-packages", packed, "-e", "bundled:main", "-o", folder / "bundled.pyz")
    run(python, "-I", "-S", folder / "bundled.pyz", cwd=folder)


def main(folder: Path, *, release: bool) -> None:
    """Build into a folder, and check what was built."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stray = ROOT / "quantcdn" / "sessions.db"  # as somebody may leave it there
    stray.touch()
    try:
        wheel, source = build(ROOT, folder / "distributions")
    finally:
        stray.unlink()
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, source)
    check_contents(wheel, source)
    again = build(copied(folder / "copy"), folder / "distributions-again")
    assert digests(wheel, source) == digests(*again), "two builds differ"
    check_page(folder, wheel)
    clean = folder / "clean"
    if release:
        used = [version for version in PYTHONS if check_clean(clean, version, wheel, source)]
        refused = [version for version in OLD if check_refusal(clean, version)]
        missing = sorted({*PYTHONS, *OLD} - {*used, *refused}, key=lambda version: int(version[2:]))
        check_extras(folder, wheel)
        check_bundles(folder, wheel)
        print(f"used on {', '.join(used)}; refused on {', '.join(refused)}; not there: {', '.join(missing) or 'none'}")
        assert used
    else:
        assert check_clean(clean, sys.executable, wheel)
    for path, digest in zip((wheel, source), digests(wheel, source), strict=True):
        print(f"{digest}  {path.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), release="--release" in sys.argv[2:])
