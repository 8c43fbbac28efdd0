"""A full disk: which errors are that, and what still works on it."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time

import pytest

from wildsage.local_runner.processes import disk


def error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))


def full_database() -> sqlite3.Error:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("CREATE TABLE a (b)")
    return caught.value


def test_which_errors_say_that_a_disk_is_full():
    for full in (error(errno.ENOSPC), error(errno.EDQUOT), full_database()):
        assert disk.is_full(full)
    for other in (error(errno.EACCES), sqlite3.OperationalError("locked"), ValueError(), RuntimeError(errno.ENOSPC)):
        assert not disk.is_full(other)


def test_the_folder_that_is_full_is_named(tmp_path):
    assert disk.text(error(errno.ENOSPC, "/data/temp/1"), tmp_path).startswith("No space left on device: /data/temp. ")
    for other in (error(errno.ENOSPC), full_database()):
        assert disk.text(other, tmp_path) == disk.full_text(tmp_path)
    assert disk.full_text(tmp_path).endswith("Remove something there or elsewhere on its disk, then try again.")


def test_the_free_bytes_are_those_of_the_file_system(tmp_path):
    status = os.statvfs(tmp_path)
    assert abs(disk.free_bytes(tmp_path) - status.f_bavail * status.f_frsize) < 1 << 30


@pytest.mark.parametrize(
    ("free", "room"), [(disk.KEPT_BYTES, True), (disk.KEPT_BYTES - 1, False)], ids=["enough", "a byte too few"]
)
def test_a_disk_takes_new_data_down_to_eight_mebibytes(tmp_path, monkeypatch, free, room):
    monkeypatch.setattr(disk, "free_bytes", lambda place: free)
    assert disk.KEPT_BYTES == 8 * 1024 * 1024 and disk.LOW_BYTES == 64 * 1024 * 1024
    if room:
        disk.require_room(tmp_path)
        return
    with pytest.raises(OSError, match="No space left") as caught:
        disk.require_room(tmp_path)
    assert disk.is_full(caught.value) and str(tmp_path) in disk.text(caught.value, tmp_path / "other")


@pytest.fixture
def database(tmp_path):
    database = disk.Database(tmp_path / "data.sqlite")
    database.connection.execute("CREATE TABLE names (name TEXT PRIMARY KEY)")
    yield database
    database.connection.close()


def names(database: disk.Database) -> list[str]:
    return [row[0] for row in database.connection.execute("SELECT name FROM names ORDER BY name")]


def add(database: disk.Database, name: str) -> None:
    database.connection.execute("INSERT INTO names VALUES (?)", (name,))


def test_a_transaction_is_kept_whole_or_not_at_all(database):
    with database.transaction():
        add(database, "a")
        add(database, "b")
    with pytest.raises(KeyboardInterrupt), database.transaction():
        add(database, "c")
        raise KeyboardInterrupt
    assert names(database) == ["a", "b"] and not database.connection.in_transaction


def test_a_transaction_that_the_database_has_ended_itself_raises_its_error(database):
    with pytest.raises(ValueError, match="first"), database.transaction():
        database.connection.execute("ROLLBACK")
        raise ValueError("first")


def test_every_thread_may_use_it_and_each_statement_is_kept(database, tmp_path):
    thread = threading.Thread(target=add, args=(database, "a"))
    thread.start()
    thread.join()
    other = sqlite3.connect(tmp_path / "data.sqlite")
    assert other.execute("SELECT name FROM names").fetchall() == [("a",)]
    other.close()
    assert database.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.connection.execute("PRAGMA synchronous").fetchone() == (1,)
    assert database.connection.execute("PRAGMA temp_store").fetchone() == (2,)


def room_files(tmp_path) -> dict[str, int]:
    found = {path.name.partition("sqlite")[2]: path.stat().st_size for path in tmp_path.iterdir()}
    return {name: size for name, size in found.items() if size == disk.LOG_BYTES}


@pytest.mark.parametrize(
    ("free", "taken"),
    [
        (disk.LOW_BYTES, False),
        (disk.LOW_BYTES - 1, True),
        (disk.KEPT_BYTES + 1, True),
        (disk.KEPT_BYTES, False),
    ],
    ids=["enough", "almost full", "almost too full", "too full"],
)
def test_room_is_kept_while_a_disk_is_almost_full_and_not_quite(database, tmp_path, monkeypatch, free, taken):
    monkeypatch.setattr(disk, "free_bytes", lambda place: free)
    with database.transaction():
        pass
    assert room_files(tmp_path) == (dict.fromkeys(["-wal", "-reserve"], disk.LOG_BYTES) if taken else {})


def test_room_is_taken_once(database, tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda place: disk.LOW_BYTES - 1)
    database.keep_room()
    (tmp_path / "data.sqlite-reserve").unlink()
    database.keep_room()
    assert "-reserve" not in room_files(tmp_path)


def test_room_that_cannot_be_taken_is_asked_for_again(database, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise error(errno.ENOSPC)

    monkeypatch.setattr(disk, "free_bytes", lambda place: disk.LOW_BYTES - 1)
    with monkeypatch.context() as without_room:
        without_room.setattr(os, "posix_fallocate", fail)
        database.keep_room()
    assert room_files(tmp_path) == {}
    database.keep_room()
    assert "-reserve" in room_files(tmp_path)


def test_a_change_that_finds_no_room_is_made_again_with_what_was_kept(database, tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda place: disk.LOW_BYTES - 1)
    database.keep_room()
    monkeypatch.setattr(disk, "free_bytes", lambda place: disk.LOW_BYTES)
    tries = []

    def change() -> str:
        tries.append((tmp_path / "data.sqlite-reserve").exists())
        add(database, "a")
        if len(tries) == 1:
            raise full_database()
        return "done"

    assert database.transact(change) == "done"
    assert tries == [True, False] and names(database) == ["a"]
    monkeypatch.setattr(disk, "free_bytes", lambda place: disk.LOW_BYTES - 1)
    database.keep_room()
    assert "-reserve" in room_files(tmp_path)  # once there is room, it is kept again


def test_a_change_that_fails_otherwise_is_made_once(database):
    tries = []

    def change() -> None:
        tries.append(None)
        add(database, "a")
        add(database, "a")

    with pytest.raises(sqlite3.IntegrityError):
        database.transact(change)
    assert len(tries) == 1 and names(database) == []


def test_what_must_be_done_is_tried_until_there_is_room(monkeypatch):
    monkeypatch.setattr(disk, "TRY_AGAIN_S", 0.05)
    begun = time.monotonic()
    errors = [error(errno.ENOSPC), full_database()]

    def act() -> None:
        if errors:
            raise errors.pop(0)

    disk.insist(act, lambda: False)
    assert errors == [] and time.monotonic() - begun >= 0.1  # it leaves the processor to others meanwhile


@pytest.mark.parametrize(("number", "given_up"), [(errno.ENOSPC, True), (errno.EACCES, False)])
def test_what_must_be_done_is_given_up_or_fails_otherwise(monkeypatch, number, given_up):
    monkeypatch.setattr(disk, "TRY_AGAIN_S", 0)
    tries = []

    def act() -> None:
        tries.append(None)
        assert len(tries) < 3
        raise error(number)

    with pytest.raises(OSError, match=os.strerror(number)):
        disk.insist(act, lambda: given_up)
    assert len(tries) == 1
