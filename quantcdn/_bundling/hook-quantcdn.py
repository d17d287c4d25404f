"""Tells PyInstaller what it cannot read in the code: public names are loaded by name, when they are first used."""

import quantcdn

_home_of: dict[str, str] = vars(quantcdn)["_HOME_OF"]
_submodules: tuple[str, ...] = vars(quantcdn)["_SUBMODULES"]
hiddenimports = sorted({*_home_of.values(), *(f"quantcdn.{name}" for name in _submodules)})
