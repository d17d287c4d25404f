"""``python -m quantcdn.sandbox``: a sandbox in the foreground, until Ctrl-C or SIGTERM ends it.

Each request is a line on standard error. Where a command follows, it is run with the sandbox in its environment, and
the sandbox ends with it, with its exit code.

The token to accept may stand in a file or, as ``QUANTCDN_SANDBOX_TOKEN``, in the environment: other users of the
machine can see what is on the command line.

The exit codes are those that whoever starts it goes by. A service that was told to stop, and did, has not failed: 0, as
systemd and containers expect. What cannot be started (a port in use, an unusable file or argument, the extra not
installed) is one line on standard error and 2. A command that cannot be run is what it is to a shell: 126 or 127.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from quantcdn.sandbox import RunningSandbox, running
from quantcdn.sandbox._faults import ANY, fields_written, rule_from
from quantcdn.sandbox._journal import Received
from quantcdn.sandbox._validation import check_token

_TOKEN = "QUANTCDN_SANDBOX_TOKEN"
"""The variable that may hold the token to accept."""

_SLICE = 0.1
"""The longest to wait at a time, in seconds: a signal that comes just before does not wake, and is heard after it."""

_STOPS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What ends it beside Ctrl-C: who stops services, and the terminal that is closed. Windows has no SIGHUP."""

_ENDING = """\
examples:
  %(prog)s
  %(prog)s --demo --latency 0.05 --fail update:drop=after,rate=0.1
  %(prog)s --port 8765 --database sessions.db
  %(prog)s -- python -m pytest

exit codes:
  0    It was stopped, by Ctrl-C, SIGTERM or SIGHUP.
  2    It cannot be started: a port in use, an unusable file or argument.
  126  The command cannot be run.
  127  There is no such command.
  With a command, its own; where a signal ended it, 128 and the number of that.
"""

_READY = """\
The sandbox listens at {host} (Ctrl-C ends it).
Token: {token}
Organisation: {organisation}
Secret of the control interface: {secret}
A page to look into it: {page}

import quantcdn
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration(host={host!a}, access_token={token!a})))
print(api.list_ai_sessions({organisation!a}))

The examples of the documents take these from the environment:
{commands}"""


def in_shell(variables: Mapping[str, str], *, windows: bool = os.name == "nt") -> str:
    """The commands that set variables in a shell of this system."""
    if not windows:
        return f"export {' '.join(f'{name}={shlex.quote(value)}' for name, value in variables.items())}"
    in_powershell = ("$env:{} = '{}'".format(name, value.replace("'", "''")) for name, value in variables.items())
    in_cmd = (f'set "{name}={value}"' for name, value in variables.items())
    return f"{'; '.join(in_powershell)}\nor, in cmd: {' & '.join(in_cmd)}"


def _variables(sandbox: RunningSandbox) -> dict[str, str]:
    """What leads a program to the sandbox."""
    return {
        "QUANT_BASE_URL": sandbox.host,
        "QUANT_API_TOKEN": sandbox.access_token,
        "QUANT_ORGANISATION": sandbox.organisation,
    }


def _token(token: str | None, file: Path | None) -> str | None:
    """The token to accept, from where it is said; None for a random one.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no token; the text says where it is from.
    """
    source = str(file or (_TOKEN if token is None else "--token"))
    with _blaming(source):
        said = file.read_text("utf-8").strip() if file else os.environ.get(_TOKEN) if token is None else token
        if said is not None:
            check_token(said)
    return said


