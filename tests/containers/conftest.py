"""A job as SageMaker starts it: a folder, a process, an exit status."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forks
from wildsage.algorithms.base import ports
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Job:
    """One host's folder and how to run `python -m wildsage.containers` on it."""

    opt_ml: OptML
    algorithm: str
    python: forks.Forks

    def describe(self, hyperparameters: dict[str, str], channels: dict[str, ChannelConfig], **hosts) -> None:
        """Write the files of the contract that describe the job."""
        self.opt_ml.make_folders()
        TrainingJob(hyperparameters, channels, **hosts).write(self.opt_ml)

    def put(self, channel: str, name: str, content: bytes) -> None:
        """Add a file to a channel."""
        path = self.opt_ml.channel(channel) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def start(self, **environment: str) -> subprocess.Popen:
        """Start the container's `train` as a process that has its imports behind it, with these variables beside ours."""
        return self._start(self.python.module("wildsage.containers", "train"), environment)

    def start_alone(self, **environment: str) -> subprocess.Popen:
        """Start the container's `train` as a child of this process, which begins with its imports."""
        return self._start([sys.executable, "-m", "wildsage.containers", "train"], environment)

    def _start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen:
        ours = {
            "SAGEMAKER_DATA_PATH": str(self.opt_ml.root),
            "WILDSAGE_ALGORITHM": self.algorithm,
            "PYTHONPATH": str(ROOT),
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, env=os.environ | ours | environment, text=True, **pipes)

    def train(self, **environment: str) -> tuple[int, str]:
        """Exit status and log."""
        process = self.start(**environment)
        log, _ = process.communicate(timeout=240)
        return process.returncode, log

    @property
    def failure(self) -> str:
        """The reason that the job left."""
        return self.opt_ml.failure.read_text()


@pytest.fixture
def job(tmp_path, containers_python):
    """`job("kmeans")` gives a fresh Job."""
    count = iter(range(1000))
    return lambda algorithm: Job(OptML(tmp_path / f"job-{next(count)}"), algorithm, containers_python)


@pytest.fixture
def free_port() -> int:
    """A port of this machine at which nothing listens."""
    return ports.free_port()
