"""Buckets and objects as the store returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson


def utc_time(nanoseconds: int) -> datetime:
    """A time stamp in nanoseconds since 1970 as UTC, in whole milliseconds as S3 reports it."""
    return datetime.fromtimestamp(nanoseconds // 1_000_000 / 1_000, UTC)


@dataclass(frozen=True)
class Bucket:
    """A bucket; `created` is in UTC."""

    name: str
    region: str
    created: datetime


@dataclass(frozen=True)
class Attributes:
    """What a client attaches to an object. GetObject returns all but `tagging` as headers.

    `metadata` has lower-case names without `x-amz-meta-`; `headers` holds Cache-Control, Content-Disposition,
    Content-Encoding, Content-Language, Expires; `tagging` is URL-encoded as in `x-amz-tagging`.
    """

    content_type: str = "binary/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tagging: str = ""

    @classmethod
    def from_json(cls, text: str) -> Attributes:
        """The attributes that `to_json` wrote as text."""
        return cls(**orjson.loads(text))

    def to_json(self) -> str:
        """The attributes as the index stores them."""
        return orjson.dumps(self).decode()


@dataclass(frozen=True, kw_only=True)
class ObjectSummary:
    """One line of a listing. `size` in bytes; `etag` without quotes; `modified_ns` since 1970."""

    bucket: str
    key: str
    size: int
    etag: str
    modified_ns: int
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def last_modified(self) -> datetime:
        """When the object was written, in UTC."""
        return utc_time(self.modified_ns)


@dataclass(frozen=True, kw_only=True)
class StoredObject(ObjectSummary):
    """An object on disk. `path`: a file with exactly its bytes. `checksums`: algorithm → base64 value."""

    path: Path
    attributes: Attributes = field(default_factory=Attributes)

    @property
    def content_type(self) -> str:
        """The object's Content-Type."""
        return self.attributes.content_type

    @property
    def metadata(self) -> Mapping[str, str]:
        """The object's user metadata."""
        return self.attributes.metadata
