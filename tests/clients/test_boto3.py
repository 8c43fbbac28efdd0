"""boto3 as a chapter of a book on image classification uses it: low-level requests, waiters, one field after another."""

from __future__ import annotations

import io
import json
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError, WaiterError

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
QUICKLY = {"Delay": 1, "MaxAttempts": 120}
BUCKET, NAME = "chapter", "chapter-job"


@pytest.fixture(scope="module")
def aws(local: Any) -> Any:
    """Makes clients."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    return lambda service: session.client(service, endpoint_url=local.endpoint)


@pytest.fixture(scope="module")
def job(aws: Any) -> dict:
    """A job that has ended, as DescribeTrainingJob shows it."""
    rng = np.random.default_rng(0)
    rows, text = np.concatenate([rng.normal(size=(40, 2)) + 9 * c for c in range(2)]), io.StringIO()
    np.savetxt(text, rows, delimiter=",")
    aws("s3").create_bucket(Bucket=BUCKET)
    aws("s3").put_object(Bucket=BUCKET, Key="train/rows.csv", Body=text.getvalue())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train", "S3DataDistributionType": "FullyReplicated"}
    channel = {
        "ChannelName": "train",
        "DataSource": {"S3DataSource": source},
        "ContentType": "text/csv;label_size=0",
        "CompressionType": "None",
    }
    sagemaker = aws("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName=NAME,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/output"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.p2.xlarge", "VolumeSizeInGB": 50},
        HyperParameters={"k": "2", "feature_dim": "2"},
        StoppingCondition={"MaxRuntimeInSeconds": 360},
        InputDataConfig=[channel],
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME, WaiterConfig=QUICKLY)
    return sagemaker.describe_training_job(TrainingJobName=NAME)


def test_the_job_is_described_as_the_chapter_reads_it(job: dict) -> None:
    assert job["TrainingJobStatus"] == "Completed"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]][-1] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/output/{NAME}/output/model.tar.gz"
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 0


def test_the_model_is_hosted_asked_and_transformed_with(aws: Any, job: dict) -> None:
    sagemaker, runtime = aws("sagemaker"), aws("sagemaker-runtime")
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {
        "InstanceType": "ml.m4.xlarge",
        "InitialInstanceCount": 1,
        "ModelName": NAME,
        "VariantName": "AllTraffic",
    }
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    made = sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    assert made["EndpointArn"].endswith(f":endpoint/{NAME}")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig=QUICKLY)
    answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=b"0,0\n9,9")
    first, second = json.loads(answer["Body"].read())["predictions"]
    assert first["closest_cluster"] != second["closest_cluster"]

    sagemaker.create_transform_job(
        TransformJobName=NAME,
        ModelName=NAME,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{BUCKET}/transformed",
            "AssembleWith": "Line",
            "Accept": "application/jsonlines",
        },
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    sagemaker.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName=NAME, WaiterConfig=QUICKLY)
    lines = aws("s3").get_object(Bucket=BUCKET, Key="transformed/rows.csv.out")["Body"].read().splitlines()
    assert len(lines) == 80

    sagemaker.delete_endpoint(EndpointName=NAME)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=NAME, WaiterConfig=QUICKLY)
    sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
    sagemaker.delete_model(ModelName=NAME)


def test_a_waiter_reports_a_failed_job(aws: Any, job: dict) -> None:
    sagemaker = aws("sagemaker")
    request = {
        "TrainingJobName": "chapter-fails",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "ResourceConfig": job["ResourceConfig"],
        "HyperParameters": {"k": "two", "feature_dim": "2"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 360},
        "InputDataConfig": job["InputDataConfig"],
    }
    sagemaker.create_training_job(**request)
    with pytest.raises(WaiterError, match="Failed"):
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(
            TrainingJobName="chapter-fails", WaiterConfig=QUICKLY
        )
    reason = sagemaker.describe_training_job(TrainingJobName="chapter-fails")["FailureReason"]
    assert reason.startswith("ClientError: ")
    assert "k: got 'two'" in reason
    with pytest.raises(ClientError) as rejected:
        sagemaker.create_training_job(**request)
    assert rejected.value.response["Error"]["Code"] == "ResourceInUse"
