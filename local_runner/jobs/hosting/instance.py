"""One instance that serves a model: its containers, each of which gets the answer of the one before it.

Source: "Host models along with pre-processing logic as serial inference pipeline" in the developer guide.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import urllib3

from wildsage.containers.contract import host_check
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Backend, Launch
from wildsage.local_runner.images import uris
from wildsage.local_runner.inputs import code
from wildsage.local_runner.inputs.channels import Objects
from wildsage.local_runner.jobs.hosting.artifacts import bring_model
from wildsage.local_runner.jobs.hosting.container import (
    HEALTHY_WITHIN_S,
    INVOCATION_TIMEOUT_S,
    STOP_GRACE_S,
    Container,
    NoAnswer,
)
from wildsage.local_runner.jobs.hosting.multi_model import HostedModels
from wildsage.local_runner.jobs.logs import LogWriter
from wildsage.local_runner.jobs.store import Document

__all__ = ["Answer", "Instance", "NoAnswer", "NotHealthy", "TooManyRequests", "start"]

MULTI_MODEL = "MultiModel"


class TooManyRequests(Exception):
    """A serverless variant has as many requests as it takes at a time; the argument is that number."""


class NotHealthy(Exception):
    """A container did not answer /ping with 200 in time; the text begins the failure reason."""


@dataclass(frozen=True)
class StartLimits:
    """Seconds that a variant gives the download of its model, and a container until it is healthy."""

    download_s: float = math.inf
    healthy_s: float = HEALTHY_WITHIN_S

    @classmethod
    def from_variant(cls, variant: Document) -> StartLimits:
        """The limits that the configuration of an endpoint sets, or SageMaker's."""
        return cls(
            variant.get("ModelDataDownloadTimeoutInSeconds", math.inf),
            variant.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTHY_WITHIN_S),
        )


@dataclass(frozen=True)
class Answer:
    """The answer of an instance, and its container: the last one, or the first that rejected the request."""

    container: str
    http: urllib3.BaseHTTPResponse

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.http.status < 300


class Instance:
    """The running containers of one instance of a variant; `models` has the models of multi-model containers.

    `is_direct`: a request is for one container; otherwise it goes through all of them.
    """

    def __init__(
        self, variant: str, containers: Sequence[Container], models: Mapping[str, HostedModels], is_direct: bool
    ) -> None:
        self.variant = variant
        self.containers = containers
        self.is_direct = is_direct
        self._models = models
        self._leases = 0
        self._retired = False
        self._changed = threading.Condition()

    def await_healthy(self) -> None:
        """Return once every /ping has answered 200. Raises NotHealthy."""
        for container in self.containers:
            if not container.is_healthy():
                place = f" for production variant {self.variant}" if self.variant else ""
                why = f" {container.out_of_memory}" if container.out_of_memory else ""
                raise NotHealthy(f"The {container.name} container{place} did not pass the ping health check.{why}")

    @property
    def is_multi_model(self) -> bool:
        """Whether one of its containers loads models on request, so that each request names its model."""
        return bool(self._models)

    def invoke(
        self,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str],
        timeout_s: float = INVOCATION_TIMEOUT_S,
        whole: bool = True,
        target_model: str = "",
        hostname: str = "",
    ) -> Answer:
        """The answer of the last container, or of `hostname` alone; its body is read if `whole`.

        Only the container that answers the caller gets the Accept header. Raises NoAnswer, and what HostedModels raises.
        """
        *inner, last = [container for container in self.containers if hostname in ("", container.name)]
        for container in inner:
            answer = Answer(
                container.name, self._ask(container, body, _inner_headers(headers), timeout_s, True, target_model)
            )
            if not answer.is_success:
                return answer
            body, headers = answer.http.data, _next_headers(headers, answer.http)
        return Answer(last.name, self._ask(last, body, headers, timeout_s, whole, target_model))

    def _ask(
        self,
        container: Container,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str],
        timeout_s: float,
        whole: bool,
        target_model: str,
    ) -> urllib3.BaseHTTPResponse:
        if container.name in self._models:
            return self._models[container.name].invoke(target_model, body, headers, timeout_s, whole)
        return container.request("POST", "/invocations", body, headers, timeout_s, whole)

    # Leases: an instance that is replaced ends after the last request that it took

    def lease(self, most: int | None = None) -> bool:
        """Hold the instance for a request, until `release`. False if the instance is being replaced.

        Raises TooManyRequests if it holds `most` requests already.
        """
        with self._changed:
            if most is not None and self._leases >= most and not self._retired:
                raise TooManyRequests(most)
            self._leases += not self._retired
            return not self._retired

    def release(self) -> None:
        """End a lease that `lease` granted."""
        with self._changed:
            self._leases -= 1
            self._changed.notify_all()

    def retire(self, within_s: float) -> None:
        """Take no more requests. Returns when all requests are answered, or after `within_s` seconds."""
        with self._changed:
            self._retired = True
            self._changed.wait_for(lambda: self._leases == 0, within_s)

    # The end

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and do not start the containers again."""
        for container in self.containers:
            container.ask_to_stop()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Send SIGTERM, and after `grace_s` seconds SIGKILL. Returns when all containers have ended."""
        self.ask_to_stop()
        for container in self.containers:
            container.stop(grace_s)


