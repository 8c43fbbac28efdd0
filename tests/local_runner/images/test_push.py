"""A push as far as it goes without Amazon's registry: repository, login, the engine's attempt, and what is said of it."""

from __future__ import annotations

import boto3
import pytest

from wildsage.algorithms.base.errors import PlatformError, UserError

pytest.importorskip("docker")
from wildsage.local_runner.images import push


@pytest.fixture
def session(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    return boto3.Session("test", "test", region_name="us-east-1")


def test_the_repository_is_created_and_the_registry_named_when_it_rejects(aws, session, engine):
    engine.images.get("debian:bookworm-slim").tag("wildsage-test/pushed", "1")
    with pytest.raises(PlatformError, match=r"000000000000\.dkr\.ecr\.us-east-1\.amazonaws\.com"):
        push.push(engine, "wildsage-test/pushed:1", "wildsage/pushed", "1", session, lambda *_: None)
    made = aws.client("ecr").describe_repositories(repositoryNames=["wildsage/pushed"])["repositories"]
    engine.images.get(f"{made[0]['repositoryUri']}:1")
    engine.images.remove(f"{made[0]['repositoryUri']}:1")
    engine.images.remove("wildsage-test/pushed:1")


def test_an_image_that_was_not_built_is_said_so(session, engine):
    with pytest.raises(UserError, match="wildsage build"):
        push.push(engine, "wildsage-test/none:1", "any", "1", session, lambda *_: None)
