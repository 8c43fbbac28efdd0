"""Jobs, models, endpoint configurations, endpoints and tags on disk: named JSON documents in one SQLite file.

What lists filter and sort by stands in indexed columns beside the documents, so that a page reads no more documents than it
shows.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.jobs import properties
from wildsage.local_runner.jobs.properties import ALWAYS, Condition
from wildsage.local_runner.processes import disk

T = TypeVar("T")
Document = dict[str, Any]
Sort = Literal["created", "modified", "name", "status"]
Place = tuple[float | str, str]
"""Where a document stands in a sorted list: what is sorted by, and the name."""

TAGS = "tags"
"""Kind of the documents that hold the tags of a resource, by its ARN."""
STATUS_FIELDS = ("JobStatus", "EndpointStatus")
"""Ends of AWS's fields of the status of a job or an endpoint, such as `TrainingJobStatus`."""
REFERENCES = (
    "ExperimentName",
    "Trials",
    "TuningJobArn",
    "SourceArn",
    "SourceUri",
    "SourceType",
    "DestinationArn",
    "DestinationType",
    "AssociationType",
    "ArtifactArn",
    "ArtifactType",
    "ActionArn",
    "ActionType",
    "ContextArn",
    "ContextType",
)
"""Fields of a document, or of its `Source`, that name other resources or a type: documents are found by their values."""
LAYOUT = 3
"""Number of the tables below in the file; one that was written before documents had columns has 0, before they
had properties 2."""
# SageMaker keeps upper and lower case in a name but does not distinguish names by it: their ARNs are equal.
SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, kind TEXT, name TEXT, created REAL NOT NULL, modified REAL NOT NULL, status TEXT NOT NULL,
    document TEXT, UNIQUE (kind, name)
);
CREATE UNIQUE INDEX IF NOT EXISTS one_of_a_name ON documents (kind, name COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS by_creation ON documents (kind, created, name, modified, status);
CREATE INDEX IF NOT EXISTS by_modification ON documents (kind, modified, name, created, status);
CREATE INDEX IF NOT EXISTS by_name ON documents (kind, name, created, modified, status);
CREATE INDEX IF NOT EXISTS by_status ON documents (kind, status, name, created, modified);
CREATE TABLE IF NOT EXISTS document_references (
    kind TEXT, field TEXT, value TEXT, name TEXT, PRIMARY KEY (kind, field, value, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS references_of ON document_references (kind, name);
"""
    + properties.SCHEMA
)
INSERT = "INSERT INTO documents (kind, name, created, modified, status, document) VALUES (?, ?, ?, ?, ?, ?)"
REPLACE = """ ON CONFLICT (kind, name) DO UPDATE SET
created = excluded.created, modified = excluded.modified, status = excluded.status, document = excluded.document"""
REFERRING = """
SELECT name FROM document_references WHERE kind = ? AND field = ? AND value IN (SELECT value FROM json_each(?))
"""


class NameTaken(Exception):
    """A document of that kind has the same name, upper and lower case aside."""


class NotFound(Exception):
    """No document of that kind and name."""


@dataclass(frozen=True, kw_only=True)
class ListQuery:
    """The documents of a kind that a page of a list shows.

    Bounds of times are seconds since 1970 and exclusive. `names` are the names that may occur. `references` gives for fields of
    `REFERENCES` the values of which a document must have one. `passing` is a condition on properties. `after` is the place of the
    last document of the page before; `limit` counts documents, -1 for all.
    """

    sort: Sort = "created"
    descending: bool = False
    name_contains: str = ""
    status: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    names: Sequence[str] | None = None
    references: Mapping[str, Sequence[str]] = field(default_factory=dict)
    passing: Condition = ALWAYS
    after: Place | None = None
    limit: int = -1

    def statement(self, kind: str) -> tuple[str, list[Any]]:
        """The SQL statement that finds the ids and the names of the documents, and its values."""
        where, values = self.condition(kind)
        way, follows = ("DESC", "<") if self.descending else ("ASC", ">")
        if self.after:
            where += f" AND ({self.sort}, name) {follows} (?, ?)"
            values += self.after
        # The plus keeps SQLite from walking all documents in this order where few of them have the wanted names.
        plus = "+" if self.references or self.names is not None or self.passing != ALWAYS else ""
        order = f"{plus}{self.sort} {way}, name {way}"
        statement = f"SELECT id, {self.sort}, name FROM documents WHERE {where} ORDER BY {order} LIMIT ?"
        return statement, [*values, self.limit]

    def condition(self, kind: str) -> tuple[str, list[Any]]:
        """The SQL condition that all documents of the list meet, on whatever page they are, and its values."""
        terms = [("kind = ?", kind), *(term for term in self._terms() if term[1] is not None)]
        where = " AND ".join(sql for sql, _ in terms)
        values = [value for _, value in terms]
        for name, wanted in self.references.items():
            where += f" AND name IN ({REFERRING})"
            values += [kind, name, json.dumps(wanted)]
        return f"{where} AND ({self.passing.sql})", [*values, *self.passing.values]

    def _terms(self) -> Iterator[tuple[str, Any]]:
        yield "instr(lower(name), ?)", self.name_contains.lower() or None
        yield "status = ?", self.status
        yield "created > ?", self.created_after
        yield "created < ?", self.created_before
        yield "modified > ?", self.modified_after
        yield "modified < ?", self.modified_before
        yield "name IN (SELECT value FROM json_each(?))", None if self.names is None else json.dumps(self.names)


class Store:
    """Documents by kind and name. Thread-safe; other processes may read them at the same time.

    A change outlives the process, even if the process is killed. A power cut may lose the last seconds, as with the
    objects of S3, because no change waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        """Raises UserError for a file of a later version, whose tables are left as they are."""
        self._lock = threading.RLock()
        self.folder = path.parent
        self._file = disk.Database(path)
        self._database = self._file.connection
        self._database.create_function("contains", 2, properties.contains, deterministic=True)
        if (layout := self._layout()) > LAYOUT:
            self.close()
            raise UserError(
                f"{path} was written by a later version of Wildsage: its tables have number {layout}, this version knows "
                f"those up to {LAYOUT}. Upgrade Wildsage, or use another data folder."
            )
        if self._layout() != LAYOUT:  # a reader of another process writes nothing
            self._transact(self._lay_out)

    def insert(self, kind: str, name: str, document: Document) -> None:
        """Store a new document. Raises NameTaken if the kind has one of that name."""
        try:
            self._transact(lambda: self._write(kind, name, document))
        except sqlite3.IntegrityError:
            raise NameTaken(f"{kind} {name} exists") from None

    def put(self, kind: str, name: str, document: Document) -> None:
        """Store a document in place of any that has its name, upper and lower case aside."""

        def write() -> None:
            same = "kind = ? AND name = ? COLLATE NOCASE"
            for (before,) in self._database.execute(
                f"SELECT name FROM documents WHERE {same}", (kind, name)
            ).fetchall():
                self._delete(kind, before)
            self._write(kind, name, document)

        self._transact(write)

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
        return list(self.named(kind).values())

    def named(self, kind: str) -> dict[str, Document]:
        """Every document of a kind with its name, sorted by name."""
        with self._lock:
            rows = self._database.execute("SELECT name, document FROM documents WHERE kind = ? ORDER BY name", (kind,))
            return {name: json.loads(text) for name, text in rows}

    def select(self, kind: str, selection: ListQuery) -> list[Document]:
        """The documents that a selection describes, in its order."""
        with self._lock:
            return self._read(self._rows(kind, selection))

    def page(self, kind: str, selection: ListQuery) -> tuple[list[Document], Place | None]:
        """As `select`, with the place of the last document if more follow beyond the limit."""
        with self._lock:
            rows = self._rows(kind, replace(selection, limit=selection.limit + 1))
            shown = rows[: selection.limit]
            return self._read(shown), shown[-1][1:] if len(rows) > len(shown) else None

    def counted_page(self, kind: str, selection: ListQuery) -> tuple[list[Document], Place | None, int]:
        """As `page`, with how many documents there are on all pages. Its condition is checked once for both."""
        where, values = selection.condition(kind)
        way, follows = ("DESC", "<") if selection.descending else ("ASC", ">")
        chosen = f"SELECT id, {selection.sort} AS place, name FROM documents WHERE {where}"
        after = f"WHERE (place, name) {follows} (?, ?)" if selection.after else ""
        statement = (
            f"WITH chosen AS MATERIALIZED ({chosen}) SELECT *, (SELECT count(*) FROM chosen) FROM chosen {after} "
        )
        statement += f"ORDER BY place {way}, name {way} LIMIT ?"
        with self._lock:
            given = (*values, *(selection.after or ()), selection.limit + 1)
            rows = self._database.execute(statement, given).fetchall()
            shown = rows[: selection.limit]
            count = rows[0][3] if rows else self.count(kind, selection)
            return self._read(shown), shown[-1][1:3] if len(rows) > len(shown) else None, count

    def count(self, kind: str, selection: ListQuery) -> int:
        """How many documents a selection describes on all pages. No document is read."""
        where, values = selection.condition(kind)
        with self._lock:
            return self._database.execute(f"SELECT count(*) FROM documents WHERE {where}", values).fetchone()[0]

    def names(self, kind: str, selection: ListQuery) -> list[str]:
        """The names of the documents that a selection describes, in its order. No document is read."""
        with self._lock:
            return [name for _, _, name in self._rows(kind, selection)]

    def sorted_by(self, kind: str, selection: ListQuery, values: Condition, begin: int) -> list[Document]:
        """The documents of a selection from the place `begin`, by the first values of a property: see `first_values`.

        Those without a value come last. Within a value, the order is that of the selection.
        """
        where, given = selection.condition(kind)
        way = "DESC" if selection.descending else "ASC"
        chosen = f"SELECT id, {selection.sort} AS place, name FROM documents WHERE {where}"
        statement = f"WITH valued AS MATERIALIZED ({values.sql}), chosen AS ({chosen}) "
        statement += "SELECT chosen.* FROM chosen LEFT JOIN valued ON valued.id = chosen.id "
        statement += f"ORDER BY valued.id IS NULL, valued.value {way}, place {way}, chosen.name {way} LIMIT ? OFFSET ?"
        with self._lock:
            rows = self._database.execute(statement, (*values.values, *given, selection.limit, begin))
            return self._read(rows.fetchall())

    def has_structures(self, kind: str, path: str) -> bool:
        """Whether a document has an object with names of its own at a path."""
        condition = properties.has(kind, path, Condition("value = ?", (properties.STRUCTURE,)))
        statement = f"SELECT EXISTS (SELECT 1 FROM documents WHERE kind = ? AND {condition.sql})"
        with self._lock:
            return bool(self._database.execute(statement, (kind, *condition.values)).fetchone()[0])

    def statuses(self, kind: str) -> Counter[str]:
        """How many documents of a kind have each status. No document is read."""
        statement = "SELECT status, count(*) FROM documents WHERE kind = ? GROUP BY status"
        with self._lock:
            return Counter(dict(self._database.execute(statement, (kind,)).fetchall()))

    def referring(self, kind: str, field: str, value: str) -> list[Document]:
        """The documents of a kind that have a value of one of `REFERENCES`, in the order of their creation."""
        return self.select(kind, ListQuery(references={field: [value]}))

    def version(self) -> int:
        """A number that changes with each change that another process makes."""
        with self._lock:
            return self._database.execute("PRAGMA data_version").fetchone()[0]

    def change(self, kind: str, name: str, edit: Callable[[Document], object]) -> Document:
        """Let `edit` change the document in place, as one step. Raises NotFound."""
        with self._lock:
            document = self.get(kind, name)
            edit(document)
            self._transact(lambda: self._write(kind, name, document, replaces=True))
        return document

    def update(self, kind: str, name: str, **fields: Any) -> Document:
        """Set top-level fields. Raises NotFound."""
        return self.change(kind, name, lambda document: document.update(fields))

    def delete(self, kind: str, name: str) -> None:
        """Remove a document. Raises NotFound."""

        if not self._transact(lambda: self._delete(kind, name)):
            raise NotFound(f"{kind} {name} does not exist")

    def close(self) -> None:
        """Close the database. Any later call raises sqlite3.ProgrammingError."""
        with self._lock:
            self._database.close()

    def _transact(self, change: Callable[[], T]) -> T:
        """Make a change as one transaction. What it changes of the state of a job must not be lost on a full disk."""
        with self._lock:
            return self._file.transact(change)

    def _write(self, kind: str, name: str, document: Document, replaces: bool = False) -> None:
        """Write a document with its columns, references and properties, in place of one of that name if it may replace one."""
        before = self._properties(kind, name) if replaces else set()
        columns = _columns(name, document)
        row = (kind, name, columns["created"], columns["modified"], columns["status"], json.dumps(document))
        self._database.execute(INSERT + REPLACE * replaces, row)
        self._database.execute("DELETE FROM document_references WHERE kind = ? AND name = ?", (kind, name))
        self._database.executemany(
            "INSERT OR IGNORE INTO document_references (kind, name, field, value) VALUES (?, ?, ?, ?)",
            [(kind, name, field, value) for field, value in _references(document)],
        )
        self._change_properties(kind, name, before, properties.rows(document))

    def _delete(self, kind: str, name: str) -> int:
        """How many documents were deleted, with their columns, references and properties: one or none."""
        self._change_properties(kind, name, self._properties(kind, name), set())
        self._database.execute("DELETE FROM document_references WHERE kind = ? AND name = ?", (kind, name))
        return self._database.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name)).rowcount

    def _properties(self, kind: str, name: str) -> set[properties.Row]:
        """The properties of the document that is stored."""
        try:
            return properties.rows(self.get(kind, name))
        except NotFound:
            return set()

    def _change_properties(self, kind: str, name: str, before: set[properties.Row], now: set[properties.Row]) -> None:
        """Write only the difference: most changes of a job concern few of its properties."""
        found = self._database.execute("SELECT id FROM documents WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        of_value = f"property = {properties.ID} AND value = ? AND document = ? AND position = ?"
        self._database.executemany(
            f"DELETE FROM document_properties WHERE {of_value}",
            [(kind, path, value, *found, position) for path, value, position, _ in before - now],
        )
        added = now - before
        self._database.executemany(
            "INSERT OR IGNORE INTO properties (kind, path) VALUES (?, ?)", [(kind, path) for path, *_ in added]
        )
        self._database.executemany(
            f"INSERT INTO document_properties (property, value, document, position, text) VALUES ({properties.ID}, ?, ?, ?, ?)",
            [(kind, path, value, *found, position, text) for path, value, position, text in added],
        )

    def _rows(self, kind: str, selection: ListQuery) -> list[tuple[int, float | str, str]]:
        """Ids and places, read from an index: sorting does not carry the documents along."""
        return self._database.execute(*selection.statement(kind)).fetchall()

    def _read(self, rows: Sequence[tuple[int, float | str, str]]) -> list[Document]:
        one = "SELECT document FROM documents WHERE id = ?"
        return [json.loads(self._database.execute(one, row[:1]).fetchone()[0]) for row in rows]

    def _layout(self) -> int:
        return self._database.execute("PRAGMA user_version").fetchone()[0]

    def _lay_out(self) -> None:
        """Create the tables, and move the documents of an earlier layout into them."""
        if self._layout() == LAYOUT:  # another process was faster
            return
        for table in ("document_properties", "properties"):  # an earlier version has not kept them up to date
            self._database.execute(f"DROP TABLE IF EXISTS {table}")
        earlier = []
        if self._database.execute("PRAGMA table_info(documents)").fetchall():
            earlier = self._database.execute("SELECT kind, name, document FROM documents").fetchall()
            self._database.execute("DROP TABLE documents")
        for statement in SCHEMA.split(";"):
            self._database.execute(statement)
        for kind, name, text in earlier:
            self._write(kind, name, json.loads(text))
        self._database.execute(f"PRAGMA user_version = {LAYOUT}")


def _columns(name: str, document: Document) -> dict[str, Any]:
    created = document.get("CreationTime", 0.0)
    status = next((value for key, value in document.items() if key.endswith(STATUS_FIELDS)), "")
    return {"name": name, "created": created, "modified": document.get("LastModifiedTime") or created, "status": status}


def _references(document: Document) -> Iterator[tuple[str, str]]:
    source = document.get("Source")
    for place in (document, source if isinstance(source, dict) else {}):
        for name in REFERENCES:
            value = place.get(name)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    yield name, one