def _inner_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Headers for a container that does not answer the caller."""
    return {name: value for name, value in headers.items() if name != "Accept"}


def _next_headers(headers: Mapping[str, str], answer: urllib3.BaseHTTPResponse) -> Mapping[str, str]:
    """Headers for the next container, whose body is the answer."""
    kind = answer.headers.get("Content-Type")
    kept = {name: value for name, value in headers.items() if name not in ("Content-Type", "Content-Length")}
    return {**kept, **({"Content-Type": kind} if kind else {})}


def start(
    variant: str,
    containers: Sequence[Document],
    root: Path,
    backend: Backend,
    objects: Objects,
    writer: Callable[[str], LogWriter],
    contract: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
    is_direct: bool = False,
    limits: StartLimits | None = None,
    shares_log: bool = False,
) -> Instance:
    """Start the containers of one instance, each with an /opt/ml of its own below `root`.

    A container is `{"Name", "Image", "ModelDataUrl", "Environment", "Mode"}`, with `NetworkIsolation` if it is to reach
    nothing and `ModelCache` where its models are not kept; `writer` opens the log of the container with that name, which
    is closed when that container has ended, unless it `shares_log` with others: then the caller closes it.
    `contract`: the platform's variables, with AWS_REGION.
    `environment` overrides the containers' own. `limits` are those of the variant. Raises what `bring_model` raises.
    """
    limits = limits or StartLimits()
    roots = [root / container["Name"] for container in containers]
    for container, place in zip(containers, roots, strict=True):
        uri = None if container["Mode"] == MULTI_MODEL else container.get("ModelDataUrl")
        bring_model(uri, OptML(place).model, objects, limits.download_s)
        if backend.isolates and uris.may_run_script(container["Image"]):
            code.bring(container["Environment"].get(code.SUBMIT_DIRECTORY.upper()), [OptML(place)], objects)
    running, models = [], {}
    for container, place in zip(containers, roots, strict=True):
        log = writer(container["Name"])
        if warning := uris.foreign_warning(container["Image"], contract["AWS_REGION"]):
            log(warning)
        launch = Launch(
            image=container["Image"],
            root=place,
            environment={**container["Environment"], **(environment or {})},
            contract={
                **contract,
                host_check.LOCAL: "1",
                **({"SAGEMAKER_MULTI_MODEL": "true"} if container["Mode"] == MULTI_MODEL else {}),
            },
            log=log,
            network_isolation=container.get("NetworkIsolation", False),
        )
        ended = _leave_open if shares_log else log.close
        kept = Container(backend, launch, container["Name"], ended, limits.healthy_s)
        running.append(kept)
        if container["Mode"] == MULTI_MODEL:
            models[container["Name"]] = HostedModels(
                kept, place, container["ModelDataUrl"], objects, container.get("ModelCache") != "Disabled"
            )
    return Instance(variant, running, models, is_direct)


def _leave_open() -> None:
    """A log that other containers write to outlives this one."""
