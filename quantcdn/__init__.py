"""The Python SDK for QuantCDN's AI sessions.

Importing this package loads none of it: each public name below is loaded, with what it needs, when it is first used.
What editors and type checkers see stands in the stub beside this file.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME_OF = {
    "AISessionsApi": "quantcdn.api.ai_sessions_api",
    "ApiClient": "quantcdn.api_client",
    "ApiResponse": "quantcdn.api_response",
    "Attempt": "quantcdn.attempt",
    "Configuration": "quantcdn.configuration",
    "Conversation": "quantcdn.conversation",
    "Reply": "quantcdn.conversation",
    "RequestOptions": "quantcdn._call",
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
_SUBMODULES = frozenset(
    [
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
    ]
)

__all__ = ["__version__", *_HOME_OF]  # pyright: ignore[reportUnsupportedDunderAll]  # the stub has it written out


def __getattr__(name: str) -> object:
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    elif name in _SUBMODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__, *_SUBMODULES})
