"""What all kinds of jobs reject: a taken name, stopping what has ended, deleting what runs."""

from __future__ import annotations

import pytest

from wildsage.local_runner.jobs.store import TAGS, NameTaken
from wildsage.local_runner.jobs.transform.job import KIND
from wildsage.local_runner.operations.sagemaker import jobs
from wildsage.local_runner.wire.errors import AwsError

ARN = "arn:aws:sagemaker:us-east-1:000000000000:transform-job/j"


def job(status: str = "InProgress", **fields) -> dict:
    return {"TransformJobName": "j", "TransformJobArn": ARN, "TransformJobStatus": status, **fields}


class Runner:
    """Takes the first job of a name, and notes what is stopped."""

    kind = KIND

    def __init__(self) -> None:
        self.started: list[dict] = []
        self.stopped: list[str] = []

    def start(self, document: dict) -> None:
        if self.started:
            raise NameTaken
        self.started.append(document)

    def stop(self, name: str) -> None:
        self.stopped.append(name)


def test_a_job_starts_with_its_tags_and_its_name_is_taken(context):
    runner = Runner()
    request = {"Tags": [{"Key": "a", "Value": "b"}]}
    assert jobs.create(context, runner, job(), request) == {"TransformJobArn": ARN}
    assert runner.started == [job()]
    with pytest.raises(AwsError) as caught:
        jobs.create(context, runner, job(), {})
    assert caught.value.code == "ResourceInUse"
    assert str(caught.value) == (
        "Transform job names must be unique within an AWS account and region, and a transform job with this name already "
        f"exists ({ARN})"
    )
    assert context.services.store.get(TAGS, ARN) == {"a": "b"}


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_a_job_that_has_ended_is_not_stopped(status):
    runner = Runner()
    with pytest.raises(AwsError, match=f"the transform job is in status {status}") as caught:
        jobs.stop(runner, job(status))
    assert (caught.value.code, runner.stopped) == ("ValidationException", [])
    jobs.reject_running(KIND, job(status))


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_job_that_runs_is_stopped_and_not_deleted(status):
    runner = Runner()
    jobs.stop(runner, job(status))
    assert runner.stopped == ["j"]
    with pytest.raises(AwsError, match=f"Transform job j is {status}. Stop it, or wait for its end.") as caught:
        jobs.reject_running(KIND, job(status))
    assert caught.value.code == "ResourceInUse"


def test_a_summary_has_the_fields_that_the_job_has():
    times = {"CreationTime": 1.0, "TransformEndTime": 3.0, "LastModifiedTime": 2.0}
    whole = job("Failed", **times, FailureReason="why", ModelName="m")
    assert jobs.summary(KIND, whole) == job("Failed", **times)
    assert jobs.summary(KIND, whole, "FailureReason", "ExitMessage") == job("Failed", **times, FailureReason="why")
    assert jobs.summary(KIND, job()) == job()
