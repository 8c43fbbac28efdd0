"""InvokeEndpoint and its streaming variant: the body goes to the container, and its answer comes back unchanged.

Here requests that find all slots of the server taken are answered with ServiceUnavailable.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import urllib3

from wildsage.local_runner.jobs.hosting.container import NoAnswer
from wildsage.local_runner.jobs.hosting.data_capture import CapturedMessage
from wildsage.local_runner.jobs.hosting.instance import Answer, Instance, TooManyRequests
from wildsage.local_runner.jobs.hosting.multi_model import NotLoaded
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.request_slots import SLOTS
from wildsage.local_runner.operations.sagemaker_runtime.runtime import (
    CUSTOM_ATTRIBUTES,
    find_endpoint,
    headers,
    model_error,
    validation_error,
)
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.settings import ACCOUNT
from wildsage.local_runner.wire.errors import AwsError

SERVICE = "sagemaker-runtime"
MAX_BODY_BYTES = 6_291_456
PIECE_BYTES = 1 << 16  # mutants: equivalent: pieces of another size are the same bytes
TOO_MANY = f"{SLOTS} requests are already waiting for a response. Send fewer at a time, or try again later."
UNSUPPORTED = ("InferenceComponentName", "SessionId")


@unsupported(*UNSUPPORTED, "EnableExplanations")
def invoke_endpoint(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the answer of one container, or of the last one of a pipeline."""
    with _leased(context, request) as instance:
        answer = _invoke(context, instance, request, whole=True)
    if config := context.services.endpoints.capture(request["EndpointName"]):
        _capture(context, config, request, instance, answer)
    return {"Body": answer.http.data, **_answer_headers(instance, answer)}


@unsupported(*UNSUPPORTED)
def invoke_endpoint_with_response_stream(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """As InvokeEndpoint, but each piece is sent on when the container has written it. Data capture does not record these."""
    leases = contextlib.ExitStack()
    with leases:
        instance = leases.enter_context(_leased(context, request))
        answer = _invoke(context, instance, request, whole=False)
        held = leases.pop_all()
    return {"Body": _parts(answer, held), **_answer_headers(instance, answer)}


def _capture(
    context: RequestContext, config: Document, request: dict[str, Any], instance: Instance, answer: Answer
) -> None:
    asked = CapturedMessage(request.get("ContentType", ""), request["Body"])
    answered = CapturedMessage(answer.http.headers.get("Content-Type", ""), answer.http.data)
    inference_id = request.get("InferenceId", "")
    context.services.captures.record(config, request["EndpointName"], instance.variant, asked, answered, inference_id)


def _parts(answer: Answer, lease: contextlib.ExitStack) -> Iterator[dict[str, Any]]:
    with lease:
        try:
            for piece in _pieces(answer.http):
                yield {"PayloadPart": {"Bytes": piece}}
        except urllib3.exceptions.HTTPError as error:
            raise AwsError(
                "ModelStreamError",
                f"The container {answer.container} interrupted its answer: {error}.",
                ErrorCode="ModelStreamInterrupted",
            ) from None
        finally:
            answer.http.close()


def _pieces(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The pieces of the answer as they arrive."""
    if getattr(answer, "chunked", False):
        yield from answer.read_chunked()
        return
    while piece := answer.read1(PIECE_BYTES):
        yield piece


@contextlib.contextmanager
def _leased(context: RequestContext, request: dict[str, Any]) -> Iterator[Instance]:
    """An instance that may take the request.

    Raises ValidationError, ServiceUnavailable if too many requests wait, ThrottlingException beyond a MaxConcurrency.
    """
    name, variant = request["EndpointName"], request.get("TargetVariant")
    if context.services.endpoints.asynchronous(name):
        raise validation_error(f"Endpoint {name} has an AsyncInferenceConfig: it answers InvokeEndpointAsync only.")
    try:
        with context.services.slots.acquire() as acquired, context.services.endpoints.lease(name, variant) as instance:
            if not acquired:
                raise AwsError("ServiceUnavailable", TOO_MANY, 503)
            if instance is None:
                raise _not_there(context, name, variant)
            _check_target(instance, request)
            yield instance
    except TooManyRequests as limit:
        text = f"Rate exceeded. Endpoint {name} answers {limit} requests at a time, the MaxConcurrency of its ServerlessConfig."
        raise AwsError("ThrottlingException", text, 429) from None


def _check_target(instance: Instance, request: dict[str, Any]) -> None:
    model, hostname = request.get("TargetModel"), request.get("TargetContainerHostname")
    if instance.is_multi_model and not model:
        raise validation_error("A multi-model endpoint needs TargetModel: the key of a model below its ModelDataUrl.")
    if model and not instance.is_multi_model:
        raise validation_error(
            "TargetModel is for multi-model endpoints, and this endpoint has one model. Leave it out."
        )
    names = [container.name for container in instance.containers]
    if instance.is_direct and hostname not in names:
        raise validation_error(f"TargetContainerHostname: got {hostname}, expected one of {', '.join(names)}.")
    if hostname and not instance.is_direct:
        raise validation_error(
            "TargetContainerHostname is for models whose InferenceExecutionConfig Mode is Direct. Leave it out."
        )


def _invoke(context: RequestContext, instance: Instance, request: dict[str, Any], whole: bool) -> Answer:
    """The answer of the instance, whose time and failure are noted. Raises as `_ask` does."""
    with context.services.endpoints.invocations.measured(request["EndpointName"], instance.variant):
        return _ask(context, instance, request, whole)


def _ask(context: RequestContext, instance: Instance, request: dict[str, Any], whole: bool) -> Answer:
    """The answer of the instance. Raises ModelError for a status other than 2xx, ValidationError if the model does not exist."""
    name, target = request["EndpointName"], request.get("TargetModel", "")
    hostname = request.get("TargetContainerHostname", "")
    try:
        answer = instance.invoke(request["Body"], headers(request), whole=whole, target_model=target, hostname=hostname)
    except S3Error as error:
        raise validation_error(f"Failed to download model data for TargetModel {target}. {error}") from None
    except NotLoaded as error:
        raise model_error(context, name, error.container, error.status, error.text) from None
    except NoAnswer as error:
        raise model_error(context, name, error.container, 0, str(error)) from None
    if not answer.is_success:
        raise model_error(
            context, name, answer.container, answer.http.status, answer.http.data.decode(errors="replace")
        )
    return answer


def _answer_headers(instance: Instance, answer: Answer) -> dict[str, Any]:
    return {
        "ContentType": answer.http.headers.get("Content-Type"),
        "InvokedProductionVariant": instance.variant,
        "CustomAttributes": answer.http.headers.get(CUSTOM_ATTRIBUTES),
    }


def _not_there(context: RequestContext, name: str, variant: str | None) -> AwsError:
    status = find_endpoint(context, name)["EndpointStatus"]
    if variant and status == "InService":
        return validation_error(f"Variant {variant} not found in endpoint {name}.")
    return validation_error(f"Endpoint {name} of account {ACCOUNT} is {status}, not yet able to answer.")
