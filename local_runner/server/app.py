"""The local AWS as one WSGI application: a list of handlers, of which the first that returns a response answers the request."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel
from werkzeug import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from wildsage.containers.contract import host_check
from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.local_runner.console.entrance import Entrance
from wildsage.local_runner.jobs.queue import CannotBegin
from wildsage.local_runner.operations import Operation, operations, rules
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker_runtime.invoke import MAX_BODY_BYTES
from wildsage.local_runner.operations.unsupported import reject_unsupported
from wildsage.local_runner.processes import disk
from wildsage.local_runner.s3.access import Access
from wildsage.local_runner.s3.body import drain
from wildsage.local_runner.s3.protocol import S3
from wildsage.local_runner.server import health
from wildsage.local_runner.server.services import Regions
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures import aws as signatures
from wildsage.local_runner.wire.constraints import check
from wildsage.local_runner.wire.errors import AwsError, NotImplementedHere
from wildsage.local_runner.wire.protocols import FORM, Values, WireProtocol, protocol_of, rest_operation
from wildsage.local_runner.wire.regions import DEFAULT_REGION, partitions
from wildsage.local_runner.wire.service_models import service_model

CREDENTIAL = re.compile(r"(?:Credential=)?[^/]+/\d{8}/(?:(?P<region>[a-z0-9-]+)/)?(?P<service>[a-z0-9-]+)/aws4_request")
RUNTIME_PATH = re.compile(r"/endpoints/[^/]+/(?:invocations|async-invocations)(?:-response-stream)?")
METRICS_PATH = "/BatchPutMetrics"
SIGNED_AS_SAGEMAKER = ("sagemaker-featurestore-runtime", "sagemaker-a2i-runtime", "sagemaker-edge")
"""Services that are not here and share the name that requests to SageMaker are signed with; their paths tell them apart."""

SIGNING_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions", "elasticmapreduce": "emr", "email": "ses"}
RULE_ERRORS = {"logs": "InvalidParameterException"}
"""The error for a request that breaks a rule of its operation, where it is not a ValidationException."""
TARGETS = {
    "SageMaker": "sagemaker",
    "Logs_20140328": "logs",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "GraniteServiceVersion20100801": "cloudwatch",
}
log = logging.getLogger(__name__)


@dataclass
class ApiCall:
    """One request while it is handled; each handler adds what it found out."""

    request: Request
    settings: ServerSettings
    service: str = field(init=False)
    region: str = DEFAULT_REGION
    context: RequestContext = field(init=False)
    model: ServiceModel = field(init=False)
    protocol: WireProtocol = field(init=False)
    operation: OperationModel = field(init=False)
    perform: Operation = field(init=False)
    values: Values = field(init=False)


Handler = Callable[[ApiCall], Response | None]


class App:
    """The WSGI application around the regions of a server."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        keys = regions.settings.keys
        access = Access(keys) if keys else None
        self._s3 = S3(regions.objects, regions.public, regions.missed_buckets, access, regions.not_implemented)
        self._console = Entrance(regions)
        self._handlers: tuple[Handler, ...] = (
            reject_cross_site,
            answer_health,
            self._answer_browser,
            find_service,
            self._answer_s3,
            choose_protocol,
            reject_large_body,
            reject_unsigned,
            reject_unknown_region,
            parse,
            find_operation,
            validate,
            reject_unsupported_fields,
            check_rules,
            self._enter_region,
            perform,
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        call = ApiCall(Request(environ), self._regions.settings)
        return self._respond(call)(environ, start_response)

    def close(self) -> None:
        """End the jobs and endpoints."""
        self._regions.close()

    def _answer_browser(self, call: ApiCall) -> Response | None:
        return self._console.respond(call.request)

    def _answer_s3(self, call: ApiCall) -> Response | None:
        if call.service != "s3":
            return None
        response = self._s3.respond(call.request)
        if from_browser(call.request):  # an object has the origin of the console: as a page it may run nothing
            response.headers["Content-Security-Policy"] = "sandbox"
        return response

    def _enter_region(self, call: ApiCall) -> None:
        services = self._regions.services(call.region)
        call.context = RequestContext(services, call.region, call.request.headers.get("User-Agent", ""))

    def _respond(self, call: ApiCall) -> Response:
        try:
            return next(response for handler in self._handlers if (response := handler(call)) is not None)
        except AwsError as error:
            if isinstance(error, NotImplementedHere):
                self._regions.not_implemented.add(f"{error.service} {error.operation}")
            return call.protocol.fail(error)
        except CannotBegin as error:
            return call.protocol.fail(AwsError("ResourceLimitExceeded", str(error)))
        except Exception as error:
            return internal_error(call, error)


def internal_error(call: ApiCall, error: Exception) -> Response:
    """Status 500, or 507 on a full disk, with a reference; the server's log has the traceback under it."""
    reference = uuid.uuid4().hex[:8]
    log.exception("request %s: %s", reference, call.request.path)
    text, status = f"Wildsage failed. Its server.log has the reason under {reference}.", 500
    if disk.is_full(error):
        text, status = f"{disk.text(error, call.settings.data)} Reference: {reference}.", 507
    if not hasattr(call, "protocol"):
        return Response(text, status)
    return call.protocol.fail(AwsError("InternalFailure", text, status))


def reject_cross_site(call: ApiCall) -> Response | None:
    """Status 403 for requests that a web page could have sent."""
    rejection = host_check.rejection(call.request.headers, call.settings.open_to_network)
    return Response(rejection, 403) if rejection else None


def answer_health(call: ApiCall) -> Response | None:
    """The page for health checks."""
    return health.page() if call.request.path == health.PATH else None


def from_browser(request: Request) -> bool:
    """Whether a browser asks, for a page of its own or for what a page loads. Clients of AWS send neither header."""
    return "Sec-Fetch-Mode" in request.headers or "text/html" in request.headers.get("Accept", "")


def find_service(call: ApiCall) -> Response | None:
    """Service and region from the scope of the signature, or from what an unsigned request looks like."""
    request = call.request
    scope = CREDENTIAL.search(request.headers.get("Authorization", "") or request.args.get("X-Amz-Credential", ""))
    service = SIGNING_NAMES.get(scope["service"], scope["service"]) if scope else service_of_unsigned(request)
    if service == "sagemaker" and RUNTIME_PATH.fullmatch(request.path):
        service = "sagemaker-runtime"
    if service == "sagemaker" and request.path == METRICS_PATH:
        service = "sagemaker-metrics"
    if service == "sagemaker" and "X-Amz-Target" not in request.headers:
        services = (one for one in SIGNED_AS_SAGEMAKER if rest_operation(request, service_model(one)))
        service = next(services, service)
    call.service = "s3" if service.startswith("s3") else service
    call.region = scope["region"] if scope and scope["region"] else DEFAULT_REGION
    return None


def service_of_unsigned(request: Request) -> str:
    """The service that a request names or whose protocol it has; S3, if nothing tells."""
    if target := request.headers.get("X-Amz-Target", "").partition(".")[0]:
        return TARGETS.get(target, target.lower())
    if request.method == "POST" and RUNTIME_PATH.fullmatch(request.path):
        return "sagemaker-runtime"
    if "Smithy-Protocol" in request.headers:
        return "cloudwatch"
    return "sts" if request.method == "POST" and request.path == "/" and request.mimetype == FORM else "s3"


def choose_protocol(call: ApiCall) -> Response | None:
    """AWS's model of the service and its wire protocol.

    Raises NotImplemented, status 501, for a service that botocore does not know, in the protocol of the request.
    """
    try:
        call.model = service_model(call.service)
    except botocore.exceptions.UnknownServiceError:
        call.protocol = protocol_of(call.request, None)
        raise NotImplementedHere(call.protocol.operation_name(call.request), call.service) from None
    call.protocol = protocol_of(call.request, call.model)
    return None


def reject_unknown_region(call: ApiCall) -> Response | None:
    """Raises InvalidSignatureException, status 403, for a region that AWS does not have. Each region has a folder and threads."""
    if call.region not in partitions():
        raise AwsError(
            "InvalidSignatureException",
            f"Credential should be scoped to a valid region, not '{call.region}'. Choose one of AWS's, such as {DEFAULT_REGION}.",
            403,
        )
    return None


def reject_large_body(call: ApiCall) -> Response | None:
    """Read at most 6 MB of a body: the limit of invocations, and more than any other operation needs.

    Raises AwsError, status 413, for a longer one.
    """
    request = call.request
    request.max_content_length = MAX_BODY_BYTES
    try:
        request.get_data()
    except RequestEntityTooLarge:
        drain(request)
        raise AwsError("", f"HTTP content length exceeded {MAX_BODY_BYTES} bytes.", 413) from None
    except ClientTooSlow:
        raise AwsError("RequestTimeoutException", "The body of the request did not arrive in time.", 408) from None
    return None


def reject_unsigned(call: ApiCall) -> None:
    """Where requests have to be signed, raises AwsError for one that is not signed with the keys of the data folder."""
    if keys := call.settings.keys:
        words = signatures.words_of(call.protocol)
        signatures.verify(call.request.environ, call.request.get_data(), keys, words, signatures.utc_now)


def parse(call: ApiCall) -> Response | None:
    """Operation and parameters, read as the protocol says. Raises AwsError for a request that does not fit it."""
    with reject_deep_nesting():
        call.operation, call.values = call.protocol.parse(call.request, call.model)
    return None


@contextmanager
def reject_deep_nesting() -> Iterator[None]:
    """Raises SerializationException for a document that is nested deeper than Python calls can follow."""
    try:
        yield
    except RecursionError:
        raise AwsError("SerializationException", "The request is nested too deeply.") from None


def find_operation(call: ApiCall) -> Response | None:
    """Reject unknown operations before validating the request. Raises NotImplemented, status 501, which names the operation."""
    found = operations().get((call.service, xform_name(call.operation.name)))
    if found is None:
        raise NotImplementedHere(call.operation.name, call.service)
    call.perform = found
    return None


def validate(call: ApiCall) -> Response | None:
    """Check the request against AWS's own model of the operation."""
    if call.operation.input_shape is not None:
        with reject_deep_nesting():
            check(call.values, call.operation.input_shape)
    return None


def reject_unsupported_fields(call: ApiCall) -> Response | None:
    """Raises ValidationException for a field whose effect is not implemented; ignoring it would be a silent difference."""
    reject_unsupported(call.perform, call.values)
    return None


def check_rules(call: ApiCall) -> None:
    """Reject a request that breaks a rule of its operation."""
    rules.check(call.values, rules.rules_of(call.perform), RULE_ERRORS.get(call.service, "ValidationException"))


def perform(call: ApiCall) -> Response:
    """The answer of the operation, written as the protocol says."""
    answer = call.perform(call.context, call.values)
    return call.protocol.reply(call.operation, dict(answer or {}))
