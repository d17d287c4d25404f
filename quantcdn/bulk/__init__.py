"""Delete, extend, get or export many sessions, and import an export.

The first four choose the sessions in the same way, and take down their ids before they begin, so that deleting skips
none. A bounded number of calls is under way at a time. A session that fails stops nothing: each has its `Result`.
"""

from quantcdn.bulk import _actions
from quantcdn.bulk._export import Manifest, Part
from quantcdn.bulk._import import import_
from quantcdn.bulk._options import described
from quantcdn.bulk._report import Interrupted, Outcome, Report, Result
from quantcdn.bulk._selection import Selection

_ACTIONS = {
    action.__name__: described(action) for action in (_actions.delete, _actions.export, _actions.extend, _actions.get)
}

__all__ = ["Interrupted", "Manifest", "Outcome", "Part", "Report", "Result", "Selection", *_ACTIONS, "import_"]  # pyright: ignore[reportUnsupportedDunderAll]  # it reads the stub

# Of what is assigned by name, editors show the docstring that stands in the code, which is not whole.
globals().update(_ACTIONS)


def __dir__() -> list[str]:
    return [*__all__]
