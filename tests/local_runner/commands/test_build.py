"""`wildsage build`: which images it asks for, and the requests that it rejects before anything is built."""

from __future__ import annotations

import pytest

from wildsage.local_runner.commands import build as command


@pytest.fixture
def built(monkeypatch) -> list[tuple]:
    """What is asked for, in place of a build, which needs Docker."""
    asked: list[tuple] = []

    def build(names, target, tag, show):
        show("step [1]")
        asked.append((list(names), target, tag))
        return [f"wildsage/{name}:{target}" for name in names]

    monkeypatch.setattr(command.images, "build", build)
    return asked


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["kmeans"], (["kmeans"], "cpu", None)),
        (["kmeans", "pca"], (["kmeans", "pca"], "cpu", None)),
        (["kmeans", "--cuda"], (["kmeans"], "cuda", None)),
        (["kmeans", "--tag", "mine:1"], (["kmeans"], "cpu", "mine:1")),
        (["--all"], (command.images.known(), "cpu", None)),
    ],
)
def test_images_are_built_as_asked_and_named(cli, built, arguments, wanted):
    said = cli("build", *arguments)
    assert said.status == 0, said.err
    assert built == [wanted]
    assert "step [1]" in said.err and f"Image: wildsage/{wanted[0][0]}:{wanted[1]}" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name algorithms, or give --all"),
        (["kmeans", "--all"], "Name algorithms, or give --all"),
        (["kmeans", "pca", "--tag", "x"], "--tag names one image"),
        (["--all", "--tag", "x"], "--tag names one image"),
        (["kmeens"], "kmeans"),
        (["kmeans", "nothing"], "nothing"),
    ],
)
def test_other_requests_are_rejected(cli, built, arguments, words):
    said = cli("build", *arguments)
    assert said.status == 2 and words in said.err.replace("│ ", "")
    assert built == []
