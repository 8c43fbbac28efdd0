"""The local AWS as one WSGI application: a request walks down a list of handlers until one answers."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel
from werkzeug import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from wildsage.local_runner.operations import Operation, operations
from wildsage.local_runner.operations.context import Cloud
from wildsage.local_runner.operations.sagemaker_runtime.invoke import MAX_BODY_BYTES
from wildsage.local_runner.operations.unsupported import refuse_unsupported
from wildsage.local_runner.s3.body import drain
from wildsage.local_runner.s3.protocol import S3
from wildsage.local_runner.server import host_check
from wildsage.local_runner.wire.constraints import check
from wildsage.local_runner.wire.errors import AwsError, not_implemented
from wildsage.local_runner.wire.protocols import Values, WireProtocol, protocol_of

CREDENTIAL = re.compile(r"(?:Credential=)?[^/]+/\d{8}/(?:(?P<region>[a-z0-9-]+)/)?(?P<service>[a-z0-9-]+)/aws4_request")
RUNTIME_PATH = re.compile(r"/endpoints/[^/]+/(?:invocations|async-invocations)(?:-response-stream)?")
METRICS_PATH = "/BatchPutMetrics"
SIGNING_NAMES = {"monitoring": "cloudwatch"}
TARGETS = {"SageMaker": "sagemaker", "Logs_20140328": "logs", "AmazonEC2ContainerRegistry_V20150921": "ecr"}
log = logging.getLogger(__name__)


@dataclass
class Exchange:
    """One request on its way; each handler adds what it found out."""

    request: Request
    cloud: Cloud
    service: str = field(init=False)
    model: ServiceModel = field(init=False)
    protocol: WireProtocol = field(init=False)
    operation: OperationModel = field(init=False)
    perform: Operation = field(init=False)
    values: Values = field(init=False)


Handler = Callable[[Exchange], Response | None]


class App:
    """The WSGI application around a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._s3 = S3(cloud.objects, cloud.public)
        self._handlers: tuple[Handler, ...] = (
            refuse_strangers,
            find_service,
            self._answer_s3,
            choose_protocol,
            refuse_large_body,
            parse,
            find_operation,
            validate,
            refuse_unsupported_fields,
            perform,
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        exchange = Exchange(Request(environ), self._cloud)
        return self._respond(exchange)(environ, start_response)

    def close(self) -> None:
        """End the jobs and endpoints."""
        self._cloud.close()

    def _answer_s3(self, exchange: Exchange) -> Response | None:
        return self._s3.respond(exchange.request) if exchange.service == "s3" else None

    def _respond(self, exchange: Exchange) -> Response:
        try:
            return next(response for handler in self._handlers if (response := handler(exchange)) is not None)
        except AwsError as refusal:
            return exchange.protocol.fail(refusal)
        except Exception:
            return _apologise(exchange)


def _apologise(exchange: Exchange) -> Response:
    """500 with a reference to the trace, which stays in the log."""
    reference = uuid.uuid4().hex[:8]
    log.exception("request %s: %s", reference, exchange.request.path)
    text = f"Wildsage failed; its server.log tells why under {reference}."
    if not hasattr(exchange, "protocol"):
        return Response(text, 500)
    return exchange.protocol.fail(AwsError("InternalFailure", text, 500))


def refuse_strangers(exchange: Exchange) -> Response | None:
    """403 for what a web page could send."""
    refusal = host_check.refusal(exchange.request.headers, exchange.cloud.settings.open_to_network)
    return Response(refusal, 403) if refusal else None


def find_service(exchange: Exchange) -> Response | None:
    """Service and region from the scope of the signature. What is not signed can only be S3, or names its target."""
    request = exchange.request
    scope = CREDENTIAL.search(request.headers.get("Authorization", "") or request.args.get("X-Amz-Credential", ""))
    if scope:
        service = SIGNING_NAMES.get(scope["service"], scope["service"])
    else:
        service = TARGETS.get(request.headers.get("X-Amz-Target", "").partition(".")[0], "s3")
    if service == "sagemaker" and RUNTIME_PATH.fullmatch(request.path):
        service = "sagemaker-runtime"
    if service == "sagemaker" and request.path == METRICS_PATH:
        service = "sagemaker-metrics"
    exchange.service = "s3" if service.startswith("s3") else service
    region = scope["region"] if scope and scope["region"] else exchange.cloud.region
    exchange.cloud = replace(exchange.cloud, region=region, user_agent=request.headers.get("User-Agent", ""))
    return None


def choose_protocol(exchange: Exchange) -> Response | None:
    try:
        exchange.model = service_model(exchange.service)
    except botocore.exceptions.UnknownServiceError:
        return Response(f"Service {exchange.service} is not known here.\n", 501)
    exchange.protocol = protocol_of(exchange.request, exchange.model)
    return None


def refuse_large_body(exchange: Exchange) -> Response | None:
    """No body over 6 MB is kept: the limit of invocations, and more than any other operation takes."""
    request = exchange.request
    request.max_content_length = MAX_BODY_BYTES
    try:
        request.get_data()
    except RequestEntityTooLarge:
        drain(request.environ["wsgi.input"].read)
        raise AwsError("", f"HTTP content length exceeded {MAX_BODY_BYTES} bytes.", 413) from None
    return None


def parse(exchange: Exchange) -> Response | None:
    exchange.operation, exchange.values = exchange.protocol.parse(exchange.request, exchange.model)
    return None


def find_operation(exchange: Exchange) -> Response | None:
    """Reject unknown operations before validating the request."""
    found = operations().get((exchange.service, xform_name(exchange.operation.name)))
    if found is None:
        raise not_implemented(exchange.operation.name, exchange.service)
    exchange.perform = found
    return None


def validate(exchange: Exchange) -> Response | None:
    """Check the request against AWS's own model of the operation."""
    if exchange.operation.input_shape is not None:
        check(exchange.values, exchange.operation.input_shape)
    return None


def refuse_unsupported_fields(exchange: Exchange) -> Response | None:
    refuse_unsupported(exchange.perform, exchange.values)
    return None


def perform(exchange: Exchange) -> Response:
    answer = exchange.perform(exchange.cloud, exchange.values)
    return exchange.protocol.reply(exchange.operation, dict(answer or {}))


@cache
def service_model(service: str) -> ServiceModel:
    """AWS's own description of a service, as botocore ships it."""
    return botocore.session.get_session().get_service_model(service)
