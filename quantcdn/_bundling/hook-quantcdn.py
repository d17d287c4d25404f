"""Tells PyInstaller what it cannot read in the code: public names are loaded by name, when they are first used.

So is the page of the sandbox, which is no code of Python.
"""

import os

import quantcdn

_home_of: dict[str, str] = vars(quantcdn)["_HOME_OF"]
_submodules: tuple[str, ...] = vars(quantcdn)["_SUBMODULES"]
hiddenimports = sorted({*_home_of.values(), *(f"quantcdn.{name}" for name in _submodules)})
datas = [(os.path.join(quantcdn.__path__[0], "sandbox", "page.html"), "quantcdn/sandbox")]
