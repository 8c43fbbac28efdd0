"""Training jobs that could not run as their request says are rejected before they exist."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker.training_requests import check
from wildsage.local_runner.wire.errors import AwsError

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ALGORITHM = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}


def request(**fields: Any) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": ALGORITHM,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **fields,
    }


def channel(kind: str = "S3Prefix", uri: str = "s3://bucket/in") -> dict[str, Any]:
    return {"ChannelName": "c", "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}}


def algorithm(**fields: Any) -> dict[str, Any]:
    return {"AlgorithmSpecification": {**ALGORITHM, **fields}}


def machines(count: int) -> dict[str, Any]:
    return {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count}}


BOARD = {"S3OutputPath": "s3://bucket/tb"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        machines(100),
        {"OutputDataConfig": {"S3OutputPath": "s3://bucket/out", "CompressionType": "GZIP"}},
        {"InputDataConfig": [channel(kind) for kind in ("S3Prefix", "ManifestFile", "AugmentedManifestFile")]},
        {"InputDataConfig": [channel(uri="s3://absent/in")]},
        {"CheckpointConfig": {"S3Uri": "s3://bucket/c"}},
        {"TensorBoardOutputConfig": BOARD},
        {"TensorBoardOutputConfig": BOARD | {"LocalPath": "/opt/ml/output/tensorboard"}},
        {"EnableNetworkIsolation": False, **machines(2)},
        algorithm(ContainerEntrypoint=["python3", "x.py"], ContainerArguments=["a"]),
    ],
)
def test_a_request_that_can_run_is_accepted(context, fields):
    check(context, request(**fields))


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        (machines(101), "ResourceLimitExceeded", "'ml.m5.large for training job usage' is 100 Instances"),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://bucket/out", "CompressionType": "NONE"}},
            "ValidationException",
            "CompressionType NONE is not implemented",
        ),
        (algorithm(TrainingImage="of-nobody"), "ValidationException", "of-nobody"),
        ({"AlgorithmSpecification": {}}, "ValidationException", "An image is required"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://absent/o"}}, "ValidationException", "S3OutputPath s3://absent/o"),
        (
            {"CheckpointConfig": {"S3Uri": "s3://absent/c"}},
            "ValidationException",
            "CheckpointConfig.S3Uri s3://absent/c",
        ),
        (
            {"TensorBoardOutputConfig": {"S3OutputPath": "s3://absent/t"}},
            "ValidationException",
            "TensorBoardOutputConfig.S3OutputPath s3://absent/t",
        ),
        (
            {"TensorBoardOutputConfig": BOARD | {"LocalPath": "/tmp/tb"}},
            "ValidationException",
            "LocalPath: got /tmp/tb, expected a path below /opt/ml",
        ),
        (
            {"EnableNetworkIsolation": True, **machines(2)},
            "ValidationException",
            "EnableNetworkIsolation cannot be kept",
        ),
        (algorithm(ContainerArguments=["a"]), "ValidationException", "ContainerArguments without ContainerEntrypoint"),
        ({"InputDataConfig": [channel(), channel("Converse")]}, "ValidationException", "S3DataType Converse is not"),
        ({"InputDataConfig": [channel(), channel(uri="http://x")]}, "ValidationException", "http://x"),
        (
            {"InputDataConfig": [{"ChannelName": "c", "DataSource": {"FileSystemDataSource": {}}}]},
            "ValidationException",
            "Channel c: only S3DataSource is implemented",
        ),
    ],
)
def test_a_request_that_cannot_is_rejected(context, fields, code, words):
    with pytest.raises(AwsError) as caught:
        check(context, request(**fields))
    assert caught.value.code == code and words in str(caught.value)


def test_a_container_with_a_file_system_of_its_own_takes_any_path_and_arguments(context):
    backend = SimpleNamespace(isolates=True, check=lambda image, has_entrypoint: None)
    isolating = RequestContext(replace(context.services, backend=backend))
    check(isolating, request(TensorBoardOutputConfig=BOARD | {"LocalPath": "/tmp/tb"}))
    check(isolating, request(**algorithm(ContainerArguments=["a"])))
