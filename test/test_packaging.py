"""What is declared about the package agrees with itself: its dependencies, their lower bounds, its version."""

import re
from importlib.metadata import metadata, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import quantcdn

ROOT = Path(__file__).parent.parent


def lower_bounds() -> dict[str, str]:
    """The runtime dependencies, each with the lowest version that is allowed."""
    bounds: dict[str, str] = {}
    for requirement in requires("quantcdn") or []:
        if "extra ==" not in requirement:
            found = re.fullmatch(r"([A-Za-z0-9-]+)(?=.*>=([0-9.]+)).*", requirement)
            assert found, requirement
            bounds[found[1]] = found[2]
    return bounds


def test_there_are_four_runtime_dependencies() -> None:
    assert set(lower_bounds()) == {"urllib3", "pydantic", "python-dateutil", "typing-extensions"}


@pytest.mark.parametrize("python", ["3.10", "3.13", "3.14", "3.15"])
def test_the_lowest_dependencies_that_are_tested_are_the_lowest_that_are_allowed(python: str) -> None:
    lines = (ROOT / "test/lowest.txt").read_text().splitlines()
    listed = [Requirement(line) for line in lines if not line.startswith("#")]
    tested = {
        one.name: Version(str(one.specifier).removeprefix("=="))
        for one in listed
        if one.marker is None or one.marker.evaluate({"python_version": python})
    }
    allowed = {name: Version(bound) for name, bound in lower_bounds().items()}
    assert tested.keys() == allowed.keys()
    came_before = {name for name, bound in allowed.items() if tested[name] != bound}
    assert came_before == ({"pydantic", "typing-extensions"} if python in ("3.14", "3.15") else set())
    assert all(tested[name] >= bound for name, bound in allowed.items())


def test_the_version_has_one_source() -> None:
    assert version("quantcdn") == quantcdn.__version__
    assert metadata("quantcdn")["Requires-Python"] == ">=3.10"
