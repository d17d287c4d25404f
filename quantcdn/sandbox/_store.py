"""The sessions and their messages in SQLite. A method changes all that it should or nothing; the next commit keeps it.

A store is used by one thread at a time, but for its commits: another thread may wait for the disk while what was
committed before is read. Several stores, in several processes, may share a file.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from quantcdn.sandbox import _database
from quantcdn.sandbox._seed import Seeded
from quantcdn.sandbox._validation import LARGEST_INTEGER, Creation, Listing, Refusal, Update

_LONGEST_AHEAD = timedelta(hours=24)
_LONGEST_TITLE = 60
_REMOVED_AT_ONCE = 10
"""How many expired sessions a new one takes away: more than one, so that they do not pile up, and few, to be quick."""
_SUMMARY = "id, coalesce(title, nullif(opening, '')) AS title, model, created_at, updated_at"
_ALL = f"{_SUMMARY}, number, expires_at, status, user_id, session_group, metadata, total_messages, total_tokens"
_SEARCHED = ("id", "organisation", "title", "opening", "user_id", "session_group", "model", "metadata")
_THERE = "organisation = :organisation AND expires_at > :now"

Session = dict[str, Any]
"""What _SUMMARY or _ALL names."""


class Store:
    def __init__(self, database: str | os.PathLike[str] | None, clock: Callable[[], datetime]) -> None:
        self.now = clock
        self._database = _database.opened(database, _title, _opening)
        self._reading = self._database if database is None else _database.reader(database)
        self._writes = threading.Lock()
        self._lost = False

    def close(self) -> None:
        self._database.commit()
        self._database.close()
        self._reading.close()

    @property
    def waits_for_the_disk(self) -> bool:
        """Whether a commit takes long, and reads need not wait for it."""
        return self._reading is not self._database

    @property
    def changed(self) -> bool:
        """Whether there is something to commit."""
        return self._lost or self._database.in_transaction

    def commit(self) -> None:
        """Keep all changes since the last commit; where it raises, none of them is kept."""
        with self._writes:
            lost, self._lost = self._lost, False
            try:
                if lost:
                    raise OSError("SQLite took back what was to be committed")
                self._database.commit()
            except BaseException:
                self._database.rollback()
                raise

    def page(self, organisation: str, listing: Listing) -> list[Session]:
        filters = {
            name: value
            for name, value in listing._asdict().items()
            if name in ("user_id", "session_group", "model") and value is not None
        }
        return self._reading.execute(
            f"SELECT {_SUMMARY} FROM sessions WHERE {_THERE} AND status = 'active'"
            + "".join(f" AND {name} = :{name}" for name in filters)
            + " ORDER BY created_at DESC, number DESC LIMIT :limit OFFSET :offset",
            {"organisation": organisation, "now": _text(self.now()), **listing._asdict()},
        ).fetchall()

    def create(self, organisation: str, creation: Creation) -> Session:
        now, session_id = self.now(), str(uuid.uuid4())
        with self._transaction():
            self._database.execute(
                "DELETE FROM sessions WHERE number IN (SELECT number FROM sessions WHERE expires_at <= ? LIMIT ?)",
                [_text(now), _REMOVED_AT_ONCE],
            )
            expires_at = now + timedelta(minutes=creation.expiration_minutes)
            self._insert(
                organisation,
                Seeded(
                    session_id,
                    creation.user_id,
                    creation.session_group,
                    creation.metadata,
                    "active",
                    0,
                    now,
                    now,
                    expires_at,
                    creation.messages,
                ),
            )
            return self._find(self._database, organisation, session_id, now)

    def get(self, organisation: str, session_id: str) -> tuple[Session, list[dict[str, str]]]:
        with self._snapshot():
            session = self._find(self._reading, organisation, session_id, self.now())
            messages = self._reading.execute(
                "SELECT role, content FROM messages WHERE session = ? ORDER BY number", [session["number"]]
            ).fetchall()
            return {**session, "metadata": json.loads(session["metadata"])}, messages

    def find(self, organisation: str, session_id: str) -> None:
        """Refuse a session that is not there."""
        self._find(self._reading, organisation, session_id, self.now(), "number")

    def update(self, organisation: str, session_id: str, update: Update) -> Session:
        now = self.now()
        with self._transaction():
            session = self._find(self._database, organisation, session_id, now, "number, status, total_tokens")
            total_tokens = session["total_tokens"] + update.tokens
            if total_tokens > LARGEST_INTEGER:
                raise Refusal(400, f"tokensUsed would take the total past {LARGEST_INTEGER}.")
            self._append(session["number"], update.messages)
            if update.metadata is not None:
                self._database.execute(
                    "UPDATE sessions SET model = ?, title = ?, metadata = ? WHERE number = ?",
                    [*_kept(update.metadata), session["number"]],
                )
            self._database.execute(
                "UPDATE sessions SET status = ?, total_tokens = ?, updated_at = ? WHERE number = ?",
                [update.status or session["status"], total_tokens, _text(now), session["number"]],
            )
            return self._find(self._database, organisation, session_id, now)

    def extend(self, organisation: str, session_id: str, minutes: int) -> tuple[Session, bool]:
        """Move the expiry; the second result tells whether it ended at the limit instead."""
        now = self.now()
        with self._transaction():
            session = self._find(self._database, organisation, session_id, now)
            wanted = datetime.fromisoformat(session["expires_at"].replace("Z", "+00:00")) + timedelta(minutes=minutes)
            limit = now + _LONGEST_AHEAD
            self._database.execute(
                "UPDATE sessions SET expires_at = ? WHERE number = ?", [_text(min(wanted, limit)), session["number"]]
            )
            return self._find(self._database, organisation, session_id, now), wanted > limit

    def delete(self, organisation: str, session_id: str) -> None:
        with self._transaction():
            session = self._find(self._database, organisation, session_id, self.now())
            self._database.execute("DELETE FROM sessions WHERE number = ?", [session["number"]])

    def add(self, organisation: str, sessions: Iterable[Seeded]) -> None:
        """Add sessions that were made elsewhere.

        Raises:
            ValueError: there is one with the id of one of them.
        """
        with self._transaction():
            for session in sessions:
                try:
                    self._insert(organisation, session)
                except sqlite3.IntegrityError:
                    raise ValueError(f"there is a session with the id {session.id} already") from None

    def clear(self) -> None:
        """Forget all sessions."""
        with self._transaction():
            self._database.execute("DELETE FROM sessions")

    @property
    def version(self) -> str:
        """Another one whenever something has changed, be it by another process."""
        elsewhere = _database.found(self._reading, "PRAGMA data_version")
        return f"{self._reading.total_changes}.{elsewhere['data_version']}"

    def organisations(self) -> dict[str, int]:
        """The organisations that have sessions, each with how many, also those that have expired."""
        rows = self._reading.execute("SELECT organisation, count(*) AS many FROM sessions GROUP BY organisation")
        return {row["organisation"]: row["many"] for row in rows}

    def overview(
        self,
        id: str | None = None,
        organisation: str | None = None,
        search: str = "",
        limit: int = -1,
        messages: int = 0,
    ) -> list[Session]:
        """The sessions of all organisations, also those that have expired, the newest first.

        Args:
            id: that of the one to find; any when left out.
            organisation: that of the sessions; any when left out.
            search: what one of their texts must hold, the metadata among them and the messages not, in whatever case.
            limit: how many; -1 for all.
            messages: how many messages of each to add, the last ones.
        """
        texts = " || char(10) || ".join(f"coalesce({name}, '')" for name in _SEARCHED)
        sessions = self._reading.execute(
            f"SELECT organisation, {_ALL} FROM sessions"
            " WHERE id = coalesce(:id, id) AND organisation = coalesce(:organisation, organisation)"
            f" AND (:search = '' OR instr(lower({texts}), lower(:search)))"
            " ORDER BY created_at DESC, number DESC LIMIT :limit",
            {"id": id, "organisation": organisation, "search": search, "limit": limit},
        ).fetchall()
        return [
            {**session, "metadata": json.loads(session["metadata"]), **self._last(session["number"], messages)}
            for session in sessions
        ]

    def _last(self, number: int, messages: int) -> dict[str, list[dict[str, str]]]:
        if not messages:
            return {}
        rows = self._reading.execute(
            "SELECT role, content FROM messages WHERE session = ? ORDER BY number DESC LIMIT ?", [number, messages]
        ).fetchall()
        return {"messages": rows[::-1]}

    @contextmanager
    def _snapshot(self) -> Generator[None, None, None]:
        """Read as of one moment, without a lock that a writer needs."""
        if not self.waits_for_the_disk:  # what is in memory, nobody else changes meanwhile
            yield
            return
        with self._reading:
            self._reading.execute("BEGIN")
            yield

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        """Change all or nothing, within the transaction that the next commit ends."""
        with self._writes:
            if not self._database.in_transaction:
                # Takes the write lock at once: what is read inside cannot change before it is written.
                self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("SAVEPOINT change")
            try:
                yield
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK TO change")
                    self._database.execute("RELEASE change")
                else:  # with a full disk, say, SQLite takes back the changes before as well
                    self._lost = True
                raise
            self._database.execute("RELEASE change")

    def _find(
        self, database: sqlite3.Connection, organisation: str, session_id: str, now: datetime, columns: str = _ALL
    ) -> Session:
        parameters = {"organisation": organisation, "now": _text(now), "id": session_id}
        session: Session | None = _database.found(
            database, f"SELECT {columns} FROM sessions WHERE id = :id AND {_THERE}", parameters
        )
        if session is None:
            raise Refusal(404, "There is no such session, or it has expired.")
        return session

    def _insert(self, organisation: str, session: Seeded) -> None:
        number = self._database.execute(
            "INSERT INTO sessions (id, organisation, user_id, session_group, model, title, metadata, status,"
            " total_messages, total_tokens, created_at, updated_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
            [
                session.id,
                organisation,
                session.user_id,
                session.session_group,
                *_kept(session.metadata),
                session.status,
                session.total_tokens,
                _text(session.created_at),
                _text(session.updated_at),
                _text(session.expires_at),
            ],
        ).lastrowid
        self._append(number, session.messages)

    def _append(self, number: int | None, messages: list[dict[str, str]]) -> None:
        if not messages:
            return
        self._database.executemany(
            "INSERT INTO messages (session, role, content) VALUES (:session, :role, :content)",
            [{"session": number, **message} for message in messages],
        )
        opening = next((message["content"] for message in messages if message["role"] == "user"), None)
        self._database.execute(
            "UPDATE sessions SET total_messages = total_messages + ?, opening = coalesce(opening, ?) WHERE number = ?",
            [len(messages), _opening(opening), number],
        )


def _title(metadata: str | None) -> str | None:
    title = json.loads(metadata or "{}").get("title")
    return title if isinstance(title, str) else None


def _opening(first_user_message: str | None) -> str | None:
    """What serves for a title where none is given: empty where the message is blank, None where there is no message."""
    if first_user_message is None:
        return None
    opening = " ".join(first_user_message.split())
    return opening if len(opening) <= _LONGEST_TITLE else f"{opening[: _LONGEST_TITLE - 1]}…"


def _kept(metadata: dict[str, Any]) -> tuple[str | None, str | None, str]:
    """The model, the title and all of the metadata."""
    model, title = (value if isinstance(value := metadata.get(name), str) else None for name in ("model", "title"))
    return model, title, json.dumps(metadata, ensure_ascii=False)


def _text(moment: datetime) -> str:
    """RFC 3339 in UTC at a fixed width, so that the order of the texts is the order of the moments."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
