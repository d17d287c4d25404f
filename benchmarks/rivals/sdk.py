"""A client of the names and signatures that the official one has: this SDK, with its defaults, is one of them.

Which of them it is depends on where the package is found first.
"""

from quantcdn import (
    AISessionsApi,
    ApiClient,
    Configuration,
    CreateAISession201Response,
    CreateAISessionRequest,
    CreateAISessionRequestInitialMessagesInner,
    DeleteAISession200Response,
    GetAISession200Response,
    ListAISessions200ResponseInner,
    UpdateAISession200Response,
    UpdateAISessionRequest,
    UpdateAISessionRequestNewMessagesInner,
)


class Client:
    def __init__(self, url: str, token: str) -> None:
        self._client = ApiClient(Configuration(host=url, access_token=token))
        self._api = AISessionsApi(self._client)

    def get_session(self, organisation: str, session_id: str) -> GetAISession200Response:
        return self._api.get_ai_session(organisation, session_id)

    def list_sessions(self, organisation: str) -> list[ListAISessions200ResponseInner]:
        return self._api.list_ai_sessions(organisation, limit=100)

    def create_session(self, organisation: str) -> CreateAISession201Response:
        request = CreateAISessionRequest(
            user_id="user-12345",
            session_group="website",
            metadata={"feature": "chat", "source": "web-app", "tags": ["beta", "help"]},
            initial_messages=[
                CreateAISessionRequestInitialMessagesInner(role="system", content="You are helpful."),
                CreateAISessionRequestInitialMessagesInner(role="user", content="Hello!"),
            ],
        )
        return self._api.create_ai_session(organisation, request)

    def update_session(self, organisation: str, session_id: str) -> UpdateAISession200Response:
        request = UpdateAISessionRequest(
            new_messages=[
                UpdateAISessionRequestNewMessagesInner(role="user", content="And then?"),
                UpdateAISessionRequestNewMessagesInner(role="assistant", content="Then we are done."),
            ],
            tokens_used=130,
        )
        return self._api.update_ai_session(organisation, session_id, request)

    def delete_session(self, organisation: str, session_id: str) -> DeleteAISession200Response:
        return self._api.delete_ai_session(organisation, session_id)
