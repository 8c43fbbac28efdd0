"""Multipart uploads, through boto3's transfer manager and call by call."""

from __future__ import annotations

import hashlib
import os
import zlib

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from wildsage.local_runner.s3.errors import NoSuchUpload
from wildsage.local_runner.s3.objects import Attributes
from wildsage.local_runner.s3.pending_object import write_pending
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.uploads import Uploads

PART_BYTES = 5 << 20


def code_of(caught) -> str:
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def upload(s3, bucket):
    """Arguments of an upload that was begun."""
    return {
        "Bucket": bucket,
        "Key": "k",
        "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="text/csv")["UploadId"],
    }


def add(s3, upload, number: int, body: bytes) -> dict:
    return {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}


def complete(s3, upload, parts) -> dict:
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_the_transfer_manager_moves_sixty_megabytes_both_ways(s3, bucket, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(60_000_000))
    config = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
    s3.upload_file(str(source), bucket, "big", ExtraArgs={"Metadata": {"a": "1"}}, Config=config)
    s3.download_file(bucket, "big", str(target), Config=config)
    assert target.read_bytes() == source.read_bytes()
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-8"')
    assert head["ChecksumCRC32"].endswith("-8") and head["ChecksumType"] == "COMPOSITE"
    assert head["Metadata"] == {"a": "1"}


def test_parts_in_any_order_join_by_number(s3, upload):
    last, first = add(s3, upload, 7, b"last"), add(s3, upload, 2, b"x" * PART_BYTES)
    done = complete(s3, upload, [first, last])
    md5s = hashlib.md5(b"x" * PART_BYTES).digest() + hashlib.md5(b"last").digest()
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-2"'
    got = s3.get_object(Bucket=upload["Bucket"], Key="k")
    assert got["Body"].read() == b"x" * PART_BYTES + b"last"
    assert got["ContentType"] == "text/csv"


def test_a_part_may_be_sent_again_or_left_out(s3, upload):
    add(s3, upload, 1, b"wrong")
    add(s3, upload, 2, b"not wanted")
    complete(s3, upload, [add(s3, upload, 1, b"right")])
    assert s3.get_object(Bucket=upload["Bucket"], Key="k")["Body"].read() == b"right"


def test_a_part_number_that_is_used_twice_is_the_last_part_of_that_number(s3, upload):
    first, second = add(s3, upload, 1, b"first"), add(s3, upload, 1, b"the second")
    assert [(part["ETag"], part["Size"]) for part in s3.list_parts(**upload)["Parts"]] == [(second["ETag"], 10)]
    with pytest.raises(ClientError) as caught:
        complete(s3, upload, [first])
    assert code_of(caught) == "InvalidPart"
    with pytest.raises(ClientError) as caught:
        complete(s3, upload, [second, second])
    assert code_of(caught) == "InvalidPartOrder"
    complete(s3, upload, [second])
    assert s3.get_object(Bucket=upload["Bucket"], Key="k")["Body"].read() == b"the second"


