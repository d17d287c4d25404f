# Written by test/stubs.py from the module beside it, for editors and type checkers.
"""The class of the operations on AI sessions."""

from collections.abc import Mapping
from quantcdn.api._operation import Api
from quantcdn.api_response import ApiResponse
from quantcdn.models.create_ai_session201_response import CreateAISession201Response
from quantcdn.models.create_ai_session_request import CreateAISessionRequest
from quantcdn.models.create_ai_session_request import CreateAISessionRequestDict
from quantcdn.models.delete_ai_session200_response import DeleteAISession200Response
from quantcdn.models.extend_ai_session200_response import ExtendAISession200Response
from quantcdn.models.extend_ai_session_request import ExtendAISessionRequest
from quantcdn.models.extend_ai_session_request import ExtendAISessionRequestDict
from quantcdn.models.get_ai_session200_response import GetAISession200Response
from quantcdn.models.list_ai_sessions200_response_inner import ListAISessions200ResponseInner
from quantcdn.models.update_ai_session200_response import UpdateAISession200Response
from quantcdn.models.update_ai_session_request import UpdateAISessionRequest
from quantcdn.models.update_ai_session_request import UpdateAISessionRequestDict
from urllib3.response import BaseHTTPResponse

__all__ = [
    "AISessionsApi",
]

