"""The class of the operations on AI sessions."""

from quantcdn.api import _ai_sessions
from quantcdn.api._operation import Api

__all__ = ["AISessionsApi"]


class AISessionsApi(
    Api,
    operations=[
        _ai_sessions.create_ai_session,
        _ai_sessions.delete_ai_session,
        _ai_sessions.extend_ai_session,
        _ai_sessions.get_ai_session,
        _ai_sessions.list_ai_sessions,
        _ai_sessions.update_ai_session,
    ],
):
    """The operations on AI sessions: chat sessions that the service keeps for your users, with an expiry.

    Each comes in three variants: plain, ``_with_http_info`` and ``_without_preload_content``.

    Args:
        api_client: the client that carries out the calls; the default client if None.
    """
