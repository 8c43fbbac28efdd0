"""The containers of a model, as a transform job or an endpoint starts them."""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.operations.sagemaker.models import KIND


def containers(context: RequestContext, name: str) -> list[Document]:
    """The containers that the model has now, as `jobs.hosting.instance.start` takes them."""
    model = resources.find(context, KIND, name)
    numbered = [(f"container-{number}", one) for number, one in enumerate(model.get("Containers", ()), start=1)]
    given = [("primary", model["PrimaryContainer"])] if "PrimaryContainer" in model else numbered
    return [
        _described(name, one) | ({"NetworkIsolation": True} if model["EnableNetworkIsolation"] else {})
        for name, one in given
    ]


def execution_mode(context: RequestContext, name: str) -> str:
    """Serial: a request goes through all containers of the model. Direct: it names one."""
    return resources.find(context, KIND, name).get("InferenceExecutionConfig", {}).get("Mode", "Serial")


def _described(name: str, container: dict[str, Any]) -> Document:
    cache = container.get("MultiModelConfig", {}).get("ModelCacheSetting")
    return {
        "Name": container.get("ContainerHostname", name),
        "Image": container["Image"],
        "ModelDataUrl": resources.model_address(container),
        "Environment": container.get("Environment", {}),
        "Mode": container["Mode"],
        **({"ModelCache": cache} if cache else {}),
    }
