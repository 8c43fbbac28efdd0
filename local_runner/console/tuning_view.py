"""The training jobs of a tuning job, as its page draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.jobs.tuning import results


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning job. `objective`: None while it runs, or where it failed."""

    number: int
    name: str
    status: str
    objective: float | None
    hyperparameters: Mapping[str, str]


@dataclass(frozen=True)
class Tuning:
    """A tuning job. `metric` is its objective, `best` the number of the best training job so far, None without any."""

    metric: str
    goal: str
    tuned: Sequence[str]
    trials: Sequence[Trial]
    best: int | None

    @property
    def best_trial(self) -> Trial | None:
        """The best training job so far."""
        return None if self.best is None else self.trials[self.best - 1]

    def for_charts(self) -> dict[str, Any]:
        """The same as values of JSON."""
        trials = [
            {"number": one.number, "name": one.name, "objective": one.objective, "tuned": dict(one.hyperparameters)}
            for one in self.trials
        ]
        return {"metric": self.metric, "goal": self.goal, "tuned": self.tuned, "trials": trials, "best": self.best}


def of_tuning_job(store: Store, job: Document) -> Tuning:
    """The training jobs so far, first to last."""
    jobs = results.trained(store, job)
    ranked = results.ranked(jobs)
    trials = [
        Trial(
            number=number,
            name=one["TrainingJobName"],
            status=one["TrainingJobStatus"],
            objective=results.objective(one),
            hyperparameters=one.get("TunedHyperParameters", {}),
        )
        for number, one in enumerate(jobs, 1)
    ]
    wanted: Document = next((one["TuningObjective"] for one in jobs if "TuningObjective" in one), {})
    return Tuning(
        metric=wanted.get("MetricName", "objective"),
        goal=wanted.get("Type", ""),
        tuned=list(dict.fromkeys(name for one in trials for name in one.hyperparameters)),
        trials=trials,
        best=jobs.index(ranked[0]) + 1 if ranked else None,
    )
