"""Operations on buckets: list, create, head, delete, location."""

from __future__ import annotations

from werkzeug.wrappers import Response

from wildsage.local_runner.s3.body import read_document
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.responses import OWNER, empty_response, format_time, xml_response
from wildsage.local_runner.s3.store import DEFAULT_REGION, ObjectStore
from wildsage.local_runner.s3.xml import parse


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
    """The region is the LocationConstraint, or us-east-1. In us-east-1 creating an existing bucket is not an error."""
    body = read_document(call)
    region = (body and parse(body, "CreateBucketConfiguration").findtext("LocationConstraint")) or DEFAULT_REGION
    try:
        store.create_bucket(call.bucket, region)
    except S3Error as error:
        if error.code != "BucketAlreadyOwnedByYou" or call.region != DEFAULT_REGION:
            raise
    return empty_response({"Location": f"/{call.bucket}"})


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
