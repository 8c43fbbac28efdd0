"""Our images under the restrictions that a careful operator gives to `docker run`."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load_balancer import save_model
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML

SERVES_WITHIN_S = 240
HEALTHY_WITHIN_S = 5
POLL_S = 0.05
SERVING_PORT = "8080/tcp"
NO_CAPABILITIES = {"cap_drop": ["ALL"]}
READ_ONLY = {"read_only": True, "tmpfs": {"/tmp": ""}}
NO_NEW_PRIVILEGES = {"security_opt": ["no-new-privileges"]}
RESTRICTIONS = {
    "read-only, no new privileges": READ_ONLY | NO_NEW_PRIVILEGES,
    "all of them": NO_CAPABILITIES | READ_ONLY | NO_NEW_PRIVILEGES,
}
"""With capabilities a server changes its user, and without it stays root. What does without more does with less."""


@pytest.fixture(scope="module")
def image(our_image) -> str:
    return our_image("kmeans")


@pytest.fixture
def run(engine, image) -> Iterator:
    """Starts a container of the image of k-means, and removes it at the end of the test."""
    started = []

    def start(command: str, folder: Path | None = None, **options):
        volumes = {str(folder): {"bind": "/opt/ml", "mode": "rw"}} if folder else {}
        ports = {SERVING_PORT: ("127.0.0.1", None)} if command == "serve" else {}
        started.append(engine.containers.run(image, [command], detach=True, volumes=volumes, ports=ports, **options))
        return started[-1]

    yield start
    for container in started:
        container.remove(force=True, v=True)


@pytest.fixture(params=RESTRICTIONS, ids=lambda name: name.replace(" ", "-"))
def restrictions(request) -> dict:
    return RESTRICTIONS[request.param]


@pytest.fixture
def job(tmp_path) -> Path:
    """A job of k-means on three corners, ready to be trained."""
    folder = OptML(tmp_path / "ml")
    folder.make_folders()
    settings = {"k": "3", "feature_dim": "2", "mini_batch_size": "50"}
    TrainingJob(settings, {"train": ChannelConfig("text/csv;label_size=0")}).write(folder)
    folder.channel("train").mkdir()
    (folder.channel("train") / "rows.csv").write_text("0,0\n9,0\n0,9\n" * 100)
    return folder.root


@pytest.fixture
def model(tmp_path) -> Path:
    """The folder of a container with a model of k-means."""
    folder = OptML(tmp_path / "served")
    save_model(folder)
    return folder.root


def address(container) -> str:
    container.reload()
    return f"http://127.0.0.1:{container.ports[SERVING_PORT][0]['HostPort']}"


def await_ping(container) -> float:
    """The time at which /ping was first answered."""
    deadline = time.monotonic() + SERVES_WITHIN_S
    while True:
        try:
            urllib.request.urlopen(f"{address(container)}/ping", timeout=2).close()
            return time.monotonic()
        except (OSError, KeyError, TypeError):  # not listening, or no port is published yet
            assert time.monotonic() < deadline, container.logs().decode()
            time.sleep(POLL_S)


def test_trains_serves_and_stops(run, job, restrictions):
    training = run("train", job, **restrictions)
    assert training.wait()["StatusCode"] == 0, training.logs().decode()
    container = run("serve", job, **restrictions)
    await_ping(container)
    request = urllib.request.Request(f"{address(container)}/invocations", b"1,1", {"Content-Type": "text/csv"})
    assert len(json.load(urllib.request.urlopen(request))["predictions"]) == 1
    container.stop(timeout=240)
    assert container.wait()["StatusCode"] != 137, "it had to be killed"
    log = container.logs().decode()
    assert "Traceback" not in log
    assert ("lacks the capabilities CHOWN, KILL, SETGID, SETUID" in log) == ("cap_drop" in restrictions)


def test_files_that_root_may_not_open_without_a_capability_are_named(run, model):
    for path in OptML(model).model.iterdir():
        path.chmod(0)
    container = run("serve", model, cap_drop=["ALL"])
    assert container.wait()["StatusCode"] == 3
    log = container.logs().decode()
    assert "DAC_OVERRIDE" in log and "/opt/ml/model/" in log and "Traceback" not in log


@pytest.mark.parametrize("options", [{}, READ_ONLY], ids=["plain", "read-only"])
def test_a_job_without_a_mount_is_one_line(run, options):
    container = run("train", **options)
    assert container.wait()["StatusCode"] == 3
    (line,) = container.logs().decode().splitlines()
    assert "/opt/ml/input/config/hyperparameters.json is missing" in line and "-v $PWD/job:/opt/ml" in line


def test_the_engine_calls_a_server_healthy_soon_after_its_first_ping(run, model):
    container = run("serve", model)
    answered_s = await_ping(container)
    while container.attrs["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() - answered_s < HEALTHY_WITHIN_S + SERVES_WITHIN_S, container.attrs["State"]["Health"]
        time.sleep(POLL_S)
        container.reload()
    health = engine_interval_s(container)
    assert health < HEALTHY_WITHIN_S, "the next look after the first /ping would come too late"


def engine_interval_s(container) -> float:
    return container.image.attrs["Config"]["Healthcheck"]["Interval"] / 1e9
