"""The states of a training job: a status, a secondary status, and when each secondary status began and ended."""

from __future__ import annotations

import math

from wildsage.local_runner.jobs.states import ENDED, INTERRUPTED, MAX_REASON_CHARACTERS, JobEnd, JobKind
from wildsage.local_runner.jobs.store import Document

MESSAGES = {
    "Pending": "Waiting for other jobs to end",
    "Restarting": "Starting again after an internal error",
    "Starting": "Preparing the instances for training",
    "Interrupted": "The local SageMaker stopped; the job resumes from its checkpoints",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job exceeded MaxWaitTimeInSeconds provided",
}
INTERRUPTED_WITHOUT_CHECKPOINTS = (
    f"{INTERRUPTED.removesuffix('.')}; with a CheckpointConfig it would have resumed automatically."
)


class TrainingKind(JobKind):
    """Training jobs. A status is also a secondary status; some secondary statuses are ways to be InProgress or Stopped."""

    def create(self, job: Document, waits: bool, now: float) -> None:
        enter_secondary(job, "InProgress", "Pending" if waits else "Starting", now)

    def enter(self, job: Document, status: str, now: float) -> None:
        enter_secondary(job, status if status in ENDED or status == "Stopping" else "Stopped", status, now)

    def end(self, job: Document, end: JobEnd, now: float) -> None:
        """Also note how long the job took, in whole seconds begun, as they are billed, and at least one: clocks are set back."""
        self.enter(job, end.outcome, now)
        last = job["SecondaryStatusTransitions"][-1]
        last["EndTime"] = job[self.end_time_field] = now
        if self.start_time_field in job:
            taken_s = max(1, math.ceil(now - job[self.start_time_field]))
            job["TrainingTimeInSeconds"] = job["BillableTimeInSeconds"] = taken_s
        if end.reason:
            last["StatusMessage"] = job["FailureReason"] = end.reason[:MAX_REASON_CHARACTERS]
        elif end.message:
            last["StatusMessage"] = end.message

    def resume(self, job: Document, now: float) -> None:
        """As for other jobs. A job that ran starts again if it has checkpoints."""
        if job["TrainingJobStatus"] == "Stopping":
            self.end(job, stopped("Stopped", has_model=False), now)
        elif job["SecondaryStatus"] == "Pending":
            return
        elif "CheckpointConfig" in job:
            enter_secondary(job, "InProgress", "Interrupted", now)
            enter_secondary(job, "InProgress", "Starting", now)
        else:
            self.end(job, JobEnd("Failed", INTERRUPTED_WITHOUT_CHECKPOINTS), now)


KIND = TrainingKind("training-job", "TrainingJob", "training job")


def enter_secondary(job: Document, status: str, secondary: str, now: float) -> None:
    """End the current secondary status and begin the next."""
    transitions = job.setdefault("SecondaryStatusTransitions", [])
    if transitions:
        transitions[-1]["EndTime"] = now
    transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]})
    job.update(TrainingJobStatus=status, SecondaryStatus=secondary, LastModifiedTime=now)


def stopped(outcome: str, has_model: bool) -> JobEnd:
    """The end of a job that did not fail; its message says so if no model.tar.gz was written."""
    message = f"{MESSAGES[outcome]}. No model had been written, so model.tar.gz is missing."
    return JobEnd(outcome, message=None if has_model else message)
