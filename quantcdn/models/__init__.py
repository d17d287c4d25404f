"""One module per schema of the contract. Each is loaded when its model is first used.

Requests: `CreateAISessionRequest`, with `CreateAISessionRequestInitialMessagesInner`; `UpdateAISessionRequest`, with
`UpdateAISessionRequestNewMessagesInner`; `ExtendAISessionRequest`. Each has a ``…Dict``, as a dict of which type
checkers know the keys.

Responses: `CreateAISession201Response`, `GetAISession200Response`, `ListAISessions200ResponseInner`,
`UpdateAISession200Response`, `ExtendAISession200Response`, `DeleteAISession200Response`.
"""

from quantcdn._lazy import load_when_used

_MODULE_OF = {
    "CreateAISession201Response": "create_ai_session201_response",
    "CreateAISessionRequest": "create_ai_session_request",
    "CreateAISessionRequestDict": "create_ai_session_request",
    "CreateAISessionRequestInitialMessagesInner": "create_ai_session_request_initial_messages_inner",
    "CreateAISessionRequestInitialMessagesInnerDict": "create_ai_session_request_initial_messages_inner",
    "DeleteAISession200Response": "delete_ai_session200_response",
    "ExtendAISession200Response": "extend_ai_session200_response",
    "ExtendAISessionRequest": "extend_ai_session_request",
    "ExtendAISessionRequestDict": "extend_ai_session_request",
    "GetAISession200Response": "get_ai_session200_response",
    "ListAISessions200ResponseInner": "list_ai_sessions200_response_inner",
    "UpdateAISession200Response": "update_ai_session200_response",
    "UpdateAISessionRequest": "update_ai_session_request",
    "UpdateAISessionRequestDict": "update_ai_session_request",
    "UpdateAISessionRequestNewMessagesInner": "update_ai_session_request_new_messages_inner",
    "UpdateAISessionRequestNewMessagesInnerDict": "update_ai_session_request_new_messages_inner",
}

__all__ = [*_MODULE_OF]  # pyright: ignore[reportUnsupportedDunderAll]  # it reads the stub

load_when_used(
    __name__, {name: f"{__name__}.{module}" for name, module in _MODULE_OF.items()}, tuple(_MODULE_OF.values())
)
