"""The states of a training job, as changes of its document."""

from __future__ import annotations

import pytest

from wildsage.local_runner.jobs.states import MAX_REASON_CHARACTERS, JobEnd
from wildsage.local_runner.jobs.training.states import (
    INTERRUPTED_WITHOUT_CHECKPOINTS,
    KIND,
    MESSAGES,
    enter_secondary,
    stopped,
)


def secondaries(job: dict) -> list[str]:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def test_each_state_closes_the_one_before():
    job: dict = {}
    enter_secondary(job, "InProgress", "Starting", 1.0)
    enter_secondary(job, "InProgress", "Training", 3.0)
    job["TrainingStartTime"] = 3.0
    KIND.end(job, JobEnd("MaxRuntimeExceeded"), 5.25)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"], job["TrainingTimeInSeconds"]) == (
        "Stopped",
        "MaxRuntimeExceeded",
        3,
    )
    spans = [(t["Status"], t["StartTime"], t["EndTime"]) for t in job["SecondaryStatusTransitions"]]
    assert spans == [("Starting", 1.0, 3.0), ("Training", 3.0, 5.25), ("MaxRuntimeExceeded", 5.25, 5.25)]


def test_a_job_over_which_the_clock_was_set_back_took_a_second():
    job: dict = {"TrainingStartTime": 1_000.0}
    KIND.create(job, False, 1_000.0)
    KIND.end(job, JobEnd("Completed"), 400.0)
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] == 1


@pytest.mark.parametrize(("waits", "secondary"), [(True, "Pending"), (False, "Starting")])
def test_a_job_that_waits_is_pending(waits, secondary):
    job: dict = {}
    KIND.create(job, waits, 1.0)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", secondary)
    assert job["SecondaryStatusTransitions"] == [
        {"Status": secondary, "StartTime": 1.0, "StatusMessage": MESSAGES[secondary]}
    ]
    assert job["LastModifiedTime"] == 1.0


@pytest.mark.parametrize(
    ("entered", "status"),
    [
        ("Stopping", "Stopping"),
        ("Completed", "Completed"),
        ("Failed", "Failed"),
        ("Stopped", "Stopped"),
        ("MaxRuntimeExceeded", "Stopped"),
        ("MaxWaitTimeExceeded", "Stopped"),
    ],
)
def test_limits_of_time_are_ways_to_be_stopped(entered, status):
    job: dict = {}
    KIND.enter(job, entered, 2.0)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == (status, entered)


@pytest.mark.parametrize(("took_s", "seconds"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (2.0, 2)])
def test_a_second_that_has_begun_is_billed(took_s, seconds):
    job: dict = {"TrainingStartTime": 10.0}
    KIND.end(job, JobEnd("Completed"), 10.0 + took_s)
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] == seconds
    assert job["TrainingEndTime"] == 10.0 + took_s


def test_a_job_that_never_began_took_no_time():
    job: dict = {}
    KIND.end(job, JobEnd("Stopped"), 10.0)
    assert "TrainingTimeInSeconds" not in job and "BillableTimeInSeconds" not in job and "FailureReason" not in job
    assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == MESSAGES["Stopped"]


@pytest.mark.parametrize("length", [MAX_REASON_CHARACTERS, MAX_REASON_CHARACTERS + 1])
def test_a_reason_is_cut_to_what_aws_allows(length):
    job: dict = {}
    KIND.end(job, JobEnd("Failed", "r" * length, "not said beside a reason"), 1.0)
    assert job["FailureReason"] == "r" * MAX_REASON_CHARACTERS
    assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == job["FailureReason"]


def test_a_message_explains_an_end_that_is_no_failure():
    job: dict = {}
    KIND.end(job, stopped("MaxRuntimeExceeded", has_model=False), 1.0)
    message = f"{MESSAGES['MaxRuntimeExceeded']}. No model had been written, so model.tar.gz is missing."
    assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == message and "FailureReason" not in job
    KIND.end(job, stopped("Stopped", has_model=True), 2.0)
    assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == MESSAGES["Stopped"]


class TestAfterARestartOfTheServer:
    """What becomes of a job whose server ended."""

    def test_one_that_was_asked_to_stop_has_stopped(self):
        job: dict = {"CheckpointConfig": {}}
        enter_secondary(job, "Stopping", "Stopping", 1.0)
        KIND.resume(job, 2.0)
        assert job["TrainingJobStatus"] == "Stopped" and "model.tar.gz is missing" in str(
            job["SecondaryStatusTransitions"][-1]
        )

    def test_one_that_waited_waits(self):
        job: dict = {}
        KIND.create(job, True, 1.0)
        KIND.resume(job, 2.0)
        assert secondaries(job) == ["Pending"] and job["LastModifiedTime"] == 1.0

    def test_one_with_checkpoints_starts_again(self):
        job: dict = {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}}
        enter_secondary(job, "InProgress", "Training", 1.0)
        KIND.resume(job, 2.0)
        assert job["TrainingJobStatus"] == "InProgress"
        assert secondaries(job) == ["Training", "Interrupted", "Starting"]

    def test_one_without_checkpoints_has_failed(self):
        job: dict = {}
        enter_secondary(job, "InProgress", "Training", 1.0)
        KIND.resume(job, 2.0)
        assert job["TrainingJobStatus"] == "Failed" and job["FailureReason"] == INTERRUPTED_WITHOUT_CHECKPOINTS
