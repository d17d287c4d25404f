"""Tells PyInstaller what it cannot read in the code: what is loaded by name, when it is first used.

These are the modules of public names, of models and of operations, and the page of the sandbox, which is no code of
Python.
"""

import os
import pkgutil

import quantcdn

_home_of: dict[str, str] = vars(quantcdn)["_HOME_OF"]
_submodules: tuple[str, ...] = vars(quantcdn)["_SUBMODULES"]
_folder = quantcdn.__path__[0]
_by_name = [
    module.name
    for wing in ("models", "api")
    for module in pkgutil.walk_packages([os.path.join(_folder, wing)], f"quantcdn.{wing}.")
]
hiddenimports = sorted({*_home_of.values(), *(f"quantcdn.{name}" for name in _submodules), *_by_name})
datas = [(os.path.join(_folder, "sandbox", "page.html"), "quantcdn/sandbox")]
