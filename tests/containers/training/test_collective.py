"""Sums of NumPy arrays over the hosts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.distributed as dist

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.training import watch
from wildsage.containers.training.cluster import Cluster
from wildsage.containers.training.collective import TensorCollective


class Twice(Cluster):
    """A cluster of two hosts that have the same."""

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor * 2


class Lost(Cluster):
    """A cluster whose other host is gone."""

    left = 0

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        raise dist.DistError("connection closed")

    def leave(self) -> None:
        type(self).left += 1


def test_arrays_are_summed_over_the_hosts():
    array = np.array([[1, 2.5]], np.float32)
    found = TensorCollective(Twice()).sum(array)
    assert found.dtype == np.float32 and found.tolist() == [[2, 5]] and array.tolist() == [[1, 2.5]]


def test_a_host_alone_has_joined_at_once():
    alone = TensorCollective.join(TrainingJob())
    assert alone.cluster == Cluster() and alone.sum(np.ones(2, np.float32)).tolist() == [1, 1]
    alone.leave()


def test_a_host_that_is_gone_is_named(monkeypatch):
    monkeypatch.setattr(watch, "verdict", lambda: "Host algo-2 is gone.")
    with pytest.raises(PlatformError, match=r"^Host algo-2 is gone\.$"):
        TensorCollective(Lost()).sum(np.ones(1, np.float32))


def test_to_leave_is_to_leave_the_cluster():
    TensorCollective(Lost()).leave()
    assert Lost.left == 1
