"""Three servers behind nginx: all of them are replaced under load, as a Deployment replaces its pods, and no request fails."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
import urllib3

from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
SERVERS, CLIENTS, WITHIN_S = 3, 4, 120
CONFIG = """
USERdaemon off; pid nginx.pid; error_log nginx.log; worker_processes 2;
events {}
http {
    access_log off; client_body_temp_path body; proxy_temp_path proxy;
    upstream servers { ADDRESSES keepalive 8; }
    server {
        listen 127.0.0.1:PORT;
        location / { proxy_pass http://servers; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    with suppress(urllib3.exceptions.HTTPError):
        return urllib3.request("GET", f"http://127.0.0.1:{port}/ping", retries=False, timeout=10).status == 200
    return False


class Balancer:
    """nginx, which keeps connections to the servers open."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "nginx.conf"
        self._command = [program, "-p", str(folder), "-e", "nginx.log", "-c", str(self._config)]
        self._process: subprocess.Popen | None = None

    def spread_over(self, ports: list[int]) -> None:
        """Send requests to these servers alone, from when this returns."""
        addresses = " ".join(f"server 127.0.0.1:{port};" for port in ports)
        user = "user root; " if os.geteuid() == 0 else ""
        text = CONFIG.replace("ADDRESSES", addresses).replace("PORT", str(self.port)).replace("USER", user)
        self._config.write_text(text)
        if self._process is None:
            self._process = subprocess.Popen(self._command)
            wait_until(lambda: is_ready(self.port))
            return
        earlier = psutil.Process(self._process.pid).children()
        self._process.send_signal(signal.SIGHUP)
        psutil.wait_procs(earlier, WITHIN_S)

    def end(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(WITHIN_S)


@pytest.fixture
def balancer(tmp_path) -> Iterator[Balancer]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed; `apt-get install nginx-light` installs one on Debian")
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
