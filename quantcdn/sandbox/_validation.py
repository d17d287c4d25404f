"""What a request may say: from the bytes of a body or a query to checked values, or a refusal. No HTTP, no database."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl

LARGEST_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON keeps exactly."""

_odd_percent_sign = re.compile("%(?![0-9A-Fa-f]{2})").search

DEEPEST_NESTING = 100
_TOO_DEEP = f"The body is nested deeper than {DEEPEST_NESTING} levels."


def check_token(token: object) -> None:
    """Refuse what no request could bring as a token.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(token, str) or not re.fullmatch("[!-~]+", token) or token.lower() == "bearer":
        raise ValueError("a token must be visible ASCII characters, without spaces, and not the word Bearer")


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class Creation(NamedTuple):
    user_id: str
    session_group: str | None
    metadata: dict[str, Any]
    expiration_minutes: int
    messages: list[dict[str, str]]


class Update(NamedTuple):
    messages: list[dict[str, str]]
    tokens: int
    status: str | None
    metadata: dict[str, Any] | None


class Listing(NamedTuple):
    user_id: str | None
    session_group: str | None
    model: str | None
    limit: int
    offset: int


def creation(body: bytes) -> Creation:
    fields = _json_object(body)
    _only(fields, "userId", "sessionGroup", "metadata", "expirationMinutes", "initialMessages")
    user_id = _text(fields, "userId")
    if not user_id:
        raise Refusal(400, "userId is required and must not be empty.")
    return Creation(
        user_id=user_id,
        session_group=_text(fields, "sessionGroup"),
        metadata=_object(fields, "metadata") or {},
        expiration_minutes=_integer(fields, "expirationMinutes", default=60, minimum=5, maximum=1440),
        messages=_messages(fields, "initialMessages", roles=("system", "user", "assistant")),
    )


def update(body: bytes) -> Update:
    fields = _json_object(body)
    _only(fields, "newMessages", "tokensUsed", "status", "metadata")
    status = _text(fields, "status")
    if status is not None:
        _one_of("status", status, ("active", "completed"))
    return Update(
        messages=_messages(fields, "newMessages", roles=("user", "assistant")),
        tokens=_integer(fields, "tokensUsed", default=0, minimum=0, maximum=LARGEST_INTEGER),
        status=status,
        metadata=_object(fields, "metadata"),
    )


def extension(body: bytes) -> int:
    # Generated clients send null where they were given no body.
    fields = _json_object(body) if body.strip() not in (b"", b"null") else {}
    _only(fields, "additionalMinutes")
    return _integer(fields, "additionalMinutes", default=60, minimum=1, maximum=1440)


def listing(query: bytes) -> Listing:
    try:
        text = query.decode("ascii")
        refuse_odd_percent_signs("query", text)
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(400, "The query is not UTF-8.") from None
    fields: dict[str, object] = dict(_unique(pairs))
    _only(fields, "userId", "sessionGroup", "model", "limit", "offset")
    for name in ("limit", "offset"):
        if re.fullmatch("-?[0-9]{1,16}", str(fields.get(name, ""))):
            fields[name] = int(str(fields[name]))
    return Listing(
        user_id=_text(fields, "userId"),
        session_group=_text(fields, "sessionGroup"),
        model=_text(fields, "model"),
        limit=_integer(fields, "limit", default=50, minimum=1, maximum=100),
        offset=_integer(fields, "offset", default=0, minimum=0, maximum=LARGEST_INTEGER),
    )


def refuse_odd_percent_signs(where: str, text: str) -> None:
    if _odd_percent_sign(text):
        raise Refusal(400, f"The {where} has a % that two hexadecimal digits do not follow; a % itself is %25.")


def _json_object(body: bytes) -> dict[str, object]:
    if not body:
        raise Refusal(400, "A body is required: a JSON object.")
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            raise Refusal(400, "The body begins with a byte-order mark; JSON is sent without one.")
        value: object = json.loads(
            text, object_pairs_hook=_unique, parse_int=_whole, parse_float=finite, parse_constant=finite
        )
    except UnicodeDecodeError:
        raise Refusal(400, "The body is not UTF-8.") from None
    except RecursionError:
        raise Refusal(400, _TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise Refusal(400, f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Refusal(400, "The body must be a JSON object.")
    fields = cast("dict[str, object]", value)
    if deeper_than(DEEPEST_NESTING, fields):
        raise Refusal(400, _TOO_DEEP)
    try:
        json.dumps(fields, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal(400, "The body has a lone surrogate, which is no character.") from None
    return fields


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refusal(400, f"{_shown(name)} is given more than once.")
        found[name] = value
    return found


def _whole(text: str) -> int:
    finite(text)
    return int(text)


def finite(text: str) -> float:
    """The number, where a double can hold it."""
    value = float(text)
    if not math.isfinite(value):
        raise Refusal(400, "Numbers must be finite: NaN, Infinity and numbers beyond a double's range are not allowed.")
    return value


def deeper_than(limit: int, value: Any) -> bool:
    """Tell whether value has more than limit levels; a loop, since recursion is what it guards."""
    level: list[dict[Any, Any] | list[Any]] = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        children: list[Any] = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
        level = [child for child in children if isinstance(child, (dict, list))]
    return bool(level)


def _only(fields: Mapping[str, object], *allowed: str) -> None:
    for name in fields:
        if name not in allowed:
            raise Refusal(400, f"{_shown(name)} is not known here; known are {', '.join(allowed)}.")


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 40 else f"{name[:40]}…")


def _text(fields: Mapping[str, object], name: str) -> str | None:
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, str):
        raise Refusal(400, f"{name} must be a string.")
    return value


def _integer(fields: Mapping[str, object], name: str, *, default: int, minimum: int, maximum: int) -> int:
    value = fields.get(name, default)
    if type(value) is not int or not minimum <= value <= maximum:  # a bool is an int to isinstance
        raise Refusal(400, f"{name} must be an integer from {minimum} to {maximum}.")
    return value


def _object(fields: Mapping[str, object], name: str) -> dict[str, Any] | None:
    value = fields.get(name)
    if name in fields and not isinstance(value, dict):
        raise Refusal(400, f"{name} must be an object.")
    return cast("dict[str, Any] | None", value)


def _messages(fields: Mapping[str, object], name: str, *, roles: tuple[str, ...]) -> list[dict[str, str]]:
    values = fields.get(name, [])
    if not isinstance(values, list):
        raise Refusal(400, f"{name} must be an array.")
    messages: list[dict[str, str]] = []
    for index, value in enumerate(cast("list[object]", values)):
        where = f"{name}[{index}]"
        if not isinstance(value, dict):
            raise Refusal(400, f"{where} must be an object.")
        message = cast("dict[str, object]", value)
        if message.keys() != {"role", "content"}:
            raise Refusal(400, f"{where} must have role and content, and nothing else.")
        role, content = message["role"], message["content"]
        _one_of(f"{where}.role", role, roles)
        if not isinstance(content, str):
            raise Refusal(400, f"{where}.content must be a string.")
        messages.append({"role": str(role), "content": content})
    return messages


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise Refusal(400, f"{name} must be one of {', '.join(allowed)}.")
