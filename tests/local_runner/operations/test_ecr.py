"""ECR as far as a push needs it before the first layer."""

import base64

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
