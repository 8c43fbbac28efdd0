"""Multipart uploads in the store: what becomes of parts, and of two requests at once."""

from __future__ import annotations

import base64
import hashlib
import threading
import zlib

import pytest

from wildsage.local_runner.s3 import uploads as uploads_module
from wildsage.local_runner.s3.conditions import check_write
from wildsage.local_runner.s3.errors import NoSuchBucket, NoSuchUpload, S3Error
from wildsage.local_runner.s3.objects import Attributes
from wildsage.local_runner.s3.pending_object import write_pending
from wildsage.local_runner.s3.placement import Placement
from wildsage.local_runner.s3.uploads import Uploads


@pytest.fixture
def store(local):
    return local.store


@pytest.fixture
def uploads(store, monkeypatch):
    """Uploads whose parts need four bytes instead of five million."""
    monkeypatch.setattr(uploads_module, "MIN_PART_BYTES", 4)
    return Uploads(store)


def begin(uploads: Uploads, key: str = "k", algorithm: str | None = None, whole: bool = False):
    return uploads.find("bucket", key, uploads.begin("bucket", key, Attributes("text/csv"), algorithm, whole))


def add(uploads: Uploads, upload, number: int, content: bytes, algorithm: str = "") -> tuple[int, str]:
    pending = write_pending(uploads._store.temp, [content], [algorithm] if algorithm else [])
    uploads.add(upload, number, pending, pending.checksums)
    return number, pending.md5


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4)).decode()


def test_the_smallest_part_has_five_mebibytes_and_the_largest_number_is_ten_thousand():
    assert (uploads_module.MIN_PART_BYTES, uploads_module.MAX_PARTS) == (5 * 1024 * 1024, 10_000)


def test_an_upload_is_what_it_was_begun_as(uploads, store):
    upload = begin(uploads, "a/b", "CRC32", whole=True)
    assert (upload.bucket, upload.key, upload.algorithm, upload.whole) == ("bucket", "a/b", "CRC32", True)
    assert (
        upload.attributes == Attributes("text/csv") and upload.begun == uploads.find("bucket", "a/b", upload.id).begun
    )
    assert begin(uploads).whole is False and begin(uploads).id != begin(uploads).id
    assert len(upload.id) == 32
    for bucket, key, upload_id in (("other", "a/b", upload.id), ("bucket", "k", upload.id), ("bucket", "a/b", "x")):
        with pytest.raises(NoSuchUpload):
            uploads.find(bucket, key, upload_id)


def test_what_cannot_be_uploaded_is_not_begun(uploads, store):
    with pytest.raises(S3Error, match="too long"):
        begin(uploads, "k" * 1025)
    with pytest.raises(NoSuchBucket):
        uploads.begin("nowhere", "k", Attributes(), None, False)
    assert uploads.list_uploads("bucket") == [] and list((store.folder / "uploads").iterdir()) == []


def test_uploads_are_listed_by_key_and_then_by_their_beginning(uploads):
    ids = [begin(uploads, key).id for key in ("b/2", "a", "b/1", "b/1")]
    assert [upload.id for upload in uploads.list_uploads("bucket")] == [ids[1], ids[2], ids[3], ids[0]]
    assert [upload.id for upload in uploads.list_uploads("bucket", "b/")] == [ids[2], ids[3], ids[0]]
    with pytest.raises(NoSuchBucket):
        uploads.list_uploads("nowhere")


def test_parts_are_listed_after_a_number_and_up_to_a_count(uploads):
    upload, other = begin(uploads), begin(uploads)
    for number in (1, 2, 10_000):
        add(uploads, upload, number, b"x" * number)
    add(uploads, other, 3, b"of another")
    assert [(part.number, part.size) for part in uploads.parts(upload)] == [(1, 1), (2, 2), (10_000, 10_000)]
    assert [part.number for part in uploads.parts(upload, 1)] == [2, 10_000]
    assert [part.number for part in uploads.parts(upload, 0, 2)] == [1, 2]
    assert uploads.parts(upload, 10_000) == [] and uploads.parts(upload)[0].etag == hashlib.md5(b"x").hexdigest()


