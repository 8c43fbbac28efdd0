"""Rules for the names of buckets and keys and for metadata, and the path of a key on disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from wildsage.local_runner.s3.errors import S3Error

MAX_METADATA_BYTES = 2048
MAX_KEY_BYTES = 1024
BUCKET = re.compile(r"(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PLAIN_PART = re.compile(r"[A-Za-z0-9 !$&'()*+,=@_.~^{}\[\]%#-]{1,200}")


def check_bucket(name: str) -> None:
    """Raises InvalidBucketName for anything but 3 to 63 lower-case letters, digits, dots and hyphens."""
    if not BUCKET.fullmatch(name):
        raise S3Error(
            "InvalidBucketName",
            f"The specified bucket is not valid: got {name!r}, expected 3 to 63 lower-case letters, digits, dots and "
            "hyphens, beginning and ending with a letter or digit.",
            BucketName=name,
        )


def checked_metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """The user's metadata. Raises MetadataTooLarge above 2 KB of UTF-8, names and values together."""
    size_bytes = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size_bytes > MAX_METADATA_BYTES:
        raise S3Error(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            Size=str(size_bytes),
            MaxSizeAllowed=str(MAX_METADATA_BYTES),
        )
    return metadata


def check_key(key: str) -> None:
    """Raises KeyTooLongError above 1024 bytes of UTF-8."""
    size_bytes = len(key.encode())
    if size_bytes > MAX_KEY_BYTES:
        raise S3Error(
            "KeyTooLongError",
            "Your key is too long",
            Size=str(size_bytes),
            MaxSizeAllowed=str(MAX_KEY_BYTES),
        )


def readable_path(bucket: str, key: str) -> PurePosixPath | None:
    """`buckets/<bucket>/<key>` if all parts of the key are plain file names, else None (`a//b`, `..`, long, not ASCII).

    Only ASCII, because file systems normalise other characters in different ways.
    """
    parts = key.split("/")
    if any(part in (".", "..") or not PLAIN_PART.fullmatch(part) for part in parts):
        return None
    return PurePosixPath("buckets", bucket, *parts)


def hashed_path(bucket: str, key: str) -> PurePosixPath:
    """Path for a key that cannot be a path itself: `hashed/<bucket>/<sha256 of the key>`."""
    return PurePosixPath("hashed", bucket, hashlib.sha256(key.encode()).hexdigest())
