"""Writes what editors and type checkers read of the API classes: their methods, which the code derives, written out.

`python test/stubs.py` writes the stubs anew; a test holds them against the code.
"""

import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import GenericAlias, ModuleType, UnionType
from typing import Any, Union, get_args, get_origin

import quantcdn.api
from quantcdn.api._operation import Api

HEADING = "# Written by test/stubs.py from the module beside it, for editors and type checkers."


class Stub:
    """The stub of a module that holds API classes."""

    def __init__(self, module: ModuleType) -> None:
        self.path = Path(str(module.__file__)).with_suffix(".pyi")
        self._module = module
        self._imports: set[tuple[str, str]] = set()

    def text(self) -> str:
        """What the stub should hold."""
        classes = [value for value in vars(self._module).values() if _is_api_class(value, self._module)]
        bodies = "".join(f"\n{self._class(cls)}" for cls in classes)
        names = ", ".join(f'"{cls.__name__}"' for cls in classes)
        imports = "".join(f"from {home} import {name}\n" for home, name in sorted(self._imports))
        return f'{HEADING}\n"""{self._module.__doc__}"""\n\n{imports}\n__all__ = [{names}]\n{bodies}'

    def _class(self, cls: type) -> str:
        methods = [self._method(member) for member in vars(cls).values() if inspect.isfunction(member)]
        lines = [f"class {cls.__name__}({self._named(Api)}):", *_docstring(cls), *methods]
        return "\n".join(lines) + "\n"

    def _method(self, method: Callable[..., object]) -> str:
        signature = inspect.signature(method)
        result = self._type(signature.return_annotation)
        parameters = textwrap.indent("\n".join(self._parameters(signature)), " " * 8)
        lines = [f"def {method.__name__}(", parameters, f") -> {result}:", *_docstring(method)]
        return f"\n{textwrap.indent(lines[0], '    ')}\n{lines[1]}\n" + textwrap.indent("\n".join(lines[2:]), "    ")

    def _parameters(self, signature: inspect.Signature) -> Iterator[str]:
        starred = False
        for name, parameter in signature.parameters.items():
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
                starred = True
                yield "*,"
            typed = name if parameter.annotation is parameter.empty else f"{name}: {self._type(parameter.annotation)}"
            yield f"{typed}," if parameter.default is parameter.empty else f"{typed} = {parameter.default!r},"

    def _type(self, annotation: Any) -> str:
        """A type as it is written in code, whose names are then imported."""
        if annotation is None or annotation is type(None):
            return "None"
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin in (Union, UnionType):
            return " | ".join(map(self._type, arguments))
        if isinstance(annotation, GenericAlias) or arguments:
            return f"{self._named(origin)}[{', '.join(map(self._type, arguments))}]"
        return self._named(annotation)

    def _named(self, cls: type) -> str:
        if cls.__module__ != "builtins":
            self._imports.add((cls.__module__, cls.__name__))
        return cls.__name__


def _is_api_class(value: object, module: ModuleType) -> bool:
    return inspect.isclass(value) and issubclass(value, Api) and value.__module__ == module.__name__


def _docstring(described: object) -> list[str]:
    """Its lines, indented into the body that it stands in."""
    text = textwrap.indent(f'"""{inspect.getdoc(described)}\n"""', "    ")
    return text.split("\n")


def stubs() -> list[Stub]:
    """The stub of each module with API classes."""
    names = [info.name for info in pkgutil.iter_modules(quantcdn.api.__path__) if not info.name.startswith("_")]
    return [Stub(importlib.import_module(f"quantcdn.api.{name}")) for name in names]


if __name__ == "__main__":
    for stub in stubs():
        stub.path.write_text(stub.text(), "utf-8")
