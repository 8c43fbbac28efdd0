"""Endpoints: named groups of serving containers. An endpoint is InService only after every /ping has answered 200."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wildsage.containers.contract import failure
from wildsage.local_runner.backends import Backend
from wildsage.local_runner.inputs.channels import InputError, Objects
from wildsage.local_runner.jobs.hosting.container import INVOCATION_TIMEOUT_S, STOP_GRACE_S
from wildsage.local_runner.jobs.hosting.instance import Instance, NotHealthy, StartLimits, start
from wildsage.local_runner.jobs.hosting.invocations import InvocationTimes
from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.logs import ENDPOINTS, Logs, LogWriter
from wildsage.local_runner.jobs.queue import CannotBegin, begin
from wildsage.local_runner.jobs.store import TAGS, Document, NotFound, Store
from wildsage.local_runner.processes import disk
from wildsage.local_runner.s3.errors import S3Error

KIND = Kind("endpoint", "Endpoint", "endpoint")
DIRECT = "Direct"
SHUTDOWN_GRACE_S = 3.0  # mutants: equivalent: a second more or less changes nothing
log = logging.getLogger(__name__)


class EndpointBusy(Exception):
    """The endpoint is being created, updated or deleted."""


@dataclass(frozen=True)
class Fleet:
    """The instances of one deployment and the weights of its variants.

    `asynchronous` and `capture` are its AsyncInferenceConfig and DataCaptureConfig, if it has them. `concurrency` says how many
    requests a serverless variant takes at a time.
    """

    instances: Sequence[Instance]
    weights: Mapping[str, float]
    folder: Path
    asynchronous: Document | None = None
    capture: Document | None = None
    concurrency: Mapping[str, int] = field(default_factory=dict)

    def pick(self, variant: str | None) -> Instance | None:
        """A random instance of the variant, or of any variant by their weights; None if the variant does not exist."""
        wanted = [instance for instance in self.instances if variant in (None, instance.variant)]
        if not wanted:
            return None
        shares = Counter(instance.variant for instance in self.instances)
        weights = [self.weights[instance.variant] / shares[instance.variant] for instance in wanted]
        (picked,) = random.choices(wanted, weights if any(weights) else None)
        return picked

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop all containers at the same time."""
        for instance in self.instances:
            instance.ask_to_stop()
        for instance in self.instances:
            instance.stop(grace_s)


