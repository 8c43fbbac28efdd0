"""Training jobs: CreateTrainingJob and what follows it."""

from __future__ import annotations

import time
from typing import Any

from wildsage.local_runner.jobs.states import ENDED
from wildsage.local_runner.jobs.store import Document, NameTaken, NotThere
from wildsage.local_runner.jobs.training import description
from wildsage.local_runner.jobs.training.job import KIND
from wildsage.local_runner.operations.context import Cloud
from wildsage.local_runner.operations.sagemaker import resources, sdk_polling, training_requests
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"
SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
)


@unsupported(
    "ServerlessJobConfig",
    "ModelPackageConfig",
    "AlgorithmSpecification.AlgorithmName",
    "ResourceConfig.InstanceGroups",
    "ResourceConfig.InstancePlacementConfig",
)
def create_training_job(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    training_requests.check(cloud, request)
    arn = cloud.arn(KIND, request["TrainingJobName"])
    job = description.training_job(request, arn, time.time())
    try:
        cloud.training.start(job)
    except NameTaken:
        raise AwsError(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            f"already exists ({job['TrainingJobArn']})",
        ) from None
    resources.save_tags(cloud, job["TrainingJobArn"], request)
    return {"TrainingJobArn": job["TrainingJobArn"]}


def describe_training_job(cloud: Cloud, request: dict[str, Any]) -> Document:
    name = request["TrainingJobName"]
    job = _find(cloud, name)
    if job["TrainingJobStatus"] not in ENDED and sdk_polling.is_held(cloud, job):
        cloud.store.update(KIND, name, Described=True)
        with cloud.seats.taken() as seated:
            cloud.training.wait(name, cloud.settings.hold_first_describe_s if seated else 0)
        job = _find(cloud, name)
    return job


@unsupported("WarmPoolStatusEquals", "TrainingPlanArnEquals")
def list_training_jobs(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    jobs, token = resources.page(
        cloud.store.all(KIND), request, "TrainingJobName", "TrainingJobStatus", order="Ascending"
    )
    summaries = [{field: job[field] for field in SUMMARY if field in job} for job in jobs]
    return {"TrainingJobSummaries": summaries, **token}


def update_training_job(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    """Notes what a running job may change: its profiler, remote debugging, and how long its machines are kept."""
    job = _find(cloud, request["TrainingJobName"])
    if job["TrainingJobStatus"] in ENDED:
        raise invalid(f"The request was rejected because the training job is in status {job['TrainingJobStatus']}.")

    def edit(document: Document) -> None:
        document["ResourceConfig"] |= request.pop("ResourceConfig", {})
        document.update(request, LastModifiedTime=time.time())

    return {"TrainingJobArn": cloud.store.change(KIND, job["TrainingJobName"], edit)["TrainingJobArn"]}


def stop_training_job(cloud: Cloud, request: dict[str, Any]) -> None:
    job = _find(cloud, request["TrainingJobName"])
    if job["TrainingJobStatus"] in ENDED:
        raise invalid(f"The request was rejected because the training job is in status {job['TrainingJobStatus']}.")
    cloud.training.stop(request["TrainingJobName"])


def delete_training_job(cloud: Cloud, request: dict[str, Any]) -> None:
    """Forgets an ended job. Its artifacts and logs stay."""
    job = _find(cloud, request["TrainingJobName"])
    if job["TrainingJobStatus"] not in ENDED:
        raise AwsError(
            "ResourceInUse",
            f"Training job {job['TrainingJobName']} is {job['TrainingJobStatus']}. Stop it, or wait for its end.",
        )
    cloud.store.delete(KIND, job["TrainingJobName"])
    cloud.store.delete(resources.TAGS, job["TrainingJobArn"])


def _find(cloud: Cloud, name: str) -> Document:
    try:
        return cloud.store.get(KIND, name)
    except NotThere:
        raise invalid("Requested resource not found.") from None
