"""Errors of S3: a code, an HTTP status and a message.

Codes, statuses and meanings are S3's own (API reference, "Error responses"), but StorageFull: the real S3 is never full.
"""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType

STATUS_OF = MappingProxyType(
    {
        "AccessDenied": HTTPStatus.FORBIDDEN,
        "AuthorizationHeaderMalformed": HTTPStatus.BAD_REQUEST,
        "AuthorizationQueryParametersError": HTTPStatus.BAD_REQUEST,
        "BadRequest": HTTPStatus.BAD_REQUEST,
        "BadDigest": HTTPStatus.BAD_REQUEST,
        "BucketAlreadyOwnedByYou": HTTPStatus.CONFLICT,
        "BucketNotEmpty": HTTPStatus.CONFLICT,
        "EntityTooLarge": HTTPStatus.BAD_REQUEST,
        "EntityTooSmall": HTTPStatus.BAD_REQUEST,
        "IllegalLocationConstraintException": HTTPStatus.BAD_REQUEST,
        "IncompleteBody": HTTPStatus.BAD_REQUEST,
        "InternalError": HTTPStatus.INTERNAL_SERVER_ERROR,
        "InvalidArgument": HTTPStatus.BAD_REQUEST,
        "InvalidAccessKeyId": HTTPStatus.FORBIDDEN,
        "InvalidBucketName": HTTPStatus.BAD_REQUEST,
        "InvalidDigest": HTTPStatus.BAD_REQUEST,
        "InvalidLocationConstraint": HTTPStatus.BAD_REQUEST,
        "InvalidPart": HTTPStatus.BAD_REQUEST,
        "InvalidPartOrder": HTTPStatus.BAD_REQUEST,
        "InvalidPolicyDocument": HTTPStatus.BAD_REQUEST,
        "InvalidRange": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "InvalidRequest": HTTPStatus.BAD_REQUEST,
        "InvalidTag": HTTPStatus.BAD_REQUEST,
        "InvalidURI": HTTPStatus.BAD_REQUEST,
        "KeyTooLongError": HTTPStatus.BAD_REQUEST,
        "MalformedPOSTRequest": HTTPStatus.BAD_REQUEST,
        "MalformedXML": HTTPStatus.BAD_REQUEST,
        "MetadataTooLarge": HTTPStatus.BAD_REQUEST,
        "MethodNotAllowed": HTTPStatus.METHOD_NOT_ALLOWED,
        "MissingContentLength": HTTPStatus.LENGTH_REQUIRED,
        "NoSuchBucket": HTTPStatus.NOT_FOUND,
        "NoSuchBucketPolicy": HTTPStatus.NOT_FOUND,
        "NoSuchCORSConfiguration": HTTPStatus.NOT_FOUND,
        "NoSuchKey": HTTPStatus.NOT_FOUND,
        "NoSuchLifecycleConfiguration": HTTPStatus.NOT_FOUND,
        "NoSuchTagSet": HTTPStatus.NOT_FOUND,
        "NoSuchUpload": HTTPStatus.NOT_FOUND,
        "NoSuchWebsiteConfiguration": HTTPStatus.NOT_FOUND,
        "NotImplemented": HTTPStatus.NOT_IMPLEMENTED,
        "RequestTimeout": HTTPStatus.BAD_REQUEST,
        "SignatureDoesNotMatch": HTTPStatus.FORBIDDEN,
        "StorageFull": HTTPStatus.INSUFFICIENT_STORAGE,
        "RequestTimeTooSkewed": HTTPStatus.FORBIDDEN,
        "ObjectLockConfigurationNotFoundError": HTTPStatus.NOT_FOUND,
        "PreconditionFailed": HTTPStatus.PRECONDITION_FAILED,
        "ReplicationConfigurationNotFoundError": HTTPStatus.NOT_FOUND,
        "XAmzContentSHA256Mismatch": HTTPStatus.BAD_REQUEST,
    }
)


class S3Error(Exception):
    """An error response. `code` is one of S3's codes; `details` become elements of the error document."""

    def __init__(self, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.code = code
        self.details = details

    @property
    def status(self) -> int:
        """HTTP status of the code."""
        return STATUS_OF[self.code]


class NoSuchBucket(S3Error):
    """The bucket does not exist."""

    def __init__(self, bucket: str, hint: str = "") -> None:
        self.bucket = bucket
        advice = hint or f"Create it first: aws s3 mb s3://{bucket} with the local endpoint."
        super().__init__("NoSuchBucket", f"The specified bucket does not exist: {bucket}. {advice}", BucketName=bucket)


class NoSuchKey(S3Error):
    """The bucket exists, the object does not."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__("NoSuchKey", f"The specified key does not exist: s3://{bucket}/{key}", Key=key)


class NoSuchUpload(S3Error):
    """The multipart upload was never started, or was completed or aborted."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            "NoSuchUpload", f"No multipart upload {upload_id} is in progress for this key.", UploadId=upload_id
        )
