"""ECR: what those who push an image ask first. Repositories are remembered, a login is given; layers have no place here."""

from __future__ import annotations

import base64
import time
from typing import Any

from wildsage.local_runner.jobs.store import Document, NameTaken, NotThere
from wildsage.local_runner.operations.context import Cloud
from wildsage.local_runner.settings import ACCOUNT
from wildsage.local_runner.wire.errors import AwsError

SERVICE = "ecr"
KIND = "ecr-repository"
LOGIN_LASTS_S = 12 * 3600
DOMAINS = {"aws-cn": "amazonaws.com.cn"}


def get_authorization_token(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    """A login that opens nothing."""
    token = base64.b64encode(b"AWS:local").decode()
    data = {
        "authorizationToken": token,
        "expiresAt": time.time() + LOGIN_LASTS_S,
        "proxyEndpoint": f"https://{_registry(cloud)}",
    }
    return {"authorizationData": [data]}


def create_repository(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    repository = {
        "repositoryArn": f"arn:{cloud.partition}:ecr:{cloud.region}:{ACCOUNT}:repository/{name}",
        "registryId": ACCOUNT,
        "repositoryName": name,
        "repositoryUri": f"{_registry(cloud)}/{name}",
        "createdAt": time.time(),
        "imageTagMutability": request.get("imageTagMutability", "MUTABLE"),
    }
    try:
        cloud.store.insert(KIND, name, repository)
    except NameTaken:
        raise AwsError(
            "RepositoryAlreadyExistsException",
            f"The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'",
        ) from None
    return {"repository": repository}


def describe_repositories(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    names = request.get("repositoryNames")
    found = cloud.store.all(KIND) if names is None else [_find(cloud, name) for name in names]
    return {"repositories": found}


def describe_images(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    """None: images live in a Docker engine here. One that is asked for by name is not found."""
    name = request["repositoryName"]
    _find(cloud, name)
    if wanted := request.get("imageIds"):
        identity = ", ".join(f"{key}:'{value}'" for key, value in wanted[0].items())
        raise AwsError(
            "ImageNotFoundException",
            f"The image with imageId {{{identity}}} does not exist within the repository with name '{name}' "
            f"in the registry with id '{ACCOUNT}'",
        )
    return {"imageDetails": []}


def _find(cloud: Cloud, name: str) -> Document:
    try:
        return cloud.store.get(KIND, name)
    except NotThere:
        raise AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'",
        ) from None


def _registry(cloud: Cloud) -> str:
    return f"{ACCOUNT}.dkr.ecr.{cloud.region}.{DOMAINS.get(cloud.partition, 'amazonaws.com')}"
