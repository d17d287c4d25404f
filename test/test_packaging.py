"""What is declared about the package agrees with itself: its dependencies, their lower bounds, its version."""

import re
from configparser import ConfigParser
from importlib.metadata import metadata, requires, version
from pathlib import Path

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


def test_the_lowest_dependencies_that_are_tested_are_the_lowest_that_are_allowed() -> None:
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    tested = dict(re.findall(r"^lowest: ([\w-]+)==([\d.]+)$", tox["testenv"]["deps"], re.MULTILINE))
    allowed = lower_bounds()
    assert tested.keys() == allowed.keys()
    for name, bound in allowed.items():
        assert re.fullmatch(re.escape(bound) + r"(\.0)*", tested[name]), (name, bound, tested[name])


def test_the_version_has_one_source() -> None:
    assert version("quantcdn") == quantcdn.__version__
    assert metadata("quantcdn")["Requires-Python"] == ">=3.10"
