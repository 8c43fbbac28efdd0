"""Objects as files: any key, writes that break off, and a restart."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildsage.local_runner.s3.conditions import check_write
from wildsage.local_runner.s3.errors import NoSuchBucket, NoSuchKey, S3Error
from wildsage.local_runner.s3.objects import Attributes
from wildsage.local_runner.s3.pending_object import write_pending
from wildsage.local_runner.s3.placement import Placement
from wildsage.local_runner.s3.store import ObjectStore, after_prefix
from wildsage.local_runner.s3.uploads import Uploads

AWKWARD_KEYS = [
    "a",
    "a/b",
    "a//b",
    "a/b/c",
    "A",
    "/",
    "//",
    "..",
    "../../etc/passwd",
    "./x",
    "folder/",
    "z/.amazon.manifest",
    "x" * 1024,
    "long/" + "y" * 300,
    "ü/日本/🚀",
    "\0\n\r\t",
    "with space+plus%2Fpercent?&#",
    "back\\slash",
    "\U0010ffff",
]

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60) | st.lists(
    st.sampled_from(["a", "b", "A", "", "..", ".", "x" * 255]), min_size=1, max_size=5
).map("/".join).filter(lambda key: 0 < len(key) <= 1024)


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "data")
    store.create_bucket("bucket")
    yield store
    store.close()


def content(store: ObjectStore, key: str) -> bytes:
    return store.get("bucket", key).path.read_bytes()


def files_below(folder) -> list:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("index.sqlite")]


def test_plain_keys_are_plain_files_with_the_objects_bytes(store):
    stored = store.put("bucket", "pca/data/matrix_0.pbr", [b"ab", b"c"], "text/csv", {"who": "me"})
    assert stored.path == store.folder / "buckets/bucket/pca/data/matrix_0.pbr"
    assert stored.path.read_bytes() == b"abc"
    assert stored.etag == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321, appendix A.5
    assert (stored.size, stored.content_type, stored.metadata) == (3, "text/csv", {"who": "me"})
    assert store.get("bucket", "pca/data/matrix_0.pbr") == stored


def test_awkward_keys_live_side_by_side_within_the_folder(store):
    for key in AWKWARD_KEYS:
        store.put("bucket", key, [key.encode()])
    for key in AWKWARD_KEYS:
        assert content(store, key) == key.encode()
        assert store.get("bucket", key).path.resolve().is_relative_to(store.folder.resolve())
    assert [stored.key for stored in store.list("bucket")] == sorted(AWKWARD_KEYS, key=str.encode)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(contents=st.dictionaries(keys, st.binary(max_size=20), max_size=8), prefix=keys)
def test_any_keys_are_kept_listed_and_removed_without_a_trace(store, contents, prefix):
    for key, value in contents.items():
        store.put("bucket", key, [value])
    assert {key: content(store, key) for key in contents} == contents
    expected = sorted((key for key in contents if key.startswith(prefix)), key=str.encode)
    assert [stored.key for stored in store.list("bucket", prefix)] == expected
    for key in contents:
        store.delete("bucket", key)
    assert files_below(store.folder) == []
    assert not (store.folder / "buckets/bucket").exists()


def test_keys_above_1024_bytes_are_rejected_and_leave_nothing(store):
    with pytest.raises(S3Error, match="too long") as caught:
        store.put("bucket", "ü" * 513, [b"x"])
    assert caught.value.code == "KeyTooLongError"
    assert files_below(store.folder) == []


def test_everything_survives_a_restart(store):
    store.put("bucket", "a//b", [b"1"])
    before = list(store.list("bucket"))
    store.close()
    again = ObjectStore(store.folder)
    assert [bucket.name for bucket in again.buckets()] == ["bucket"]
    assert list(again.list("bucket")) == before


def test_a_write_that_breaks_off_keeps_the_old_object(store):
    def breaking():
        yield b"half"
        raise ConnectionError("gone")

    store.put("bucket", "key", [b"old"])
    with pytest.raises(ConnectionError):
        store.put("bucket", "key", breaking())
    assert content(store, "key") == b"old"
    assert len(files_below(store.folder)) == 1


def test_files_left_by_a_dead_process_are_swept_at_the_start(store):
    (store.temp / "left").write_bytes(b"half")
    store.close()
    ObjectStore(store.folder)
    assert files_below(store.folder) == []


def test_a_file_changed_by_hand_is_served_as_it_is(store):
    stored = store.put("bucket", "table.csv", [b"1,2\n"])
    stored.path.write_bytes(b"changed\n")
    changed = store.get("bucket", "table.csv")
    assert changed.size == 8
    assert changed.etag != stored.etag
    assert store.get("bucket", "table.csv") == changed


def test_a_file_of_the_same_size_changed_by_hand_is_served_as_it_is(store):
    stored = store.commit("bucket", "table.csv", write_pending(store.temp, [b"1,2\n"], ["CRC32"]), Attributes())
    assert set(stored.checksums) == {"CRC32"}
    stored.path.write_bytes(b"3,4\n")
    os.utime(stored.path, ns=(0, stored.modified_ns + 1))  # however coarse the clock of the file system is
    changed = store.get("bucket", "table.csv")
    assert changed.etag == hashlib.md5(b"3,4\n").hexdigest()
    assert (changed.size, changed.checksums, changed.modified_ns) == (4, {}, stored.modified_ns + 1)
    assert [entry.etag for entry in store.list("bucket")] == [changed.etag]


def test_a_file_removed_by_hand_is_not_an_object(store):
    store.put("bucket", "key", [b"x"]).path.unlink()
    with pytest.raises(NoSuchKey, match="s3://bucket/key"):
        store.get("bucket", "key")


def test_an_object_whose_file_was_removed_by_hand_can_be_deleted(store):
    store.put("bucket", "key", [b"x"]).path.unlink()
    store.delete("bucket", "key")
    assert store.find("bucket", "key") is None


def test_what_is_missing_is_named(store):
    with pytest.raises(NoSuchBucket, match="nowhere"):
        store.get("nowhere", "key")
    with pytest.raises(NoSuchBucket, match="nowhere"):
        store.list("nowhere")
    with pytest.raises(NoSuchBucket, match="nowhere"):
        store.put("nowhere", "key", [b"x"])
    with pytest.raises(NoSuchKey, match="key"):
        store.get("bucket", "key")
    store.delete("bucket", "key")


@pytest.mark.parametrize("name", ["ab", "Upper", "a..b", "-a-", "a_b", "x" * 64, "../up"])
def test_bucket_names_follow_the_rules(store, name):
    with pytest.raises(S3Error) as caught:
        store.create_bucket(name)
    assert caught.value.code == "InvalidBucketName"


def test_buckets_are_made_once_and_removed_when_empty(store):
    with pytest.raises(S3Error, match="exists already"):
        store.create_bucket("bucket")
    store.put("bucket", "key", [b"x"])
    with pytest.raises(S3Error, match="still holds"):
        store.delete_bucket("bucket")
    store.delete("bucket", "key")
    store.delete_bucket("bucket")
    assert not store.has_bucket("bucket")


def test_a_bucket_is_what_it_was_made_as(store):
    store.create_bucket("other", "eu-west-1")
    made = store.bucket("other")
    assert (made.name, made.region) == ("other", "eu-west-1") and made in store.buckets()


def test_a_bucket_that_goes_while_an_object_is_uploaded_takes_no_object(store):
    pending = write_pending(store.temp, [b"late"])
    store.delete_bucket("bucket")
    with pytest.raises(NoSuchBucket):
        store.commit("bucket", "key", pending, Attributes())
    assert files_below(store.folder) == []


def test_a_closed_store_answers_no_more(store, tmp_path):
    other = ObjectStore(tmp_path / "other")
    other.close()
    with pytest.raises(sqlite3.ProgrammingError):
        other.buckets()


def test_files_come_in_by_copy(store, tmp_path):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(os.urandom(3_000_000))
    assert store.put_file("bucket", "model.tar.gz", path).path.read_bytes() == path.read_bytes()


def test_readers_see_one_whole_version_while_writers_replace_it(store):
    """Versions are runs of one byte, so a mixture or a wrong size would show."""
    store.put("bucket", "key", [bytes(1000)])
    done = threading.Event()

    def write():
        for number in range(1, 150):
            store.put("bucket", "key", [bytes([number]) * (1000 + number)])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        stored, file = store.open("bucket", "key")
        with file:
            data = file.read()
        assert len(data) == stored.size
        assert set(data) == {stored.size - 1000}
    writer.join()


def test_of_many_conditional_writes_at_once_one_wins(store):
    """Each finds the object missing before any of them is written."""

    def put(number: int) -> bool:
        pending = write_pending(store.temp, [b"%d" % number])
        ready.wait()
        try:
            store.commit("bucket", "key", pending, Attributes(), check=lambda existing: check_write(existing, if_none))
        except S3Error as error:
            assert error.code == "PreconditionFailed"
            return False
        return True

    ready, writers = threading.Barrier(8), range(8)
    if_none = {"If-None-Match": "*", "If-Match": ""}.__getitem__
    with ThreadPoolExecutor(8) as pool:
        (winner,) = [number for number, won in zip(writers, pool.map(put, writers), strict=True) if won]
    assert content(store, "key") == b"%d" % winner
    assert list(store.temp.iterdir()) == []


def test_a_condition_is_judged_by_what_the_write_replaces(store):
    """The object is replaced between the upload of the new bytes and their commit."""
    seen = store.put("bucket", "key", [b"old"])
    pending = write_pending(store.temp, [b"new"])
    store.put("bucket", "key", [b"between"])
    with pytest.raises(S3Error, match="preconditions"):
        if_match = {"If-None-Match": "", "If-Match": f'"{seen.etag}"'}.__getitem__
        store.commit("bucket", "key", pending, Attributes(), check=lambda existing: check_write(existing, if_match))
    assert content(store, "key") == b"between"


def test_a_write_while_a_deletion_is_under_way_comes_after_it(store, monkeypatch):
    """The deletion has removed the row and not yet the file, which must not be that of the write."""
    store.put("bucket", "key", [b"old"])
    writer = threading.Thread(target=store.put, args=("bucket", "key", [b"new"]))
    write = store.index.write

    def delete_row_and_let_the_writer_try(change):
        row = write(change)
        writer.start()
        writer.join(0.2)
        return row

    monkeypatch.setattr(store.index, "write", delete_row_and_let_the_writer_try)
    store.delete("bucket", "key")
    writer.join()
    assert content(store, "key") == b"new"


@given(prefix=keys, key=keys)
def test_after_prefix_is_the_least_text_above_all_with_the_prefix(prefix, key):
    above = after_prefix(prefix).encode()
    assert (prefix + key).encode() < above
    if key.encode() >= prefix.encode() and not key.startswith(prefix):
        assert key.encode() >= above


def test_after_a_prefix_surrogates_are_passed_over():
    """UTF-8 has no bytes for U+D800 to U+DFFF."""
    assert [after_prefix(f"a{character}") for character in "\ud7fe\ud7ff\ue000"] == ["a\ud7ff", "a\ue000", "a\ue001"]
    assert after_prefix("a\U0010ffff") == "b" and after_prefix("\U0010ffff" * 256).encode() > b"\xf4\x8f\xbf\xbf" * 256


def test_an_object_whose_file_cannot_be_one_any_more_is_gone(store):
    """Somebody put a folder in the file's place, or a file in its folder's."""
    for key in ("a", "b/c"):
        store.put("bucket", key, [b"content"])
    top = store.folder / "buckets" / "bucket"
    (top / "a").unlink()
    (top / "a").mkdir()
    (top / "b" / "c").unlink()
    (top / "b").rmdir()
    (top / "b").write_bytes(b"")
    for key in ("a", "b/c"):
        with pytest.raises(NoSuchKey):
            store.open("bucket", key)
        store.delete("bucket", key)
        assert store.find("bucket", key) is None
    assert (top / "a").is_dir() and (top / "b").is_file()


def test_an_object_changed_by_hand_is_opened_as_it_is(store):
    stored = store.put("bucket", "a", [b"content"])
    stored.path.write_bytes(b"other content")
    found, file = store.open("bucket", "a")
    with file:
        assert file.read() == b"other content" and found.size == 13 and found.etag != stored.etag


# Two at once


def started(act) -> threading.Thread:
    """A thread that has had time to come to its end, unless somebody keeps it from it."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(0.2)
    return thread


