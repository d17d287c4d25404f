"""Writes what editors and type checkers read of signatures that the code derives: written out, with their docstrings.

They are those of the methods of the API classes, and of the functions of `quantcdn.bulk`.

`python test/stubs.py` writes the stubs anew; a test holds them against the code.
"""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import GenericAlias, ModuleType, UnionType
from typing import Any, Union, cast, get_args, get_origin

from typing_extensions import Unpack

import quantcdn.api
import quantcdn.bulk
from quantcdn.api._operation import Api

HEADING = "# Written by test/stubs.py from the module beside it, for editors and type checkers."


class Stub:
    """The stub of a module that holds API classes, or functions of its own."""

    def __init__(self, module: ModuleType) -> None:
        self.path = Path(str(module.__file__)).with_suffix(".pyi")
        self._module = module
        self._imports: set[tuple[str, str]] = set()

    def text(self) -> str:
        """What the stub should hold."""
        public = {name: getattr(self._module, name) for name in self._module.__all__}
        own = {name: value for name, value in public.items() if _is_derived(value)}
        bodies = "".join(
            f"\n{self._class(value) if inspect.isclass(value) else self._function(value)}\n" for value in own.values()
        )
        self._imports |= {(home, name) for home, name in _imported(self._module) if name in public.keys() - own.keys()}
        names = "".join(f'    "{name}",\n' for name in public)
        imports = "".join(f"from {home} import {name}\n" for home, name in sorted(self._imports))
        return f'{HEADING}\n"""{self._module.__doc__}"""\n\n{imports}\n__all__ = [\n{names}]\n{bodies}'

    def _class(self, cls: type) -> str:
        methods = [
            f"\n{textwrap.indent(self._function(getattr(cls, name)), '    ')}"
            for name, member in [*vars(cls).items()]
            if inspect.isfunction(member)
        ]
        lines = [f"class {cls.__name__}({self._named(Api)}):", *_docstring(cls), *methods]
        return "\n".join(lines)

    def _function(self, function: Callable[..., object]) -> str:
        signature = inspect.signature(function)
        result = self._type(signature.return_annotation)
        parameters = textwrap.indent("\n".join(self._parameters(signature)), "    ")
        return "\n".join([f"def {function.__name__}(", parameters, f") -> {result}:", *_docstring(function)])

    def _parameters(self, signature: inspect.Signature) -> Iterator[str]:
        starred = False
        for name, parameter in signature.parameters.items():
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
                starred = True
                yield "*,"
            name = f"**{name}" if parameter.kind is inspect.Parameter.VAR_KEYWORD else name
            typed = name if parameter.annotation is parameter.empty else f"{name}: {self._type(parameter.annotation)}"
            yield f"{typed}," if parameter.default is parameter.empty else f"{typed} = {parameter.default!r},"

    def _type(self, annotation: Any) -> str:
        """A type as it is written in code, whose names are then imported."""
        if annotation is None or annotation is type(None):
            return "None"
        if isinstance(annotation, list):  # the parameters of a callable
            return f"[{', '.join(map(self._type, cast('list[Any]', annotation)))}]"
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin in (Union, UnionType):
            return " | ".join(map(self._type, arguments))
        if isinstance(annotation, GenericAlias) or arguments:
            return f"{self._named(origin)}[{', '.join(map(self._type, arguments))}]"
        return self._named(annotation)

    def _named(self, cls: Any) -> str:
        if cls is Unpack:
            self._imports.add(("typing_extensions", "Unpack"))
            return "Unpack"
        if cls.__module__ != "builtins":
            self._imports.add((cls.__module__, cls.__name__))
        return str(cls.__name__)


def _is_derived(value: object) -> bool:
    """Whether the code derives a signature of it."""
    return inspect.isfunction(value) or (inspect.isclass(value) and issubclass(value, Api))


def _imported(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The names that a module imports, each with where from."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ImportFrom):
            yield from ((str(node.module), alias.name) for alias in node.names)


def _docstring(described: object) -> list[str]:
    """Its lines, indented into the body that it stands in."""
    text = textwrap.indent(f'"""{inspect.getdoc(described)}\n"""', "    ")
    return text.split("\n")


def stubs() -> list[Stub]:
    """The stub of each module with API classes, and of `quantcdn.bulk`."""
    names = [info.name for info in pkgutil.iter_modules(quantcdn.api.__path__) if not info.name.startswith("_")]
    return [Stub(importlib.import_module(f"quantcdn.api.{name}")) for name in names] + [Stub(quantcdn.bulk)]


if __name__ == "__main__":
    for stub in stubs():
        stub.path.write_text(stub.text(), "utf-8")
