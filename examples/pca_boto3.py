"""PCA with boto3 alone: train on generated rows, deploy, predict, delete."""

from __future__ import annotations

import io
import json
import time

import boto3
import numpy as np

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/pca:1"
NAME = f"pca-{time.time_ns()}"

s3, sagemaker, runtime = boto3.client("s3"), boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
account = boto3.client("sts").get_caller_identity()["Account"]
role = f"arn:aws:iam::{account}:role/SageMakerRole"
bucket = f"sagemaker-us-east-1-{account}"

rng = np.random.default_rng(0)
hidden = rng.normal(size=(5_000, 2)) * [5, 2]  # ten columns that depend on two factors
rows_nd = hidden @ rng.normal(size=(2, 10)) + rng.normal(scale=0.1, size=(5_000, 10))
rows = io.StringIO()
np.savetxt(rows, rows_nd, delimiter=",", fmt="%.6f")
s3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="pca/train/rows.csv", Body=rows.getvalue())

source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/pca/train", "S3DataDistributionType": "FullyReplicated"}
sagemaker.create_training_job(
    TrainingJobName=NAME,
    RoleArn=role,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    HyperParameters={"num_components": "2", "feature_dim": "10", "mini_batch_size": "500"},
    InputDataConfig=[
        {"ChannelName": "train", "ContentType": "text/csv;label_size=0", "DataSource": {"S3DataSource": source}}
    ],
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/pca/models"},
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

body = "\n".join(",".join(map(str, row)) for row in rows_nd[:3])
answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=body)
for prediction in json.load(answer["Body"])["projections"]:
    print(prediction)

sagemaker.delete_endpoint(EndpointName=NAME)
sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
sagemaker.delete_model(ModelName=NAME)