def test_of_two_who_make_a_bucket_one_is_told_that_it_exists(store, monkeypatch):
    codes, others, has_bucket = [], [], store.has_bucket

    def make() -> None:
        try:
            store.create_bucket("new")
        except S3Error as error:
            codes.append(error.code)

    def absent_while_another_comes(name: str) -> bool:
        found = has_bucket(name)
        if not others:
            others.append(None)
            others.append(started(make))
        return found

    monkeypatch.setattr(store, "has_bucket", absent_while_another_comes)
    make()
    others[1].join()
    assert codes == ["BucketAlreadyOwnedByYou"]


def test_a_write_while_attributes_change_comes_after_the_change(store):
    store.put("bucket", "key", [b"old"], "text/plain")
    writers = []

    def edit(attributes: Attributes) -> Attributes:
        writers.append(started(lambda: store.put("bucket", "key", [b"new"], "text/csv")))
        return replace(attributes, tagging="a=1")

    store.change_attributes("bucket", "key", edit)
    writers[0].join()
    stored = store.get("bucket", "key")
    assert (stored.path.read_bytes(), stored.attributes) == (b"new", Attributes("text/csv"))


def test_a_write_while_a_changed_file_is_read_comes_after_it(store, monkeypatch):
    stored, writers = store.put("bucket", "key", [b"old"]), []
    stored.path.write_bytes(b"by hand")
    digest = hashlib.file_digest

    def digest_while_another_writes(file, name):
        writers.append(started(lambda: store.put("bucket", "key", [b"new"])))
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", digest_while_another_writes)
    assert store.get("bucket", "key").size == 7
    writers[0].join()
    row = store.find("bucket", "key")
    assert (row.size, row.etag, content(store, "key")) == (3, hashlib.md5(b"new").hexdigest(), b"new")


