"""Everything an algorithm may ask of its environment: random numbers, a device, logging, stopping, the other hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from wildsage.algorithms.base.batch import Batch, Stream


class Checkpointable(Protocol):
    """What an algorithm has learned so far."""

    def arrays(self) -> dict[str, Tensor]:
        """All of it as plain arrays of any shape and dtype, by name."""
        ...


@dataclass
class RunContext:
    """The context of a run on one host, which does not log. `containers` has one that logs, stops after SIGTERM and joins hosts.

    Each host has an `rng` of its own; `shared_rng` gives all hosts the same numbers, for what they must do alike.
    """

    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    host: str = "algo-1"
    """Name of this host in log lines."""
    pretrained: Mapping[str, Tensor] | None = None
    """The weights that `Algorithm.pretrained` names, if the user has provided them."""

    def __post_init__(self) -> None:
        self.rng = torch.Generator().manual_seed(self.seed)
        self.shared_rng = torch.Generator().manual_seed(self.seed)

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to end early. Finish then with what has been learned so far."""
        return False

    def batches(self, stream: Stream, rows: int, epochs: int = 1) -> Iterator[Batch]:
        """The training channel, `epochs` times. It starts where a checkpoint ended, and ends after a batch when stopping."""
        for _, batches in self.passes(stream, rows, epochs):
            yield from batches

    def passes(self, stream: Stream, rows: int, epochs: int) -> Iterator[tuple[int, Iterator[Batch]]]:
        """The same by pass: its number, from 0 on, and its batches. Read the batches of a pass to their end."""
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
        """The state to start from: that of an interrupted run of this job, or of an earlier job to continue; else None."""
        return None

    def keep(self, state: Checkpointable) -> None:
        """Put the final state of all hosts beside the model, so that a later job can continue from it."""

    def checkpoint(self, state: Checkpointable) -> None:
        """Call this after each batch. The state is saved from time to time, and `resumed` finds it after a restart."""

    def checkpoint_together(self, state: Checkpointable) -> None:
        """The same where hosts work in step on one state: all of them save it, or none. All must call this equally often."""
        self.checkpoint(state)

    def gather(self, arrays: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        """The arrays of every host, in the order of hosts. All hosts must call this, and all get the same result."""
        return [arrays]

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of the tensor over all hosts. All must call this with the same shape, and all get the same bits."""
        return torch.stack([arrays["tensor"] for arrays in self.gather({"tensor": tensor})]).sum(0)

    def replicated(self, network: nn.Module) -> nn.Module:
        """The network with the first host's weights on all hosts, whose gradients are the mean over the hosts."""
        return network

    def log(self, text: str, level: Literal["INFO", "WARNING"] = "INFO") -> None:
        """Write a line to the job's log."""

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
        """Report a metric of a batch, of an epoch, or of the whole job, as a log line that SageMaker's regular expressions find."""

    def measured(self, values: Mapping[str, float], **dimensions: int | str) -> None:
        """Report values in a log line of their own, with what they belong to, such as `epoch` and `model`."""
