"""Multipart uploads over HTTP: begin, add parts, complete or abort, list."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from werkzeug.wrappers import Response

from wildsage.local_runner.s3.answers import (
    OWNER,
    checksum_elements,
    checksum_headers,
    checksum_type,
    empty,
    stamp,
    xml_answer,
)
from wildsage.local_runner.s3.body import Body, read_document, receive
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.checksums import ALGORITHMS
from wildsage.local_runner.s3.conditions import byte_range, check_read, check_write
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.object_operations import Opener, attributes_of, copy_source
from wildsage.local_runner.s3.objects import moment
from wildsage.local_runner.s3.pending_object import Draft, file_chunks, write_draft
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.uploads import MOST_PARTS, Upload, Uploads
from wildsage.local_runner.s3.xml import parse

MOST_ENTRIES = 1000


def create_multipart_upload(uploads: Uploads, call: Call) -> Response:
    """A checksum covers the parts' checksums, except where the client asks for FULL_OBJECT or the algorithm knows no other."""
    algorithm = call.header("x-amz-checksum-algorithm").upper() or None
    whole = call.header("x-amz-checksum-type").upper() == "FULL_OBJECT" or algorithm == "CRC64NVME"
    upload_id = uploads.begin(call.bucket, call.key, attributes_of(call), algorithm, whole)
    headers = {}
    if algorithm:
        headers["x-amz-checksum-algorithm"] = algorithm
        headers["x-amz-checksum-type"] = "FULL_OBJECT" if whole else "COMPOSITE"
    content = {"Bucket": call.bucket, "Key": call.key, "UploadId": upload_id}
    return xml_answer("InitiateMultipartUploadResult", content, headers)


def upload_part(store: ObjectStore, uploads: Uploads, call: Call) -> Response:
    upload, number = _upload(uploads, call), _part_number(call)
    draft, checksums = receive(store, call, {upload.algorithm or ""})
    uploads.add(upload, number, draft, checksums)
    return empty({"ETag": f'"{draft.md5}"', **_part_checksums(checksums)})


def upload_part_copy(store: ObjectStore, uploads: Uploads, open_object: Opener, call: Call) -> Response:
    """A part out of an object, or out of `x-amz-copy-source-range: bytes=first-last` of it."""
    upload, number = _upload(uploads, call), _part_number(call)
    stored, file = open_object(*copy_source(call))
    with file:
        check_read(stored, call.header, "x-amz-copy-source-")
        first, end = byte_range(call.header("x-amz-copy-source-range"), stored.size) or (0, stored.size)
        algorithms = {upload.algorithm or ""} & ALGORITHMS.keys()
        draft = write_draft(store.temp, file_chunks(file, first, end), algorithms)
    uploads.add(upload, number, draft, draft.checksums)
    return xml_answer("CopyPartResult", _copied_part(draft))


def complete_multipart_upload(uploads: Uploads, call: Call) -> Response:
    upload = _upload(uploads, call)
    order = parse(read_document(call), "CompleteMultipartUpload")
    wanted = [_wanted(node) for node in order.iter("Part")]
    if not wanted:
        raise S3Error("MalformedXML", "CompleteMultipartUpload names no part, expected one or more.")
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
    return xml_answer("CompleteMultipartUploadResult", content)


def abort_multipart_upload(uploads: Uploads, call: Call) -> Response:
    uploads.abort(_upload(uploads, call))
    return empty(status=204)


def list_parts(uploads: Uploads, call: Call) -> Response:
    upload = _upload(uploads, call)
    limit = call.number("max-parts", MOST_ENTRIES, MOST_ENTRIES)
    marker = call.number("part-number-marker", 0, MOST_PARTS)
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
                "LastModified": stamp(part.last_modified),
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **checksum_elements(part.checksums),
            }
            for part in shown
        ],
    }
    return xml_answer("ListPartsResult", content)


def list_multipart_uploads(uploads: Uploads, call: Call) -> Response:
    """All on one page; a delimiter is not implemented."""
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
            "Initiated": stamp(upload.begun),
            "ChecksumAlgorithm": upload.algorithm,
        }
        for upload in uploads.of_bucket(call.bucket, prefix)
    ]
    content = {
        "Bucket": call.bucket,
        "Prefix": prefix,
        "MaxUploads": MOST_ENTRIES,
        "IsTruncated": False,
        "Upload": found,
    }
    return xml_answer("ListMultipartUploadsResult", content)


def _upload(uploads: Uploads, call: Call) -> Upload:
    return uploads.find(call.bucket, call.key, call.argument("uploadId"))


def _part_number(call: Call) -> int:
    number = call.number("partNumber", 0, MOST_PARTS + 1)
    if not 1 <= number <= MOST_PARTS:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive")
    return number


def _wanted(node: Element) -> tuple[int, str]:
    number, etag = node.findtext("PartNumber") or "", node.findtext("ETag") or ""
    if not number.isdecimal() or not etag:
        raise S3Error("MalformedXML", f"Part: got number {number!r} and ETag {etag!r}, expected both.")
    return int(number), etag


def _part_checksums(checksums: dict[str, str]) -> dict[str, str]:
    headers = checksum_headers(checksums)
    headers.pop("x-amz-checksum-type", None)
    return headers


def _copied_part(draft: Draft) -> dict[str, str]:
    return {
        "ETag": f'"{draft.md5}"',
        "LastModified": stamp(moment(draft.modified_ns)),
        **checksum_elements(draft.checksums),
    }
