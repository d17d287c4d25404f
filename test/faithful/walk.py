"""What a program does with the client that the OpenAPI Generator makes for Python: see generated_clients.py."""

import json
import os
from collections.abc import Callable
from typing import Any

import openapi_client as client

organisation = os.environ["QUANT_ORGANISATION"]


def connected(token: str) -> Any:
    configuration = client.Configuration(host=os.environ["QUANT_BASE_URL"], access_token=token)
    return client.AISessionsApi(client.ApiClient(configuration))


def refusal(call: Callable[[], object]) -> object:
    try:
        call()
    except client.ApiException as refused:
        return [refused.status, json.loads(refused.body)["message"]]
    return "taken"


api = connected(os.environ["QUANT_API_TOKEN"])
seen: list[object] = []

request = client.CreateAISessionRequest(
    userId="generated-python",
    sessionGroup="a group",
    metadata={"title": "Zürich?", "model": "a model"},
    expirationMinutes=30,
    initialMessages=[client.CreateAISessionRequestInitialMessagesInner(role="system", content="Be brief.")],
)
created = api.create_ai_session(organisation, request)
session = str(created.session_id)
seen.append([created.status, (created.expires_at - created.created_at).total_seconds() / 60])

message = client.UpdateAISessionRequestNewMessagesInner(role="user", content="Grüezi 👋")
updated = api.update_ai_session(
    organisation, session, client.UpdateAISessionRequest(newMessages=[message], tokensUsed=7)
)
seen.append([str(updated.session_id) == session, updated.total_messages, updated.total_tokens])

got = api.get_ai_session(organisation, session)
seen.append([got.title, got.model, got.messages, got.created_at == created.created_at])

listed = api.list_ai_sessions(organisation, "generated-python", "a group", 5, 0, "a model")
seen.append([len(listed), listed[0].id == session, listed[0].updated_at == updated.updated_at])

seen.append(api.extend_ai_session(organisation, session).message)
extended = api.extend_ai_session(organisation, session, client.ExtendAISessionRequest(additionalMinutes=15))
seen.append([extended.message, (extended.expires_at - created.expires_at).total_seconds() / 60])

seen.append(refusal(lambda: api.create_ai_session(organisation, client.CreateAISessionRequest(userId=""))))
seen.append(refusal(lambda: api.get_ai_session("another", session)))
seen.append(refusal(lambda: connected("unknown").get_ai_session(organisation, session)))

seen.append(api.delete_ai_session(organisation, session).message)
seen.append(refusal(lambda: api.get_ai_session(organisation, session)))
print(json.dumps(seen))
