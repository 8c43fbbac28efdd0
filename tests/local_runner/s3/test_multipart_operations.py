"""Multipart uploads, through boto3's transfer manager and call by call."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
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


# Without a server


def code(answer) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def element(answer, name: str) -> str:
    return answer.text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]


def start(local, key: str = "k", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = local.http.post(f"/bucket/{key}?uploads", headers=named)
    return answer, f"/bucket/{key}?uploadId={element(answer, 'UploadId')}"


def put_part(local, upload: str, number: object, body: bytes = b"part", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return local.http.put(
        f"{upload}&partNumber={number}", input_stream=io.BytesIO(body), content_length=len(body), headers=named
    )


def finish(local, upload: str, parts: list[tuple[object, str]], **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
    return local.http.post(upload, data=document.encode(), headers=named)


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4)).decode()


@pytest.mark.parametrize(
    ("headers", "algorithm", "kind"),
    [
        ({}, None, None),
        ({"x_amz_checksum_type": "FULL_OBJECT"}, None, None),
        ({"x_amz_checksum_algorithm": "crc32"}, "CRC32", "COMPOSITE"),
        ({"x_amz_checksum_algorithm": "CRC32", "x_amz_checksum_type": "full_object"}, "CRC32", "FULL_OBJECT"),
        ({"x_amz_checksum_algorithm": "CRC32", "x_amz_checksum_type": "COMPOSITE"}, "CRC32", "COMPOSITE"),
        ({"x_amz_checksum_algorithm": "CRC64NVME"}, "CRC64NVME", "FULL_OBJECT"),
    ],
)
def test_an_upload_begins_with_the_checksum_that_it_will_have(local, headers, algorithm, kind):
    answer, upload = start(local, **headers)
    assert (element(answer, "Bucket"), element(answer, "Key")) == ("bucket", "k")
    told = [answer.headers.get(f"x-amz-checksum-{name}") for name in ("algorithm", "type")]
    assert told == [algorithm, kind]
    assert element(local.http.get(upload), "ChecksumAlgorithm") == (algorithm or "")


def test_a_part_tells_its_etag_and_its_checksum(local):
    _, upload = start(local, x_amz_checksum_algorithm="CRC32")
    answer = put_part(local, upload, 1)
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"part").hexdigest()}"'
    assert answer.headers["x-amz-checksum-crc32"] == crc32(b"part")
    assert "x-amz-checksum-type" not in answer.headers
    (part,) = Uploads(local.store).parts(Uploads(local.store).find("bucket", "k", upload.partition("=")[2]))
    assert part.checksums == {"CRC32": crc32(b"part")}
    _, plain = start(local, "plain")
    assert "x-amz-checksum-crc32" not in put_part(local, plain, 1).headers


@pytest.mark.parametrize(
    ("number", "right"), [("1", True), ("10000", True), ("0", False), ("10001", False), ("x", False)]
)
def test_the_number_of_a_part_is_between_one_and_ten_thousand(local, number, right):
    _, upload = start(local)
    assert code(put_part(local, upload, number)) == ("" if right else "InvalidArgument")
    copied = local.http.put(f"{upload}&partNumber={number}", headers={"x-amz-copy-source": "bucket/absent"})
    assert code(copied) == ("NoSuchKey" if right else "InvalidArgument")


def test_an_upload_that_is_not_there_takes_no_part(local):
    for answer in (
        put_part(local, "/bucket/k?uploadId=x", 1),
        finish(local, "/bucket/k?uploadId=x", [(1, "e")]),
        local.http.get("/bucket/k?uploadId=x"),
        local.http.delete("/bucket/k?uploadId=x"),
    ):
        assert (answer.status_code, code(answer)) == (404, "NoSuchUpload")


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({}, b"0123456789"),
        ({"x_amz_copy_source_range": "bytes=2-4"}, b"234"),
        ({"x_amz_copy_source_range": "bytes=9-9"}, b"9"),
    ],
)
def test_a_part_is_copied_from_an_object_or_a_range_of_it(local, headers, content):
    local.store.put("bucket", "from", [b"0123456789"])
    _, upload = start(local, x_amz_checksum_algorithm="CRC32")
    answer = put_part(local, upload, 1, b"", x_amz_copy_source="bucket/from", **headers)
    etag = hashlib.md5(content).hexdigest()
    assert f"<ETag>&quot;{etag}&quot;</ETag><LastModified>20" in answer.text
    assert element(answer, "ChecksumCRC32") == crc32(content)
    done = finish(local, upload, [(1, etag)])
    assert local.store.get("bucket", "k").path.read_bytes() == content and element(done, "ChecksumType") == "COMPOSITE"
    failed = put_part(local, upload, 1, b"", x_amz_copy_source="bucket/from", x_amz_copy_source_if_match='"x"')
    assert failed.status_code == 404  # the upload has ended
    _, other = start(local)
    failed = put_part(local, other, 1, b"", x_amz_copy_source="bucket/from", x_amz_copy_source_if_match='"x"')
    assert code(failed) == "PreconditionFailed"


def test_a_completion_tells_what_the_object_is(local):
    _, upload = start(local, Content_Type="text/csv")
    etag = put_part(local, upload, 3).headers["ETag"]
    answer = finish(local, upload, [(3, etag)])
    assert element(answer, "Location") == "http://localhost/bucket/k"
    stored = local.store.get("bucket", "k")
    assert element(answer, "ETag") == f"&quot;{stored.etag}&quot;" and stored.etag.endswith("-1")
    assert (stored.content_type, "ChecksumType" in answer.text) == ("text/csv", False)


def test_a_completion_may_state_the_checksum_of_a_whole_object(local):
    for kind, stated, expected in [
        ("FULL_OBJECT", crc32(b"other"), "BadDigest"),
        ("FULL_OBJECT", crc32(b"part"), ""),
        ("FULL_OBJECT", f"{crc32(b'part')}-1", ""),
        ("COMPOSITE", crc32(b"other"), ""),
    ]:
        _, upload = start(local, x_amz_checksum_algorithm="CRC32", x_amz_checksum_type=kind)
        etag = put_part(local, upload, 1).headers["ETag"]
        assert code(finish(local, upload, [(1, etag)], x_amz_checksum_crc32=stated)) == expected, kind


@pytest.mark.parametrize("parts", [[], [("x", "e")], [("", "e")], [("1", "")], [("-1", "e")]])
def test_a_completion_names_numbers_and_etags(local, parts):
    _, upload = start(local)
    assert code(finish(local, upload, parts)) == "MalformedXML"
    assert code(local.http.post(upload, data=b"<Other/>")) == "MalformedXML"


def test_a_completion_may_be_conditional(local):
    local.store.put("bucket", "k", [b"there"])
    _, upload = start(local)
    etag = put_part(local, upload, 1).headers["ETag"]
    assert code(finish(local, upload, [(1, etag)], If_None_Match="*")) == "PreconditionFailed"
    assert code(finish(local, upload, [(1, etag)], If_Match="*")) == ""
    assert local.store.get("bucket", "k").path.read_bytes() == b"part"


def test_an_abortion_is_answered_without_a_body(local):
    _, upload = start(local)
    assert (local.http.delete(upload).status_code, code(local.http.delete(upload))) == (204, "NoSuchUpload")


def test_a_page_of_parts_says_where_the_next_begins(local):
    _, upload = start(local, x_amz_checksum_algorithm="CRC32")
    assert (element(local.http.get(upload), "NextPartNumberMarker"), element(local.http.get(upload), "MaxParts")) == (
        "0",
        "1000",
    )
    for number in (1, 2, 5):
        put_part(local, upload, number, b"x" * number)
    for query, numbers, truncated in [
        ("", [1, 2, 5], "false"),
        ("&max-parts=3", [1, 2, 5], "false"),
        ("&max-parts=2", [1, 2], "true"),
        ("&part-number-marker=2", [5], "false"),
        ("&part-number-marker=1&max-parts=1", [2], "true"),
        ("&max-parts=1001", [1, 2, 5], "false"),
    ]:
        page = local.http.get(upload + query)
        assert [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", page.text)] == numbers
        assert element(page, "IsTruncated") == truncated
        assert element(page, "NextPartNumberMarker") == str(numbers[-1])
    assert element(local.http.get(f"{upload}&max-parts=2"), "MaxParts") == "2"
    assert element(local.http.get(f"{upload}&max-parts=1001"), "MaxParts") == "1000"
    assert element(local.http.get(f"{upload}&part-number-marker=2"), "PartNumberMarker") == "2"
    page = local.http.get(upload)
    assert f"<Size>2</Size><ChecksumCRC32>{crc32(b'xx')}</ChecksumCRC32></Part>" in page.text
    assert "<Initiator><ID>local</ID>" in page.text and "<Owner><ID>local</ID>" in page.text
    assert element(page, "StorageClass") == "STANDARD"


def test_uploads_are_listed_on_one_page(local):
    for key in ("a/1", "b"):
        start(local, key, x_amz_checksum_algorithm="SHA1")
    page = local.http.get("/bucket?uploads")
    assert re.findall(r"<Key>(.*?)</Key>", page.text) == ["a/1", "b"]
    assert (element(page, "IsTruncated"), element(page, "MaxUploads")) == ("false", "1000")
    assert element(page, "ChecksumAlgorithm") == "SHA1" and element(page, "Initiated").startswith("20")
    page = local.http.get("/bucket?uploads&prefix=a%2F")
    assert re.findall(r"<Key>(.*?)</Key>", page.text) == ["a/1"] and element(page, "Prefix") == "a/"
    assert code(local.http.get("/bucket?uploads&delimiter=%2F")) == "NotImplemented"
