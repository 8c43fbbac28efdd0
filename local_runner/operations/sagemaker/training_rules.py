"""Rules of CreateTrainingJob that AWS's model of the request cannot say. Tuning jobs keep them in each definition.

Sources: CreateTrainingJob, ResourceConfig, StoppingCondition, Channel, S3DataSource (API reference); "Train Using SageMaker
Managed Warm Pools" (developer guide); container contract section 9 of formats.
"""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.operations.rules import Request, Rule, at_most, unique, value_at
from wildsage.local_runner.operations.sagemaker.machine_rules import machines, no_key_with_local_storage

MAX_RUNTIME_S = 28 * 86_400


def spot(request: Request) -> Iterator[str]:
    """A spot job says how long it waits for machines and runs, together."""
    limits = request.get("StoppingCondition", {})
    wait_s = limits.get("MaxWaitTimeInSeconds")
    missing = wait_s is None and request.get("EnableManagedSpotTraining")
    if missing or (wait_s is not None and wait_s < limits.get("MaxRuntimeInSeconds", wait_s)):
        yield "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"


def warm_pool(request: Request) -> Iterator[str]:
    """Spot machines are not kept."""
    if request.get("EnableManagedSpotTraining") and value_at(request, "ResourceConfig.KeepAlivePeriodInSeconds"):
        yield "ResourceConfig.KeepAlivePeriodInSeconds: warm pools are not available with EnableManagedSpotTraining."


def channel_names(request: Request) -> Iterator[str]:
    """Each channel has a folder of its own."""
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", ())]
    for name in names:
        if name in (".", ".."):
            yield f"Channel name {name!r} cannot be the name of a folder."
    if len(set(names)) < len(names):
        yield f"Channel names must be unique, got {', '.join(names)}."


def compression(request: Request) -> Iterator[str]:
    """Only Pipe mode unpacks. File mode would hand the algorithm packed files."""
    for channel in request.get("InputDataConfig", ()):
        mode, found = _mode(request, channel), channel.get("CompressionType", "None")
        if mode != "Pipe" and found != "None":
            yield (
                f"Invalid compression type for channel {channel['ChannelName']}: "
                f"{mode} mode only supports NONE, got {found} instead"
            )


def record_modes(request: Request) -> Iterator[str]:
    """Augmented manifests and record wrappers need Pipe mode."""
    for channel in request.get("InputDataConfig", ()):
        name, source = f"Channel {channel['ChannelName']}", channel["DataSource"].get("S3DataSource", {})
        augmented = source.get("S3DataType") == "AugmentedManifestFile"
        if augmented and not source.get("AttributeNames"):
            yield f"{name}: S3DataType AugmentedManifestFile needs AttributeNames."
        if _mode(request, channel) != "Pipe":
            if augmented:
                yield f"{name}: S3DataType AugmentedManifestFile needs input mode Pipe."
            if channel.get("RecordWrapperType", "None") != "None":
                yield f"{name}: RecordWrapperType RecordIO needs input mode Pipe."


def pipes(request: Request) -> Iterator[str]:
    """The FIFOs of channel `train` are `train_0`, `train_1` and so on, so that no channel of files may have such a name."""
    channels = request.get("InputDataConfig", ())
    piped = {channel["ChannelName"] for channel in channels if _mode(request, channel) == "Pipe"}
    for channel in channels:
        stem, _, number = channel["ChannelName"].rpartition("_")
        if channel["ChannelName"] not in piped and stem in piped and number.isdecimal():
            yield (
                f"Channel {channel['ChannelName']}: its folder has the name of a pipe of channel {stem}. "
                "Give it another name."
            )


def _mode(request: Request, channel: Request) -> str:
    return channel.get("InputMode") or request["AlgorithmSpecification"]["TrainingInputMode"]


RULES: tuple[Rule, ...] = (
    machines,
    no_key_with_local_storage("ResourceConfig.InstanceType", "ResourceConfig.VolumeKmsKeyId"),
    spot,
    warm_pool,
    at_most("StoppingCondition.MaxRuntimeInSeconds", MAX_RUNTIME_S, " (28 days)"),
    channel_names,
    compression,
    record_modes,
    pipes,
    unique("AlgorithmSpecification.MetricDefinitions.Name"),
    unique("DebugHookConfig.CollectionConfigurations.CollectionName"),
    unique("DebugRuleConfigurations.RuleConfigurationName"),
    unique("ProfilerRuleConfigurations.RuleConfigurationName"),
)
