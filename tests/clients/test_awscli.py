"""The AWS CLI of PyPI, given an endpoint or a proxy and nothing else."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


@pytest.fixture
def aws(tool: Any, tmp_path: Path) -> Any:
    """Runs `aws …` in a place and returns the JSON it printed, or its text."""
    command = tool("awscli", "bin", "aws")

    def run(place: Any, *words: str) -> Any:
        done = place.run([command, *words], tmp_path, AWS_PAGER="")
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    return run


def test_an_endpoint_variable_is_enough(local: Any, aws: Any, tmp_path: Path) -> None:
    assert "HTTPS_PROXY" not in local.environment
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("0,0\n")
    (tmp_path / "rows" / "b.csv").write_text("9,9\n")
    aws(local, "s3", "mb", "s3://cli-endpoint")
    aws(local, "s3", "sync", "rows", "s3://cli-endpoint/train")
    assert aws(local, "s3", "ls", "s3://cli-endpoint/train/").count(".csv") == 2


@pytest.mark.slow
def test_without_any_endpoint_a_model_is_trained_and_asked(behind_proxy: Any, aws: Any, tmp_path: Path) -> None:
    assert "AWS_ENDPOINT_URL" not in behind_proxy.environment
    aws = partial(aws, behind_proxy)
    bucket, name = "s3://cli-proxy", "cli-proxy"
    (tmp_path / "rows.csv").write_text("0,0\n0,1\n1,0\n9,9\n9,8\n8,9\n")
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"
    aws("s3", "mb", bucket)
    aws("s3", "cp", "rows.csv", f"{bucket}/train/")
    role = aws("iam", "get-role", "--role-name", "WildsageRole")["Role"]["Arn"]

    source = {"S3DataType": "S3Prefix", "S3Uri": f"{bucket}/train", "S3DataDistributionType": "FullyReplicated"}
    channel = {"ChannelName": "train", "ContentType": "text/csv;label_size=0", "DataSource": {"S3DataSource": source}}
    aws(
        *("sagemaker", "create-training-job", "--training-job-name", name, "--role-arn", role),
        *("--algorithm-specification", f"TrainingImage={IMAGE},TrainingInputMode=File"),
        *("--hyper-parameters", "k=2,feature_dim=2,mini_batch_size=6"),
        *("--input-data-config", json.dumps([channel]), "--output-data-config", f"S3OutputPath={bucket}/models"),
        *("--resource-config", "InstanceType=ml.c4.xlarge,InstanceCount=1,VolumeSizeInGB=1"),
        *("--stopping-condition", "MaxRuntimeInSeconds=60"),
    )
    aws("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", name)
    job = aws("sagemaker", "describe-training-job", "--training-job-name", name)
    assert job["TrainingJobStatus"] == "Completed", job
    streams = aws("logs", "describe-log-streams", "--log-group-name", "/aws/sagemaker/TrainingJobs")["logStreams"]
    assert any(stream["logStreamName"].startswith(f"{name}/") for stream in streams)

    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    container = f"Image={IMAGE},ModelDataUrl={artifact}"
    variant = f"VariantName=v,ModelName={name},InitialInstanceCount=1,InstanceType=ml.t2.medium"
    named = ("--endpoint-config-name", name)
    aws(
        "sagemaker",
        "create-model",
        "--model-name",
        name,
        "--execution-role-arn",
        role,
        "--primary-container",
        container,
    )
    aws("sagemaker", "create-endpoint-config", *named, "--production-variants", variant)
    aws("sagemaker", "create-endpoint", "--endpoint-name", name, *named)
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", name)
    (tmp_path / "question").write_text("0,0\n9,9\n")
    aws(
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", name, "--content-type", "text/csv"),
        *("--body", "fileb://question", "answer.json"),
    )
    first, second = json.loads((tmp_path / "answer.json").read_text())["predictions"]
    assert first["closest_cluster"] != second["closest_cluster"]
    aws("sagemaker", "delete-endpoint", "--endpoint-name", name)
    aws("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", name)


def test_a_wrong_request_is_reported_in_amazons_words(local: Any, tool: Any, tmp_path: Path) -> None:
    words = [tool("awscli", "bin", "aws"), "sagemaker", "describe-endpoint", "--endpoint-name", "nobody"]
    done = local.run(words, tmp_path)
    assert done.returncode != 0
    assert "(ValidationException) when calling the DescribeEndpoint operation: Could not find endpoint" in done.stderr


def test_an_operation_that_is_not_there_answers_by_name(local: Any, tool: Any, tmp_path: Path) -> None:
    done = local.run([tool("awscli", "bin", "aws"), "sagemaker", "list-hubs"], tmp_path)
    assert done.returncode != 0
    assert "Operation ListHubs of sagemaker is not implemented by Wildsage yet." in done.stderr
