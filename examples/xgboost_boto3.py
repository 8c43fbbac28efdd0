"""XGBoost with boto3 alone: train a classifier on generated rows, deploy, predict, delete."""

from __future__ import annotations

import io
import time

import boto3
import numpy as np

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
NAME = f"xgboost-{time.time_ns()}"

s3, sagemaker, runtime = boto3.client("s3"), boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
account = boto3.client("sts").get_caller_identity()["Account"]
role = f"arn:aws:iam::{account}:role/SageMakerRole"
bucket = f"sagemaker-us-east-1-{account}"
s3.create_bucket(Bucket=bucket)

rng = np.random.default_rng(0)
points = rng.normal(size=(4_000, 2))
inside = (points**2).sum(1) < 1
rows = np.column_stack([inside, points])  # the label first


def channel(name: str, part: np.ndarray) -> dict:
    """Upload rows as CSV, label first, and describe them as a channel."""
    text = io.StringIO()
    np.savetxt(text, part, delimiter=",", fmt="%.6f")
    s3.put_object(Bucket=bucket, Key=f"xgboost/{name}/rows.csv", Body=text.getvalue())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/xgboost/{name}"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


sagemaker.create_training_job(
    TrainingJobName=NAME,
    RoleArn=role,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    HyperParameters={"objective": "binary:logistic", "num_round": "30", "max_depth": "4", "eval_metric": "auc"},
    InputDataConfig=[channel("train", rows[:3_000]), channel("validation", rows[3_000:])],
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/xgboost/models"},
    ResourceConfig={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
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

questions = b"0,0\n0.9,0.6\n2,2\n"
answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=questions)["Body"].read()
for point, probability in zip(questions.decode().split(), answer.decode().split(), strict=True):
    print(point, "→ inside with probability", probability)

sagemaker.delete_endpoint(EndpointName=NAME)
sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
sagemaker.delete_model(ModelName=NAME)
