"""Passes over a channel when a host is asked to stop."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.input.row_stream import ReadCounts
from wildsage.containers.training.stopping import StopSignal
from wildsage.containers.training.training_run import TrainingRun


class Rows:
    """Three batches of two rows."""

    def __init__(self) -> None:
        self.counts = ReadCounts()

    def batches(self, rows: int, epoch: int = 0):
        self.counts.begin_pass()
        yield from (Batch(torch.zeros(rows, 1)) for _ in range(3))


@pytest.mark.parametrize(("hosts", "passes"), [(1, [3]), (2, [3, 1, 1])])
def test_several_hosts_make_the_same_passes(hosts, passes):
    """The signal may come to one host after the pass on whose end all hosts agreed. Each pass that follows is one batch."""
    stop, rows = StopSignal(), Rows()
    run = TrainingRun(
        0,
        torch.device("cpu"),
        JobLog("algo-1", "kmeans", io.StringIO()),
        rows,
        SimpleNamespace(rank=0, size=hosts),
        stop,
    )
    seen = []
    for _, batches in run.passes(rows, 2, 3):
        seen.append(sum(1 for _ in batches))
        stop.raised = True
    assert seen == passes
