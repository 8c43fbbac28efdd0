"""S3 over HTTP: a request in, a response out. It works with any WSGI server.

It checks signatures where it is given keys. It accepts and ignores headers of encryption, access, ownership and storage class.
"""

from __future__ import annotations

import logging
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from werkzeug.wrappers import Request, Response

from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.local_runner.processes import disk
from wildsage.local_runner.processes.line_file import LineFile
from wildsage.local_runner.s3 import bucket_operations as buckets
from wildsage.local_runner.s3 import bucket_settings, listing, tagging
from wildsage.local_runner.s3 import multipart_operations as multipart
from wildsage.local_runner.s3 import object_operations as objects
from wildsage.local_runner.s3.access import Access
from wildsage.local_runner.s3.body import drain
from wildsage.local_runner.s3.call import Call, read_call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.missed import noted
from wildsage.local_runner.s3.post_object import post_object
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.responses import error_response
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.uploads import Uploads
from wildsage.local_runner.signatures.chunks import SignedBody

REQUEST_TIMEOUT = (
    "Your socket connection to the server was not read from or written to within the timeout period. "
    "Idle connections will be closed."
)
log = logging.getLogger(__name__)

HOST_ID_BYTES = 56
"""As many as AWS's `x-amz-id-2` has."""

READS = (
    "GetObject",
    "HeadObject",
    "ListObjects",
    "ListObjectsV2",
    "ListObjectVersions",
    "CopyObject",
    "UploadPartCopy",
    "GetObjectTagging",
    "GetObjectAttributes",
)
"""Operations that read a bucket. HeadBucket asks whether one exists, and the answer no is fine."""


class S3:
    """The local S3. With `public` it reads buckets that do not exist here from the public S3.

    `operations` holds all implemented operations by name.
    """

    def __init__(
        self,
        store: ObjectStore,
        public: PublicBuckets | None = None,
        missed: LineFile | None = None,
        access: Access | None = None,
        not_implemented: LineFile | None = None,
    ) -> None:
        """`missed` records the buckets that callers tried to read although they do not exist, `not_implemented` the operations
        that they called although they are not implemented. `access` says who may call."""
        self._not_implemented = not_implemented
        self._access = access
        self._folder = store.folder
        reads = public or store
        self._missed = missed
        uploads = Uploads(store)
        self.operations: Mapping[str, Callable[[Call], Response]] = {
            "ListBuckets": partial(buckets.list_buckets, store),
            "CreateBucket": partial(buckets.create_bucket, store),
            "HeadBucket": partial(buckets.head_bucket, store),
            "DeleteBucket": partial(buckets.delete_bucket, store),
            "GetBucketLocation": partial(buckets.get_bucket_location, store),
            "ListObjects": partial(listing.list_objects, reads.page),
            "ListObjectsV2": partial(listing.list_objects_v2, reads.page),
            "PutObject": partial(objects.put_object, store),
            "GetObject": partial(objects.get_object, reads.open),
            "HeadObject": partial(objects.get_object, reads.open),
            "CopyObject": partial(objects.copy_object, store, reads.open),
            "DeleteObject": partial(objects.delete_object, store),
            "DeleteObjects": partial(objects.delete_objects, store),
            "GetObjectAttributes": partial(objects.get_object_attributes, store),
            "GetObjectTagging": partial(tagging.get_object_tagging, store),
            "PutObjectTagging": partial(tagging.put_object_tagging, store),
            "DeleteObjectTagging": partial(tagging.delete_object_tagging, store),
            "ListObjectVersions": partial(listing.list_object_versions, reads.page),
            "PostObject": partial(post_object, store),
            **dict.fromkeys(bucket_settings.UNTOUCHED, partial(bucket_settings.get_setting, store)),
            **dict.fromkeys(bucket_settings.UNTOUCHED_OBJECT, partial(bucket_settings.get_object_setting, store)),
            "CreateMultipartUpload": partial(multipart.create_multipart_upload, uploads),
            "UploadPart": partial(multipart.upload_part, store, uploads),
            "UploadPartCopy": partial(multipart.upload_part_copy, store, uploads, reads.open),
            "CompleteMultipartUpload": partial(multipart.complete_multipart_upload, uploads),
            "AbortMultipartUpload": partial(multipart.abort_multipart_upload, uploads),
            "ListParts": partial(multipart.list_parts, uploads),
            "ListMultipartUploads": partial(multipart.list_multipart_uploads, uploads),
        }

    def respond(self, request: Request) -> Response:
        """Respond to one request. Errors become S3's error documents."""
        request_id, host_id = secrets.token_hex(8).upper(), b64encode(secrets.token_bytes(HOST_ID_BYTES)).decode()
        try:
            signed = self._access.check(request) if self._access else SignedBody()
            response = self._perform(replace(read_call(request), signed=signed))
        except S3Error as error:
            response = self._error_response(request, error, request_id, host_id)
        except ClientTooSlow:
            response = error_response(S3Error("RequestTimeout", REQUEST_TIMEOUT), request.path, request_id, host_id)
            response.headers["Connection"] = "close"
        except Exception as error:
            log.exception("request %s: %s %s", request_id, request.method, request.path)
            response = self._error_response(request, self._failure(error, request_id), request_id, host_id)
        response.headers["x-amz-request-id"] = request_id
        response.headers["x-amz-id-2"] = host_id
        return response

    def _perform(self, call: Call) -> Response:
        try:
            operation = self.operations[call.operation]
        except KeyError:
            if self._not_implemented:
                self._not_implemented.add(f"s3 {call.operation}")
            raise S3Error("NotImplemented", f"{call.operation} is not implemented by the local S3.") from None
        if call.argument("versionId", "null") != "null":
            raise S3Error("NotImplemented", "Versions of objects are not implemented by the local S3.")
        with noted(self._missed if call.operation in READS else None):
            return operation(call)

    def _failure(self, error: Exception, request_id: str) -> S3Error:
        if disk.is_full(error):
            return S3Error("StorageFull", f"{disk.text(error, self._folder)} Request: {request_id}.")
        return S3Error("InternalError", f"The local S3 failed. Its log has the cause under request {request_id}.")

    def _error_response(self, request: Request, error: S3Error, request_id: str, host_id: str) -> Response:
        drain(request)
        return error_response(error, request.path, request_id, host_id)
