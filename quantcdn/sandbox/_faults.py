"""Faults on demand: which requests fail, and how. They are played elsewhere."""

from __future__ import annotations

import json
import random
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

OPERATIONS = ("create", "get", "list", "update", "extend", "delete")
ANY = "any"
_LONG_NAMES = {f"{name}_ai_session{'s' if name == 'list' else ''}": name for name in OPERATIONS}
_ENDINGS = ("status", "drop", "reset", "truncate", "garble")
_COUNTED = ("times", "after", "rate")


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    Attributes:
        status: the status of an error to answer. Nothing is done.
        retry_after: what the error says in ``Retry-After``, in seconds.
        delay: how long the answer is held back, in seconds. What was asked is done at once.
        drop: whether the connection is closed without an answer, before or after what was asked is done.
        reset: whether the connection is reset, rather than closed, without an answer. What was asked is done.
        truncate: whether the answer ends in its middle. What was asked is done.
        trickle: over how long the body of the answer is spread, in seconds. What was asked is done.
        garble: whether the body of the answer is no JSON. What was asked is done.
    """

    status: int | None = None
    retry_after: float | None = None
    delay: float = 0
    drop: Literal["before", "after"] | None = None
    reset: bool = False
    truncate: bool = False
    trickle: float = 0
    garble: bool = False

    def __post_init__(self) -> None:
        if self.status is not None and (type(self.status) is not int or not 400 <= self.status <= 599):
            raise ValueError(f"status must be from 400 to 599, not {self.status!r}")
        if self.drop not in (None, "before", "after"):
            raise ValueError(f"drop must be 'before' (nothing is done) or 'after' (all is done), not {self.drop!r}")
        for name in ("retry_after", "delay", "trickle"):
            _check_seconds(name, getattr(self, name))
        for name in ("reset", "truncate", "garble"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if self.retry_after is not None and self.status is None:
            raise ValueError("retry_after needs the status that it is sent with, such as 429")
        if len(given := [name for name in _ENDINGS if getattr(self, name)]) > 1:
            raise ValueError(f"give one of {', '.join(_ENDINGS)}, not {' and '.join(given)}")
        if not any(vars(self).values()):
            raise ValueError(f"say what goes wrong: {', '.join(_ENDINGS)}, delay or trickle")

    def __str__(self) -> str:
        return ", ".join(name if value is True else f"{name}={value}" for name, value in vars(self).items() if value)

    def joined(self, other: Fault) -> Fault:
        """This one, with the waits of another one, and how that ends where this one only waits."""
        ends = other if not self._ending else self
        return replace(ends, delay=self.delay + other.delay, trickle=max(self.trickle, other.trickle))

    @property
    def _ending(self) -> bool:
        return any(getattr(self, name) for name in _ENDINGS)


@dataclass
class Rule:
    """Which requests a fault is for.

    Attributes:
        operation: the operation, or any.
        fault: the fault.
        times: how many of its requests fail; None for all.
        after: how many of its requests pass before.
        rate: the share of the others that fail, up to 1.
        seen: how many of its requests came.
        played: how many of them failed.
        number: what tells it from others, once it is in force; no other one gets it, later either.
    """

    operation: str
    fault: Fault
    times: int | None = None
    after: int = 0
    rate: float = 1
    seen: int = 0
    played: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        self.operation = operation_named(self.operation, or_any=True)
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError(f"times must be 1 or more, or None for each time, not {self.times!r}")
        if type(self.after) is not int or self.after < 0:
            raise ValueError(f"after must be 0 or more requests, not {self.after!r}")
        if (
            isinstance(self.rate, bool)
            or not isinstance(cast("object", self.rate), (int, float))
            or not 0 < self.rate <= 1
        ):
            raise ValueError(f"rate must be more than 0, and 1 at most, not {self.rate!r}")

    def strikes(self, operation: str, chance: Callable[[], float]) -> bool:
        """Whether a request of an operation fails; it counts."""
        if self.operation not in (operation, ANY):
            return False
        self.seen += 1
        done = self.times is not None and self.played >= self.times
        if self.seen <= self.after or done or (self.rate < 1 and chance() >= self.rate):
            return False
        self.played += 1
        return True


def rule_from(fields: Mapping[str, Any]) -> Rule:
    """The rule that these fields tell of, which are named as the arguments of `fail`.

    Raises:
        ValueError: a field is unknown or missing, or its value is not usable; the text says which.
    """
    given = {**fields}
    operation = given.pop("operation", None)
    rule = {name: given.pop(name) for name in _COUNTED if name in given}
    for name in given:
        if name not in Fault.__dataclass_fields__:
            raise ValueError(f"a fault has no {name!r}, but {', '.join([*Fault.__dataclass_fields__, *_COUNTED])}")
    return Rule(operation, Fault(**given), **rule)


def fields_written(text: str) -> dict[str, Any]:
    """The fields of a rule from a text such as ``update:status=429,times=2`` or ``get:reset``.

    Raises:
        ValueError: a part is missing, or stands there twice; the text says which.
    """
    operation, colon, rest = text.partition(":")
    if not colon:
        raise ValueError(f"say what goes wrong after a colon, as in {operation or 'update'}:status=429,times=2")
    fields: dict[str, Any] = {"operation": operation}
    for part in rest.split(","):
        name, given, value = part.partition("=")
        if name in fields:
            raise ValueError(f"{name} is given twice")
        fields[name] = _value(value) if given else True
    return fields


class Faults:
    """The rules that are in force. Several threads may use it.

    Chance is the same in each run, and begins anew when nothing fails any more: what a rate strikes can be repeated.
    """

    def __init__(self) -> None:
        self._chance = random.Random(0)
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._count = 0

    def add(self, rule: Rule) -> ActiveFault:
        """Put a rule into force, behind those that are."""
        with self._lock:
            self._count += 1
            rule.number = self._count
            self._rules.append(rule)
        return ActiveFault(self, rule)

    def remove(self, number: int) -> bool:
        """Take one rule out of force, and return whether it was in force."""
        with self._lock:
            before = len(self._rules)
            self._keep([rule for rule in self._rules if rule.number != number])
            return len(self._rules) < before

    def clear(self) -> None:
        """Let nothing fail any more."""
        with self._lock:
            self._keep([])

    def _keep(self, rules: list[Rule]) -> None:
        self._rules = rules
        if not rules:
            self._chance.seed(0)

    def rules(self) -> list[Rule]:
        """The rules as they stand."""
        with self._lock:
            return [replace(rule) for rule in self._rules]

    def next(self, operation: str) -> Fault | None:
        """What goes wrong with the next request of an operation. Waits add up; of the rest, the first rule decides."""
        fault: Fault | None = None
        with self._lock:
            for rule in self._rules:
                if rule.strikes(operation, self._chance.random):
                    fault = rule.fault if fault is None else fault.joined(rule.fault)
        return fault


class ActiveFault:
    """A fault that `fail` put into force. At the end of a ``with`` block, it is removed."""

    def __init__(self, faults: Faults, rule: Rule) -> None:
        self._faults = faults
        self._rule = rule

    @property
    def played(self) -> int:
        """How many requests it has let fail."""
        return self._rule.played

    def remove(self) -> None:
        """Let no more requests fail by it; the other faults stay. Where it is removed already, nothing happens."""
        self._faults.remove(self._rule.number)

    def __enter__(self) -> ActiveFault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<ActiveFault {self._rule.operation}: {self._rule.fault}; played {self.played}>"


def operation_named(name: str, *, or_any: bool = False) -> str:
    """The short name of an operation.

    Raises:
        ValueError: there is no such operation.
    """
    short = _LONG_NAMES.get(name, name) if isinstance(cast("object", name), str) else name
    known = (*OPERATIONS, ANY) if or_any else OPERATIONS
    if short not in known:
        raise ValueError(f"there is no operation {name!r}; there are {', '.join(known)}")
    return short


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _check_seconds(name: str, value: object) -> None:
    if value is None and name == "retry_after":
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= sys.float_info.max:
        raise ValueError(f"{name} must be a number of seconds, 0 or more, not {value!r}")
