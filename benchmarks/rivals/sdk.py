"""A client of the names and signatures that the official one has: this SDK, with its defaults, is one of them.

Which of them it is depends on where the package is found first. Names are looked up where they are used, as a program
does that imports the package: this SDK loads them then.
"""

import quantcdn


class Client:
    def __init__(self, url: str, token: str) -> None:
        self._client = quantcdn.ApiClient(quantcdn.Configuration(host=url, access_token=token))
        self._api = quantcdn.AISessionsApi(self._client)

    def get_session(self, organisation: str, session_id: str) -> "quantcdn.GetAISession200Response":
        return self._api.get_ai_session(organisation, session_id)

    def list_sessions(self, organisation: str) -> "list[quantcdn.ListAISessions200ResponseInner]":
        return self._api.list_ai_sessions(organisation, limit=100)

    def create_session(self, organisation: str) -> "quantcdn.CreateAISession201Response":
        request = quantcdn.CreateAISessionRequest(
            user_id="user-12345",
            session_group="website",
            metadata={"feature": "chat", "source": "web-app", "tags": ["beta", "help"]},
            initial_messages=[
                quantcdn.CreateAISessionRequestInitialMessagesInner(role="system", content="You are helpful."),
                quantcdn.CreateAISessionRequestInitialMessagesInner(role="user", content="Hello!"),
            ],
        )
        return self._api.create_ai_session(organisation, request)

    def update_session(self, organisation: str, session_id: str) -> "quantcdn.UpdateAISession200Response":
        request = quantcdn.UpdateAISessionRequest(
            new_messages=[
                quantcdn.UpdateAISessionRequestNewMessagesInner(role="user", content="And then?"),
                quantcdn.UpdateAISessionRequestNewMessagesInner(role="assistant", content="Then we are done."),
            ],
            tokens_used=130,
        )
        return self._api.update_ai_session(organisation, session_id, request)

    def delete_session(self, organisation: str, session_id: str) -> "quantcdn.DeleteAISession200Response":
        return self._api.delete_ai_session(organisation, session_id)
