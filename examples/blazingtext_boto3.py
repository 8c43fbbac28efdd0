"""BlazingText with boto3 alone: train a classifier of texts, deploy, predict, delete."""

from __future__ import annotations

import json
import random
import time

import boto3

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
NAME = f"blazingtext-{time.time_ns()}"
WORDS = {
    "farm": ["cow", "hay", "barn", "field", "plough", "seed"],
    "sea": ["ship", "sail", "wave", "harbour", "anchor", "tide"],
    "sky": ["cloud", "wind", "star", "moon", "bird", "wing"],
}

s3, sagemaker, runtime = boto3.client("s3"), boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
account = boto3.client("sts").get_caller_identity()["Account"]
role = f"arn:aws:iam::{account}:role/SageMakerRole"
bucket = f"sagemaker-us-east-1-{account}"
s3.create_bucket(Bucket=bucket)


def labelled_text() -> str:
    """A line such as `__label__sea the ship and wave tide`."""
    label = random.choice(list(WORDS))
    words = random.choices(WORDS[label], k=5) + random.choices(["the", "and", "of"], k=3)
    return f"__label__{label} {' '.join(random.sample(words, k=8))}"


def channel(name: str, lines: int) -> dict:
    """Upload labelled lines, and describe them as a channel."""
    text = "".join(f"{labelled_text()}\n" for _ in range(lines))
    s3.put_object(Bucket=bucket, Key=f"blazingtext/{name}/texts.txt", Body=text)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/blazingtext/{name}"}
    return {"ChannelName": name, "ContentType": "text/plain", "DataSource": {"S3DataSource": source}}


sagemaker.create_training_job(
    TrainingJobName=NAME,
    RoleArn=role,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    HyperParameters={
        "mode": "supervised",
        "epochs": "10",
        "vector_dim": "20",
        "learning_rate": "0.2",
        "buckets": "10000",
    },
    InputDataConfig=[channel("train", 1_000), channel("validation", 200)],
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/blazingtext/models"},
    ResourceConfig={"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME)
artifact = sagemaker.describe_training_job(TrainingJobName=NAME)["ModelArtifacts"]["S3ModelArtifacts"]
print("Trained:", artifact)

variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
sagemaker.create_model(
    ModelName=NAME, ExecutionRoleArn=role, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact}
)
sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME)

questions = ["the cow and the barn", "a ship in the harbour", "the moon and a star"]
body = json.dumps({"instances": questions, "configuration": {"k": 1}})
answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="application/json", Body=body)["Body"].read()
for question, found in zip(questions, json.loads(answer), strict=True):
    print(f"{question} → {found['label'][0]} with probability {found['prob'][0]:.4f}")

sagemaker.delete_endpoint(EndpointName=NAME)
sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
sagemaker.delete_model(ModelName=NAME)
