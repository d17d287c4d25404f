"""The operations of the service, a class per part of it."""

from quantcdn.api.ai_sessions_api import AISessionsApi

__all__ = ["AISessionsApi"]
