"""What all invocations of an endpoint share: the headers, and the errors in the words of the runtime service."""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.jobs.logs import ENDPOINTS
from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.settings import ACCOUNT
from wildsage.local_runner.wire.errors import AwsError

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"


def headers(request: dict[str, Any]) -> dict[str, str]:
    """The headers of the request to the container."""
    wanted = {
        "Content-Type": request.get("ContentType"),
        "Accept": request.get("Accept"),
        CUSTOM_ATTRIBUTES: request.get("CustomAttributes"),
        INFERENCE_ID: request.get("InferenceId"),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def find_endpoint(context: RequestContext, name: str) -> Document:
    """The document of an endpoint. Raises ValidationError in the words of the runtime service."""
    try:
        return context.services.store.get(KIND.name, name)
    except NotFound:
        raise validation_error(f"Endpoint {name} of account {ACCOUNT} not found.") from None


def validation_error(message: str) -> AwsError:
    """The ValidationError of the runtime service, whose name differs from SageMaker's ValidationException."""
    return AwsError("ValidationError", message)


def model_error(context: RequestContext, endpoint: str, container: str, status: int, text: str) -> AwsError:
    """The answer of a container in the words of SageMaker. Status 0 means that it did not answer."""
    kind = "client" if 400 <= status < 500 else "server"
    group = f"{ENDPOINTS}/{endpoint}"
    message = f'Received {kind} error ({status}) from {container} with message "{text}". See the log group {group}.'
    return AwsError(
        "ModelError",
        message,
        424,
        OriginalStatusCode=status,
        OriginalMessage=text,
        LogStreamArn=context.arn("logs", f"log-group:{group}"),
    )
