"""What a run needs beside the server: packages and certificates, in a folder that the run removes."""

import compileall
import shutil
import ssl
import subprocess
import sys
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path

import trustme

from benchmarks.rivals import RIVALS

_ROOT = Path(__file__).parent.parent
_GENERATOR = Path(sys.executable).parent / "openapi-generator-cli"


def make_packages(
    folder: Path, rivals: Collection[str], installed: Mapping[str, Path | None]
) -> tuple[dict[str, Path], dict[str, str]]:
    """Make the packages of the name ``quantcdn``, on each of which the same program runs, and find the others'.

    Args:
        folder: where to make them.
        rivals: who needs one.
        installed: where those are installed that cannot share an environment with the others.

    Returns:
        where the package of a rival is found, and why a rival has none.
    """
    packages: dict[str, Path] = {}
    missing: dict[str, str] = {}
    if "sdk" in rivals:  # a copy, so that an edit during the run does no harm
        packages["sdk"] = folder / "sdk"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_ROOT / "quantcdn", packages["sdk"] / "quantcdn", ignore=ignored)
    for rival in rivals:
        if rival in installed:
            place = installed[rival]
            if place is None:
                missing[rival] = f"no --{rival} was given"
            else:
                packages[rival] = place.resolve()
        elif find_spec(RIVALS[rival].needs) is None:
            missing[rival] = f"{RIVALS[rival].needs} is not installed"
    if "generated" in rivals:
        if shutil.which("java") is None:
            missing["generated"] = "there is no Java"
        elif not _GENERATOR.exists():
            missing["generated"] = "openapi-generator-cli is not installed"
        else:
            packages["generated"] = folder / "generated"
            _generate(packages["generated"])
    for place in (Path(__file__).parent, *packages.values()):
        compileall.compile_dir(place, quiet=2)  # else the first to import it would pay for that
    return packages, missing


def _generate(folder: Path) -> None:
    contract = _ROOT / "docs" / "openapi.yaml"
    options = ["-g", "python", "-i", str(contract), "-o", str(folder), "--package-name", "quantcdn"]
    subprocess.run([str(_GENERATOR), "generate", *options], check=True, capture_output=True)


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the server, with its key, and the file with its authority, beside those of the system."""
    authority = trustme.CA()
    certificate, trusted = folder / "server.pem", folder / "authority.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    system = ssl.get_default_verify_paths().cafile
    trusted.write_bytes((Path(system).read_bytes() if system else b"") + authority.cert_pem.bytes())
    return certificate, trusted
