"""What PyInstaller asks for, by an entry point in pyproject.toml."""

import os


def folders() -> list[str]:
    """Where the hooks for PyInstaller are."""
    return [os.path.dirname(__file__)]