def test_an_object_that_is_written_while_it_is_read_is_read_as_it_was_written(store, monkeypatch):
    """The reader has the old row and finds the new file, which was not changed by hand."""
    store.put("bucket", "key", [b"old"])
    require, written = store._require, []

    def required_before_a_write(bucket: str, key: str):
        found = require(bucket, key)
        monkeypatch.undo()
        pending = write_pending(store.temp, [b"newer"])
        written.append(store.commit(bucket, key, pending, Attributes(), "digest-2", {"CRC32": "sum"}))
        return found

    monkeypatch.setattr(store, "_require", required_before_a_write)
    assert store.get("bucket", "key") == written[0] == store.find("bucket", "key")


def test_the_file_of_a_write_that_fails_is_seen_by_nobody(store, monkeypatch):
    """The row of the old object is back, and its file not yet."""
    stored, undo, seen, readers = store.put("bucket", "key", [b"old"]), Placement.undo, [], []

    def undo_while_another_reads(placement: Placement) -> None:
        readers.append(started(lambda: seen.append(store.get("bucket", "key"))))
        undo(placement)

    monkeypatch.setattr(Placement, "undo", undo_while_another_reads)
    with pytest.raises(TypeError):
        store.commit("bucket", "key", write_pending(store.temp, [b"newer"]), Attributes(metadata={"a": object()}))
    readers[0].join()
    assert seen == [stored] and content(store, "key") == b"old"


