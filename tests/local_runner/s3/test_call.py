"""Requests of S3: addresses in both styles, and which operation a request means."""

from __future__ import annotations

import pytest
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from wildsage.local_runner.s3.call import Call, environment_name, operation_of, posts_form, read_call, split_address
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


def call(path: str = "/bucket/key", method: str = "GET", **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_call(Request(EnvironBuilder(path, method=method, headers=named).get_environ()))


@pytest.mark.parametrize(("path", "operation"), [("/", "ListBuckets"), ("/b", "ListObjects"), ("/b/k", "GetObject")])
def test_the_address_tells_the_service_a_bucket_and_an_object_apart(path, operation):
    assert call(path).operation == operation


def test_a_call_has_its_arguments_and_headers():
    found = call("/b/k?prefix=a%20b&empty=", Content_Type="text/csv", X_Amz_Trailer="t")
    assert (found.bucket, found.key, found.argument("prefix")) == ("b", "k", "a b")
    assert (found.argument("empty", "x"), found.argument("absent", "x"), found.argument("absent")) == ("", "x", "")
    assert (found.header("Content-Type"), found.header("x-amz-trailer"), found.header("absent", "x")) == (
        "text/csv",
        "t",
        "x",
    )
    assert found.header("absent") == "" and found.signed.sha256 is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Content-Type", "CONTENT_TYPE"),
        ("content-length", "CONTENT_LENGTH"),
        ("Content-MD5", "HTTP_CONTENT_MD5"),
        ("x-amz-date", "HTTP_X_AMZ_DATE"),
    ],
)
def test_headers_have_the_names_of_wsgi(name, expected):
    assert environment_name(name) == expected


@pytest.mark.parametrize(
    ("query", "number"), [("", 7), ("?n=", 7), ("?n=0", 0), ("?n=9", 9), ("?n=10", 9), ("?n=1000", 9)]
)
def test_a_number_is_capped(query, number):
    assert call(f"/b{query}").number("n", 7, 9) == number


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "1_0", "9" * 5000])
def test_what_is_not_a_number_is_an_argument_that_is_named(text):
    with pytest.raises(S3Error, match="n: ") as caught:
        call(f"/b?n={text}").number("n", 7, 9)
    assert (caught.value.code, caught.value.details) == ("InvalidArgument", {"ArgumentName": "n"})


CREDENTIAL = "AKIA/20260101/eu-west-1/s3/aws4_request"


def test_the_region_is_that_of_the_signature():
    assert call().region == "us-east-1"
    assert call(Authorization=f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host").region == "eu-west-1"
    assert call(f"/b/k?X-Amz-Credential={CREDENTIAL}").region == "eu-west-1"
    assert call(Authorization="AWS key:signature").region == "us-east-1"


@pytest.mark.parametrize(
    ("path", "method", "content_type", "posts"),
    [
        ("/b", "POST", "multipart/form-data; boundary=x", True),
        ("/b/", "POST", "multipart/form-data; boundary=x", True),
        ("/b/k", "POST", "multipart/form-data; boundary=x", False),
        ("/", "POST", "multipart/form-data; boundary=x", False),
        ("/b", "PUT", "multipart/form-data; boundary=x", False),
        ("/b", "POST", "application/xml", False),
    ],
)
def test_a_form_is_posted_to_a_bucket(path, method, content_type, posts):
    environ = EnvironBuilder(path, method=method, headers={"Content-Type": content_type}).get_environ()
    assert posts_form(Request(environ)) is posts
    if posts:
        assert (read_call(Request(environ)).operation, read_call(Request(environ)).bucket) == ("PostObject", "b")


def test_a_copy_is_told_by_its_header():
    assert call(method="PUT").operation == "PutObject"
    assert call(method="PUT", X_Amz_Copy_Source="b/k").operation == "CopyObject"


def test_the_operations_of_other_kinds_of_buckets_are_not_meant():
    assert operation_of("GET", 0, {"max-directory-buckets": "1"}, False) == "ListBuckets"
    with pytest.raises(S3Error, match="POST on the service"):
        operation_of("POST", 0, {}, False)
    with pytest.raises(S3Error, match="PATCH on a bucket") as caught:
        operation_of("PATCH", 1, {}, False)
    assert caught.value.code == "NotImplemented"
