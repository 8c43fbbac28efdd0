"""Rules of CreateModel that AWS's model of the request cannot say.

Sources: CreateModel, ContainerDefinition, S3ModelDataSource (API reference).
"""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.jobs.hosting.endpoint import DIRECT
from wildsage.local_runner.jobs.hosting.instance import MULTI_MODEL
from wildsage.local_runner.operations.rules import Request, Rule, one_of, value_at

MAX_ENVIRONMENT_BYTES = 32 << 10
PUBLISH_EVERY_S = (10, 30, 60, 120, 180, 240, 300)


def containers(request: Request) -> list[Request]:
    """The containers of a request, in order."""
    return request.get("Containers") or [request["PrimaryContainer"]]


def one_way(request: Request) -> Iterator[str]:
    """A model has one container or a pipeline."""
    given = [field for field in ("PrimaryContainer", "Containers") if request.get(field)]
    if len(given) != 1:
        yield f"A model needs either PrimaryContainer or Containers, got {' and '.join(given) or 'neither'}."


def hostnames(request: Request) -> Iterator[str]:
    """All containers of a pipeline have hostnames, or none has."""
    found = containers(request)
    names = [container["ContainerHostname"] for container in found if "ContainerHostname" in container]
    if len(set(names)) < len(names):
        yield f"ContainerHostname must be unique in a model, got {', '.join(names)}."
    if request.get("InferenceExecutionConfig", {}).get("Mode") == DIRECT and len(names) < len(found):
        yield "InferenceExecutionConfig Mode Direct needs a ContainerHostname for every container."
    if 0 < len(names) < len(found):
        yield f"ContainerHostname: got {len(names)} for {len(found)} containers, expected one for every container or none."


def model_data(request: Request) -> Iterator[str]:
    """The model lies in one place; that of a multi-model container is a prefix."""
    for container in containers(request):
        multi_model = container.get("Mode") == MULTI_MODEL
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            yield "ModelDataUrl and ModelDataSource exclude each other. Leave one of them out."
        if multi_model and "ModelDataSource" in container:
            yield "ModelDataSource cannot be used with Mode MultiModel. Give the prefix of the models as ModelDataUrl."
        if not value_at(container, "ModelDataSource.S3DataSource.S3Uri", "/").endswith("/") and _is_prefix(container):
            yield "ModelDataSource.S3DataSource: the S3Uri of an S3Prefix must end with a slash (/)."
        if "MultiModelConfig" in container and not multi_model:
            yield "MultiModelConfig needs Mode MultiModel."


def _is_prefix(container: Request) -> bool:
    return value_at(container, "ModelDataSource.S3DataSource.S3DataType") == "S3Prefix"


def environment(request: Request) -> Iterator[str]:
    """The variables of all containers together have a limit."""
    pairs = [pair for container in containers(request) for pair in container.get("Environment", {}).items()]
    size = sum(len(text.encode()) for pair in pairs for text in pair)
    if size > MAX_ENVIRONMENT_BYTES:
        yield f"Environment: got {size} bytes in all containers, expected at most {MAX_ENVIRONMENT_BYTES}."


def registry_access(request: Request) -> Iterator[str]:
    """Only a private registry asks for credentials."""
    for container in containers(request):
        config = container.get("ImageConfig", {})
        if "RepositoryAuthConfig" in config and config["RepositoryAccessMode"] != "Vpc":
            yield "ImageConfig.RepositoryAuthConfig needs RepositoryAccessMode Vpc."


RULES: tuple[Rule, ...] = (
    one_way,
    hostnames,
    model_data,
    environment,
    registry_access,
    *(
        one_of(f"{field}.ContainerMetricsConfig.MetricsEndpoints.MetricPublishFrequencyInSeconds", PUBLISH_EVERY_S)
        for field in ("PrimaryContainer", "Containers")
    ),
)
