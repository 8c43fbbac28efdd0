"""Jobs, models, endpoint configurations, endpoints and tags on disk: named JSON documents in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]

TAGS = "tags"
"""Kind of the documents that hold the tags of a resource, by its ARN."""


class NameTaken(Exception):
    """A document of that kind has the same name, upper and lower case aside."""


class NotFound(Exception):
    """No document of that kind and name."""


class Store:
    """Documents by kind and name. Thread-safe; other processes may read them at the same time.

    A change outlives the process, even if the process is killed. A power cut may lose the last seconds, as with the
    objects of S3, because no change waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, name TEXT, document TEXT, PRIMARY KEY (kind, name))"
        )
        # SageMaker keeps upper and lower case in a name but does not distinguish names by it: their ARNs are equal.
        self._database.execute(
            "CREATE UNIQUE INDEX IF NOT EXISTS one_of_a_name ON documents (kind, name COLLATE NOCASE)"
        )

    def insert(self, kind: str, name: str, document: Document) -> None:
        """Store a new document. Raises NameTaken if the kind has one of that name."""
        try:
            with self._lock:
                self._database.execute("INSERT INTO documents VALUES (?, ?, ?)", (kind, name, json.dumps(document)))
        except sqlite3.IntegrityError:
            raise NameTaken(f"{kind} {name} exists") from None

    def put(self, kind: str, name: str, document: Document) -> None:
        """Store a document in place of any that has its name, upper and lower case aside."""
        with self._lock:
            self._database.execute("REPLACE INTO documents VALUES (?, ?, ?)", (kind, name, json.dumps(document)))

    def get(self, kind: str, name: str) -> Document:
        """A copy of the document of that name. Raises NotFound."""
        with self._lock:
            row = self._database.execute(
                "SELECT document FROM documents WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        if row is None:
            raise NotFound(f"{kind} {name} does not exist")
        return json.loads(row[0])

    def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by name."""
        with self._lock:
            rows = self._database.execute("SELECT document FROM documents WHERE kind = ? ORDER BY name", (kind,))
            return [json.loads(text) for (text,) in rows]

    def version(self) -> int:
        """A number that changes with each change that another process makes."""
        with self._lock:
            return self._database.execute("PRAGMA data_version").fetchone()[0]

    def change(self, kind: str, name: str, edit: Callable[[Document], object]) -> Document:
        """Let `edit` change the document in place, as one step. Raises NotFound."""
        with self._lock:
            document = self.get(kind, name)
            edit(document)
            self._database.execute(
                "UPDATE documents SET document = ? WHERE kind = ? AND name = ?", (json.dumps(document), kind, name)
            )
        return document

    def update(self, kind: str, name: str, **fields: Any) -> Document:
        """Set top-level fields. Raises NotFound."""
        return self.change(kind, name, lambda document: document.update(fields))

    def delete(self, kind: str, name: str) -> None:
        """Remove a document. Raises NotFound."""
        with self._lock:
            deleted = self._database.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))
        if not deleted.rowcount:
            raise NotFound(f"{kind} {name} does not exist")

    def close(self) -> None:
        """Close the database. Any later call raises sqlite3.ProgrammingError."""
        with self._lock:
            self._database.close()
