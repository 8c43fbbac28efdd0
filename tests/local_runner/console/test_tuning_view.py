"""The training jobs of a tuning job: numbered from one, with the best of those that reached an objective."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.local_runner.console.tuning_view import Trial, of_tuning_job
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.states import KIND
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE

TUNING = {"HyperParameterTuningJobArn": "arn:tuning", "CreationTime": 0.0}


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "state")) as found:
        yield found


def add(store: Store, number: int, value: float | None, status: str = "Completed", **tuned: str) -> None:
    metrics = [] if value is None else [{"MetricName": OBJECTIVE, "Value": value}]
    job = {
        "TrainingJobName": f"t{number}",
        "TrainingJobStatus": status,
        "TuningJobArn": "arn:tuning",
        "CreationTime": float(number),
        "FinalMetricDataList": metrics,
        "TuningObjective": {"Type": "Minimize", "MetricName": "loss"},
        "TunedHyperParameters": tuned,
    }
    store.insert(KIND.name, f"t{number}", job)


def test_jobs_are_numbered_and_the_best_is_found(store):
    add(store, 1, 3.0, k="1")
    add(store, 2, 1.0, k="2", rate="0.1")
    add(store, 3, None, "Failed")
    found = of_tuning_job(store, TUNING)
    assert (found.metric, found.goal, found.tuned, found.best) == ("loss", "Minimize", ["k", "rate"], 2)
    assert found.trials[0] == Trial(1, "t1", "Completed", 3.0, {"k": "1"})
    assert found.best_trial == found.trials[1]
    charts = found.for_charts()
    assert charts["trials"][2] == {"number": 3, "name": "t3", "objective": None, "tuned": {}}
    assert {**charts, "trials": []} == {
        "metric": "loss",
        "goal": "Minimize",
        "tuned": ["k", "rate"],
        "trials": [],
        "best": 2,
    }


def test_without_jobs_there_is_no_best(store):
    found = of_tuning_job(store, TUNING)
    assert (found.metric, found.goal, found.tuned, found.trials, found.best) == ("objective", "", [], [], None)
    assert found.best_trial is None
