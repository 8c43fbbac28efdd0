"""ECR: the operations that precede a push. Repositories are stored and a login is given; layers are not stored."""

from __future__ import annotations

import base64
import time
from typing import Any

from wildsage.local_runner.jobs.store import Document, ListQuery, NameTaken, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.settings import ACCOUNT
from wildsage.local_runner.wire.errors import AwsError

SERVICE = "ecr"
KIND = "ecr-repository"
LOGIN_LASTS_S = 12 * 3600
DEFAULT_PAGE = 100
DOMAINS = {"aws-cn": "amazonaws.com.cn"}


def get_authorization_token(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a login that no registry checks."""
    token = base64.b64encode(b"AWS:local").decode()
    data = {
        "authorizationToken": token,
        "expiresAt": time.time() + LOGIN_LASTS_S,
        "proxyEndpoint": f"https://{_registry(context)}",
    }
    return {"authorizationData": [data]}


def create_repository(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    repository = {
        "repositoryArn": context.arn("ecr", f"repository/{name}"),
        "registryId": ACCOUNT,
        "repositoryName": name,
        "repositoryUri": f"{_registry(context)}/{name}",
        "createdAt": time.time(),
        "imageTagMutability": request.get("imageTagMutability", "MUTABLE"),
    }
    try:
        context.services.store.insert(KIND, name, repository)
    except NameTaken:
        raise AwsError(
            "RepositoryAlreadyExistsException",
            f"The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'",
        ) from None
    return {"repository": repository}


def describe_repositories(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    if "repositoryNames" in request:
        return {"repositories": [_find(context, name) for name in request["repositoryNames"]]}
    found, last = context.services.store.page(KIND, _selection(request))
    return {"repositories": found, **({"nextToken": last[1]} if last else {})}


def _selection(request: dict[str, Any]) -> ListQuery:
    """A token is the name of the last repository that was returned."""
    after = (request["nextToken"],) * 2 if "nextToken" in request else None
    return ListQuery(sort="name", after=after, limit=request.get("maxResults", DEFAULT_PAGE))


def describe_images(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Lists no images, because they lie in a Docker engine here. An image that is requested by name is not found."""
    name = request["repositoryName"]
    _find(context, name)
    if wanted := request.get("imageIds"):
        identity = ", ".join(f"{key}:'{value}'" for key, value in wanted[0].items())
        raise AwsError(
            "ImageNotFoundException",
            f"The image with imageId {{{identity}}} does not exist within the repository with name '{name}' "
            f"in the registry with id '{ACCOUNT}'",
        )
    return {"imageDetails": []}


def _find(context: RequestContext, name: str) -> Document:
    try:
        return context.services.store.get(KIND, name)
    except NotFound:
        raise AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'",
        ) from None


def _registry(context: RequestContext) -> str:
    return f"{ACCOUNT}.dkr.ecr.{context.region}.{DOMAINS.get(context.partition, 'amazonaws.com')}"
