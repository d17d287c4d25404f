"""How an operation is declared: one builder of a `Call`, from which the three methods of an API class derive.

What editors and type checkers see of the methods stands in a stub beside the class, which `test/stubs.py` writes.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, get_type_hints

from pydantic import ConfigDict, ValidationError, validate_call
from pydantic_core import PydanticCustomError
from urllib3 import BaseHTTPResponse

from quantcdn._shared import undisturbed
from quantcdn._wire.call import Call, RequestOptions, without_input
from quantcdn._wire.secrets import forget_locals, without_secret
from quantcdn.api_client import ApiClient
from quantcdn.api_response import ApiResponse
from quantcdn.configuration import Configuration
from quantcdn.exceptions import ApiException, ApiTypeError, excerpt

P = ParamSpec("P")
T = TypeVar("T")

_SUFFIXES = ("", "_with_http_info", "_without_preload_content")

_OPTIONS = [
    inspect.Parameter(
        option,
        inspect.Parameter.KEYWORD_ONLY,
        default=0 if option == "_host_index" else None,
        annotation=annotation,
    )
    for option, annotation in get_type_hints(RequestOptions).items()
]


class Api:
    """What API classes have in common.

    Args:
        api_client: the client that carries out the calls; the default client if None.

    Raises:
        ApiTypeError: it is a configuration and no client.
    """

    __slots__ = ("api_client",)  # declared in the class, where `unittest.mock.create_autospec` looks for it

    api_client: ApiClient

    def __init__(self, api_client: ApiClient | None = None) -> None:
        if isinstance(api_client, Configuration):
            raise ApiTypeError("api_client must be an ApiClient: give ApiClient(configuration)")
        self.api_client = ApiClient.get_default() if api_client is None else api_client

    def __init_subclass__(cls, home: str = "", operations: Iterable[str] = ()) -> None:
        """Give a class its methods: the three variants of each of these operations, which are modules of `home`."""
        super().__init_subclass__()
        for operation_name in operations:
            for suffix in _SUFFIXES:
                name = f"{operation_name}{suffix}"
                setattr(cls, name, _Method(cls, name, f"{home}.{operation_name}"))


class _Method:
    """A method of an API class, until somebody looks for it: then it is loaded, and takes this place.

    To what looks into the class itself, as `unittest.mock` does, this passes for the function.

    Args:
        owner: the class.
        name: the name of the method.
        home: the module of its operation.
    """

    if not TYPE_CHECKING:
        __class__ = FunctionType
        __doc__ = property(lambda self: self._load().__doc__)

    def __init__(self, owner: type[Api], name: str, home: str) -> None:
        self.__module__ = owner.__module__
        self._owner = owner
        self._name = name
        self._home = home
        self._method: FunctionType | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (self._owner, self._name)

    def __get__(self, api: Api | None, _owner: type[Api]) -> object:
        return self._load().__get__(api, self._owner)

    def __getattr__(self, name: str) -> object:
        return getattr(self._load(), name)

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._load()(*args, **kwargs)

    def _load(self) -> FunctionType:
        """The method, as if it had been written out: for pickle and `help`, tracebacks and profilers."""
        if self._method is not None:
            return self._method
        module = undisturbed(lambda: import_module(self._home))
        variants: tuple[FunctionType, ...] = getattr(module, self._home.rpartition(".")[2])
        method = {variant.__name__: variant for variant in variants}[self._name]
        method.__qualname__ = f"{self._owner.__qualname__}.{self._name}"
        method.__module__ = self._owner.__module__
        if sys.version_info >= (3, 11):
            method.__code__ = method.__code__.replace(co_name=self._name, co_qualname=method.__qualname__)
        else:
            method.__code__ = method.__code__.replace(co_name=self._name)
        if vars(self._owner).get(self._name) is self:  # and nobody has put a double there
            setattr(self._owner, self._name, method)
        self._method = method
        return method


def _checked(builder: Callable[P, Call[T]]) -> Callable[P, Call[T]]:
    """The builder of a call, of which the arguments are validated first."""
    validate = validate_call(config=ConfigDict(hide_input_in_errors=True))
    validated: Callable[..., Call[T]] = validate(builder)
    parameters = [parameter for parameter in inspect.signature(builder).parameters if parameter != "options"]
    names = {*parameters, *RequestOptions.__annotations__}

    def build(*args: P.args, **kwargs: P.kwargs) -> Call[T]:
        if not kwargs.keys() <= names:
            unknown = kwargs.keys() - names
            raise unknown_keywords(builder.__name__, unknown, [*parameters, *RequestOptions.__annotations__])
        try:
            if len(args) > len(parameters):
                return validated(*args, **kwargs)  # it says that there are too many
            named = dict(zip(parameters, args, strict=False))  # by name, so that errors name what was wrong
            return validated(**named, **kwargs)
        except ValidationError as error:
            refusal = without_input(error)
        raise refusal  # here, where its context does not hold the error with the input

    return build


def operation(builder: Callable[P, Call[T]]) -> tuple[Callable[..., object], ...]:
    """The three variants of the operation that a builder declares: plain, with HTTP info, without preloaded content.

    The builder is named as the plain variant. It takes the parameters and the options of the operation, and returns
    the call to carry out.
    """
    build = _checked(builder)
    parameters = [*inspect.signature(builder).parameters]

    def name(error: BaseException, api: Api, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
        """Name the operation in its exception, and the session: so that swapped arguments show at a glance."""
        if isinstance(error, ApiException) and error.operation is None:
            given = {**dict(zip(parameters, args, strict=False)), **kwargs}
            about = "/".join(str(given[part]) for part in ("organisation", "session_id") if part in given)
            secret = api.api_client.configuration.access_token  # in the place of an id, by mistake
            error.operation = f"{builder.__name__} {without_secret(excerpt(about) or '', secret)}"

    def plain(self: Api, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self.api_client.execute(build(*args, **kwargs))
        except BaseException as error:
            name(error, self, args, kwargs)
            del args, kwargs
            forget_locals(error)
            raise

    def with_http_info(self: Api, /, *args: P.args, **kwargs: P.kwargs) -> ApiResponse[T]:
        try:
            return self.api_client.execute_with_http_info(build(*args, **kwargs))
        except BaseException as error:
            name(error, self, args, kwargs)
            del args, kwargs
            forget_locals(error)
            raise

    def without_preload_content(self: Api, /, *args: P.args, **kwargs: P.kwargs) -> BaseHTTPResponse:
        try:
            return self.api_client.execute_without_preload_content(build(*args, **kwargs))
        except BaseException as error:
            name(error, self, args, kwargs)
            del args, kwargs
            forget_locals(error)
            raise

    _describe(plain, builder)
    _describe(
        with_http_info,
        builder,
        _SUFFIXES[1],
        lambda data: cast("Any", ApiResponse)[data],
        "This variant returns an `ApiResponse`, with status, headers and raw body around the data.",
    )
    _describe(
        without_preload_content,
        builder,
        _SUFFIXES[2],
        lambda _: BaseHTTPResponse,
        "This variant returns the urllib3 response, unread, whatever its status. Read or close it.",
    )
    return plain, with_http_info, without_preload_content


def unknown_keywords(function_name: str, unknown: set[str], names: list[str]) -> ValidationError:
    """The refusal of keywords that a function does not take. It names those that it takes."""
    problem = PydanticCustomError(
        "unexpected_keyword_argument",
        "There is no such parameter or option; there are: {names}",
        {"names": ", ".join(names)},
    )
    return ValidationError.from_exception_data(
        function_name, [{"type": problem, "loc": (name,), "input": None} for name in sorted(unknown)], hide_input=True
    )


def _describe(
    variant: Callable[..., object],
    builder: Callable[..., object],
    suffix: str = "",
    returned: Callable[[Any], object] = lambda data: data,
    note: str = "",
) -> None:
    """Make a variant look, to `help` and to what reads type hints, as if it had been written out.

    Args:
        variant: the variant.
        builder: the builder of its calls.
        suffix: what its name has after that of the operation.
        returned: the type that it returns, for the type of the data.
        note: what it does otherwise than the plain variant.
    """
    summary, _, rest = inspect.cleandoc(builder.__doc__ or "").partition("\n\n")
    variant.__name__ = f"{builder.__name__}{suffix}"
    variant.__doc__ = "\n\n".join(filter(None, [summary, note, rest]))
    types = get_type_hints(builder)
    given = [
        parameter.replace(annotation=types[parameter.name])
        for parameter in inspect.signature(builder).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [*given, *_OPTIONS]
    data: Any = types["return"].__args__[0]
    signature = inspect.Signature([own, *parameters], return_annotation=returned(data))
    annotations = {parameter.name: parameter.annotation for parameter in parameters}
    variant.__annotations__ = {**annotations, "return": signature.return_annotation}
    vars(variant)["__signature__"] = signature
