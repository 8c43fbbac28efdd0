"""Properties of documents follow each change of a document, and are read of one that has none yet."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from wildsage.local_runner.jobs import properties
from wildsage.local_runner.jobs.properties import OPERATORS
from wildsage.local_runner.jobs.store import ListQuery, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def found(store: Store, path: str, operator: str, value: str) -> list[str]:
    return store.names("job", ListQuery(passing=properties.has("job", path, OPERATORS[operator](value))))


def test_a_change_changes_what_is_found(store):
    store.insert("job", "a", {"k": "1", "same": "x", "list": [1, 1, {"of": True}]})
    store.update("job", "a", k="2", more={"b.c": "1970-01-01T00:01:00+00:00"})
    assert found(store, "k", "Equals", "1") == []
    for path, value in (("k", "2.0"), ("same", "x"), ("list", "1"), ("list.of", "true"), ("more.b.c", "60")):
        assert found(store, path, "Equals", value) == ["a"], path


def test_nothing_of_a_deleted_document_is_left(store, tmp_path):
    store.insert("job", "a", {"k": "1"})
    store.put("job", "A", {"k": "2"})
    assert found(store, "k", "In", "1,2") == ["A"]
    store.delete("job", "A")
    store.insert("job", "b", {})
    assert found(store, "k", "Exists", "") == []
    store.close()
    assert sqlite3.connect(tmp_path / "state").execute("SELECT count(*) FROM document_properties").fetchone() == (0,)


def test_a_store_of_an_earlier_version_is_searched(store, tmp_path):
    store.insert("job", "a", {"k": "1"})
    store.close()
    database = sqlite3.connect(tmp_path / "state")
    database.executescript("DROP TABLE document_properties; DROP TABLE properties; PRAGMA user_version = 2;")
    database.close()
    assert found(Store(tmp_path / "state"), "k", "Equals", "1") == ["a"]


@pytest.mark.parametrize("value", ["nan", "NaN", "0001-01-01", "x" * 10_000, "\ud800", "\0", "\u0665"])
def test_strange_values_are_texts_or_numbers_and_are_found(store, value):
    store.insert("job", "a", {"k": value})
    store.insert("job", "b", {"k": "7"})
    assert found(store, "k", "Equals", value) == ["a"]


def test_numbers_that_no_float_holds_are_found(store):
    store.insert("job", "a", {"k": 10**400})
    assert found(store, "k", "Equals", str(10**400)) == ["a"]
