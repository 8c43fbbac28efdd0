"""A new training job as its request describes it."""

from __future__ import annotations

import pytest

from wildsage.local_runner.jobs.training.description import training_job

ARN = "arn:aws:sagemaker:us-east-1:000000000000:training-job/a"
REQUEST = {
    "TrainingJobName": "a",
    "AlgorithmSpecification": {"TrainingImage": "me/own:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "RoleArn": "arn:aws:iam::000000000000:role/any",
    "Tags": [{"Key": "a", "Value": "b"}],
}


def test_what_a_request_leaves_out_has_awss_defaults():
    assert training_job(REQUEST, ARN, 7.0) == {
        "TrainingJobName": "a",
        "TrainingJobArn": ARN,
        "RoleArn": "arn:aws:iam::000000000000:role/any",
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "HyperParameters": {},
        "AlgorithmSpecification": {**REQUEST["AlgorithmSpecification"], "MetricDefinitions": []},
        "ResourceConfig": {"InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "OutputDataConfig": {"KmsKeyId": "", "S3OutputPath": "s3://bucket/models"},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/models/a/output/model.tar.gz"},
        "CreationTime": 7.0,
    }


@pytest.mark.parametrize(
    "field", ["EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"]
)
def test_what_a_request_says_stands(field):
    own = [{"Name": "loss", "Regex": "loss=(.*)"}]
    asked = {
        field: True,
        "HyperParameters": {"k": "3"},
        "ResourceConfig": {"InstanceCount": 3, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models/", "KmsKeyId": "key"},
    }
    algorithm = {**REQUEST["AlgorithmSpecification"], "MetricDefinitions": own}
    found = training_job({**REQUEST, **asked, "AlgorithmSpecification": algorithm}, ARN, 7.0)
    assert {name: found[name] for name in asked} == asked
    assert found["AlgorithmSpecification"]["MetricDefinitions"] == own
    assert found["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/models/a/output/model.tar.gz"}


def test_an_algorithm_brings_its_metrics():
    kmeans = {"TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", "TrainingInputMode": "File"}
    found = training_job({**REQUEST, "AlgorithmSpecification": kmeans}, ARN, 7.0)
    assert "test:msd" in {one["Name"] for one in found["AlgorithmSpecification"]["MetricDefinitions"]}
