"""kill -9 at any time: everything that the server has confirmed still exists, and jobs that ran have ended or continue.

Clients write objects, train and read logs as fast as they can. After a random time the test kills the server: the whole
group, its first process or its worker. Then it looks for everything that a client has seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "bucket"
ENDED = ("Completed", "Failed", "Stopped")
LONGEST_LIFE_S = 1.5


@dataclass
class Seen:
    """What the server has answered for. An object may have any body of a write that got no answer, or the last that did."""

    bodies: dict[str, set[bytes | None]] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)


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
            client.join(60)
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

    return work


def train(aws, seen: Seen) -> Callable[[], None]:
    """One job after the other, each looked at until it has ended."""
    sagemaker = aws.client("sagemaker")

    def work() -> None:
        name = aws.train(lines="one|two|three", repeat="20", sleep_s="0.1")
        seen.jobs[name] = "InProgress"
        while seen.jobs[name] not in ENDED:
            seen.jobs[name] = sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]

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

    return work


def kill(aws, whom: str) -> None:
    """SIGKILL to the server's processes; what is left of it ends by itself."""
    first = psutil.Process(aws.process.pid)
    workers = [child for child in first.children() if "run_server" in " ".join(child.cmdline())]
    for process in {"all": [first, *workers], "first process": [first], "worker": workers}[whom]:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGKILL)
    if whom != "worker":
        aws.process.wait(20)


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
            assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        except aws.s3.exceptions.NoSuchKey:
            body = None
        assert body in possible, f"{key}: {len(body or b'')} bytes that nobody wrote last"
        assert (body is not None) == (key in listed), f"{key}: listed though absent, or the other way round"
        seen.bodies[key] = {body}


def check_jobs(aws, seen: Seen) -> None:
    for name, status in seen.jobs.items():
        found = aws.finished(name)
        assert status == "InProgress" or found["TrainingJobStatus"] == status
        if found["TrainingJobStatus"] == "Completed":
            assert "name" in aws.members(found["ModelArtifacts"]["S3ModelArtifacts"])
        else:
            assert "the local SageMaker stopped while this job was running" in found["FailureReason"]
        seen.jobs[name] = found["TrainingJobStatus"]


def check_logs(aws, seen: Seen) -> None:
    for stream, lines in seen.lines.items():
        found = aws.logs.get_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream, startFromHead=True
        )
        assert [event["message"] for event in found["events"]][: len(lines)] == lines


@pytest.mark.parametrize("seed", range(3))
def test_what_was_answered_for_survives_kills_at_any_moment(start_aws, tmp_path: Path, seed: int) -> None:
    die = random.Random(seed)
    seen = Seen()
    aws = start_aws()
    aws.s3.create_bucket(Bucket=BUCKET)
    endpoint = aws.deploy(aws.config(aws.model(name="survivor")))
    names = aws.names
    for whom in die.sample(("all", "first process", "worker"), 3):
        work = [write_objects(aws, seen, random.Random(die.random())), train(aws, seen), read_logs(aws, seen)]
        with busy(*work):
            threading.Event().wait(die.uniform(0, LONGEST_LIFE_S))
            kill(aws, whom)
        if whom != "worker":
            aws = replace(start_aws(), names=names)
        aws = answering(aws)
        check_objects(aws, seen)
        check_jobs(aws, seen)
        check_logs(aws, seen)
        assert aws.settled(endpoint)["EndpointStatus"] == "InService"
        assert aws.invoke(endpoint)["name"] == "survivor"
    assert seen.jobs
    assert seen.lines
    assert any(seen.bodies.values())


def test_a_job_with_checkpoints_goes_on_after_a_kill(start_aws) -> None:
    aws = start_aws()
    aws.s3.create_bucket(Bucket=BUCKET)
    checkpoints = {"S3Uri": f"s3://{BUCKET}/checkpoints"}
    job = aws.train(checkpoint="state", sleep_s="4", CheckpointConfig=checkpoints)
    aws.until(lambda: aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="checkpoints")["KeyCount"], bool)
    kill(aws, "all")
    again = start_aws()
    found = again.finished(job)
    assert found["TrainingJobStatus"] == "Completed"
    phases = [transition["Status"] for transition in found["SecondaryStatusTransitions"]]
    assert phases[:4] == ["Starting", "Downloading", "Training", "Interrupted"]
    assert phases[-1] == "Completed"
    assert list(again.seen(job)["checkpoints"]) == ["checkpoint_algo-1"]
    assert found["TrainingStartTime"] < found["SecondaryStatusTransitions"][3]["StartTime"]
