"""What each promise costs a call: what the SDK saves in a process in which the code that keeps it is taken out.

It is taken out from outside, for measuring alone: the SDK has no such switches. The calls to it stay.
"""

import http.client
import math
from collections.abc import Callable
from typing import Any

import urllib3


def _replace(owner: Any, name: str, value: Any) -> None:
    getattr(owner, name)  # it must be there
    setattr(owner, name, value)


def _without_checking_arguments() -> None:
    import pydantic

    _replace(pydantic, "validate_call", lambda **_: lambda builder: builder)


def _without_checking_headers() -> None:
    from quantcdn._wire import encode

    def merge(*layers: dict[str, str], own: dict[str, str]) -> dict[str, str]:
        return {name: layer[name] for layer in (own, *layers) for name in layer}

    _replace(encode, "merge_headers", merge)


def _without_deadline() -> None:
    from quantcdn import api_client
    from quantcdn._transport import answer, deadline, pool

    class Timeout(urllib3.Timeout):
        """What urllib3 has: a timeout for each operation of a socket."""

        is_finite = False

        @classmethod
        def of(cls, _request_timeout: object, default: float) -> "Timeout":
            return cls(default)

    _replace(api_client, "Deadline", Timeout)
    _replace(pool.KeepsDeadline, "_deadline", deadline.Deadline(math.inf))
    _replace(pool.KeepsDeadline, "_transmit", lambda self, data, _: http.client.HTTPConnection.send(self, data))
    _replace(answer._TimedFile, "readinto", lambda self, buffer: self._file.readinto(buffer))
    _replace(answer.Incoming, "_is_left", lambda _: False)


def _without_retry_decision() -> None:
    from quantcdn import api_client, retry

    def no_delay(  # of the same signature: to take any arguments would cost as much as the decision
        policy: Any, ending: Any, *, repeatable: Any, attempt: Any, time_left: Any, chance: Any, now: Any, earlier: Any
    ) -> None:
        pass

    ending = retry.Ending(200)
    _replace(api_client, "delay_before_retry", no_delay)
    _replace(retry.Ending, "answered", lambda *_args: ending)


def _without_redaction() -> None:
    from quantcdn import api_client

    _replace(api_client, "Headers", urllib3.HTTPHeaderDict)
    _replace(api_client, "hide_secrets", lambda _error, _headers: None)


def _without_log() -> None:
    from quantcdn import api_client

    _replace(api_client, "publish", lambda _exchange, _hook: None)


def _without_strict_head() -> None:
    from quantcdn._transport import answer

    def begin(response: Any) -> None:
        http.client.HTTPResponse.begin(response)
        response.headers = urllib3.HTTPHeaderDict(response.msg.items())  # as urllib3 does

    _replace(answer.Answer, "begin", begin)


WITHOUT: dict[str, Callable[[], None]] = {
    "arguments are checked before anything is sent": _without_checking_arguments,
    "header fields are checked": _without_checking_headers,
    "a deadline for the whole call, and no answer taken for another": _without_deadline,
    "the retry decision": _without_retry_decision,
    "redaction": _without_redaction,
    "the log and the hook, where nobody listens": _without_log,
    "the head of an answer is read strictly": _without_strict_head,
}
