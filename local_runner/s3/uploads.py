"""Multipart uploads: parts are files, which completion joins into an object. They survive a restart."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from wildsage.local_runner.s3.checksums import ALGORITHMS, composite
from wildsage.local_runner.s3.errors import NoSuchUpload, S3Error
from wildsage.local_runner.s3.names import check_key
from wildsage.local_runner.s3.objects import Attributes, StoredObject, utc_time
from wildsage.local_runner.s3.pending_object import PendingObject, join_files
from wildsage.local_runner.s3.placement import placing
from wildsage.local_runner.s3.store import ObjectStore

MIN_PART_BYTES = 5 << 20
MAX_PARTS = 10_000


@dataclass(frozen=True)
class Upload:
    """`algorithm`: the requested checksum. `whole`: it covers the object, not its parts' checksums."""

    bucket: str
    key: str
    id: str
    begun: datetime
    algorithm: str | None
    whole: bool
    attributes: Attributes


@dataclass(frozen=True)
class UploadPart:
    """A part of a multipart upload. `size` in bytes; `checksums`: algorithm → base64 value."""

    number: int
    size: int
    etag: str
    last_modified: datetime
    checksums: Mapping[str, str]


class Uploads:
    """The unfinished multipart uploads of one store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._index = store.index
        self._folder = store.folder / "uploads"

    def begin(self, bucket: str, key: str, attributes: Attributes, algorithm: str | None, whole: bool) -> str:
        """Start an upload and return its id. Raises NoSuchBucket, KeyTooLongError."""
        check_key(key)
        upload_id = secrets.token_hex(16)
        with self._index.writing():
            self._store.bucket(bucket)
            (self._folder / upload_id).mkdir()
            row = (bucket, key, upload_id, time.time_ns(), algorithm, whole, attributes.to_json())
            self._index.row("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return upload_id

    def find(self, bucket: str, key: str, upload_id: str) -> Upload:
        """The upload of that id. Raises NoSuchUpload if it ended or never began."""
        found = self._index.row(
            "SELECT * FROM uploads WHERE bucket = ? AND key = ? AND id = ?", (bucket, key, upload_id)
        )
        if found is None:
            raise NoSuchUpload(upload_id)
        return _upload(found)

    def list_uploads(self, bucket: str, prefix: str = "") -> list[Upload]:
        """Uploads of a bucket, sorted by key, then by start. Raises NoSuchBucket."""
        self._store.bucket(bucket)
        rows = self._index.rows("SELECT * FROM uploads WHERE bucket = ? ORDER BY key, begun_ns", (bucket,))
        return [_upload(row) for row in rows if row[1].startswith(prefix)]

    def add(self, upload: Upload, number: int, pending: PendingObject, checksums: Mapping[str, str]) -> None:
        """Turn a pending object into part `number`; it replaces an earlier one. Raises NoSuchUpload."""
        try:
            with self._index.alone(), placing(self._store.temp) as placement, self._index.writing():
                self.find(upload.bucket, upload.key, upload.id)
                placement.move(pending.path, self._folder / upload.id / str(number))
                row = (
                    upload.id,
                    number,
                    pending.size,
                    pending.modified_ns,
                    pending.md5,
                    orjson.dumps(dict(checksums)).decode(),
                )
                self._index.row("REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)", row)
        except BaseException:
            pending.discard()
            raise

    def parts(self, upload: Upload, after: int = 0, limit: int = MAX_PARTS) -> list[UploadPart]:
        """Parts of an upload with numbers above `after`, at most `limit`, in order."""
        statement = "SELECT * FROM parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?"
        return [
            UploadPart(number, size, etag, utc_time(modified_ns), orjson.loads(checksums))
            for _, number, size, modified_ns, etag, checksums in self._index.rows(statement, (upload.id, after, limit))
        ]

    def complete(
        self,
        upload: Upload,
        wanted: Sequence[tuple[int, str]],
        stated: Mapping[str, str],
        check: Callable[[StoredObject | None], None] = lambda existing: None,
    ) -> StoredObject:
        """Join the wanted (number, etag) parts into the object. `stated` are checksums of the whole object.

        `check` as in ObjectStore.commit. Raises InvalidPartOrder, InvalidPart, EntityTooSmall, BadDigest, NoSuchUpload.
        """
        parts = list(self._chosen(upload, wanted))
        md5_of_md5s = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
        algorithms = ALGORITHMS.keys() & ({upload.algorithm} if upload.whole else stated.keys())
        folder = self._folder / upload.id
        try:
            pending = join_files(self._store.temp, [folder / str(part.number) for part in parts], algorithms)
        except FileNotFoundError:  # another request has completed or aborted the upload meanwhile
            raise NoSuchUpload(upload.id) from None
        for algorithm, value in stated.items():
            if pending.checksums.get(algorithm, value) != value:
                pending.discard()
                raise S3Error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
        checksums = {**stated, **pending.checksums} or _composite(upload, parts)
        etag = f"{md5_of_md5s.hexdigest()}-{len(parts)}"

        def check_parts_too(existing: StoredObject | None) -> None:
            self.find(upload.bucket, upload.key, upload.id)
            list(self._chosen(upload, wanted))  # one that was sent again meanwhile has another ETag
            check(existing)

        address = upload.bucket, upload.key
        stored = self._store.commit(*address, pending, upload.attributes, etag, checksums, check_parts_too)
        self.abort(upload)
        return stored

    def abort(self, upload: Upload) -> None:
        """Remove the upload and its parts."""

        def delete() -> None:
            self._index.row("DELETE FROM parts WHERE upload = ?", (upload.id,))
            self._index.row("DELETE FROM uploads WHERE id = ?", (upload.id,))

        self._index.write(delete)
        shutil.rmtree(self._folder / upload.id, ignore_errors=True)

    def _chosen(self, upload: Upload, wanted: Sequence[tuple[int, str]]) -> Iterator[UploadPart]:
        there = {part.number: part for part in self.parts(upload)}
        numbers = [number for number, _ in wanted]
        if numbers != sorted(set(numbers)):
            raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order.")
        for number, etag in wanted:
            part = there.get(number)
            if part is None or part.etag != etag.strip('"'):
                raise S3Error("InvalidPart", f"Part {number} was not uploaded, or its ETag is not {etag}.")
            if part.size < MIN_PART_BYTES and number != numbers[-1]:
                raise S3Error(
                    "EntityTooSmall",
                    f"Part {number} has {part.size} bytes; all but the last need {MIN_PART_BYTES}.",
                    ProposedSize=str(part.size),
                    MinSizeAllowed=str(MIN_PART_BYTES),
                )
            yield part


def _upload(row: tuple) -> Upload:
    bucket, key, upload_id, begun_ns, algorithm, whole, attributes = row
    return Upload(bucket, key, upload_id, utc_time(begun_ns), algorithm, bool(whole), Attributes.from_json(attributes))


def _composite(upload: Upload, parts: Sequence[UploadPart]) -> dict[str, str]:
    """The requested checksum of the parts' checksums, if every part has one."""
    algorithm = upload.algorithm
    if not algorithm or upload.whole or not all(algorithm in part.checksums for part in parts):
        return {}
    value = composite(algorithm, [part.checksums[algorithm] for part in parts])
    return {algorithm: value} if value else {}
