"""Jobs of XGBoost through the door of its container, in this process."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.algorithms.finished_job import FinishedJob
from wildsage.algorithms.base.program import TAG_VARIABLE
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.training.stopping import StopSignal


class FinishedXGBoostJob(FinishedJob):
    """What a job of XGBoost left."""

    @property
    def rounds(self) -> list[str]:
        """Log lines of rounds."""
        return [line for line in self.log.splitlines() if line.startswith("[") and "\t" in line]

    def model(self, name: str = "xgboost-model") -> bytes:
        """The bytes of a model file."""
        return self.file(name)


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
    ) -> FinishedXGBoostJob:
        return FinishedXGBoostJob.run(
            "xgboost", tmp_path / f"job-{next(count)}", hyperparameters, channels, ChannelConfig(content_type, mode),
            environment={TAG_VARIABLE: tag}, checkpoints=checkpoints, stop=stop, file_name="rows",
        )  # fmt: skip

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


@pytest.fixture(scope="session")
def loaded_loops():
    """The compiled loops."""
    pytest.importorskip("llvmlite")
    from wildsage.algorithms.xgboost.data.late_loops import LateLoops

    loops = LateLoops()
    assert loops.load()
    return loops


@pytest.fixture(params=["arrow", "loops"])
def both_readers(request, monkeypatch) -> None:
    """The test runs twice: Arrow reads text, and then the compiled loops, where it is usual."""
    from wildsage.algorithms.xgboost.data import csv_text, libsvm
    from wildsage.algorithms.xgboost.data.late_loops import LateLoops

    loops = request.getfixturevalue("loaded_loops") if request.param == "loops" else LateLoops()
    monkeypatch.setattr(csv_text, "LATE_LOOPS", loops)
    monkeypatch.setattr(libsvm, "LATE_LOOPS", loops)
