"""A program that uses the package, to be frozen and packed: a whole session, against a sandbox within it.

Of what is packed, it imports the package alone, as most programs do: what loads the rest by name must be found by what
packs it.
"""

import tempfile
from pathlib import Path
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

import quantcdn


def main() -> None:
    """Have a session from its creation to its end."""
    with quantcdn.sandbox.running() as service:
        configuration = quantcdn.Configuration(service.host, service.access_token)
        with quantcdn.ApiClient(configuration) as client, tempfile.TemporaryDirectory() as folder:
            api = quantcdn.AISessionsApi(client)
            session_id = api.create_ai_session(service.organisation, {"userId": "u"}).session_id
            assert session_id
            conversation = quantcdn.Conversation.resume(api, service.organisation, session_id)
            conversation.append({"role": "user", "content": "Hello"})
            session = api.get_ai_session(service.organisation, session_id)
            assert session.messages == [{"role": "user", "content": "Hello"}], session
            exported = quantcdn.bulk.export(api, service.organisation, Path(folder, "sessions.jsonl"))
            assert exported.counts == {"done": 1}, exported
            api.extend_ai_session(service.organisation, session_id)
            assert [one.id for one in quantcdn.iter_ai_sessions(api, service.organisation)] == [session_id]
            api.delete_ai_session(service.organisation, session_id)
            assert api.list_ai_sessions(service.organisation) == []
            browser = build_opener(HTTPCookieProcessor(), ProxyHandler({}))
            with browser.open(service.page) as page:
                assert b"QuantCDN sandbox" in page.read()
    print("A whole session")


if __name__ == "__main__":
    main()
