"""ListObjects and ListObjectsV2: prefix, delimiter, pages."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from werkzeug.wrappers import Response

from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import ObjectSummary
from wildsage.local_runner.s3.responses import OWNER, checksum_type, format_time, xml_response
from wildsage.local_runner.s3.store import after_prefix

MAX_KEYS = 1000

#: (bucket, prefix, first key, limit) → objects in order.
Pager = Callable[[str, str, str, int], Iterable[ObjectSummary]]


@dataclass
class Listing:
    """One page. `last` is the last key or common prefix in it."""

    objects: list[ObjectSummary] = field(default_factory=list)
    common_prefixes: list[str] = field(default_factory=list)
    is_truncated: bool = False
    last: str = ""

    @property
    def count(self) -> int:
        """Number of entries: objects and common prefixes."""
        return len(self.objects) + len(self.common_prefixes)


def list_page(page: Pager, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
    """Keys after `after`, at most `limit` entries. Keys with the same prefix up to the delimiter become one common prefix."""
    listing = Listing()
    start = _following(after, prefix, delimiter)
    while found := list(page(bucket, prefix, start, limit - listing.count + 1)):
        for entry in found:
            if entry.key < start:
                continue  # below a listed common prefix. # mutants: equivalent: reading again begins behind it as well
            if listing.count == limit:
                listing.is_truncated = limit > 0
                return listing
            start = _add(listing, entry, prefix, delimiter)
    return listing


def _add(listing: Listing, entry: ObjectSummary, prefix: str, delimiter: str) -> str:
    """Add an object or its common prefix, and return the first key that may follow."""
    if common := _common_prefix(entry.key, prefix, delimiter):
        listing.common_prefixes.append(common)
    else:
        listing.objects.append(entry)
    listing.last = common or entry.key
    return _following(listing.last, prefix, delimiter)


def _common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """`a/b/` for key `a/b/c` with prefix `a/`; "" if no delimiter follows the prefix."""
    if not delimiter or not key.startswith(prefix):
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + found if found else ""


def _following(last: str, prefix: str, delimiter: str) -> str:
    """The first key that may follow an entry. A common prefix stands for all keys that begin with it."""
    if not last:
        return ""
    return after_prefix(last) if _common_prefix(last, prefix, delimiter) == last else last + "\0"


def list_objects(page: Pager, call: Call) -> Response:
    """Version 1: a page continues after `marker`, the last key or common prefix of the page before."""
    marker = call.argument("marker")
    listing, content = _list(page, call, after=marker)
    text = _encoder(call)
    content["Marker"] = text(marker)
    if listing.is_truncated and call.argument("delimiter"):
        content["NextMarker"] = text(listing.last)
    return xml_response("ListBucketResult", content)


def list_objects_v2(page: Pager, call: Call) -> Response:
    """Version 2: a page continues at a token, which encodes the last key or common prefix of the page before."""
    token, start_after = call.argument("continuation-token"), call.argument("start-after")
    listing, content = _list(page, call, after=_decode_token(token) if token else start_after)
    content["KeyCount"] = listing.count
    content["StartAfter"] = _encoder(call)(start_after) if start_after else None
    content["ContinuationToken"] = token or None
    if listing.is_truncated:
        content["NextContinuationToken"] = base64.urlsafe_b64encode(listing.last.encode()).decode()
    return xml_response("ListBucketResult", content)


def list_object_versions(page: Pager, call: Call) -> Response:
    """Each object is the only version of itself, `null`, as in a bucket without versioning."""
    marker = call.argument("key-marker")
    listing, content = _list(page, call, after=marker)
    text = _encoder(call)
    version = {"VersionId": "null", "IsLatest": True}
    content["Version"] = [{**entry, **version, "Owner": OWNER} for entry in content.pop("Contents")]
    content |= {"KeyMarker": text(marker), "VersionIdMarker": call.argument("version-id-marker")}
    if listing.is_truncated:
        content |= {"NextKeyMarker": text(listing.last), "NextVersionIdMarker": "null"}
    return xml_response("ListVersionsResult", content)


def _list(page: Pager, call: Call, after: str) -> tuple[Listing, dict[str, Any]]:
    prefix, delimiter = call.argument("prefix"), call.argument("delimiter")
    limit = call.number("max-keys", MAX_KEYS, MAX_KEYS)
    listing = list_page(page, call.bucket, prefix, delimiter, after, limit)
    text = _encoder(call)
    with_owner = call.operation == "ListObjects" or call.argument("fetch-owner") == "true"
    content = {
        "Name": call.bucket,
        "Prefix": text(prefix),
        "Delimiter": text(delimiter) if delimiter else None,
        "MaxKeys": limit,
        "EncodingType": call.argument("encoding-type") or None,
        "IsTruncated": listing.is_truncated,
        "Contents": [_contents(entry, text, with_owner) for entry in listing.objects],
        "CommonPrefixes": [{"Prefix": text(common)} for common in listing.common_prefixes],
    }
    return listing, content


def _contents(entry: ObjectSummary, text: Callable[[str], str], with_owner: bool) -> dict[str, Any]:
    return {
        "Key": text(entry.key),
        "LastModified": format_time(entry.last_modified),
        "ETag": f'"{entry.etag}"',
        "ChecksumAlgorithm": list(entry.checksums),
        "ChecksumType": checksum_type(entry.checksums) if entry.checksums else None,
        "Size": entry.size,
        "Owner": OWNER if with_owner else None,
        "StorageClass": "STANDARD",
    }


def _encoder(call: Call) -> Callable[[str], str]:
    """Encodes keys: unchanged, or percent-encoded with encoding-type=url. Raises InvalidArgument for other encodings."""
    encoding = call.argument("encoding-type")
    if encoding not in ("", "url"):
        raise S3Error(
            "InvalidArgument", f"encoding-type: got {encoding!r}, expected url.", ArgumentName="encoding-type"
        )
    return (lambda text: quote(text, safe="/~")) if encoding else str


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token, b"-_", validate=True).decode()
    except ValueError:
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from None
