"""Operations on objects: put, get, head, copy, delete, tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO
from urllib.parse import unquote

from werkzeug.http import http_date
from werkzeug.wrappers import Response
from werkzeug.wsgi import wrap_file

from wildsage.local_runner.s3.body import read_document, receive
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.checksums import ALGORITHMS
from wildsage.local_runner.s3.conditions import NotModified, byte_range, check_read, check_write
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.names import checked_metadata
from wildsage.local_runner.s3.objects import Attributes, StoredObject
from wildsage.local_runner.s3.pending_object import CHUNK_BYTES, file_chunks, write_pending
from wildsage.local_runner.s3.responses import (
    checksum_elements,
    checksum_headers,
    checksum_type,
    empty_response,
    format_time,
    object_headers,
    xml_response,
)
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.tagging import from_header
from wildsage.local_runner.s3.xml import parse

KEPT_HEADERS = ("Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires")
OVERRIDABLE = (*KEPT_HEADERS, "Content-Type")
MAX_DELETIONS = 1000
COPY_DIRECTIVES = ("x-amz-metadata-directive", "x-amz-tagging-directive")
OBJECT_ATTRIBUTES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")

Opener = Callable[[str, str], tuple[StoredObject, BinaryIO]]


def attributes_of(call: Call) -> Attributes:
    """Attributes of the object in the headers of a write."""
    headers = {name: call.header(name) for name in KEPT_HEADERS}
    codings = (coding.strip() for coding in headers["Content-Encoding"].split(","))
    headers["Content-Encoding"] = ",".join(coding for coding in codings if coding != "aws-chunked")
    prefix = "HTTP_X_AMZ_META_"
    return Attributes(
        content_type=call.header("Content-Type", Attributes.content_type),
        headers={name: value for name, value in headers.items() if value},
        metadata=checked_metadata(
            {
                name.removeprefix(prefix).replace("_", "-").lower(): value
                for name, value in call.request.environ.items()
                if name.startswith(prefix)
            }
        ),
        tagging=from_header(call.header("x-amz-tagging")),
    )


def put_object(store: ObjectStore, call: Call) -> Response:
    """Store the body as an object. Raises NoSuchBucket, PreconditionFailed, BadDigest."""
    store.bucket(call.bucket)
    attributes = attributes_of(call)
    pending, checksums = receive(store, call)
    stored = store.commit(
        call.bucket,
        call.key,
        pending,
        attributes,
        checksums=checksums,
        check=lambda existing: check_write(existing, call.header),
    )
    return empty_response({"ETag": f'"{stored.etag}"', **checksum_headers(stored.checksums)})


def get_object(open_object: Opener, call: Call) -> Response:
    """An object or a range of it, if the conditions of the request hold. Raises NoSuchKey, InvalidRange, PreconditionFailed.

    The server gets the file as `wsgi.file_wrapper`, at the range's first byte, so that the kernel can send it. PEP 3333: the
    server stops at Content-Length.
    """
    stored, file = open_object(call.bucket, call.key)
    try:
        response = _read_response(stored, call)
        if call.request.method == "GET" and response.content_length:
            file.seek(_first_byte(response))
            response.response = wrap_file(call.request.environ, file, CHUNK_BYTES)
            response.direct_passthrough = True
            return response
    except NotModified:
        response = empty_response(object_headers(stored), status=304)
    except S3Error:
        file.close()
        raise
    file.close()
    return response


def _read_response(stored: StoredObject, call: Call) -> Response:
    """Status and headers of a read, without the body."""
    check_read(stored, call.header)
    if call.argument("partNumber"):
        raise S3Error("NotImplemented", f"{call.operation} with partNumber is not implemented by the local S3.")
    headers = object_headers(stored)
    overrides = {name: call.argument(f"response-{name.lower()}") for name in OVERRIDABLE}
    for name, value in overrides.items():
        if not (value.isascii() and value.isprintable()):
            raise S3Error(
                "InvalidArgument", f"response-{name.lower()}: got {value!r}, expected printable ASCII characters."
            )
    headers.update({name: value for name, value in overrides.items() if value})
    part = byte_range(call.header("Range"), stored.size)
    if part:
        first, end = part
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{stored.size}"
        headers["Content-Length"] = str(end - first)
        return Response(status=206, headers=headers)
    headers["Content-Length"] = str(stored.size)
    if call.header("x-amz-checksum-mode").upper() == "ENABLED":
        headers.update(checksum_headers(stored.checksums))
    return Response(status=200, headers=headers)


def _first_byte(response: Response) -> int:
    return response.content_range.start or 0


def copy_object(store: ObjectStore, open_object: Opener, call: Call) -> Response:
    """Copy an object, with its attributes and tags unless x-amz-metadata-directive or x-amz-tagging-directive is REPLACE.

    Raises InvalidRequest for a copy to itself that changes nothing, and what reading and writing raise.
    """
    source = copy_source(call)
    if source == (call.bucket, call.key) and not any(call.header(name) == "REPLACE" for name in COPY_DIRECTIVES):
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
            "metadata. Set the metadata directive to REPLACE.",
        )
    store.bucket(call.bucket)
    stored, file = open_object(*source)
    with file:
        check_read(stored, call.header, "x-amz-copy-source-")
        attributes = _copied_attributes(stored.attributes, call)
        wanted = {call.header("x-amz-checksum-algorithm").upper()} & ALGORITHMS.keys()
        whole = {name for name, value in stored.checksums.items() if "-" not in value}
        pending = write_pending(store.temp, file_chunks(file), wanted or whole & ALGORITHMS.keys())
    copied = store.commit(call.bucket, call.key, pending, attributes)
    return xml_response("CopyObjectResult", copy_result(copied))


def _copied_attributes(before: Attributes, call: Call) -> Attributes:
    """The attributes of a copy: each part that a directive does not replace is the original's."""
    given = attributes_of(call)
    metadata, tags = (call.header(name) == "REPLACE" for name in COPY_DIRECTIVES)
    return replace(given if metadata else before, tagging=given.tagging if tags else before.tagging)


