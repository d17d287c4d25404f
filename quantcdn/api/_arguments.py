"""What work of several calls is given: refused before the first of them, in the words of the operations. Pure."""

import inspect
from collections.abc import Callable
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import Unpack

from quantcdn._wire.call import RequestOptions, without_input
from quantcdn._wire.encode import authorization
from quantcdn._wire.headers import merge_headers
from quantcdn._wire.segment import Segment
from quantcdn.api import AISessionsApi
from quantcdn.api._operation import unknown_keywords
from quantcdn.exceptions import ApiTypeError
from quantcdn.models._types import Filter, Integer


@with_config(ConfigDict(strict=True, hide_input_in_errors=True))
class Arguments(RequestOptions, total=False):
    """What can be wrong with the arguments, but for those that a call alone knows of."""

    organisation: Segment
    user_id: Filter | None
    session_group: Filter | None
    model: Filter | None
    page_size: Annotated[Integer, Field(ge=1, le=100)]


_read = TypeAdapter(Arguments).validate_python


def check_arguments(function: Callable[..., object], api: AISessionsApi, **arguments: Unpack[Arguments]) -> None:
    """Refuse what no call could be made with.

    Args:
        function: the function they were given to. Its parameters and the options are what there is.
        api: the operations that it uses.
        **arguments: arguments of the function, and the options that it was given.

    Raises:
        ApiTypeError: `api` has no operations.
        pydantic.ValidationError: one of them is unknown, or not as the contract has it.
        ApiValueError: there is no such server, or `_request_auth` cannot be sent.
    """
    if not hasattr(api, "list_ai_sessions"):
        raise ApiTypeError(f"api must be an AISessionsApi, not {type(api).__name__}")
    if not arguments.keys() <= RequestOptions.__annotations__.keys():
        parameters = [name for name in inspect.signature(function).parameters if name != "options"]
        names = [*parameters, *RequestOptions.__annotations__]
        if unknown := arguments.keys() - {*names}:
            raise unknown_keywords(_name_of(function), unknown, names)
    try:
        _read(arguments)
    except ValidationError as error:
        refusal = without_input(error, _name_of(function))
    else:
        if index := arguments.get("_host_index"):
            api.api_client.configuration.host_for(index)
        merge_headers(authorization(arguments.get("_request_auth")))
        return
    raise refusal  # here, where its context does not hold the error with the input


def _name_of(function: Callable[..., object]) -> str:
    """The name of a function: a method's with its class, another's with the module that it is public in."""
    name = function.__qualname__
    return name if "." in name else f"{function.__module__.removeprefix('quantcdn.').partition('.')[0]}.{name}"
