"""What the pages of endpoints show of an endpoint: its variants, and the numbers of their last invocations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wildsage.local_runner.jobs.hosting.endpoint import DIRECT
from wildsage.local_runner.jobs.hosting.instance import MULTI_MODEL
from wildsage.local_runner.jobs.hosting.invocations import InvocationSummary
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.services import Services

WINDOW_S = 300
"""The time whose invocations are counted."""


@dataclass(frozen=True)
class VariantView:
    """A variant of an endpoint. `share`: the part of the requests that it gets, from 0 to 1. `invocations`: those of `WINDOW_S`."""

    name: str
    share: float
    instances: int
    containers: Sequence[Document]
    invocations: InvocationSummary


def variants(services: Services, endpoint: Document) -> list[VariantView]:
    """The variants of the deployment that serves, or that is being started."""
    found = endpoint["Deployment"]["Variants"]
    total = sum(variant["Weight"] for variant in found)
    times = services.endpoints.invocations
    return [
        VariantView(
            variant["VariantName"],
            variant["Weight"] / total if total else 1 / len(found),
            variant["InstanceCount"],
            variant["Containers"],
            times.summary(endpoint["EndpointName"], variant["VariantName"], WINDOW_S),
        )
        for variant in found
    ]


def takes_target_model(endpoint: Document) -> bool:
    """Whether a request has to name a model, as those of multi-model endpoints do."""
    return any(container["Mode"] == MULTI_MODEL for container in _containers(endpoint))


def direct_containers(endpoint: Document) -> list[str]:
    """Names of the containers of which a request has to name one; none where a request goes through all."""
    if endpoint["Deployment"]["Variants"][0]["ExecutionMode"] != DIRECT:
        return []
    return list(dict.fromkeys(container["Name"] for container in _containers(endpoint)))


def _containers(endpoint: Document) -> list[Document]:
    return [container for variant in endpoint["Deployment"]["Variants"] for container in variant["Containers"]]
