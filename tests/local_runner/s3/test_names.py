"""Names of buckets and keys, metadata, and paths on disk, at their limits."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.names import check_bucket, check_key, checked_metadata, hashed_path, readable_path


@pytest.mark.parametrize("name", ["abc", "a" * 63, "1.2", "a-b.c", "xn-a", "0--1"])
def test_names_that_buckets_may_have(name):
    check_bucket(name)


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 64, "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "xn--a", "abc\n"]
)
def test_names_that_buckets_may_not_have(name):
    with pytest.raises(S3Error, match="expected 3 to 63 lower-case letters") as caught:
        check_bucket(name)
    assert (caught.value.code, caught.value.details) == ("InvalidBucketName", {"BucketName": name})


@pytest.mark.parametrize(("longest", "size_bytes"), [("a" * 1024, 1024), ("ü" * 512, 1024)])
def test_a_key_may_have_1024_bytes(longest, size_bytes):
    check_key(longest)
    with pytest.raises(S3Error) as caught:
        check_key(longest + "a")
    assert caught.value.code == "KeyTooLongError"
    assert caught.value.details == {"Size": str(size_bytes + 1), "MaxSizeAllowed": "1024"}


def test_metadata_may_have_2048_bytes_names_and_values_together():
    longest = {"a": "x" * 1023, "ü": "y" * 1022}
    assert checked_metadata(longest) is longest and checked_metadata({}) == {}
    with pytest.raises(S3Error) as caught:
        checked_metadata({**longest, "b": ""})
    assert (caught.value.code, caught.value.details) == ("MetadataTooLarge", {"Size": "2049", "MaxSizeAllowed": "2048"})


@pytest.mark.parametrize("key", ["a", "a/b", "a b/c.d", "...", ".a", "x" * 200, "(1) [2] {3} ^~!$&'*+,=@_%#-"])
def test_keys_that_are_paths(key):
    assert readable_path("bucket", key) == PurePosixPath(f"buckets/bucket/{key}")


@pytest.mark.parametrize(
    "key", ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "./a", "x" * 201, "ü", "a:b", "a\\b", "a\n"]
)
def test_keys_that_are_not_paths(key):
    assert readable_path("bucket", key) is None


def test_a_hashed_path_is_the_sha256_of_the_key():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # FIPS 180-4, of no bytes
    assert hashed_path("bucket", "") == PurePosixPath(f"hashed/bucket/{empty}")
    assert hashed_path("bucket", "a") != hashed_path("bucket", "b")
