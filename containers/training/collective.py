"""The hosts of a job for an algorithm that brings its own program: sums of NumPy arrays over the cluster."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from numpy.typing import NDArray

from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.training.cluster import Cluster, explain_lost_peers


@dataclass(frozen=True)
class TensorCollective:
    """The cluster, which sums tensors, for NumPy arrays."""

    cluster: Cluster

    @classmethod
    def join(cls, job: TrainingJob) -> TensorCollective:
        """Wait until all hosts of the job have joined. Raises PlatformError if they do not."""
        return cls(Cluster.join(job))

    def sum(self, array: NDArray) -> NDArray:
        """The sum of an array of float32 over the hosts, the same bits on all. Raises PlatformError where a host is gone."""
        with explain_lost_peers():
            return self.cluster.sum(torch.from_numpy(array)).numpy()

    def leave(self) -> None:
        """Close the connections to the other hosts."""
        self.cluster.leave()
