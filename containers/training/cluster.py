"""The hosts of one job, joined by torch.distributed (gloo).

The first host of resourceconfig.json leads. torch's variables `MASTER_ADDR` and `MASTER_PORT` override its address. Hosts that
are processes of one machine need them; hosts of SageMaker do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.training import watch

COMPUTE_WITHIN = timedelta(days=28)
"""As long as a job may run: hosts may compute on, each by itself, as long as they are heard of (`watch`)."""


@dataclass(frozen=True)
class Cluster:
    """This host is number `rank` of `size` hosts. A single host opens no connection."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, job: TrainingJob) -> Cluster:
        """Wait until all hosts of the job have joined. Raises PlatformError, with the name, for one that fails or stays away."""
        if len(job.hosts) == 1:
            return cls()
        rank, size = job.hosts.index(job.current_host), len(job.hosts)
        watch.begin(job.hosts, job.current_host)
        store = watch.meet()
        try:
            dist.init_process_group("gloo", store=store, timeout=COMPUTE_WITHIN, world_size=size, rank=rank)
        except RuntimeError as error:
            found = watch.verdict() or f"Hosts {', '.join(job.hosts)} cannot reach each other: {error}"
            raise PlatformError(found) from error
        return cls(rank, size)

    def gather(self, arrays: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        """Return the arrays of every host, in the order of hosts. They are sent as NDArray bytes: nothing is unpickled."""
        if self.size == 1:
            return [arrays]
        content = ndarray.write({name: array.cpu().numpy() for name, array in arrays.items()})
        own = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(sizes, torch.tensor([len(own)]))
        largest = int(max(sizes))
        padded = torch.zeros(largest, dtype=torch.uint8)
        padded[: len(own)] = own
        received = [torch.empty(largest, dtype=torch.uint8) for _ in range(self.size)]
        dist.all_gather(received, padded)
        return [_tensors(raw[: int(size)].numpy().tobytes()) for raw, size in zip(received, sizes, strict=True)]

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over the hosts, the same bits on all, as a new tensor on the same device."""
        if self.size == 1:
            return tensor
        whole = tensor.detach().to("cpu", copy=True).contiguous()
        dist.all_reduce(whole)
        return whole.to(tensor.device)

    def leave(self) -> None:
        """Close the connections to the other hosts. Raises PlatformError if one of them is gone before it has left."""
        if self.size > 1:
            watch.leave()
            dist.destroy_process_group()


@contextmanager
def explain_lost_peers() -> Iterator[None]:
    """Raise PlatformError, with the name of the host, in place of an error of gloo in the block, which means that one is gone."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "/gloo/" not in str(error):
            raise
        generic = "Another host of this job ended before its work was done; its log says why."
        raise PlatformError(watch.verdict() or generic) from error


def _tensors(content: bytes) -> dict[str, Tensor]:
    named = ndarray.read(content)
    return {name: torch.from_numpy(array) for name, array in named.items()} if isinstance(named, dict) else {}
