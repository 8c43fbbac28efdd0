"""Folders of a running job are copied to S3: what is new or has changed, once, and at the end whatever happens."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from wildsage.local_runner.jobs.training import mirror
from wildsage.local_runner.jobs.training.mirror import Mirror
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

WITHIN_S = 240


@pytest.fixture
def objects(tmp_path):
    with closing(ObjectStore(tmp_path / "s3")) as objects:
        objects.create_bucket("bucket")
        yield objects


@pytest.fixture
def folders(tmp_path):
    found = [tmp_path / "algo-1", tmp_path / "algo-2"]
    for folder in found:
        folder.mkdir()
    return found


def content(objects, key: str) -> bytes | None:
    stored = objects.find("bucket", key)
    return stored.path.read_bytes() if stored else None


def until_stored(objects, key: str, wanted: bytes) -> None:
    deadline = time.monotonic() + WITHIN_S
    while content(objects, key) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_files_of_all_folders_go_below_one_prefix_and_hidden_ones_stay(objects, folders):
    with Mirror(folders, "bucket", "out/", objects).running("copies"):
        (folders[0] / "deep").mkdir()
        (folders[0] / "deep" / "one").write_bytes(b"1")
        (folders[1] / "two").write_bytes(b"2")
        (folders[1] / ".two.tmp").write_bytes(b"not yet")
    assert [(found.key, found.size) for found in objects.list("bucket")] == [("out/deep/one", 1), ("out/two", 1)]


def test_what_was_there_before_stays_until_it_changes(objects, folders):
    for name in ("before", "changed"):
        (folders[0] / name).write_bytes(b"old")
    with Mirror(folders, "bucket", "", objects).running("copies"):
        os.utime(folders[0] / "changed", (1, 1))
    assert [found.key for found in objects.list("bucket")] == ["changed"]


def test_a_file_is_copied_while_the_job_runs_again_when_it_changes_and_not_otherwise(objects, folders, monkeypatch):
    monkeypatch.setattr(mirror, "COPY_EVERY_S", 0.005)
    with Mirror(folders, "bucket", "", objects).running("copies"):
        for name in ("steady", "changing"):
            (folders[0] / ".hidden").write_bytes(b"1")
            (folders[0] / ".hidden").rename(folders[0] / name)  # at once, so that no copy sees a part of it
        until_stored(objects, "steady", b"1")
        until_stored(objects, "changing", b"1")
        objects.delete("bucket", "steady")
        (folders[0] / "changing").write_bytes(b"22")
        until_stored(objects, "changing", b"22")
    assert content(objects, "steady") is None, "it has not changed since it was copied"
    assert not [thread for thread in threading.enumerate() if thread.name == "copies"]


def test_files_are_copied_within_two_seconds_and_not_all_the_time(objects, folders):
    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses_s.append(timeout)
            return True

    pauses_s: list[float | None] = []
    Mirror(folders, "bucket", "", objects)._copy_until(Stop())
    assert len(pauses_s) == 1 and 0 < pauses_s[0] < 2


def test_a_file_that_vanishes_while_it_is_copied_costs_no_other(objects, folders, monkeypatch):
    put_file = objects.put_file

    def vanish(bucket: str, key: str, path: Path) -> None:
        if key == "a":
            path.unlink()
        put_file(bucket, key, path)

    monkeypatch.setattr(objects, "put_file", vanish)
    with Mirror(folders, "bucket", "", objects).running("copies"):
        for name in "ab":
            (folders[0] / name).write_bytes(b"1")
    assert [found.key for found in objects.list("bucket")] == ["b"]


def test_no_server_waits_for_copies_when_it_ends(objects, folders):
    with Mirror(folders, "bucket", "", objects).running("copies"):
        assert [thread.daemon for thread in threading.enumerate() if thread.name == "copies"] == [True]


def test_what_a_job_has_written_when_it_fails_is_copied(objects, folders):
    with pytest.raises(RuntimeError, match="it failed"), Mirror(folders, "bucket", "", objects).running("copies"):
        (folders[0] / "last").write_bytes(b"1")
        raise RuntimeError("it failed")
    assert content(objects, "last") == b"1"


def test_a_bucket_that_comes_late_is_in_time_and_one_that_never_comes_is_reported_at_the_end(
    objects, folders, monkeypatch
):
    monkeypatch.setattr(mirror, "COPY_EVERY_S", 0.005)
    tried, put_file = threading.Semaphore(0), objects.put_file

    def put(*arguments: object) -> object:
        tried.release()
        return put_file(*arguments)

    monkeypatch.setattr(objects, "put_file", put)
    (folders[0] / "before").write_bytes(b"1")
    with pytest.raises(S3Error, match="bucket does not exist"), Mirror(folders, "late", "", objects).running("copies"):
        (folders[0] / "file").write_bytes(b"1")
        assert all(tried.acquire(timeout=WITHIN_S) for _ in range(3)), "copies fail in between, and say nothing"
    objects.create_bucket("late")
    with Mirror(folders, "late", "", objects).running("copies"):
        (folders[0] / "file").write_bytes(b"22")
    assert [found.key for found in objects.list("late")] == ["file"]
