"""``python -m quantcdn.sandbox``: a sandbox in the foreground, until Ctrl-C or SIGTERM ends it (exit code 0).

The token to accept may stand in a file or, as ``QUANTCDN_SANDBOX_TOKEN``, in the environment: other users of the
machine can see what is on the command line.

What cannot be started (a port in use, an unusable file or argument, the extra not installed) is one line on standard
error and exit code 2.
"""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from quantcdn.sandbox import running

_TOKEN = "QUANTCDN_SANDBOX_TOKEN"
"""The variable that may hold the token to accept."""

_READY = """\
The sandbox listens at {host} (Ctrl-C ends it).
Token: {token}
Organisation: {organisation}

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


def main(arguments: list[str] | None = None, prog: str = "python -m quantcdn.sandbox") -> int:
    parser = argparse.ArgumentParser(prog=prog, description="AI sessions, served on loopback.")
    parser.add_argument("--host", default="127.0.0.1", help="the loopback address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=0, type=int, help="the port to listen on (default: any free one)")
    parser.add_argument("--database", metavar="FILE", help="keep the sessions in this file (default: in memory)")
    parser.add_argument(
        "--token",
        help="the token to accept (default: a random one); other users of this machine can see it in the list of "
        "processes",
    )
    parser.add_argument("--token-file", metavar="FILE", type=Path, help="the file that holds the token to accept")
    parser.add_argument("--organisation", help='the organisation the token takes part in (default: "sandbox")')
    options = parser.parse_args(arguments)
    if options.token is not None and options.token_file is not None:
        parser.error("give --token or --token-file, not both")
    # Set for both: a shell starts background jobs with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        token = options.token_file.read_text("utf-8").strip() if options.token_file else options.token
        with running(
            host=options.host,
            port=options.port,
            database=options.database,
            access_token=os.environ.get(_TOKEN) if token is None else token,
            organisation=options.organisation,
        ) as sandbox:
            text = _READY.format(
                host=sandbox.host,
                token=sandbox.access_token,
                organisation=sandbox.organisation,
                commands=in_shell(
                    {
                        "QUANT_BASE_URL": sandbox.host,
                        "QUANT_API_TOKEN": sandbox.access_token,
                        "QUANT_ORGANISATION": sandbox.organisation,
                    }
                ),
            )
            print(text, flush=True)
            while True:  # a sleep can be interrupted on every system, waiting for an event cannot
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    except (ImportError, OSError, ValueError) as error:
        advice = ""
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            advice = f": port {options.port} is in use; give another with --port, or none for any that is free"
        print(f"{parser.prog}: {error}{advice}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
