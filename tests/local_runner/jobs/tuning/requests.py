"""Requests of tuning jobs, for an image whose log names its objective."""

from __future__ import annotations

from wildsage.local_runner.jobs.store import Document

ARN = "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/search"
LETTERS = {"CategoricalParameterRanges": [{"Name": "letter", "Values": ["a", "b", "c"]}]}
OWN_IMAGE = {
    "TrainingImage": "me/own:1",
    "TrainingInputMode": "File",
    "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}],
}


def training_definition(**fields: object) -> Document:
    return {
        "AlgorithmSpecification": OWN_IMAGE,
        "RoleArn": "arn:aws:iam::000000000000:role/any",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
        **fields,
    }


def tuning_job(training: Document | None = None, name: str = "search", **config: object) -> Document:
    """A tuning job that tries letters in their order and minimizes the loss."""
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobArn": ARN.replace("/search", f"/{name}"),
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": 1_000.0,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Grid",
            "ResourceLimits": {"MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ParameterRanges": LETTERS,
            **config,
        },
        "TrainingJobDefinition": training or training_definition(),
    }
