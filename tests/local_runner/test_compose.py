"""docker-compose.yml of the repository: one command starts the local AWS, and a notebook on the host uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.client import environment as client

ROOT = Path(__file__).parents[2]
STARTED_WITHIN_S = 240
EXPORT = ("python", "-P", "-m", "wildsage.local_runner", "up", "--export", "--data", "/data")
CELLS = """
import boto3, numpy as np, sagemaker
from sagemaker import KMeans
from sagemaker.session import Session
session = Session(boto_session=boto3.Session(region_name="us-east-1"))
rows = np.repeat(np.array([[0, 0], [9, 0], [0, 9]], "float32"), 40, axis=0)
role = sagemaker.get_execution_role()
kmeans = KMeans(role=role, instance_count=1, instance_type="ml.m5.large", k=3, sagemaker_session=session)
kmeans.fit(kmeans.record_set(rows))
predictor = kmeans.deploy(1, "ml.m5.large")
found = [record.label["closest_cluster"].float32_tensor.values[0] for record in predictor.predict(rows[::40])]
predictor.delete_endpoint()
assert len(set(found)) == 3, found
"""


@pytest.fixture(scope="module")
def port() -> str:
    return str(free_port())


@pytest.fixture(scope="module")
def compose(our_image, port):
    """Runs docker compose on a project of this test; what it prints."""
    our_image("runner")
    installed = shutil.which("docker-compose")
    command = [installed] if installed else ["docker", "compose"]
    command += ["--project-name", f"wildsage-test-{port}", "--file", str(ROOT / "docker-compose.yml")]
    environment = {**os.environ, "WILDSAGE_PORT": port}

    def run(*words: str) -> str:
        return subprocess.run([*command, *words], env=environment, check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture(scope="module")
def endpoint(compose, port):
    """The local AWS in its container, until the tests end."""
    compose("up", "--detach", "--no-build")
    try:
        yield await_answer(f"http://127.0.0.1:{port}")
    finally:
        compose("down", "--volumes")


def await_answer(url: str) -> str:
    deadline = time.monotonic() + STARTED_WITHIN_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return url
        except OSError:
            assert time.monotonic() < deadline, f"nothing answers at {url}"
            time.sleep(0.2)


def test_a_notebook_on_the_host_trains_and_predicts(endpoint, tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("sagemaker")
    environment = client.client_environment(endpoint, tmp_path, False, os.environ)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELLS)])
    nbclient.NotebookClient(notebook, timeout=240).execute(env=environment, cwd=str(tmp_path))


def test_the_variables_it_prints_are_those_of_clients_on_the_host(compose, endpoint):
    printed = compose("exec", "-T", "runner", *EXPORT)
    assert f"export AWS_ENDPOINT_URL={endpoint}\n" in printed
    assert "/opt/" not in printed and "/data" not in printed
    assert f"export AWS_ENDPOINT_URL={endpoint}\n" in compose("logs", "--no-color")
