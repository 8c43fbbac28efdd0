"""CONTRIBUTING.md, "Add an algorithm", followed to the letter: one folder more in a copy of the project, and nothing else.

The folder is `tests/conformance/example/nearest_mean`. Every test runs programs of the copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from wildsage.algorithms.base.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = Path(__file__).with_name("example")
PARTS = ("algorithms", "containers", "local_runner", "wildsage", "tests", "docs", "scripts")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
RUNNER = "wildsage.local_runner"


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the project with one folder more."""
    copy = tmp_path_factory.mktemp("project")
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, symlinks=True, ignore=shutil.ignore_patterns("wheels"))
    for file in FILES:
        shutil.copy(ROOT / file, copy)
    shutil.copytree(EXAMPLE / "nearest_mean", copy / "algorithms" / "nearest_mean")
    return copy


@pytest.fixture(scope="module")
def python(tree):
    """Runs `python …` in the copy and returns what it said, standard error first; it must end well."""

    def run(*arguments: str | Path, timeout_s: float = 3_000) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr, done.stdout

    return run


@pytest.mark.slow
def test_it_passes_conformance_and_fits_in(python):
    options = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    _, said = python(*options, "tests/conformance", "tests/architecture", "-k", "nearest_mean")
    assert int(re.search(r"(\d+) passed", said)[1]) >= 32 and "failed" not in said and "skipped" not in said
    python(*options, "tests/containers/docker/test_pick.py")  # the others know no algorithm but k-means


def test_it_shows_where_algorithms_are_listed(python):
    _, listed = python("-P", "-m", RUNNER, "algorithms")
    line = next(line for line in listed.splitlines() if line.startswith("nearest-mean\t"))
    assert "nearest class mean" in line and "text/csv" in line


def test_it_trains_and_serves_by_the_command_line(python, tree, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("0,0,0\n1,9,0\n2,0,9\n0,1,1\n")
    settings = [option for pair in ("feature_dim=2", "num_classes=3") for option in ("--hp", pair)]
    said, _ = python(
        "-P", "-m", RUNNER, "train", "nearest-mean", "--channel", f"train={rows}", *settings, "--output", tmp_path
    )
    assert "text/csv;label_size=1" in said
    with serving(tree, tmp_path / "model.tar.gz") as url:
        request = urllib.request.Request(url, b"8,1\n1,8\n", {"Content-Type": "text/csv"})
        with urllib.request.urlopen(request, timeout=240) as answer:
            labels = [row["predicted_label"] for row in json.load(answer)["predictions"]]
    assert labels == [1.0, 2.0]


@contextlib.contextmanager
def serving(tree: Path, model: Path):
    """`wildsage serve` of a model whose algorithm is not named; the URL that it answers on."""
    port = free_port()
    command = [sys.executable, "-P", "-m", RUNNER, "serve", str(model), "--port", str(port)]
    process = subprocess.Popen(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)})
    try:
        deadline = time.monotonic() + 240
        while not answers(port):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(240)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as ping:
        return ping.status == 200
    return False


@pytest.mark.slow
def test_sdk_v2_trains_tunes_and_deploys_it_by_the_uri_of_its_image(python, tmp_path):
    pytest.importorskip("sagemaker.tuner", reason="SDK v2 is not installed")
    _, said = python("-P", "-m", RUNNER, "run", "--data", tmp_path / "aws", EXAMPLE / "sdk_v2.py")
    check(said)


@pytest.fixture(scope="module")
def image(python, our_image, engine):
    """Its image. Skipped where the image of k-means has not been built, whose packages this one shares."""
    our_image("kmeans")
    python("-P", "-m", RUNNER, "build", "nearest-mean", timeout_s=600)
    yield "wildsage/nearest-mean:cpu"
    engine.images.remove("wildsage/nearest-mean:cpu", force=True)


@pytest.mark.slow
def test_it_builds_as_an_image_that_holds_no_other_algorithm(image, engine):
    (said,) = json.loads(engine.containers.run(image, ["describe"], remove=True))
    assert said["name"] == "nearest-mean" and said["problem"] is None


@pytest.mark.slow
def test_sdk_v2_finds_its_image_in_the_docker_backend(image, python, tree, tmp_path):
    pytest.importorskip("sagemaker.tuner", reason="SDK v2 is not installed")
    data = ("--data", str(tmp_path / "aws"))
    command = [sys.executable, "-P", "-m", RUNNER, "up", "--backend", "docker", "--port", "0", *data]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    with subprocess.Popen(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True) as up:
        try:
            assert any(line.startswith("export WILDSAGE_ENDPOINT=") for line in up.stdout)
            _, said = python("-P", "-m", RUNNER, "run", *data, EXAMPLE / "sdk_v2.py")
        finally:
            up.send_signal(signal.SIGINT)
    check(said)


def check(said: str) -> None:
    """What the example of SDK v2 has found."""
    found = json.loads(said.splitlines()[-1])
    assert found["metrics"]["test:accuracy"] == 1.0 and found["metrics"]["train:progress"] == 100.0
    assert found["tuned"] == 1.0
    assert [row["predicted_label"] for row in found["answer"]["predictions"]] == [1.0, 2.0]
