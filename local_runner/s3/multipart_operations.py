"""Operations on multipart uploads: create, upload parts, complete, abort, list."""

from __future__ import annotations

from contextlib import suppress
from xml.etree.ElementTree import Element

from werkzeug.wrappers import Response

from wildsage.containers.contract.whole_number import shortened, whole_number
from wildsage.local_runner.s3.body import Body, read_document, receive
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.checksums import ALGORITHMS
from wildsage.local_runner.s3.conditions import byte_range, check_read, check_write
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.object_operations import Opener, attributes_of, copy_source
from wildsage.local_runner.s3.objects import utc_time
from wildsage.local_runner.s3.pending_object import PendingObject, file_chunks, write_pending
from wildsage.local_runner.s3.responses import (
    OWNER,
    checksum_elements,
    checksum_headers,
    checksum_type,
    empty_response,
    format_time,
    xml_response,
)
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.uploads import MAX_PARTS, Upload, Uploads
from wildsage.local_runner.s3.xml import parse

MAX_ENTRIES = 1000


def create_multipart_upload(uploads: Uploads, call: Call) -> Response:
    """A checksum covers the parts' checksums, unless the client asks for FULL_OBJECT or the algorithm supports only that."""
    algorithm = call.header("x-amz-checksum-algorithm").upper() or None
    whole = call.header("x-amz-checksum-type").upper() == "FULL_OBJECT" or algorithm == "CRC64NVME"
    upload_id = uploads.begin(call.bucket, call.key, attributes_of(call), algorithm, whole)
    headers = {}
    if algorithm:
        headers["x-amz-checksum-algorithm"] = algorithm
        headers["x-amz-checksum-type"] = "FULL_OBJECT" if whole else "COMPOSITE"
    content = {"Bucket": call.bucket, "Key": call.key, "UploadId": upload_id}
    return xml_response("InitiateMultipartUploadResult", content, headers)


def upload_part(store: ObjectStore, uploads: Uploads, call: Call) -> Response:
    """Store the body as a part. Raises NoSuchUpload, InvalidArgument, BadDigest."""
    upload, number = _upload(uploads, call), _part_number(call)
    pending, checksums = receive(store, call, {upload.algorithm or ""})
    uploads.add(upload, number, pending, checksums)
    return empty_response({"ETag": f'"{pending.md5}"', **_part_checksums(checksums)})


def upload_part_copy(store: ObjectStore, uploads: Uploads, open_object: Opener, call: Call) -> Response:
    """Copy a part from an object, or from its bytes `x-amz-copy-source-range: bytes=first-last`."""
    upload, number = _upload(uploads, call), _part_number(call)
    stored, file = open_object(*copy_source(call))
    with file:
        check_read(stored, call.header, "x-amz-copy-source-")
        first, end = byte_range(call.header("x-amz-copy-source-range"), stored.size) or (0, stored.size)
        algorithms = {upload.algorithm or ""} & ALGORITHMS.keys()
        pending = write_pending(store.temp, file_chunks(file, first, end), algorithms)
    uploads.add(upload, number, pending, pending.checksums)
    return xml_response("CopyPartResult", _copied_part(pending))


def complete_multipart_upload(uploads: Uploads, call: Call) -> Response:
    """Join the listed parts into the object. Raises as Uploads.complete, and MalformedXML."""
    upload = _upload(uploads, call)
    document = parse(read_document(call), "CompleteMultipartUpload")
    wanted = [_wanted(node) for node in document.iter("Part")]
    if not wanted:
        raise S3Error("MalformedXML", "CompleteMultipartUpload: got no parts, expected one or more.")
    stated = {name: value for name, value in Body(call).stated().items() if upload.whole and "-" not in value}
    stored = uploads.complete(upload, wanted, stated, lambda existing: check_write(existing, call.header))
    content = {
        "Location": f"{call.request.host_url}{call.bucket}/{call.key}",
        "Bucket": call.bucket,
        "Key": call.key,
        "ETag": f'"{stored.etag}"',
        **checksum_elements(stored.checksums),
        "ChecksumType": checksum_type(stored.checksums) if stored.checksums else None,
    }
    return xml_response("CompleteMultipartUploadResult", content)


def abort_multipart_upload(uploads: Uploads, call: Call) -> Response:
    """Remove an upload. Raises NoSuchUpload."""
    uploads.abort(_upload(uploads, call))
    return empty_response(status=204)


def list_parts(uploads: Uploads, call: Call) -> Response:
    """One page of an upload's parts. Raises NoSuchUpload."""
    upload = _upload(uploads, call)
    limit = call.number("max-parts", MAX_ENTRIES, MAX_ENTRIES)
    marker = call.number("part-number-marker", 0, MAX_PARTS)
    parts = uploads.parts(upload, marker, limit + 1)
    shown = parts[:limit]
    content = {
        "Bucket": call.bucket,
        "Key": call.key,
        "UploadId": upload.id,
        "Initiator": OWNER,
        "Owner": OWNER,
        "StorageClass": "STANDARD",
        "ChecksumAlgorithm": upload.algorithm,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": limit,
        "IsTruncated": len(parts) > limit,
        "Part": [
            {
                "PartNumber": part.number,
                "LastModified": format_time(part.last_modified),
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **checksum_elements(part.checksums),
            }
            for part in shown
        ],
    }
    return xml_response("ListPartsResult", content)


def list_multipart_uploads(uploads: Uploads, call: Call) -> Response:
    """List all uploads on one page. Raises NotImplemented for a delimiter."""
    if call.argument("delimiter"):
        raise S3Error("NotImplemented", "ListMultipartUploads with delimiter is not implemented by the local S3.")
    prefix = call.argument("prefix")
    found = [
        {
            "Key": upload.key,
            "UploadId": upload.id,
            "Initiator": OWNER,
            "Owner": OWNER,
            "StorageClass": "STANDARD",
            "Initiated": format_time(upload.begun),
            "ChecksumAlgorithm": upload.algorithm,
        }
        for upload in uploads.list_uploads(call.bucket, prefix)
    ]
    content = {
        "Bucket": call.bucket,
        "Prefix": prefix,
        "MaxUploads": MAX_ENTRIES,
        "IsTruncated": False,
        "Upload": found,
    }
    return xml_response("ListMultipartUploadsResult", content)


def _upload(uploads: Uploads, call: Call) -> Upload:
    return uploads.find(call.bucket, call.key, call.argument("uploadId"))


def _part_number(call: Call) -> int:
    number = call.number("partNumber", 0, MAX_PARTS + 1)
    if not 1 <= number <= MAX_PARTS:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive")
    return number


def _wanted(node: Element) -> tuple[int, str]:
    number, etag = node.findtext("PartNumber") or "", node.findtext("ETag") or ""
    with suppress(ValueError):
        if etag:
            return whole_number(number), etag
    raise S3Error("MalformedXML", f"Part: got number {shortened(number)} and ETag {shortened(etag)}, expected both.")


def _part_checksums(checksums: dict[str, str]) -> dict[str, str]:
    headers = checksum_headers(checksums)
    headers.pop("x-amz-checksum-type", None)
    return headers


def _copied_part(pending: PendingObject) -> dict[str, str]:
    return {
        "ETag": f'"{pending.md5}"',
        "LastModified": format_time(utc_time(pending.modified_ns)),
        **checksum_elements(pending.checksums),
    }
