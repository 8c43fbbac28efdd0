"""The index: transactions, and one lock around everything."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from wildsage.local_runner.processes import disk
from wildsage.local_runner.s3.index import Index

INSERT = "INSERT INTO buckets VALUES (?, 'us-east-1', 0)"
NAMES = "SELECT name FROM buckets ORDER BY name"


@pytest.fixture
def index(tmp_path):
    index = Index(tmp_path / "index.sqlite")
    yield index
    index.close()


def in_transaction(index: Index) -> None:
    with index.writing():
        pass


def alone(index: Index) -> None:
    with index.alone():
        pass


@pytest.mark.parametrize(
    "use",
    [
        lambda index: index.rows(NAMES),
        lambda index: index.row(NAMES),
        in_transaction,
        lambda index: index.write(lambda: None),
        alone,
        lambda index: index.close(),
    ],
    ids=["rows", "row", "writing", "write", "alone", "close"],
)
@pytest.mark.parametrize("holder", [Index.alone, Index.writing])
def test_no_other_thread_uses_the_index_meanwhile(index, holder, use):
    other = threading.Thread(target=use, args=(index,))
    with holder(index):
        other.start()
        other.join(0.1)
        assert other.is_alive()
    other.join()


def test_a_thread_that_holds_the_index_may_use_it(index):
    with index.alone(), index.writing():
        index.row(INSERT, ("a",))
        assert index.row(NAMES) == ("a",)
    assert index.rows(NAMES) == [("a",)] and index.row("SELECT 1 FROM objects") is None


def test_a_block_that_raises_leaves_nothing(index):
    with pytest.raises(KeyError), index.writing():
        index.row(INSERT, ("a",))
        raise KeyError
    with pytest.raises(KeyError):
        index.write(lambda: [index.row(INSERT, ("b",)), {}["missing"]])
    assert index.rows(NAMES) == []


def test_a_change_returns_what_it_found(index):
    index.row(INSERT, ("a",))
    assert index.write(lambda: index.row(NAMES)) == ("a",)


def test_what_was_written_is_there_when_the_file_is_opened_again(index, tmp_path):
    with index.writing():
        index.row(INSERT, ("a",))
    again = Index(tmp_path / "index.sqlite")
    assert again.rows(NAMES) == [("a",)]
    again.close()
    with pytest.raises(sqlite3.ProgrammingError):
        again.rows(NAMES)


def test_on_a_disk_that_is_almost_full_it_takes_the_room_of_its_changes_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda place: disk.LOW_BYTES - 1)
    Index(tmp_path / "index.sqlite").close()
    assert (tmp_path / "index.sqlite-reserve").stat().st_size == disk.LOG_BYTES
