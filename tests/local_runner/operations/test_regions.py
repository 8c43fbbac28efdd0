"""Each region has its own jobs, models, endpoints and logs; buckets have a region and names that all regions share."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def other(aws):
    """A SageMaker client of another region."""
    return aws.client("sagemaker", region="eu-west-1")


def test_a_job_of_another_region_is_neither_listed_nor_found(aws, other):
    job = aws.train()
    aws.finished(job)
    assert job in [
        one["TrainingJobName"] for one in aws.sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
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
