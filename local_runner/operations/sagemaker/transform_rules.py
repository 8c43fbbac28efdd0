"""Rules of CreateTransformJob that AWS's model of the request cannot say.

Sources: CreateTransformJob, TransformResources, ContainerDefinition (API reference).
"""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.jobs.hosting.instance import MULTI_MODEL
from wildsage.local_runner.jobs.transform.pipeline import MAX_CONCURRENT_MB
from wildsage.local_runner.operations.rules import Request, Rule
from wildsage.local_runner.operations.sagemaker.machine_rules import no_key_with_local_storage
from wildsage.local_runner.operations.sagemaker.model_rules import containers


def payload(request: Request) -> Iterator[str]:
    """What all concurrent requests hold together has a limit."""
    payload_mb, concurrency = request.get("MaxPayloadInMB", 6), request.get("MaxConcurrentTransforms", 1)
    if payload_mb > MAX_CONCURRENT_MB:
        yield f"MaxPayloadInMB: got {payload_mb}, expected at most {MAX_CONCURRENT_MB}."
    if payload_mb * concurrency > MAX_CONCURRENT_MB:
        yield (
            f"MaxConcurrentTransforms * MaxPayloadInMB: got {concurrency} * {payload_mb} MB, expected at most "
            f"{MAX_CONCURRENT_MB} MB."
        )


def batches(request: Request) -> Iterator[str]:
    """Only records can be put together in a request."""
    if request.get("BatchStrategy") == "MultiRecord" and request["TransformInput"].get("SplitType", "None") == "None":
        yield "BatchStrategy MultiRecord needs a TransformInput.SplitType of Line, RecordIO or TFRecord, got None."


def one_archive(model: Request) -> Iterator[str]:
    """Batch transform takes models of one archive each."""
    for container in containers(model):
        if container.get("Mode") == MULTI_MODEL:
            yield f"Model {model['ModelName']} has a multi-model container, which batch transform does not support."
        if "ModelDataSource" in container:
            yield (
                f"Model {model['ModelName']} has a ModelDataSource, which batch transform does not support. "
                "Give its archive as ModelDataUrl."
            )


MODEL_RULES: tuple[Rule, ...] = (one_archive,)
RULES: tuple[Rule, ...] = (
    payload,
    batches,
    no_key_with_local_storage("TransformResources.InstanceType", "TransformResources.VolumeKmsKeyId"),
)
