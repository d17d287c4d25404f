"""The class of the operations on AI sessions."""

from quantcdn.api._operation import Api

__all__ = ["AISessionsApi"]


class AISessionsApi(
    Api,
    home="quantcdn.api._ai_sessions",
    operations=[
        "create_ai_session",
        "delete_ai_session",
        "extend_ai_session",
        "get_ai_session",
        "list_ai_sessions",
        "update_ai_session",
    ],
):
    """The operations on AI sessions: chat sessions that the service keeps for your users, with an expiry.

    Each comes in three variants: plain, ``_with_http_info`` and ``_without_preload_content``.

    Args:
        api_client: the client that carries out the calls; the default client if None.
    """
