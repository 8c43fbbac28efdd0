"""kill -9 at any time: everything that the server has confirmed still exists, and jobs that ran have ended or continue.

Clients write objects, train and read logs as fast as they can. After a random time the test kills the server: the whole
group, its first process or its worker. Then it looks for everything that a client has seen.
"""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path

from tests.chaos.workload import (
    BUCKET,
    Seen,
    answering,
    busy,
    check_jobs,
    check_logs,
    check_objects,
    kill,
    read_logs,
    train,
    write_objects,
)

LONGEST_LIFE_S = 1.5


def test_what_was_answered_for_survives_kills_at_any_moment(start_aws, tmp_path: Path) -> None:
    """One kill of each kind; `make chaos` tries hundreds."""
    die = random.Random(0)
    seen = Seen()
    aws = start_aws()
    aws.s3.create_bucket(Bucket=BUCKET)
    endpoint = aws.deploy(aws.config(aws.model(name="survivor")))
    names = aws.names
    for whom in die.sample(("all", "first process", "worker"), 3):
        work = [write_objects(aws, seen, random.Random(die.random())), train(aws, seen), read_logs(aws, seen)]
        with busy(*work):
            aws.until(lambda: seen.operations["objects written"] and seen.jobs and seen.lines, bool)
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


def test_a_job_with_checkpoints_goes_on_after_a_kill(start_aws, tmp_path: Path) -> None:
    aws, go = start_aws(), tmp_path / "go"
    aws.s3.create_bucket(Bucket=BUCKET)
    checkpoints = {"S3Uri": f"s3://{BUCKET}/checkpoints"}
    job = aws.train(checkpoint="state", until=str(go), CheckpointConfig=checkpoints)
    aws.until(lambda: aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="checkpoints")["KeyCount"], bool)
    kill(aws, "all")
    go.touch()
    again = start_aws()
    found = again.finished(job)
    assert found["TrainingJobStatus"] == "Completed"
    phases = [transition["Status"] for transition in found["SecondaryStatusTransitions"]]
    assert phases[:4] == ["Starting", "Downloading", "Training", "Interrupted"]
    assert phases[-1] == "Completed"
    assert list(again.seen(job)["checkpoints"]) == ["checkpoint_algo-1"]
    assert found["TrainingStartTime"] < found["SecondaryStatusTransitions"][3]["StartTime"]
