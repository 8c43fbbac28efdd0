"""Operations on buckets, request by request."""

from __future__ import annotations

import pytest

REGION = "Credential=key/20260101/{}/s3/aws4_request"


def create(local, name: str, region: str = "us-east-1", constraint: str | None = None):
    asked = f"<LocationConstraint>{constraint}</LocationConstraint>"
    body = "" if constraint is None else f"<CreateBucketConfiguration>{asked}</CreateBucketConfiguration>"
    return local.http.put(
        f"/{name}", data=body, content_length=len(body), headers={"Authorization": REGION.format(region)}
    )


@pytest.mark.parametrize(
    ("region", "constraint", "made_in"),
    [
        ("us-east-1", None, "us-east-1"),
        ("us-east-1", "", "us-east-1"),
        ("us-east-1", "eu-west-1", "eu-west-1"),
        ("us-east-1", "EU", "eu-west-1"),
        ("eu-west-1", "EU", "eu-west-1"),
        ("eu-central-1", "eu-central-1", "eu-central-1"),
        ("us-east-1", "cn-north-1", "cn-north-1"),
    ],
)
def test_a_bucket_is_made_in_the_region_that_is_asked_for(local, region, constraint, made_in):
    answer = create(local, "made", region, constraint)
    assert (answer.status_code, answer.headers["Location"], answer.data) == (200, "/made", b"")
    assert local.http.head("/made").headers["x-amz-bucket-region"] == made_in
    named = "" if made_in == "us-east-1" else made_in
    assert f">{named}</LocationConstraint>".encode() in local.http.get("/made?location").data


@pytest.mark.parametrize(
    ("region", "constraint", "code"),
    [
        ("us-east-1", "us-east-1", b"InvalidLocationConstraint"),
        ("us-east-1", "mars-north-1", b"InvalidLocationConstraint"),
        ("eu-west-1", "us-east-1", b"InvalidLocationConstraint"),
        ("eu-west-1", None, b"IllegalLocationConstraintException"),
        ("eu-west-1", "eu-west-2", b"IllegalLocationConstraintException"),
    ],
)
def test_a_region_that_the_request_may_not_name_is_rejected(local, region, constraint, code):
    answer = create(local, "made", region, constraint)
    assert (answer.status_code, b"<Code>" + code in answer.data) == (400, True)
    if code == b"InvalidLocationConstraint":
        assert f"<LocationConstraint>{constraint}</LocationConstraint>".encode() in answer.data
    else:
        assert f"The {constraint or 'unspecified'} location constraint".encode() in answer.data
    assert not local.store.has_bucket("made")


def test_only_us_east_1_makes_a_bucket_twice(local):
    assert create(local, "bucket").status_code == 200
    create(local, "europe", "us-east-1", "eu-west-1")
    for region, constraint in (("us-east-1", None), ("us-east-1", "eu-west-1"), ("eu-west-1", "eu-west-1")):
        answer = create(local, "europe", region, constraint)
        assert (answer.status_code, b"<Code>BucketAlreadyOwnedByYou" in answer.data) == (409, True)
    assert create(local, "No_Bucket").status_code == 400


def test_buckets_are_listed_by_name_with_their_region_and_owner(local):
    create(local, "europe", "us-east-1", "eu-west-1")
    found = local.http.get("/").data
    assert found.index(b"<Name>bucket</Name>") < found.index(b"<Name>europe</Name>")
    assert b"<BucketRegion>eu-west-1</BucketRegion>" in found and b"<Owner><ID>local</ID>" in found
    some = local.http.get("/?prefix=eu").data
    assert b"europe" in some and b"bucket" not in some.replace(b"Bucket", b"")


def test_an_empty_bucket_is_deleted(local):
    local.store.put("bucket", "key", [b"x"])
    assert local.http.delete("/bucket").status_code == 409
    local.store.delete("bucket", "key")
    assert local.http.delete("/bucket").status_code == 204
    for answer in (local.http.delete("/bucket"), local.http.head("/bucket"), local.http.get("/bucket?location")):
        assert answer.status_code == 404
