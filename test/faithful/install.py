"""Install the programs from npm that the checks beside this file start, in the folder that is given.

Running it again does no harm. Where npm is absent nothing is installed, and what needs it is skipped by name.
"""

import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = {
    "prism": "@stoplight/prism-cli@5.14.2",  # a proxy that holds what passes against a contract
    "tsc": "typescript@7.0.2",  # compiles the generated client
}


def main(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not installed: there will be no Prism and no TypeScript")
        return
    if all((folder / "node_modules" / ".bin" / program).exists() for program in PROGRAMS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error"]
    subprocess.run([npm, "install", *quiet, "--prefix", str(folder), *PROGRAMS.values()], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
