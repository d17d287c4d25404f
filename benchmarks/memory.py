"""What a rival's answers take of memory: ``python -m benchmarks.memory held|peak RIVAL URL`` prints it in bytes.

``held`` is what 10,000 sessions of a list hold, as Python's own allocator counts it. ``peak`` is by how much the memory
of the process grows, at most, while it reads a session of some 20 MB, as the system counts it.
"""

import gc
import re
import sys
import tracemalloc
from pathlib import Path

from benchmarks.worker import call_of, client_of

LISTED = 10_000
MESSAGES = 140_000  # 20 MB


def peak() -> int:
    """The most that this process has taken of memory so far, in bytes.

    `resource.getrusage` would count in what the process had that started it.
    """
    return 1024 * int(re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[0])


def main() -> None:
    what, rival, url = sys.argv[1:]
    client = client_of(rival, url)
    scenario = f"list {LISTED}" if what == "held" else f"get {MESSAGES}"
    call, small = call_of(client, scenario), call_of(client, scenario.partition(" ")[0])
    small()
    gc.collect()
    if what == "held":
        tracemalloc.start()
        sessions = call()
        gc.collect()
        print(tracemalloc.get_traced_memory()[0])
        assert len(sessions) == LISTED
    else:
        before = peak()
        call()
        print(peak() - before)


if __name__ == "__main__":
    main()
