"""The class of the operations on AI sessions."""

from quantcdn._operation import Api, operation
from quantcdn.api import _ai_sessions

__all__ = ["AISessionsApi"]


class AISessionsApi(Api):
    """The operations on AI sessions: chat sessions that the service keeps for your users, with an expiry.

    Each comes in three variants: plain, ``_with_http_info`` and ``_without_preload_content``.

    Args:
        api_client: the client that carries out the calls; the default client if None.
    """

    (
        create_ai_session,
        create_ai_session_with_http_info,
        create_ai_session_without_preload_content,
    ) = operation(_ai_sessions.create_ai_session)
    (
        delete_ai_session,
        delete_ai_session_with_http_info,
        delete_ai_session_without_preload_content,
    ) = operation(_ai_sessions.delete_ai_session)
    (
        extend_ai_session,
        extend_ai_session_with_http_info,
        extend_ai_session_without_preload_content,
    ) = operation(_ai_sessions.extend_ai_session)
    (
        get_ai_session,
        get_ai_session_with_http_info,
        get_ai_session_without_preload_content,
    ) = operation(_ai_sessions.get_ai_session)
    (
        list_ai_sessions,
        list_ai_sessions_with_http_info,
        list_ai_sessions_without_preload_content,
    ) = operation(_ai_sessions.list_ai_sessions)
    (
        update_ai_session,
        update_ai_session_with_http_info,
        update_ai_session_without_preload_content,
    ) = operation(_ai_sessions.update_ai_session)
