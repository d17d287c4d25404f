"""What the tools show that record the local variables of a traceback: the real ones, with their defaults."""

import io
import json
import traceback
from collections.abc import Callable
from typing import Any

import rich.console
import rich.traceback
import sentry_sdk
from IPython.core.ultratb import VerboseTB
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from sentry_sdk.utils import event_from_exception


def by_the_standard_library(error: BaseException) -> str:
    """`traceback` with the values of local variables, as logging formatters and unittest use it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def by_rich(error: BaseException) -> str:
    """rich, with ``show_locals``."""
    output = io.StringIO()
    shown = rich.traceback.Traceback.from_exception(
        type(error), error, error.__traceback__, width=300, show_locals=True, locals_max_string=None, suppress=()
    )
    rich.console.Console(file=output, width=300).print(shown)
    return output.getvalue()


def by_ipython(error: BaseException) -> str:
    """IPython, as after ``%xmode Verbose``."""
    shown = VerboseTB(include_vars=True)
    return shown.stb2text(shown.structured_traceback(type(error), error, error.__traceback__))


class _Kept(Transport):
    """Keeps the events of Sentry where they are made."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        super().__init__(options)
        self.events: list[object] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events += [json.loads(item.get_bytes()) for item in envelope.items]


def by_sentry(error: BaseException) -> str:
    """Sentry's event. Its integrations patch the whole process, so they stay away: they add no local variables."""
    kept = _Kept()
    client = sentry_sdk.Client(dsn="http://key@127.0.0.1:9/1", transport=kept, default_integrations=False)
    client.capture_event(*event_from_exception(error, client_options=client.options), scope=sentry_sdk.Scope())
    assert len(kept.events) == 1
    return json.dumps(kept.events, ensure_ascii=False, default=str)


TRACKERS: dict[str, Callable[[BaseException], str]] = {
    "traceback": by_the_standard_library,
    "rich": by_rich,
    "IPython": by_ipython,
    "Sentry": by_sentry,
}
