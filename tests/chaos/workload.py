"""Clients that keep a local AWS busy and remember what it has answered for, and checks that all of it is still there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psutil
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "bucket"
ENDED = ("Completed", "Failed", "Stopped")
INTERRUPTED = "the local SageMaker stopped while this job was running"


@dataclass
class Seen:
    """What the server has answered for. An object may have any body of a write that got no answer, or the last that did."""

    bodies: dict[str, set[bytes | None]] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)


class Client(threading.Thread):
    """Does something again and again until the server answers no more."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.over = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                with contextlib.suppress(BotoCoreError, ClientError, KeyError):
                    self.work_once()
        except BaseException as error:
            self.error = error

    def work_once(self) -> None:
        """An answer cut off after its headers is an empty one to boto3: it lacks fields, or does not fit its model."""
        try:
            self.work()
        except AssertionError as misfit:
            if "answered against its model" not in str(misfit):
                raise


@contextlib.contextmanager
def busy(*work: Callable[[], Any]) -> Iterator[None]:
    clients = [Client(each) for each in work]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        for client in clients:
            client.over.set()
        for client in clients:
            client.join(240)
            assert not client.is_alive()
            assert client.error is None, client.error


def write_objects(aws, seen: Seen, die: random.Random) -> Callable[[], None]:
    """Puts, overwrites and deletes, in few folders, so that files and folders come and go."""
    s3 = aws.client("s3")

    def work() -> None:
        key = f"folder-{die.randrange(3)}/{die.randrange(8)}"
        body = None if die.random() < 0.2 else die.randbytes(die.choice((10, 3_000, 200_000)))
        before = seen.bodies.setdefault(key, {None})
        before.add(body)
        if body is None:
            s3.delete_object(Bucket=BUCKET, Key=key)
        else:
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        seen.bodies[key] = {body}
        seen.operations["objects deleted" if body is None else "objects written"] += 1

    return work


def write_in_parts(aws, seen: Seen, die: random.Random) -> Callable[[], None]:
    """Uploads in two parts, the last of which is small."""
    s3 = aws.client("s3")

    def work() -> None:
        key = f"folder-parts/{die.randrange(3)}"
        pieces = [die.randbytes(1) * (5 << 20), die.randbytes(1_000)]
        seen.bodies.setdefault(key, {None}).add(b"".join(pieces))
        upload = {"Bucket": BUCKET, "Key": key}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        tags = [s3.upload_part(**upload, PartNumber=n, Body=piece)["ETag"] for n, piece in enumerate(pieces, start=1)]
        parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, start=1)]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        seen.bodies[key] = {b"".join(pieces)}
        seen.operations["uploads in parts"] += 1

    return work


def train(aws, seen: Seen) -> Callable[[], None]:
    """One job after the other, each looked at until it has ended."""
    sagemaker = aws.client("sagemaker")

    def work() -> None:
        name = aws.train(lines="one|two|three", repeat="20", sleep_s="0.1")
        seen.jobs[name] = "InProgress"
        while seen.jobs[name] not in ENDED:
            seen.jobs[name] = sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        seen.operations["jobs seen to their end"] += 1

    return work


def read_logs(aws, seen: Seen) -> Callable[[], None]:
    """All streams from their beginning."""
    logs = aws.client("logs")
    group = "/aws/sagemaker/TrainingJobs"

    def work() -> None:
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            name = stream["logStreamName"]
            found = logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)
            seen.lines[name] = [event["message"] for event in found["events"]]
            seen.operations["logs read"] += 1

    return work


def kill(aws, whom: str) -> None:
    """SIGKILL to the server's processes; what is left of it ends by itself."""
    first = psutil.Process(aws.process.pid)
    workers = [
        child for child in first.children() if child.cmdline() == first.cmdline()
    ]  # forks; jobs run other commands
    for process in {"all": [first, *workers], "first process": [first], "worker": workers}[whom]:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGKILL)
    if whom != "worker":
        aws.process.wait(240)


def answering(aws):
    """The server, once it answers again: connections to a killed worker are of no use."""

    def answers() -> bool:
        with contextlib.suppress(BotoCoreError, ClientError):
            return bool(aws.client("s3").list_buckets())
        return False

    aws.until(answers, bool)
    return replace(aws)


def check_objects(aws, seen: Seen) -> None:
    """Each object is one that may be there, whole, and the listing tells nothing else."""
    listed = {
        entry["Key"]: entry for entry in aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="folder").get("Contents", ())
    }
    for key, possible in seen.bodies.items():
        try:
            answer = aws.s3.get_object(Bucket=BUCKET, Key=key)
            body = answer["Body"].read()
            if "-" not in answer["ETag"]:  # that of an upload in parts is not the MD5 of its bytes
                assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"', f"{key}: other bytes than its ETag's"
        except aws.s3.exceptions.NoSuchKey:
            body = None
        assert body in possible, f"{key}: {len(body or b'')} bytes that nobody wrote last"
        assert (body is not None) == (key in listed), f"{key}: listed though absent, or the other way round"
        seen.bodies[key] = {body}


def abort_uploads(aws) -> None:
    """Abort what was not completed. S3 keeps the parts of such uploads, which would fill the disk in some dozen rounds."""
    upload = {"Bucket": BUCKET}
    for found in aws.s3.list_multipart_uploads(**upload).get("Uploads", ()):
        aws.s3.abort_multipart_upload(**upload, Key=found["Key"], UploadId=found["UploadId"])
    assert "Uploads" not in aws.s3.list_multipart_uploads(**upload)


def check_jobs(aws, seen: Seen, reasons: Sequence[str] = (INTERRUPTED,)) -> None:
    """Each job has ended as it was seen to end, or as a fault explains: its reason holds one of `reasons`."""
    for name, status in seen.jobs.items():
        found = aws.finished(name)
        ended = found["TrainingJobStatus"]
        assert status in ("InProgress", ended), f"{name}: {ended}, was seen to be {status}"
        if found["TrainingJobStatus"] == "Completed":
            assert "name" in aws.members(found["ModelArtifacts"]["S3ModelArtifacts"])
        else:
            assert any(reason in found["FailureReason"] for reason in reasons), found["FailureReason"]
        seen.jobs[name] = found["TrainingJobStatus"]


def check_logs(aws, seen: Seen) -> None:
    for stream, lines in seen.lines.items():
        found = aws.logs.get_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream, startFromHead=True
        )
        now = [event["message"] for event in found["events"]]
        assert now[: len(lines)] == lines, f"{stream}: {len(lines)} lines were read, now {len(now)}"
