"""A push as far as it goes without Amazon's registry: repository, login, the engine's attempt, and what is said of it."""

from __future__ import annotations

import base64

import boto3
import botocore.exceptions
import pytest

from wildsage.algorithms.base.errors import PlatformError, UserError

pytest.importorskip("docker")
from docker.errors import APIError, ImageNotFound

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


class Pushed:
    """Stands in for an engine with one image, whose registry says `events`; it notes what it is told."""

    def __init__(self, *events: dict) -> None:
        self.events, self.tagged, self.pushed = events, [], []
        self.images = self.api = self

    def get(self, image: str):
        if image != "own:1":
            raise ImageNotFound("no such image")
        return self

    def tag(self, uri: str, tag: str) -> None:
        self.tagged.append(f"{uri}:{tag}")

    def push(self, uri: str, tag: str, stream: bool, decode: bool, auth_config: dict):
        self.pushed.append((f"{uri}:{tag}", stream, decode, auth_config))
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event


class Ecr:
    """Stands in for ECR and for the session that makes its client."""

    class exceptions:
        class RepositoryNotFoundException(Exception):
            pass

    def __init__(self, *repositories: str) -> None:
        self.repositories = list(repositories)

    def client(self, service: str):
        return self

    def describe_repositories(self, repositoryNames):
        (name,) = repositoryNames
        if name not in self.repositories:
            raise self.exceptions.RepositoryNotFoundException
        return {"repositories": [{"repositoryUri": f"registry.example/{name}"}]}

    def create_repository(self, repositoryName):
        self.repositories.append(repositoryName)
        return {"repository": {"repositoryUri": f"registry.example/{repositoryName}"}}

    def get_authorization_token(self):
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:pass:word").decode()}]}


@pytest.mark.parametrize("repositories", [(), ("team/own",)])
def test_an_image_is_pushed_with_a_login_under_its_uri_and_layers_are_reported(repositories):
    reported, ecr = [], Ecr(*repositories)
    engine = Pushed(
        {"status": "The push refers to repository"},
        {"id": "layer", "progressDetail": {}},
        {"id": "layer", "progressDetail": {"current": 5, "total": 10}},
        {"id": "layer", "progressDetail": {"current": 7}},
        {"progressDetail": {"current": 1}},
        {"id": "layer", "progressDetail": None},
    )
    uri = push.push(engine, "own:1", "team/own", "2", ecr, lambda *given: reported.append(given))
    assert uri == "registry.example/team/own:2" and engine.tagged == [uri] and ecr.repositories == ["team/own"]
    assert engine.pushed == [(uri, True, True, {"username": "AWS", "password": "pass:word"})]
    assert reported == [("layer", 5, 10), ("layer", 7, 7)]


def test_what_the_registry_or_the_engine_says_is_quoted():
    for event, said in (
        ({"error": "denied"}, "registry.example rejected registry.example/own:2: denied"),
        (APIError("x", explanation="no space"), "The Docker engine cannot push registry.example/own:2: no space"),
    ):
        with pytest.raises(PlatformError) as caught:
            push.push(Pushed(event), "own:1", "own", "2", Ecr(), lambda *_: None)
        assert str(caught.value) == said


def test_an_image_that_the_engine_does_not_have_is_named_before_aws_is_asked():
    with pytest.raises(
        UserError, match=r"Image none:1 is not in this Docker engine\. Build it with `wildsage build`\."
    ):
        push.push(Pushed(), "none:1", "own", "2", None, lambda *_: None)


def test_what_aws_says_is_quoted():
    class Closed(Ecr):
        def describe_repositories(self, repositoryNames):
            raise botocore.exceptions.NoCredentialsError

    with pytest.raises(PlatformError, match="ECR rejected the request: Unable to locate credentials"):
        push.push(Pushed(), "own:1", "own", "2", Closed(), lambda *_: None)
