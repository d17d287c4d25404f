"""Runs tests as they run on somebody else's machine, which is busy: ``python test/elsewhere.py [tests]``.

As an ordinary user, in a folder whose name holds a space, quotes and an accent, with ``LANG=C``, a long prompt, a proxy
and no ``HOME``, while a process for each core keeps it busy. The Python that runs this, with all that is installed,
goes there as links, for root's own may be closed to others. Only root can become another user.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = [
    "test/test_bulk_interrupts.py",
    "test/test_cli_completion.py",
    "test/test_conversation_limits.py",
    "test/test_corner_cases.py",
    "test/test_deadlines.py",
    "test/test_examples.py",
    "test/test_networks.py",
    "test/test_pages.py",
    "test/test_sandbox.py",
    "test/test_sandbox_control.py",
    "test/test_stalls.py",
    "test/test_streaming.py",
    "test/test_cli.py::test_closed_streams_are_no_error",
    "test/test_cli.py::test_a_token_file_may_be_a_pipe",
    "test/test_cli.py::test_what_is_no_text_is_written_as_escapes",
    "test/test_cli.py::test_a_chat_on_a_terminal_has_a_prompt_and_goes_on_after_a_failure",
    "test/test_cli.py::test_bash_completes_commands_and_options",
]
"""Of those that time, and of those that start programs: all of them take an hour."""
USER = "nobody"
GROUP = 65534
FOLDER = 'an "é"\'s'


def linked(source: str, target: str) -> None:
    """Link a file, or copy it to another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def python_in(folder: Path) -> Path:
    """Put this environment there, with the Python that it is made of, and return its folder of programs."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    without = shutil.ignore_patterns("__pycache__", "site-packages", "test", "idlelib", "*.a")
    base = folder / "base"
    for part in ("bin", f"lib/{version}"):
        shutil.copytree(Path(sys.base_prefix, part), base / part, copy_function=linked, symlinks=True, ignore=without)
    for library in Path(sys.base_prefix, "lib").glob("libpython*"):
        linked(str(library), str(base / "lib" / library.name))
    programs = folder / "venv" / "bin"
    programs.mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\n", "utf-8")
    packages = f"lib/{version}/site-packages"
    shutil.copytree(Path(sys.prefix, packages), folder / "venv" / packages, copy_function=linked, symlinks=True)
    for program in Path(sys.prefix, "bin").iterdir():
        target = programs / program.name
        if program.name.startswith("python"):
            target.symlink_to(base / "bin" / version)
        elif program.is_file() and (content := program.read_bytes()).startswith(f"#!{sys.prefix}".encode()):
            # A line of `#!` cannot hold a space: the shell starts Python, to which its line is a text.
            start = b"#!/bin/sh\n'''exec' \"$(dirname \"$0\")/python\" \"$0\" \"$@\"\n' '''\n"
            target.write_bytes(start + content.partition(b"\n")[2])
            target.chmod(0o755)
        elif program.is_file():
            linked(str(program), str(target))
    return programs


def repository_in(folder: Path) -> Path:
    """Put this repository there, for the user to write in, and return its folder."""
    target = folder / "repository"
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "build"))
    temporary = folder / "tmp"
    temporary.mkdir()
    for path in (temporary, target, *target.rglob("*")):
        shutil.chown(path, USER, GROUP)
    return target


@contextlib.contextmanager
def busy(python: Path) -> Generator[None, None, None]:
    """Keep each core busy for the length of a ``with`` block."""
    with contextlib.ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = stack.enter_context(subprocess.Popen([python, "-c", "while True: pass"], user=USER))
            stack.callback(process.kill)
        yield


def main(arguments: list[str]) -> int:
    if os.geteuid() != 0:
        print("Only root can become an ordinary user: nothing was run elsewhere.")
        return 0
    with tempfile.TemporaryDirectory(prefix="q", ignore_cleanup_errors=True) as temporary:
        Path(temporary).chmod(0o755)
        folder = Path(temporary, FOLDER)
        folder.mkdir()
        programs, repository = python_in(folder), repository_in(folder)
        env = {
            "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
            "TMPDIR": str(folder / "tmp"),
            "LD_LIBRARY_PATH": str(folder / "base" / "lib"),
            "LANG": "C",
            "PS1": f"{'a long prompt ' * 20}$ ",
            "http_proxy": "http://127.0.0.1:9",
        }
        with busy(programs / "python"):
            return subprocess.run(
                [programs / "pytest", "-p", "no:cacheprovider", "-n", "auto", *(arguments or TESTS)],
                cwd=repository,
                env=env,
                user=USER,
                group=GROUP,
                extra_groups=[],
                check=False,
            ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
