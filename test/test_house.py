"""The structure of the package: it has no circles, its picture is true, and none of its parts is too large."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import house
import pytest

FILES = sorted(house.PACKAGE.rglob("*.py"), key=str)
IDS = [path.relative_to(house.PACKAGE).as_posix() for path in FILES]
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def test_no_imports_form_a_circle() -> None:
    imports = house.modules()
    assert len(imports) > 80
    TopologicalSorter(imports).prepare()  # it raises a CycleError that names one


def test_no_rooms_use_each_other() -> None:
    TopologicalSorter(house.rooms(house.modules())).prepare()


def test_the_picture_is_of_today() -> None:
    drawn = re.search(r"<!--\n(digraph .*)-->", house.PICTURE.read_text("utf-8"), re.DOTALL)
    assert drawn, house.PICTURE
    assert drawn[1] == house.drawing(), "bring it up to date, with Graphviz: python test/house.py"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_module_and_no_function_is_too_long(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
            length = (node.end_lineno or 0) - first.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"
