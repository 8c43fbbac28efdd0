"""`serve` with scripts as a program: one model in several processes, and several models in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from tests.containers.frameworks.endpoints import write_model
from wildsage.algorithms.base.ports import free_port


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a server below the folder of the test and returns its address, once it answers."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> str:
        port = str(free_port())
        environment = {
            **os.environ,
            "WILDSAGE_FRAMEWORK": "scikit-learn",
            "SAGEMAKER_DATA_PATH": str(tmp_path),
            "SAGEMAKER_BIND_TO_PORT": port,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            **variables,
        }
        with (tmp_path / "log").open("wb") as log:
            command = [sys.executable, "-P", "-m", "wildsage.containers", "serve"]
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        url = f"http://127.0.0.1:{port}"
        while True:
            assert started[-1].poll() is None, (tmp_path / "log").read_text()
            try:
                assert urllib3.request("GET", f"{url}/ping", retries=False, timeout=240).status == 200
                return url
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)

    yield start
    for process in started:
        process.terminate()
        process.wait(240)


def ask(url: str, path: str = "/invocations") -> tuple[int, bytes]:
    answer = urllib3.request("POST", url + path, body=b"1,2", headers={"Content-Type": "text/csv"}, timeout=240)
    return answer.status, answer.data


def test_a_model_is_served_with_its_code(serve, tmp_path):
    write_model(tmp_path / "model", 2)
    url = serve(SAGEMAKER_PROGRAM="inference.py", SAGEMAKER_MODEL_SERVER_WORKERS="1")
    assert ask(url) == (200, b"[12.0]")
    assert urllib3.request("GET", f"{url}/execution-parameters", timeout=240).status == 404
    assert "Serving with sklearn" in (tmp_path / "log").read_text()


KNOWS_ITS_PROCESS = """
import sys
IMPORTED = "sklearn" in sys.modules

def model_fn(model_dir):
    return IMPORTED

def predict_fn(data, model):
    return data[:, 0] * model
"""


def test_the_framework_is_imported_once_for_all_workers(serve, tmp_path):
    write_model(tmp_path / "model", 1, KNOWS_ITS_PROCESS)
    url = serve(SAGEMAKER_PROGRAM="inference.py", SAGEMAKER_MODEL_SERVER_WORKERS="2")
    assert ask(url) == (200, b"[1.0]")


def test_a_framework_that_cannot_be_imported_is_left_to_the_script(serve, tmp_path):
    """As where a library was built for another NumPy, which raises ValueError."""
    write_model(
        tmp_path / "model", 1, "def model_fn(model_dir): return 2\ndef predict_fn(data, model): return data * model"
    )
    (tmp_path / "broken" / "sklearn").mkdir(parents=True)
    (tmp_path / "broken" / "sklearn" / "__init__.py").write_text("raise ValueError('binary incompatibility')")
    url = serve(SAGEMAKER_PROGRAM="inference.py", PYTHONPATH=str(tmp_path / "broken"))
    assert ask(url)[0] == 200


COMPUTES_WITH_THREADS = """
import torch

def model_fn(model_dir):
    torch.set_num_threads(2)
    return torch.nn.Linear(2, 1)

def input_fn(body, content_type):
    return torch.ones(300, 2)

def predict_fn(data, model):
    values = torch.rand(400, 400) @ torch.rand(400, 400)
    model.zero_grad()
    model(data).sum().backward()
    return torch.tensor([float(model.weight.grad[0, 0]), float(values.isfinite().all())])
"""


def test_workers_compute_on_several_threads_with_what_was_imported_before_they_were_forked(serve, tmp_path):
    write_model(tmp_path / "model", 1, COMPUTES_WITH_THREADS)
    url = serve(
        WILDSAGE_FRAMEWORK="pytorch", SAGEMAKER_PROGRAM="inference.py", SAGEMAKER_MODEL_SERVER_WORKERS="2",
        OMP_NUM_THREADS="2",
    )  # fmt: skip
    assert [ask(url) for _ in range(4)] == [(200, b"[300.0, 1.0]")] * 4


def test_several_models_keep_to_their_own_code_and_one_that_fails_says_why(serve, tmp_path):
    url = serve(SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_PROGRAM="inference.py")
    for name, number in (("one", 1), ("two", 2)):
        write_model(tmp_path / "models" / name / "model", number)
        assert load(url, name) == (200, f"Model {name} is loaded.")
    assert ask(url, "/models/one/invoke") == (200, b"[6.0]")
    assert ask(url, "/models/two/invoke") == (200, b"[12.0]")
    write_model(tmp_path / "models" / "bad" / "model", 3, "import no_such_module")
    assert load(url, "bad") == (
        400,
        "Model bad cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
    )


def load(url: str, name: str) -> tuple[int, str]:
    body = json.dumps({"model_name": name, "url": f"/opt/ml/models/{name}/model"}).encode()
    answer = urllib3.request("POST", f"{url}/models", body=body, timeout=240)
    return answer.status, answer.json()["message"]
