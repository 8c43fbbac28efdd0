"""Tuning jobs as boto3 sees them; the stand-in prints a loss whose least value lies at x = 3."""

import re

import pytest
from botocore.exceptions import ClientError

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
OBJECTIVE = {"Type": "Minimize", "MetricName": "test:msd"}
X = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "10"}]}
SIX_X = {
    "CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3"]}, {"Name": "name", "Values": ["a", "b"]}]
}
WRONG = {"IntegerParameterRanges": [{"Name": "wrong", "MinValue": "0", "MaxValue": "9"}]}
ENDED = ("Completed", "Failed", "Stopped")


def definition(**fields) -> dict:
    static = fields.pop("static", {})
    return {
        "StaticHyperParameters": static,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/tuned"},
        "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **fields,
    }


def request(jobs: int | None = 4, parallel: int = 2, ranges=X, strategy="Bayesian", **config) -> dict:
    """A HyperParameterTuningJobConfig."""
    limits = {"MaxParallelTrainingJobs": parallel, **({"MaxNumberOfTrainingJobs": jobs} if jobs else {})}
    return {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": OBJECTIVE,
        "ResourceLimits": limits | config.pop("limits", {}),
        "ParameterRanges": ranges,
        **config,
    }


@pytest.fixture
def tune(aws):
    """Start a tuning job and return its name."""
    return lambda config, training=None, **fields: start(aws, config, training or definition(), **fields)


def start(aws, config, training, **fields) -> str:
    aws.s3.create_bucket(Bucket="bucket")
    name = fields.pop("name", None) or aws.name("tuning")
    one = {} if "TrainingJobDefinitions" in fields else {"TrainingJobDefinition": training}
    aws.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, HyperParameterTuningJobConfig=config, **one, **fields
    )
    return name


def describe(aws, name) -> dict:
    return aws.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def finished(aws, name) -> dict:
    return aws.until(
        lambda: describe(aws, name), lambda found: found["HyperParameterTuningJobStatus"] in ENDED, timeout_s=240
    )


def trained(aws, name, **fields) -> list[dict]:
    call = aws.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
    return call(HyperParameterTuningJobName=name, MaxResults=100, **fields)["TrainingJobSummaries"]


def tuned(aws, name) -> list[dict]:
    return [job["TunedHyperParameters"] for job in trained(aws, name)]


def objectives(jobs) -> list[float]:
    return [job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for job in jobs]


