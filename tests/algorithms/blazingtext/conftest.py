"""Jobs of BlazingText through the door of its container, in this process, and texts that can be learned."""

import io
import os
import random
import threading
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.containers import programs
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.training.stopping import StopSignal

PIPE_PASSES = 12


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

    def file(self, name: str = "model.bin") -> bytes:
        """The bytes of a model file; what went wrong where there is none."""
        assert self.status == 0, self.failure
        return (self.opt_ml.model / name).read_bytes()

    def ask(self, body: bytes, content_type: str = "application/json"):
        """What an endpoint of the model answers."""
        return programs.load("blazingtext", self.opt_ml.model, {}).invocations(HttpRequest(body, content_type))


def put(folder: OptML, channel: str, content: bytes, config: ChannelConfig) -> None:
    """Give a channel its content: as a file, or in Pipe mode as a FIFO for each pass."""
    if config.input_mode == "Pipe":
        folder.data.mkdir(parents=True, exist_ok=True)
        paths = [folder.pipe(channel, number) for number in range(PIPE_PASSES)]
        for path in paths:
            os.mkfifo(path)
        threading.Thread(target=lambda: [path.write_bytes(content) for path in paths], daemon=True).start()
        return
    folder.channel(channel).mkdir(parents=True, exist_ok=True)
    (folder.channel(channel) / "text").write_bytes(content)


@pytest.fixture
def run(tmp_path):
    """`run({"mode": "supervised"}, {"train": content})` is a finished job."""
    count = iter(range(1000))

    def job(
        hyperparameters: dict[str, str],
        channels: dict[str, bytes],
        content_type: str | None = "text/plain",
        mode: str = "File",
        stop: StopSignal | None = None,
    ) -> Finished:
        opt_ml = OptML(tmp_path / f"job-{next(count)}")
        opt_ml.make_folders()
        config = ChannelConfig(content_type, mode)
        TrainingJob(hyperparameters, dict.fromkeys(channels, config)).write(opt_ml)
        for channel, content in channels.items():
            put(opt_ml, channel, content, config)
        environment = {"SAGEMAKER_DATA_PATH": str(opt_ml.root)}
        with redirect_stdout(io.StringIO()) as log:
            status = programs.train("blazingtext", environment, stop or StopSignal())
        return Finished(opt_ml, status, log.getvalue())

    return job


WORDS = {
    "farm": ["cow", "hay", "barn", "field", "plough", "seed", "corn", "milk"],
    "sea": ["ship", "sail", "wave", "harbour", "anchor", "tide", "fish", "rope"],
    "sky": ["cloud", "wind", "star", "moon", "bird", "wing", "storm", "sun"],
}


def labelled_lines(count: int, seed: int = 0) -> list[str]:
    """Lines whose words tell their label, but for a few words that all labels share."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        label = rng.choice(sorted(WORDS))
        words = [rng.choice([*WORDS[label], *WORDS[label], "the", "and", "of"]) for _ in range(rng.randint(4, 12))]
        lines.append(f"__label__{label} {' '.join(words)}")
    return lines


@pytest.fixture(scope="session")
def texts() -> bytes:
    """600 labelled lines."""
    return ("\n".join(labelled_lines(600)) + "\n").encode()


@pytest.fixture(scope="session")
def more_texts() -> bytes:
    """100 other labelled lines."""
    return ("\n".join(labelled_lines(100, seed=1)) + "\n").encode()


@pytest.fixture
def training_file(tmp_path, texts) -> Path:
    """The labelled lines as a file."""
    path = tmp_path / "texts.txt"
    path.write_bytes(texts)
    return path