def test_parts_join_in_the_order_of_their_numbers(uploads, store):
    upload = begin(uploads)
    last, first = add(uploads, upload, 7, b"end"), add(uploads, upload, 2, b"four")
    add(uploads, upload, 3, b"not wanted")
    stored = uploads.complete(upload, [first, (7, f'"{last[1]}"')], {})
    digests = hashlib.md5(b"four").digest() + hashlib.md5(b"end").digest()
    assert (stored.path.read_bytes(), stored.size) == (b"fourend", 7)
    assert stored.etag == f"{hashlib.md5(digests).hexdigest()}-2"
    assert (stored.content_type, stored.checksums) == ("text/csv", {})
    assert store.get("bucket", "k") == stored
    assert uploads.list_uploads("bucket") == uploads.parts(upload) == list((store.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ([1, 0], "InvalidPartOrder"),
        ([0, 0], "InvalidPartOrder"),
        ([2, 3], "EntityTooSmall"),
        ([2, 1], "InvalidPartOrder"),
    ],
)
def test_an_order_that_cannot_be_joined_is_rejected_and_can_be_corrected(uploads, order, code):
    upload = begin(uploads)
    parts = [add(uploads, upload, 1, b"four"), add(uploads, upload, 2, b"four"), add(uploads, upload, 3, b"one")]
    parts.append(add(uploads, upload, 4, b"four"))
    with pytest.raises(S3Error) as caught:
        uploads.complete(upload, [parts[number] for number in order], {})
    assert caught.value.code == code
    if code == "EntityTooSmall":
        assert caught.value.details == {"ProposedSize": "3", "MinSizeAllowed": "4"}
    assert uploads.complete(upload, parts[:3], {}).size == 11


@pytest.mark.parametrize("wanted", [(2, hashlib.md5(b"x").hexdigest()), (1, "0" * 32)])
def test_a_part_that_is_not_there_is_not_joined(uploads, wanted):
    upload = begin(uploads)
    add(uploads, upload, 1, b"x")
    with pytest.raises(S3Error, match=f"Part {wanted[0]} was not uploaded") as caught:
        uploads.complete(upload, [wanted], {})
    assert caught.value.code == "InvalidPart"


def test_a_part_that_is_sent_again_replaces_the_first_of_its_number(uploads, store):
    upload = begin(uploads)
    first, second = add(uploads, upload, 1, b"first"), add(uploads, upload, 1, b"the second")
    with pytest.raises(S3Error, match="was not uploaded"):
        uploads.complete(upload, [first], {})
    assert uploads.complete(upload, [second], {}).path.read_bytes() == b"the second"
    assert list(store.temp.iterdir()) == []


def test_the_requested_checksum_covers_those_of_the_parts(uploads):
    upload = begin(uploads, algorithm="CRC32")
    parts = [add(uploads, upload, 1, b"four", "CRC32"), add(uploads, upload, 2, b"x", "CRC32")]
    sums = zlib.crc32(b"four").to_bytes(4) + zlib.crc32(b"x").to_bytes(4)
    assert uploads.complete(upload, parts, {}).checksums == {"CRC32": f"{crc32(sums)}-2"}


def test_without_a_checksum_of_every_part_there_is_none_of_the_object(uploads):
    for algorithm, of_parts in (("CRC32", ""), (None, "CRC32")):
        upload = begin(uploads, algorithm=algorithm)
        parts = [add(uploads, upload, 1, b"four", "CRC32"), add(uploads, upload, 2, b"x", of_parts)]
        assert uploads.complete(upload, parts, {}).checksums == {}


def test_a_checksum_of_the_whole_object_is_compared_and_kept(uploads, store):
    upload = begin(uploads, algorithm="CRC32", whole=True)
    parts = [add(uploads, upload, 1, b"four", "CRC32"), add(uploads, upload, 2, b"x", "CRC32")]
    with pytest.raises(S3Error) as caught:
        uploads.complete(upload, parts, {"CRC32": "AAAAAA=="})
    assert (caught.value.code, list(store.temp.iterdir())) == ("BadDigest", [])
    assert uploads.complete(upload, parts, {"XXHASH3": "AA=="}).checksums == {
        "CRC32": crc32(b"fourx"),
        "XXHASH3": "AA==",
    }


def test_what_is_stated_without_being_asked_for_is_compared_too(uploads):
    upload = begin(uploads)
    part = add(uploads, upload, 1, b"x")
    with pytest.raises(S3Error, match="CRC32 you specified did not match"):
        uploads.complete(upload, [part], {"CRC32": "AAAAAA=="})
    assert uploads.complete(upload, [part], {"CRC32": crc32(b"x")}).checksums == {"CRC32": crc32(b"x")}


