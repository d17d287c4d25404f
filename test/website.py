"""Builds the documentation site of the pages that a code host shows, as zensical.toml has it. A warning is an error.

`python test/website.py [FOLDER]` leaves it in the folder `site` in FOLDER, which is build/website where none is named.
It needs the dependency group `site`, and neither the package nor a network.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # last, so that the package under test is the one that is installed

import quantcdn  # noqa: E402

BUILDER = importlib.util.find_spec("zensical")
"""What builds it, where it is installed."""
LANGUAGES = {".py": "python", ".yaml": "yaml", "": "text"}
"""Of files that are shown as a page of their own."""
WRITTEN = {".md", ".ipynb", *LANGUAGES}
PICTURES = {".svg", ".png"}
STYLE = """\
.md-typeset td:first-child > code:only-child { white-space: nowrap; }  /* a command, and not its words */
.md-typeset .quantcdn-view table:not([class]) { border: none; }  /* views look as they do in a notebook */
.md-typeset .quantcdn-view table:not([class]) :is(th, td) { border-top: none; padding: 0.4em 0.6em; min-width: 0; }
"""


def build(folder: Path) -> Path:
    """Build the site in a folder, anew, and return where it lies.

    Raises:
        subprocess.CalledProcessError: there were warnings; they are on standard error.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in {**_written(), **_reference()}.items():
        page = folder / "pages" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
    for picture in (path for path in (ROOT / "docs").glob("*.*") if path.suffix in PICTURES):
        shutil.copy(picture, folder / "pages" / "docs")
    (folder / "pages" / "site.css").write_text(STYLE, "utf-8")
    shutil.copy(ROOT / "zensical.toml", folder)
    subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return folder / "site"


def _written() -> dict[str, str]:
    """The pages that people write: Markdown as it stands, but for links to what becomes a page here alone."""
    docs = ROOT / "docs"
    files = [
        *ROOT.glob("*.md"),
        ROOT / "LICENSE",
        *docs.glob("*.*"),
        *docs.glob("examples/*.*"),
        *docs.glob("container/*"),
    ]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files if path.suffix in WRITTEN}
    pages = {name: _escaped(text) for name, text in texts.items() if name.endswith(".md")}
    for name, text in texts.items():
        path = Path(name)
        if path.suffix == ".ipynb":
            pages[f"{name}.md"] = _notebook(json.loads(text))
        elif path.suffix in LANGUAGES:
            pages[f"{name}.md"] = f"# {path.name}\n\n{_fence(LANGUAGES[path.suffix], text)}"
    return pages


def _escaped(text: str) -> str:
    text = re.sub(r"\]\(((?:[\w./-]+\.(?:py|yaml|ipynb))|LICENSE|container/Containerfile)\)", r"](\1.md)", text)
    return text.replace("] [", r"] \[")  # two notes side by side, which would be one link


def _fence(language: str, text: str) -> str:
    return f"````{language}\n{text.rstrip()}\n````\n"


def _notebook(notebook: Any) -> str:
    """A notebook with its outputs, as HTML or as pictures where they are such."""
    parts: list[str] = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else _fence("python", source))
        for output in cell.get("outputs", []):
            shown = output["data"]
            html = "".join(shown.get("text/html", []))
            if "image/png" in shown:
                picture = "".join(shown["image/png"]).replace("\n", "")
                html = f'<img alt="what the code above plots" src="data:image/png;base64,{picture}">'
            parts.append(html or _fence("text", "".join(shown["text/plain"])))
    return "\n\n".join(parts)


def _reference() -> dict[str, str]:
    """A page for each group of public names in the docstring of the package, but for those that have their own."""
    pages: dict[str, str] = {}
    for title, text in re.findall(r"^(\w[\w ]+):\n((?:    .+\n?)+)", f"{quantcdn.__doc__}", re.MULTILINE):
        public = {*quantcdn.__all__, *re.split(r", | and ", text.partition("modules ")[2].strip())}
        names = [name for name in re.findall(r"\w+", text) if name in public]
        documented = [f"::: quantcdn.{name}\n" for name in names if not (ROOT / "docs" / f"{name}.md").exists()]
        if documented:
            pages[f"reference/{title}.md"] = "\n".join([f"# {title}\n", *documented])
    return pages


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "website")) / "index.html")
