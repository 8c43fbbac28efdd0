"""Read-through, with a second S3 of ours as the public one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from wildsage.local_runner.s3.errors import NoSuchKey
from wildsage.local_runner.s3.listing import list_page
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore

KEYS = ["census/Counties.csv", "census/more/a", "census/more/b", "other"]


@pytest.fixture
def world(tmp_path, start_s3, monkeypatch):
    """`far` holds public-data; `near` reads through to it. The environment points elsewhere, as it does in a notebook."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with start_s3(tmp_path / "far") as far, start_s3(tmp_path / "near", public=far.endpoint) as near:
        far.client().create_bucket(Bucket="public-data")
        for key in KEYS:
            far.client().put_object(
                Bucket="public-data", Key=key, Body=key.encode() * 100, ContentType="text/csv", Metadata={"a": "1"}
            )
        yield SimpleNamespace(far=far, near=near)


def test_public_objects_are_fetched_once_and_kept(world):
    s3 = world.near.client()
    got = s3.get_object(Bucket="public-data", Key="census/Counties.csv")
    assert got["Body"].read() == b"census/Counties.csv" * 100
    assert (got["ContentType"], got["Metadata"]) == ("text/csv", {"a": "1"})
    world.far.kill()
    got = s3.get_object(Bucket="public-data", Key="census/Counties.csv", Range="bytes=0-5")
    assert got["Body"].read() == b"census"
    assert s3.list_buckets()["Buckets"] == []


def test_public_buckets_are_listed(world):
    s3 = world.near.client()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="public-data", PaginationConfig={"PageSize": 2})
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == KEYS
    folded = s3.list_objects_v2(Bucket="public-data", Prefix="census/", Delimiter="/")
    assert [entry["Key"] for entry in folded["Contents"]] == ["census/Counties.csv"]
    assert [entry["Prefix"] for entry in folded["CommonPrefixes"]] == ["census/more/"]


def test_folders_of_a_public_bucket_take_few_requests(tmp_path, start_s3):
    far_store = ObjectStore(tmp_path / "far")
    far_store.create_bucket("public-data")
    for number in range(240):
        far_store.put("public-data", f"{number // 20:02d}/{number:03d}", [b"x"])
    far_store.close()
    with start_s3(tmp_path / "far") as far:
        public, starts = PublicBuckets(ObjectStore(tmp_path / "near"), far.endpoint), []

        def page(bucket, prefix, start, wanted):
            starts.append(start)
            return public.page(bucket, prefix, start, wanted)

        listing = list_page(page, "public-data", "", "/", "", 12)
    assert listing.common_prefixes == [f"{folder:02d}/" for folder in range(12)] and not listing.is_truncated
    assert len(starts) == 2  # the second finds that no key follows


def test_public_objects_are_copied_and_downloaded(world, tmp_path):
    s3 = world.near.client()
    s3.download_file("public-data", "other", str(tmp_path / "other"))
    assert (tmp_path / "other").read_bytes() == b"other" * 100
    s3.create_bucket(Bucket="mine")
    s3.copy_object(Bucket="mine", Key="k", CopySource="public-data/other")
    assert s3.get_object(Bucket="mine", Key="k")["Body"].read() == b"other" * 100


def test_local_buckets_come_first_and_are_never_looked_up(world):
    s3 = world.near.client()
    s3.create_bucket(Bucket="public-data")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="public-data", Key="other")


def test_what_the_public_s3_lacks_is_missing(world):
    s3 = world.near.client()
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="public-data", Key="absent")
    with pytest.raises(s3.exceptions.NoSuchBucket, match="aws s3 mb s3://nowhere"):
        s3.get_object(Bucket="nowhere", Key="k")


def test_a_bucket_of_the_users_to_be_is_not_looked_for_abroad(world):
    """The SDK asks for its default bucket with HeadBucket, and makes it on a 404."""
    with pytest.raises(ClientError) as caught:
        world.near.client().head_bucket(Bucket="public-data")
    assert caught.value.response["Error"]["Code"] == "404"


def test_engines_read_public_buckets_through_the_same_calls(world, tmp_path):
    public = PublicBuckets(ObjectStore(tmp_path / "engine"), world.far.endpoint)
    assert [entry.key for entry in public.list("public-data", "census/more/")] == KEYS[1:3]
    assert public.get("public-data", "other").path.read_bytes() == b"other" * 100
    with pytest.raises(NoSuchKey):
        public.get("public-data", "absent")
