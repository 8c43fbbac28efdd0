"""Jobs and trial components side by side: what they have, what differs, and what all share."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.local_runner.console import comparison
from wildsage.local_runner.jobs.lineage import COMPONENT, EXPERIMENT, TRIAL
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.states import KIND

JOB = {
    "TrainingJobName": "j",
    "TrainingJobStatus": "Completed",
    "ResourceConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large"},
    "AlgorithmSpecification": {"TrainingImage": "i"},
    "HyperParameters": {"k": "3"},
    "FinalMetricDataList": [{"MetricName": "loss", "Value": 0.5}],
    "CreationTime": 1.0,
}


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "state")) as found:
        yield found


def test_a_job_has_its_image_machines_hyperparameters_and_metrics():
    settings = {"image": "i", "instances": "2 × ml.m5.large", "k": "3"}
    assert comparison.of_job(JOB) == comparison.Compared("j", "j", "Completed", settings, {"loss": 0.5})
    bare = {"TrainingJobName": "j", "TrainingJobStatus": "Failed", "ResourceConfig": {}, "AlgorithmSpecification": {}}
    assert comparison.of_job(bare).settings == {"image": "", "instances": "1 × "}


def test_a_component_stands_for_its_job():
    component = {
        "TrialComponentName": "c",
        "DisplayName": "Training",
        "Source": {"SourceArn": "arn:aws:sagemaker:us-east-1:0:training-job/j"},
        "Status": {"PrimaryStatus": "Completed"},
        "Parameters": {"k": {"NumberValue": 3.0}, "init": {"StringValue": "random"}, "empty": {}},
        "Metrics": [{"MetricName": "loss", "Last": 0.5}, {"MetricName": "never"}],
        "Trials": ["t"],
    }
    settings = {"k": "3.0", "init": "random", "empty": ""}
    wanted = comparison.Compared("Training", "j", "Completed", settings, {"loss": 0.5}, ["t"])
    assert comparison.of_component(component) == wanted
    assert comparison.of_component({"TrialComponentName": "c"}) == comparison.Compared("c", "", "", {}, {})


def test_jobs_that_do_not_exist_are_left_out(store):
    store.insert(KIND.name, "j", JOB)
    assert [one.name for one in comparison.jobs_named(store, ["absent", "j", "gone"])] == ["j"]


def test_experiments_are_the_newest_first_with_their_components(store):
    for number, name in enumerate(("old", "new")):
        store.insert(EXPERIMENT.name, name, {"ExperimentName": name, "CreationTime": float(number)})
    store.insert(TRIAL.name, "t", {"TrialName": "t", "ExperimentName": "old", "CreationTime": 1.0})
    for number, name in enumerate(("c", "b")):
        component = {"TrialComponentName": name, "Trials": ["t"], "CreationTime": float(number)}
        store.insert(COMPONENT.name, name, component)
    store.insert(COMPONENT.name, "other", {"TrialComponentName": "other", "Trials": [], "CreationTime": 1.0})
    assert comparison.experiments(store) == [
        comparison.Experiment("new", 1.0, []),
        comparison.Experiment("old", 0.0, ["t"]),
    ]
    assert [one.name for one in comparison.components_of(store, "old")] == ["c", "b"]
    assert comparison.components_of(store, "new") == []


def test_settings_differ_or_are_shared():
    def compared(**settings: str) -> comparison.Compared:
        return comparison.Compared("", "", "", settings, {"loss": float(settings["k"])} if "k" in settings else {})

    both = [compared(a="1", k="2"), compared(a="1", k="3", only="x")]
    differing, shared = comparison.differing(both)
    row = comparison.Row
    assert differing == [row("k", ["2", "3"]), row("only", [None, "x"])]
    assert shared == [row("a", ["1", "1"])]
    assert comparison.metric_rows([*both, compared()]) == [row("loss", [2.0, 3.0, None])]
    assert comparison.differing([]) == ([], [])
