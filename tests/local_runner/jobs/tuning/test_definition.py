"""Definitions of a tuning job, and the requests of training jobs that follow from them."""

from __future__ import annotations

import pytest

from tests.local_runner.jobs.tuning.requests import ARN, LETTERS, OWN_IMAGE, training_definition, tuning_job
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.tuning.definition import (
    DefinitionError,
    described,
    hyperband_resources,
    resource_config,
    training_definitions,
)
from wildsage.local_runner.jobs.tuning.ranges import Choice, Resources

KMEANS = {"TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", "TrainingInputMode": "File"}


def only(job):
    (found,) = training_definitions(job)
    return found


def rejected(job) -> str:
    with pytest.raises(DefinitionError) as caught:
        training_definitions(job)
    return str(caught.value)


def test_a_definition_shares_the_ranges_and_the_objective_of_the_job_unless_it_has_its_own():
    own = training_definition(
        DefinitionName="own",
        HyperParameterRanges={"CategoricalParameterRanges": [{"Name": "x", "Values": ["1"]}]},
        TuningObjective={"Type": "Maximize", "MetricName": "loss"},
    )
    job = tuning_job()
    job["TrainingJobDefinitions"] = [own, {**job.pop("TrainingJobDefinition"), "DefinitionName": "shared"}]
    first, second = training_definitions(job)
    assert (first.name, first.ranges, first.edges, first.maximize) == (
        "own",
        (Choice("x", ("1",)),),
        (("x", "1"),),
        True,
    )
    assert (second.name, second.ranges, second.maximize) == ("shared", (Choice("letter", ("a", "b", "c")),), False)
    assert second.edges == (("letter", "a"), ("letter", "b"), ("letter", "c"))


def test_a_job_has_one_definition_or_a_list_of_them():
    job = tuning_job()
    assert only(job).name == ""
    message = "Either TrainingJobDefinition or TrainingJobDefinitions is needed"
    assert rejected({**job, "TrainingJobDefinitions": [job["TrainingJobDefinition"]]}).startswith(message)
    del job["TrainingJobDefinition"]
    assert rejected(job).startswith(message)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (tuning_job(HyperParameterTuningJobObjective=None), "TrainingDefinition of the job has no objective"),
        (
            tuning_job(training_definition(DefinitionName="one"), HyperParameterTuningJobObjective=None),
            "TrainingDefinition one has no objective",
        ),
        (tuning_job(ParameterRanges=None), "No hyperparameter has a range: there is nothing to tune."),
        (tuning_job(ParameterRanges={}), "No hyperparameter has a range: there is nothing to tune."),
        (
            tuning_job(training_definition(StaticHyperParameters={"letter": "a"})),
            "Hyperparameter letter is static and has a range. Leave one of them out.",
        ),
        (
            tuning_job(ParameterRanges={"IntegerParameterRanges": [{"Name": "k", "MinValue": "2", "MaxValue": "1"}]}),
            "Hyperparameter k: the range from 2 to 1 is empty.",
        ),
    ],
)
def test_a_definition_that_cannot_be_tuned_says_why(job, said):
    assert rejected(job).startswith(said)


def test_a_request_has_the_fields_of_the_definition_and_the_values_that_are_tried():
    training = training_definition(
        DefinitionName="one",
        StaticHyperParameters={"k": "3"},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        HyperParameterRanges=LETTERS,
    )
    job = tuning_job(training)
    request = only(job).request(job, 7, {"letter": "b"})
    assert (
        request["TrainingJobName"].startswith("search-007-")
        and len(request["TrainingJobName"]) == len("search-007-") + 8
    )
    assert request["TrainingJobName"] != only(job).request(job, 7, {"letter": "b"})["TrainingJobName"]
    assert (request["TuningJobArn"], request["TrainingJobDefinitionName"]) == (ARN, "one")
    assert request["TunedHyperParameters"] == {"letter": "b"}
    assert request["HyperParameters"] == {"k": "3", "_tuning_objective_metric": "loss", "letter": "b"}
    assert request["TuningObjective"] == {"Type": "Minimize", "MetricName": "loss"}
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 60} and "HyperParameterRanges" not in request
    assert request["ResourceConfig"] == {"InstanceType": "ml.m5.large", "InstanceCount": 2}


def test_the_objective_has_a_second_name_among_the_metrics():
    found = only(tuning_job()).algorithm()
    regex = r"loss=(\S+)"
    assert found["MetricDefinitions"] == [{"Name": "loss", "Regex": regex}, {"Name": "ObjectiveMetric", "Regex": regex}]
    assert found["TrainingImage"] == "me/own:1"


