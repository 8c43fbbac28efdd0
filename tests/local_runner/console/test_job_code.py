"""Programs that do a job again: what they call, with which arguments, and what they leave out."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from wildsage.local_runner.console import job_code
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE_HYPERPARAMETER
from wildsage.local_runner.monitor.overview import KINDS

TRAINING, TRANSFORM, PROCESSING, TUNING = KINDS
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/r"
BARE = {
    "TrainingJobName": "j",
    "AlgorithmSpecification": {},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "ResourceConfig": {},
    "StoppingCondition": {},
}


def channel(name: str, **fields: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://b/{name}", "S3DataDistributionType": "FullyReplicated"}
    content_type = {"ContentType": fields.pop("ContentType")} if "ContentType" in fields else {}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source | fields}, **content_type}


FULL = BARE | {
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 3},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "HyperParameters": {"k": "3"},
    "Environment": {"A": "b"},
    "InputDataConfig": [
        channel("train", ContentType="text/csv"),
        channel("test", S3DataDistributionType="ShardedByS3Key", S3DataType="ManifestFile"),
    ],
}


def called(program: str, name: str) -> list[dict[str, Any]]:
    """The arguments of each call of that name in a program, as Python writes them."""
    calls = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
    return [
        {one.arg: ast.unparse(one.value) for one in call.keywords}
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] == name
    ]


def test_an_estimator_of_version_2():
    program = job_code.sdk2_program(FULL)
    assert called(program, "Estimator") == [
        {
            "image_uri": repr(IMAGE),
            "role": repr(ROLE),
            "instance_count": "3",
            "instance_type": "'ml.m5.large'",
            "output_path": "'s3://b/out'",
            "max_run": "60",
            "input_mode": "'Pipe'",
            "hyperparameters": "{'k': '3'}",
            "environment": "{'A': 'b'}",
        }
    ]
    assert called(program, "TrainingInput") == [
        {"s3_data": "'s3://b/train'", "content_type": "'text/csv'"},
        {"s3_data": "'s3://b/test'", "distribution": "'ShardedByS3Key'", "s3_data_type": "'ManifestFile'"},
    ]
    assert [list(one) for one in called(program, "fit")] == [["job_name"]]


def test_an_estimator_of_a_request_that_says_little_has_defaults():
    (given,) = called(job_code.sdk2_program(BARE), "Estimator")
    assert (given["instance_count"], given["max_run"], given["input_mode"]) == ("1", "86400", "'File'")
    assert (given["image_uri"], given["instance_type"], given["hyperparameters"]) == ("''", "''", "{}")
    assert "environment" not in given
    assert called(job_code.sdk2_program(BARE), "TrainingInput") == []


def test_a_trainer_of_version_3():
    program = job_code.sdk3_program(FULL)
    assert called(program, "InputData") == [
        {"channel_name": "'train'", "data_source": "'s3://b/train'", "content_type": "'text/csv'"},
        {"channel_name": "'test'", "data_source": "'s3://b/test'"},
    ]
    assert called(program, "Compute") == [{"instance_type": "'ml.m5.large'", "instance_count": "3"}]
    (given,) = called(program, "ModelTrainer")
    assert (given["training_image"], given["base_job_name"], given["hyperparameters"]) == (
        repr(IMAGE),
        "'j'",
        "{'k': '3'}",
    )
    bare = job_code.sdk3_program(BARE)
    assert called(bare, "Compute") == [{"instance_type": "''", "instance_count": "1"}]
    assert called(bare, "train") == [{}]


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        (TRAINING, "create_training_job"),
        (TRANSFORM, "create_transform_job"),
        (PROCESSING, "create_processing_job"),
        (TUNING, "create_hyper_parameter_tuning_job"),
    ],
)
def test_a_call_of_boto3(kind, operation):
    assert called(job_code.boto3_program(kind, {"A": 1, "B": "x"}), operation) == [{"A": "1", "B": "'x'"}]
    names = [name for name, _ in job_code.programs(kind, FULL | {f"{kind.stem}Name": "j"})]
    assert names == ["boto3", *["SageMaker SDK 2", "SageMaker SDK 3"] * (kind is TRAINING)]


def test_a_request_has_what_the_operation_takes_and_nothing_empty():
    own = {"Name": "own", "Regex": "own=(.*)"}
    known = [{"Name": "test:msd", "Regex": "x"}, *metrics.definitions("kmeans")]
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "AlgorithmName": ""}
    job = BARE | {
        "TrainingJobStatus": "Completed",
        "HyperParameters": {},
        "EnableNetworkIsolation": False,
        "AlgorithmSpecification": algorithm | {"MetricDefinitions": [*known[1:], own]},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 0},
    }
    assert job_code.same_request(TRAINING, job) == {
        "TrainingJobName": "j-again",
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [own],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large"},
    }
    job["AlgorithmSpecification"] = algorithm | {"MetricDefinitions": known[1:]}
    assert "MetricDefinitions" not in job_code.same_request(TRAINING, job)["AlgorithmSpecification"]


def test_a_search_does_not_say_the_objective_twice():
    definition = {"StaticHyperParameters": {"k": "2", OBJECTIVE_HYPERPARAMETER: "loss"}}
    job = {"HyperParameterTuningJobName": "h", "TrainingJobDefinition": definition}
    assert job_code.same_request(TUNING, job)["TrainingJobDefinition"] == {"StaticHyperParameters": {"k": "2"}}
    job = {"HyperParameterTuningJobName": "h", "TrainingJobDefinitions": [definition]}
    assert job_code.same_request(TUNING, job)["TrainingJobDefinitions"] == [{"StaticHyperParameters": {"k": "2"}}]


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [
        (TRAINING, "j", "j-again"),
        (TRAINING, "j" * 63, "j" * 57 + "-again"),
        (TRAINING, "j" * 56 + "-" + "j" * 6, "j" * 56 + "-again"),
        (TUNING, "j" * 32, "j" * 26 + "-again"),
        (TUNING, "j" * 26, "j" * 26 + "-again"),
    ],
)
def test_another_name_is_as_long_as_aws_allows(kind, name, wanted):
    assert job_code.again(kind, name) == wanted


@pytest.mark.parametrize(
    ("length", "lines"),
    [(100 - len("    {'a': ''}"), 1), (101 - len("    {'a': ''}"), 3)],
)
def test_a_value_that_does_not_fit_on_a_line_has_one_for_each_member(length, lines):
    value = {"a": "x" * length}
    text = job_code._indented(value)
    assert len(text.splitlines()) == lines
    assert ast.literal_eval(text) == value


def test_members_of_members_are_indented_deeper_and_long_texts_stay_whole():
    value = {"list": ["x" * 99, {"deep": "y" * 99}], "empty": {}, "text": "z" * 200}
    text = job_code._indented(value)
    assert ast.literal_eval(text) == value
    assert text.splitlines()[0] == "{" and text.splitlines()[-1] == "    }"
    assert f"            '{'x' * 99}'," in text.splitlines()
