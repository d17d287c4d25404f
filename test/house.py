"""The house that the package is: its rooms, on the floors of setup.cfg, and which uses which, read from its imports.

A room is a module of the package or a wing, which is a folder of them. Run as a program, this file draws the picture
of docs/Architecture.md, with Graphviz.
"""

import ast
import configparser
import subprocess
import textwrap
from collections.abc import Mapping
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "quantcdn"
PICTURE = ROOT / "docs" / "architecture.svg"

_FACE = "__init__"


def modules() -> dict[str, set[str]]:
    """What each module imports of the package, also inside functions and for type checkers alone."""
    graph = grimp.build_graph("quantcdn", cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def rooms(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which room uses which."""
    used: dict[str, set[str]] = {}
    for module, imported in imports.items():
        room = _room_of(module)
        used.setdefault(room, set()).update({_room_of(other) for other in imported} - {room})
    return used


def _room_of(module: str) -> str:
    return [*module.split("."), _FACE][1]


def floors() -> list[list[str]]:
    """The rooms of each floor, the uppermost first."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    layers = config["importlinter:contract:floors"]["layers"].split("\n")
    top, *below = [[room.strip() for room in layer.split("|")] for layer in layers if layer]
    return [[*top], [*below[0], _FACE], *below[1:]]


def drawing() -> str:
    """The picture, in the language of Graphviz: an arrow where a room uses another, unless other arrows lead there."""
    used = rooms(modules())
    lines = ["digraph {", "rankdir=TB; nodesep=0.15; ranksep=0.45; bgcolor=transparent"]
    lines.append('node [shape=box; style="filled,rounded"; fillcolor="#e8eef7"; color="#6a7f9e"; fontname=sans]')
    lines.append('node [fontsize=10]; edge [color="#7d8590"; arrowsize=0.6]')
    for floor in floors():
        lines.append(f"{{ rank=same; {'; '.join(map(_quoted, floor))} }}")
        lines += [f"{_quoted(room)} [label=<{_label(room)}>]" for room in floor]
    lines.append(f"{' -> '.join(_quoted(floor[0]) for floor in floors())} [style=invis]")
    for room, others in sorted(used.items()):
        lines += [f"{_quoted(room)} -> {_quoted(other)}" for other in sorted(others - _below(others, used))]
    return "\n".join([*lines, "}", ""])


def _below(rooms: set[str], used: Mapping[str, set[str]]) -> set[str]:
    """What these rooms use, and what that uses, and so on."""
    below: set[str] = set()
    waiting = [other for room in rooms for other in used[room]]
    while waiting:
        room = waiting.pop()
        if room not in below:
            below.add(room)
            waiting += used[room]
    return below


def _quoted(room: str) -> str:
    return f'"{room}"'


def _label(room: str) -> str:
    """The name of a room, and the first sentence that it says of itself."""
    is_wing = (PACKAGE / room).is_dir()
    path = PACKAGE / room / "__init__.py" if is_wing else PACKAGE / f"{room}.py"
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    sentence = " ".join(text.split()).partition(". ")[0].rstrip(".").replace("`", "")
    words = "<br/>".join(map(escape, textwrap.wrap(sentence, 30)))
    return f"<b>{room}{'/' if is_wing else '.py'}</b><br/>{words}"


def main() -> None:
    dot = drawing()
    svg = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=True).stdout
    PICTURE.write_text(f"{svg}<!--\n{dot}-->\n", "utf-8")


if __name__ == "__main__":
    main()
