"""What all models have in common: requests are closed, responses are open."""

import inspect
import linecache
import pprint
import re
import sys
from collections.abc import Iterable, Mapping
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_type_hints, overload

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic.functional_validators import ModelWrapValidatorHandler  # in 2.10 here alone
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticUndefined, from_json, to_json
from typing_extensions import Self

from quantcdn._show.age import TIME_NAMES
from quantcdn._show.notebook import repr_html
from quantcdn.models._lenient import ID_NAMES, pass_on_interrupt, read_json, read_leniently
from quantcdn.models._types import read_instant

if TYPE_CHECKING:
    from quantcdn._show.html import Page


def _default(field: FieldInfo) -> object:
    return Parameter.empty if field.is_required() else cast("object", field.default)


# A field, on one line, and the text below it.
_find_texts = re.compile(r'^    (\w+): .+\n    """([^"]+)"""', re.MULTILINE).findall


def _texts_below_fields(cls: type) -> dict[str, str]:
    """What stands below the fields of a class, in the source of its module; nothing where that is not at hand."""
    module = vars(sys.modules[cls.__module__])
    source = "".join(linecache.getlines(module.get("__file__") or "", module))
    body = source.partition(f"\nclass {cls.__name__}(")[2].partition("\nclass ")[0]
    return {field: inspect.cleandoc(text) for field, text in _find_texts(body)}


class _Signature:
    """The signature of a model, made when somebody looks: the fields as the code names them, with their plain types."""

    def __get__(self, _instance: object, cls: type["Model"]) -> Signature:
        types = get_type_hints(cls)
        parameters = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=_default(field), annotation=types[name])
            for name, field in cls.model_fields.items()
        ]
        if cls.model_config.get("extra") == "allow":
            parameters.append(Parameter("extra_data", Parameter.VAR_KEYWORD, annotation=Any))
        cls.__signature__ = Signature(parameters)
        return cls.__signature__


class Model(BaseModel):
    """A schema of the contract: a pydantic model that reads and writes the names of the wire."""

    __signature__: ClassVar[Signature]
    _caption: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Describe each field by the text below it. Pydantic does so when asked to, and takes a tenth of a start."""
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("quantcdn.models.") and cls.__module__ != __name__:
            for name, text in _texts_below_fields(cls).items():
                setattr(cls, name, Field(vars(cls).get(name, PydanticUndefined), description=text))

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Let `help` and signatures show the fields."""
        fields = cls.model_fields.items()
        described = [f"    {name}: {field.description}" for name, field in fields if field.description]
        if described:
            cls.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", "Attributes:", *described])
        cls.__signature__ = cast("Signature", _Signature())

    def to_dict(self) -> dict[str, Any]:
        """The fields under the names of the wire. A field that is None is left out; an unknown field never is."""
        unknown_nulls = {name: None for name, value in (self.model_extra or {}).items() if value is None}
        # Without warnings: they would print values that were put in unchecked. What is sent is checked first.
        return {**self.model_dump(by_alias=True, exclude_none=True, warnings=False), **unknown_nulls}

    def to_json(self) -> str:
        """The fields as JSON text, under the names of the wire. JSON has no NaN and no infinity: they become null."""
        return to_json(self.to_dict(), inf_nan_mode="null").decode()

    def to_str(self) -> str:
        """The fields in a readable form."""
        return pprint.pformat(self.to_dict())

    def _shown(self, page: "Page") -> str:
        kind = type(self)
        caption = kind._caption if "_caption" in vars(kind) else kind.__name__  # a subclass is not what it is made of
        return page.fields(page.line(caption), dict(self))

    _repr_html_ = repr_html

    @overload
    @classmethod
    def from_dict(cls, obj: Mapping[str, Any]) -> Self: ...
    @overload
    @classmethod
    def from_dict(cls, obj: None) -> None: ...
    @classmethod
    def from_dict(cls, obj: Mapping[str, Any] | None) -> Self | None:
        """The model of a dict; None of None.

        Raises:
            pydantic.ValidationError: the dict does not fit the model.
        """
        return None if obj is None else cls.model_validate(obj)

    @classmethod
    def from_json(cls, json_str: str) -> Self:
        """The model of a JSON text.

        Raises:
            ValueError: the text is not JSON.
            pydantic.ValidationError: it does not fit the model.
        """
        return cls.model_validate(from_json(json_str))


def with_types(error: ValidationError, title: str | None = None, *, keep_input: bool = True) -> ValidationError:
    """The same error, which names the type of what came where that is wrong: pydantic names only the right one.

    Args:
        error: the error.
        title: what it is an error of; the same as before if None.
        keep_input: whether `errors()` and pickling show what was given. It may be a secret.

    Raises:
        Exception: what a signal handler raised meanwhile, as it is.
    """
    pass_on_interrupt(error)
    lines: list[InitErrorDetails] = []
    for line in error.errors(include_url=False):
        message, context, came = line["msg"], line.get("ctx", {}), cast("object", line["input"])
        if line["type"].endswith("_type") and "came" not in context:
            message += ", not {came}"
            context = {**context, "came": "None" if came is None else type(came).__name__}
        problem = PydanticCustomError(cast("Any", line["type"]), cast("Any", message), context)
        lines.append({"type": problem, "loc": line["loc"], "input": came if keep_input else None})
    return ValidationError.from_exception_data(title or error.title, lines, hide_input=True)


