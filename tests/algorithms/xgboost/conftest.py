"""Jobs of XGBoost through the door of its container, in this process."""

import io
import threading
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from wildsage.algorithms.base.program import TAG_VARIABLE
from wildsage.containers import programs
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.training.stopping import StopSignal


@dataclass
class Finished:
    """What a job left."""

    opt_ml: OptML
    status: int
    log: str

    @property
    def failure(self) -> str:
        """The reason that the job left; empty if it did not fail."""
        return self.opt_ml.failure.read_text() if self.opt_ml.failure.is_file() else ""

    @property
    def rounds(self) -> list[str]:
        """Log lines of rounds."""
        return [line for line in self.log.splitlines() if line.startswith("[") and "\t" in line]

    def model(self, name: str = "xgboost-model") -> bytes:
        """The bytes of a model file."""
        return (self.opt_ml.model / name).read_bytes()


def put(folder: OptML, channel: str, content: bytes, config: ChannelConfig) -> None:
    """Give a channel its content: as a file, or in Pipe mode as the FIFO of the first pass."""
    if config.input_mode == "Pipe":
        folder.data.mkdir(parents=True, exist_ok=True)
        import os

        path = folder.pipe(channel, 0)
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
        return
    folder.channel(channel).mkdir(parents=True, exist_ok=True)
    (folder.channel(channel) / "rows").write_bytes(content)


@pytest.fixture
def run(tmp_path):
    """`run({"num_round": "3"}, {"train": content}, "text/csv", tag="1.5-1")` is a finished job."""
    count = iter(range(1000))

    def job(
        hyperparameters: dict[str, str],
        channels: dict[str, bytes],
        content_type: str | None = "text/csv",
        tag: str = "",
        mode: str = "File",
        checkpoints: Path | None = None,
        stop: StopSignal | None = None,
    ) -> Finished:
        opt_ml = OptML(tmp_path / f"job-{next(count)}")
        opt_ml.make_folders()
        config = ChannelConfig(content_type, mode)
        TrainingJob(hyperparameters, dict.fromkeys(channels, config)).write(opt_ml)
        for channel, content in channels.items():
            put(opt_ml, channel, content, config)
        if checkpoints:
            opt_ml.checkpoint_config.write_text(f'{{"LocalPath": "{checkpoints}"}}')
        environment = {"SAGEMAKER_DATA_PATH": str(opt_ml.root), TAG_VARIABLE: tag}
        with redirect_stdout(io.StringIO()) as log:
            status = programs.train("xgboost", environment, stop or StopSignal())
        return Finished(opt_ml, status, log.getvalue())

    return job


@dataclass
class Data:
    """Made-up rows (n, 4) with two kinds of labels."""

    x: np.ndarray
    classes: np.ndarray
    values: np.ndarray

    def csv(self, labels: np.ndarray) -> bytes:
        """The rows with labels (n,) as CSV, label first."""
        lines = np.column_stack([labels, self.x]).tolist()
        return "".join(",".join(map(repr, line)) + "\n" for line in lines).encode()

    def libsvm(self, labels: np.ndarray) -> bytes:
        """The rows with labels (n,) as LIBSVM, columns counted from 0."""
        rows = zip(labels.tolist(), self.x.tolist(), strict=True)
        return "".join(f"{y} " + " ".join(f"{i}:{v!r}" for i, v in enumerate(row)) + "\n" for y, row in rows).encode()


@pytest.fixture(scope="session")
def rows() -> Data:
    """300 rows of 4 columns, with labels of two classes and of a regression that depend on them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    score = 2 * x[:, 0] - x[:, 1] + x[:, 2] * x[:, 3]
    return Data(x, (score > 0).astype(int), score + rng.normal(size=300) / 5)
