"""The sessions and their messages in SQLite. What a method has returned is committed.

A store is used by one thread at a time; several stores, in several processes, may share a file.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from quantcdn.sandbox._validation import LARGEST_INTEGER, Creation, Listing, Refusal, Update

_LONGEST_AHEAD = timedelta(hours=24)
_LONGEST_TITLE = 60
_APPLICATION_ID = 0x51434149
_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {_APPLICATION_ID};
CREATE TABLE IF NOT EXISTS sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    organisation TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_group TEXT,
    model TEXT,
    metadata TEXT NOT NULL,
    status TEXT NOT NULL,
    total_tokens INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
    role TEXT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_session ON messages (session);
COMMIT;
"""
_SELECT = """
SELECT number, id, user_id, session_group, model, metadata, status, total_tokens, created_at, updated_at, expires_at,
    (SELECT count(*) FROM messages WHERE session = sessions.number) AS total_messages,
    (SELECT content FROM messages WHERE session = sessions.number AND role = 'user' ORDER BY messages.number LIMIT 1)
        AS first_user_message
FROM sessions WHERE organisation = :organisation AND expires_at > :now
"""


Session = dict[str, Any]
"""What _SELECT names, with the metadata as an object and a title in place of the first user message."""


class Store:
    def __init__(self, database: str | os.PathLike[str] | None, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._now()
        path = ":memory:" if database is None else os.fspath(database)
        if database is not None and path in ("", ":memory:"):
            raise ValueError(f"the database must be a file, not {path!r}: leave it out to keep the sessions in memory")
        try:
            if database is not None:
                # SQLite would make it readable for everybody, and makes its journals as the file is.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise OSError(f"cannot use {path} as the database: {error}") from error

    def close(self) -> None:
        self._database.close()

    def page(self, organisation: str, listing: Listing) -> list[Session]:
        rows = self._database.execute(
            _SELECT
            + """AND status = 'active'
            AND (:user_id IS NULL OR user_id = :user_id)
            AND (:session_group IS NULL OR session_group = :session_group)
            AND (:model IS NULL OR model = :model)
            ORDER BY created_at DESC, number DESC LIMIT :limit OFFSET :offset""",
            {"organisation": organisation, "now": _text(self._now()), **vars(listing)},
        )
        return [_session(row) for row in rows]

    def create(self, organisation: str, creation: Creation) -> Session:
        now, session_id = self._now(), str(uuid.uuid4())
        with self._transaction():
            self._database.execute("DELETE FROM sessions WHERE expires_at <= ?", [_text(now)])
            number = self._database.execute(
                "INSERT INTO sessions (id, organisation, user_id, session_group, model, metadata, status, total_tokens,"
                " created_at, updated_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, 'active', 0, ?, ?, ?)",
                [
                    session_id,
                    organisation,
                    creation.user_id,
                    creation.session_group,
                    *_model_and_metadata(creation.metadata),
                    _text(now),
                    _text(now),
                    _text(now + timedelta(minutes=creation.expiration_minutes)),
                ],
            ).lastrowid
            self._append(number, creation.messages)
            return self._find(organisation, session_id, now)

    def get(self, organisation: str, session_id: str) -> tuple[Session, list[dict[str, str]]]:
        with self._transaction():
            session = self._find(organisation, session_id, self._now())
            rows = self._database.execute(
                "SELECT role, content FROM messages WHERE session = ? ORDER BY number", [session["number"]]
            )
            return session, [dict(row) for row in rows]

    def find(self, organisation: str, session_id: str) -> None:
        """Refuse a session that is not there."""
        self._find(organisation, session_id, self._now())

    def update(self, organisation: str, session_id: str, update: Update) -> Session:
        now = self._now()
        with self._transaction():
            session = self._find(organisation, session_id, now)
            total_tokens = session["total_tokens"] + update.tokens
            if total_tokens > LARGEST_INTEGER:
                raise Refusal(400, f"tokensUsed would take the total past {LARGEST_INTEGER}.")
            self._append(session["number"], update.messages)
            metadata = session["metadata"] if update.metadata is None else update.metadata
            status = update.status or session["status"]
            self._database.execute(
                "UPDATE sessions SET model = ?, metadata = ?, status = ?, total_tokens = ?, updated_at = ?"
                " WHERE number = ?",
                [*_model_and_metadata(metadata), status, total_tokens, _text(now), session["number"]],
            )
            return self._find(organisation, session_id, now)

    def extend(self, organisation: str, session_id: str, minutes: int) -> tuple[Session, bool]:
        """Move the expiry; the second result tells whether it ended at the limit instead."""
        now = self._now()
        with self._transaction():
            session = self._find(organisation, session_id, now)
            wanted = datetime.fromisoformat(session["expires_at"].replace("Z", "+00:00")) + timedelta(minutes=minutes)
            limit = now + _LONGEST_AHEAD
            self._database.execute(
                "UPDATE sessions SET expires_at = ? WHERE number = ?", [_text(min(wanted, limit)), session["number"]]
            )
            return self._find(organisation, session_id, now), wanted > limit

    def delete(self, organisation: str, session_id: str) -> None:
        with self._transaction():
            session = self._find(organisation, session_id, self._now())
            self._database.execute("DELETE FROM sessions WHERE number = ?", [session["number"]])

    def _now(self) -> datetime:
        now = self._clock()
        if now.utcoffset() is None:
            raise ValueError("clock must return an aware datetime")
        return now

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        with self._database:
            # Takes the write lock at once: what is read inside cannot change before it is written.
            self._database.execute("BEGIN IMMEDIATE")
            yield

    def _find(self, organisation: str, session_id: str, now: datetime) -> Session:
        parameters = {"organisation": organisation, "now": _text(now), "id": session_id}
        row = self._database.execute(_SELECT + "AND id = :id", parameters).fetchone()
        if row is None:
            raise Refusal(404, "There is no such session, or it has expired.")
        return _session(row)

    def _append(self, number: int | None, messages: list[dict[str, str]]) -> None:
        self._database.executemany(
            "INSERT INTO messages (session, role, content) VALUES (:session, :role, :content)",
            [{"session": number, **message} for message in messages],
        )


def _open(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != _APPLICATION_ID:
            raise sqlite3.DatabaseError("it is the database of another program")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    database.row_factory = sqlite3.Row
    return database


def _session(row: sqlite3.Row) -> Session:
    session: Session = dict(row)
    session["metadata"] = json.loads(session["metadata"])
    session["title"] = _title(session["metadata"], session.pop("first_user_message"))
    return session


def _title(metadata: dict[str, Any], first_user_message: str | None) -> str | None:
    title = metadata.get("title")
    if isinstance(title, str):
        return title
    title = " ".join((first_user_message or "").split())
    if len(title) > _LONGEST_TITLE:
        title = f"{title[: _LONGEST_TITLE - 1]}…"
    return title or None


def _model_and_metadata(metadata: dict[str, Any]) -> tuple[str | None, str]:
    model = metadata.get("model")
    return model if isinstance(model, str) else None, json.dumps(metadata, ensure_ascii=False)


def _text(moment: datetime) -> str:
    """RFC 3339 in UTC at a fixed width, so that the order of the texts is the order of the moments."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
