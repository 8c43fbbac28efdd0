"""Buckets and objects as plain files below one folder, with an index.

    <folder>/index.sqlite                 attributes of every object
    <folder>/buckets/<bucket>/<key>       an object whose key can be a path
    <folder>/hashed/<bucket>/<sha256>     an object whose key cannot: `a//b`, `..`, very long, `a` beside `a/b`
    <folder>/uploads/<id>/<number>        parts of unfinished multipart uploads
    <folder>/temp/                        files that are being written

A write goes to `temp`, then replaces the object's file within the transaction that changes its row. If that fails, as on a
full disk, the old file comes back. If the process dies, the old object or the new one remains; between those two steps, the
new bytes with the old headers and tags. (A power failure may lose the last seconds, since nothing waits for the disk.) If
somebody changes a file, its size or time differs from the index; the store then computes its digest again and serves it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import orjson

from wildsage.local_runner.s3.errors import NoSuchBucket, NoSuchKey, S3Error
from wildsage.local_runner.s3.index import Index
from wildsage.local_runner.s3.names import check_bucket, check_key, hashed_path, readable_path
from wildsage.local_runner.s3.objects import Attributes, Bucket, ObjectSummary, StoredObject, utc_time
from wildsage.local_runner.s3.pending_object import PendingObject, file_chunks, write_pending
from wildsage.local_runner.s3.placement import Placement, placing
from wildsage.local_runner.wire.regions import DEFAULT_REGION

PAGE_ROWS = 1000  # mutants: equivalent: pages of another size hold the same objects
COLUMNS = "bucket, key, path, size, modified_ns, etag, checksums, attributes"
#: Greater than every key: a key has at most 1024 bytes, so at most 256 of these characters.
AFTER_ALL_KEYS = "\U0010ffff" * 257  # mutants: equivalent: any number above 256


class ObjectStore:
    """Thread-safe. One process uses it and must open it after a fork. Holds one chunk of an object in memory at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.temp = self.folder / "temp"
        shutil.rmtree(self.temp, ignore_errors=True)
        for name in ("buckets", "hashed", "uploads", "temp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.index = Index(self.folder / "index.sqlite")

    def close(self) -> None:
        """Close the index of objects; the objects are files and stay."""
        self.index.close()

    # Buckets

    def buckets(self) -> list[Bucket]:
        """All buckets, sorted by name."""
        rows = self.index.rows("SELECT name, region, created_ns FROM buckets ORDER BY name")
        return [Bucket(name, region, utc_time(created_ns)) for name, region, created_ns in rows]

    def bucket(self, name: str) -> Bucket:
        """The bucket of that name. Raises NoSuchBucket."""
        row = self.index.row("SELECT name, region, created_ns FROM buckets WHERE name = ?", (name,))
        if row is None:
            raise NoSuchBucket(name)
        return Bucket(row[0], row[1], utc_time(row[2]))

    def has_bucket(self, name: str) -> bool:
        """True if the bucket exists."""
        return self.index.row("SELECT 1 FROM buckets WHERE name = ?", (name,)) is not None

    def create_bucket(self, name: str, region: str = DEFAULT_REGION) -> None:
        """Create a bucket. Raises InvalidBucketName, BucketAlreadyOwnedByYou."""
        check_bucket(name)
        with self.index.writing():
            if self.has_bucket(name):
                raise S3Error("BucketAlreadyOwnedByYou", f"Bucket {name} exists already.", BucketName=name)
            self.index.row("INSERT INTO buckets VALUES (?, ?, ?)", (name, region, time.time_ns()))

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket and its unfinished uploads. Raises NoSuchBucket, BucketNotEmpty."""

        def delete() -> list[str]:
            self.bucket(name)
            if self.index.row("SELECT 1 FROM objects WHERE bucket = ?", (name,)):
                raise S3Error("BucketNotEmpty", f"Bucket {name} still holds objects.", BucketName=name)
            uploads = [row[0] for row in self.index.rows("SELECT id FROM uploads WHERE bucket = ?", (name,))]
            self.index.row("DELETE FROM parts WHERE upload IN (SELECT id FROM uploads WHERE bucket = ?)", (name,))
            self.index.row("DELETE FROM uploads WHERE bucket = ?", (name,))
            self.index.row("DELETE FROM buckets WHERE name = ?", (name,))
            return uploads

        for upload_id in self.index.write(delete):
            shutil.rmtree(self.folder / "uploads" / upload_id, ignore_errors=True)

    # Objects

    def put(
        self,
        bucket: str,
        key: str,
        chunks: Iterable[bytes],
        content_type: str = Attributes.content_type,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store an object from chunks; `file_chunks` reads those of an open file. Raises NoSuchBucket, KeyTooLongError."""
        self.bucket(bucket)
        pending = write_pending(self.temp, chunks)
        return self.commit(bucket, key, pending, Attributes(content_type, metadata or {}))

    def put_file(self, bucket: str, key: str, path: Path, content_type: str = Attributes.content_type) -> StoredObject:
        """Store a copy of the file at `path`."""
        with open(path, "rb", buffering=0) as file:  # mutants: equivalent: the bytes are the same
            return self.put(bucket, key, file_chunks(file), content_type)

    def commit(
        self,
        bucket: str,
        key: str,
        pending: PendingObject,
        attributes: Attributes,
        etag: str = "",
        checksums: Mapping[str, str] | None = None,
        check: Callable[[StoredObject | None], None] = lambda existing: None,
    ) -> StoredObject:
        """Turn a pending object into the object. `etag` and `checksums`, if given, replace those of the pending object.

        `check` gets the object that is about to be replaced, or None, and may raise to keep it.
        """
        try:
            check_key(key)
            # one lock around both: nobody may see a file whose row is not yet, or not any more, its own
            with self.index.alone(), placing(self.temp) as placement, self.index.writing():
                self.bucket(bucket)
                existing = self.find(bucket, key)
                check(existing)
                path = self._place(bucket, key, pending.path, existing, placement)
                sums = orjson.dumps(dict(pending.checksums if checksums is None else checksums)).decode()
                known = (bucket, key, str(path), pending.size, pending.modified_ns)
                row = (*known, etag or pending.md5, sums, attributes.to_json())
                self.index.row(f"REPLACE INTO objects ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except BaseException:
            pending.discard()
            raise
        return self._stored(row)

    def get(self, bucket: str, key: str) -> StoredObject:
        """The object, after a check that its file exists. Raises NoSuchBucket, NoSuchKey."""
        stored = self._require(bucket, key)
        if not _unchanged(stored, stored.path):
            stored = self._reindex(bucket, key)
        return stored

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The object as the index has it, without a check of its file; None if it does not exist."""
        row = self.index.row(f"SELECT {COLUMNS} FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
        return self._stored(row) if row else None

    def open(self, bucket: str, key: str) -> tuple[StoredObject, BinaryIO]:
        """The object and its open, unbuffered file. A later write of the key does not change them.

        Raises NoSuchBucket, NoSuchKey.
        """
        while True:
            stored = self._require(bucket, key)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                file = stored.path.open("rb", buffering=0)
                if _unchanged(stored, file.fileno()):
                    return stored, file
                file.close()
            self._reindex(bucket, key)

    def change_attributes(self, bucket: str, key: str, edit: Callable[[Attributes], Attributes]) -> None:
        """Change what is attached to an object, as one step. Raises NoSuchBucket, NoSuchKey."""
        self.get(bucket, key)
        with self.index.writing():
            stored = self._require(bucket, key)
            values = (edit(stored.attributes).to_json(), bucket, key)
            self.index.row("UPDATE objects SET attributes = ? WHERE bucket = ? AND key = ?", values)

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object. As in S3, an absent object is not an error. Raises NoSuchBucket."""

        def delete() -> tuple | None:
            self.bucket(bucket)
            row = self.index.row("SELECT path FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
            self.index.row("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
            return row

        with self.index.alone():
            row = self.index.write(delete)
            if row:  # row first: a process that dies here leaves a file without a row, not an object without a file
                path = self.folder / row[0]
                with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):  # changed by hand
                    path.unlink()
                self._remove_empty_folders(path.parent)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectSummary]:
        """All objects with a prefix, in the order of their keys' UTF-8 bytes. Raises NoSuchBucket at once."""
        self.bucket(bucket)
        return self._pages(bucket, prefix)

    def page(self, bucket: str, prefix: str, start: str, limit: int) -> Sequence[ObjectSummary]:
        """At most `limit` objects with a prefix and keys ≥ `start`. Raises NoSuchBucket."""
        statement = (
            "SELECT key, size, modified_ns, etag, checksums FROM objects "
            "WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
        )
        rows = self.index.rows(statement, (bucket, max(prefix, start), after_prefix(prefix), limit))
        if not rows:
            self.bucket(bucket)
        return [
            ObjectSummary(
                bucket=bucket,
                key=key,
                size=size,
                etag=etag,
                modified_ns=modified_ns,
                checksums=orjson.loads(checksums),
            )
            for key, size, modified_ns, etag, checksums in rows
        ]

    def totals(self) -> tuple[int, int]:
        """How many objects there are in all buckets, and their bytes."""
        row = self.index.row("SELECT count(*), coalesce(sum(size), 0) FROM objects")
        assert row
        return row[0], row[1]

    # Internals

    def _pages(self, bucket: str, prefix: str) -> Iterator[ObjectSummary]:
        start = prefix
        while page := self.page(bucket, prefix, start, PAGE_ROWS):
            yield from page
            start = page[-1].key + "\0"

    def _stored(self, row: tuple) -> StoredObject:
        bucket, key, path, size, modified_ns, etag, checksums, attributes = row
        return StoredObject(
            bucket=bucket,
            key=key,
            path=self.folder / path,
            size=size,
            etag=etag,
            modified_ns=modified_ns,
            checksums=orjson.loads(checksums),
            attributes=Attributes.from_json(attributes),
        )

    def _require(self, bucket: str, key: str) -> StoredObject:
        stored = self.find(bucket, key)
        if stored is None:
            self.bucket(bucket)
            raise NoSuchKey(bucket, key)
        return stored

    def _place(
        self, bucket: str, key: str, pending: Path, existing: StoredObject | None, placement: Placement
    ) -> PurePosixPath:
        """Move a file to the key's existing path, else to its readable path, else (if that is taken) to its hashed path."""
        if existing:
            return self._move(placement, pending, PurePosixPath(existing.path.relative_to(self.folder)))
        readable = readable_path(bucket, key)
        if readable and not self._is_taken(readable):
            try:
                return self._move(placement, pending, readable)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                pass  # another key is a file where this one needs a folder, or the other way round
        return self._move(placement, pending, hashed_path(bucket, key))

    def _is_taken(self, path: PurePosixPath) -> bool:
        """True if another key has this path. Case is ignored, as some file systems do."""
        return self.index.row("SELECT 1 FROM objects WHERE path = ?", (str(path),)) is not None

    def _move(self, placement: Placement, pending: Path, path: PurePosixPath) -> PurePosixPath:
        placement.move(pending, self.folder / path)
        return path

    def _remove_empty_folders(self, folder: Path) -> None:
        while folder.parent != self.folder:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def _reindex(self, bucket: str, key: str) -> StoredObject:
        """Update the index, because the file differs from it: written just now, removed, or changed by hand."""
        with self.index.writing():
            stored = self._require(bucket, key)
            if _unchanged(stored, stored.path):
                return stored
            try:
                with open(stored.path, "rb") as file:
                    etag = hashlib.file_digest(file, "md5").hexdigest()
                    status = os.fstat(file.fileno())
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NoSuchKey(bucket, key) from None
            statement = (
                "UPDATE objects SET size = ?, modified_ns = ?, etag = ?, checksums = '{}' WHERE bucket = ? AND key = ?"
            )
            self.index.row(statement, (status.st_size, status.st_mtime_ns, etag, bucket, key))
            return self._require(bucket, key)


def after_prefix(prefix: str) -> str:
    """The smallest text greater than every key that begins with `prefix`, in UTF-8 order."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return AFTER_ALL_KEYS
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)


def _unchanged(stored: StoredObject, file: Path | int) -> bool:
    """True if a file, or an open file's descriptor, still matches the index."""
    try:
        status = os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (status.st_size, status.st_mtime_ns) == (stored.size, stored.modified_ns)