class AISessionsApi(Api):
    """The operations on AI sessions: chat sessions that the service keeps for your users, with an expiry.

    Each comes in three variants: plain, ``_with_http_info`` and ``_without_preload_content``.

    Args:
        api_client: the client that carries out the calls; the default client if None.
    """

    def create_ai_session(
        self,
        organisation: str,
        create_ai_session_request: CreateAISessionRequest | CreateAISessionRequestDict,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> CreateAISession201Response:
        """Create a session for a user of yours. It expires, after 60 minutes unless the request says otherwise.

        Contract operation: createAISession, ``POST /api/v3/organizations/{organisation}/ai/sessions``.
        It makes a new session each time, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            create_ai_session_request: the session to create, as a model or a dict.
            **options: see `RequestOptions`.

        Returns:
            the new session, with its id and expiry.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            BadRequestException: the service refused the request.
            OutcomeUnknownException: the session may have been created, or not.
            ApiException: any other failure.
        """

    def create_ai_session_with_http_info(
        self,
        organisation: str,
        create_ai_session_request: CreateAISessionRequest | CreateAISessionRequestDict,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[CreateAISession201Response]:
        """Create a session for a user of yours. It expires, after 60 minutes unless the request says otherwise.

        This variant returns an `ApiResponse`, with status, headers and raw body around the data.

        Contract operation: createAISession, ``POST /api/v3/organizations/{organisation}/ai/sessions``.
        It makes a new session each time, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            create_ai_session_request: the session to create, as a model or a dict.
            **options: see `RequestOptions`.

        Returns:
            the new session, with its id and expiry.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            BadRequestException: the service refused the request.
            OutcomeUnknownException: the session may have been created, or not.
            ApiException: any other failure.
        """

    def create_ai_session_without_preload_content(
        self,
        organisation: str,
        create_ai_session_request: CreateAISessionRequest | CreateAISessionRequestDict,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> BaseHTTPResponse:
        """Create a session for a user of yours. It expires, after 60 minutes unless the request says otherwise.

        This variant returns the urllib3 response, unread, whatever its status. Read or close it.

        Contract operation: createAISession, ``POST /api/v3/organizations/{organisation}/ai/sessions``.
        It makes a new session each time, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            create_ai_session_request: the session to create, as a model or a dict.
            **options: see `RequestOptions`.

        Returns:
            the new session, with its id and expiry.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            BadRequestException: the service refused the request.
            OutcomeUnknownException: the session may have been created, or not.
            ApiException: any other failure.
        """

    def delete_ai_session(
        self,
        organisation: str,
        session_id: str,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> DeleteAISession200Response:
        """Delete a session with its messages.

        Contract operation: deleteAISession, ``DELETE /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
        Where the answer to a first attempt was lost and a second one finds nothing, the session is deleted.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            **options: see `RequestOptions`.

        Returns:
            what the service says of the deletion.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            ApiException: any other failure.
        """

    def delete_ai_session_with_http_info(
        self,
        organisation: str,
        session_id: str,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[DeleteAISession200Response]:
        """Delete a session with its messages.

        This variant returns an `ApiResponse`, with status, headers and raw body around the data.

        Contract operation: deleteAISession, ``DELETE /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
        Where the answer to a first attempt was lost and a second one finds nothing, the session is deleted.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            **options: see `RequestOptions`.

        Returns:
            what the service says of the deletion.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            ApiException: any other failure.
        """

    def delete_ai_session_without_preload_content(
        self,
        organisation: str,
        session_id: str,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> BaseHTTPResponse:
        """Delete a session with its messages.

        This variant returns the urllib3 response, unread, whatever its status. Read or close it.

        Contract operation: deleteAISession, ``DELETE /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
        Where the answer to a first attempt was lost and a second one finds nothing, the session is deleted.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            **options: see `RequestOptions`.

        Returns:
            what the service says of the deletion.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            ApiException: any other failure.
        """

    def extend_ai_session(
        self,
        organisation: str,
        session_id: str,
        extend_ai_session_request: ExtendAISessionRequest | ExtendAISessionRequestDict | None = None,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> ExtendAISession200Response:
        """Move the expiry of a session: add 60 minutes, or as many as the request says.

        Contract operation: extendAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}/extend``.
        It adds, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            extend_ai_session_request: how many minutes to add, as a model or a dict; without one, no body is sent.
            **options: see `RequestOptions`.

        Returns:
            the session with its new expiry.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            OutcomeUnknownException: the expiry may have been moved, or not.
            ApiException: any other failure.
        """

    def extend_ai_session_with_http_info(
        self,
        organisation: str,
        session_id: str,
        extend_ai_session_request: ExtendAISessionRequest | ExtendAISessionRequestDict | None = None,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[ExtendAISession200Response]:
        """Move the expiry of a session: add 60 minutes, or as many as the request says.

        This variant returns an `ApiResponse`, with status, headers and raw body around the data.

        Contract operation: extendAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}/extend``.
        It adds, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            extend_ai_session_request: how many minutes to add, as a model or a dict; without one, no body is sent.
            **options: see `RequestOptions`.

        Returns:
            the session with its new expiry.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            OutcomeUnknownException: the expiry may have been moved, or not.
            ApiException: any other failure.
        """

    def extend_ai_session_without_preload_content(
        self,
        organisation: str,
        session_id: str,
        extend_ai_session_request: ExtendAISessionRequest | ExtendAISessionRequestDict | None = None,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> BaseHTTPResponse:
        """Move the expiry of a session: add 60 minutes, or as many as the request says.

        This variant returns the urllib3 response, unread, whatever its status. Read or close it.

        Contract operation: extendAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}/extend``.
        It adds, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            extend_ai_session_request: how many minutes to add, as a model or a dict; without one, no body is sent.
            **options: see `RequestOptions`.

        Returns:
            the session with its new expiry.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            OutcomeUnknownException: the expiry may have been moved, or not.
            ApiException: any other failure.
        """

    def get_ai_session(
        self,
        organisation: str,
        session_id: str,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> GetAISession200Response:
        """Get a session with its messages.

        Contract operation: getAISession, ``GET /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            **options: see `RequestOptions`.

        Returns:
            the session.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            ApiException: any other failure.
        """

    def get_ai_session_with_http_info(
        self,
        organisation: str,
        session_id: str,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[GetAISession200Response]:
        """Get a session with its messages.

        This variant returns an `ApiResponse`, with status, headers and raw body around the data.

        Contract operation: getAISession, ``GET /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            **options: see `RequestOptions`.

        Returns:
            the session.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            ApiException: any other failure.
        """

    def get_ai_session_without_preload_content(
        self,
        organisation: str,
        session_id: str,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> BaseHTTPResponse:
        """Get a session with its messages.

        This variant returns the urllib3 response, unread, whatever its status. Read or close it.

        Contract operation: getAISession, ``GET /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            **options: see `RequestOptions`.

        Returns:
            the session.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            ApiException: any other failure.
        """

    def list_ai_sessions(
        self,
        organisation: str,
        user_id: str | None = None,
        session_group: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        model: str | None = None,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> list[ListAISessions200ResponseInner]:
        """List the active sessions of an organisation. The filters combine.

        Contract operation: listAISessions, ``GET /api/v3/organizations/{organisation}/ai/sessions``.

        Args:
            organisation: the id of the organisation.
            user_id: only sessions of this user.
            session_group: only sessions of this group.
            limit: how many sessions at most, 1 to 100; the service takes 50 if None.
            offset: how many sessions to skip, 0 or more.
            model: only sessions with this model.
            **options: see `RequestOptions`.

        Returns:
            the sessions, without their messages.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            ApiException: any failure.
        """

    def list_ai_sessions_with_http_info(
        self,
        organisation: str,
        user_id: str | None = None,
        session_group: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        model: str | None = None,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[list[ListAISessions200ResponseInner]]:
        """List the active sessions of an organisation. The filters combine.

        This variant returns an `ApiResponse`, with status, headers and raw body around the data.

        Contract operation: listAISessions, ``GET /api/v3/organizations/{organisation}/ai/sessions``.

        Args:
            organisation: the id of the organisation.
            user_id: only sessions of this user.
            session_group: only sessions of this group.
            limit: how many sessions at most, 1 to 100; the service takes 50 if None.
            offset: how many sessions to skip, 0 or more.
            model: only sessions with this model.
            **options: see `RequestOptions`.

        Returns:
            the sessions, without their messages.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            ApiException: any failure.
        """

    def list_ai_sessions_without_preload_content(
        self,
        organisation: str,
        user_id: str | None = None,
        session_group: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        model: str | None = None,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> BaseHTTPResponse:
        """List the active sessions of an organisation. The filters combine.

        This variant returns the urllib3 response, unread, whatever its status. Read or close it.

        Contract operation: listAISessions, ``GET /api/v3/organizations/{organisation}/ai/sessions``.

        Args:
            organisation: the id of the organisation.
            user_id: only sessions of this user.
            session_group: only sessions of this group.
            limit: how many sessions at most, 1 to 100; the service takes 50 if None.
            offset: how many sessions to skip, 0 or more.
            model: only sessions with this model.
            **options: see `RequestOptions`.

        Returns:
            the sessions, without their messages.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            ApiException: any failure.
        """

    def update_ai_session(
        self,
        organisation: str,
        session_id: str,
        update_ai_session_request: UpdateAISessionRequest | UpdateAISessionRequestDict,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> UpdateAISession200Response:
        """Append messages to a session, add to its token count, or change its status or metadata.

        Contract operation: updateAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
        It appends and adds, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            update_ai_session_request: what to append and change, as a model or a dict.
            **options: see `RequestOptions`.

        Returns:
            the session after the update, with its totals.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            OutcomeUnknownException: the update may have taken effect, or not.
            ApiException: any other failure.
        """

    def update_ai_session_with_http_info(
        self,
        organisation: str,
        session_id: str,
        update_ai_session_request: UpdateAISessionRequest | UpdateAISessionRequestDict,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[UpdateAISession200Response]:
        """Append messages to a session, add to its token count, or change its status or metadata.

        This variant returns an `ApiResponse`, with status, headers and raw body around the data.

        Contract operation: updateAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
        It appends and adds, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            update_ai_session_request: what to append and change, as a model or a dict.
            **options: see `RequestOptions`.

        Returns:
            the session after the update, with its totals.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            OutcomeUnknownException: the update may have taken effect, or not.
            ApiException: any other failure.
        """

    def update_ai_session_without_preload_content(
        self,
        organisation: str,
        session_id: str,
        update_ai_session_request: UpdateAISessionRequest | UpdateAISessionRequestDict,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, str] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, str] | None = None,
        _host_index: int = 0,
    ) -> BaseHTTPResponse:
        """Append messages to a session, add to its token count, or change its status or metadata.

        This variant returns the urllib3 response, unread, whatever its status. Read or close it.

        Contract operation: updateAISession, ``PUT /api/v3/organizations/{organisation}/ai/sessions/{sessionId}``.
        It appends and adds, so it is not sent again when its outcome is unknown.

        Args:
            organisation: the id of the organisation.
            session_id: the id of the session.
            update_ai_session_request: what to append and change, as a model or a dict.
            **options: see `RequestOptions`.

        Returns:
            the session after the update, with its totals.

        Raises:
            pydantic.ValidationError: an argument is not as the contract has it. Nothing was sent.
            ApiValueError: the token or `_request_auth` cannot be sent. Nothing was sent.
            NotFoundException: there is no such session, or it has expired.
            OutcomeUnknownException: the update may have taken effect, or not.
            ApiException: any other failure.
        """
