"""Pushes an image to Amazon ECR. Creates the repository if it does not exist, and stores no login."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import docker
from docker.errors import APIError, ImageNotFound

from wildsage.algorithms.base.errors import PlatformError, UserError

Progress = Callable[[str, int, int], None]


def push(
    engine: docker.DockerClient, image: str, repository: str, tag: str, session: boto3.Session, report: Progress
) -> str:
    """Push a local image to a repository of the session's account and region; returns its URI there.

    `report` gets a layer's name, the bytes sent and its size in bytes. Raises UserError if the engine has no such image,
    PlatformError if AWS or the registry rejects the request.
    """
    try:
        local = engine.images.get(image)
    except ImageNotFound:
        raise UserError(f"Image {image} is not in this Docker engine. Build it with `wildsage build`.") from None
    try:
        ecr = session.client("ecr")
        uri = _repository(ecr, repository)
        login = _login(ecr)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        raise PlatformError(f"ECR rejected the request: {error}") from None
    local.tag(uri, tag)
    try:
        for event in engine.api.push(uri, tag, stream=True, decode=True, auth_config=login):
            if "error" in event:
                raise PlatformError(f"{urlsplit('//' + uri).hostname} rejected {uri}:{tag}: {event['error']}")
            detail = event.get("progressDetail") or {}
            if "id" in event and "current" in detail:
                report(event["id"], detail["current"], detail.get("total", detail["current"]))
    except APIError as error:
        raise PlatformError(f"The Docker engine cannot push {uri}:{tag}: {error.explanation}") from None
    return f"{uri}:{tag}"


def _repository(ecr: Any, name: str) -> str:
    """URI of the repository, which is created if it does not exist."""
    try:
        return ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"]
    except ecr.exceptions.RepositoryNotFoundException:
        return ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]


def _login(ecr: Any) -> dict[str, str]:
    """User name and password, valid for twelve hours."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": user, "password": password}
