"""Endpoints without a server: what is called off is stopped, and nothing else."""

import sys
import threading
import time
from pathlib import Path

import pytest

from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.jobs.hosting.endpoint import KIND, Endpoints, deployment_id
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.store import NotFound, Store
from wildsage.local_runner.s3.store import ObjectStore

CONTAINER = {
    "Name": "primary",
    "Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
    "Environment": {"SICK": "1"},
    "Mode": "SingleModel",
}
STAND_IN = Path(__file__).parents[2] / "stand_in.py"
WITHIN_S = 240


class Backend(ProcessBackend):
    """Remembers what it started."""

    def __init__(self, command):
        super().__init__(command)
        self.started = []

    def serve(self, launch):
        self.started.append(super().serve(launch))
        return self.started[-1]


class SlowToGiveUp(Endpoints):
    """The first deployment, called off, is not forgotten before `release` is set."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.release = threading.Event()
        self.first = None

    def _start(self, name, deployment, running=()):
        self.first = self.first or deployment["Id"]
        try:
            return super()._start(name, deployment, running)
        finally:
            if deployment["Id"] == self.first:
                self.release.wait(WITHIN_S)


def until(wanted):
    deadline = time.monotonic() + WITHIN_S
    while not wanted():
        assert time.monotonic() < deadline, f"waited {WITHIN_S} s in vain"
        time.sleep(0.02)


def sick() -> dict:
    """An endpoint that never becomes healthy."""
    variant = {
        "VariantName": "v0",
        "Containers": [CONTAINER],
        "ExecutionMode": "Serial",
        "InstanceCount": 1,
        "Weight": 1.0,
    }
    deployment = {"Id": deployment_id(), "EndpointConfigName": "config", "Variants": [variant]}
    return {"EndpointName": "e", "EndpointArn": "arn", "EndpointConfigName": "config", "Deployment": deployment}


@pytest.fixture
def endpoints(tmp_path):
    store, backend = Store(tmp_path / "state"), Backend((sys.executable, "-S", str(STAND_IN)))
    made = SlowToGiveUp(
        store, Logs(tmp_path / "logs"), ObjectStore(tmp_path / "s3"), backend, tmp_path / "endpoints", "us-east-1"
    )
    yield made, store, backend
    made.release.set()
    made.close()


def test_an_endpoint_made_again_while_its_first_start_is_called_off_can_be_called_off_too(endpoints):
    endpoints, store, backend = endpoints

    def exists() -> bool:
        try:
            return bool(store.get(KIND.name, "e"))
        except NotFound:
            return False

    endpoints.create(sick())
    until(lambda: len(backend.started) == 1)
    endpoints.delete("e")
    until(lambda: not exists())
    endpoints.create(sick())
    until(lambda: len(backend.started) == 2)
    endpoints.release.set()
    until(lambda: [thread.name for thread in threading.enumerate()].count("endpoint e") == 1)
    endpoints.delete("e")
    until(lambda: not exists())
    assert backend.started[1].wait(WITHIN_S) is not None
