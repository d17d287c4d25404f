"""Makes the README of an index page: its links lead there from anywhere.

A relative link leads into the repository, which ``Source`` under ``[project.urls]`` in pyproject.toml names, and a
picture to its file there. Where none is named, as long as the package has no public home, the text of links alone
stays, and no picture: better no link than a dead one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_picture = re.compile(r"!\[(?P<text>[^\[\]]+)\]\((?P<target>(?!#|[a-z]+:)[^()\s]+)\)")
_relative = re.compile(r"\[(?P<text>[^\[\]]+)\]\((?P<target>(?!#|[a-z]+:)[^()\s]+)\)")


def readme(text: str, source: str | None) -> str:
    """The README as an index page shows it.

    Args:
        text: the README of the repository.
        source: the URL of the repository, or None where it has none.
    """
    if source is None:
        return _relative.sub(r"\g<text>", _picture.sub("", text))
    text = _picture.sub(rf"![\g<text>]({source.rstrip('/')}/raw/HEAD/\g<target>)", text)
    return _relative.sub(rf"[\g<text>]({source.rstrip('/')}/blob/HEAD/\g<target>)", text)


class ReadmeHook(MetadataHookInterface):
    """What hatchling calls for the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README to what pyproject.toml declares."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {"content-type": "text/markdown", "text": readme(text, source)}
