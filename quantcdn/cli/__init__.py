"""The command line, ``quantcdn``. It needs the extra ``cli``.

Standard output holds data and nothing else; all that is said to people goes to standard error. What a command does, it
does through the public API of the package, which is loaded when the command runs: ``--help`` waits for none of it.
"""

import os
import sys

import quantcdn
from quantcdn._version import __version__

__all__ = ["main"]

_EXTRA = frozenset(["typer", "rich", "tqdm", "platformdirs"])


def main() -> None:
    """Run the command that the arguments of this process name, and exit."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed, as by >&-: a connection would take its number
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode, closefd=False))  # noqa: SIM115  # it stays
    # quantcdn-client puts its own `__init__.py` in the place of ours, and takes it away when it is removed.
    if getattr(quantcdn, "__version__", None) != __version__:
        print(
            "Error: quantcdn-client has overwritten files of this package, whose folder it shares: "
            "pip uninstall quantcdn-client quantcdn, then install quantcdn again",
            file=sys.stderr,
        )
        sys.exit(1)
    try:
        if sys.argv[1:] == ["--version"]:
            _say_version()
            sys.exit()
        from quantcdn.cli._app import run
        from quantcdn.cli._exits import heed_signals, reporting

        with reporting():
            heed_signals()
            code = run(sys.argv[1:])
        sys.exit(code)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        print(
            f'Error: the command line needs {missing}; in a clone, pip install ".[cli]" brings it',
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)  # while the command was loaded


def _say_version() -> None:
    """Say it, with nothing loaded that commands need: only a failure is reported as theirs are."""
    try:
        print(f"quantcdn {__version__}", flush=True)
    except OSError:
        from quantcdn.cli._exits import reporting

        with reporting():
            raise
