"""Objects of S3 as files, by the answers that S3 gives."""

from __future__ import annotations

import io
import sys

import boto3
import botocore.exceptions
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.stub import Stubber

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.containers.launchers import s3
from wildsage.containers.launchers.s3 import S3Object

CONTENT = b"0123456789"
BROKEN = botocore.exceptions.HTTPClientError(error="reset")
CUT = botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2)


def test_an_address_says_where_it_is():
    assert s3.is_address("s3://bucket/a") and not s3.is_address("/s3://a") and not s3.is_address("s3:/a")


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a/b/", ("bucket", "a/b/")),
        ("s3://bucket//a", ("bucket", "/a")),
    ],
)
def test_an_address_is_a_bucket_and_a_prefix(address, parts):
    assert s3.split(address) == parts


@pytest.mark.parametrize("address", ["s3://", "s3:///key"])
def test_an_address_without_a_bucket_is_rejected(address):
    with pytest.raises(UserError, match=f"^'{address}' names no bucket; expected s3://bucket/prefix"):
        s3.split(address)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (botocore.exceptions.ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "GetObject"), UserError),
        (botocore.exceptions.NoCredentialsError(), UserError),
        (botocore.exceptions.NoRegionError(), UserError),
        (S3UploadFailedError("denied"), UserError),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://a"), PlatformError),
        (BROKEN, PlatformError),
        (KeyError("a bug"), KeyError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_s3_rejects_is_the_users_and_what_it_does_not_answer_the_platforms(error, kind):
    with pytest.raises(kind) as caught, s3.explained("s3://b/a"):
        raise error
    assert type(caught.value) is kind
    assert kind is KeyError or str(caught.value) == f"s3://b/a: {error}"


class Bucket:
    """A client of S3 with one object, whose answers may begin with failures."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.asked: list[str] = []

    def get_object(self, *, Bucket: str, Key: str, Range: str, IfMatch: str) -> dict[str, io.BytesIO]:
        assert (Bucket, Key, IfMatch) == ("bucket", "key", "tag")
        if self._failures:
            raise self._failures.pop()
        self.asked.append(Range)
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        return {"Body": io.BytesIO(CONTENT[first : last + 1])}


def stored(client: object, size: int = len(CONTENT)) -> S3Object:
    return S3Object(client, "bucket", "key", size, "tag")


@pytest.mark.parametrize("failure", [BROKEN, CUT])
def test_a_connection_that_breaks_is_tried_again_and_not_for_ever(failure):
    assert stored(Bucket(*[failure] * 4)).range(2, 3) == b"234"
    with pytest.raises(PlatformError, match=r"^s3://bucket/key: "):
        stored(Bucket(*[failure] * 5)).range(2, 3)


def test_what_s3_rejects_is_not_tried_again():
    rejected = botocore.exceptions.ClientError({"Error": {"Code": "412", "Message": "changed"}}, "GetObject")
    with pytest.raises(UserError, match="changed"):
        stored(Bucket(rejected)).range(0, 1)


def test_an_object_is_read_in_ranges_to_its_end(monkeypatch):
    monkeypatch.setattr(s3, "RANGE_BYTES", 4)
    client = Bucket()
    with stored(client).open("rb") as file:
        assert file.readable()
        assert [file.read(2) for _ in range(6)] == [b"01", b"23", b"45", b"67", b"89", b""]
    assert client.asked == ["bytes=0-3", "bytes=4-7", "bytes=8-9"]


def test_a_large_object_is_read_in_ranges_of_16_mib():
    client = Bucket()
    stored(client, 40 << 20).open().read(1)
    assert client.asked == ["bytes=0-16777215"]


def test_a_download_that_s3_rejects_is_the_users_mistake(client, tmp_path):
    with Stubber(client) as answers, pytest.raises(UserError, match=r"^s3://bucket/key: .*403"):
        answers.add_client_error("head_object", "403")
        stored(client).download(tmp_path / "file")


def test_all_of_an_object_is_read_at_once():
    assert stored(Bucket()).open().read() == CONTENT


def test_of_an_empty_object_nothing_is_asked_for():
    client = Bucket()
    assert stored(client, 0).open().read() == b"" and not client.asked


def test_a_download_makes_the_folders_above_it(tmp_path):
    class Downloads:
        def download_file(self, bucket: str, key: str, path: str) -> None:
            with open(path, "wb") as file:
                file.write(f"{bucket} {key}".encode())

    for _ in range(2):
        stored(Downloads()).download(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").read_text() == "bucket key"


@pytest.fixture
def client():
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "eu-west-1"}
    return boto3.client("s3", endpoint_url="http://127.0.0.1:9", **keys)


def listing(client, *pages: list[str]) -> list[S3Object]:
    """What is found where S3 answers so."""
    with Stubber(client) as answers:
        for number, keys in enumerate(pages):
            found = [{"Key": key, "Size": len(key), "ETag": f'"{key}"'} for key in keys]
            more = {"IsTruncated": True, "NextContinuationToken": str(number)} if number < len(pages) - 1 else {}
            before = {"ContinuationToken": str(number - 1)} if number else {}
            asked = {"Bucket": "bucket", "Prefix": "rows", **before}
            answers.add_response("list_objects_v2", {**({"Contents": found} if found else {}), **more}, asked)
        return s3.objects(client, "s3://bucket/rows")


def test_objects_are_listed_over_all_pages_without_the_markers_of_folders(client):
    found = listing(client, ["rows/", "rows/a"], [], ["rows/b/", "rows/b/c"])
    assert [(one.key, one.size, one.etag, one.name) for one in found] == [
        ("rows/a", 6, '"rows/a"', "s3://bucket/rows/a"),
        ("rows/b/c", 8, '"rows/b/c"', "s3://bucket/rows/b/c"),
    ]
    assert all(one.client is client and one.bucket == "bucket" for one in found)


def test_a_place_without_objects_is_named(client):
    for keys in ([], ["rows/"]):
        with pytest.raises(UserError, match=r"^s3://bucket/rows: no object's key begins so\.$"):
            listing(client, keys)


def test_a_listing_that_s3_rejects_is_the_users_mistake(client):
    with Stubber(client) as answers, pytest.raises(UserError, match=r"^s3://bucket/rows: .*NoSuchBucket"):
        answers.add_client_error("list_objects_v2", "NoSuchBucket")
        s3.objects(client, "s3://bucket/rows")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("s3://bucket", "model"),
        ("s3://bucket/", "model"),
        ("s3://bucket/a/b/", "a/b/model"),
        ("s3://bucket/a", "a/model"),
    ],
)
def test_a_file_is_stored_below_an_address_under_its_name(monkeypatch, tmp_path, address, key):
    uploaded = []

    class Uploads:
        def upload_file(self, *arguments: str) -> None:
            uploaded.append(arguments)

    monkeypatch.setattr(s3, "client", Uploads)
    assert s3.upload(tmp_path / "model", address) == f"s3://bucket/{key}"
    assert uploaded == [(str(tmp_path / "model"), "bucket", key)]


def test_an_upload_that_s3_rejects_is_the_users_mistake(monkeypatch, tmp_path):
    class Rejects:
        def upload_file(self, *_: str) -> None:
            raise S3UploadFailedError("denied")

    monkeypatch.setattr(s3, "client", Rejects)
    with pytest.raises(UserError, match=r"^s3://bucket/a: denied$"):
        s3.upload(tmp_path / "model", "s3://bucket/a")


def test_without_boto3_an_address_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(UserError, match="needs boto3, which comes with `pip install wildsage`"):
        s3.client()


def test_a_profile_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(PlatformError, match=r"^S3: .*not-there"):
        s3.client()