def get_object_attributes(store: ObjectStore, call: Call) -> Response:
    """Those of the attributes ETag, Checksum, ObjectParts, StorageClass and ObjectSize that the request names.

    Raises NoSuchKey, InvalidArgument.
    """
    stored = store.get(call.bucket, call.key)
    wanted = {name.strip() for name in call.header("x-amz-object-attributes").split(",")}
    if not wanted <= set(OBJECT_ATTRIBUTES):
        raise S3Error("InvalidArgument", "Invalid attribute name specified.", ArgumentName="x-amz-object-attributes")
    parts = stored.etag.partition("-")[2]
    checksum = {**checksum_elements(stored.checksums), "ChecksumType": checksum_type(stored.checksums)}
    values = {
        "ETag": stored.etag,
        "Checksum": checksum if stored.checksums else None,
        "ObjectParts": {"PartsCount": int(parts)} if parts else None,
        "StorageClass": "STANDARD",
        "ObjectSize": stored.size,
    }
    content = {name: value for name, value in values.items() if name in wanted}
    return xml_response("GetObjectAttributesResponse", content, {"Last-Modified": http_date(stored.last_modified)})


def copy_source(call: Call) -> tuple[str, str]:
    """(bucket, key) of x-amz-copy-source. Raises InvalidArgument, or NotImplemented for a version."""
    address, _, version = call.header("x-amz-copy-source").partition("?versionId=")
    bucket, _, key = unquote(address).removeprefix("/").partition("/")
    if not bucket or not key:
        raise S3Error("InvalidArgument", f"Copy source: got {address!r}, expected bucket/key.")
    if version not in ("", "null"):
        raise S3Error("NotImplemented", "Versions of objects are not implemented by the local S3.")
    return bucket, key


def copy_result(copied: StoredObject) -> dict[str, str]:
    """Elements of the document that CopyObject returns."""
    result = {"ETag": f'"{copied.etag}"', "LastModified": format_time(copied.last_modified)}
    return result | checksum_elements(copied.checksums)


def delete_object(store: ObjectStore, call: Call) -> Response:
    """Delete an object. Raises NoSuchBucket."""
    store.delete(call.bucket, call.key)
    return empty_response(status=204)


def delete_objects(store: ObjectStore, call: Call) -> Response:
    """Delete up to 1000 keys. Raises MalformedXML, NoSuchBucket."""
    document = parse(read_document(call), "Delete")
    keys = [node.findtext("Key") or "" for node in document.iter("Object")]
    if not 0 < len(keys) <= MAX_DELETIONS or not all(keys):
        raise S3Error("MalformedXML", f"Got {len(keys)} keys, expected 1 to {MAX_DELETIONS} keys that are not empty.")
    for key in keys:
        store.delete(call.bucket, key)
    quiet = document.findtext("Quiet") == "true"
    return xml_response("DeleteResult", {"Deleted": [] if quiet else [{"Key": key} for key in keys]})
