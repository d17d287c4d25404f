"""The Python SDK for QuantCDN's AI sessions.

Importing this package loads none of it: each public name below is loaded, with what it needs, when it is first used.
"""

from importlib import import_module

TYPE_CHECKING = False  # type checkers know it by its name; to import it would cost more than all the rest here

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

__all__ = ["__version__", *_HOME_OF]  # pyright: ignore[reportUnsupportedDunderAll]  # it reads the imports below


if not TYPE_CHECKING:  # to a type checker, it would make every misspelt name an object

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


if TYPE_CHECKING:
    from quantcdn import api as api
    from quantcdn import api_client as api_client
    from quantcdn import api_response as api_response
    from quantcdn import attempt as attempt
    from quantcdn import bulk as bulk
    from quantcdn import configuration as configuration
    from quantcdn import conversation as conversation
    from quantcdn import environment as environment
    from quantcdn import exceptions as exceptions
    from quantcdn import models as models
    from quantcdn import pages as pages
    from quantcdn import rest as rest
    from quantcdn import retry as retry
    from quantcdn import sandbox as sandbox
    from quantcdn import views as views
    from quantcdn._call import RequestOptions as RequestOptions
    from quantcdn.api.ai_sessions_api import AISessionsApi as AISessionsApi
    from quantcdn.api_client import ApiClient as ApiClient
    from quantcdn.api_response import ApiResponse as ApiResponse
    from quantcdn.attempt import Attempt as Attempt
    from quantcdn.configuration import Configuration as Configuration
    from quantcdn.conversation import Conversation as Conversation
    from quantcdn.conversation import Reply as Reply
    from quantcdn.dataframe import to_dataframe as to_dataframe
    from quantcdn.exceptions import ApiAttributeError as ApiAttributeError
    from quantcdn.exceptions import ApiException as ApiException
    from quantcdn.exceptions import ApiKeyError as ApiKeyError
    from quantcdn.exceptions import ApiTypeError as ApiTypeError
    from quantcdn.exceptions import ApiValueError as ApiValueError
    from quantcdn.exceptions import BadRequestException as BadRequestException
    from quantcdn.exceptions import ConflictException as ConflictException
    from quantcdn.exceptions import ConnectionException as ConnectionException
    from quantcdn.exceptions import ForbiddenException as ForbiddenException
    from quantcdn.exceptions import NotFoundException as NotFoundException
    from quantcdn.exceptions import OpenApiException as OpenApiException
    from quantcdn.exceptions import OutcomeUnknownException as OutcomeUnknownException
    from quantcdn.exceptions import ResponseFormatException as ResponseFormatException
    from quantcdn.exceptions import ServiceException as ServiceException
    from quantcdn.exceptions import TimeoutException as TimeoutException
    from quantcdn.exceptions import TLSException as TLSException
    from quantcdn.exceptions import TokenException as TokenException
    from quantcdn.exceptions import TooManyRequestsException as TooManyRequestsException
    from quantcdn.exceptions import TransportException as TransportException
    from quantcdn.exceptions import UnauthorizedException as UnauthorizedException
    from quantcdn.exceptions import UnprocessableEntityException as UnprocessableEntityException
    from quantcdn.models import CreateAISession201Response as CreateAISession201Response
    from quantcdn.models import CreateAISessionRequest as CreateAISessionRequest
    from quantcdn.models import CreateAISessionRequestInitialMessagesInner as CreateAISessionRequestInitialMessagesInner
    from quantcdn.models import DeleteAISession200Response as DeleteAISession200Response
    from quantcdn.models import ExtendAISession200Response as ExtendAISession200Response
    from quantcdn.models import ExtendAISessionRequest as ExtendAISessionRequest
    from quantcdn.models import GetAISession200Response as GetAISession200Response
    from quantcdn.models import ListAISessions200ResponseInner as ListAISessions200ResponseInner
    from quantcdn.models import UpdateAISession200Response as UpdateAISession200Response
    from quantcdn.models import UpdateAISessionRequest as UpdateAISessionRequest
    from quantcdn.models import UpdateAISessionRequestNewMessagesInner as UpdateAISessionRequestNewMessagesInner
    from quantcdn.pages import iter_ai_sessions as iter_ai_sessions
    from quantcdn.retry import RetryPolicy as RetryPolicy
