"""Training jobs and trial components side by side: what differs between them, and what they reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wildsage.local_runner.jobs.lineage import COMPONENT, EXPERIMENT, TRIAL
from wildsage.local_runner.jobs.store import Document, ListQuery, NotFound, Store
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB


@dataclass(frozen=True)
class Compared:
    """A training job, or a trial component that may stand for one.

    `job` is the name of the training job, "" without one. `settings` are its hyperparameters and what else may differ.
    `metrics` are the last readings. `trials`: the trials that it belongs to.
    """

    name: str
    job: str
    status: str
    settings: Mapping[str, str]
    metrics: Mapping[str, float]
    trials: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """A line of a table with one cell for each of the compared."""

    name: str
    cells: Sequence[Any]


@dataclass(frozen=True)
class Experiment:
    """An experiment and the names of its trials."""

    name: str
    created: float
    trials: Sequence[str]


def of_job(job: Document) -> Compared:
    """A training job."""
    resources = job["ResourceConfig"]
    settings = {
        "image": job["AlgorithmSpecification"].get("TrainingImage", ""),
        "instances": f"{resources.get('InstanceCount', 1)} × {resources.get('InstanceType', '')}",
        **job.get("HyperParameters", {}),
    }
    metrics = {one["MetricName"]: one["Value"] for one in job.get("FinalMetricDataList", ())}
    return Compared(job["TrainingJobName"], job["TrainingJobName"], job["TrainingJobStatus"], settings, metrics)


def of_component(component: Document) -> Compared:
    """A trial component, with what SDKs or the job noted of it."""
    source = component.get("Source", {}).get("SourceArn", "")
    settings = {name: str(next(iter(value.values()), "")) for name, value in component.get("Parameters", {}).items()}
    metrics = {one["MetricName"]: one["Last"] for one in component.get("Metrics", ()) if "Last" in one}
    return Compared(
        name=component.get("DisplayName") or component["TrialComponentName"],
        job=source.partition(":training-job/")[2],
        status=component.get("Status", {}).get("PrimaryStatus", ""),
        settings=settings,
        metrics=metrics,
        trials=component.get("Trials", ()),
    )


def jobs_named(store: Store, names: Iterable[str]) -> list[Compared]:
    """The training jobs of those names; names without one are left out."""
    found = []
    for name in names:
        try:
            found.append(of_job(store.get(TRAINING_JOB.name, name)))
        except NotFound:
            continue
    return found


def components_of(store: Store, experiment: str) -> list[Compared]:
    """The trial components of an experiment, in the order of their creation."""
    trials = _trials(store, experiment)
    components = store.select(COMPONENT.name, ListQuery(references={"Trials": trials})) if trials else []
    return [of_component(component) for component in components]


def experiments(store: Store) -> list[Experiment]:
    """All experiments, the newest first."""
    return [
        Experiment(one["ExperimentName"], one["CreationTime"], _trials(store, one["ExperimentName"]))
        for one in store.select(EXPERIMENT.name, ListQuery(descending=True))
    ]


def differing(compared: Sequence[Compared]) -> tuple[list[Row], list[Row]]:
    """The settings that differ, and those that all share."""
    rows = _rows([one.settings for one in compared])
    return [row for row in rows if len(set(row.cells)) > 1], [row for row in rows if len(set(row.cells)) == 1]


def metric_rows(compared: Sequence[Compared]) -> list[Row]:
    """The last reading of each metric that any of them has."""
    return _rows([one.metrics for one in compared])


def _rows(columns: Sequence[Mapping[str, Any]]) -> list[Row]:
    names = dict.fromkeys(name for column in columns for name in column)
    return [Row(name, [column.get(name) for column in columns]) for name in names]


def _trials(store: Store, experiment: str) -> list[str]:
    return store.names(TRIAL.name, ListQuery(references={"ExperimentName": [experiment]}))
