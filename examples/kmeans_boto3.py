"""K-means with boto3 alone: train on generated points, deploy, predict, delete."""

from __future__ import annotations

import io
import json
import time

import boto3
import numpy as np

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
NAME = f"kmeans-{time.time_ns()}"

s3, sagemaker, runtime = boto3.client("s3"), boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
account = boto3.client("sts").get_caller_identity()["Account"]
role = f"arn:aws:iam::{account}:role/SageMakerRole"
bucket = f"sagemaker-us-east-1-{account}"

rng = np.random.default_rng(0)
centers = np.array([[0, 0], [8, 0], [0, 8]])
points = centers[rng.integers(3, size=6_000)] + rng.normal(size=(6_000, 2))
rows = io.StringIO()
np.savetxt(rows, points, delimiter=",", fmt="%.6f")
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="kmeans/train/rows.csv", Body=rows.getvalue())

source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/kmeans/train", "S3DataDistributionType": "FullyReplicated"}
sagemaker.create_training_job(
    TrainingJobName=NAME,
    RoleArn=role,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    HyperParameters={"k": "3", "feature_dim": "2"},
    InputDataConfig=[
        {"ChannelName": "train", "ContentType": "text/csv;label_size=0", "DataSource": {"S3DataSource": source}}
    ],
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/kmeans/models"},
    ResourceConfig={"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME)
artifact = sagemaker.describe_training_job(TrainingJobName=NAME)["ModelArtifacts"]["S3ModelArtifacts"]
print("Trained:", artifact)

variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
sagemaker.create_model(
    ModelName=NAME, ExecutionRoleArn=role, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact}
)
sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME)

answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=b"0,0\n8,0\n0,8\n")
for point, prediction in zip(centers, json.load(answer["Body"])["predictions"], strict=True):
    print(point, "→", prediction)

sagemaker.delete_endpoint(EndpointName=NAME)
sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
sagemaker.delete_model(ModelName=NAME)
