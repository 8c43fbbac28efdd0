"""The SQLite index of buckets, objects and unfinished uploads.

Keys compare as UTF-8 bytes in SQLite's BINARY collation, which is S3's listing order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from wildsage.local_runner.processes import disk

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, region TEXT NOT NULL, created_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL COLLATE NOCASE UNIQUE,
    size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, etag TEXT NOT NULL,
    checksums TEXT NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    bucket TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL UNIQUE, begun_ns INTEGER NOT NULL,
    algorithm TEXT, whole INTEGER NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (bucket, key, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL,
    size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, etag TEXT NOT NULL, checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""


class Index:
    """One connection and one lock, since every statement takes microseconds.

    `writing()` also guards the files that change together with their rows.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = disk.Database(path)
        self._connection = self._database.connection
        self._connection.executescript(SCHEMA)
        self._database.keep_room()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple]:
        """All rows of one statement. Callers split long results into pages with LIMIT."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, values: Sequence[Any] = ()) -> tuple | None:
        """The first row of one statement, or None."""
        with self._lock:
            return self._connection.execute(statement, values).fetchone()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, rolled back if the block raises. No other thread reads or writes the index meanwhile."""
        with self._lock, self._database.transaction():
            yield

    def write(self, change: Callable[[], T]) -> T:
        """A change that frees space, as one transaction. It also works on a full disk, and may be called twice for that."""
        with self._lock:
            return self._database.transact(change)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock: no other thread reads or writes the index meanwhile."""
        with self._lock:
            yield

    def close(self) -> None:
        """Close the connection to the database. Any later call raises sqlite3.ProgrammingError."""
        with self._lock:
            self._connection.close()
