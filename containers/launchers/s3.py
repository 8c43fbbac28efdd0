"""Channels and models in S3, or in what answers as S3 does: boto3's own variables say where and with which keys."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wildsage.algorithms.base.errors import PlatformError, UserError

RANGE_BYTES = 16 << 20
ATTEMPTS = 5
SCHEME = "s3://"


def is_address(place: str) -> bool:
    """Whether a place is in S3."""
    return place.startswith(SCHEME)


@dataclass(frozen=True)
class S3Object:
    """One object. It is read in ranges of 16 MiB; one that is replaced meanwhile is an error, not a mixture."""

    client: Any
    bucket: str
    key: str
    size: int
    etag: str

    @property
    def name(self) -> str:
        """Its address."""
        return f"{SCHEME}{self.bucket}/{self.key}"

    def open(self, _mode: str = "rb", /) -> IO:
        """Open it to be read from its start. Reads raise UserError where S3 rejects them, PlatformError where it is gone."""
        return io.BufferedReader(_Ranges(self), RANGE_BYTES)

    def range(self, start: int, length: int) -> bytes:
        """Bytes of it. A connection that breaks meanwhile is tried again."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        with explained(self.name):
            for _ in range(ATTEMPTS - 1):
                with suppress(HTTPClientError, IncompleteReadError):
                    return self._read(start, length)
            return self._read(start, length)

    def _read(self, start: int, length: int) -> bytes:
        asked = f"bytes={start}-{start + length - 1}"
        found = self.client.get_object(Bucket=self.bucket, Key=self.key, Range=asked, IfMatch=self.etag)
        return found["Body"].read()

    def download(self, path: Path) -> None:
        """Write it to a file. Raises UserError where S3 rejects it, PlatformError where S3 is gone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with explained(self.name):
            self.client.download_file(self.bucket, self.key, str(path))


class _Ranges(io.RawIOBase):
    def __init__(self, stored: S3Object) -> None:
        self._object = stored
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._object.size - self._at)
        if length <= 0:
            return 0
        content = self._object.range(self._at, length)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def client() -> Any:
    """A client with boto3's usual configuration. Raises UserError where boto3 is not installed."""
    try:
        import boto3
    except ImportError:
        raise UserError(
            "An address that begins with s3:// needs boto3, which comes with `pip install wildsage`."
        ) from None
    with explained("S3"):
        return boto3.client("s3")


def objects(found_by: Any, address: str) -> list[S3Object]:
    """All objects below an address, sorted by key, without folders' markers. Raises UserError where there are none."""
    bucket, prefix = split(address)
    with explained(address):
        pages = found_by.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        entries = [entry for page in pages for entry in page.get("Contents", ()) if not entry["Key"].endswith("/")]
    if not entries:
        raise UserError(f"{address}: no object's key begins so.")
    return [S3Object(found_by, bucket, entry["Key"], entry["Size"], entry["ETag"]) for entry in entries]


def upload(path: Path, address: str) -> str:
    """Store a file below an address, under its own name, and return where it is."""
    bucket, prefix = split(address)
    key = f"{prefix.rstrip('/')}/{path.name}".lstrip("/")
    with explained(address):
        client().upload_file(str(path), bucket, key)
    return f"{SCHEME}{bucket}/{key}"


def split(address: str) -> tuple[str, str]:
    """Bucket and prefix. Raises UserError for an address without a bucket."""
    bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise UserError(f"{address!r} names no bucket; expected s3://bucket/prefix.")
    return bucket, prefix


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Raise UserError in place of what S3 rejects, and PlatformError where it cannot be reached."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        yield
    except (ClientError, NoCredentialsError, NoRegionError, Boto3Error) as error:
        raise UserError(f"{what}: {error}") from None
    except BotoCoreError as error:
        raise PlatformError(f"{what}: {error}") from None