def test_a_bayesian_search_from_request_to_best_job(aws, tune):
    tags = [{"Key": "team", "Value": "blue"}]
    name = tune(request(jobs=5), definition(static={"passes": "2"}), Tags=tags)
    found = finished(aws, name)

    assert found["HyperParameterTuningJobStatus"] == "Completed"
    counted = {"Completed": 5, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0}
    assert found["TrainingJobStatusCounters"] == counted
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 5, "Pending": 0, "Failed": 0}
    assert found["CreationTime"] < found["HyperParameterTuningEndTime"] == found["LastModifiedTime"]
    jobs = trained(aws, name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
    assert objectives(jobs) == sorted(objectives(jobs))
    best = found["BestTrainingJob"]
    assert best == jobs[0]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(
        (float(best["TunedHyperParameters"]["x"]) - 3) ** 2 + 0.5
    )
    assert re.fullmatch(rf"{name}-00[1-5]-[0-9a-f]{{8}}", best["TrainingJobName"])

    job = aws.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    tuned_for = {"passes": "2", "_tuning_objective_metric": "test:msd", **best["TunedHyperParameters"]}
    assert (job["HyperParameters"], job["TuningJobArn"]) == (tuned_for, found["HyperParameterTuningJobArn"])
    assert {"test:msd", "ObjectiveMetric"} <= {metric["MetricName"] for metric in job["FinalMetricDataList"]}
    assert aws.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == tags


def test_a_seed_repeats_a_random_search(aws, tune):
    config = request(jobs=3, parallel=1, strategy="Random", RandomSeed=7)
    names = [tune(config), tune(config)]
    for name in names:
        finished(aws, name)
    assert tuned(aws, names[0]) == tuned(aws, names[1])


def test_a_grid_tries_every_combination_once(aws, tune):
    name = tune(request(jobs=None, parallel=3, ranges=SIX_X, strategy="Grid"))
    found = finished(aws, name)
    assert found["TrainingJobStatusCounters"]["Completed"] == 6
    tried = [(values["x"], values["name"]) for values in tuned(aws, name)]
    assert sorted(tried) == [(x, letter) for x in "123" for letter in "ab"]
    assert found["BestTrainingJob"]["TunedHyperParameters"]["x"] == "3"


def test_a_search_without_a_number_of_jobs_ends_when_all_has_been_tried(aws, tune):
    ranges = {**SIX_X, "IntegerParameterRanges": [{"Name": "tag", "MinValue": "1", "MaxValue": "1"}]}
    found = finished(aws, tune(request(jobs=None, ranges=ranges, limits={"MaxRuntimeInSeconds": 120})))
    assert (found["HyperParameterTuningJobStatus"], found["TrainingJobStatusCounters"]["Completed"]) == ("Completed", 6)
    tried = {(values["x"], values["name"]) for values in tuned(aws, found["HyperParameterTuningJobName"])}
    assert len(tried) == 6


@pytest.mark.parametrize("kind", ["Minimize", "Maximize"])
def test_of_the_best_that_tie_the_first_created_wins(aws, tune, kind):
    objective = {"Type": kind, "MetricName": "test:msd"}
    ranges = {"CategoricalParameterRanges": [{"Name": "name", "Values": ["a", "b", "c"]}]}
    config = request(jobs=None, ranges=ranges, strategy="Grid", HyperParameterTuningJobObjective=objective)
    name = tune(config, definition(static={"x": "3"}))
    assert finished(aws, name)["BestTrainingJob"]["TunedHyperParameters"] == {"name": "a"}
    for order in ("Ascending", "Descending"):
        listed = trained(aws, name, SortBy="FinalObjectiveMetricValue", SortOrder=order)
        assert [job["TunedHyperParameters"]["name"] for job in listed] == ["a", "b", "c"]


def test_hyperband_stops_what_falls_behind_and_what_has_had_its_share(aws, tune):
    strategy = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 4}}
    config = request(jobs=6, strategy="Hyperband", RandomSeed=1, StrategyConfig=strategy)
    found = finished(aws, tune(config, definition(static={"passes": "600", "pass_s": "0.1"})))
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert found["TrainingJobStatusCounters"]["Stopped"] == 6
    assert found["ObjectiveStatusCounters"]["Succeeded"] == 6


def test_hyperband_learns_its_most_from_the_epochs(aws, tune):
    """The search would fail without it. A job that is seen at the end of its share before it has ended is stopped there."""
    name = tune(request(jobs=2, strategy="Hyperband"), definition(static={"epochs": "3", "passes": "2"}))
    found = finished(aws, name)
    counters = found["TrainingJobStatusCounters"]
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert counters["Completed"] + counters["Stopped"] == found["ObjectiveStatusCounters"]["Succeeded"] == 2


def test_a_job_worse_than_half_of_those_before_is_stopped_early(aws, tune, tmp_path):
    """Three good ones first, then a bad one, which runs until it is judged."""
    for good in ("3", "3.1", "3.2"):
        (tmp_path / good).touch()
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["3", "3.1", "3.2", "9"]}]}
    config = request(jobs=4, parallel=1, ranges=ranges, strategy="Grid", TrainingJobEarlyStoppingType="Auto")
    static = {"passes": "3", "until": str(tmp_path / "{x}")}
    name = tune(config, definition(static=static, StoppingCondition={"MaxRuntimeInSeconds": 3_600}))
    finished(aws, name)
    last = trained(aws, name)[-1]
    assert (last["TunedHyperParameters"]["x"], last["TrainingJobStatus"]) == ("9", "Stopped")
    assert last["ObjectiveStatus"] == "Succeeded"
    assert [job["TrainingJobStatus"] for job in trained(aws, name)[:3]] == ["Completed"] * 3


@pytest.mark.parametrize(
    "criteria",
    [
        {"TargetObjectiveMetricValue": 50.0},
        {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
    ],
    ids=["target", "no improvement"],
)
def test_a_search_ends_when_its_criteria_are_met(aws, tune, criteria):
    ranges = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "3", "MaxValue": "3.001"}]}
    found = finished(aws, tune(request(jobs=100, ranges=ranges, TuningJobCompletionCriteria=criteria)))
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert sum(found["TrainingJobStatusCounters"].values()) <= 6


