"""A training job of a script, in a folder of its own, as the local AWS lays it out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import hyperparameters, training
from wildsage.containers.frameworks.variables import ScriptJob
from wildsage.containers.training.stopping import StopSignal


@dataclass
class ScriptContainer:
    """An ended container."""

    opt_ml: OptML
    status: int
    log: str

    @property
    def reason(self) -> str:
        return self.opt_ml.failure.read_text()

    def json(self, name: str) -> Any:
        return json.loads((self.opt_ml.model / name).read_text())


@pytest.fixture
def lay_out(tmp_path: Path) -> Callable[..., OptML]:
    """Writes the code and the job: `lay_out({"train.py": …}, {"epochs": 5}, hosts=2)`."""

    def make(
        code: Mapping[str, str],
        hyperparameters: Mapping[str, Any],
        host: str = "algo-1",
        hosts: int = 1,
        program: str = "train.py",
    ) -> OptML:
        opt_ml = OptML(tmp_path / host)
        opt_ml.make_folders()
        source = tmp_path / "source"
        for name, text in code.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        opt_ml.channel("training").mkdir()
        toolkit = {"sagemaker_program": program, "sagemaker_submit_directory": f"file://{source}"}
        TrainingJob(
            hyperparameters={name: json.dumps(value) for name, value in {**toolkit, **hyperparameters}.items()},
            channels={"training": ChannelConfig(content_type="text/csv")},
            current_host=host,
            hosts=tuple(f"algo-{number}" for number in range(1, hosts + 1)),
            network_interface="lo",
            instance_type="ml.m5.large",
        ).write(opt_ml)
        return opt_ml

    return make


@pytest.fixture
def script_job(tmp_path: Path) -> Callable[..., ScriptJob]:
    """Makes a job as a container has read it: `script_job("pytorch", hosts=2, epochs=5)`."""

    def make(framework: str = "scikit-learn", host: str = "algo-1", hosts: int = 1, **values: Any) -> ScriptJob:
        opt_ml = OptML(tmp_path / host)
        opt_ml.make_folders()
        job = TrainingJob(
            channels={"training": ChannelConfig(content_type="text/csv")},
            current_host=host,
            hosts=tuple(f"algo-{number}" for number in range(1, hosts + 1)),
            network_interface="lo",
            instance_type="ml.m5.large",
        )
        job.write(opt_ml)
        decoded = hyperparameters.decode({name: json.dumps(value) for name, value in values.items()})
        return ScriptJob(opt_ml, framework, job, decoded, "job-1")

    return make


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "WILDSAGE_FRAMEWORK": "scikit-learn",
        "WILDSAGE_IMAGE_TAG": "1.2-1-cpu-py3",
        "TRAINING_JOB_NAME": "job-1",
        "AWS_REGION": "eu-west-1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


@pytest.fixture
def train(
    lay_out: Callable[..., OptML], environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., ScriptContainer]]:
    """Runs a job to its end, in this process but for the script."""
    before = signal.getsignal(signal.SIGTERM)

    def run(code: Mapping[str, str], variables: Mapping[str, str] | None = None, **fields: Any) -> ScriptContainer:
        opt_ml = lay_out(code, fields.pop("hyperparameters", {}), **fields)
        given = {**environment, **(variables or {}), "SAGEMAKER_DATA_PATH": str(opt_ml.root)}
        capfd.readouterr()
        status = training.train(given, StopSignal())
        return ScriptContainer(opt_ml, status, "".join(capfd.readouterr()))

    yield run
    signal.signal(signal.SIGTERM, before)


def start(opt_ml: OptML, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "wildsage.containers", "train"],
        env={**environment, "SAGEMAKER_DATA_PATH": str(opt_ml.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def starting() -> Callable[[OptML, Mapping[str, str]], subprocess.Popen[str]]:
    """Starts a job that the test waits for."""
    return start
