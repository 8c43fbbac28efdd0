"""Buckets that are read although they do not exist are noted."""

from __future__ import annotations

import pytest

from wildsage.local_runner.processes.line_file import LineFile
from wildsage.local_runner.s3.errors import NoSuchBucket, NoSuchKey
from wildsage.local_runner.s3.missed import JobReads, noted
from wildsage.local_runner.s3.public import PublicBuckets


@pytest.fixture
def missed(tmp_path):
    path = tmp_path / "missed"
    return lambda: path.read_text().splitlines() if path.exists() else [], LineFile(path)


def test_a_bucket_is_noted_if_its_name_can_be_one(missed):
    lines, file = missed
    for name in ("nowhere", "No Bucket", "nowhere\nx"):
        with pytest.raises(NoSuchBucket), noted(file):
            raise NoSuchBucket(name)
    assert lines() == ["nowhere"]


def test_other_errors_are_not_noted_and_nothing_is_where_nobody_asks(missed):
    lines, file = missed
    with pytest.raises(NoSuchKey), noted(file):
        raise NoSuchKey("bucket", "key")
    with pytest.raises(NoSuchBucket), noted(None):
        raise NoSuchBucket("nowhere")
    with noted(file):
        pass
    assert lines() == []


def test_every_read_of_a_job_notes_its_bucket(local, missed):
    lines, file = missed
    local.store.put("bucket", "a/b", [b"x"])
    reads = JobReads(local.store, file)
    assert reads.get("bucket", "a/b").size == 1
    stored, opened = reads.open("bucket", "a/b")
    with opened:
        assert (stored.key, opened.read()) == ("a/b", b"x")
    assert [entry.key for entry in reads.list("bucket", "a/")] == ["a/b"] and not list(reads.list("bucket", "c"))
    assert lines() == []
    for read in (reads.get, reads.open):
        with pytest.raises(NoSuchBucket):
            read("nowhere", "key")
    with pytest.raises(NoSuchBucket):
        reads.list("nowhere")
    assert lines() == ["nowhere"] * 3


def test_a_public_bucket_is_noted_with_the_first_object_that_is_asked_for(local, missed):
    lines, file = missed
    found = JobReads(PublicBuckets(local.store, "http://127.0.0.1:1"), file).list("nowhere")
    assert lines() == []
    with pytest.raises(NoSuchBucket, match="cannot be reached"):
        next(found)
    assert lines() == ["nowhere"]