def test_a_warm_start_on_the_same_data_knows_what_the_parent_found(aws, tune):
    parent = tune(request(jobs=None, ranges=SIX_X, strategy="Grid", parallel=3))
    best = finished(aws, parent)["BestTrainingJob"]
    warm_start = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["5", "7", "9"]}]}
    fixed = definition(static={"name": "a"})
    found = finished(aws, tune(request(jobs=2, ranges=ranges), fixed, WarmStartConfig=warm_start))
    assert found["OverallBestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]
    assert found["OverallBestTrainingJob"]["TuningJobName"] == parent
    assert found["BestTrainingJob"]["TrainingJobName"].startswith(found["HyperParameterTuningJobName"])


def test_transfer_learning_tries_the_parents_best_first(aws, tune):
    six = {"CategoricalParameterRanges": [one for one in SIX_X["CategoricalParameterRanges"] if one["Name"] == "x"]}
    parent = tune(request(jobs=None, ranges=SIX_X, strategy="Grid", parallel=3))
    finished(aws, parent)
    warm_start = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}],
        "WarmStartType": "TransferLearning",
    }
    with pytest.raises(ClientError, match="total number of static and tunable hyperparameters must be the same"):
        tune(request(jobs=1, parallel=1, ranges=six), WarmStartConfig=warm_start)
    name = tune(request(jobs=1, parallel=1, ranges=six), definition(static={"name": "a"}), WarmStartConfig=warm_start)
    assert "OverallBestTrainingJob" not in finished(aws, name)
    assert float(tuned(aws, name)[0]["x"]) == 3.0


def test_several_definitions_take_turns(aws, tune):
    wide = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "5", "MaxValue": "9"}]}
    both = [
        definition(DefinitionName=name, TuningObjective=OBJECTIVE, HyperParameterRanges=ranges)
        for name, ranges in (("near", X), ("far", wide))
    ]
    config = request(jobs=4)
    del config["ParameterRanges"], config["HyperParameterTuningJobObjective"]
    name = tune(config, TrainingJobDefinitions=both)
    found = finished(aws, name)
    assert [job["TrainingJobDefinitionName"] for job in trained(aws, name)].count("far") == 2
    assert found["BestTrainingJob"]["TrainingJobDefinitionName"] in ("near", "far")
    assert len(found["TrainingJobDefinitions"]) == 2


def test_a_stop_ends_its_training_jobs(aws, tune):
    name = tune(request(), definition(static={"sleep_s": "60"}))
    aws.until(lambda: trained(aws, name), lambda jobs: len(jobs) == 2)
    assert describe(aws, name)["ObjectiveStatusCounters"]["Pending"] == 2
    aws.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    found = finished(aws, name)
    assert found["HyperParameterTuningJobStatus"] == "Stopped"
    assert found["TrainingJobStatusCounters"]["Stopped"] == 2
    assert "in status Stopped" in rejection(
        aws.sagemaker.stop_hyper_parameter_tuning_job, HyperParameterTuningJobName=name
    )


@pytest.mark.parametrize(
    ("jobs", "static", "reason"),
    [
        (6, {"exit": "1", "failure": "ClientError: no"}, "No training job succeeded after 5 attempts."),
        (2, {"exit": "1"}, "All training jobs failed."),
        (6, {"passes": "0"}, "No objective metrics found after running 5 training jobs."),
    ],
    ids=["all of many", "all of few", "no metric"],
)
def test_a_search_that_comes_to_nothing_fails_with_the_reason(aws, tune, jobs, static, reason):
    found = finished(aws, tune(request(jobs=jobs, parallel=1), definition(static=static)))
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert found["FailureReason"].startswith(reason)
    assert "BestTrainingJob" not in found


def test_lists_page_and_an_ended_job_can_be_deleted(aws, tune):
    names = [tune(request(jobs=3, parallel=3), name=f"listed-{letter}") for letter in "ab"]
    for name in names:
        finished(aws, name)
    call = aws.sagemaker.list_hyper_parameter_tuning_jobs
    (first,) = call(NameContains="listed", SortBy="Name", SortOrder="Descending", MaxResults=1)[
        "HyperParameterTuningJobSummaries"
    ]
    assert (first["HyperParameterTuningJobName"], first["Strategy"]) == ("listed-b", "Bayesian")
    pages = aws.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName="listed-a", SortBy="FinalObjectiveMetricValue", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["TrainingJobSummaries"]) for page in pages] == [2, 1]
    aws.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="listed-a")
    assert "can't find a tuning job" in rejection(describe, aws, "listed-a")
    assert len(call(NameContains="listed")["HyperParameterTuningJobSummaries"]) == 1


