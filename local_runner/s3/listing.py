"""ListObjects and ListObjectsV2: prefix, delimiter, pages."""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from werkzeug.wrappers import Response

from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import ObjectSummary
from wildsage.local_runner.s3.responses import OWNER, checksum_type, format_time, xml_response
from wildsage.local_runner.s3.store import after_prefix
from wildsage.local_runner.s3.xml import Markup, escaped, markup

MAX_KEYS = 1000
ROWS_AN_ENTRY = 4
"""A query of the index takes about as long as reading so many of its rows."""

OWNER_MARKUP = markup({"Owner": OWNER})
VERSION_MARKUP = markup({"VersionId": "null", "IsLatest": True})

_key = attrgetter("key")

#: (bucket, prefix, first key, wanted) → objects in order; more or fewer than wanted, but none only where none follow.
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
    """Keys after `after`, at most `limit` entries. Keys with the same prefix up to the delimiter become one common prefix.

    Behind a common prefix, reading goes on at the first key that does not begin with it. So that few of the keys below it are
    read, a query asks for the more rows the more entries the one before gave.
    """
    listing = Listing()
    start, rows = _following(after, prefix, delimiter), limit + 1
    while found := list(page(bucket, prefix, start, rows)):
        before, at = listing.count, 0
        while at < len(found):
            if listing.count == limit:
                listing.is_truncated = limit > 0
                return listing
            start = _add(listing, found[at], prefix, delimiter)
            at += 1
            if at < len(found) and found[at].key < start:  # below the common prefix that was added
                at = bisect_left(found, start, at, key=_key)
        rows = min(limit - listing.count + 1, ROWS_AN_ENTRY * (listing.count - before))
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
    content["Version"] = [Markup(entry + VERSION_MARKUP) for entry in content.pop("Contents")]
    content |= {"KeyMarker": text(marker), "VersionIdMarker": call.argument("version-id-marker")}
    if listing.is_truncated:
        content |= {"NextKeyMarker": text(listing.last), "NextVersionIdMarker": "null"}
    return xml_response("ListVersionsResult", content)


def _list(page: Pager, call: Call, after: str) -> tuple[Listing, dict[str, Any]]:
    prefix, delimiter = call.argument("prefix"), call.argument("delimiter")
    limit = call.number("max-keys", MAX_KEYS, MAX_KEYS)
    listing = list_page(page, call.bucket, prefix, delimiter, after, limit)
    text = _encoder(call)
    with_owner = call.operation != "ListObjectsV2" or call.argument("fetch-owner") == "true"
    content = {
        "Name": call.bucket,
        "Prefix": text(prefix),
        "Delimiter": text(delimiter) if delimiter else None,
        "MaxKeys": limit,
        "EncodingType": call.argument("encoding-type") or None,
        "IsTruncated": listing.is_truncated,
        "Contents": [_contents(entry, text, OWNER_MARKUP if with_owner else "") for entry in listing.objects],
        "CommonPrefixes": [{"Prefix": text(common)} for common in listing.common_prefixes],
    }
    return listing, content


def _contents(entry: ObjectSummary, text: Callable[[str], str], owner: str) -> Markup:
    """An object of a page. There may be a thousand of them, which would take three times as long as dictionaries."""
    return Markup(
        f"<Key>{escaped(text(entry.key))}</Key><LastModified>{format_time(entry.last_modified)}</LastModified>"
        f"<ETag>&quot;{escaped(entry.etag)}&quot;</ETag>{_checksums(entry.checksums)}<Size>{entry.size}</Size>{owner}"
        "<StorageClass>STANDARD</StorageClass>"
    )


def _checksums(checksums: Mapping[str, str]) -> str:
    """Which checksums an object has, and of what."""
    if not checksums:
        return ""
    names = "".join(f"<ChecksumAlgorithm>{name}</ChecksumAlgorithm>" for name in checksums)
    return f"{names}<ChecksumType>{checksum_type(checksums)}</ChecksumType>"


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