def test_a_reader_of_a_bucket_that_is_deleted_meanwhile_finds_none(store):
    store.delete_bucket("bucket")
    for read in (
        lambda: store.page("bucket", "", "", 1),
        lambda: store.open("bucket", "key"),
        lambda: store.delete("bucket", "key"),
        lambda: store.change_attributes("bucket", "key", lambda attributes: attributes),
        lambda: store.delete_bucket("bucket"),
    ):
        with pytest.raises(NoSuchBucket):
            read()


# One at a time


def test_a_page_begins_at_a_key_and_has_so_many_rows(store):
    for key in ("a", "b/1", "b/2", "c"):
        store.put("bucket", key, [b"x"])
    for prefix, start, limit, keys in [
        ("", "", 9, ["a", "b/1", "b/2", "c"]),
        ("", "", 2, ["a", "b/1"]),
        ("", "b/1", 1, ["b/1"]),
        ("b/", "", 9, ["b/1", "b/2"]),
        ("b/", "b/1\0", 9, ["b/2"]),
        ("b/", "c", 9, []),
        ("d", "", 9, []),
    ]:
        assert [entry.key for entry in store.page("bucket", prefix, start, limit)] == keys
    (entry,) = store.page("bucket", "a", "", 1)
    assert (entry.bucket, entry.size, entry.etag) == ("bucket", 1, hashlib.md5(b"x").hexdigest())
    assert entry.modified_ns == store.get("bucket", "a").modified_ns


def test_a_list_goes_on_where_a_page_ended(store, monkeypatch):
    monkeypatch.setattr("wildsage.local_runner.s3.store.PAGE_ROWS", 2)
    for count in range(6):
        assert [entry.key for entry in store.list("bucket")] == [str(number) for number in range(count)]
        store.put("bucket", str(count), [b"x"])


