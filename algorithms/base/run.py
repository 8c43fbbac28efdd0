"""All that an algorithm may ask of its surroundings: randomness, a device, a voice, a stop sign, the other hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from wildsage.algorithms.base.batch import Batch, Stream


class Checkpointable(Protocol):
    """What an algorithm has learned so far, as plain arrays."""

    def arrays(self) -> dict[str, Tensor]: ...


@dataclass
class RunContext:
    """One run, alone and silent. `containers` gives algorithms one that logs, obeys SIGTERM and joins hosts.

    `rng` is each host's own; `shared_rng` gives every host the same numbers, for what all must do alike.
    """

    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    host: str = "algo-1"
    """Name of this host, as log lines have it."""
    pretrained: Mapping[str, Tensor] | None = None
    """What `Algorithm.pretrained` asked for, where the user keeps it."""

    def __post_init__(self) -> None:
        self.rng = torch.Generator().manual_seed(self.seed)
        self.shared_rng = torch.Generator().manual_seed(self.seed)

    @property
    def stopping(self) -> bool:
        """True once somebody asked the run to end early: finish with what has been learned so far."""
        return False

    def batches(self, stream: Stream, rows: int, epochs: int = 1) -> Iterator[Batch]:
        """The training channel, `epochs` times over; ends after a batch when stopping, and begins where a checkpoint ended."""
        for _, batches in self.passes(stream, rows, epochs):
            yield from batches

    def passes(self, stream: Stream, rows: int, epochs: int) -> Iterator[tuple[int, Iterator[Batch]]]:
        """The same, pass by pass: the number of each from 0 on, and its batches, which are to be read to their end."""
        for epoch in range(epochs):
            yield epoch, self._one_pass(stream, rows)
            if self.stopping:
                return

    def _one_pass(self, stream: Stream, rows: int) -> Iterator[Batch]:
        for batch in stream.batches(rows):
            yield batch
            if self.stopping:
                return

    def resumed(self) -> Mapping[str, Tensor] | None:
        """The state to begin from: of an interrupted run of this job, or of an earlier job to go on from; else None."""
        return None

    def keep(self, state: Checkpointable) -> None:
        """The final state of all hosts together. It travels with the model, so that a later job can go on from it."""

    def checkpoint(self, state: Checkpointable) -> None:
        """Call after each batch: now and then the state is kept, for `resumed` to find."""

    def checkpoint_together(self, state: Checkpointable) -> None:
        """The same where hosts go in step and hold one state: all keep it, or none does. All must call this equally often."""
        self.checkpoint(state)

    def gather(self, arrays: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        """Every host's arrays, in the order of hosts; all hosts must call this, and all get the same answer."""
        return [arrays]

    def sum(self, tensor: Tensor) -> Tensor:
        """The tensor added up over all hosts, which must all call this with one shape; all get the same bits."""
        return torch.stack([arrays["tensor"] for arrays in self.gather({"tensor": tensor})]).sum(0)

    def replicated(self, network: nn.Module) -> nn.Module:
        """The network as every host has it: the first host's weights, and gradients that are the mean over the hosts."""
        return network

    def log(self, text: str, level: Literal["INFO", "WARNING"] = "INFO") -> None:
        """Tell a person something."""

    def quality(
        self,
        channel: str,
        name: str,
        kind: Literal["loss", "score"],
        value: float,
        *,
        epoch: int | None = None,
        batch: int | None = None,
    ) -> None:
        """Report a metric that SageMaker's regular expressions find again: of one batch, one epoch, or the whole job."""

    def measured(self, values: Mapping[str, float], **dimensions: int | str) -> None:
        """Report figures in a line of their own, with what they are of, such as `epoch` and `model`."""
