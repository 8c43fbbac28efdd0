"""Jobs of BlazingText through the door of its container, in this process, and texts that can be learned."""

import random
from pathlib import Path

import pytest

from tests.algorithms.finished_job import FinishedJob
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.containers import programs
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.training.stopping import StopSignal

PIPE_PASSES = 12


class FinishedBlazingTextJob(FinishedJob):
    """What a job of BlazingText left."""

    def file(self, name: str = "model.bin") -> bytes:
        """The bytes of a model file; what went wrong where there is none."""
        return super().file(name)

    def ask(self, body: bytes, content_type: str = "application/json"):
        """What an endpoint of the model answers."""
        return programs.load("blazingtext", self.opt_ml.model, {}).invocations(HttpRequest(body, content_type))


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
    ) -> FinishedBlazingTextJob:
        return FinishedBlazingTextJob.run(
            "blazingtext", tmp_path / f"job-{next(count)}", hyperparameters, channels, ChannelConfig(content_type, mode),
            stop=stop, passes=PIPE_PASSES,
        )  # fmt: skip

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
