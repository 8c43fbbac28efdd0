"""InvokeEndpointAsync: reads the body from S3 and writes the answer to S3. Here no SNS topic is notified."""

from __future__ import annotations

import time
import uuid
from typing import Any

from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.operations.sagemaker_runtime.runtime import find_endpoint, headers, validation_error
from wildsage.local_runner.operations.unsupported import unsupported

SERVICE = "sagemaker-runtime"
DEFAULT_TTL_S = 21_600
DEFAULT_TIMEOUT_S = 900


@unsupported("Body")
def invoke_endpoint_async(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Writes the answer to S3. SNS topics are not notified; the log of the endpoint names them."""
    if "InputLocation" not in request:
        raise validation_error("InvokeEndpointAsync needs an InputLocation, the S3 URI of its body.")
    resources.bucket_of(request["InputLocation"])
    endpoint = find_endpoint(context, request["EndpointName"])
    config = endpoint["Deployment"].get("AsyncInferenceConfig")
    if config is None:
        raise validation_error(f"Endpoint {request['EndpointName']} has no AsyncInferenceConfig. Use InvokeEndpoint.")
    invocation = _invocation(request, config["OutputConfig"])
    context.services.inferences.submit(invocation)
    return {
        "InferenceId": request.get("InferenceId", invocation["Id"]),
        "OutputLocation": invocation["OutputLocation"],
        "FailureLocation": invocation.get("FailureLocation"),
    }


def _invocation(request: dict[str, Any], output: Document) -> Document:
    name = str(uuid.uuid4())
    folder = "/".join(
        [output["S3OutputPath"].rstrip("/"), *request.get("S3OutputPathExtension", "").strip("/").split("/")]
    )
    place = f"{folder.rstrip('/')}/{request.get('Filename', f'{name}.out')}"
    failure = output.get("S3FailurePath")
    return {
        "Id": name,
        "EndpointName": request["EndpointName"],
        "InputLocation": request["InputLocation"],
        "Headers": headers(request),
        "OutputLocation": place,
        **({"FailureLocation": f"{failure.rstrip('/')}/{name}-error.out"} if failure else {}),
        "ExpiresAt": time.time() + request.get("RequestTTLSeconds", DEFAULT_TTL_S),
        "TimeoutInSeconds": request.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_S),
    }
