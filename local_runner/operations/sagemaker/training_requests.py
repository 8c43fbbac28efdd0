"""Checks whether a training job could run as its request says. Tuning jobs check theirs in the same way."""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.inputs.channels import InputError, split_uri
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
    if machines.get("InstanceCount", 1) < 1:
        raise invalid("ResourceConfig.InstanceCount must be 1 or more.")
    quotas.check("training job", machines.get("InstanceType", "any"), machines.get("InstanceCount", 1))
    if request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
        raise invalid("OutputDataConfig.CompressionType NONE is not implemented by Wildsage yet. Leave it out.")
    resources.check_image(context, algorithm.get("TrainingImage"), bool(algorithm.get("ContainerEntrypoint")))
    if request.get("EnableNetworkIsolation"):
        resources.check_isolation(context, machines.get("InstanceCount", 1))
    _check_target(context, "S3OutputPath", request["OutputDataConfig"]["S3OutputPath"])
    if "CheckpointConfig" in request:
        _check_target(context, "CheckpointConfig.S3Uri", request["CheckpointConfig"]["S3Uri"])
    for channel in request.get("InputDataConfig", ()):
        _check_channel(channel)
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", ())]
    if len(set(names)) < len(names):
        raise invalid(f"Channel names must be unique, got {', '.join(names)}.")
    _check_modes(request)
    _check_pipes(request)


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


def _check_pipes(request: dict[str, Any]) -> None:
    """The FIFOs of channel `train` are `train_0`, `train_1` and so on, so that no channel of files may have such a name."""
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    channels = request.get("InputDataConfig", ())
    piped = {c["ChannelName"] for c in channels if (c.get("InputMode") or mode) == "Pipe"}
    for name in {c["ChannelName"] for c in channels} - piped:
        stem, _, number = name.rpartition("_")
        if stem in piped and number.isdecimal():
            raise invalid(f"Channel {name}: its folder has the name of a pipe of channel {stem}. Give it another name.")


def _check_channel(channel: dict[str, Any]) -> None:
    if channel["ChannelName"] in (".", ".."):
        raise invalid(f"Channel name {channel['ChannelName']!r} cannot be the name of a folder.")
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise invalid(f"Channel {channel['ChannelName']}: only S3DataSource is implemented by Wildsage yet.")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile", "AugmentedManifestFile"):
        raise invalid(
            f"Channel {channel['ChannelName']}: S3DataType {source['S3DataType']} is not implemented by Wildsage yet. "
            "Use S3Prefix, ManifestFile or AugmentedManifestFile."
        )
    _check_address(source["S3Uri"])


def _check_modes(request: dict[str, Any]) -> None:
    """Augmented manifests and record wrappers need Pipe mode [contract: formats, section 9]."""
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    for channel in request.get("InputDataConfig", ()):
        source = channel["DataSource"]["S3DataSource"]
        augmented = source["S3DataType"] == "AugmentedManifestFile"
        _check_compression(channel, channel.get("InputMode") or mode)
        name = f"Channel {channel['ChannelName']}"
        if augmented and not source.get("AttributeNames"):
            raise invalid(f"{name}: S3DataType AugmentedManifestFile needs AttributeNames.")
        if (channel.get("InputMode") or mode) != "Pipe":
            if augmented:
                raise invalid(f"{name}: S3DataType AugmentedManifestFile needs input mode Pipe.")
            if channel.get("RecordWrapperType", "None") != "None":
                raise invalid(f"{name}: RecordWrapperType RecordIO needs input mode Pipe.")


def _check_compression(channel: dict[str, Any], mode: str) -> None:
    """Reject what File mode would hand to the algorithm packed, in the service's words."""
    compression = channel.get("CompressionType", "None")
    if mode == "File" and compression != "None":
        raise invalid(
            f"Invalid compression type for channel {channel['ChannelName']}: "
            f"File mode only supports NONE, got {compression} instead"
        )


def _check_target(context: RequestContext, field: str, uri: str) -> None:
    """Reject a bucket that does not exist now, so that the job does not fail after hours of training."""
    bucket = _check_address(uri)
    if not context.services.objects.has_bucket(bucket):
        raise invalid(f"{field} {uri}: the bucket {bucket} does not exist. Create it before the job.")


def _check_address(uri: str) -> str:
    """The bucket of an S3 URI. Raises ValidationException if the URI is invalid."""
    try:
        return split_uri(uri)[0]
    except InputError as error:
        raise invalid(str(error)) from None
