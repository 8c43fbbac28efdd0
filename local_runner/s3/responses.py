"""Responses, and the headers and elements that several operations share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from werkzeug.http import http_date
from werkzeug.wrappers import Response

from wildsage.local_runner.s3.checksums import NAMES, header
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import StoredObject
from wildsage.local_runner.s3.xml import document

OWNER = {"ID": "local", "DisplayName": "local"}


def format_time(time: datetime) -> str:
    """A time as S3 writes it in documents: `2026-11-21T18:00:00.123Z`."""
    return time.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class EmptyResponse(Response):
    """A response without a body and without a Content-Type."""

    default_mimetype = None


def empty_response(headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """A response without a body."""
    return EmptyResponse(status=status, headers=headers)


def xml_response(
    root: str, content: Mapping[str, Any] | str, headers: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    """A response with an XML document; `content` as in `xml.document`."""
    return Response(document(root, content), status=status, headers=headers, content_type="application/xml")


def error_response(error: S3Error, resource: str, request_id: str, host_id: str) -> Response:
    """S3's error document for `error`."""
    content = {
        "Code": error.code,
        "Message": str(error),
        **error.details,
        "Resource": resource,
        "RequestId": request_id,
        "HostId": host_id,
    }
    return Response(document("Error", content, namespace=""), status=error.status, content_type="application/xml")


def checksum_headers(checksums: Mapping[str, str]) -> dict[str, str]:
    """The headers `x-amz-checksum-…` and the checksum type. A value that ends in `-N` covers the checksums of N parts."""
    headers = {header(algorithm): value for algorithm, value in checksums.items()}
    if headers:
        headers["x-amz-checksum-type"] = checksum_type(checksums)
    return headers


def checksum_elements(checksums: Mapping[str, str]) -> dict[str, str]:
    """Checksums as elements of a document, such as `ChecksumCRC32`."""
    return {f"Checksum{algorithm}": checksums[algorithm] for algorithm in NAMES if algorithm in checksums}


def checksum_type(checksums: Mapping[str, str]) -> str:
    """COMPOSITE if a checksum covers the parts' checksums, else FULL_OBJECT."""
    return "COMPOSITE" if any("-" in value for value in checksums.values()) else "FULL_OBJECT"


def object_headers(stored: StoredObject) -> dict[str, str]:
    """Headers of GetObject and HeadObject, without the length and the checksums."""
    attributes = stored.attributes
    headers = {
        "ETag": f'"{stored.etag}"',
        "Last-Modified": http_date(stored.last_modified),
        "Accept-Ranges": "bytes",
        "Content-Type": attributes.content_type,
        **attributes.headers,
        **{f"x-amz-meta-{name}": value for name, value in attributes.metadata.items()},
    }
    if attributes.tagging:
        headers["x-amz-tagging-count"] = str(attributes.tagging.count("&") + 1)
    return headers
