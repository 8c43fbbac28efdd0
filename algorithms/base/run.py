"""All that an algorithm may ask of its surroundings: randomness, a device, a voice, a stop sign, the other hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass
class Run:
    """One run, alone and silent. `containers` gives algorithms one that logs, obeys SIGTERM and joins hosts."""

    seed: int = 0
    device: torch.device = torch.device("cpu")

    def __post_init__(self) -> None:
        self.rng = torch.Generator().manual_seed(self.seed)

    @property
    def stopping(self) -> bool:
        """True once somebody asked the run to end early: finish with what has been learned so far."""
        return False

    def epochs(self, count: int) -> Iterator[int]:
        """Count the passes over the training channel, reporting progress after each; ends early when stopping."""
        for epoch in range(count):
            if self.stopping:
                return
            yield epoch

    def gather(self, arrays: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        """Every host's arrays, in the order of hosts; all hosts must call this, and all get the same answer."""
        return [arrays]

    def log(self, text: str, level: Literal["INFO", "WARNING"] = "INFO") -> None:
        """Tell a person something."""

    def quality(self, channel: Literal["train", "test"], name: str, kind: Literal["loss", "score"], value: float) -> None:
        """Report a metric that SageMaker's regular expressions find again."""