@contextmanager
def _blaming(source: object) -> Generator[None, None, None]:
    """Name where it is from in an error about what is said."""
    try:
        yield
    except UnicodeDecodeError:
        raise ValueError(f"{source}: it is no UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _say(request: Received) -> None:
    """Write a line about a request, without anything that it holds."""
    what, became = request.operation or request.method, request.status or "no answer"
    line = f"{request.time.astimezone():%H:%M:%S} {what}: {became}, {1000 * request.duration:.0f} ms"
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # whoever read it has left, as in `2>&1 | head`; the line in its buffer would fail Python's end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _wait(sandbox: RunningSandbox) -> None:
    """Tell how the sandbox is used, and serve until a signal ends that."""
    details = {"token": sandbox.access_token, "organisation": sandbox.organisation, "secret": sandbox.secret}
    print(
        _READY.format(host=sandbox.host, page=sandbox.page, commands=in_shell(_variables(sandbox)), **details),
        flush=True,
    )
    while True:  # a sleep can be interrupted on every system, waiting for an event cannot
        time.sleep(_SLICE)


def _run(command: Sequence[str], sandbox: RunningSandbox) -> int:
    """Run a command that finds the sandbox in its environment, and return its exit code as a shell would.

    Raises:
        OSError: the command cannot be run.
    """
    to_pass_on: list[int] = []
    _on_stops(lambda number, frame: to_pass_on.append(number))
    if _is_in_foreground():  # of a terminal, which sends Ctrl-C to the command as well
        signal.signal(signal.SIGINT, lambda number, frame: None)
    else:
        signal.signal(signal.SIGINT, lambda number, frame: to_pass_on.append(number))
    with subprocess.Popen(command, env={**os.environ, **_variables(sandbox)}) as process:
        code = None
        while code is None:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(_SLICE)
            while to_pass_on:
                process.send_signal(to_pass_on.pop(0))
    return code if code >= 0 else 128 - code


def _is_in_foreground() -> bool:
    """Whether a terminal sends Ctrl-C to this process and to what it starts. On Windows each console does."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return os.name == "nt"
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def _stopped(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _on_stops(handler: Callable[[int, FrameType | None], object]) -> None:
    """Have the signals handled that end it. One that is ignored, as under ``nohup``, stays so."""
    for number in _STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _fields(read: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """What argparse is to read a fault with, so that it repeats why there is none."""

    def checked(text: str) -> dict[str, Any]:
        try:
            fields = read(text)
            rule_from(fields)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return fields

    return checked


def _number(text: str) -> float | str:
    """The number that a text says; else the text, of which the fault itself says that it is none."""
    try:
        return float(text)
    except ValueError:
        return text


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="AI sessions, served on this machine.",
        epilog=_ENDING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # else the next option that begins alike would change what a script means
    )
    parser.add_argument("--host", default="127.0.0.1", help="the loopback address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=0, type=int, help="the port to listen on (default: any free one)")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let the host be one that other machines can reach, such as 0.0.0.0; there is no TLS, and the token must "
        "be your own",
    )
    parser.add_argument("--database", metavar="FILE", help="keep the sessions in this file (default: in memory)")
    parser.add_argument(
        "--token",
        help="the token to accept (default: a random one); other users of this machine can see it in the list of "
        "processes",
    )
    parser.add_argument("--token-file", metavar="FILE", type=Path, help="the file that holds the token to accept")
    parser.add_argument("--organisation", help='the organisation the token takes part in (default: "sandbox")')
    parser.add_argument("--seed", metavar="FILE", type=Path, help="begin with the sessions of this export")
    parser.add_argument("--demo", action="store_true", help="begin with a believable organisation of some weeks")
    parser.add_argument(
        "--fail",
        metavar="RULE",
        type=_fields(fields_written),
        action="append",
        dest="faults",
        default=[],
        help="let requests fail, as in update:status=429,retry_after=1,times=2 or get:drop=after,rate=0.1 "
        "(can be repeated)",
    )
    parser.add_argument(
        "--latency",
        metavar="SECONDS",
        type=_fields(lambda text: {"operation": ANY, "delay": _number(text)}),
        action="append",
        dest="faults",
        help="hold each answer back for so long",
    )
    parser.add_argument(
        "--error-rate",
        metavar="SHARE",
        type=_fields(lambda text: {"operation": ANY, "status": 503, "rate": _number(text)}),
        action="append",
        dest="faults",
        help="answer this share of the requests with 503, the same ones in each run (more than 0, up to 1)",
    )
    parser.add_argument("--quiet", action="store_true", help="write no line for each request, nor of what is no HTTP")
    parser.add_argument(
        "command",
        metavar="-- COMMAND",
        nargs=argparse.REMAINDER,
        help="run this command with the sandbox in its environment, and end with it",
    )
    return parser


def main(arguments: list[str] | None = None, prog: str = "python -m quantcdn.sandbox") -> int:
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.token is not None and options.token_file is not None:
        parser.error("give --token or --token-file, not both")
    command = options.command[options.command[:1] == ["--"] :]
    if options.command and not command:
        parser.error("give a command after --")
    if options.quiet or command:
        logging.getLogger("quantcdn.sandbox").setLevel(logging.ERROR)  # without what it says of what is no HTTP
    signal.signal(signal.SIGINT, _stopped)  # a shell starts background jobs with it ignored
    _on_stops(_stopped)
    try:
        with (
            ExitStack() as listening,
            running(
                host=options.host,
                port=options.port,
                allow_remote=options.allow_remote,
                database=options.database,
                access_token=_token(options.token, options.token_file),
                organisation=options.organisation,
            ) as sandbox,
        ):
            if options.seed is not None:
                with options.seed.open("rb") as lines, _blaming(options.seed):
                    sandbox.load(lines)
            if options.demo:
                sandbox.demo()
            for fault in options.faults:
                sandbox.fail(**fault)
            if command:
                try:
                    return _run(command, sandbox)
                except OSError as error:
                    absent = isinstance(error, FileNotFoundError)
                    reason = "there is no such command" if absent else error.strerror
                    print(f"{parser.prog}: {shlex.quote(command[0])}: {reason}", file=sys.stderr)
                    return 127 if absent else 126
            if options.allow_remote:
                print("Other machines can reach it, and what they send is not encrypted.", file=sys.stderr)
            if not options.quiet:
                listening.enter_context(sandbox.requests.told(_say))  # until the last one is answered
            _wait(sandbox)
    except KeyboardInterrupt as stop:
        if command:  # which was not run
            return 128 + int(stop.args[0])
    except (ImportError, OSError, ValueError) as error:
        advice = ""
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            advice = f": port {options.port} is in use; give another with --port, or none for any that is free"
        print(f"{parser.prog}: {error}{advice}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
