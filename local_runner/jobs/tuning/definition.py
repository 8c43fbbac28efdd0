"""The training job definitions of a tuning job, and the requests of training jobs that follow from them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wildsage.containers.contract.whole_number import whole_number
from wildsage.local_runner.images import uris
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.jobs.tuning import ranges
from wildsage.local_runner.jobs.tuning.ranges import Range, RangeError, Resources, Values

OBJECTIVE = "ObjectiveMetric"
"""Second name of the objective among the metrics of a training job of a tuning job, as on SageMaker."""
OBJECTIVE_HYPERPARAMETER = "_tuning_objective_metric"
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
LARGEST_RESOURCE = 20_000
PASSED_FIELDS = (
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "VpcConfig",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)


class DefinitionError(Exception):
    """A tuning job that cannot be run; the text says why."""


@dataclass(frozen=True)
class TrainingDefinition:
    """One way to train. `training` is the definition of the request; `name` may be empty if it is the only one of the job.

    `edges` are hyperparameters and values that the algorithm must accept if it is to accept all of `ranges`.
    """

    name: str
    training: Mapping[str, Any]
    objective: Mapping[str, str]
    ranges: tuple[Range, ...]
    edges: tuple[tuple[str, str], ...]

    @property
    def maximize(self) -> bool:
        """Whether a larger objective is better."""
        return self.objective["Type"] == "Maximize"

    @property
    def static(self) -> dict[str, str]:
        """Hyperparameters that all jobs share."""
        return {
            **self.training.get("StaticHyperParameters", {}),
            OBJECTIVE_HYPERPARAMETER: self.objective["MetricName"],
        }

    def request(self, tuning_job: Document, number: int, values: Values) -> Document:
        """The CreateTrainingJob request of the job with this number, counted from 1 over all definitions."""
        passed = {field: self.training[field] for field in PASSED_FIELDS if field in self.training}
        return {
            **passed,
            "TrainingJobName": f"{tuning_job['HyperParameterTuningJobName']}-{number:03d}-{uuid.uuid4().hex[:8]}",
            "TuningJobArn": tuning_job["HyperParameterTuningJobArn"],
            "TrainingJobDefinitionName": self.name,
            "TuningObjective": dict(self.objective),
            "TunedHyperParameters": dict(values),
            "HyperParameters": {**self.static, **values},
            "AlgorithmSpecification": self.algorithm(),
            "ResourceConfig": resource_config(self.training),
        }

    def algorithm(self) -> Document:
        """AlgorithmSpecification with all its metrics, among them the objective as `ObjectiveMetric`.

        Raises DefinitionError if nothing defines the objective.
        """
        algorithm = self.training["AlgorithmSpecification"]
        own = algorithm.get("MetricDefinitions", [])
        image = algorithm["TrainingImage"]
        name = self.objective["MetricName"]
        known = {one["Name"]: one["Regex"] for one in metrics.definitions(uris.algorithm(image), own)}
        if not known:
            raise DefinitionError(
                "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions."
            )
        if name not in known:
            raise DefinitionError(
                f"The objective metric for the hyperparameter tuning job, [{name}], isn't valid for the [{image}] algorithm. "
                f"Choose a valid objective metric: {', '.join(known)}."
            )
        objective = {"Name": OBJECTIVE, "Regex": known[name]}
        found = [*({"Name": one, "Regex": regex} for one, regex in known.items()), objective]
        return {**algorithm, "MetricDefinitions": metrics.shown(found, [*own, objective])}


def resource_config(training: Mapping[str, Any]) -> Document:
    """ResourceConfig of the training jobs. Of several InstanceConfigs the first is used, because all jobs run on this machine."""
    given = training.get("ResourceConfig") or training.get("HyperParameterTuningResourceConfig", {})
    fields = {**given, **next(iter(given.get("InstanceConfigs", ())), {})}
    return {name: value for name, value in fields.items() if name not in ("InstanceConfigs", "AllocationStrategy")}


def training_definitions(job: Mapping[str, Any]) -> list[TrainingDefinition]:
    """The definitions of a CreateHyperParameterTuningJob request. Raises DefinitionError."""
    config = job["HyperParameterTuningJobConfig"]
    if ("TrainingJobDefinition" in job) == ("TrainingJobDefinitions" in job):
        raise DefinitionError(
            "Either TrainingJobDefinition or TrainingJobDefinitions is needed: it says what to train."
        )
    given = job.get("TrainingJobDefinitions") or [job["TrainingJobDefinition"]]
    shared = {
        "HyperParameterRanges": config.get("ParameterRanges"),
        "TuningObjective": config.get("HyperParameterTuningJobObjective"),
    }
    return [_definition(one, {**shared, **one}) for one in given]


def described(job: Document, found: Sequence[TrainingDefinition]) -> Document:
    """The request as it is described. SDK v2 reads fields there that it does not send: the objective's name among the static
    hyperparameters, the metrics of the algorithm, and a ResourceConfig in place of HyperParameterTuningResourceConfig."""
    given = [
        {
            **one.training,
            "StaticHyperParameters": one.static,
            "AlgorithmSpecification": one.algorithm(),
            "ResourceConfig": resource_config(one.training),
        }
        for one in found
    ]
    if "TrainingJobDefinition" in job:
        return {**job, "TrainingJobDefinition": given[0]}
    return {**job, "TrainingJobDefinitions": given}


def _definition(given: Mapping[str, Any], completed: Mapping[str, Any]) -> TrainingDefinition:
    name = given.get("DefinitionName", "")
    if completed["TuningObjective"] is None:
        raise DefinitionError(
            f"TrainingDefinition {name or 'of the job'} has no objective: name a metric, to minimize or maximize."
        )
    wanted = completed["HyperParameterRanges"] or {}
    try:
        found = tuple(ranges.read(wanted))
    except RangeError as error:
        raise DefinitionError(str(error)) from None
    if not found:
        raise DefinitionError("No hyperparameter has a range: there is nothing to tune. Give ParameterRanges.")
    static = given.get("StaticHyperParameters", {})
    if both := [one.name for one in found if one.name in static]:
        raise DefinitionError(f"Hyperparameter {both[0]} is static and has a range. Leave one of them out.")
    return TrainingDefinition(name, given, completed["TuningObjective"], found, tuple(ranges.edges(wanted)))


def hyperband_resources(config: Mapping[str, Any], definition: TrainingDefinition) -> Resources | None:
    """Least and most readings of the objective that a job of strategy Hyperband gets; None for other strategies.

    Without MaxResource, the static hyperparameter for epochs gives the most, as on SageMaker. Raises DefinitionError.
    """
    if config["Strategy"] != "Hyperband":
        return None
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    most = given.get("MaxResource") or _epochs(definition.static)
    if most is None:
        raise DefinitionError(
            "Strategy Hyperband needs MaxResource in HyperbandStrategyConfig, "
            f"or one of the static hyperparameters {', '.join(EPOCHS)}."
        )
    least = given.get("MinResource", 1)
    if not least < most <= LARGEST_RESOURCE:
        raise DefinitionError(
            f"Strategy Hyperband: MinResource is {least} and MaxResource {most}, expected MinResource below MaxResource, "
            f"which may be {LARGEST_RESOURCE} at most."
        )
    return Resources(least, most)


def _epochs(static: Mapping[str, str]) -> int | None:
    """The first static hyperparameter for epochs that is a whole number."""
    for name in EPOCHS:
        with suppress(KeyError, ValueError):
            return whole_number(static[name])
    return None
