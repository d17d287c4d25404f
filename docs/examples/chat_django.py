"""A chat backend in Django that keeps each user's chats, with settings, views and URLs in one file."""

import logging
import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.urls import path
from django.views import View
from pydantic import BaseModel, Field, ValidationError

import quantcdn
from quantcdn import environment

settings.configure(ALLOWED_HOSTS=["127.0.0.1", "localhost"], ROOT_URLCONF=__name__, USE_TZ=True)
api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration.from_environment(timeout=10)))
organisation = environment.organisation()


class Message(BaseModel):
    text: str = Field(min_length=1, max_length=10_000)


def model(messages: list[dict[str, str]]) -> str:
    """Stands in for your model."""
    return f"You said: {messages[-1]['content']}"


class UserView(View):
    """A view for one user, in which every failure has its answer."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # Stands in for your login: the proxy before this application tells who it is.
        self.user = request.headers.get("X-Forwarded-User", "")
        if not self.user:
            return JsonResponse({"error": "Log in first."}, status=401)
        # A page of another site can make a browser post with its user's login. `Origin` tells where that came from.
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.get_host():
            return JsonResponse({"error": "This came from another site."}, status=403)
        try:
            return super().dispatch(request, *args, **kwargs)
        except ValidationError:
            return JsonResponse({"error": 'Send a JSON object like {"text": "Hello"}.'}, status=400)
        except quantcdn.ApiException as error:
            return failed(error)


class Chats(UserView):
    def get(self, request: HttpRequest) -> JsonResponse:
        own = quantcdn.iter_ai_sessions(api, organisation, user_id=self.user)
        return JsonResponse([{"id": chat.id, "title": chat.title} for chat in own], safe=False)

    def post(self, request: HttpRequest) -> JsonResponse:
        chat = quantcdn.Conversation.open(api, organisation, user_id=self.user)
        return JsonResponse({"id": chat.session_id}, status=201)


class Chat(UserView):
    def own(self, chat_id: str) -> quantcdn.Conversation:
        """A chat of this user. To whom a session belongs, the filter of the list tells, and nothing else."""
        if all(chat.id != chat_id for chat in quantcdn.iter_ai_sessions(api, organisation, user_id=self.user)):
            raise Http404
        return quantcdn.Conversation.resume(api, organisation, chat_id)

    def get(self, request: HttpRequest, chat_id: str) -> JsonResponse:
        return JsonResponse(self.own(chat_id).messages, safe=False)

    def post(self, request: HttpRequest, chat_id: str) -> JsonResponse:
        message = Message.model_validate_json(request.body)
        return JsonResponse({"reply": self.own(chat_id).turn(message.text, model)})


def failed(error: quantcdn.ApiException) -> JsonResponse:
    """What the user is told. The log has the rest."""
    logging.getLogger("django.request").error("%s", error)
    match error:
        case quantcdn.NotFoundException():
            return JsonResponse({"error": "There is no such chat, or no longer."}, status=404)
        case quantcdn.OutcomeUnknownException() | quantcdn.ResponseFormatException():
            return JsonResponse({"error": "Perhaps it was stored: read before you send it again."}, status=502)
        case quantcdn.TimeoutException():
            return JsonResponse({"error": "No answer came in time."}, status=504)
        case _:
            return JsonResponse({"error": "Chats are not available at the moment."}, status=503)


urlpatterns = [path("chats", Chats.as_view()), path("chats/<str:chat_id>", Chat.as_view())]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
