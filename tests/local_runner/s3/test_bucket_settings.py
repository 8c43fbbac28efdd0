"""What tools ask of any bucket is answered as an untouched bucket of S3 answers."""

from __future__ import annotations

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from wildsage.local_runner.s3.bucket_settings import UNTOUCHED, UNTOUCHED_OBJECT

VALUES = {
    "GetBucketVersioning": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketLogging": {},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "GetBucketEncryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
        }
    },
    "GetPublicAccessBlock": {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        }
    },
    "GetBucketOwnershipControls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
    "ListBucketInventoryConfigurations": {"IsTruncated": False},
    "ListBucketMetricsConfigurations": {"IsTruncated": False},
    "ListBucketAnalyticsConfigurations": {"IsTruncated": False},
    "ListBucketIntelligentTieringConfigurations": {"IsTruncated": False},
}
ERRORS = {
    "GetBucketPolicy": ("NoSuchBucketPolicy", 404),
    "GetBucketPolicyStatus": ("NoSuchBucketPolicy", 404),
    "GetBucketTagging": ("NoSuchTagSet", 404),
    "GetBucketCors": ("NoSuchCORSConfiguration", 404),
    "GetBucketLifecycle": ("NoSuchLifecycleConfiguration", 404),
    "GetBucketLifecycleConfiguration": ("NoSuchLifecycleConfiguration", 404),
    "GetBucketReplication": ("ReplicationConfigurationNotFoundError", 404),
    "GetBucketWebsite": ("NoSuchWebsiteConfiguration", 404),
    "GetObjectLockConfiguration": ("ObjectLockConfigurationNotFoundError", 404),
}


@pytest.mark.parametrize("operation", VALUES)
def test_a_setting_has_its_default(s3, bucket, operation):
    answer = getattr(s3, xform_name(operation))(Bucket=bucket)
    del answer["ResponseMetadata"]
    assert answer == VALUES[operation]


@pytest.mark.parametrize("operation", ERRORS)
def test_a_setting_that_nobody_gave_is_not_there(s3, bucket, operation):
    with pytest.raises(ClientError) as caught:
        getattr(s3, xform_name(operation))(Bucket=bucket)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ERRORS[operation]


@pytest.mark.parametrize("operation", UNTOUCHED)
def test_a_bucket_that_does_not_exist_has_no_settings(s3, operation):
    with pytest.raises(s3.exceptions.NoSuchBucket):
        getattr(s3, xform_name(operation))(Bucket="no-such-bucket")


def test_the_owner_has_full_control(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    for answer in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        (grant,) = answer["Grants"]
        assert grant["Permission"] == "FULL_CONTROL"
        assert grant["Grantee"] == {**answer["Owner"], "Type": "CanonicalUser"}


@pytest.mark.parametrize("operation", UNTOUCHED_OBJECT)
def test_an_object_that_does_not_exist_has_no_settings(s3, bucket, operation):
    with pytest.raises(s3.exceptions.NoSuchKey):
        getattr(s3, xform_name(operation))(Bucket=bucket, Key="absent")


@pytest.mark.parametrize("operation", ["GetObjectRetention", "GetObjectLegalHold"])
def test_objects_are_not_locked(s3, bucket, operation):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(ClientError, match="Bucket is missing Object Lock Configuration"):
        getattr(s3, xform_name(operation))(Bucket=bucket, Key="k")


def test_what_is_missing_is_told_with_its_bucket(local):
    answer = local.http.get("/bucket?policy")
    assert (answer.status_code, b"<BucketName>bucket</BucketName>" in answer.data) == (404, True)
