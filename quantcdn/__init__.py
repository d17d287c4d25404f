"""The Python SDK for QuantCDN's AI sessions.

Importing this package loads none of it: each public name below is loaded, with what it needs, when it is first used.
`help` of one of them tells more.

Calls:
    AISessionsApi, ApiClient, Configuration, RetryPolicy, RequestOptions, ApiResponse, Attempt

Helpers:
    Conversation, Reply, iter_ai_sessions, to_dataframe; the modules bulk, views, environment and sandbox

Requests:
    CreateAISessionRequest, CreateAISessionRequestInitialMessagesInner, UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner, ExtendAISessionRequest

Answers:
    CreateAISession201Response, GetAISession200Response, ListAISessions200ResponseInner, UpdateAISession200Response,
    ExtendAISession200Response, DeleteAISession200Response

Exceptions of calls:
    ApiException, and of its kind: BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException,
    ConflictException, UnprocessableEntityException, TooManyRequestsException, ServiceException; TransportException,
    ConnectionException, TLSException, TimeoutException, TokenException; OutcomeUnknownException,
    ResponseFormatException

Exceptions of arguments:
    ApiTypeError, ApiValueError, ApiKeyError, ApiAttributeError; OpenApiException is the base of all exceptions
"""

import sys
from importlib import import_module

from quantcdn._version import __version__

_HOME_OF = {
    "AISessionsApi": "quantcdn.api.ai_sessions_api",
    "ApiClient": "quantcdn.api_client",
    "ApiResponse": "quantcdn.api_response",
    "Attempt": "quantcdn.attempt",
    "Configuration": "quantcdn.configuration",
    "Conversation": "quantcdn.conversation",
    "Reply": "quantcdn.conversation",
    "RequestOptions": "quantcdn._wire.call",
    "RetryPolicy": "quantcdn.retry",
    "iter_ai_sessions": "quantcdn.pages",
    "to_dataframe": "quantcdn.dataframe",
    **dict.fromkeys(
        [
            "OpenApiException",
            "ApiTypeError",
            "ApiValueError",
            "ApiKeyError",
            "ApiAttributeError",
            "ApiException",
            "BadRequestException",
            "UnauthorizedException",
            "ForbiddenException",
            "NotFoundException",
            "ConflictException",
            "UnprocessableEntityException",
            "TooManyRequestsException",
            "ServiceException",
            "TransportException",
            "ConnectionException",
            "TLSException",
            "TimeoutException",
            "TokenException",
            "ResponseFormatException",
            "OutcomeUnknownException",
        ],
        "quantcdn.exceptions",
    ),
    **dict.fromkeys(
        [
            "CreateAISessionRequest",
            "CreateAISessionRequestInitialMessagesInner",
            "CreateAISession201Response",
            "GetAISession200Response",
            "ListAISessions200ResponseInner",
            "UpdateAISessionRequest",
            "UpdateAISessionRequestNewMessagesInner",
            "UpdateAISession200Response",
            "ExtendAISessionRequest",
            "ExtendAISession200Response",
            "DeleteAISession200Response",
        ],
        "quantcdn.models",
    ),
}
_SUBMODULES = (
    "api",
    "api_client",
    "api_response",
    "attempt",
    "bulk",
    "configuration",
    "conversation",
    "environment",
    "exceptions",
    "models",
    "pages",
    "rest",
    "retry",
    "sandbox",
    "views",
)

__all__ = ["__version__", *_HOME_OF]  # pyright: ignore[reportUnsupportedDunderAll]  # it reads the stub


def __getattr__(name: str) -> object:
    problem = f"module {__name__!r} has no attribute {name!r}"
    if not name.endswith("Api"):
        raise AttributeError(problem)
    problem += ": this SDK covers AI sessions only, and the official client the other APIs; see docs/Migration.md"
    # Of an AttributeError, `from quantcdn import ...` would not show the text.
    caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    is_import = caller.f_globals.get("__name__") == "importlib._bootstrap"
    raise (ImportError if is_import else AttributeError)(problem)


class _Lazy:
    """A public name, in the class of the package: it loads the value when it is first used."""

    def __init__(self, module: str, name: str, *, is_module: bool = False) -> None:
        self._module = module
        self._name = name
        self._is_module = is_module

    def __get__(self, package: object, _owner: type) -> object:
        if package is None:
            return self
        module = import_module(self._module)
        value = vars(package)[self._name] = module if self._is_module else getattr(module, self._name)
        return value


class _Package(type(sys)):  # pyright: ignore[reportUntypedBaseClass]  # it is ModuleType, with nothing imported
    """The package as an object.

    The names stand in its class, where completers look for them, and not in `dir(quantcdn)`: what walks through that
    would load them all, as freezegun would with the clock stopped already.
    """


for _name, _home in _HOME_OF.items():
    setattr(_Package, _name, _Lazy(_home, _name))
for _name in _SUBMODULES:
    setattr(_Package, _name, _Lazy(f"{__name__}.{_name}", _name, is_module=True))
sys.modules[__name__].__class__ = _Package
