"""Reads buckets that do not exist here from the public S3, and caches their objects."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from wildsage.local_runner.s3.errors import NoSuchBucket, NoSuchKey, S3Error
from wildsage.local_runner.s3.objects import Attributes, ObjectSummary, StoredObject
from wildsage.local_runner.s3.pending_object import CHUNK_BYTES, write_pending
from wildsage.local_runner.s3.store import PAGE_ROWS, ObjectStore

CLIENT_CONFIG = Config(
    signature_version=UNSIGNED,
    connect_timeout=3,  # mutants: equivalent: a second more or less changes nothing
    read_timeout=20,  # mutants: equivalent: a second more or less changes nothing
    retries={"total_max_attempts": 1},
    ignore_configured_endpoint_urls=True,
    response_checksum_validation="when_required",
)
FETCH_LOCKS = 32  # mutants: equivalent: with more or fewer of them each object is fetched once too
STORED_HEADERS = {
    "CacheControl": "Cache-Control",
    "ContentDisposition": "Content-Disposition",
    "ContentEncoding": "Content-Encoding",
}


class PublicBuckets:
    """Reads like an ObjectStore: local buckets from the store, others from the public S3, without a signature.

    It fetches each object once, whole, on the first GetObject or HeadObject, and keeps it in a store of its own in
    `<store's folder>/public`; delete that folder to fetch the objects again. `endpoint`: default is the real S3.
    """

    def __init__(self, store: ObjectStore, endpoint: str | None = None) -> None:
        self._store = store
        self._cache = ObjectStore(store.folder / "public")
        import boto3  # slow to import, and few servers read public buckets

        self._client = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, config=CLIENT_CONFIG)
        self._fetching = [threading.Lock() for _ in range(FETCH_LOCKS)]

    def get(self, bucket: str, key: str) -> StoredObject:
        """The object, fetched if needed. Raises NoSuchBucket, NoSuchKey or AccessDenied, and says what to do."""
        if self._store.has_bucket(bucket):
            return self._store.get(bucket, key)
        return self._cached(bucket, key)

    def open(self, bucket: str, key: str) -> tuple[StoredObject, BinaryIO]:
        """The object and its open file, as ObjectStore.open; fetched if needed."""
        if self._store.has_bucket(bucket):
            return self._store.open(bucket, key)
        self._cached(bucket, key)
        return self._cache.open(bucket, key)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectSummary]:
        """Like ObjectStore.list. Public objects are summaries; `get` fetches one."""
        if self._store.has_bucket(bucket):
            yield from self._store.list(bucket, prefix)
            return
        start = prefix
        while page := self.page(bucket, prefix, start, PAGE_ROWS):
            yield from page
            start = page[-1].key + "\0"

    def page(self, bucket: str, prefix: str, start: str, limit: int) -> Sequence[ObjectSummary]:
        """Objects below a prefix with keys ≥ `start`, sorted. Raises S3Error if AWS does not answer.

        At most `limit` of a local bucket. Of a public one as many as S3 gives: the way there takes longer than further keys.
        """
        if self._store.has_bucket(bucket):
            return self._store.page(bucket, prefix, start, limit)
        try:
            response = self._client.list_objects_v2(
                Bucket=bucket, Prefix=prefix, StartAfter=_just_before(start), MaxKeys=PAGE_ROWS
            )
        except (BotoCoreError, ClientError) as error:
            raise _public_error(error, bucket, "") from error
        return [_summary(bucket, entry) for entry in response.get("Contents", ()) if entry["Key"] >= start]

    def _cached(self, bucket: str, key: str) -> StoredObject:
        """The cached object, fetched first if it is missing. Threads that need the same object wait for one fetch."""
        with self._fetching[hash((bucket, key)) % FETCH_LOCKS]:
            try:
                return self._cache.get(bucket, key)
            except (NoSuchBucket, NoSuchKey):
                return self._fetch(bucket, key)

    def _fetch(self, bucket: str, key: str) -> StoredObject:
        try:
            response = self._client.get_object(Bucket=bucket, Key=key)
            pending = write_pending(self._cache.temp, response["Body"].iter_chunks(CHUNK_BYTES))
        except (BotoCoreError, ClientError) as error:
            raise _public_error(error, bucket, key) from error
        if not self._cache.has_bucket(bucket):
            self._cache.create_bucket(bucket)
        return self._cache.commit(bucket, key, pending, _attributes(response), etag=response["ETag"].strip('"'))


def _attributes(response: Mapping[str, Any]) -> Attributes:
    headers = {name: response[field] for field, name in STORED_HEADERS.items() if response.get(field)}
    return Attributes(response.get("ContentType", Attributes.content_type), response.get("Metadata", {}), headers)


def _summary(bucket: str, entry: Mapping[str, Any]) -> ObjectSummary:
    return ObjectSummary(
        bucket=bucket,
        key=entry["Key"],
        size=entry["Size"],
        etag=entry["ETag"].strip('"'),
        modified_ns=round(entry["LastModified"].timestamp() * 1_000) * 1_000_000,
    )


SURROGATES = range(0xD800, 0xE000)
LAST_BEFORE_SURROGATES = 0xD7FF
HIGHEST = "\U0010ffff" * 8  # mutants: equivalent: no key has seven of them


def _just_before(start: str) -> str:
    """A StartAfter just below `start`; in practice no key lies between."""
    if not start or start.endswith(("\0", "\1")):
        return start[:-1]
    before = ord(start[-1]) - 1
    return start[:-1] + chr(LAST_BEFORE_SURROGATES if before in SURROGATES else before) + HIGHEST


def _public_error(error: Exception, bucket: str, key: str) -> S3Error:
    """The error for a failed call of the public S3, with what to do."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in ("NoSuchKey", "404"):
        return NoSuchKey(bucket, key)
    if code in ("AccessDenied", "403"):
        return S3Error(
            "AccessDenied", f"Bucket {bucket} is not local, and the public S3 does not let everyone read it."
        )
    reason = (
        "nor does the public S3 have it" if code == "NoSuchBucket" else f"and the public S3 cannot be reached ({error})"
    )
    return NoSuchBucket(
        bucket,
        f"It is not local, {reason}. To supply it: aws s3 mb s3://{bucket} and aws s3 cp FILE s3://{bucket}/{key or 'KEY'}, "
        "both with --endpoint-url set to the local endpoint.",
    )
