"""Endpoints: named groups of serving containers. InService is said after every /ping has answered 200, never before."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.contract import archive, failure
from containers.contract.paths import OptML
from local_runner.backends import Backend, Launch
from local_runner.inputs import InputError, Objects, split_uri
from local_runner.jobs.instance import Instance, NotHealthy
from local_runner.jobs.logs import ENDPOINTS, Logs
from local_runner.jobs.store import Document, NotThere, Store
from local_runner.s3.errors import S3Error

KIND = "endpoint"
SHUTDOWN_GRACE_S = 3.0
log = logging.getLogger(__name__)


class Busy(Exception):
    """The endpoint is being created, updated or deleted."""


@dataclass(frozen=True)
class Fleet:
    """The containers of one deployment and the weight of each one's variant."""

    instances: Sequence[Instance]
    weights: Sequence[float]
    folder: Path

    def pick(self, variant: str | None) -> Instance | None:
        """An instance of the variant, or of any, as often as the weights say; None if there is no such variant."""
        wanted = [
            (instance, weight)
            for instance, weight in zip(self.instances, self.weights, strict=True)
            if variant in (None, instance.variant)
        ]
        if not wanted:
            return None
        instances, weights = zip(*wanted, strict=True)
        return random.choices(instances, weights if any(weights) else None)[0]

    def stop(self, grace_s: float | None = None) -> None:
        """End all containers, at the same time."""
        for instance in self.instances:
            instance.ask_to_stop()
        for instance in self.instances:
            instance.stop() if grace_s is None else instance.stop(grace_s)


