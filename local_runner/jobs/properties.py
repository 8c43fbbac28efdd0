"""Properties of documents, such as `HyperParameters.k`, in a table that conditions of Search are checked in.

A property is the path of names to a value; a list has the values of its members. Values that are numbers or times are kept as
numbers, so that SQLite compares them as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS properties (id INTEGER PRIMARY KEY, kind TEXT, path TEXT, UNIQUE (kind, path));
CREATE TABLE IF NOT EXISTS document_properties (
    property INTEGER, value, document INTEGER, position INTEGER, text TEXT,
    PRIMARY KEY (property, value, document, position)
) WITHOUT ROWID;
"""
"""`document` is the `id` of a row of `documents`, `text` what a value that is kept as a number was written as, and `position` where
a value stands among those of its property."""
STRUCTURE = b""
"""Kept in place of an object with names of its own."""
ID = "(SELECT id FROM properties WHERE kind = ? AND path = ?)"
_SELECT = f"SELECT document FROM document_properties WHERE property = {ID}"
TEXT = "coalesce(text, value)"

Document = Mapping[str, Any]
Value = float | str | bytes
Row = tuple[str, Value, int, str | None]
"""Path, value, position and text of a property."""


@dataclass(frozen=True)
class Condition:
    """A condition in SQL on a row of `documents` or of a property, with the values of its question marks."""

    sql: str
    values: tuple[Any, ...] = ()

    def __invert__(self) -> Condition:
        return Condition(f"NOT ({self.sql})", self.values)


ALWAYS = Condition("1")


def joined(conditions: Sequence[Condition], operator: str) -> Condition:
    """Conditions joined by AND or OR; `ALWAYS` for none."""
    if not conditions:
        return ALWAYS
    sql = f" {operator} ".join(f"({one.sql})" for one in conditions)
    return Condition(sql, tuple(value for one in conditions for value in one.values))


def as_number(value: Any) -> float | None:
    """A number, or a time as seconds since 1970; None for other values, also for Python's `1_0`."""
    if isinstance(value, str) and "_" in value:
        return None
    for reading in (float, lambda text: datetime.fromisoformat(text).timestamp()):
        try:
            number = reading(str(value))
        except (TypeError, ValueError, OverflowError, OSError):
            continue
        return number if number == number else None  # SQLite has no NaN
    return None


def as_text(value: Any) -> str:
    """A value as text: `true` and `false` for truth values. Halves of surrogate pairs, which SQLite rejects, are written out."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def rows(document: Document) -> set[Row]:
    """All properties of a document."""
    counts: dict[str, int] = {}
    found: set[Row] = set()
    for name, value in _leaves(document):
        path = as_text(name)
        counts[path] = counts.get(path, -1) + 1
        number = None if isinstance(value, bool) else as_number(value)
        if isinstance(value, dict):
            found.add((path, STRUCTURE, counts[path], None))
        elif number is None:
            found.add((path, as_text(value), counts[path], None))
        else:
            found.add((path, number, counts[path], as_text(value)))
    return found


def _leaves(document: Document) -> Iterator[tuple[str, Any]]:
    """Paths and values. The metrics of a job are found by their names."""
    metrics = document.get("FinalMetricDataList")
    for name, value in document.items():
        if name != "Metrics" or metrics is None:
            yield from _below(name, value)
    for one in metrics or ():
        yield f"Metrics.{one['MetricName']}", one["Value"]


def _below(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for member in value:
            yield from _below(path, member)
        return
    yield path, value
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _below(f"{path}.{name}", member)


# Conditions


def has(kind: str, path: str, passes: Condition) -> Condition:
    """A document has a value at a path that passes."""
    return Condition(f"id IN ({_SELECT} AND ({passes.sql}))", (kind, as_text(path), *passes.values))


def refers(kind: str, path: str, other: str, other_path: str, passes: Condition) -> Condition:
    """A document names at a path a document of another kind that has a value that passes."""
    passing = has(other, other_path, passes)
    names = f"SELECT name FROM documents WHERE kind = ? AND {passing.sql}"
    return has(kind, path, Condition(f"{TEXT} IN ({names})", (other, *passing.values)))


def one_of(wanted: Sequence[str]) -> Condition:
    """Two numbers or times are compared as such, everything else as text."""
    values = {as_text(one) if (number := as_number(one)) is None else number for one in wanted}
    return Condition(f"value IN ({', '.join('?' * len(values))})", tuple(values))


def _ordered(sign: str) -> Callable[[str], Condition]:
    def condition(wanted: str) -> Condition:
        number, text = as_number(wanted), as_text(wanted)
        if number is None:
            return Condition(f"{TEXT} {sign} ?", (text,))
        numbers, texts = f"typeof(value) = 'real' AND value {sign} ?", f"typeof(value) = 'text' AND value {sign} ?"
        return Condition(f"{numbers} OR {texts}", (number, text))

    return condition


OPERATORS: Mapping[str, Callable[[str], Condition]] = {
    "Equals": lambda wanted: one_of([wanted]),
    "GreaterThan": _ordered(">"),
    "GreaterThanOrEqualTo": _ordered(">="),
    "LessThan": _ordered("<"),
    "LessThanOrEqualTo": _ordered("<="),
    "Contains": lambda wanted: Condition(f"contains({TEXT}, ?)", (as_text(wanted).lower(),)),
    "In": lambda wanted: one_of(wanted.split(",")),
    "Exists": lambda _: ALWAYS,
}
"""Conditions on a row of `document_properties`, by the operator of Search that they stand for."""


def contains(text: Any, lower: str) -> bool:
    """The function of that name in SQL: whether a text has a part in any case, which is given in lower case."""
    return isinstance(text, str) and lower in text.lower()


def first_values(kind: str, path: str) -> Condition:
    """A query for the `id` of documents and the first `value` that each has at a path."""
    query = (
        f"SELECT document AS id, value, min(position) FROM document_properties WHERE property = {ID} GROUP BY document"
    )
    return Condition(query, (kind, as_text(path)))


def first_values_of(kind: str, path: str, other: str, other_path: str) -> Condition:
    """As `first_values`, of the documents of another kind that documents name at a path."""
    own, theirs = first_values(kind, path), first_values(other, other_path)
    query = f"SELECT own.id, theirs.value FROM ({own.sql}) own CROSS JOIN documents ON documents.kind = ? AND documents.name = "
    query += f"own.value JOIN ({theirs.sql}) theirs ON theirs.id = documents.id"
    return Condition(query, (*own.values, other, *theirs.values))
