"""An object is never held whole: the local AWS's resident memory stays small while large ones pass through."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import psutil

BIG_BYTES = 200_000_000
ALLOWED_BYTES = 50_000_000
LOOK_EVERY_S = 0.005


@contextlib.contextmanager
def peak(process: psutil.Process) -> Iterator[list[int]]:
    """Resident bytes before, and the most seen while the block ran."""
    seen = [process.memory_info().rss] * 2
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen[1] = max(seen[1], process.memory_info().rss)
            time.sleep(LOOK_EVERY_S)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def test_two_hundred_megabytes_in_and_out_never_add_more_than_fifty(tmp_path, start_aws):
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.writelines(os.urandom(1_000_000) for _ in range(BIG_BYTES // 1_000_000))
    aws = start_aws()
    aws.s3.create_bucket(Bucket="bucket")
    (worker,) = psutil.Process(aws.process.pid).children()
    with peak(worker) as seen:
        aws.s3.upload_file(str(source), "bucket", "parts")
        with source.open("rb") as file:
            aws.s3.put_object(Bucket="bucket", Key="whole", Body=file)
        aws.s3.download_file("bucket", "parts", str(tmp_path / "target"))
        received = sum(map(len, aws.s3.get_object(Bucket="bucket", Key="whole")["Body"].iter_chunks(1 << 20)))
    assert received == BIG_BYTES
    before, most = seen
    assert most - before < ALLOWED_BYTES
