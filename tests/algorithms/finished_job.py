"""A job of an algorithm that brings its own program: through the door of its container, in this process."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wildsage.containers import programs
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.training.stopping import StopSignal


@dataclass
class FinishedJob:
    """What a job left."""

    opt_ml: OptML
    status: int
    log: str

    @property
    def failure(self) -> str:
        """The reason that the job left; empty if it did not fail."""
        return self.opt_ml.failure.read_text() if self.opt_ml.failure.is_file() else ""

    def file(self, name: str) -> bytes:
        """The bytes of a model file; what went wrong where there is none."""
        assert self.status == 0, self.failure
        return (self.opt_ml.model / name).read_bytes()

    @classmethod
    def run(
        cls,
        algorithm: str,
        root: Path,
        hyperparameters: dict[str, str],
        channels: Mapping[str, bytes],
        config: ChannelConfig,
        *,
        environment: Mapping[str, str] | None = None,
        checkpoints: Path | None = None,
        stop: StopSignal | None = None,
        file_name: str = "text",
        passes: int = 1,
    ) -> Self:
        """Run a job below `root` whose channels have these contents, each in one file. In Pipe mode it can be read `passes` times."""
        opt_ml = OptML(root)
        opt_ml.make_folders()
        TrainingJob(hyperparameters, dict.fromkeys(channels, config)).write(opt_ml)
        for channel, content in channels.items():
            if config.input_mode == "Pipe":
                _pipe(opt_ml, channel, content, passes)
            else:
                opt_ml.channel(channel).mkdir(parents=True, exist_ok=True)
                (opt_ml.channel(channel) / file_name).write_bytes(content)
        if checkpoints:
            opt_ml.checkpoint_config.write_text(f'{{"LocalPath": "{checkpoints}"}}')
        given = {"SAGEMAKER_DATA_PATH": str(root), **(environment or {})}
        with redirect_stdout(io.StringIO()) as log:
            status = programs.train(algorithm, given, stop or StopSignal())
        return cls(opt_ml, status, log.getvalue())


def _pipe(opt_ml: OptML, channel: str, content: bytes, passes: int) -> None:
    """A FIFO for each pass."""
    opt_ml.data.mkdir(parents=True, exist_ok=True)
    paths = [opt_ml.pipe(channel, number) for number in range(passes)]
    for path in paths:
        os.mkfifo(path)
    threading.Thread(target=lambda: [path.write_bytes(content) for path in paths], daemon=True).start()
