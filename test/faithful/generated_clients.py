"""Clients that the OpenAPI Generator makes of the contract, in three languages, carry out all operations.

Each is made in a temporary folder, compiled where its language is, and used by a program beside this file, which prints
what it saw.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quantcdn.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)

HERE = Path(__file__).parent
CONTRACT = HERE.parents[1] / "docs" / "openapi.yaml"
PATIENCE = 300
"""How long a step may take, in seconds."""
GENERATED_ANNOTATION = """
    package javax.annotation;
    public @interface Generated { String value(); String date(); String comments(); }
"""
"""It marks the code that was generated, which the JDK has had no more since its release 11."""
SEEN = [
    ["active", 30],
    [True, 2, 7],
    [
        "Zürich?",
        "a model",
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüezi 👋"}],
        True,
    ],
    [1, True, True],
    "Session extended by 60 minutes",
    ["Session extended by 15 minutes", 75],
    [400, "userId is required and must not be empty."],
    [403, "The token takes no part in this organisation."],
    [401, "The sandbox does not know this token."],
    "Session deleted",
    [404, "There is no such session, or it has expired."],
]


def test_java(tmp_path: Path, sandbox_process: Sandbox) -> None:
    client = generated(tmp_path, "java", "--library", "native", "--additional-properties", "openApiNullable=false")
    annotation = tmp_path / "Generated.java"
    annotation.write_text(GENERATED_ANNOTATION, "utf-8")
    sources = [annotation, HERE / "Walk.java", *(client / "src" / "main" / "java").rglob("*.java")]
    classes = tmp_path / "classes"
    # The generator holds all that its client needs.
    run("javac", "-encoding", "utf-8", "-nowarn", "-d", classes, "-classpath", generator(), *sources)
    path = os.pathsep.join([str(classes), str(generator())])
    assert walked(sandbox_process, "java", "-classpath", path, "Walk") == SEEN


def test_typescript(tmp_path: Path, sandbox_process: Sandbox) -> None:
    generated(tmp_path, "typescript-fetch")
    shutil.copy(HERE / "walk.ts", tmp_path)
    modules = ["--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"]
    run("tsc", "--strict", *modules, "--outDir", tmp_path / "compiled", tmp_path / "walk.ts")
    assert walked(sandbox_process, "node", tmp_path / "compiled" / "walk.js") == SEEN


def test_python(tmp_path: Path, sandbox_process: Sandbox) -> None:
    client = generated(tmp_path, "python")
    assert walked(sandbox_process, sys.executable, HERE / "walk.py", PYTHONPATH=str(client)) == SEEN


def generator() -> Path:
    package = pytest.importorskip("openapi_generator_cli")
    return Path(package.__file__).parent / "openapi-generator.jar"


def generated(folder: Path, language: str, *options: str) -> Path:
    """Make a client, and return where it is."""
    client = folder / "client"
    command = ["java", "-jar", generator(), "generate", "-g", language, "-i", CONTRACT, "-o", client, *options]
    run(*command)
    return client


def walked(service: Sandbox, *program: str | Path, **environment: str) -> object:
    """What a program saw at the sandbox."""
    environment |= {
        "QUANT_BASE_URL": service.host,
        "QUANT_API_TOKEN": service.access_token,
        "QUANT_ORGANISATION": service.organisation,
    }
    return json.loads(run(*program, **environment))


def run(name: str | Path, *arguments: str | Path, **environment: str) -> str:
    """Run a program to its end, and return what it printed."""
    executable = shutil.which(name)
    if executable is None:
        pytest.skip(f"{name} is not installed")
    ended = subprocess.run(
        [executable, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
