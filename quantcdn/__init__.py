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

from quantcdn._lazy import load_when_used
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


load_when_used(__name__, _HOME_OF, _SUBMODULES)
