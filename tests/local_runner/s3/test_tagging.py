"""Tags of objects: given with the object or later, kept by a copy unless a directive replaces them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


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
