"""ECR as far as a push needs it before the first layer."""

import base64
import time

import pytest
from botocore.exceptions import ClientError


def test_a_repository_is_made_once_and_found_by_name(aws):
    ecr = aws.client("ecr")
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.describe_repositories(repositoryNames=["wildsage/new"])
    made = ecr.create_repository(repositoryName="wildsage/new")["repository"]
    assert made["repositoryUri"] == "000000000000.dkr.ecr.us-east-1.amazonaws.com/wildsage/new"
    assert ecr.describe_repositories(repositoryNames=["wildsage/new"])["repositories"] == [made]
    assert made in ecr.describe_repositories()["repositories"]
    with pytest.raises(ecr.exceptions.RepositoryAlreadyExistsException):
        ecr.create_repository(repositoryName="wildsage/new")


def test_it_holds_no_images(aws):
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="empty")
    assert ecr.describe_images(repositoryName="empty")["imageDetails"] == []
    with pytest.raises(ClientError, match="imageTag:'1'"):
        ecr.describe_images(repositoryName="empty", imageIds=[{"imageTag": "1"}])


def test_a_login_names_its_registry(aws):
    (login,) = aws.client("ecr").get_authorization_token()["authorizationData"]
    assert login["proxyEndpoint"] == "https://000000000000.dkr.ecr.us-east-1.amazonaws.com"
    assert base64.b64decode(login["authorizationToken"]).startswith(b"AWS:")


def test_a_login_lasts_twelve_hours_and_names_the_registry_of_its_partition(aws):
    before = time.time()
    (login,) = aws.client("ecr", region="cn-north-1").get_authorization_token()["authorizationData"]
    assert before + 12 * 3600 - 1 <= login["expiresAt"].timestamp() <= time.time() + 12 * 3600
    assert login["proxyEndpoint"] == "https://000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn"


def test_a_repository_says_what_it_was_made_with(aws):
    ecr, before = aws.client("ecr", region="cn-north-1"), time.time()
    made = ecr.create_repository(repositoryName="made", imageTagMutability="IMMUTABLE")["repository"]
    assert before - 1 <= made.pop("createdAt").timestamp() <= time.time()
    assert made == {
        "repositoryArn": "arn:aws-cn:ecr:cn-north-1:000000000000:repository/made",
        "registryId": "000000000000",
        "repositoryName": "made",
        "repositoryUri": "000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn/made",
        "imageTagMutability": "IMMUTABLE",
    }
    assert ecr.create_repository(repositoryName="default")["repository"]["imageTagMutability"] == "MUTABLE"


def test_a_hundred_repositories_are_a_page(aws):
    ecr = aws.client("ecr", region="eu-south-1")
    for number in range(101):
        ecr.create_repository(repositoryName=f"r{number:03d}")
    pages = list(ecr.get_paginator("describe_repositories").paginate())
    assert [len(page["repositories"]) for page in pages] == [100, 1]
    named = ecr.describe_repositories(repositoryNames=["r100", "r000"])["repositories"]
    assert [one["repositoryName"] for one in named] == ["r100", "r000"]


def test_images_of_a_repository_that_does_not_exist_are_not_found(aws):
    ecr = aws.client("ecr")
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException, match="The repository with name 'absent' does not"):
        ecr.describe_images(repositoryName="absent")