class Endpoints:
    """All endpoints. A deployment is `{"Id", "EndpointConfigName", "Variants": [{"VariantName", "Image",
    "ModelDataUrl", "Environment", "InstanceCount", "Weight"}]}`, kept with the endpoint: what serves does not change
    when its model or configuration is deleted."""

    def __init__(self, store: Store, logs: Logs, objects: Objects, backend: Backend, folder: Path) -> None:
        self._store = store
        self._logs = logs
        self._objects = objects
        self._backend = backend
        self._folder = folder
        self._fleets: dict[str, Fleet] = {}
        self._starting: dict[str | None, list[Instance]] = {}  # by deployment id
        self._closing = False

    def create(self, endpoint: Document) -> None:
        """Store the new endpoint, which holds its `Deployment`, and bring it into service. Raises NameTaken."""
        now = time.time()
        pending = endpoint["Deployment"]["Id"]
        endpoint.update(EndpointStatus="Creating", CreationTime=now, LastModifiedTime=now, Pending=pending)
        self._store.insert(KIND, endpoint["EndpointName"], endpoint)
        self._in_background(self._bring_up, endpoint["EndpointName"], endpoint["Deployment"])

    def update(self, name: str, deployment: Document) -> None:
        """Bring up the new deployment beside the old one and change over. Raises NotThere, Busy."""
        self._claim(name, "Updating", ("InService", "Failed"), deployment["Id"])
        self._in_background(self._bring_up, name, deployment)

    def delete(self, name: str) -> None:
        """Stop the containers and forget the endpoint. One that is being created is called off. Raises NotThere, Busy."""
        called_off = self._claim(name, "Deleting", ("InService", "Failed", "Creating"), None)
        self._in_background(self._take_down, name, called_off)

    def pick(self, name: str, variant: str | None = None) -> Instance | None:
        """An instance to invoke, None if the endpoint has no such variant in service."""
        fleet = self._fleets.get(name)
        return fleet.pick(variant) if fleet else None

    def restore(self) -> None:
        """After a restart: bring back what was in service or on its way, finish what was being deleted."""
        for endpoint in self._store.all(KIND):
            name = endpoint["EndpointName"]
            if endpoint["EndpointStatus"] == "Deleting":
                self._take_down(name, None)
            elif endpoint["EndpointStatus"] != "Failed":
                pending = endpoint["Deployment"]["Id"]
                self._store.update(KIND, name, EndpointStatus="Creating", Pending=pending)
                self._in_background(self._bring_up, name, endpoint["Deployment"])

    def close(self) -> None:
        """Stop all containers; the endpoints stay in the store and come back with `restore`."""
        self._closing = True
        fleets = list(self._fleets.values())
        starting = [instance for instances in self._starting.values() for instance in instances]
        for fleet in (*fleets, Fleet(starting, [1.0] * len(starting), self._folder)):
            fleet.stop(SHUTDOWN_GRACE_S)

    # Changes of state

    def _claim(self, name: str, status: str, allowed: Sequence[str], pending: str | None) -> str | None:
        """`pending` is the deployment that may put the endpoint into service next; what another brings up is dropped.

        Returns the one that might before.
        """
        before: list[str | None] = []

        def edit(endpoint: Document) -> None:
            if endpoint["EndpointStatus"] not in allowed:
                raise Busy(f'Cannot update in-progress endpoint "{endpoint["EndpointArn"]}".')
            before.append(endpoint["Pending"])
            endpoint.update(EndpointStatus=status, LastModifiedTime=time.time(), Pending=pending)

        self._store.change(KIND, name, edit)
        return before[0]

    def _bring_up(self, name: str, deployment: Document) -> None:
        try:
            fleet = self._start(name, deployment)
        except Exception as error:
            if not isinstance(error, NotHealthy | InputError | S3Error):
                log.exception("endpoint %s", name)
            self._not_in_service(name, deployment, _text(error))
            return
        finally:
            self._starting.pop(deployment["Id"], None)
        before = self._fleets.get(name)
        superseded = before if self._in_service(name, deployment, fleet) else fleet
        if superseded:
            superseded.stop()
            if not self._closing:
                shutil.rmtree(superseded.folder, ignore_errors=True)

    def _in_service(self, name: str, deployment: Document, fleet: Fleet) -> bool:
        """False if the endpoint was deleted, or the server closed, while the containers started."""
        if self._closing:
            return False

        def edit(endpoint: Document) -> None:
            if endpoint["Pending"] != deployment["Id"]:
                raise Busy(name)
            self._fleets[name] = fleet
            endpoint.update(
                EndpointStatus="InService",
                EndpointConfigName=deployment["EndpointConfigName"],
                Deployment=deployment,
                ProductionVariants=[_variant_summary(variant) for variant in deployment["Variants"]],
                LastModifiedTime=time.time(),
            )
            endpoint.pop("FailureReason", None)

        try:
            self._store.change(KIND, name, edit)
        except (Busy, NotThere):
            return False
        return True

    def _not_in_service(self, name: str, deployment: Document, reason: str) -> None:
        """A failed creation is Failed; a failed update leaves the old deployment in service, with the reason."""
        if self._closing:
            return

        def edit(endpoint: Document) -> None:
            if endpoint["Pending"] == deployment["Id"]:
                status = "InService" if name in self._fleets else "Failed"
                endpoint.update(EndpointStatus=status, FailureReason=reason, LastModifiedTime=time.time())

        with contextlib.suppress(NotThere):  # deleted meanwhile
            self._store.change(KIND, name, edit)

    def _take_down(self, name: str, called_off: str | None) -> None:
        """Stop what serves, and the deployment `called_off` if it is on its way."""
        for instance in self._starting.get(called_off, ()):
            instance.stop()
        if fleet := self._fleets.pop(name, None):
            fleet.stop()
        shutil.rmtree(self._folder / name, ignore_errors=True)
        self._store.delete(KIND, name)

    # Containers

    def _start(self, name: str, deployment: Document) -> Fleet:
        """All containers of a deployment, healthy. Raises NotHealthy, and InputError for a model that cannot be unpacked."""
        folder = self._folder / name / deployment["Id"]
        variants = [variant for variant in deployment["Variants"] for _ in range(variant["InstanceCount"])]
        roots = [self._model_folder(variant, folder / str(number)) for number, variant in enumerate(variants)]
        instances = self._starting[deployment["Id"]] = []
        try:
            for number, (variant, root) in enumerate(zip(variants, roots, strict=True)):
                stream = f"{variant['VariantName']}/instance-{number + 1}"
                instances.append(self._instance(name, variant, root, stream))
            for instance in instances:
                instance.await_healthy()
        except BaseException:
            Fleet(instances, [], folder).stop()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Fleet(instances, [variant["Weight"] for variant in variants], folder)

    def _instance(self, name: str, variant: Document, root: Path, stream: str) -> Instance:
        writer = self._logs.writer(f"{ENDPOINTS}/{name}", stream)
        launch = Launch(image=variant["Image"], root=root, environment=variant["Environment"], contract={}, log=writer)
        return Instance(self._backend, launch, variant["VariantName"], ended=writer.close)

    def _model_folder(self, variant: Document, root: Path) -> Path:
        """An /opt/ml with the model unpacked. One left by a server before is used as it is."""
        folder = OptML(root)
        if folder.model.is_dir():
            return root
        unpacked = root.with_name(f"{root.name}-{uuid.uuid4().hex}")
        OptML(unpacked).model.mkdir(parents=True)
        if uri := variant.get("ModelDataUrl"):
            bucket, key = split_uri(uri)
            archive.unpack(self._objects.get(bucket, key).path, OptML(unpacked).model)
        unpacked.rename(root)
        return root

    def _in_background(self, act: Any, *arguments: Any) -> None:
        threading.Thread(target=act, args=arguments, name=f"endpoint {arguments[0]}", daemon=True).start()


def deployment_id() -> str:
    """A fresh name for a deployment's folder."""
    return uuid.uuid4().hex


def _variant_summary(variant: Document) -> Document:
    """A variant as DescribeEndpoint shows it."""
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [{"SpecifiedImage": variant["Image"], "ResolutionTime": time.time()}],
        "CurrentWeight": variant["Weight"],
        "DesiredWeight": variant["Weight"],
        "CurrentInstanceCount": variant["InstanceCount"],
        "DesiredInstanceCount": variant["InstanceCount"],
    }


def _text(error: Exception) -> str:
    if isinstance(error, S3Error):
        return f"Could not find model data: {error}"
    return str(error) if isinstance(error, NotHealthy | InputError) else failure.reason(error)
