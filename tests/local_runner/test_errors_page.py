"""docs/errors.md, which covers all packages: code produces every message on the page, and every section has its proof here."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.containers.contract import failure
from wildsage.containers.input.row_stream import ReadCounts
from wildsage.local_runner.operations.sagemaker_runtime.invoke import TOO_MANY
from wildsage.local_runner.server import lock
from wildsage.local_runner.server.lock import InUse, exclusive_use

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
ELSEWHERE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-image:1"
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
Proof = Callable[..., str]
PROOFS: dict[str, Proof] = {}


def proves(heading: str) -> Callable[[Proof], Proof]:
    def keep(proof: Proof) -> Proof:
        PROOFS[heading] = proof
        return proof

    return keep


def rejection(call: Callable[..., object], **request: object) -> str:
    """What a client sees of a rejected call."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value).replace(" (reached max retries: 0)", "")


def sections() -> dict[str, str]:
    """Heading → the message below it."""
    found = re.findall(r"^### (.+?)\n+```\n(.+?)\n```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return {heading: " ".join(message.split()) for heading, message in found}


def reason(aws, name: str, *channels: dict, **settings: str) -> str:
    return aws.finished(aws.train(*channels, TrainingJobName=name, **settings))["FailureReason"]


@proves("No data under the prefix")
def no_data(aws, start_aws, channel) -> str:
    aws.s3.create_bucket(Bucket="my-bucket")
    return reason(aws, "no-data", channel("s3://my-bucket/train"))


@proves("A host has no data")
def host_without_data(aws, start_aws, channel) -> str:
    with pytest.raises(UserError) as caught:
        ReadCounts().require_rows("train")
    return failure.reason(caught.value)


@proves("The algorithm rejects a setting or the data")
def rejected_setting(aws, start_aws, channel) -> str:
    with pytest.raises(UserError) as caught:
        hyperparameters.parse(KMeans, {"k": "ten", "feature_dim": "2", "epoks": "3"}, {})
    return failure.reason(caught.value)


@proves("The container ended without a reason")
def no_reason(aws, start_aws, channel) -> str:
    return reason(aws, "no-reason", exit="7")


@proves("The local AWS ended while the job ran")
def interrupted(aws, start_aws, channel) -> str:
    server = start_aws()
    job = server.train(lines="begun", sleep_s="60")
    look = lambda: server.sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"]  # noqa: E731
    server.until(look, lambda phase: phase == "Training")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    return start_aws().finished(job)["FailureReason"]


@proves("The job took longer than it may")
def too_long(aws, start_aws, channel) -> str:
    job = aws.train(lines="begun", sleep_s="60", StoppingCondition={"MaxRuntimeInSeconds": 1})
    return aws.finished(job)["SecondaryStatusTransitions"][-1]["StatusMessage"].partition(". ")[0]


@proves("A name is taken")
def taken(aws, start_aws, channel) -> str:
    aws.finished(aws.train(TrainingJobName="my-job"))
    return rejection(aws.train, TrainingJobName="my-job")


def rejected_search(aws, jobs: int, **integers: tuple[int, int]) -> str:
    """The message for a tuning job of k-means over these ranges."""
    ranges = [{"Name": name, "MinValue": str(low), "MaxValue": str(high)} for name, (low, high) in integers.items()]
    aws.s3.create_bucket(Bucket="bucket")
    return rejection(
        aws.sagemaker.create_hyper_parameter_tuning_job,
        HyperParameterTuningJobName="my-search",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "test:msd"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"IntegerParameterRanges": ranges},
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {"TrainingImage": KMEANS, "TrainingInputMode": "File"},
            "RoleArn": "arn:aws:iam::000000000000:role/WildsageRole",
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/tuned"},
            "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )


@proves("A range does not fit the algorithm")
def unsuitable_range(aws, start_aws, channel) -> str:
    """Around the words of the stand-in, in whose place are those of k-means."""
    with pytest.raises(UserError) as own:
        hyperparameters.check(KMeans, [("kk", "1")], KMeans.internal_settings())
    return rejected_search(aws, 2, wrong=(1, 5)).replace(
        "Hyperparameter wrong=1 is not known. Known: x.", str(own.value)
    )


@proves("Fewer combinations than jobs")
def few_combinations(aws, start_aws, channel) -> str:
    return rejected_search(aws, 4, x=(2, 3))


@proves("An endpoint does not exist")
def no_endpoint(aws, start_aws, channel) -> str:
    return rejection(aws.sagemaker.describe_endpoint, EndpointName="my-endpoint")


@proves("An endpoint does not come into service")
def sick_endpoint(aws, start_aws, channel) -> str:
    endpoint = aws.deploy(aws.config(aws.model({"CRASH": "1"})))
    return aws.settled(endpoint)["FailureReason"]


@proves("The model rejects a request")
def model_error(aws, start_aws, channel) -> str:
    endpoint = aws.deploy(aws.config(aws.model()))
    return rejection(aws.runtime.invoke_endpoint, EndpointName=endpoint, Body=b"bad").replace(endpoint, "my-endpoint")


@proves("A request is too large")
def too_large(aws, start_aws, channel) -> str:
    endpoint = aws.deploy(aws.config(aws.model()))
    return rejection(aws.runtime.invoke_endpoint, EndpointName=endpoint, Body=bytes(6_300_000))


@proves("No such image")
def no_image(aws, start_aws, channel) -> str:
    algorithm = {"TrainingImage": ELSEWHERE, "TrainingInputMode": "File"}
    said = rejection(aws.train, AlgorithmSpecification=algorithm)
    return re.sub(r"(without Docker: |scripts with )[A-Za-z, -]+", r"\1…", said)


@proves("Too many requests at once")
def too_many(aws, start_aws, channel) -> str:
    """tests/local_runner/operations/test_inference.py meets it for real."""
    return f"An error occurred (ServiceUnavailable) when calling the InvokeEndpoint operation: {TOO_MANY}"


@proves("Not implemented")
def not_implemented(aws, start_aws, channel) -> str:
    return rejection(aws.sagemaker.list_feature_groups)


@proves("A bucket does not exist")
def no_bucket(aws, start_aws, channel) -> str:
    return rejection(aws.s3.get_object, Bucket="sample-data", Key="census.csv")


@proves("A profile does not exist")
def no_profile(aws, start_aws, channel) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        with pytest.raises(Exception) as caught:
            boto3.Session(profile_name="my-profile")
    return f"{type(caught.value).__name__}: {caught.value}"


@proves("A second local AWS on one folder")
def in_use(aws, start_aws, channel) -> str:
    found = lock.running(aws.data)
    with pytest.raises(InUse) as caught, exclusive_use(aws.data):
        raise AssertionError("the folder was free")
    text = str(caught.value).replace(str(aws.data), "DATA")
    return text.replace(str(found.pid), "4711").replace(found.endpoint, "http://127.0.0.1:4577")


def test_every_section_has_a_proof_and_every_proof_a_section() -> None:
    assert sections().keys() == PROOFS.keys()


@pytest.mark.parametrize("heading", PROOFS)
def test_the_message_is_what_the_code_says(heading: str, aws, start_aws, channel) -> None:
    said = PROOFS[heading](aws, start_aws, channel)
    assert " ".join(said.split()) == sections().get(heading)
