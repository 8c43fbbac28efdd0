"""What `wildsage build` says before it builds; the images themselves are tested where they run."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from wildsage.local_runner.__main__ import app
from wildsage.local_runner.images import build


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("command", ["build", "push"])
def test_every_command_explains_itself_with_examples(command):
    status, text = said(command, "--help")
    assert status == 0 and f"wildsage {command}" in text


def test_an_algorithm_that_is_none_is_refused_before_anything_is_fetched():
    status, text = said("build", "kmean")
    assert status == 1 and "kmeans" in text and "runner" in text


def test_without_docker_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    status, text = said("build", "kmeans")
    assert status == 3 and "install Docker" in text


def test_packages_that_pip_cannot_find_are_explained(monkeypatch, tmp_path):
    monkeypatch.setattr(build.shutil, "which", lambda _: "/bin/false")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    status, text = said("build", "kmeans")
    assert status == 3 and "PIP_EXTRA_INDEX_URL" in text
