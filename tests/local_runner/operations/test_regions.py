"""Each region has its own jobs, models, endpoints and logs; buckets have a region and names that all regions share."""

from __future__ import annotations

from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.monitor.watch import Watch

FOREIGN = "174872318107.dkr.ecr.us-west-2.amazonaws.com/kmeans:1"
REJECTION = r"\(ValidationException\).*Cross region ECR image pulls are not allowed\. The image is of us-west-2, the request of "


@pytest.fixture(scope="module")
def other(aws):
    """A SageMaker client of another region."""
    return aws.client("sagemaker", region="eu-west-1")


def test_a_job_of_another_region_is_neither_listed_nor_found(aws, other):
    job = aws.train()
    aws.finished(job)
    assert job in [
        one["TrainingJobName"] for one in aws.sagemaker.list_training_jobs(NameContains=job)["TrainingJobSummaries"]
    ]
    assert other.list_training_jobs()["TrainingJobSummaries"] == []
    with pytest.raises(ClientError, match="Requested resource not found"):
        other.describe_training_job(TrainingJobName=job)
    with pytest.raises(ClientError, match="Requested resource not found"):
        other.stop_training_job(TrainingJobName=job)
    assert other.search(Resource="TrainingJob")["Results"] == []


def test_tags_and_logs_of_another_region_are_not_found(aws, other):
    job = aws.train(Tags=[{"Key": "a", "Value": "b"}])
    arn = aws.finished(job)["TrainingJobArn"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        other.list_tags(ResourceArn=arn)
    assert aws.client("logs", region="eu-west-1").describe_log_groups()["logGroups"] == []
    assert aws.logs.describe_log_groups()["logGroups"]


def test_a_model_and_an_endpoint_belong_to_one_region(aws, other):
    model = aws.model()
    config = aws.config(model)
    endpoint = aws.deploy(config)
    for describe, name in (
        ("describe_model", model),
        ("describe_endpoint_config", config),
        ("describe_endpoint", endpoint),
    ):
        field = {"describe_model": "ModelName", "describe_endpoint": "EndpointName"}.get(describe, "EndpointConfigName")
        getattr(aws.sagemaker, describe)(**{field: name})
        with pytest.raises(ClientError, match=r"Could not find.*eu-west-1"):
            getattr(other, describe)(**{field: name})
    with pytest.raises(ClientError, match="not found"):
        aws.client("sagemaker-runtime", region="eu-west-1").invoke_endpoint(EndpointName=endpoint, Body=b"1,2")
    aws.sagemaker.delete_endpoint(EndpointName=endpoint)


def test_one_name_may_exist_in_two_regions_and_survives_a_restart(start_aws, tmp_path):
    aws = start_aws(tmp_path / "aws")
    names = {}
    for region in ("us-east-1", "eu-west-1"):
        aws.sagemaker = aws.client("sagemaker", region=region)
        job = aws.train(TrainingJobName="same", probe=region)
        names[region] = aws.finished(job)["TrainingJobArn"]
    assert names["eu-west-1"] == "arn:aws:sagemaker:eu-west-1:000000000000:training-job/same"
    aws.stop()
    again = start_aws(tmp_path / "aws")
    for region, arn in names.items():
        found = again.client("sagemaker", region=region).describe_training_job(TrainingJobName="same")
        assert (found["TrainingJobArn"], found["HyperParameters"]["probe"]) == (arn, region)


def test_experiments_and_repositories_belong_to_one_region(aws, other):
    aws.sagemaker.create_experiment(ExperimentName="here")
    aws.client("ecr").create_repository(repositoryName="here")
    assert other.list_experiments()["ExperimentSummaries"] == []
    assert aws.client("ecr", region="eu-west-1").describe_repositories()["repositories"] == []


def foreign_job(aws, **fields) -> str:
    return aws.train(AlgorithmSpecification={"TrainingImage": FOREIGN, "TrainingInputMode": "File"}, **fields)


def test_an_image_of_another_region_runs_with_a_warning_in_every_log_and_in_the_terminal(start_aws, tmp_path):
    aws = start_aws(tmp_path / "aws")
    with closing(Overview(aws.data)) as overview:
        watch = Watch(overview)
        job = foreign_job(aws)
        done = aws.finished(job)
        assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
        (event,) = [event for event in watch.poll().events if event.what == "image"]
    assert event.name == f"{FOREIGN} in us-east-1" and "Cross region ECR image pulls" in event.reason
    assert aws.messages(job)[0].startswith("[wildsage] WARNING: AWS rejects this image. Cross region ECR")

    container = {"Image": FOREIGN, "ModelDataUrl": done["ModelArtifacts"]["S3ModelArtifacts"]}
    aws.sagemaker.create_model(
        ModelName="m", ExecutionRoleArn="arn:aws:iam::000000000000:role/r", PrimaryContainer=container
    )
    endpoint = aws.deploy(aws.config("m"))
    found = aws.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
    assert found[0]["message"].startswith("[wildsage] WARNING: AWS rejects this image.")


def test_a_strict_server_rejects_an_image_of_another_region(start_aws, tmp_path):
    aws = start_aws(tmp_path / "aws", "20", "process", "1", "strict")
    with pytest.raises(ClientError, match=REJECTION + "us-east-1"):
        foreign_job(aws)
    with pytest.raises(ClientError, match=REJECTION + "us-east-1"):
        aws.sagemaker.create_model(
            ModelName="m", ExecutionRoleArn="arn:aws:iam::000000000000:role/r", PrimaryContainer={"Image": FOREIGN}
        )
    aws.sagemaker = aws.client("sagemaker", region="us-west-2")
    assert aws.finished(foreign_job(aws))["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize("service", ["sagemaker", "logs", "sts"])
def test_a_region_that_aws_does_not_have_is_rejected_and_gets_no_folder(aws, service):
    ask = {"sagemaker": "list_models", "logs": "describe_log_groups", "sts": "get_caller_identity"}[service]
    with pytest.raises(
        ClientError, match="Credential should be scoped to a valid region, not 'mars-north-1'"
    ) as caught:
        getattr(aws.client(service, region="mars-north-1"), ask)()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert not (aws.data / "regions" / "mars-north-1").exists()
