"""`wildsage push`: which image goes to which repository, and what is rejected before Docker is asked."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("docker")

from wildsage.local_runner.backends import CannotRun, docker
from wildsage.local_runner.commands import push as command
from wildsage.local_runner.images import push as registry


@pytest.fixture
def pushed(monkeypatch) -> list[tuple]:
    """What is pushed, in place of Docker and ECR."""
    found: list[tuple] = []

    def push(engine, image, repository, tag, session, show):
        for sent in (10, 20):
            show("layer", sent, 20)
        found.append((engine, image, repository, tag, session.region_name))
        return f"registry/{repository}:{tag}"

    monkeypatch.setattr(docker, "connect", lambda: "engine")
    monkeypatch.setattr(registry, "push", push)
    return found


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["kmeans"], ("wildsage/kmeans:cpu", "wildsage/kmeans", "cpu")),
        (["kmeans", "--cuda"], ("wildsage/kmeans:cuda", "wildsage/kmeans", "cuda")),
        (["kmeans", "--tag", "1"], ("wildsage/kmeans:cpu", "wildsage/kmeans", "1")),
        (["kmeans", "--repository", "a/b"], ("wildsage/kmeans:cpu", "a/b", "cpu")),
        (["mine", "--image", "mine:2"], ("mine:2", "wildsage/mine", "cpu")),
    ],
)
def test_an_image_goes_to_its_repository(cli, pushed, arguments, wanted):
    said = cli("push", *arguments, "--region", "eu-west-1")
    assert said.status == 0, said.err
    assert pushed == [("engine", *wanted, "eu-west-1")]
    assert f"Pushed: registry/{wanted[1]}:{wanted[2]}" in said.err


def test_an_algorithm_that_does_not_exist_is_rejected(cli, pushed):
    said = cli("push", "kmeens", "--region", "eu-west-1")
    assert said.status == 2 and "kmeans" in said.err
    assert pushed == []


def test_without_an_engine_the_command_says_so(cli, pushed, monkeypatch):
    def refuse():
        raise CannotRun("No Docker engine answers.")

    monkeypatch.setattr(docker, "connect", refuse)
    said = cli("push", "kmeans", "--region", "eu-west-1")
    assert said.status == 1 and "No Docker engine answers." in said.err


def test_progress_of_each_layer_is_what_has_been_sent(cli, monkeypatch):
    bars: dict[str, list] = {}

    class Bars(command.Progress):
        def __exit__(self, *error) -> None:
            bars.update({task.description: [task.completed, task.total] for task in self.tasks})
            super().__exit__(*error)

    def push(engine, image, repository, tag, session, show):
        for layer, sent, total in (("a", 1, 4), ("b", 0, 7), ("a", 3, 4)):
            show(layer, sent, total)
        return "pushed"

    monkeypatch.setattr(command, "Progress", Bars)
    monkeypatch.setattr(docker, "connect", lambda: "engine")
    monkeypatch.setattr(registry, "push", push)
    assert cli("push", "kmeans", "--region", "eu-west-1").status == 0
    assert bars == {"a": [3, 4], "b": [0, 7]}


def test_without_docker_s_package_the_extra_is_named(cli, pushed, monkeypatch):
    monkeypatch.setitem(sys.modules, "wildsage.local_runner.backends.docker", None)
    said = cli("push", "kmeans", "--region", "eu-west-1")
    assert said.status == 1
    assert 'Pushing needs the package wildsage.local_runner.backends.docker: pip install "wildsage[docker]"' in said.err
    assert pushed == []
