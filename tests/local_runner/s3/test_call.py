"""Requests of S3: addresses in both styles, and which operation a request means."""

from __future__ import annotations

import pytest

from wildsage.local_runner.s3.call import operation_of, split_address
from wildsage.local_runner.s3.errors import S3Error


@pytest.mark.parametrize(
    ("path", "host", "expected"),
    [
        ("/", "127.0.0.1:4566", ("", "")),
        ("/bucket", "127.0.0.1:4566", ("bucket", "")),
        ("/bucket/", "127.0.0.1:4566", ("bucket", "")),
        ("/bucket/a//b/", "127.0.0.1:4566", ("bucket", "a//b/")),
        ("/bucket/\xc3\xbc", "localhost", ("bucket", "ü")),
        ("/a/b", "my.bucket.s3.amazonaws.com", ("my.bucket", "a/b")),
        ("/a", "bucket.s3.eu-west-1.amazonaws.com:443", ("bucket", "a")),
        ("/a", "bucket.s3-us-west-2.amazonaws.com", ("bucket", "a")),
        ("/a", "bucket.s3.cn-north-1.amazonaws.com.cn", ("bucket", "a")),
        ("/", "bucket.localhost:4566", ("bucket", "")),
        ("/bucket/a", "s3.us-east-1.amazonaws.com", ("bucket", "a")),
    ],
)
def test_both_styles_of_address(path, host, expected):
    assert split_address(path, host) == expected


def test_a_path_must_be_utf8():
    with pytest.raises(S3Error) as caught:
        split_address("/bucket/\xff", "localhost")
    assert caught.value.code == "InvalidURI"


@pytest.mark.parametrize(
    ("method", "level", "query", "copies", "expected"),
    [
        ("GET", 0, {}, False, "ListBuckets"),
        ("GET", 1, {"prefix": "x"}, False, "ListObjects"),
        ("GET", 1, {"list-type": "2"}, False, "ListObjectsV2"),
        ("GET", 1, {"versioning": ""}, False, "GetBucketVersioning"),
        ("GET", 2, {"uploadId": "u"}, False, "ListParts"),
        ("PUT", 2, {}, False, "PutObject"),
        ("PUT", 2, {}, True, "CopyObject"),
        ("PUT", 2, {"uploadId": "u", "partNumber": "1"}, False, "UploadPart"),
        ("PUT", 2, {"uploadId": "u", "partNumber": "1"}, True, "UploadPartCopy"),
        ("POST", 2, {"uploads": ""}, False, "CreateMultipartUpload"),
        ("POST", 1, {"delete": ""}, False, "DeleteObjects"),
        ("DELETE", 2, {"uploadId": "u"}, False, "AbortMultipartUpload"),
        ("HEAD", 2, {}, False, "HeadObject"),
    ],
)
def test_operations_are_distinguished_as_in_the_service_model(method, level, query, copies, expected):
    assert operation_of(method, level, query, copies) == expected


def test_a_method_s3_does_not_have_is_not_implemented():
    with pytest.raises(S3Error, match="PATCH on an object"):
        operation_of("PATCH", 2, {}, copies=False)
