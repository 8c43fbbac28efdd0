"""The run of a training container: it logs in the original's words, obeys SIGTERM and joins the hosts."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor

from algorithms.base.run import Run
from containers.cluster import Cluster
from containers.contract import metrics
from containers.input.channel import ChannelStream, Seen
from containers.journal import Journal


class JobRun(Run):
    """A `Run` that reports on `train`, ends early after SIGTERM, and gathers over `cluster`.

    Every host draws its own random numbers: the seed of host i is `seed` + i.
    """

    def __init__(
        self, seed: int, device: torch.device, journal: Journal, train: ChannelStream, cluster: Cluster
    ) -> None:
        super().__init__(seed, device)
        self.rng.manual_seed(seed + cluster.rank)
        self._journal = journal
        self._train = train
        self._cluster = cluster
        self._stopping = False
        self.begun_s = time.time()

    @property
    def stopping(self) -> bool:
        return self._stopping

    def stop_on_sigterm(self) -> None:
        """From now on SIGTERM means: finish with what has been learned so far."""
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True
        self._journal.framed("SIGTERM received: finishing with what has been learned so far.", "WARNING")

    def epochs(self, count: int) -> Iterator[int]:
        for epoch in super().epochs(count):
            start_s = time.time()
            yield epoch
            self._report_epoch(epoch, count, start_s)

    def _report_epoch(self, epoch: int, count: int, start_s: float) -> None:
        host, seen = self._journal.host, self._train.seen
        self._journal.framed(metrics.progress_line(host, 100.0 * (epoch + 1) / count))
        self._journal.metrics(start_s, counters(seen), Meta="training_data_iter", epoch=epoch)
        rows_per_second = seen.pass_rows / max(time.time() - start_s, 1e-9)
        self._journal.framed(metrics.throughput_line(host, rows_per_second))

    def gather(self, arrays: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        return self._cluster.gather(arrays)

    def log(self, text: str, level: Literal["INFO", "WARNING"] = "INFO") -> None:
        self._journal.framed(text, level)

    def quality(
        self, channel: Literal["train", "test"], name: str, kind: Literal["loss", "score"], value: float
    ) -> None:
        self._journal.framed(metrics.quality_line(self._journal.host, channel, name, kind, value))


def counters(seen: Seen) -> dict[str, float]:
    """What has been read, under the original's names."""
    return {
        "Total Records Seen": float(seen.rows),
        "Total Batches Seen": float(seen.batches),
        "Max Records Seen Between Resets": float(seen.most_rows),
        "Max Batches Seen Between Resets": float(seen.most_batches),
        "Reset Count": float(seen.passes),
        "Number of Records Since Last Reset": float(seen.pass_rows),
        "Number of Batches Since Last Reset": float(seen.pass_batches),
    }
