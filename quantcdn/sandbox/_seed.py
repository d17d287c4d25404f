"""Sessions to begin with, of any age: from what get answers, an export or a test, to checked values. Pure."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple, cast

from quantcdn.sandbox._validation import LARGEST_INTEGER

_LIVES = timedelta(hours=1)
_FIELDS = (
    *("id", "user_id", "session_group", "metadata", "title", "model", "status", "total_tokens", "messages"),
    *("created_at", "updated_at", "expires_at", "age", "idle"),
)
_KINDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    Mapping: "a mapping, such as a dict",
    Sequence: "a list of messages, each a mapping with role and content",
}
_ROLES = ("system", "user", "assistant")


class Seeded(NamedTuple):
    """A session as the store is to hold it."""

    id: str
    user_id: str
    session_group: str | None
    metadata: dict[str, Any]
    status: str
    total_tokens: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    messages: list[dict[str, str]]


def seeded(fields: Mapping[str, Any], now: datetime) -> Seeded:
    """The session that these fields tell of, which are named as get names them.

    Args:
        fields: what is known of it. Instead of ``created_at`` and ``updated_at`` there may be its ``age``, and how long
            it was ``idle``: a timedelta, or a number of seconds.
        now: the present.

    Raises:
        ValueError: a field is unknown, or its value is not usable; the text says which.
    """
    for name in fields:
        if name not in _FIELDS:
            raise ValueError(f"a session to begin with has no {name!r}; known are {', '.join(_FIELDS)}")
    given = {name: value for name, value in fields.items() if value is not None}
    for moment, length in (("created_at", "age"), ("updated_at", "idle")):
        if moment in given and length in given:
            raise ValueError(f"give {moment} or {length}, not both")
    idle = _length(given, "idle", timedelta(0))
    updated_at = _moment(given, "updated_at", _before(now, idle, "idle"))
    age = _length(given, "age", max(now - updated_at, timedelta(0)))
    created_at = _moment(given, "created_at", _before(now, age, "age"))
    if "updated_at" not in given and "idle" not in given:
        updated_at = created_at
    if not created_at <= updated_at <= now:
        raise ValueError("a session must be created first, then updated, and both by now")
    metadata: dict[str, Any] = {name: given[name] for name in ("title", "model") if name in given}
    metadata |= _of_type(given, "metadata", Mapping, {})
    _refuse_no_json(metadata)
    status = given.get("status", "active")
    if status not in ("active", "completed"):
        raise ValueError(f"status must be active or completed, not {status!r}")
    tokens = _of_type(given, "total_tokens", int, 0)
    if isinstance(tokens, bool) or not 0 <= tokens <= LARGEST_INTEGER:
        raise ValueError(f"total_tokens must be from 0 to {LARGEST_INTEGER}")
    return Seeded(
        id=_text(given, "id", str(uuid.uuid4())),
        user_id=_text(given, "user_id", "user-1"),
        session_group=_of_type(given, "session_group", str, None),
        metadata=metadata,
        status=status,
        total_tokens=tokens,
        created_at=created_at,
        updated_at=updated_at,
        expires_at=_moment(given, "expires_at", now + _LIVES),
        messages=_messages(_of_type(given, "messages", Sequence, [])),
    )


def organisation_of(given: Mapping[str, Any], otherwise: str) -> str:
    """The organisation that a session is put into.

    Raises:
        ValueError: it is no text, or an empty one.
    """
    return _text(given, "organisation", otherwise)


def exported(lines: Iterable[str | bytes], now: datetime) -> Iterator[Seeded]:
    """The sessions in the lines of an export. What no session here has is left out, and what has expired lives again.

    Raises:
        ValueError: a line is no session; the text says which line.
    """
    if isinstance(lines, str) or not isinstance(cast("object", lines), Iterable):
        kind = type(cast("object", lines)).__name__
        raise ValueError(f"lines must be an open file or a list of lines, not of type {kind}")
    for number, line in enumerate(lines, 1):
        try:
            if not isinstance(cast("object", line), (str, bytes)):
                raise ValueError(f"it is of type {type(line).__name__}, and no text")
            fields = _parsed(line)
            if not isinstance(fields, dict):
                raise ValueError("it is no JSON object")
            known = {_snake(name): value for name, value in cast("dict[str, Any]", fields).items()}
            known.setdefault("id", known.get("session_id"))
            session = {name: known[name] for name in _FIELDS if name in known and name not in ("age", "idle")}
            if "expires_at" in session and _moment(session, "expires_at", now) <= now:
                del session["expires_at"]
            yield seeded(session, now)
        except ValueError as error:
            raise ValueError(f"line {number} is no session that can be taken over: {error}") from None


def _parsed(line: str | bytes) -> object:
    try:
        return json.loads(line)
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _text(given: Mapping[str, Any], name: str, otherwise: str) -> str:
    value: str = _of_type(given, name, str, otherwise)
    if not value:
        raise ValueError(f"{name} must not be empty")
    return value


def _of_type(given: Mapping[str, Any], name: str, kind: type, otherwise: Any) -> Any:
    """A field, or what stands for it where it is None or not there."""
    value = given.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, kind) or (kind is Sequence and isinstance(value, (str, bytes))):
        raise ValueError(f"{name} must be {_KINDS[kind]}, not of type {type(value).__name__}")
    if isinstance(value, str):
        _refuse_half_characters(name, value)
    return value


def _refuse_half_characters(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be a text without lone surrogates") from None


def _refuse_no_json(metadata: dict[str, Any]) -> None:
    try:
        text = json.dumps(metadata, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata must be what JSON can hold: {error}") from None
    _refuse_half_characters("metadata", text)


def _length(given: Mapping[str, Any], name: str, otherwise: timedelta) -> timedelta:
    value = given.get(name, otherwise)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            value = timedelta(seconds=value)
        except (OverflowError, ValueError):  # of infinity, and of NaN
            value = None
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ValueError(f"{name} must be a timedelta or a number of seconds, 0 or more")
    return value


def _before(now: datetime, length: timedelta, name: str) -> datetime:
    try:
        return now - length
    except OverflowError:
        raise ValueError(f"{name} must not reach back before the year 1") from None


def _moment(given: Mapping[str, Any], name: str, otherwise: datetime) -> datetime:
    value = given.get(name, otherwise)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise ValueError(f"{name} must be a datetime, or a text in ISO 8601")
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _messages(values: Sequence[Any]) -> list[dict[str, str]]:
    messages: list[dict[str, str]] = []
    for index, value in enumerate(values):
        message: Mapping[str, object] = cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
        role, content = message.get("role"), message.get("content")
        if role not in _ROLES or not isinstance(content, str):
            raise ValueError(f"messages[{index}] must have a role ({', '.join(_ROLES)}) and a content, which is a text")
        _refuse_half_characters(f"messages[{index}]", content)
        messages.append({"role": str(role), "content": content})
    return messages
