"""Read-through, with a public S3 in the process of the test, or with none."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.s3.errors import NoSuchBucket, NoSuchKey, S3Error
from wildsage.local_runner.s3.public import PublicBuckets, _just_before
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def offline(tmp_path):
    """A read-through whose public S3 is an address at which nobody listens."""
    return PublicBuckets(ObjectStore(tmp_path), f"http://127.0.0.1:{free_port()}")


def test_offline_the_error_says_how_to_supply_the_bucket(offline):
    for look in (lambda: offline.get("census-data", "a.csv"), lambda: list(offline.list("census-data"))):
        with pytest.raises(NoSuchBucket, match="cannot be reached") as caught:
            look()
        assert "aws s3 mb s3://census-data" in str(caught.value)


@pytest.mark.parametrize("start", ["a", "\ue000", "a\ue000", "\u0001", "a\0"])
def test_a_listing_can_start_at_any_character(start):
    _just_before(start).encode()
    assert _just_before(start) < start


class Far:
    """What this reads of boto3's client: objects of one bucket, and how often they were asked for."""

    def __init__(self, objects: dict[str, bytes], code: str = "") -> None:
        self._objects, self._code = objects, code
        self.asked: list[str] = []
        self.meanwhile = lambda: None

    def get_object(self, Bucket: str, Key: str) -> dict:
        self.asked.append(Key)
        self.meanwhile()
        if self._code or Key not in self._objects:
            raise ClientError({"Error": {"Code": self._code or "NoSuchKey"}}, "GetObject")
        content = self._objects[Key]
        return {
            "Body": StreamingBody(io.BytesIO(content), len(content)),
            "ETag": '"from-afar-2"',
            "ContentType": "text/csv",
            "Metadata": {"a": "1"},
            "CacheControl": "no-store",
            "ContentDisposition": "attachment",
            "ContentEncoding": "gzip",
        }

    def list_objects_v2(self, Bucket: str, Prefix: str, StartAfter: str, MaxKeys: int) -> dict:
        if self._code:
            raise ClientError({"Error": {"Code": self._code}}, "ListObjectsV2")
        self.asked.append(StartAfter)
        found = [key for key in sorted(self._objects) if key > StartAfter and key.startswith(Prefix)][:2]
        modified = datetime(2026, 1, 1, 0, 0, 0, 123_000, UTC)
        return (
            {"Contents": [{"Key": key, "Size": 1, "ETag": '"e"', "LastModified": modified} for key in found]}
            if found
            else {}
        )


def reading(local, far: Far) -> PublicBuckets:
    public = PublicBuckets(local.store, "http://127.0.0.1:1")
    public._client = far
    return public


def test_the_public_s3_is_the_real_one_whatever_the_environment_says(local, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert PublicBuckets(local.store)._client.meta.endpoint_url == "https://s3.amazonaws.com"


def test_an_object_from_afar_keeps_what_it_had(local):
    far = Far({"k": b"content"})
    public = reading(local, far)
    stored = public.get("public-data", "k")
    assert (stored.path.read_bytes(), stored.etag, stored.content_type) == (b"content", "from-afar-2", "text/csv")
    assert stored.metadata == {"a": "1"}
    assert stored.attributes.headers == {
        "Cache-Control": "no-store",
        "Content-Disposition": "attachment",
        "Content-Encoding": "gzip",
    }
    again, file = public.open("public-data", "k")
    with file:
        assert (again, file.read(), far.asked) == (stored, b"content", ["k"])
    assert stored.path.is_relative_to(local.store.folder / "public")
    assert not local.store.has_bucket("public-data")


def test_those_who_need_the_same_object_at_once_fetch_it_once(local):
    far = Far({"k": b"content"})
    public, found = reading(local, far), []
    other = threading.Thread(target=lambda: found.append(public.get("public-data", "k")))

    def meanwhile() -> None:
        if not other.ident:
            other.start()
            other.join(0.2)

    far.meanwhile = meanwhile
    stored = public.get("public-data", "k")
    other.join()
    assert (found, far.asked) == ([stored], ["k"])


def test_a_local_bucket_is_never_asked_for_afar(local):
    far = Far({"k": b"content"})
    public = reading(local, far)
    local.store.put("bucket", "k", [b"here"])
    stored, file = public.open("bucket", "k")
    with file:
        assert file.read() == b"here" and public.get("bucket", "k") == stored
    assert (
        [entry.key for entry in public.list("bucket")]
        == [entry.key for entry in public.page("bucket", "", "", 1)]
        == ["k"]
    )
    assert far.asked == []


def test_a_list_from_afar_goes_on_to_its_end(local):
    public = reading(local, Far(dict.fromkeys(["a", "b/1", "b/2", "b/3", "c"], b"x")))
    assert [entry.key for entry in public.list("public-data")] == ["a", "b/1", "b/2", "b/3", "c"]
    assert [entry.key for entry in public.list("public-data", "b/")] == ["b/1", "b/2", "b/3"]
    (entry, _) = public.page("public-data", "b/", "b/2", 1)
    assert (entry.key, entry.bucket, entry.size, entry.etag) == ("b/2", "public-data", 1, "e")
    assert entry.last_modified == datetime(2026, 1, 1, 0, 0, 0, 123_000, UTC)
    assert list(public.list("public-data", "d")) == []


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("NoSuchKey", NoSuchKey, "s3://public-data/k"),
        ("404", NoSuchKey, "s3://public-data/k"),
        ("AccessDenied", S3Error, "does not let everyone read it"),
        ("403", S3Error, "does not let everyone read it"),
        ("NoSuchBucket", NoSuchBucket, "nor does the public S3 have it. To supply it: aws s3 mb s3://public-data "),
        ("SlowDown", NoSuchBucket, "cannot be reached"),
    ],
)
def test_why_an_object_from_afar_cannot_be_read(local, code, kind, text):
    public = reading(local, Far({}, code))
    with pytest.raises(kind, match=text) as caught:
        public.get("public-data", "k")
    assert caught.value.code == {NoSuchKey: "NoSuchKey", S3Error: "AccessDenied", NoSuchBucket: "NoSuchBucket"}[kind]
    if kind is NoSuchBucket:
        assert "aws s3 cp FILE s3://public-data/k, both" in str(caught.value)
        with pytest.raises(NoSuchBucket, match="aws s3 cp FILE s3://public-data/KEY, both"):
            public.page("public-data", "", "", 1)


@pytest.mark.parametrize(
    ("start", "before"),
    [("", ""), ("a\0", "a"), ("a\1", "a"), ("b", "a"), ("a\ue000", "a\ud7ff"), ("a\ue001", "a\ue000")],
)
def test_a_listing_starts_just_before_its_first_key(start, before):
    found = _just_before(start)
    assert found.startswith(before) and set(found.removeprefix(before)) <= {"\U0010ffff"}
    assert (found == before) == (start[-1:] in ("", "\0", "\1"))
