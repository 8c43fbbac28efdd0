"""The server as a process, over HTTP."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
import urllib3

from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact

HTTP = urllib3.PoolManager(retries=False, timeout=240)


@pytest.fixture(scope="module")
def start(containers_python):
    """Starts a server for a folder; its process and its address."""

    def start(folder: Path, **environment: str) -> tuple[subprocess.Popen, str]:
        port = free_port()
        ours = {"SAGEMAKER_DATA_PATH": str(folder), "SAGEMAKER_BIND_TO_PORT": str(port)}
        process = subprocess.Popen(
            containers_python.module("wildsage.containers", "serve"),
            env=os.environ | ours | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return process, f"http://127.0.0.1:{port}"

    return start


def wait_for_ping(url: str) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            if HTTP.request("GET", f"{url}/ping").status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer /ping")


@pytest.fixture(scope="module")
def server(tmp_path_factory, start):
    folder = tmp_path_factory.mktemp("ml")
    artifact.save(KMeansModel(torch.tensor([[0.0, 0.0], [3.0, 4.0]])), OptML(folder).model, "algo-1")
    process, url = start(folder)
    wait_for_ping(url)
    yield url
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=240) == 0


def test_ping_is_empty(server):
    answer = HTTP.request("GET", f"{server}/ping")
    assert (answer.status, answer.data) == (200, b"")


def test_invocations_answer_with_custom_attributes(server):
    headers = {"Content-Type": "text/csv", "Accept": "text/csv", "X-Amzn-SageMaker-Custom-Attributes": "trace=7"}
    answer = HTTP.request("POST", f"{server}/invocations", body=b"3,0\n3,4.5\n", headers=headers)
    assert (answer.status, answer.data) == (200, b"0.0,3.0\n1.0,0.5\n")
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=7"


def test_a_bad_body_is_a_400_and_the_server_goes_on(server):
    answer = HTTP.request("POST", f"{server}/invocations", body=b"x", headers={"Content-Type": "text/csv"})
    assert answer.status == 400 and answer.data.startswith(
        b"unable to evaluate payload provided: row 1: column 1: got 'x'"
    )
    assert HTTP.request("GET", f"{server}/ping").status == 200


def test_execution_parameters(server):
    answer = HTTP.request("GET", f"{server}/execution-parameters")
    assert answer.status == 200 and answer.json()["BatchStrategy"] == "MULTI_RECORD"


def test_other_routes_and_methods_are_rejected(server):
    assert HTTP.request("GET", f"{server}/models").status == 404
    assert HTTP.request("GET", f"{server}/invocations").status == 405


def test_a_header_cannot_say_which_path_was_meant(server):
    """By gunicorn's default callers on loopback may, with headers named like the variables of WSGI."""
    headers = {"PATH_INFO": "/nowhere", "SCRIPT_NAME": "/ping"}
    assert HTTP.request("GET", f"{server}/ping", headers=headers).status == 200


def test_a_payload_beyond_the_limit_is_a_413(server):
    answer = HTTP.request(
        "POST", f"{server}/invocations", body=b"1,2\n" * (26 << 20), headers={"Content-Type": "text/csv"}
    )
    assert answer.status == 413 and b"larger than 104857600 bytes" in answer.data


def test_a_multi_model_container_serves_what_it_is_asked_to_load(tmp_path, start):
    place = OptML(tmp_path).loaded_model("opaque")
    artifact.save(KMeansModel(torch.tensor([[0.0, 0.0], [3.0, 4.0]])), place, "algo-1")
    process, url = start(tmp_path, SAGEMAKER_MULTI_MODEL="true")
    try:
        wait_for_ping(url)
        order = b'{"model_name": "opaque", "url": "/opt/ml/models/opaque/model"}'
        assert HTTP.request("POST", f"{url}/models", body=order).status == 200
        assert HTTP.request("GET", f"{url}/models").json()["models"][0]["modelName"] == "opaque"
        assert HTTP.request("GET", f"{url}/models/opaque").json()["modelUrl"] == "/opt/ml/models/opaque/model"
        headers = {"Content-Type": "text/csv", "Accept": "text/csv", "X-Amzn-SageMaker-Target-Model": "a/b.tar.gz"}
        answer = HTTP.request("POST", f"{url}/models/opaque/invoke", body=b"3,0\n", headers=headers)
        assert (answer.status, answer.data) == (200, b"0.0,3.0\n")
        assert HTTP.request("DELETE", f"{url}/models/opaque").status == 200
        assert HTTP.request("POST", f"{url}/models/opaque/invoke", body=b"3,0\n", headers=headers).status == 404
        assert HTTP.request("POST", f"{url}/invocations", body=b"3,0\n").status == 404
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=240) == 0


def test_without_a_model_it_says_so_and_ends(tmp_path, start):
    process, _ = start(tmp_path)
    log, _ = process.communicate(timeout=240)
    assert process.returncode == 1 and "ClientError: No model" in log and "Traceback" not in log


def test_a_model_of_another_algorithm_is_named(tmp_path, start):
    artifact.save(KMeansModel(torch.zeros(2, 2)), OptML(tmp_path).model, "algo-1")
    process, _ = start(tmp_path, WILDSAGE_ALGORITHM="xgboost")
    log, _ = process.communicate(timeout=240)
    assert process.returncode == 1 and "The files look like a model of kmeans." in log and "Traceback" not in log
