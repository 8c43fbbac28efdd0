"""The results of a tuning job so far, read from its training jobs, so that nothing is stored twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wildsage.local_runner.jobs.states import ENDED
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE

SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "TunedHyperParameters",
    "FailureReason",
)


def trained(store: Store, tuning_job: Document) -> list[Document]:
    """The training jobs of a tuning job, first to last, without those of a deleted tuning job that had the same name."""
    arn, since = tuning_job["HyperParameterTuningJobArn"], tuning_job["CreationTime"]
    return [job for job in store.referring(TRAINING_JOB.name, "TuningJobArn", arn) if job["CreationTime"] >= since]


def objective(job: Document) -> float | None:
    """The last reading of the objective, if the job has ended and did not fail."""
    if job["TrainingJobStatus"] not in ("Completed", "Stopped"):
        return None
    return next((one["Value"] for one in job.get("FinalMetricDataList", ()) if one["MetricName"] == OBJECTIVE), None)


def objective_status(job: Document) -> str:
    """ObjectiveStatus as SageMaker shows it: Pending until the job has ended, then Succeeded or Failed."""
    if job["TrainingJobStatus"] not in ENDED:
        return "Pending"
    return "Failed" if objective(job) is None else "Succeeded"


def summary(job: Document) -> Document:
    """The job as a tuning job's operations show it: AWS's HyperParameterTrainingJobSummary."""
    shown = {field: job[field] for field in SUMMARY if field in job}
    shown["ObjectiveStatus"] = objective_status(job)
    if job["TrainingJobDefinitionName"]:
        shown["TrainingJobDefinitionName"] = job["TrainingJobDefinitionName"]
    value = objective(job)
    if value is not None:
        shown["FinalHyperParameterTuningJobObjectiveMetric"] = {**job["TuningObjective"], "Value": value}
    return shown


def ranked(jobs: Iterable[Document]) -> list[Document]:
    """The jobs that have an objective, best first. All objectives of a tuning job are of one type."""
    with_values = [(value, job) for job in jobs if (value := objective(job)) is not None]
    maximize = any(job["TuningObjective"]["Type"] == "Maximize" for _, job in with_values)
    return [job for _, job in sorted(with_values, key=lambda pair: -pair[0] if maximize else pair[0])]


def status_counters(jobs: Sequence[Document]) -> dict[str, Any]:
    """How many jobs have each status and each objective status: AWS's two fields of counters."""
    statuses = [_counted(job) for job in jobs]
    objectives = [objective_status(job) for job in jobs]
    kinds = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    return {
        "TrainingJobStatusCounters": {kind: statuses.count(kind) for kind in kinds},
        "ObjectiveStatusCounters": {kind: objectives.count(kind) for kind in ("Succeeded", "Pending", "Failed")},
    }


def _counted(job: Document) -> str:
    status = job["TrainingJobStatus"]
    if status == "Failed":
        return "RetryableError" if failed_here(job) else "NonRetryableError"
    return status if status in ENDED else "InProgress"


def failed_here(job: Document) -> bool:
    """Whether the job failed because of the platform, not because of its data or algorithm."""
    return job.get("FailureReason", "").startswith("InternalServerError")