def test_a_search_goes_on_after_the_server_was_killed(start_aws):
    aws = start_aws()
    name = start(aws, request(jobs=4, parallel=1), definition(static={"sleep_s": "0.3"}))
    aws.until(lambda: trained(aws, name, StatusEquals="Completed"), bool)
    aws.process.kill()
    aws.process.wait()
    again = start_aws(aws.data)
    found = finished(again, name)
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    counted = found["TrainingJobStatusCounters"]
    assert counted["Completed"] == 4
    assert counted["RetryableError"] <= 1, "the one that was interrupted, if it had not just ended"


def rejection(call, *arguments, **fields) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **fields)
    return caught.value.response["Error"]["Message"]


def other_image(**fields) -> dict:
    return definition(AlgorithmSpecification={"TrainingImage": "me/mine:1", "TrainingInputMode": "File"}, **fields)


@pytest.mark.parametrize(
    ("config", "training", "message"),
    [
        (request(ranges={}), definition(), "there is nothing to tune"),
        (request(), definition(static={"x": "1"}), "Hyperparameter x is static and has a range"),
        (
            request(HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "test:rmse"}),
            definition(),
            "The objective metric for the hyperparameter tuning job, [test:rmse], isn't valid for the",
        ),
        (request(strategy="Grid"), definition(), "Strategy Grid takes categorical ranges only"),
        (request(jobs=5, ranges=SIX_X, strategy="Grid"), definition(), "the grid has 6 combinations"),
        (
            request(jobs=7, ranges=SIX_X),
            definition(),
            "provided ranges [6.0] must be equal or greater than the value of",
        ),
        (request(strategy="Hyperband"), definition(), "Strategy Hyperband needs MaxResource"),
        (
            request(strategy="Hyperband", TrainingJobEarlyStoppingType="Auto"),
            definition(static={"epochs": "9"}),
            "Hyperband stops jobs early by itself",
        ),
        (request(jobs=None), definition(), "ResourceLimits needs MaxNumberOfTrainingJobs"),
        (request(jobs=1), definition(), "MaxParallelTrainingJobs is 2, more than MaxNumberOfTrainingJobs"),
        (request(), other_image(), "A metric is required for this hyperparameter tuning job objective."),
        (request(), definition(OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/x"}), "does not exist"),
        (request(ranges=WRONG), definition(), "algorithm. Hyperparameter wrong=0 is not known. Known: x."),
        (request(strategy="Luck"), definition(), "Member must satisfy enum value set"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_request_that_cannot_be_right_is_rejected(aws, tune, config, training, message):
    assert message in rejection(tune, config, training)


def test_warm_starts_that_cannot_be_are_rejected(aws, tune):
    parent = tune(request(jobs=2))
    finished(aws, parent)

    def warm(name: str, kind: str = "TransferLearning") -> dict:
        return {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name}], "WarmStartType": kind}

    other = request(HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "test:ssd"})
    assert "can't find a tuning job" in rejection(tune, request(), WarmStartConfig=warm("nobody"))
    assert "has the objective Minimize test:msd" in rejection(tune, other, WarmStartConfig=warm(parent))
    grid = request(jobs=None, ranges=SIX_X, strategy="Grid")
    assert "nothing to start warm" in rejection(tune, grid, WarmStartConfig=warm(parent))


def test_a_warm_start_keeps_types_and_most_values(aws, tune):
    """Each word that becomes static or takes the place of another counts."""
    words = {"CategoricalParameterRanges": [{"Name": "x", "Values": [str(number) for number in range(11)]}]}
    parent = tune(request(jobs=1, parallel=1, ranges=words), definition(static={"a": "1"}))
    finished(aws, parent)
    warm = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}],
        "WarmStartType": "TransferLearning",
    }

    def numbers(name: str) -> dict:
        return {"IntegerParameterRanges": [{"Name": name, "MinValue": "1", "MaxValue": "9"}]}

    whole = request(jobs=1, parallel=1, ranges=numbers("x"))
    assert "Hyperparameter x is integer, and categorical in parent" in rejection(
        tune, whole, definition(static={"a": "1"}), WarmStartConfig=warm
    )
    fixed = request(jobs=1, parallel=1, ranges=numbers("a"))
    assert "11 changes of parent tuning job" in rejection(
        tune, fixed, definition(static={"x": "3"}), WarmStartConfig=warm
    )
    finished(aws, tune(request(jobs=1, parallel=1, ranges=words), definition(static={"a": "2"}), WarmStartConfig=warm))


def test_a_name_can_be_used_once(aws, tune):
    name = tune(request(jobs=2))
    assert "must be unique" in rejection(tune, request(jobs=2), name=name)
    finished(aws, name)