def test_a_condition_of_a_completion_is_that_of_the_object_it_replaces(s3, upload):
    bucket, parts = upload["Bucket"], [add(s3, upload, 1, b"new")]
    there = s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"0"'}):
        with pytest.raises(ClientError) as caught:
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
        assert code_of(caught) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"there"
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfMatch=there["ETag"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_a_completion_whose_upload_another_has_ended_meanwhile_finds_no_upload(tmp_path, monkeypatch):
    """Both have read the list of parts; the files of the parts are gone when the second joins them."""
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket")
    uploads = Uploads(store)
    upload = uploads.find("bucket", "k", uploads.begin("bucket", "k", Attributes(), None, False))
    uploads.add(upload, 1, write_pending(store.temp, [b"part"]), {})
    (part,) = uploads.parts(upload)
    chosen = Uploads._chosen

    def chosen_before_the_other_completes(self, upload, wanted):
        parts = list(chosen(self, upload, wanted))
        monkeypatch.undo()
        uploads.complete(upload, wanted, {})
        return parts

    monkeypatch.setattr(Uploads, "_chosen", chosen_before_the_other_completes)
    with pytest.raises(NoSuchUpload):
        uploads.complete(upload, [(1, part.etag)], {})
    assert store.get("bucket", "k").path.read_bytes() == b"part"
    assert list(store.temp.iterdir()) == []
    store.close()


@pytest.mark.parametrize("page_size", [1, 2, 3, 4])
def test_parts_are_listed_page_by_page_to_the_last(s3, upload, page_size):
    for number in (2, 5, 10_000):
        add(s3, upload, number, b"x")
    pages = list(s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": page_size}))
    assert [part["PartNumber"] for page in pages for part in page["Parts"]] == [2, 5, 10_000]
    assert [page["IsTruncated"] for page in pages] == [True] * (-(-3 // page_size) - 1) + [False]


def test_a_checksum_of_the_whole_object_is_verified(s3, bucket):
    def send(value: str) -> None:
        begun = s3.create_multipart_upload(
            Bucket=bucket, Key="whole", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
        )
        upload = {"Bucket": bucket, "Key": "whole", "UploadId": begun["UploadId"]}
        parts = [add(s3, upload, 1, b"x" * PART_BYTES), add(s3, upload, 2, b"y")]
        s3.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": parts}, ChecksumCRC32=value, ChecksumType="FULL_OBJECT"
        )

    with pytest.raises(ClientError) as caught:
        send("AAAAAA==")
    assert code_of(caught) == "BadDigest"
    right = s3.put_object(Bucket=bucket, Key="same", Body=b"x" * PART_BYTES + b"y")["ChecksumCRC32"]
    send(right)
    assert s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")["ChecksumCRC32"] == right
    assert zlib.crc32(s3.get_object(Bucket=bucket, Key="whole")["Body"].read()) == zlib.crc32(b"x" * PART_BYTES + b"y")


def test_parts_copied_from_objects(s3, upload):
    bucket = upload["Bucket"]
    s3.put_object(Bucket=bucket, Key="from", Body=b"a" * PART_BYTES + b"b" * 10)
    source = {"Bucket": bucket, "Key": "from"}
    whole = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    piece = s3.upload_part_copy(
        **upload, PartNumber=2, CopySource=source, CopySourceRange=f"bytes={PART_BYTES}-{PART_BYTES + 2}"
    )["CopyPartResult"]
    complete(s3, upload, [{"PartNumber": 1, "ETag": whole["ETag"]}, {"PartNumber": 2, "ETag": piece["ETag"]}])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"a" * PART_BYTES + b"b" * 13


def test_managed_copies_of_large_objects(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"z" * (PART_BYTES + 1))
    config = TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=PART_BYTES)
    s3.copy({"Bucket": bucket, "Key": "from"}, bucket, "to", Config=config)
    assert s3.head_object(Bucket=bucket, Key="to")["ContentLength"] == PART_BYTES + 1


def test_bad_completions_are_rejected_and_can_be_corrected(s3, upload):
    first, second = add(s3, upload, 1, b"small"), add(s3, upload, 2, b"last")
    for parts, code in [
        ([first, second], "EntityTooSmall"),
        ([second, first], "InvalidPartOrder"),
        ([{**first, "ETag": '"0"'}], "InvalidPart"),
        ([{"PartNumber": 3, "ETag": first["ETag"]}], "InvalidPart"),
        ([], "MalformedXML"),
    ]:
        with pytest.raises(ClientError) as caught:
            complete(s3, upload, parts)
        assert code_of(caught) == code
    complete(s3, upload, [first])
    assert s3.get_object(Bucket=upload["Bucket"], Key="k")["Body"].read() == b"small"


def test_uploads_and_parts_are_listed_until_aborted(s3, server, upload):
    bucket = upload["Bucket"]
    for number in (1, 2, 3):
        add(s3, upload, number, bytes(number))
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload["UploadId"]]
    pages = list(s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2}))
    assert [part["Size"] for page in pages for part in page["Parts"]] == [1, 2, 3]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert upload["UploadId"] not in os.listdir(server.folder / "uploads")
    with pytest.raises(s3.exceptions.NoSuchUpload):
        add(s3, upload, 1, b"late")


def test_part_numbers_have_limits(s3, upload):
    for number in (0, 10_001):
        with pytest.raises(ClientError) as caught:
            add(s3, upload, number, b"x")
        assert code_of(caught) == "InvalidArgument"


def test_a_bucket_goes_with_its_unfinished_uploads(s3, server, upload):
    add(s3, upload, 1, b"x")
    s3.delete_bucket(Bucket=upload["Bucket"])
    assert upload["UploadId"] not in os.listdir(server.folder / "uploads")
