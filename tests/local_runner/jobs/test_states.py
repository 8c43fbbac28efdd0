"""The states that every kind of job goes through."""

from __future__ import annotations

import pytest

from wildsage.local_runner.jobs.states import INTERRUPTED, JobEnd, JobKind

KIND = JobKind("transform-job", "TransformJob", "transform job")


def test_a_new_job_is_in_progress_and_may_stop():
    job = {"TransformJobName": "a"}
    KIND.create(job, False, 1.0)
    assert job == {"TransformJobName": "a", "TransformJobStatus": "InProgress", "LastModifiedTime": 1.0}
    assert not KIND.has_ended(job)
    KIND.begin_to_stop(job, 2.0)
    assert (job["TransformJobStatus"], job["LastModifiedTime"]) == ("Stopping", 2.0) and not KIND.has_ended(job)


@pytest.mark.parametrize("outcome", ["Completed", "Failed", "Stopped"])
def test_an_ended_job_says_when_and_stays_as_it_is(outcome):
    job = {"TransformJobStatus": "InProgress"}
    KIND.end(job, JobEnd(outcome), 3.0)
    assert job == {"TransformJobStatus": outcome, "LastModifiedTime": 3.0, "TransformEndTime": 3.0}
    assert KIND.has_ended(job)
    KIND.begin_to_stop(job, 4.0)
    assert job["TransformJobStatus"] == outcome and job["LastModifiedTime"] == 3.0


def test_a_reason_is_cut_to_what_aws_allows():
    job = {"TransformJobStatus": "InProgress"}
    KIND.end(job, JobEnd("Failed", "x" * 1023 + "yz"), 3.0)
    assert job["FailureReason"] == "x" * 1023 + "y"


def resumed(**fields: object) -> dict:
    job = {"TransformJobStatus": "InProgress", **fields}
    KIND.resume(job, 9.0)
    return job


def test_after_a_restart_what_ran_has_failed_what_stopped_has_stopped_and_what_waited_waits():
    ran = resumed(TransformStartTime=1.0)
    assert (ran["TransformJobStatus"], ran["FailureReason"], ran["TransformEndTime"]) == ("Failed", INTERRUPTED, 9.0)
    for fields in ({}, {"TransformStartTime": 1.0}):
        stopping = resumed(TransformJobStatus="Stopping", **fields)
        assert stopping["TransformJobStatus"] == "Stopped" and "FailureReason" not in stopping
    assert resumed() == {"TransformJobStatus": "InProgress"}
