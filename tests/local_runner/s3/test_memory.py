"""An object is never held whole: a server's resident memory stays small while large ones pass through."""

from __future__ import annotations

import os

BIG_BYTES = 200_000_000
ALLOWED_BYTES = 50_000_000


def test_two_hundred_megabytes_in_and_out_add_less_than_fifty(tmp_path, start_s3):
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.writelines(os.urandom(1_000_000) for _ in range(BIG_BYTES // 1_000_000))
    with start_s3(tmp_path / "data") as running:
        s3 = running.client()
        s3.create_bucket(Bucket="bucket")
        before = running.resident_bytes()
        s3.upload_file(str(source), "bucket", "parts")
        with source.open("rb") as file:
            s3.put_object(Bucket="bucket", Key="whole", Body=file)
        s3.download_file("bucket", "parts", str(tmp_path / "target"))
        received = sum(map(len, s3.get_object(Bucket="bucket", Key="whole")["Body"].iter_chunks(1 << 20)))
        assert received == BIG_BYTES
        assert running.resident_bytes() - before < ALLOWED_BYTES