def test_the_totals_of_all_buckets(store):
    assert store.totals() == (0, 0)
    store.create_bucket("other")
    store.put("bucket", "a", [b"123"])
    store.put("other", "a", [b"4567"])
    assert store.totals() == (2, 7)


def test_a_folder_goes_with_its_last_object(store):
    for key in ("a/b/1", "a/2"):
        store.put("bucket", key, [b"x"])
    top = store.folder / "buckets" / "bucket"
    store.delete("bucket", "a/b/1")
    assert sorted(path.name for path in (top / "a").iterdir()) == ["2"]
    store.delete("bucket", "a/2")
    assert not top.exists() and (store.folder / "buckets").exists()


def test_an_object_stays_where_it_is_when_it_is_written_again(store):
    store.put("bucket", "a/b", [b"x"])
    hashed = store.put("bucket", "a", [b"1"]).path  # `a` is a folder
    assert hashed.is_relative_to(store.folder / "hashed")
    store.delete("bucket", "a/b")
    assert store.put("bucket", "a", [b"2"]).path == hashed and content(store, "a") == b"2"


def test_keys_that_differ_in_case_alone_have_files_of_their_own(store):
    upper, lower = store.put("bucket", "KEY", [b"1"]), store.put("bucket", "key", [b"2"])
    assert upper.path.is_relative_to(store.folder / "buckets") and lower.path.is_relative_to(store.folder / "hashed")


def test_a_committed_object_has_the_etag_and_the_checksums_that_are_given(store):
    def commit(**given) -> tuple[str, dict]:
        pending = write_pending(store.temp, [b"x"], ["CRC32"])
        stored = store.commit("bucket", "key", pending, Attributes(), **given)
        assert stored == store.get("bucket", "key")
        return stored.etag, dict(stored.checksums)

    md5, sums = hashlib.md5(b"x").hexdigest(), write_pending(store.temp, [b"x"], ["CRC32"]).checksums
    assert commit() == (md5, sums)
    assert commit(etag="e-1", checksums={}) == ("e-1", {})
    assert commit(checksums={"SHA1": "s"}) == (md5, {"SHA1": "s"})


def test_a_change_of_attributes_changes_nothing_else(store):
    stored = store.put("bucket", "key", [b"x"], "text/csv")
    store.change_attributes("bucket", "key", lambda attributes: replace(attributes, tagging="a=1"))
    assert store.get("bucket", "key") == replace(stored, attributes=Attributes("text/csv", tagging="a=1"))
    with pytest.raises(NoSuchKey):
        store.change_attributes("bucket", "absent", lambda attributes: attributes)


def test_a_change_of_attributes_of_an_object_without_a_file_finds_none(store):
    store.put("bucket", "key", [b"x"]).path.unlink()
    with pytest.raises(NoSuchKey):
        store.change_attributes("bucket", "key", lambda attributes: attributes)


def test_a_new_object_has_the_type_that_s3_gives(store, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    assert store.put("bucket", "a", []).content_type == "binary/octet-stream"
    assert store.put_file("bucket", "b", tmp_path / "file").content_type == "binary/octet-stream"
    assert store.put_file("bucket", "c", tmp_path / "file", "text/csv").content_type == "text/csv"


def test_a_bucket_that_is_deleted_takes_its_uploads_along_and_no_others(store):
    uploads = Uploads(store)
    store.create_bucket("other")
    ids = {bucket: uploads.begin(bucket, "k", Attributes(), None, False) for bucket in ("bucket", "other")}
    for bucket, upload_id in ids.items():
        uploads.add(uploads.find(bucket, "k", upload_id), 1, write_pending(store.temp, [b"x"]), {})
    store.delete_bucket("bucket")
    assert [path.name for path in (store.folder / "uploads").iterdir()] == [ids["other"]]
    assert [row[0] for row in store.index.rows("SELECT upload FROM parts")] == [ids["other"]]
    assert [row[0] for row in store.index.rows("SELECT id FROM uploads")] == [ids["other"]]


def test_buckets_are_listed_by_name(store):
    for name in ("zebra", "ant"):
        store.create_bucket(name)
    assert [bucket.name for bucket in store.buckets()] == ["ant", "bucket", "zebra"]
    assert store.bucket("ant").region == "us-east-1" and store.has_bucket("ant") and not store.has_bucket("bee")