def test_a_completion_whose_condition_does_not_hold_can_be_tried_again(uploads, store):
    there = store.put("bucket", "k", [b"there"])
    upload = begin(uploads)
    part = add(uploads, upload, 1, b"new")
    for headers in ({"If-None-Match": "*"}, {"If-Match": '"0"'}):
        with pytest.raises(S3Error) as caught:
            uploads.complete(
                upload,
                [part],
                {},
                lambda existing, given=headers: check_write(existing, lambda name: given.get(name, "")),
            )
        assert caught.value.code == "PreconditionFailed"
    assert store.get("bucket", "k") == there and list(store.temp.iterdir()) == []
    holds = {"If-Match": there.etag}
    uploads.complete(upload, [part], {}, lambda existing: check_write(existing, lambda name: holds.get(name, "")))
    assert store.get("bucket", "k").path.read_bytes() == b"new"


def test_an_upload_that_is_aborted_takes_its_parts_along_and_no_others(uploads, store):
    upload, other = begin(uploads), begin(uploads)
    for each in (upload, other):
        add(uploads, each, 1, b"x")
    uploads.abort(upload)
    assert uploads.list_uploads("bucket") == [other]
    assert [path.name for path in (store.folder / "uploads").iterdir()] == [other.id]
    assert uploads.parts(upload) == [] and len(uploads.parts(other)) == 1
    with pytest.raises(NoSuchUpload):
        add(uploads, upload, 2, b"late")
    assert list(store.temp.iterdir()) == []
    uploads.abort(upload)


def test_a_part_that_was_removed_from_the_disk_ends_the_completion(uploads, store):
    upload = begin(uploads)
    part = add(uploads, upload, 1, b"x")
    (store.folder / "uploads" / upload.id / "1").unlink()
    with pytest.raises(NoSuchUpload):
        uploads.complete(upload, [part], {})
    assert list(store.temp.iterdir()) == []


def waits(act) -> threading.Thread:
    """A thread that has not come to its end yet."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(0.1)
    return thread


def test_a_bucket_that_is_deleted_while_an_upload_begins_takes_the_upload_along(uploads, store, monkeypatch):
    deletions, bucket = [], store.bucket

    def found_and_about_to_be_deleted(name):
        found = bucket(name)
        if not deletions:
            deletions.append(waits(lambda: store.delete_bucket("bucket")))
        return found

    monkeypatch.setattr(store, "bucket", found_and_about_to_be_deleted)
    begun = uploads.begin("bucket", "k", Attributes(), None, False)
    deletions[0].join()
    assert not store.has_bucket("bucket")
    assert store.index.rows("SELECT * FROM uploads") == [] and begun not in [
        p.name for p in (store.folder / "uploads").iterdir()
    ]


def test_a_part_that_is_added_while_its_upload_is_aborted_is_gone_with_it(uploads, store, monkeypatch):
    upload, aborts, find = begin(uploads), [], uploads.find

    def found_and_about_to_be_aborted(*address):
        found = find(*address)
        aborts.append(waits(lambda: uploads.abort(upload)))
        return found

    monkeypatch.setattr(uploads, "find", found_and_about_to_be_aborted)
    add(uploads, upload, 1, b"x")
    aborts[0].join()
    assert store.index.rows("SELECT * FROM parts") == [] and list((store.folder / "uploads").iterdir()) == []


def test_a_completion_waits_for_a_part_that_fails_to_replace_another(uploads, store, monkeypatch):
    """The row of the old part is back, and its file not yet."""
    upload, undo, completions = begin(uploads), Placement.undo, []
    part = add(uploads, upload, 1, b"old")

    def undo_while_another_completes(placement: Placement) -> None:
        completions.append(waits(lambda: uploads.complete(upload, [part], {})))
        undo(placement)

    monkeypatch.setattr(Placement, "undo", undo_while_another_completes)
    with pytest.raises(TypeError):
        uploads.add(upload, 1, write_pending(store.temp, [b"newer"]), {"CRC32": object()})
    completions[0].join()
    assert store.get("bucket", "k").path.read_bytes() == b"old"


@pytest.mark.parametrize(("change", "code"), [("sent again", "InvalidPart"), ("aborted", "NoSuchUpload")])
def test_a_completion_whose_parts_change_while_they_are_joined_makes_no_object(
    uploads, store, monkeypatch, change, code
):
    upload, join = begin(uploads), uploads_module.join_files
    part = add(uploads, upload, 1, b"old")

    def join_while_parts_change(*arguments):
        if change == "sent again":
            add(uploads, upload, 1, b"newer")
        joined = join(*arguments)
        if change == "aborted":
            uploads.abort(upload)
        return joined

    monkeypatch.setattr(uploads_module, "join_files", join_while_parts_change)
    with pytest.raises(S3Error) as caught:
        uploads.complete(upload, [part], {})
    assert caught.value.code == code
    assert store.find("bucket", "k") is None and list(store.temp.iterdir()) == []
