"""Which buckets are read although they do not exist: callers learn it when their program has ended, whoever read for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from wildsage.local_runner.processes.line_file import LineFile
from wildsage.local_runner.s3.errors import NoSuchBucket
from wildsage.local_runner.s3.names import BUCKET
from wildsage.local_runner.s3.objects import ObjectSummary, StoredObject
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore


@contextmanager
def noted(missed: LineFile | None) -> Iterator[None]:
    """Add the bucket to the file if a read in the block ends because the bucket does not exist."""
    try:
        yield
    except NoSuchBucket as error:
        if missed and BUCKET.fullmatch(error.bucket):
            missed.add(error.bucket)
        raise


class JobReads:
    """What jobs, models and endpoints read: as the store or the public buckets do, noting the buckets that do not exist."""

    def __init__(self, objects: ObjectStore | PublicBuckets, missed: LineFile) -> None:
        self._objects = objects
        self._missed = missed

    def get(self, bucket: str, key: str) -> StoredObject:
        """The object. Raises NoSuchBucket, NoSuchKey."""
        with noted(self._missed):
            return self._objects.get(bucket, key)

    def open(self, bucket: str, key: str) -> tuple[StoredObject, BinaryIO]:
        """The object and its open file. Raises NoSuchBucket, NoSuchKey."""
        with noted(self._missed):
            return self._objects.open(bucket, key)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectSummary]:
        """All objects with a prefix, in the order of their keys. Raises NoSuchBucket, at once or with the first object."""
        with noted(self._missed):
            found = self._objects.list(bucket, prefix)
        return self._each(found)

    def _each(self, found: Iterator[ObjectSummary]) -> Iterator[ObjectSummary]:
        with noted(self._missed):
            yield from found
