"""Packages whose names are loaded when they are first used."""

import sys
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType


class _Lazy:
    """A public name, in the class of a package: it loads the value when it is first used."""

    def __init__(self, module: str, name: str | None = None) -> None:
        self._module = module
        self._name = name

    def __set_name__(self, _kind: type, name: str) -> None:
        self._place = name

    def __get__(self, package: object, _kind: type) -> object:
        if package is None:
            return self
        module = import_module(self._module)
        value = vars(package)[self._place] = module if self._name is None else getattr(module, self._name)
        return value


def load_when_used(package: str, home_of: dict[str, str], submodules: tuple[str, ...]) -> None:
    """Let a package load its names when they are first used.

    The names stand in the class of the package, where completers look for them, and not in `dir` of it: what walks
    through that would load them all, as freezegun would with the clock stopped already. The completer of IPython looks
    nowhere else, so that its shell is shown them.

    Args:
        package: its name. It is being imported.
        home_of: its names, each with the module that it stands in.
        submodules: the names of those of its modules that are to be there without an import.
    """
    lazy = {name: _Lazy(home, name) for name, home in home_of.items()}
    lazy |= {name: _Lazy(f"{package}.{name}") for name in submodules}
    module = sys.modules[package]
    kind = type(module)

    def names(package: ModuleType) -> Iterable[str]:
        loaded = kind.__dir__(package)
        return {*loaded, *lazy} if _in_ipython() else loaded

    module.__class__ = type("Package", (kind,), {**lazy, "__dir__": names})


def _in_ipython() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", None)  # it may be on its way
    return shell is not None and shell() is not None
