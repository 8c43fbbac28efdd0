"""Processing jobs: creating, describing, listing and stopping them.

The command is the request's ContainerEntrypoint, which the SDK's processors set, or the image's own. Without Docker it runs with
the Python and the packages of the user who started the server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from wildsage.containers.contract.paths import DEFAULT_ROOT, OptML
from wildsage.local_runner.jobs.processing.job import DEFAULT_MAX_RUNTIME_S, KIND
from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import jobs, processing_rules, quotas, resources, tag_rules
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"


@keeps(*processing_rules.RULES, *tag_rules.RULES)
@unsupported(
    "ProcessingResources.ClusterConfig.InstancePreferences",
    "ProcessingInputs.DatasetDefinition",
    "ProcessingOutputConfig.Outputs.FeatureStoreOutput",
    "NetworkConfig.EnableNetworkIsolation",
)
def create_processing_job(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    _check(context, request)
    job = {
        "ProcessingInputs": [],
        "ProcessingOutputConfig": {"Outputs": []},
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME_S},
        **resources.without_tags(request),
        "ProcessingJobArn": context.sagemaker_arn(KIND, request["ProcessingJobName"]),
        "CreationTime": time.time(),
    }
    return jobs.create(context, context.services.processing, job, request)


def describe_processing_job(context: RequestContext, request: dict[str, Any]) -> Document:
    return _find(context, request["ProcessingJobName"])


def list_processing_jobs(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    found, token = resources.page(context, KIND.name, request)
    return {
        "ProcessingJobSummaries": [jobs.summary(KIND, job, "FailureReason", "ExitMessage") for job in found],
        **token,
    }


def stop_processing_job(context: RequestContext, request: dict[str, Any]) -> None:
    jobs.stop(context.services.processing, _find(context, request["ProcessingJobName"]))


def delete_processing_job(context: RequestContext, request: dict[str, Any]) -> None:
    """Deletes a job that has ended. Its outputs and logs stay."""
    job = _find(context, request["ProcessingJobName"])
    jobs.reject_running(KIND, job)
    resources.delete(context, KIND, job["ProcessingJobName"])


def _find(context: RequestContext, name: str) -> Document:
    try:
        return context.services.store.get(KIND.name, name)
    except NotFound:
        raise AwsError("ResourceNotFound", f'Could not find requested job with name: "{name}".') from None


def _check(context: RequestContext, request: dict[str, Any]) -> None:
    """Reject a request that could not run as it says. Missing data is not rejected here: the job fails because of it."""
    application = request["AppSpecification"]
    image, given = application["ImageUri"], bool(application.get("ContainerEntrypoint"))
    if not given and not context.services.backend.knows_entrypoint(image):
        raise invalid(
            "AppSpecification.ContainerEntrypoint is required without Docker, where nobody knows the entrypoint of an image. Give "
            "the command, such as ['python3', '/opt/ml/processing/input/code/script.py'], or start `wildsage up` with "
            "--image NAME=COMMAND or --backend docker."
        )
    resources.check_image(context, image, has_entrypoint=given)
    machines = request["ProcessingResources"]["ClusterConfig"]
    quotas.check("processing job", machines["InstanceType"], machines["InstanceCount"])
    for field, place in _places(request):
        _check_path(field, place.get("LocalPath"))
        resources.bucket_of(place["S3Uri"])
        if "S3UploadMode" in place:
            resources.check_target(context, field, place["S3Uri"])
        if place.get("S3InputMode", "File") != "File" or place.get("S3CompressionType", "None") != "None":
            raise invalid(f"{field}: S3InputMode Pipe and S3CompressionType Gzip are not implemented by Wildsage yet.")


def _places(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Inputs and outputs in S3, with their names."""
    for one in request.get("ProcessingInputs", ()):
        if "S3Input" in one:
            yield f"Input {one['InputName']}", one["S3Input"]
    for one in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if "S3Output" in one:
            yield f"Output {one['OutputName']}", one["S3Output"]


def _check_path(field: str, path: str | None) -> None:
    try:
        OptML().inside(path or "")
    except ValueError:
        raise invalid(f"{field}: LocalPath is {path!r}, expected a path below {DEFAULT_ROOT}/processing.") from None
