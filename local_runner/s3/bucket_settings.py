"""What a bucket answers about settings that nobody has changed. The local S3 does not implement changing them.

Sources: the answers of GetBucket… and GetObjectAcl in the S3 API reference, with the defaults of new buckets since 2023:
objects are encrypted with keys of S3, public access is blocked, and access lists are switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Response

from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.responses import OWNER, xml_response
from wildsage.local_runner.s3.store import ObjectStore

GRANTEE = 'Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'
ACCESS = {"Owner": OWNER, "AccessControlList": {"Grant": [{GRANTEE: OWNER, "Permission": "FULL_CONTROL"}]}}


@dataclass(frozen=True)
class Setting:
    """A setting that has a value in every bucket: the root of the document that says it, and its content."""

    root: str
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NoSetting:
    """A setting that a bucket has only after somebody has given it: the error without it."""

    code: str
    message: str


NO_POLICY = NoSetting("NoSuchBucketPolicy", "The bucket policy does not exist")
NO_LIFECYCLE = NoSetting("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
NO_OBJECT_LOCK = NoSetting("InvalidRequest", "Bucket is missing Object Lock Configuration")
NOTIFICATION = Setting("NotificationConfiguration")

UNTOUCHED: Mapping[str, Setting | NoSetting] = {
    "GetBucketAccelerateConfiguration": Setting("AccelerateConfiguration"),
    "GetBucketAcl": Setting("AccessControlPolicy", ACCESS),
    "GetBucketCors": NoSetting("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "GetBucketEncryption": Setting(
        "ServerSideEncryptionConfiguration",
        {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}},
    ),
    "GetBucketLifecycle": NO_LIFECYCLE,
    "GetBucketLifecycleConfiguration": NO_LIFECYCLE,
    "GetBucketLogging": Setting("BucketLoggingStatus"),
    "GetBucketNotification": NOTIFICATION,
    "GetBucketNotificationConfiguration": NOTIFICATION,
    "GetBucketOwnershipControls": Setting("OwnershipControls", {"Rule": {"ObjectOwnership": "BucketOwnerEnforced"}}),
    "GetBucketPolicy": NO_POLICY,
    "GetBucketPolicyStatus": NO_POLICY,
    "GetBucketReplication": NoSetting(
        "ReplicationConfigurationNotFoundError", "The replication configuration was not found"
    ),
    "GetBucketRequestPayment": Setting("RequestPaymentConfiguration", {"Payer": "BucketOwner"}),
    "GetBucketTagging": NoSetting("NoSuchTagSet", "The TagSet does not exist"),
    "GetBucketVersioning": Setting("VersioningConfiguration"),
    "GetBucketWebsite": NoSetting(
        "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"
    ),
    "GetObjectLockConfiguration": NoSetting(
        "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"
    ),
    "GetPublicAccessBlock": Setting(
        "PublicAccessBlockConfiguration",
        dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True),
    ),
    "ListBucketAnalyticsConfigurations": Setting("ListBucketAnalyticsConfigurationsResult", {"IsTruncated": False}),
    "ListBucketIntelligentTieringConfigurations": Setting(
        "ListBucketIntelligentTieringConfigurationsOutput", {"IsTruncated": False}
    ),
    "ListBucketInventoryConfigurations": Setting("ListInventoryConfigurationsResult", {"IsTruncated": False}),
    "ListBucketMetricsConfigurations": Setting("ListMetricsConfigurationsResult", {"IsTruncated": False}),
}
"""Settings of a bucket by the operation that asks for them."""

UNTOUCHED_OBJECT: Mapping[str, Setting | NoSetting] = {
    "GetObjectAcl": Setting("AccessControlPolicy", ACCESS),
    "GetObjectLegalHold": NO_OBJECT_LOCK,
    "GetObjectRetention": NO_OBJECT_LOCK,
}
"""Settings of an object by the operation that asks for them."""


def get_setting(store: ObjectStore, call: Call) -> Response:
    """As an untouched bucket answers: the default, or the error for a setting that nobody has given."""
    store.bucket(call.bucket)
    return _answer(UNTOUCHED[call.operation], call)


def get_object_setting(store: ObjectStore, call: Call) -> Response:
    """As an object of an untouched bucket answers: the default, or the error for a setting that nobody has given."""
    store.get(call.bucket, call.key)
    return _answer(UNTOUCHED_OBJECT[call.operation], call)


def _answer(setting: Setting | NoSetting, call: Call) -> Response:
    if isinstance(setting, NoSetting):
        raise S3Error(setting.code, setting.message, BucketName=call.bucket)
    return xml_response(setting.root, setting.content)
