"""Training jobs: creating, describing, updating, stopping and deleting them.

Here hosts are processes or containers of this machine, whatever the instance type. Networks, encryption, profiling and
debugging are shown again without effect. The first description that SDK v2 asks for may be held until the job has ended.
"""

from __future__ import annotations

import time
from typing import Any

from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.jobs.training import description
from wildsage.local_runner.jobs.training.states import KIND
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import (
    jobs,
    resources,
    sdk_polling,
    tag_rules,
    training_requests,
    training_rules,
)
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import invalid

SERVICE = "sagemaker"


@unsupported(
    "ServerlessJobConfig",
    "ModelPackageConfig",
    "AlgorithmSpecification.AlgorithmName",
    "ResourceConfig.InstanceGroups",
    "ResourceConfig.InstancePlacementConfig",
    "ResourceConfig.InstancePreferences",
)
@keeps(*training_rules.RULES, *tag_rules.RULES)
def create_training_job(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    training_requests.check(context, request)
    arn = context.sagemaker_arn(KIND, request["TrainingJobName"])
    job = description.training_job(request, arn, time.time())
    return jobs.create(context, context.services.training, job, request)


def describe_training_job(context: RequestContext, request: dict[str, Any]) -> Document:
    name = request["TrainingJobName"]
    job = _find(context, name)
    held = sdk_polling.hold_first_description(context, context.services.training, job)
    return _find(context, name) if held else job


@unsupported("WarmPoolStatusEquals", "TrainingPlanArnEquals")
def list_training_jobs(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    found, token = resources.page(context, KIND.name, request, order="Ascending")
    return {"TrainingJobSummaries": [jobs.summary(KIND, job) for job in found], **token}


def update_training_job(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Stores what may change while a job runs: its profiler, remote debugging, and how long its instances are kept."""
    job = _find(context, request["TrainingJobName"])
    jobs.reject_ended(KIND, job)

    def edit(document: Document) -> None:
        document["ResourceConfig"] |= request.pop("ResourceConfig", {})
        document.update(request, LastModifiedTime=time.time())

    return {"TrainingJobArn": context.services.store.change(KIND.name, job["TrainingJobName"], edit)["TrainingJobArn"]}


def stop_training_job(context: RequestContext, request: dict[str, Any]) -> None:
    jobs.stop(context.services.training, _find(context, request["TrainingJobName"]))


def delete_training_job(context: RequestContext, request: dict[str, Any]) -> None:
    """Deletes a job that has ended. Its artifacts and logs stay."""
    job = _find(context, request["TrainingJobName"])
    jobs.reject_running(KIND, job)
    resources.delete(context, KIND, job["TrainingJobName"])


def _find(context: RequestContext, name: str) -> Document:
    try:
        return context.services.store.get(KIND.name, name)
    except NotFound:
        raise invalid("Requested resource not found.") from None