class Endpoints:
    """All endpoints.

    A deployment is `{"Id", "EndpointConfigName", "Variants": [{"VariantName", "Containers", "ExecutionMode",
    "InstanceCount", "Weight"}]}`, with `AsyncInferenceConfig` and `DataCaptureConfig` where the configuration has them,
    `ServerlessConfig` in a serverless variant, and containers as `instance.start` takes them. It is stored with the endpoint,
    so that the endpoint does not change when its model or configuration is deleted.
    """

    def __init__(self, store: Store, logs: Logs, objects: Objects, backend: Backend, folder: Path, region: str) -> None:
        self._store = store
        self._logs = logs
        self._objects = objects
        self._backend = backend
        self._folder = folder
        self._region = region
        self.invocations = InvocationTimes()
        self._fleets: dict[str, Fleet] = {}
        self._starting: dict[str | None, list[Instance]] = {}  # by deployment id
        self._closing = False

    def create(self, endpoint: Document) -> None:
        """Store the new endpoint, which holds its `Deployment`, and bring it into service. Raises NameTaken, CannotBegin."""
        now = time.time()
        pending = endpoint["Deployment"]["Id"]
        endpoint.update(EndpointStatus="Creating", CreationTime=now, LastModifiedTime=now, Pending=pending)
        self._store.insert(KIND.name, endpoint["EndpointName"], endpoint)
        try:
            self._in_background(self._bring_up, endpoint["EndpointName"], endpoint["Deployment"])
        except CannotBegin:
            self._store.delete(KIND.name, endpoint["EndpointName"])
            raise

    def update(self, name: str, deployment: Document) -> None:
        """Start the new deployment beside the old one, then replace the old one. Raises NotFound, EndpointBusy, CannotBegin."""
        with self._unchanged_unless_begun(name):
            self._claim(name, "Updating", ("InService", "Failed"), deployment["Id"])
            self._in_background(self._bring_up, name, deployment)

    def rescale(self, name: str, variants: Sequence[Document]) -> None:
        """Change weights and instance counts to those of `variants`; running instances stay. Raises NotFound, EndpointBusy."""
        deployment = {**self._store.get(KIND.name, name)["Deployment"], "Variants": variants}
        with self._unchanged_unless_begun(name):
            self._claim(name, "Updating", ("InService",), deployment["Id"])
            self._in_background(self._rescale, name, deployment)

    def delete(self, name: str) -> None:
        """Stop the containers and delete the endpoint, even while it is being created. Raises NotFound, EndpointBusy."""
        with self._unchanged_unless_begun(name):
            called_off = self._claim(name, "Deleting", ("InService", "Failed", "Creating"), None)
            self._in_background(self._take_down, name, called_off)

    @contextlib.contextmanager
    def lease(self, name: str, variant: str | None = None) -> Iterator[Instance | None]:
        """An instance to invoke, which lives until the block ends; None if the endpoint has no such variant in service.

        Raises TooManyRequests if it is serverless and takes no more now.
        """
        instance = self._leased(name, variant)
        try:
            yield instance
        finally:
            if instance:
                instance.release()

    def _leased(self, name: str, variant: str | None) -> Instance | None:
        while fleet := self._fleets.get(name):
            instance = fleet.pick(variant)
            if instance is None or instance.lease(fleet.concurrency.get(instance.variant)):
                return instance
            time.sleep(0)  # it is being replaced: the new fleet serves already, or the endpoint is being deleted
        return None

    def asynchronous(self, name: str) -> Document | None:
        """The AsyncInferenceConfig of an endpoint in service that has one."""
        fleet = self._fleets.get(name)
        return fleet.asynchronous if fleet else None

    def capture(self, name: str) -> Document | None:
        """The DataCaptureConfig of an endpoint in service that captures."""
        fleet = self._fleets.get(name)
        return fleet.capture if fleet else None

    def restore(self) -> None:
        """After a restart: start the endpoints that served or were being created, and delete those that were being deleted."""
        for endpoint in self._store.all(KIND.name):
            name = endpoint["EndpointName"]
            if endpoint["EndpointStatus"] == "Deleting":
                self._take_down(name, None)
            elif endpoint["EndpointStatus"] != "Failed":
                pending = endpoint["Deployment"]["Id"]
                self._store.update(KIND.name, name, EndpointStatus="Creating", Pending=pending)
                try:
                    self._in_background(self._bring_up, name, endpoint["Deployment"])
                except CannotBegin as error:
                    self._store.update(KIND.name, name, EndpointStatus="Failed", FailureReason=str(error))

    def close(self) -> None:
        """Stop all containers. The endpoints stay in the store; `restore` starts them again."""
        self._closing = True
        fleets = list(self._fleets.values())
        starting = [instance for instances in list(self._starting.values()) for instance in instances]
        for fleet in (*fleets, Fleet(starting, {}, self._folder)):
            fleet.stop(SHUTDOWN_GRACE_S)

    # Changes of state

    def _claim(self, name: str, status: str, allowed: Sequence[str], pending: str | None) -> str | None:
        """Enter a status; `pending` is the only deployment that may put the endpoint into service from now on.

        Returns the pending deployment of before. Raises NotFound, EndpointBusy.
        """
        before: list[str | None] = []

        def edit(endpoint: Document) -> None:
            if endpoint["EndpointStatus"] not in allowed:
                raise EndpointBusy(f'Cannot update in-progress endpoint "{endpoint["EndpointArn"]}".')
            before.append(endpoint["Pending"])
            endpoint.update(EndpointStatus=status, LastModifiedTime=time.time(), Pending=pending)

        self._store.change(KIND.name, name, edit)
        return before.pop()

    def _bring_up(self, name: str, deployment: Document) -> None:
        fleet = self._started(name, deployment, ())
        if fleet is None:
            return
        before = self._fleets.get(name)
        superseded = before if self._in_service(name, deployment, fleet) else fleet
        if superseded:
            self._end(superseded.instances)
            if not self._closing:
                shutil.rmtree(superseded.folder, ignore_errors=True)

    def _rescale(self, name: str, deployment: Document) -> None:
        before = self._fleets[name].instances
        fleet = self._started(name, deployment, before)
        if fleet is None:
            return
        kept = fleet.instances if self._in_service(name, deployment, fleet) else before
        self._end([instance for instance in {*before, *fleet.instances} if instance not in kept])

    def _end(self, instances: Sequence[Instance]) -> None:
        """Stop the instances after the last request that they took."""
        for instance in instances:
            instance.retire(INVOCATION_TIMEOUT_S)
        Fleet(instances, {}, self._folder).stop()

    def _in_service(self, name: str, deployment: Document, fleet: Fleet) -> bool:
        """Put the fleet into service. False if the endpoint was deleted or the server closed while the containers started."""
        if self._closing:
            return False

        def edit(endpoint: Document) -> None:
            if endpoint["Pending"] != deployment["Id"]:
                raise EndpointBusy(name)
            self._fleets[name] = fleet
            endpoint.update(
                EndpointStatus="InService",
                EndpointConfigName=deployment["EndpointConfigName"],
                Deployment=deployment,
                ProductionVariants=[_variant_summary(variant) for variant in deployment["Variants"]],
                LastModifiedTime=time.time(),
            )
            for gone in ("FailureReason", "AsyncInferenceConfig", "DataCaptureConfig"):
                endpoint.pop(gone, None)
            endpoint.update(_optional_summary(deployment))

        try:
            self._store.change(KIND.name, name, edit)
        except (EndpointBusy, NotFound):
            return False
        return True

    def _not_in_service(self, name: str, deployment: Document, reason: str) -> None:
        """A failed creation makes the endpoint Failed; after a failed update the old deployment serves on. Both have a reason."""
        if self._closing:
            return

        def edit(endpoint: Document) -> None:
            if endpoint["Pending"] == deployment["Id"]:
                status = "InService" if name in self._fleets else "Failed"
                endpoint.update(EndpointStatus=status, FailureReason=reason, LastModifiedTime=time.time())

        with contextlib.suppress(NotFound):  # deleted meanwhile
            self._store.change(KIND.name, name, edit)

    def _take_down(self, name: str, called_off: str | None) -> None:
        """Stop the fleet that serves, and the deployment `called_off` if it is being started."""
        for instance in self._starting.get(called_off, ()):
            instance.stop()
        if fleet := self._fleets.pop(name, None):
            fleet.stop()
        shutil.rmtree(self._folder / name, ignore_errors=True)
        self.invocations.forget(name)
        with contextlib.suppress(NotFound):  # the endpoint still has the name, so that the tags are its own
            self._store.delete(TAGS, self._store.get(KIND.name, name)["EndpointArn"])
        self._store.delete(KIND.name, name)

    # Containers

    def _started(self, name: str, deployment: Document, running: Sequence[Instance]) -> Fleet | None:
        """The healthy fleet of a deployment; None if it does not start, in which case the endpoint has the reason."""
        try:
            return self._start(name, deployment, running)
        except Exception as error:
            if not isinstance(error, NotHealthy | InputError | S3Error):
                log.exception("endpoint %s", name)
            self._not_in_service(name, deployment, _failure_text(error, self._folder))
            return None
        finally:
            self._starting.pop(deployment["Id"], None)

    def _start(self, name: str, deployment: Document, running: Sequence[Instance] = ()) -> Fleet:
        """The wanted number of instances of each variant, first those that run already.

        Raises NotHealthy, InputError, S3Error and UserError; the instances that were started are stopped then.
        """
        folder = self._folder / name / deployment["Id"]
        new = self._starting[deployment["Id"]] = []
        kept: list[Instance] = []
        try:
            for variant in deployment["Variants"]:
                there = [instance for instance in running if instance.variant == variant["VariantName"]]
                kept += there[: variant["InstanceCount"]]
                for number in range(len(there), variant["InstanceCount"]):
                    new.append(self._instance(name, variant, number, folder))
            if self._closing:  # `close` may have looked before the last one was there
                raise NotHealthy("The server is closing.")
            for instance in new:
                instance.await_healthy()
        except BaseException:
            Fleet(new, {}, folder).stop()
            if not running:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return _fleet(deployment, [*kept, *new], folder)

    def _instance(self, name: str, variant: Document, number: int, folder: Path) -> Instance:
        stream = f"{variant['VariantName']}/instance-{number + 1}"
        pipeline = len(variant["Containers"]) > 1

        def writer(container: str) -> LogWriter:
            return self._logs.writer(f"{ENDPOINTS}/{name}", f"{stream}/{container}" if pipeline else stream)

        root = folder / variant["VariantName"] / str(number)
        is_direct = variant["ExecutionMode"] == DIRECT
        return start(
            variant["VariantName"],
            variant["Containers"],
            root,
            self._backend,
            self._objects,
            writer,
            {"AWS_REGION": self._region},
            is_direct=is_direct,
            limits=StartLimits.from_variant(variant),
        )

    @contextlib.contextmanager
    def _unchanged_unless_begun(self, name: str) -> Iterator[None]:
        """Give the endpoint back the status it had if what the block asks for cannot begin. Raises NotFound."""
        before = self._store.get(KIND.name, name)
        try:
            yield
        except CannotBegin:
            kept = {field: before[field] for field in ("EndpointStatus", "LastModifiedTime", "Pending")}
            self._store.update(KIND.name, name, **kept)
            raise

    def _in_background(self, act: Any, *arguments: Any) -> None:
        begin(act, f"endpoint {arguments[0]}", *arguments)


