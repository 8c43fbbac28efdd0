"""Operations on buckets: list, create, head, delete, location."""

from __future__ import annotations

from werkzeug.wrappers import Response

from wildsage.local_runner.s3.body import read_document
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.responses import OWNER, empty_response, format_time, xml_response
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.xml import parse
from wildsage.local_runner.wire.regions import DEFAULT_REGION, partitions

ALIASES = {"EU": "eu-west-1"}
"""Names of regions that only LocationConstraint takes."""


def list_buckets(store: ObjectStore, call: Call) -> Response:
    """All buckets whose names begin with `prefix`."""
    prefix = call.argument("prefix")
    found = [
        {"Name": bucket.name, "CreationDate": format_time(bucket.created), "BucketRegion": bucket.region}
        for bucket in store.buckets()
        if bucket.name.startswith(prefix)
    ]
    return xml_response("ListAllMyBucketsResult", {"Owner": OWNER, "Buckets": {"Bucket": found}})


def create_bucket(store: ObjectStore, call: Call) -> Response:
    """The region is the LocationConstraint, which must be that of the request, or us-east-1 if both are absent."""
    body = read_document(call)
    asked = (body and parse(body, "CreateBucketConfiguration").findtext("LocationConstraint")) or ""
    region = _bucket_region(asked, call.region)
    try:
        store.create_bucket(call.bucket, region)
    except S3Error as error:
        again = error.code == "BucketAlreadyOwnedByYou" and store.bucket(call.bucket).region == region
        if not again or region != DEFAULT_REGION:  # us-east-1 accepts the second creation of a bucket
            raise
    return empty_response({"Location": f"/{call.bucket}"})


def _bucket_region(asked: str, endpoint_region: str) -> str:
    """The region of a new bucket. Raises InvalidLocationConstraint, IllegalLocationConstraintException.

    Source: CreateBucket in the S3 API reference. Only a request to us-east-1 may ask for another region, and only by the
    name of that other region.
    """
    region = ALIASES.get(asked, asked)
    if asked and (region == DEFAULT_REGION or region not in partitions()):
        raise S3Error(
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
            LocationConstraint=asked,
        )
    if endpoint_region != DEFAULT_REGION and region != endpoint_region:
        raise S3Error(
            "IllegalLocationConstraintException",
            f"The {asked or 'unspecified'} location constraint is incompatible for the region specific endpoint this "
            "request was sent to.",
        )
    return region or DEFAULT_REGION


def head_bucket(store: ObjectStore, call: Call) -> Response:
    """The bucket's region. Raises NoSuchBucket."""
    return empty_response({"x-amz-bucket-region": store.bucket(call.bucket).region})


def delete_bucket(store: ObjectStore, call: Call) -> Response:
    """Delete an empty bucket. Raises NoSuchBucket, BucketNotEmpty."""
    store.delete_bucket(call.bucket)
    return empty_response(status=204)


def get_bucket_location(store: ObjectStore, call: Call) -> Response:
    """The bucket's region; empty for us-east-1, as in S3. Raises NoSuchBucket."""
    region = store.bucket(call.bucket).region
    return xml_response("LocationConstraint", "" if region == DEFAULT_REGION else region)
