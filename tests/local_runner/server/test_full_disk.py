"""A server on a small disk that fills up: what fails says so, nothing is lost, what frees space works, and all goes on after it.

The disk is a tmpfs in a mount namespace of the server, which root or a user namespace may make.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

DISK_BYTES = 60 << 20
FULL = "No space left on device"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


def unshared(script: str, *arguments: str) -> list[str]:
    """A command in namespaces of its own, in which it may mount."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *user, "--mount", "sh", "-ec", script, "sh", *arguments]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(unshared("mount -t tmpfs none /mnt"), capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="no tmpfs can be mounted here")


@pytest.fixture
def small_disk(tmp_path: Path, aws_class, monkeypatch) -> Iterator[Any]:
    """A server on a small tmpfs. The folder is seen by the server alone; `root` is how this process sees it."""
    data = tmp_path / "data"
    data.mkdir()
    mount = f'mount -t tmpfs -o size={DISK_BYTES},mode=700 none "$1"; shift; exec "$@"'
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen

    def start(command: list[str], **options: Any) -> subprocess.Popen:
        started.append(popen(unshared(mount, str(data), *command), **options))
        return started[-1]

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", start)
        aws = aws_class.start(data, "0", "process", "1")
    aws.root = Path(f"/proc/{aws.process.pid}/root{data}")
    yield aws
    aws.stop()


def error_of(act: Callable[..., Any], **request: Any) -> ClientError:
    with pytest.raises(ClientError) as raised:
        act(**request)
    return raised.value


def fill(aws: Any, leave_bytes: int = 0) -> Path:
    """Fill the disk with a file that is not the server's."""
    ballast = aws.root / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = os.statvfs(aws.root).f_bavail * os.statvfs(aws.root).f_frsize
        os.posix_fallocate(file.fileno(), 0, max(1, free - leave_bytes))
    return ballast


def test_puts_fail_whole_deletes_work_and_it_goes_on(small_disk):
    aws = small_disk
    aws.s3.create_bucket(Bucket="bucket")
    aws.s3.put_object(Bucket="bucket", Key="kept", Body=b"before")
    aws.s3.put_object(Bucket="bucket", Key="large", Body=b"x" * (10 << 20))
    upload = aws.s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    part = {"Bucket": "bucket", "Key": "parts", "UploadId": upload, "PartNumber": 1}
    etag = aws.s3.upload_part(**part, Body=b"part")["ETag"]
    ballast = fill(aws)

    for act, request in (
        (aws.s3.put_object, {"Bucket": "bucket", "Key": "kept", "Body": b"y" * 100_000}),
        (aws.s3.put_object, {"Bucket": "bucket", "Key": "new", "Body": b"y" * 100_000}),
        (aws.s3.upload_part, {**part, "Body": b"y" * 100_000}),
        (aws.s3.copy_object, {"Bucket": "bucket", "Key": "copy", "CopySource": "bucket/large"}),
    ):
        error = error_of(act, **request)
        assert error.response["Error"]["Code"] == "StorageFull"
        assert FULL in str(error) and str(aws.data) in str(error)
        assert error.response["ResponseMetadata"]["RequestId"] in str(error)
    assert aws.s3.get_object(Bucket="bucket", Key="kept")["Body"].read() == b"before"
    assert [one["Key"] for one in aws.s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["kept", "large"]
    assert not list((aws.root / "s3/temp").iterdir())
    assert [one["ETag"] for one in aws.s3.list_parts(Bucket="bucket", Key="parts", UploadId=upload)["Parts"]] == [etag]

    aws.s3.delete_object(Bucket="bucket", Key="large")  # which frees the space that the next need
    aws.s3.put_object(Bucket="bucket", Key="new", Body=b"y" * 100_000)
    ballast.unlink()
    ends = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    aws.s3.complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload, MultipartUpload=ends)
    assert aws.s3.get_object(Bucket="bucket", Key="parts")["Body"].read() == b"part"
    reference = error.response["ResponseMetadata"]["RequestId"]
    log = aws.until(lambda: (aws.root / "server.log").read_text(), lambda text: reference in text)
    assert "OSError: [Errno 28]" in log


@pytest.mark.parametrize("size", [0, 2000, 70_000])
def test_a_disk_that_objects_filled_is_emptied_through_s3(small_disk, size):
    """What fills it is the index too: its log has to have room for the deletions of everything."""
    aws = small_disk
    aws.s3.create_bucket(Bucket="bucket")
    fill(aws, leave_bytes=10 << 20)
    stored, name = [], "k" * 900
    while True:
        key = f"{len(stored):05d}/{name}"
        try:
            aws.s3.put_object(Bucket="bucket", Key=key, Body=b"x" * size)
        except ClientError as error:
            assert FULL in str(error)
            break
        stored.append(key)
    assert stored
    fill_rest = aws.root / "rest"
    with fill_rest.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket="bucket")
    assert [one["Key"] for page in pages for one in page["Contents"]] == stored
    for first in range(0, len(stored), 100):
        objects = [{"Key": key} for key in stored[first : first + 100]]
        assert "Errors" not in aws.s3.delete_objects(Bucket="bucket", Delete={"Objects": objects})
    assert "Contents" not in aws.s3.list_objects_v2(Bucket="bucket")
    aws.s3.delete_bucket(Bucket="bucket")


def test_jobs_fail_with_the_reason_and_models_can_be_deleted(small_disk, channel):
    aws = small_disk
    uri = aws.upload("rows", one=b"1,2\n" * 1000)
    aws.model(name="m")
    job = aws.train(channel(uri), sleep_s="1000", lines="a line")
    aws.until(
        lambda: aws.sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"],
        lambda status: status == "Training",
    )
    ballast = fill(aws)
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    stopped = aws.finished(job)
    assert stopped["TrainingJobStatus"] in ("Stopped", "Failed"), stopped
    error = error_of(aws.s3.put_object, Bucket="bucket", Key="k", Body=b"x" * 10_000)
    assert FULL in str(error)
    for model in aws.sagemaker.list_models()["Models"]:
        aws.sagemaker.delete_model(ModelName=model["ModelName"])
    failed = aws.finished(aws.train(channel(uri)))
    assert failed["TrainingJobStatus"] == "Failed"
    assert FULL in failed["FailureReason"] and str(aws.data) in failed["FailureReason"]
    ballast.unlink()
    assert aws.finished(aws.train(channel(uri)))["TrainingJobStatus"] == "Completed"


def test_a_start_on_a_full_disk_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "wildsage.local_runner", "up", "--port", "0", "--data", str(tmp_path)]
    script = 'mount -t tmpfs -o size=1m none "$1"; shift; exec "$@"'
    ran = subprocess.run(unshared(script, str(tmp_path), *command), capture_output=True, text=True)
    assert ran.returncode == 1
    assert f"{FULL}: {tmp_path} has 1.0 MB left, and a server needs 16 MB to start." in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr


def test_a_start_on_a_read_only_folder_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "wildsage.local_runner", "up", "--port", "0", "--data", str(tmp_path)]
    script = 'mount -t tmpfs -o mode=700 none "$1"; mount -o remount,ro "$1"; shift; exec "$@"'
    ran = subprocess.run(unshared(script, str(tmp_path), *command), capture_output=True, text=True)
    assert ran.returncode == 1
    assert f"{tmp_path} cannot be written: it is read-only, or belongs to another user." in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr
