"""Objects through boto3: bytes, attributes, ranges, conditions and copies."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import socket
import time
import urllib.request
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from wildsage.local_runner.s3.call import read_call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.object_operations import get_object
from wildsage.local_runner.s3.objects import Attributes
from wildsage.local_runner.s3.pending_object import write_pending
from wildsage.local_runner.s3.responses import format_time

AWKWARD_KEYS = [
    "a//b",
    "..",
    "../up",
    "./x",
    "folder/",
    "x" * 1024,
    "ü/日本/🚀",
    "a b+c%2F?&#=",
    "\x7f\x01",
    "/lead",
    "~*'()",
]


WITHIN_S = 240


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def code_of(caught) -> str:
    return caught.value.response["Error"]["Code"]


def read(s3, bucket, key, **arguments) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


def test_put_and_get_keep_bytes_and_attributes(s3, bucket):
    attributes = {
        "ContentType": "text/csv",
        "CacheControl": "no-store",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "en",
        "Metadata": {"who": "me", "why": "test"},
    }
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", Tagging="a=1&b=2", **attributes)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"hello"
    assert {name: got[name] for name in attributes} == attributes
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert datetime.now(UTC) - got["LastModified"] < timedelta(minutes=1)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ContentType"]) == (5, "text/csv")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]


def test_metadata_of_the_user_has_a_limit_of_two_kilobytes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="noted", Body=b"", Metadata={"a": "x" * 1023, "b": "y" * 1023})
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="noted", Body=b"x" * 100_000, Metadata={"a": "x" * 1023, "b": "y" * 1024})
    assert code_of(caught) == "MetadataTooLarge"
    assert len(s3.head_object(Bucket=bucket, Key="noted")["Metadata"]) == 2


def test_an_empty_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert read(s3, bucket, "empty") == b""
    assert s3.head_object(Bucket=bucket, Key="empty")["ContentLength"] == 0


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_awkward_keys_through_boto3(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert read(s3, bucket, key) == key.encode()
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=80), body=st.binary(max_size=100))
def test_any_key_and_body_through_boto3(s3, bucket, key, body):
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert read(s3, bucket, key) == body
    s3.delete_object(Bucket=bucket, Key=key)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", b"0"),
        ("bytes=2-5", b"2345"),
        ("bytes=7-", b"789"),
        ("bytes=8-1000", b"89"),
        ("bytes=-3", b"789"),
        ("bytes=-1000", b"0123456789"),
    ],
)
def test_ranges(s3, bucket, asked, expected):
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=asked)
    assert got["Body"].read() == expected
    first = 10 - len(expected) if asked.startswith("bytes=-") else int(asked[6])
    assert got["ContentRange"] == f"bytes {first}-{first + len(expected) - 1}/10"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=50-60", "bytes=-0"])
def test_ranges_outside_the_object_are_rejected(s3, bucket, asked):
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="digits", Range=asked)
    assert code_of(caught) == "InvalidRange"
    assert caught.value.response["Error"]["ActualObjectSize"] == "10"


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert read(s3, bucket, "k", IfMatch=etag, IfUnmodifiedSince=now - hour) == b"x"
    assert read(s3, bucket, "k", IfNoneMatch='"other"', IfModifiedSince=now + hour) == b"x"
    for condition, status in [
        ({"IfMatch": '"other"'}, 412),
        ({"IfUnmodifiedSince": now - hour}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfModifiedSince": now}, 304),
    ]:
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=bucket, Key="k", **condition)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_conditional_writes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="lock", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="lock", Body=b"2", IfNoneMatch="*")
    assert code_of(caught) == "PreconditionFailed"
    s3.put_object(Bucket=bucket, Key="lock", Body=b"3", IfMatch=etag)
    with pytest.raises(ClientError):
        s3.put_object(Bucket=bucket, Key="lock", Body=b"4", IfMatch=etag)
    assert read(s3, bucket, "lock") == b"3"


def test_response_headers_can_be_overridden(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/plain", ResponseCacheControl="no-cache")
    assert (got["ContentType"], got["CacheControl"]) == ("text/plain", "no-cache")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_verified_kept_and_returned(s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello"
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert got["ChecksumType"] == "FULL_OBJECT"


@pytest.mark.parametrize(
    "stated", [{"ChecksumCRC32": "AAAAAA=="}, {"ChecksumSHA256": "A" * 43 + "="}, {"ContentMD5": "A" * 22 + "=="}]
)
def test_bytes_that_differ_from_their_digest_are_rejected(s3, bucket, stated):
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **stated)
    assert code_of(caught) == "BadDigest"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_checksums_that_cannot_be_computed_are_handed_back_as_stated(server, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("PUT", f"/{bucket}/k", b"x", {"x-amz-checksum-xxhash3": "AAAAAAAAAAA="})
    connection.getresponse().read()
    connection.request("HEAD", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert connection.getresponse().headers["x-amz-checksum-xxhash3"] == "AAAAAAAAAAA="


def test_versions_are_not_implemented(s3, bucket):
    with pytest.raises(ClientError, match="Versions of objects") as caught:
        s3.delete_object(Bucket=bucket, Key="k", VersionId="1")
    assert code_of(caught) == "NotImplemented"


def test_copy_keeps_or_replaces_attributes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from ü", Body=b"x" * 1000, ContentType="text/csv", Metadata={"a": "1"})
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from ü"})
    assert copied["CopyObjectResult"]["ETag"] == s3.head_object(Bucket=bucket, Key="from ü")["ETag"]
    assert s3.head_object(Bucket=bucket, Key="to")["Metadata"] == {"a": "1"}
    source = {"Bucket": bucket, "Key": "to"}
    with pytest.raises(ClientError, match="itself"):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert s3.head_object(Bucket=bucket, Key="to")["Metadata"] == {"b": "2"}
    assert read(s3, bucket, "to") == b"x" * 1000


def test_a_copy_can_depend_on_its_source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x")
    with pytest.raises(ClientError) as caught:
        s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", CopySourceIfMatch='"other"')
    assert code_of(caught) == "PreconditionFailed"


def test_deleting_many_at_once(s3, bucket):
    names = [f"k/{number}" for number in range(30)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    order = {"Objects": [{"Key": name} for name in [*names[:20], "absent"]]}
    assert len(s3.delete_objects(Bucket=bucket, Delete=order)["Deleted"]) == 21
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={**order, "Quiet": True})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 10


def test_presigned_addresses_work(s3, bucket):
    put = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k é"})
    request = urllib.request.Request(put, data=b"by hand", method="PUT")
    assert urllib.request.urlopen(request).status == 200
    get = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k é"})
    assert urllib.request.urlopen(get).read() == b"by hand"


def test_expect_100_continue_is_answered_before_the_body_comes(server, bucket):
    """boto3 waits a second for the answer before it sends the body anyway."""
    head = f"PUT /{bucket}/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S) as client,
        client.makefile("rb") as answer,
    ):
        client.sendall(head.encode())
        assert [answer.readline(), answer.readline()] == [b"HTTP/1.1 100 Continue\r\n", b"\r\n"]
        client.sendall(b"body")
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"


def test_a_client_that_hangs_up_leaves_no_object(server, s3, bucket):
    begun = server.folder / "temp"
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("PUT", f"/{bucket}/half")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"x" * 100_000)
    until(lambda: len(os.listdir(begun)) == 1)
    connection.close()
    until(lambda: os.listdir(begun) == [])
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_length_is_required(server, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("PUT", f"/{bucket}/k")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, b"MissingContentLength" in answer.read()) == (411, True)


def test_rejected_uploads_get_their_answer_though_the_body_is_large(s3):
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="no-such-bucket", Key="k", Body=b"x" * 30_000_000)
    assert code_of(caught) == "NoSuchBucket"


def test_attributes_are_those_that_were_asked_for(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"body", ChecksumAlgorithm="SHA256")
    found = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"]
    )
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (f'"{found["ETag"]}"', found["ObjectSize"], found["StorageClass"]) == (head["ETag"], 4, "STANDARD")
    assert found["Checksum"] == {"ChecksumSHA256": head["ChecksumSHA256"], "ChecksumType": "FULL_OBJECT"}
    assert found["LastModified"] == head["LastModified"] and "ObjectParts" not in found
    few = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert few["ObjectSize"] == 4 and "ETag" not in few
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    found = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=["ObjectParts"])
    assert found["ObjectParts"] == {"TotalPartsCount": 1}
    with pytest.raises(ClientError, match="Invalid attribute name"):
        s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Colour"])


@pytest.mark.parametrize("value", ["\u0665", "\0", "a\r\nX: y", "\xff"])
def test_a_header_of_an_answer_that_cannot_be_sent_is_rejected(s3, bucket, value):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    with pytest.raises(s3.exceptions.ClientError, match="InvalidArgument"):
        s3.get_object(Bucket=bucket, Key="k", ResponseContentDisposition=value)


def test_a_digest_that_is_not_ascii_is_rejected(server, bucket):
    answer = urllib3.request(
        "PUT", f"{server.endpoint}/{bucket}/k", body=b"1", headers={"Content-MD5": "\xe9"}, timeout=240
    )
    assert answer.status == 400 and b"InvalidDigest" in answer.data


# Without a server


def code(answer) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def put(local, key: str = "k", body: bytes = b"content", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return local.http.put(f"/bucket/{key}", input_stream=io.BytesIO(body), content_length=len(body), headers=named)


def test_a_header_of_an_object_comes_back_as_it_was_given(local):
    given = {
        "Cache-Control": "no-store",
        "Content-Disposition": "attachment",
        "Content-Language": "en",
        "Expires": "0",
        "Content-Type": "text/csv",
        "x-amz-meta-who-me": "Me",
    }
    framed = b"7\r\ncontent\r\n0\r\n\r\n"  # the frames, and their coding, are gone when the object is stored
    put(local, body=framed, **given, Content_Encoding="gzip , aws-chunked,br")
    found = local.http.get("/bucket/k").headers
    assert {name: found[name] for name in given} == given and found["Content-Encoding"] == "gzip,br"


def test_an_object_has_no_headers_but_those_that_were_given(local):
    put(local)
    found = local.http.get("/bucket/k").headers
    assert found["Content-Type"] == "binary/octet-stream" and found["Accept-Ranges"] == "bytes"
    assert not {*OVERRIDABLE, "x-amz-tagging-count"} - {"Content-Type"} & {name for name, _ in found}


def test_a_write_tells_the_etag_and_the_checksums(local):
    stated = base64.b64encode(zlib.crc32(b"content").to_bytes(4)).decode()
    answer = put(local, x_amz_checksum_crc32=stated)
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
    assert (answer.headers["x-amz-checksum-crc32"], answer.headers["x-amz-checksum-type"]) == (stated, "FULL_OBJECT")
    for mode, told in (("enabled", stated), ("", None)):
        read = local.http.get("/bucket/k", headers={"x-amz-checksum-mode": mode})
        assert (read.headers.get("x-amz-checksum-crc32"), read.data) == (told, b"content")
    part = local.http.get("/bucket/k", headers={"x-amz-checksum-mode": "ENABLED", "Range": "bytes=0-1"})
    assert "x-amz-checksum-crc32" not in part.headers


def test_a_write_into_a_bucket_that_is_missing_is_rejected_before_its_body_is_stored(local):
    answer = local.http.put("/nowhere/k", data=b"x")
    assert (code(answer), list(local.store.temp.iterdir())) == ("NoSuchBucket", [])


@pytest.mark.parametrize("content", [b"", b"content"])
def test_the_head_of_an_object_is_that_of_a_read_without_the_body(local, content):
    put(local, body=content)
    read, head = local.http.get("/bucket/k"), local.http.head("/bucket/k")
    assert (read.data, head.data) == (content, b"")
    differing = ("x-amz-request-id", "x-amz-id-2")
    read_headers, head_headers = (
        {name: value for name, value in answer.headers if name not in differing} for answer in (read, head)
    )
    assert read_headers == head_headers and head.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("HEAD", {}, 200),
        ("GET", {"If-None-Match": "*"}, 304),
        ("GET", {"If-Match": "x"}, 412),
        ("GET", {"Range": "bytes=90-"}, 416),
    ],
)
def test_the_file_of_an_object_is_closed_after_its_answer(local, method, headers, status):
    stored = local.store.put("bucket", "k", [b"content"])
    file = stored.path.open("rb")
    environ = EnvironBuilder("/bucket/k", method=method, headers=headers).get_environ()
    try:
        answer = get_object(lambda bucket, key: (stored, file), read_call(Request(environ)))
    except S3Error as error:
        assert error.status == status
    else:
        assert answer.status_code == status and (answer.headers["ETag"] == f'"{stored.etag}"')
        answer.close()
    assert file.closed


OVERRIDABLE = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Type",
    "Expires",
)


@pytest.mark.parametrize("name", OVERRIDABLE)
def test_each_of_six_headers_can_be_overridden(local, name):
    put(local)
    assert local.http.get(f"/bucket/k?response-{name.lower()}=other").headers[name] == "other"
    for wrong in ("%0A", "%C3%A9"):
        answer = local.http.get(f"/bucket/k?response-{name.lower()}=a{wrong}")
        assert (code(answer), f"response-{name.lower()}: got" in answer.text) == ("InvalidArgument", True)


def test_a_part_of_an_object_is_not_implemented(local):
    put(local)
    answer = local.http.get("/bucket/k?partNumber=1")
    assert (code(answer), "GetObject with partNumber" in answer.text) == ("NotImplemented", True)


def test_a_range_is_told_with_the_size_of_the_whole(local):
    put(local)
    answer = local.http.get("/bucket/k", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.data[:3], answer.headers["Content-Range"]) == (206, b"nte", "bytes 2-4/7")
    assert answer.headers["Content-Length"] == "3"


def copy(local, source: str = "bucket/k", target: str = "to", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return local.http.put(f"/bucket/{target}", headers={"x-amz-copy-source": source, **named})


def test_a_copy_to_itself_must_change_something(local):
    put(local, x_amz_tagging="a=1")
    for target, headers, status in [
        ("k", {}, 400),
        ("k", {"x_amz_metadata_directive": "COPY"}, 400),
        ("k", {"x_amz_metadata_directive": "REPLACE"}, 200),
        ("k", {"x_amz_tagging_directive": "REPLACE"}, 200),
        ("to", {}, 200),
    ]:
        assert copy(local, "/bucket/k", target, **headers).status_code == status
    assert code(copy(local, target="k")) == "InvalidRequest"


def test_a_copy_keeps_what_no_directive_replaces(local):
    put(local, Content_Type="text/csv", x_amz_tagging="a=1", Expires="0")
    given = {"Content_Type": "text/plain", "x_amz_tagging": "b=2"}
    for metadata in ("", "COPY", "REPLACE"):
        for tagging in ("", "COPY", "REPLACE"):
            copy(local, x_amz_metadata_directive=metadata, x_amz_tagging_directive=tagging, **given)
            found = local.store.get("bucket", "to").attributes
            assert found.content_type == ("text/plain" if metadata == "REPLACE" else "text/csv")
            assert ("Expires" in found.headers) == (metadata != "REPLACE")
            assert found.tagging == ("b=2" if tagging == "REPLACE" else "a=1")


def test_a_copy_has_the_checksums_that_are_asked_for_or_those_of_the_whole_original(local):
    crc32 = base64.b64encode(zlib.crc32(b"content").to_bytes(4)).decode()
    sha1 = base64.b64encode(hashlib.sha1(b"content").digest()).decode()
    put(local, x_amz_checksum_crc32=crc32)
    for headers, checksums in (({}, {"CRC32": crc32}), ({"x_amz_checksum_algorithm": "sha1"}, {"SHA1": sha1})):
        answer = copy(local, **headers)
        assert all(f"<Checksum{name}>{value}</Checksum{name}>" in answer.text for name, value in checksums.items())
        assert local.store.get("bucket", "to").checksums == checksums
    pending = write_pending(local.store.temp, [b"content"])
    local.store.commit("bucket", "parts", pending, Attributes(), "e-2", {"CRC32": "AAAAAA==-2", "XXHASH3": "AA=="})
    copy(local, "bucket/parts")
    assert local.store.get("bucket", "to").checksums == {}


def test_a_copy_tells_its_etag_and_its_time(local):
    put(local)
    answer, copied = copy(local), local.store.get("bucket", "to")
    assert f"<ETag>&quot;{copied.etag}&quot;</ETag>" in answer.text
    assert f"<LastModified>{format_time(copied.last_modified)}</LastModified>" in answer.text
    assert copied.path.read_bytes() == b"content"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("bucket", "InvalidArgument"),
        ("bucket/", "InvalidArgument"),
        ("/bucket/absent", "NoSuchKey"),
        ("nowhere/k", "NoSuchBucket"),
        ("bucket/k?versionId=1", "NotImplemented"),
        ("bucket/k?versionId=null", ""),
        ("bucket%2Fk", ""),
        ("/bucket/k", ""),
    ],
)
def test_the_source_of_a_copy(local, source, expected):
    put(local)
    assert code(copy(local, source)) == expected


def test_a_copy_depends_on_its_source_and_its_target(local):
    put(local)
    assert code(copy(local, x_amz_copy_source_if_match='"x"')) == "PreconditionFailed"
    assert code(local.http.put("/nowhere/k", headers={"x-amz-copy-source": "bucket/k"})) == "NoSuchBucket"
    assert code(copy(local, x_amz_copy_source_if_none_match='"x"')) == ""


def attributes(local, names: str):
    return local.http.get("/bucket/k?attributes", headers={"x-amz-object-attributes": names})


def test_attributes_are_those_that_the_request_names(local):
    stored = local.store.put("bucket", "k", [b"content"])
    answer = attributes(local, "ETag, ObjectSize,StorageClass")
    assert f"<ETag>{stored.etag}</ETag><StorageClass>STANDARD</StorageClass><ObjectSize>7</ObjectSize>" in answer.text
    assert answer.headers["Last-Modified"] == local.http.get("/bucket/k").headers["Last-Modified"]
    assert (
        "<Checksum>" not in attributes(local, "Checksum").text
        and "ObjectParts" not in attributes(local, "ObjectParts").text
    )
    pending = write_pending(local.store.temp, [b"content"])
    local.store.commit("bucket", "k", pending, Attributes(), "e-12", {"CRC32": "AAAAAA==-12"})
    answer = attributes(local, "ObjectParts,Checksum").text
    assert "<ObjectParts><PartsCount>12</PartsCount></ObjectParts>" in answer
    assert "<ChecksumCRC32>AAAAAA==-12</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>" in answer
    assert code(attributes(local, "ETag,Colour")) == "InvalidArgument"


def delete(local, keys: list[str], quiet: str = ""):
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    quiet = f"<Quiet>{quiet}</Quiet>" if quiet else ""
    return local.http.post("/bucket?delete", data=f"<Delete>{quiet}{objects}</Delete>".encode())


def test_a_thousand_keys_are_deleted_at_once(local):
    local.store.put("bucket", "k", [b"content"])
    answer = delete(local, ["k", *map(str, range(999))])
    assert (answer.status_code, answer.text.count("<Deleted>")) == (200, 1000)
    assert list(local.store.list("bucket")) == []
    for wrong in ([], ["k"] * 1001, ["k", ""]):
        assert code(delete(local, wrong)) == "MalformedXML"


@pytest.mark.parametrize(("quiet", "told"), [("", 1), ("false", 1), ("true", 0)])
def test_deletions_are_told_unless_the_client_wants_it_quiet(local, quiet, told):
    local.store.put("bucket", "k", [b"content"])
    assert delete(local, ["k"], quiet).text.count("<Deleted><Key>k</Key></Deleted>") == told
    assert local.store.find("bucket", "k") is None


def test_a_deletion_is_answered_without_a_body(local):
    local.store.put("bucket", "k", [b"content"])
    for _ in range(2):
        assert (local.http.delete("/bucket/k").status_code, local.store.find("bucket", "k")) == (204, None)
    assert code(local.http.delete("/nowhere/k")) == "NoSuchBucket"
