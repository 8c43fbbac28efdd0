"""What all ways to invoke an endpoint share: its headers, and the runtime service's words for what goes wrong."""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.jobs.logs import ENDPOINTS
from wildsage.local_runner.jobs.store import Document, NotThere
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.settings import ACCOUNT
from wildsage.local_runner.wire.errors import AwsError

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"


def headers(request: dict[str, Any]) -> dict[str, str]:
    """What the container is told of a request."""
    wanted = {
        "Content-Type": request.get("ContentType"),
        "Accept": request.get("Accept"),
        CUSTOM_ATTRIBUTES: request.get("CustomAttributes"),
        INFERENCE_ID: request.get("InferenceId"),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def find_endpoint(context: RequestContext, name: str) -> Document:
    """Raises ValidationError in the words of the runtime service."""
    try:
        return context.services.store.get(KIND.name, name)
    except NotThere:
        raise refusal(f"Endpoint {name} of account {ACCOUNT} not found.") from None


def refusal(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def model_error(context: RequestContext, endpoint: str, container: str, status: int, text: str) -> AwsError:
    """What a container said, as SageMaker wraps it. Status 0: it said nothing."""
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