def test_the_metrics_of_an_algorithm_need_no_definition():
    objective = {"Type": "Minimize", "MetricName": "test:msd"}
    found = only(
        tuning_job(training_definition(AlgorithmSpecification=KMEANS), HyperParameterTuningJobObjective=objective)
    )
    by_name = {one["Name"]: one["Regex"] for one in found.algorithm()["MetricDefinitions"]}
    assert by_name["ObjectiveMetric"] == by_name["test:msd"] and len(by_name) <= metrics.MOST_SHOWN


@pytest.mark.parametrize(
    ("algorithm", "said"),
    [
        ({**OWN_IMAGE, "MetricDefinitions": []}, "A metric is required for this hyperparameter tuning job objective."),
        (
            {**OWN_IMAGE, "MetricDefinitions": [{"Name": "a", "Regex": "a"}, {"Name": "b", "Regex": "b"}]},
            "The objective metric for the hyperparameter tuning job, [loss], isn't valid for the [me/own:1] algorithm. "
            "Choose a valid objective metric: a, b.",
        ),
    ],
)
def test_an_objective_that_nothing_defines_is_rejected(algorithm, said):
    with pytest.raises(DefinitionError) as caught:
        only(tuning_job(training_definition(AlgorithmSpecification=algorithm))).algorithm()
    assert str(caught.value).startswith(said)


def test_of_several_kinds_of_instances_the_first_is_used():
    several = {
        "InstanceConfigs": [{"InstanceType": "ml.c5.large", "InstanceCount": 1}, {"InstanceType": "ml.p3.2xlarge"}],
        "AllocationStrategy": "Prioritized",
        "VolumeSizeInGB": 5,
    }
    expected = {"InstanceType": "ml.c5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    assert resource_config({"HyperParameterTuningResourceConfig": several}) == expected
    assert resource_config({"ResourceConfig": {"InstanceCount": 3}}) == {"InstanceCount": 3}
    assert resource_config({}) == {}


def test_a_description_has_what_the_sdk_reads_there():
    job = tuning_job(training_definition(StaticHyperParameters={"k": "3"}))
    shown = described(job, training_definitions(job))["TrainingJobDefinition"]
    assert shown["StaticHyperParameters"] == {"k": "3", "_tuning_objective_metric": "loss"}
    assert len(shown["AlgorithmSpecification"]["MetricDefinitions"]) == 2
    assert shown["ResourceConfig"] == {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    training = job.pop("TrainingJobDefinition")
    job["TrainingJobDefinitions"] = [{**training, "DefinitionName": name} for name in ("one", "two")]
    shown = described(job, training_definitions(job))
    assert [one["DefinitionName"] for one in shown["TrainingJobDefinitions"]] == ["one", "two"]
    assert "TrainingJobDefinition" not in shown


def resources(static: dict[str, str] | None = None, strategy: str = "Hyperband", **limits: int) -> Resources | None:
    job = tuning_job(training_definition(StaticHyperParameters=static or {}))
    config = (
        {"Strategy": strategy, "StrategyConfig": {"HyperbandStrategyConfig": limits}}
        if limits
        else {"Strategy": strategy}
    )
    return hyperband_resources(config, only(job))


def test_hyperband_gives_a_job_from_one_reading_to_as_many_as_epochs():
    assert resources({"epochs": "9"}) == Resources(1, 9)
    assert resources({"num_epochs": "7", "numepochs": "many"}) == Resources(1, 7)
    assert resources({"epochs": "9"}, MaxResource=5, MinResource=2) == Resources(2, 5)
    assert resources({"epochs": "9"}, MinResource=8) == Resources(8, 9)
    assert resources({"epochs": "20000"}) == Resources(1, 20_000)
    for strategy in ("Bayesian", "Random", "Grid"):
        assert resources({"epochs": "9"}, strategy) is None


@pytest.mark.parametrize(
    ("static", "limits", "said"),
    [
        ({}, {}, "Strategy Hyperband needs MaxResource in HyperbandStrategyConfig, or one of the static"),
        ({"epochs": "nine"}, {"MinResource": 1}, "Strategy Hyperband needs MaxResource in HyperbandStrategyConfig"),
        ({}, {"MaxResource": 4, "MinResource": 4}, "MinResource is 4 and MaxResource 4, expected MinResource below"),
        ({"epochs": "1"}, {}, "MinResource is 1 and MaxResource 1, expected MinResource below"),
        ({}, {"MaxResource": 20_001}, "MinResource is 1 and MaxResource 20001, expected MinResource below"),
    ],
)
def test_hyperband_without_room_between_least_and_most_is_rejected(static, limits, said):
    with pytest.raises(DefinitionError) as caught:
        resources(static, **limits)
    assert said in str(caught.value)
