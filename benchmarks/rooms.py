"""Where the CPU time of a call goes, room by room: ``python -m benchmarks.rooms FILE`` draws it as SVG.

Whenever the process has used some more milliseconds of CPU time, the kernel's share included, the system interrupts it,
and the innermost room on the stack counts one. Python notices an interruption when the C function at work has returned,
or when the next Python function begins: so the line decides, and a function that only begins counts for its caller.
"""

import linecache
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from benchmarks.canned import serving
from benchmarks.processes import one_core
from benchmarks.worker import WARM_UP, call_of, client_of, repeat

CALLS = {"get": "get", "create": "create", "list 100": "list of 100", "get 1000": "get, 1,000 messages"}
SECONDS = 20.0  # of CPU time for each of them: some 5,000 samples


class Room(NamedTuple):
    """A part of the code that calls pass through.

    Attributes:
        title: its name in the picture.
        colour: its colour there.
        code: what its paths have in them.
        calls: the C functions whose time is its own, wherever they are called.
    """

    title: str
    colour: str
    code: str
    calls: str = "(?!)"


# In the order of the picture. Code of none of these, like that of most of the standard library, counts for its caller.
ROOMS = [
    Room("arguments", "#0e3a5f", "/quantcdn/(api/|_wire/(call|segment))"),
    Room("request", "#155183", "/quantcdn/(_wire/(encode|headers|message|origin|token)|configuration)"),
    Room(
        "the loop: deadline, retry, log",
        "#1d68a4",
        "/quantcdn/(api_client|_exchange|attempt|retry|_transport/deadline)",
    ),
    Room("connection and head of the answer", "#2f7fbd", "/quantcdn/(rest|_transport/)"),
    Room("models", "#4b93cc", "/quantcdn/|/benchmarks/rivals/"),
    Room("pydantic", "#8a4fa3", "/pydantic/", r"\.(validate_(json|python)|to_json)\("),
    Room("urllib3", "#a8660f", "/urllib3/"),
    Room("http.client", "#6b7021", "/http/client|/email/"),
    Room("sockets and the kernel", "#6a6f78", "/socket.py|/urllib3/util/wait", r"\.(sendall|settimeout)\("),
]


@cache
def room_of(path: str, line: int) -> Room | None:
    """The room that a line of code belongs to."""
    text = linecache.getline(path, line)
    return next(
        (room for room in ROOMS if re.search(room.calls, text)),
        next((room for room in ROOMS if re.search(room.code, path)), None),
    )


def sample(call: Callable[[], Any], seconds: float) -> tuple[Counter[Room], float]:
    """How often each room was found at work, and the CPU time of a call."""
    found: Counter[Room] = Counter()

    def look(_signal: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_lineno in (None, frame.f_code.co_firstlineno):
            frame = frame.f_back
        while frame is not None:
            room = room_of(frame.f_code.co_filename, frame.f_lineno)
            if room is not None:
                found[room] += 1
                return
            frame = frame.f_back

    previous = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    started = time.process_time()
    calls = 0
    while time.process_time() - started < seconds:
        repeat(call, 10)
        calls += 10
    used = time.process_time() - started
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, previous)
    return found, used / calls


def draw(samples: dict[str, tuple[Counter[Room], float]]) -> str:
    """A bar for each kind of call, in SVG."""
    parts = [_HEAD.format(height=_BAR * len(samples) + 22 * -(-len(ROOMS) // 3) + 34)]
    for index, (title, (found, seconds)) in enumerate(samples.items()):
        top = 8 + _BAR * index
        parts.append(f'<text x="{_LEFT - 10}" y="{top + 19}" text-anchor="end">{title}</text>')
        parts.append(f'<text x="{_LEFT + _WIDTH + 10}" y="{top + 19}">{1e6 * seconds:.0f} µs</text>')
        left = float(_LEFT)
        for room in ROOMS:
            share = found[room] / found.total()
            width = _WIDTH * share
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{max(width - 1, 0):.1f}" height="28" fill="{room.colour}">'
                f"<title>{room.title}: {share:.1%}</title></rect>"
            )
            if share >= 0.04:
                parts.append(f'<text class="in" x="{left + width / 2:.1f}" y="{top + 19}">{100 * share:.0f}</text>')
            left += width
    for index, room in enumerate(ROOMS):
        x, y = 20 + 265 * (index % 3), 30 + _BAR * len(samples) + 22 * (index // 3)
        parts.append(f'<rect x="{x}" y="{y - 11}" width="13" height="13" fill="{room.colour}"/>')
        parts.append(f'<text x="{x + 20}" y="{y}">{room.title}</text>')
    return "\n".join([*parts, "</svg>", ""])


_LEFT, _WIDTH, _BAR = 160, 520, 40
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="system-ui, sans-serif" font-size="13">
<title>Where the CPU time of a call goes, in percent</title>
<style>
text {{ fill: #1f2328 }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}
.in {{ fill: #ffffff; font-size: 12px; text-anchor: middle }}
</style>"""


def main() -> None:
    with one_core(), serving() as server:
        client = client_of("sdk", server.url)
        samples: dict[str, tuple[Counter[Room], float]] = {}
        for scenario, title in CALLS.items():
            call = call_of(client, scenario)
            repeat(call, WARM_UP)
            samples[title] = sample(call, SECONDS)
    Path(sys.argv[1]).write_text(draw(samples), encoding="utf-8")


if __name__ == "__main__":
    main()
