"""Three servers behind nginx: all of them are replaced under load, as a Deployment replaces its pods, and no request fails."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import urllib3

from benchmarks import nginx
from benchmarks.nginx import WITHIN_S, Balancer, free_port, is_ready, wait_until
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
SERVERS, CLIENTS = 3, 4


@pytest.fixture
def balancer(tmp_path) -> Iterator[Balancer]:
    program = nginx.program()
    if program is None:
        missing = "nginx is not installed: make clients, or apt-get install nginx-light"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    found = Balancer(program, tmp_path)
    yield found
    found.end()


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[[], tuple[subprocess.Popen, int]]]:
    """Start a server; it and its port."""
    folder = OptML(tmp_path / "ml")
    artifact.save(KMeansModel(torch.tensor([[0.0, 0.0], [3.0, 4.0]])), folder.model, "algo-1")
    started = []

    def one() -> tuple[subprocess.Popen, int]:
        port = free_port()
        ours = {"SAGEMAKER_DATA_PATH": str(folder.root), "SAGEMAKER_BIND_TO_PORT": str(port), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-m", "wildsage.containers", "serve"], env={**os.environ, **ours})
        started.append(process)
        return process, port

    yield one
    for process in started:
        process.kill()
        process.wait()


def ask(port: int, over: threading.Event) -> Counter[str]:
    """What a client is answered, as long as it asks."""
    answers: Counter[str] = Counter()
    headers = {"Content-Type": "text/csv", "Accept": "text/csv", "Connection": "close"}
    with urllib3.PoolManager(retries=False, timeout=WITHIN_S) as http:
        while not over.is_set():
            try:
                answer = http.request("POST", f"http://127.0.0.1:{port}/invocations", body=b"3,0\n", headers=headers)
                answers[f"{answer.status} {answer.data.decode()}"] += 1
            except urllib3.exceptions.HTTPError as error:
                answers[str(error)] += 1
    return answers


def test_a_rolling_update_fails_no_request(balancer, start):
    old, new = [[start() for _ in range(SERVERS)] for _ in range(2)]
    wait_until(lambda: all(is_ready(port) for _, port in old + new))
    balancer.spread_over([port for _, port in old])
    over = threading.Event()
    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(ask, balancer.port, over) for _ in range(CLIENTS)]
        try:
            for done in range(1, SERVERS + 1):
                balancer.spread_over([port for _, port in new[:done] + old[done:]])
                process, _ = old[done - 1]
                process.terminate()
                assert process.wait(WITHIN_S) == 0
        finally:
            over.set()
    answers = sum((client.result() for client in clients), Counter())
    assert set(answers) == {"200 0.0,3.0\n"} and answers.total() >= CLIENTS, answers
