"""The run of a training container: it logs in the original's words, stops on SIGTERM and connects the hosts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from wildsage.algorithms.base.batch import Batch, Stream
from wildsage.algorithms.base.run import Checkpointable, RunContext
from wildsage.containers.contract import metrics
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.input.image_stream import ImageStream
from wildsage.containers.input.row_stream import ReadCounts, RowStream
from wildsage.containers.training.checkpoint import RANDOMNESS, Checkpoints, Position
from wildsage.containers.training.cluster import Cluster
from wildsage.containers.training.stopping import StopSignal

SHARED_RANDOMNESS = "shared_randomness"


class TrainingRun(RunContext):
    """A `RunContext` that logs progress, ends early after SIGTERM, gathers over `cluster`, and resumes from a checkpoint.

    Every host draws its own random numbers: the seed of host i is `seed` + i.
    """

    def __init__(
        self,
        seed: int,
        device: torch.device,
        log: JobLog,
        train: RowStream | ImageStream,
        cluster: Cluster,
        stop: StopSignal,
        checkpoints: Checkpoints | None = None,
        earlier: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__(seed, device, log.host)
        self.rng.manual_seed(seed + cluster.rank)
        self._shared_begin = self.shared_rng.get_state()
        self._log = log
        self._train = train
        self._cluster = cluster
        self._checkpoints = checkpoints
        self._earlier = earlier
        self.kept: dict[str, Tensor] | None = None
        self._position: Position = (0, 0)
        self.rows_skipped = 0
        """Rows at the beginning of the current pass that were learned before the job resumed."""
        self._stop = stop
        self.begun_s = self._epoch_begun_s = time.time()

    @property
    def stopping(self) -> bool:
        return self._stop.raised

    def passes(self, stream: Stream, rows: int, epochs: int) -> Iterator[tuple[int, Iterator[Batch]]]:
        begun_at = self._position
        for epoch in range(begun_at[0], epochs):
            start_s = self._epoch_begun_s = time.time()
            yield epoch, self._pass_from(begun_at, stream, rows, epoch)
            self._report_epoch(epoch, epochs, start_s)
            if self.stopping and self._cluster.size == 1:  # several hosts end at the pass on which they agree
                return

    def _pass_from(self, begun_at: Position, stream: Stream, rows: int, epoch: int) -> Iterator[Batch]:
        self.rows_skipped = 0
        for number, batch in enumerate(stream.batches(rows), start=1):
            if (epoch, number) > begun_at:
                self._position = (epoch, number)
                yield batch
            else:
                self.rows_skipped += len(batch)
            if self.stopping:
                self.log("SIGTERM received: finishing with what has been learned so far.", "WARNING")
                return

    def resumed(self) -> Mapping[str, Tensor] | None:
        if self._checkpoints is None or (found := self._checkpoints.load()) is None:
            return self._resume_from_earlier_job()
        state, self._position, randomness = found
        self.rng.set_state(randomness)
        passes, batches = self._position
        self.log(f"Resuming from {self._checkpoints.path}: {passes} passes and {batches} batches are done.")
        return state

    def _resume_from_earlier_job(self) -> Mapping[str, Tensor] | None:
        """Return the earlier job's state. Its random generators continue too, so that no random number is used twice."""
        if self._earlier is None:
            return None
        state = dict(self._earlier)
        if SHARED_RANDOMNESS in state:
            self.rng.set_state(state.pop(RANDOMNESS))
            self.shared_rng.set_state(state.pop(SHARED_RANDOMNESS))
        self.log("Resuming from the state in channel model.")
        return state

    def keep(self, state: Checkpointable) -> None:
        self.kept = state.arrays() | {RANDOMNESS: self.rng.get_state(), SHARED_RANDOMNESS: self._shared_begin}

    def checkpoint(self, state: Checkpointable) -> None:
        if self._checkpoints and self._checkpoints.due:
            self._checkpoints.save(state.arrays(), self._position, self.rng.get_state())

    def checkpoint_together(self, state: Checkpointable) -> None:
        if self._checkpoints and bool(self.sum(torch.tensor([self._checkpoints.due], dtype=torch.int64)) > 0):
            self._checkpoints.save(state.arrays(), self._position, self.rng.get_state())

    def _report_epoch(self, epoch: int, count: int, start_s: float) -> None:
        host, counts = self._log.host, self._train.counts
        self._log.line(metrics.progress_line(host, 100.0 * (epoch + 1) / count))
        self._log.metrics(start_s, counters(counts), Meta="training_data_iter", epoch=epoch)
        rows_per_second = counts.pass_rows / max(time.time() - start_s, 1e-9)
        self._log.line(metrics.throughput_line(host, rows_per_second))

    def gather(self, arrays: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        return self._cluster.gather(arrays)

    def replicated(self, network: nn.Module) -> nn.Module:
        return DistributedDataParallel(network, forward_sync_buffers=False) if self._cluster.size > 1 else network

    def log(self, text: str, level: Literal["INFO", "WARNING"] = "INFO") -> None:
        self._log.line(text, level)

    def sum(self, tensor: Tensor) -> Tensor:
        return self._cluster.sum(tensor)

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
        self._log.line(metrics.quality_line(self._log.host, channel, name, kind, value, epoch, batch))

    def measured(self, values: Mapping[str, float], **dimensions: int | str) -> None:
        self._log.metrics(self._epoch_begun_s, values, **dimensions)


def counters(counts: ReadCounts) -> dict[str, float]:
    """Return the counts under the original's names."""
    return {
        "Total Records Seen": float(counts.rows),
        "Total Batches Seen": float(counts.batches),
        "Max Records Seen Between Resets": float(counts.most_rows),
        "Max Batches Seen Between Resets": float(counts.most_batches),
        "Reset Count": float(counts.passes),
        "Number of Records Since Last Reset": float(counts.pass_rows),
        "Number of Batches Since Last Reset": float(counts.pass_batches),
    }
