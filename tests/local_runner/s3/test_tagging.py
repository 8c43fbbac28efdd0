"""Tags of objects: given with the object or later, kept by a copy unless a directive replaces them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.tagging import encode, from_document, from_header


def tags(s3, bucket: str, key: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def tag_set(**given: str) -> dict:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in given.items()]}


def test_tags_are_put_replaced_and_deleted(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"body", Tagging="a=1&b=x%20y", Metadata={"m": "1"})
    before = s3.head_object(Bucket=bucket, Key="k")
    assert tags(s3, bucket, "k") == {"a": "1", "b": "x y"} and before["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(c="ä & ö"))
    assert tags(s3, bucket, "k") == {"c": "ä & ö"}
    after = s3.head_object(Bucket=bucket, Key="k")
    assert (after["ETag"], after["LastModified"], after["Metadata"]) == (
        before["ETag"],
        before["LastModified"],
        {"m": "1"},
    )
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert tags(s3, bucket, "k") == {} and "TagCount" not in s3.head_object(Bucket=bucket, Key="k")


def test_a_copy_keeps_the_tags_unless_the_directive_replaces_them(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1", Metadata={"m": "1"})
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert tags(s3, bucket, "kept") == {"a": "1"}
    assert s3.head_object(Bucket=bucket, Key="kept")["Metadata"] == {"n": "2"}
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, TaggingDirective="REPLACE", Tagging="b=2")
    assert tags(s3, bucket, "new") == {"b": "2"}
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"m": "1"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({f"k{number}": "" for number in range(11)}, "BadRequest"),
        ({"k" * 129: ""}, "InvalidTag"),
        ({"k": "v" * 257}, "InvalidTag"),
        ({"aws:k": ""}, "InvalidTag"),
    ],
)
def test_tags_that_s3_does_not_take_are_rejected(s3, bucket, given, code):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(ClientError) as caught:
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(**given))
    assert caught.value.response["Error"]["Code"] == code
    assert tags(s3, bucket, "k") == {}


def test_a_rejected_write_leaves_no_file(s3, bucket, server):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    uploads_of_others = set((server.folder / "uploads").iterdir())
    with pytest.raises(ClientError, match="shall be encoded"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"body", Tagging="a&b")
    with pytest.raises(ClientError, match="shall be encoded"):
        s3.copy_object(
            Bucket=bucket,
            Key="copy",
            CopySource={"Bucket": bucket, "Key": "k"},
            TaggingDirective="REPLACE",
            Tagging="a&b",
        )
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.create_multipart_upload(Bucket="no-such-bucket", Key="k")
    assert list((server.folder / "temp").iterdir()) == []
    assert set((server.folder / "uploads").iterdir()) <= uploads_of_others


def test_a_key_occurs_once_and_the_header_is_url_encoded(s3, bucket):
    with pytest.raises(ClientError, match="multiple Tags with the same key"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1&a=2")
    with pytest.raises(ClientError, match="shall be encoded"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a&b")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.put_object_tagging(Bucket=bucket, Key="absent", Tagging=tag_set(a="1"))


# Without a server


@pytest.mark.parametrize(
    ("text", "stored"),
    [("", ""), ("a=1", "a=1"), ("a=1&b=", "a=1&b="), ("a=x%20y%26", "a=x+y%26"), ("%C3%A4=1", "%C3%A4=1")],
)
def test_the_header_of_tags_is_url_encoded(text, stored):
    assert from_header(text) == stored


def test_a_header_that_is_not_url_encoded_is_named():
    with pytest.raises(S3Error, match="x-amz-tagging") as caught:
        from_header("a&b")
    assert caught.value.code == "InvalidArgument"
    assert caught.value.details == {"ArgumentName": "x-amz-tagging", "ArgumentValue": "a&b"}


def test_a_document_has_a_key_and_a_value_for_each_tag():
    tag = "<Tag><Key>a</Key><Value>1 2</Value></Tag><Tag><Key>b</Key></Tag>"
    assert from_document(f"<Tagging><TagSet>{tag}</TagSet></Tagging>".encode()) == "a=1+2&b="
    assert from_document(b"<Tagging><TagSet/></Tagging>") == ""
    with pytest.raises(S3Error, match="TagKey you have provided is invalid"):
        from_document(b"<Tagging><TagSet><Tag><Value>1</Value></Tag></TagSet></Tagging>")


def test_tags_at_their_limits():
    longest = [("k" * 127 + str(number), "v" * 256) for number in range(10)]
    assert encode(longest).count("&") == 9 and encode([("Aws", "")]) == "Aws="


@pytest.mark.parametrize(
    ("tags", "code", "details"),
    [
        ([(str(number), "") for number in range(11)], "BadRequest", {}),
        ([("a", "1"), ("b", ""), ("a", "2")], "InvalidTag", {}),
        ([("k" * 129, "")], "InvalidTag", {"TagKey": "k" * 129}),
        ([("", "v")], "InvalidTag", {"TagKey": ""}),
        ([("Aws:a", "v")], "InvalidTag", {"TagKey": "Aws:a"}),
        ([("k", "v" * 257)], "InvalidTag", {"TagKey": "k", "TagValue": "v" * 257}),
    ],
)
def test_tags_beyond_their_limits_are_named(tags, code, details):
    with pytest.raises(S3Error) as caught:
        encode(tags)
    assert (caught.value.code, caught.value.details) == (code, details)


def test_the_tags_of_an_object_are_read_replaced_and_removed(local):
    local.store.put("bucket", "k", [b"content"])
    document = b"<Tagging><TagSet><Tag><Key>a</Key><Value></Value></Tag></TagSet></Tagging>"
    answer = local.http.put("/bucket/k?tagging", data=document)
    assert (answer.status_code, answer.data) == (200, b"")
    assert b"<Tag><Key>a</Key><Value></Value></Tag>" in local.http.get("/bucket/k?tagging").data
    assert local.http.delete("/bucket/k?tagging").status_code == 204
    assert b"<TagSet></TagSet>" in local.http.get("/bucket/k?tagging").data
    for answer in (
        local.http.put("/bucket/absent?tagging", data=document),
        local.http.delete("/bucket/absent?tagging"),
    ):
        assert answer.status_code == 404
