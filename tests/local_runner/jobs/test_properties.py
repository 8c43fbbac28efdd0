"""Properties of documents follow each change of a document, and are read of one that has none yet."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.jobs import properties
from wildsage.local_runner.jobs.properties import OPERATORS
from wildsage.local_runner.jobs.store import LAYOUT, ListQuery, Store


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


def test_the_values_of_a_list_are_numbered_in_their_order():
    document = {"l": ["b", 1, {"of": True}, {"of": "x"}], "k": {"l": "b"}}
    assert properties.rows(document) == {
        ("l", "b", 0, None),
        ("l", 1.0, 1, "1"),
        ("l", properties.STRUCTURE, 2, None),
        ("l", properties.STRUCTURE, 3, None),
        ("l.of", "true", 0, None),
        ("l.of", "x", 1, None),
        ("k", properties.STRUCTURE, 0, None),
        ("k.l", "b", 0, None),
    }


@pytest.mark.parametrize(
    ("operator", "value", "names"),
    [
        ("GreaterThan", "9", "de"),
        ("GreaterThanOrEqualTo", "9", "cde"),
        ("LessThan", "9", "ab"),
        ("LessThanOrEqualTo", "9", "abc"),
        ("GreaterThan", "x", "e"),
        ("GreaterThanOrEqualTo", "x", "de"),
        ("LessThan", "x", "abc"),
        ("LessThanOrEqualTo", "x", "abcd"),
        ("Equals", "9.0", "c"),
        ("Contains", "1", "ab"),
        ("In", "-1,y", "ae"),
        ("Exists", "", "abcde"),
    ],
)
def test_numbers_are_compared_as_numbers_and_texts_as_texts(store, operator, value, names):
    for name, k in zip("abcde", ("-1", 1e0, 9, "x", "y"), strict=True):
        store.insert("job", name, {"k": k})
    store.insert("job", "f", {"other": 9})
    assert sorted(found(store, "k", operator, value)) == list(names)


def test_conditions_are_joined_and_none_are_always_met(store):
    for name in "ab":
        store.insert("job", name, {"k": name})
    is_a, is_b = (properties.has("job", "k", OPERATORS["Equals"](name)) for name in "ab")
    for conditions, operator, names in (
        ([], "AND", ["a", "b"]), ([is_a, is_b], "AND", []), ([is_a, is_b], "OR", ["a", "b"]), ([~is_a], "AND", ["b"])
    ):  # fmt: skip
        passing = properties.joined(conditions, operator)
        assert sorted(store.names("job", ListQuery(passing=passing))) == names


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


def test_a_store_that_an_earlier_version_has_written_again_is_searched(store, tmp_path):
    """The earlier version knows only its own tables, so that those of properties are left from before."""
    store.insert("job", "a", {"k": "1"})
    store.insert("job", "b", {"k": "2"})
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "state")) as database:
        database.executescript("DELETE FROM documents WHERE name = 'a'; PRAGMA user_version = 2;")
    again = Store(tmp_path / "state")
    assert found(again, "k", "Equals", "1") == [] and found(again, "k", "Equals", "2") == ["b"]


def test_a_store_of_a_later_version_is_left_as_it_is(store, tmp_path):
    store.insert("job", "a", {"k": "1"})
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "state")) as database:
        database.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    with pytest.raises(UserError, match="was written by a later version of Wildsage"):
        Store(tmp_path / "state")
    with contextlib.closing(sqlite3.connect(tmp_path / "state")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (LAYOUT + 1,)


@pytest.mark.parametrize("value", ["nan", "NaN", "0001-01-01", "x" * 10_000, "\ud800", "\0", "\u0665"])
def test_strange_values_are_texts_or_numbers_and_are_found(store, value):
    store.insert("job", "a", {"k": value})
    store.insert("job", "b", {"k": "7"})
    assert found(store, "k", "Equals", value) == ["a"]


def test_digits_with_python_s_separator_are_a_text(store):
    store.insert("job", "a", {"k": "1_0"})
    assert found(store, "k", "Equals", "10") == [] and found(store, "k", "Equals", "1_0") == ["a"]


def test_numbers_that_no_float_holds_are_found(store):
    store.insert("job", "a", {"k": 10**400})
    assert found(store, "k", "Equals", str(10**400)) == ["a"]


def test_a_name_that_sqlite_rejects_is_found_as_it_was_given(store):
    store.insert("job", "a", {"HyperParameters": {"\ud800": "1"}, "FinalMetricDataList": []})
    store.update("job", "a", FinalMetricDataList=[{"MetricName": "\udfff", "Value": 2.0}])
    assert found(store, "HyperParameters.\ud800", "Equals", "1") == ["a"]
    assert found(store, "Metrics.\udfff", "Equals", "2") == ["a"]
    store.delete("job", "a")


@pytest.mark.parametrize("value", ["," * 1024, ",".join(map(chr, range(200, 712)))], ids=["empty", "different"])
def test_a_value_may_be_one_of_as_many_as_a_filter_holds(store, value):
    """SQLite rejects expressions that are more than 1,000 levels deep."""
    store.insert("job", "a", {"k": value[-1].strip(",")})
    assert found(store, "k", "In", value) == ["a"]
