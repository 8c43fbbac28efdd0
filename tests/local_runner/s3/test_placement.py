"""Files that move to their places within a transaction, and back if it fails."""

from __future__ import annotations

import errno
import os

import pytest

from wildsage.local_runner.s3.placement import placing


@pytest.fixture
def temp(tmp_path):
    (tmp_path / "temp").mkdir()
    return tmp_path / "temp"


def pending(temp, content: bytes):
    path = temp / f"pending-{content.decode()}"
    path.write_bytes(content)
    return path


def test_what_was_moved_stays_and_what_it_replaced_is_gone(temp, tmp_path):
    old, new = tmp_path / "old", tmp_path / "a" / "b" / "new"
    old.write_bytes(b"before")
    with placing(temp) as placement:
        placement.move(pending(temp, b"1"), old)
        placement.move(pending(temp, b"2"), new)
    assert (old.read_bytes(), new.read_bytes(), list(temp.iterdir())) == (b"1", b"2", [])


def test_after_a_failure_everything_is_as_before(temp, tmp_path):
    old, new = tmp_path / "old", tmp_path / "a" / "new"
    old.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), placing(temp) as placement:
        placement.move(pending(temp, b"1"), old)
        placement.move(pending(temp, b"2"), old)
        placement.move(pending(temp, b"3"), new)
        raise KeyboardInterrupt
    assert (old.read_bytes(), new.exists(), list(temp.iterdir())) == (b"before", False, [])


def test_a_new_file_that_somebody_removed_meanwhile_is_as_before(temp, tmp_path):
    with pytest.raises(KeyError), placing(temp) as placement:
        placement.move(pending(temp, b"1"), tmp_path / "new")
        (tmp_path / "new").unlink()
        raise KeyError
    assert list(tmp_path.iterdir()) == [temp]


def test_a_folder_is_not_replaced(temp, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError), placing(temp) as placement:
        placement.move(pending(temp, b"1"), tmp_path / "folder")
    assert (tmp_path / "folder").is_dir()


def test_below_a_file_nothing_is_placed(temp, tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(NotADirectoryError), placing(temp) as placement:
        placement.move(pending(temp, b"1"), tmp_path / "file" / "below")
    assert (tmp_path / "file").read_bytes() == b"before"


def failing(error: int):
    def link(source: object, target: object) -> None:
        raise OSError(error, os.strerror(error))

    return link


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_on_a_full_disk_nothing_is_replaced_that_could_not_come_back(temp, tmp_path, monkeypatch, error):
    (tmp_path / "old").write_bytes(b"before")
    monkeypatch.setattr(os, "link", failing(error))
    with pytest.raises(OSError, match=os.strerror(error)), placing(temp) as placement:
        placement.move(pending(temp, b"1"), tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"before"


def test_a_file_system_without_links_is_written_all_the_same(temp, tmp_path, monkeypatch):
    (tmp_path / "old").write_bytes(b"before")
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    with placing(temp) as placement:
        placement.move(pending(temp, b"1"), tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"1"
