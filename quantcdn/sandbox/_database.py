"""The file, or the memory, that the sessions are kept in: its tables and indexes, and the way from those of before."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

Titling = Callable[[str | None], str | None]

_APPLICATION_ID = 0x51434149
_VERSION = 1
_SCHEMA = (
    # What a list shows and counts stands in the row, so that its cost follows what is listed and not its messages. The
    # metadata come last: they may be long, and SQLite reads a row from its front.
    """CREATE TABLE IF NOT EXISTS sessions (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        organisation TEXT NOT NULL,
        user_id TEXT NOT NULL,
        session_group TEXT,
        model TEXT,
        title TEXT,
        opening TEXT,
        status TEXT NOT NULL,
        total_messages INTEGER NOT NULL,
        total_tokens INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        metadata TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS messages (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
        role TEXT NOT NULL,
        content TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS messages_by_session ON messages (session)",
    "CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires_at)",
    # All that a list is filtered by: rows that are not on the page are not read.
    """CREATE INDEX IF NOT EXISTS sessions_to_list ON sessions
        (organisation, status, created_at, number, expires_at, user_id, session_group, model)""",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_VERSION}",
)
_FROM_VERSION_0 = (
    "ALTER TABLE sessions ADD COLUMN title TEXT",
    "ALTER TABLE sessions ADD COLUMN opening TEXT",
    "ALTER TABLE sessions ADD COLUMN total_messages INTEGER NOT NULL DEFAULT 0",
    """UPDATE sessions SET
        title = title_of(metadata),
        opening = opening_of((SELECT content FROM messages
            WHERE session = sessions.number AND role = 'user' ORDER BY messages.number LIMIT 1)),
        total_messages = (SELECT count(*) FROM messages WHERE session = sessions.number)""",
)


def opened(path: str | os.PathLike[str] | None, title_of: Titling, opening_of: Titling) -> sqlite3.Connection:
    """A connection to the file, which is made where there is none, or to memory.

    Raises:
        ValueError: The path names no file.
        OSError: It cannot be used.
    """
    name = ":memory:" if path is None else os.fspath(path)
    if path is not None and name in ("", ":memory:"):
        raise ValueError(f"the database must be a file, not {name!r}: leave it out to keep the sessions in memory")
    try:
        if path is not None:
            # SQLite would make it readable for everybody, and makes its journals as the file is.
            os.close(os.open(name, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(name, check_same_thread=False)
        try:
            database.create_function("title_of", 1, title_of, deterministic=True)
            database.create_function("opening_of", 1, opening_of, deterministic=True)
            _prepare(database)
        except BaseException:
            database.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise OSError(f"cannot use {name} as the database: {error}") from error
    database.row_factory = _as_dict
    return database


def reader(path: str | os.PathLike[str]) -> sqlite3.Connection:
    """A further connection to a file that is opened: it reads what is committed, and waits for no writer."""
    database = sqlite3.connect(os.fspath(path), check_same_thread=False)
    database.row_factory = _as_dict
    return database


def found(database: sqlite3.Connection, statement: str, parameters: Mapping[str, object] | None = None) -> Any:
    """The one row that a statement has, or None.

    It is read to its end: a statement that is left before, and not freed at once, as in PyPy, holds up the next commit.
    """
    rows = database.execute(statement, parameters or {}).fetchall()
    return rows[0] if rows else None


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row by the names of its columns. A dict of a `sqlite3.Row` takes twice as long: it looks for each name."""
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _prepare(database: sqlite3.Connection) -> None:
    if _version(database) < _VERSION:
        with database:
            database.execute("BEGIN IMMEDIATE")
            if _version(database) == 0:  # and not -1, for none: nor has another process been quicker
                for statement in _FROM_VERSION_0:
                    database.execute(statement)
            for statement in _SCHEMA:
                database.execute(statement)
    # With a log, a write waits for the disk once, and readers wait for no writer.
    found(database, "PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")


def _version(database: sqlite3.Connection) -> int:
    """The version of the tables; -1 where there are none."""
    if found(database, "SELECT count(*) FROM sqlite_master") == (0,):
        return -1
    if found(database, "PRAGMA application_id") != (_APPLICATION_ID,):
        raise sqlite3.DatabaseError("it is the database of another program")
    (version,) = found(database, "PRAGMA user_version")
    if version > _VERSION:
        raise sqlite3.DatabaseError("a later version of the sandbox has written it")
    return int(version)
