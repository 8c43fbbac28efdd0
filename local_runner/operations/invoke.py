"""InvokeEndpoint: a body to the container and its answer back, untouched."""

from __future__ import annotations

from typing import Any

from local_runner.cloud import Cloud
from local_runner.jobs.endpoint import KIND
from local_runner.jobs.instance import NoAnswer
from local_runner.jobs.logs import ENDPOINTS
from local_runner.jobs.store import NotThere
from local_runner.operations.resources import refuse_unsupported
from local_runner.settings import ACCOUNT
from local_runner.wire.errors import AwsError

SERVICE = "sagemaker-runtime"
MAX_BODY_BYTES = 6_291_456
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
UNSUPPORTED = ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations", "SessionId")


def invoke_endpoint(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    name = request["EndpointName"]
    refuse_unsupported(request, UNSUPPORTED)
    instance = cloud.endpoints.pick(name, request.get("TargetVariant"))
    if instance is None:
        raise _not_there(cloud, name, request.get("TargetVariant"))
    try:
        answer = instance.invoke(request["Body"], _headers(request))
    except NoAnswer as error:
        raise _model_error(cloud, name, 0, str(error)) from None
    if not 200 <= answer.status < 300:
        raise _model_error(cloud, name, answer.status, answer.data.decode(errors="replace"))
    return {
        "Body": answer.data,
        "ContentType": answer.headers.get("Content-Type"),
        "InvokedProductionVariant": instance.variant,
        "CustomAttributes": answer.headers.get(CUSTOM_ATTRIBUTES),
    }


def _headers(request: dict[str, Any]) -> dict[str, str]:
    wanted = {
        "Content-Type": request.get("ContentType"),
        "Accept": request.get("Accept"),
        CUSTOM_ATTRIBUTES: request.get("CustomAttributes"),
        "X-Amzn-SageMaker-Inference-Id": request.get("InferenceId"),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _not_there(cloud: Cloud, name: str, variant: str | None) -> AwsError:
    try:
        status = cloud.store.get(KIND, name)["EndpointStatus"]
    except NotThere:
        return AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
    if variant and status == "InService":
        return AwsError("ValidationError", f"Variant {variant} not found in endpoint {name}.")
    return AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT} is {status}, not yet able to answer.")


def _model_error(cloud: Cloud, endpoint: str, status: int, text: str) -> AwsError:
    """What the container said, as SageMaker wraps it. Status 0: it said nothing."""
    kind = "client" if 400 <= status < 500 else "server"
    group = f"{ENDPOINTS}/{endpoint}"
    message = f'Received {kind} error ({status}) from primary with message "{text}". See the log group {group}.'
    return AwsError(
        "ModelError",
        message,
        424,
        OriginalStatusCode=status,
        OriginalMessage=text,
        LogStreamArn=f"arn:{cloud.partition}:logs:{cloud.region}:{ACCOUNT}:log-group:{group}",
    )
