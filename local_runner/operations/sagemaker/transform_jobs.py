"""Batch transform jobs: creating, describing, listing and stopping them.

Here instances are processes or containers of this machine, whatever the instance type. The first description that SDK v2
asks for may be held until the job has ended.
"""

from __future__ import annotations

import time
from typing import Any

from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.jobs.transform.data_processing import CSV, READABLE, BadFilter, DataProcessing, media_type
from wildsage.local_runner.jobs.transform.job import KIND
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import check, keeps
from wildsage.local_runner.operations.sagemaker import (
    jobs,
    model_containers,
    quotas,
    resources,
    sdk_polling,
    tag_rules,
    transform_rules,
)
from wildsage.local_runner.operations.sagemaker.models import KIND as MODEL
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"


@unsupported("DataCaptureConfig")
@keeps(*transform_rules.RULES, *tag_rules.RULES)
def create_transform_job(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    _check(context, request)
    return jobs.create(context, context.services.transforms, _document(context, request), request)


def describe_transform_job(context: RequestContext, request: dict[str, Any]) -> Document:
    name = request["TransformJobName"]
    job = _find(context, name)
    held = sdk_polling.hold_first_description(context, context.services.transforms, job)
    return _find(context, name) if held else job


def list_transform_jobs(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    found, token = resources.page(context, KIND.name, request)
    return {"TransformJobSummaries": [jobs.summary(KIND, job, "FailureReason") for job in found], **token}


def stop_transform_job(context: RequestContext, request: dict[str, Any]) -> None:
    jobs.stop(context.services.transforms, _find(context, request["TransformJobName"]))


def _find(context: RequestContext, name: str) -> Document:
    try:
        return context.services.store.get(KIND.name, name)
    except NotFound:
        raise AwsError("ResourceNotFound", f'Could not find requested job with name: "{name}".') from None


def _check(context: RequestContext, request: dict[str, Any]) -> None:
    """Reject a request that could not run as it says. Missing data is not rejected here: the job fails because of it."""
    source = request["TransformInput"]["DataSource"].get("S3DataSource")
    if source is None:
        raise invalid("TransformInput.DataSource needs an S3DataSource.")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise invalid(
            f"S3DataType {source['S3DataType']} is not implemented by Wildsage yet. Use S3Prefix or ManifestFile."
        )
    machines = request["TransformResources"]
    quotas.check("transform job", machines["InstanceType"], machines["InstanceCount"])
    resources.bucket_of(source["S3Uri"])
    _check_processing(request)
    resources.check_target(context, "S3OutputPath", request["TransformOutput"]["S3OutputPath"])
    check(resources.find(context, MODEL, request["ModelName"]), transform_rules.MODEL_RULES)


def _check_processing(request: dict[str, Any]) -> None:
    try:
        processing = DataProcessing.from_request(request)
    except BadFilter as error:
        raise invalid(f"DataProcessing: {error}") from None
    content_type = request["TransformInput"].get("ContentType")
    accept = request["TransformOutput"].get("Accept")
    if processing.reads_records:
        _check_readable("TransformInput.ContentType", content_type)
    if processing.changes_output and accept:
        _check_readable("TransformOutput.Accept", accept)
    if processing.joins and accept and (media_type(accept) == CSV) != (media_type(content_type) == CSV):
        raise invalid(
            f"JoinSource Input needs answers of the same type as the records, got {accept} for {content_type}."
        )


def _check_readable(field: str, kind: str | None) -> None:
    if media_type(kind) not in READABLE:
        raise invalid(f"DataProcessing: {field} is {kind or 'not given'}, expected {', '.join(READABLE)}.")


def _document(context: RequestContext, request: dict[str, Any]) -> Document:
    """The job as DescribeTransformJob shows it, before it has a state."""
    source, target = request["TransformInput"], request["TransformOutput"]
    return {
        **resources.without_tags(request),
        "TransformJobArn": context.sagemaker_arn(KIND, request["TransformJobName"]),
        "TransformInput": {"CompressionType": "None", "SplitType": "None", **source},
        "TransformOutput": {"AssembleWith": "None", "KmsKeyId": "", **target},
        "DataProcessing": {
            "InputFilter": "$",
            "OutputFilter": "$",
            "JoinSource": "None",
            **request.get("DataProcessing", {}),
        },
        "Containers": model_containers.containers(context, request["ModelName"]),
        "CreationTime": time.time(),
    }