def _fleet(deployment: Document, instances: Sequence[Instance], folder: Path) -> Fleet:
    """The instances with what the deployment says of them."""
    variants = deployment["Variants"]
    weights = {variant["VariantName"]: variant["Weight"] for variant in variants}
    capture = deployment.get("DataCaptureConfig", {})
    capture = capture if capture.get("EnableCapture") else None
    concurrency = {
        variant["VariantName"]: variant["ServerlessConfig"]["MaxConcurrency"]
        for variant in variants
        if "ServerlessConfig" in variant
    }
    return Fleet(instances, weights, folder, deployment.get("AsyncInferenceConfig"), capture, concurrency)


def deployment_id() -> str:
    """A new id for a deployment; it also names its folder."""
    return uuid.uuid4().hex


def _variant_summary(variant: Document) -> Document:
    """A variant as DescribeEndpoint shows it. A serverless one has no instances that a caller could count."""
    serverless = variant.get("ServerlessConfig")
    machines = (
        {"CurrentInstanceCount": 0, "CurrentServerlessConfig": serverless}
        if serverless
        else {"CurrentInstanceCount": variant["InstanceCount"], "DesiredInstanceCount": variant["InstanceCount"]}
    )
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [
            {"SpecifiedImage": one["Image"], "ResolutionTime": time.time()} for one in variant["Containers"]
        ],
        "CurrentWeight": variant["Weight"],
        "DesiredWeight": variant["Weight"],
        **machines,
    }


def _optional_summary(deployment: Document) -> Document:
    """Asynchronous inference and data capture, as DescribeEndpoint shows them."""
    shown = {field: deployment[field] for field in ("AsyncInferenceConfig",) if field in deployment}
    if config := deployment.get("DataCaptureConfig"):
        enabled = config.get("EnableCapture", False)
        shown["DataCaptureConfig"] = {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled else "Stopped",
            "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
            "DestinationS3Uri": config["DestinationS3Uri"],
            "KmsKeyId": config.get("KmsKeyId", ""),
        }
    return shown


def _failure_text(error: Exception, folder: Path) -> str:
    if isinstance(error, S3Error):
        return f"Could not find model data: {error}"
    if isinstance(error, NotHealthy):
        return f"{error} Please check CloudWatch logs for this endpoint."
    if disk.is_full(error):
        return disk.text(error, folder)
    return str(error) if isinstance(error, InputError) else failure.reason(error)
