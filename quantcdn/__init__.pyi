"""The Python SDK for QuantCDN's AI sessions: what editors and type checkers see of its face."""

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
from quantcdn._wire.call import RequestOptions as RequestOptions
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

__version__: str

__all__ = [
    "AISessionsApi",
    "ApiAttributeError",
    "ApiClient",
    "ApiException",
    "ApiKeyError",
    "ApiResponse",
    "ApiTypeError",
    "ApiValueError",
    "Attempt",
    "BadRequestException",
    "Configuration",
    "ConflictException",
    "ConnectionException",
    "Conversation",
    "CreateAISession201Response",
    "CreateAISessionRequest",
    "CreateAISessionRequestInitialMessagesInner",
    "DeleteAISession200Response",
    "ExtendAISession200Response",
    "ExtendAISessionRequest",
    "ForbiddenException",
    "GetAISession200Response",
    "ListAISessions200ResponseInner",
    "NotFoundException",
    "OpenApiException",
    "OutcomeUnknownException",
    "Reply",
    "RequestOptions",
    "ResponseFormatException",
    "RetryPolicy",
    "ServiceException",
    "TLSException",
    "TimeoutException",
    "TokenException",
    "TooManyRequestsException",
    "TransportException",
    "UnauthorizedException",
    "UnprocessableEntityException",
    "UpdateAISession200Response",
    "UpdateAISessionRequest",
    "UpdateAISessionRequestNewMessagesInner",
    "__version__",
    "iter_ai_sessions",
    "to_dataframe",
]