class RequestModel(Model):
    """A request body. It is closed: it takes the fields of the contract, within their bounds, and nothing else."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        validate_assignment=True,
        revalidate_instances="always",  # what was changed in place since construction is checked when it is sent
        hide_input_in_errors=True,
    )

    _known_names: ClassVar[frozenset[object]]

    def to_json(self) -> str:
        """The fields as JSON text, under the names of the wire."""
        return as_sent(self).decode()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._known_names = frozenset([*cls.model_fields, *(field.alias for field in cls.model_fields.values())])

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return read(data)
        except ValidationError as error:
            refusal: Exception = with_types(error)
            given: Iterable[object] = cast("Mapping[object, object]", data) if isinstance(data, Mapping) else ()
            assigned = [line["loc"][0] for line in error.errors() if line["type"] == "no_such_attribute"]
            unknown = [name for name in (*given, *assigned) if name not in cls._known_names]
            if unknown:
                refusal = cls._unknown_fields(unknown)
            del data, given  # an error tracker shows the variables of functions
        raise refusal  # here, where its context does not hold the error with the input

    @classmethod
    def _unknown_fields(cls, unknown: Iterable[object]) -> PydanticCustomError:
        return PydanticCustomError(
            "unknown_field",
            "There is no field {unknown}; the fields are: {fields}",
            {"unknown": ", ".join(map(repr, unknown)), "fields": ", ".join(cls.model_fields)},
        )


def as_sent(request: RequestModel) -> bytes:
    """The JSON of a request, under the names of the wire. There are no unknown fields."""
    return to_json(request, by_alias=True, exclude_none=True, inf_nan_mode="null")


def _spellings(wire_name: str, name: str) -> AliasChoices:
    """Every spelling under which a field is read, the one of the wire first."""
    id_names = ID_NAMES if name in ID_NAMES else ()
    return AliasChoices(*dict.fromkeys([wire_name, to_camel(name), name, *id_names]))


class ResponseModel(Model):
    """An answer. It is open: unknown fields and values are kept, and either spelling of a name is read.

    A field that came in a form that cannot be read is None; what came is kept as it is, among the unknown fields. As an
    attribute, an unknown field whose name ends in ``_at`` or ``At`` is an instant, where it can be read as one.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="allow",
        strict=True,
        alias_generator=AliasGenerator(
            validation_alias=lambda name: _spellings(to_camel(name), name),
            serialization_alias=to_camel,
        ),
        hide_input_in_errors=True,
    )

    if not TYPE_CHECKING:  # to a type checker, it would make every misspelt field one

        def __getattr__(self, name: str) -> object:
            try:
                value = super().__getattr__(name)  # of a field that the contract does not list
                return read_instant(value) if name.endswith(TIME_NAMES) else value
            except AttributeError as error:
                for field, info in type(self).model_fields.items():
                    if name in info.validation_alias.choices:
                        raise AttributeError(f"{error}: it is {field!r} here", name=name, obj=self) from None
                raise

    @property
    def unread(self) -> tuple[str, ...]:
        """The names of the fields that came in a form that cannot be read. `model_extra` holds what came."""
        came = {name for name, value in (self.model_extra or {}).items() if value is not None}
        return tuple(
            name
            for name, field in type(self).model_fields.items()
            if getattr(self, name) is None and not came.isdisjoint(cast("AliasChoices", field.validation_alias).choices)
        )

    @overload
    @classmethod
    def from_dict(cls, obj: Mapping[str, Any]) -> Self: ...
    @overload
    @classmethod
    def from_dict(cls, obj: None) -> None: ...
    @classmethod
    def from_dict(cls, obj: Mapping[str, Any] | None) -> Self | None:
        """The model of a dict; None of None. A field that cannot be read is None, and among the unknown ones.

        Raises:
            pydantic.ValidationError: it is no dict, or its id is none.
        """
        return None if obj is None else read_leniently(cls.model_validate, obj)

    @classmethod
    def from_json(cls, json_str: str) -> Self:
        """The model of a JSON text. A field that cannot be read is None, and among the unknown ones.

        Raises:
            ValueError: the text is not JSON.
            pydantic.ValidationError: it is no object, or its id is none.
        """
        return read_leniently(cls.model_validate, read_json(json_str))


class SnakeCaseResponseModel(ResponseModel):
    """An answer whose names are written in snake case on the wire."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=AliasGenerator(
            validation_alias=lambda name: _spellings(name, name),
            serialization_alias=str,
        ),
    )
