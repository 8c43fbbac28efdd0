"""Training jobs: CreateTrainingJob and what follows it."""

from __future__ import annotations

import time
from typing import Any

from wildsage.local_runner.jobs.states import ENDED
from wildsage.local_runner.jobs.store import Document, NameTaken, NotThere
from wildsage.local_runner.jobs.training import description
from wildsage.local_runner.jobs.training.job import KIND
from wildsage.local_runner.operations.context import RequestContext
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
def create_training_job(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    training_requests.check(context, request)
    arn = context.sagemaker_arn(KIND, request["TrainingJobName"])
    job = description.training_job(request, arn, time.time())
    try:
        context.services.training.start(job)
    except NameTaken:
        raise AwsError(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            f"already exists ({job['TrainingJobArn']})",
        ) from None
    resources.save_tags(context, job["TrainingJobArn"], request)
    return {"TrainingJobArn": job["TrainingJobArn"]}


def describe_training_job(context: RequestContext, request: dict[str, Any]) -> Document:
    name = request["TrainingJobName"]
    job = _find(context, name)
    if job["TrainingJobStatus"] not in ENDED and sdk_polling.is_held(context, job):
        context.services.store.update(KIND, name, Described=True)
        with context.services.slots.acquire() as acquired:
            context.services.training.wait(name, context.services.settings.hold_first_describe_s if acquired else 0)
        job = _find(context, name)
    return job


@unsupported("WarmPoolStatusEquals", "TrainingPlanArnEquals")
def list_training_jobs(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    jobs, token = resources.page(
        context.services.store.all(KIND), request, "TrainingJobName", "TrainingJobStatus", order="Ascending"
    )
    summaries = [{field: job[field] for field in SUMMARY if field in job} for job in jobs]
    return {"TrainingJobSummaries": summaries, **token}


def update_training_job(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Notes what a running job may change: its profiler, remote debugging, and how long its machines are kept."""
    job = _find(context, request["TrainingJobName"])
    if job["TrainingJobStatus"] in ENDED:
        raise invalid(f"The request was rejected because the training job is in status {job['TrainingJobStatus']}.")

    def edit(document: Document) -> None:
        document["ResourceConfig"] |= request.pop("ResourceConfig", {})
        document.update(request, LastModifiedTime=time.time())

    return {"TrainingJobArn": context.services.store.change(KIND, job["TrainingJobName"], edit)["TrainingJobArn"]}


def stop_training_job(context: RequestContext, request: dict[str, Any]) -> None:
    job = _find(context, request["TrainingJobName"])
    if job["TrainingJobStatus"] in ENDED:
        raise invalid(f"The request was rejected because the training job is in status {job['TrainingJobStatus']}.")
    context.services.training.stop(request["TrainingJobName"])


def delete_training_job(context: RequestContext, request: dict[str, Any]) -> None:
    """Forgets an ended job. Its artifacts and logs stay."""
    job = _find(context, request["TrainingJobName"])
    if job["TrainingJobStatus"] not in ENDED:
        raise AwsError(
            "ResourceInUse",
            f"Training job {job['TrainingJobName']} is {job['TrainingJobStatus']}. Stop it, or wait for its end.",
        )
    context.services.store.delete(KIND, job["TrainingJobName"])
    context.services.store.delete(resources.TAGS, job["TrainingJobArn"])


def _find(context: RequestContext, name: str) -> Document:
    try:
        return context.services.store.get(KIND, name)
    except NotThere:
        raise invalid("Requested resource not found.") from None
