"""Rules of CreateHyperParameterTuningJob that AWS's model of the request cannot say.

Sources: HyperParameterTuningJobConfig, ResourceLimits, HyperParameterTrainingJobDefinition, HyperParameterTuningResourceConfig,
HyperParameterTuningJobWarmStartConfig (API reference).
"""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.operations.rules import Request, Rule, unique, value_at
from wildsage.local_runner.operations.sagemaker.machine_rules import has_local_storage

MAX_ENVIRONMENT = 48
MAX_RANGES = 30
SINGLE_MACHINE_FIELDS = ("InstanceType", "InstanceCount", "VolumeSizeInGB")


def strategy(request: Request) -> Iterator[str]:
    """Hyperband stops jobs by itself and alone has a StrategyConfig."""
    config = request["HyperParameterTuningJobConfig"]
    if config["Strategy"] == "Hyperband" and config.get("TrainingJobEarlyStoppingType") == "Auto":
        yield "Strategy Hyperband stops jobs early by itself. Set TrainingJobEarlyStoppingType to Off."
    if "StrategyConfig" in config and config["Strategy"] != "Hyperband":
        yield f"StrategyConfig is for strategy Hyperband, got {config['Strategy']}. Leave it out."
    if config["Strategy"] == "Grid" and "WarmStartConfig" in request:
        yield "Strategy Grid tries every combination: there is nothing to start warm. Leave WarmStartConfig out."


def limits(request: Request) -> Iterator[str]:
    """No more jobs run at a time than run in total."""
    found = request["HyperParameterTuningJobConfig"]["ResourceLimits"]
    most, at_a_time = found.get("MaxNumberOfTrainingJobs"), found["MaxParallelTrainingJobs"]
    if most is not None and most < at_a_time:
        yield f"MaxParallelTrainingJobs is {at_a_time}, more than MaxNumberOfTrainingJobs, which is {most}."


def definitions(request: Request) -> Iterator[str]:
    """One definition alone, or several with names."""
    if ("TrainingJobDefinition" in request) == ("TrainingJobDefinitions" in request):
        yield "Either TrainingJobDefinition or TrainingJobDefinitions is needed: it says what to train."
    found = request.get("TrainingJobDefinitions", ())
    names = [one.get("DefinitionName") for one in found]
    if len(names) > 1 and (not all(names) or len(set(names)) < len(names)):
        yield "Each of several TrainingJobDefinitions needs a DefinitionName of its own."


def resources(request: Request) -> Iterator[str]:
    """Machines are given in one of three ways."""
    for definition in _definitions(request):
        tuned, plain = definition.get("HyperParameterTuningResourceConfig"), definition.get("ResourceConfig")
        if (tuned is None) == (plain is None):
            yield "A definition needs either ResourceConfig or HyperParameterTuningResourceConfig."
        both = [field for field in SINGLE_MACHINE_FIELDS if field in (tuned or {})]
        if both and "InstanceConfigs" in (tuned or {}):
            yield f"HyperParameterTuningResourceConfig: InstanceConfigs and {both[0]} exclude each other."
        types = [
            one["InstanceType"] for one in (tuned or {}).get("InstanceConfigs", (tuned or {},)) if "InstanceType" in one
        ]
        if (tuned or {}).get("VolumeKmsKeyId") and any(map(has_local_storage, types)):
            yield "You can't request a VolumeKmsKeyId when using an instance type with local storage."


def sums(request: Request) -> Iterator[str]:
    """Some maxima hold for all members together."""
    found = _definitions(request)
    variables = sum(len(definition.get("Environment", ())) for definition in found)
    if variables > MAX_ENVIRONMENT:
        yield f"Environment: got {variables} variables in all definitions, expected at most {MAX_ENVIRONMENT}."
    shared = value_at(request, "HyperParameterTuningJobConfig.ParameterRanges", {})
    for ranges in (shared, *(definition.get("HyperParameterRanges", {}) for definition in found)):
        count = sum(map(len, ranges.values()))
        if count > MAX_RANGES:
            yield f"Hyperparameter ranges: got {count} of all kinds together, expected at most {MAX_RANGES}."


def _definitions(request: Request) -> list[Request]:
    return request.get("TrainingJobDefinitions") or [request.get("TrainingJobDefinition", {})]


RULES: tuple[Rule, ...] = (
    strategy,
    definitions,
    limits,
    resources,
    sums,
    unique("WarmStartConfig.ParentHyperParameterTuningJobs.HyperParameterTuningJobName"),
)
