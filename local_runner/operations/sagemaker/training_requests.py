"""Checks whether a training job could run as its request says. Tuning jobs check theirs in the same way."""

from __future__ import annotations

from typing import Any

from wildsage.containers.contract.paths import DEFAULT_ROOT, OptML
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import quotas, resources
from wildsage.local_runner.wire.errors import invalid


def check(context: RequestContext, request: dict[str, Any]) -> None:
    """Reject a request that could not run as it says. Missing data is not rejected here: the job fails because of it.

    Raises ValidationException, ResourceLimitExceeded.
    """
    algorithm = request.get("AlgorithmSpecification", {})
    _check_command(context, algorithm)
    machines = request.get("ResourceConfig", {})
    quotas.check("training job", machines.get("InstanceType", "any"), machines.get("InstanceCount", 1))
    if request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
        raise invalid("OutputDataConfig.CompressionType NONE is not implemented by Wildsage yet. Leave it out.")
    resources.check_image(context, algorithm.get("TrainingImage"), bool(algorithm.get("ContainerEntrypoint")))
    if request.get("EnableNetworkIsolation"):
        resources.check_isolation(context, machines.get("InstanceCount", 1))
    resources.check_target(context, "S3OutputPath", request["OutputDataConfig"]["S3OutputPath"])
    if "CheckpointConfig" in request:
        resources.check_target(context, "CheckpointConfig.S3Uri", request["CheckpointConfig"]["S3Uri"])
    if "TensorBoardOutputConfig" in request:
        _check_tensorboard(context, request["TensorBoardOutputConfig"])
    for channel in request.get("InputDataConfig", ()):
        _check_channel(channel)


def _check_command(context: RequestContext, algorithm: dict[str, Any]) -> None:
    """Only images have an entrypoint that can get other arguments."""
    if (
        algorithm.get("ContainerArguments")
        and not algorithm.get("ContainerEntrypoint")
        and not context.services.backend.isolates
    ):
        raise invalid(
            "ContainerArguments without ContainerEntrypoint needs the entrypoint of an image, and so the Docker backend. "
            "Give a ContainerEntrypoint, or start the server with `wildsage up --backend docker`."
        )


def _check_tensorboard(context: RequestContext, config: dict[str, Any]) -> None:
    """Only a container with a file system of its own can have the folder anywhere."""
    resources.check_target(context, "TensorBoardOutputConfig.S3OutputPath", config["S3OutputPath"])
    path = config.get("LocalPath", DEFAULT_ROOT)
    try:
        OptML().inside(path)
    except ValueError:
        if not context.services.backend.isolates:
            raise invalid(
                f"TensorBoardOutputConfig.LocalPath: got {path}, expected a path below {DEFAULT_ROOT}. Elsewhere needs the Docker "
                "backend: `wildsage up --backend docker`."
            ) from None


def _check_channel(channel: dict[str, Any]) -> None:
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise invalid(f"Channel {channel['ChannelName']}: only S3DataSource is implemented by Wildsage yet.")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile", "AugmentedManifestFile"):
        raise invalid(
            f"Channel {channel['ChannelName']}: S3DataType {source['S3DataType']} is not implemented by Wildsage yet. "
            "Use S3Prefix, ManifestFile or AugmentedManifestFile."
        )
    resources.bucket_of(source["S3Uri"])
