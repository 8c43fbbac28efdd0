"""The hosts of one job, joined by torch.distributed (gloo).

The first host of resourceconfig.json leads. torch's variables `MASTER_ADDR` and `MASTER_PORT` override its address. Hosts that
are processes of one machine need them; hosts of SageMaker do not.
"""

from __future__ import annotations

import os
import socket
import time
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

PORT = "9000"
"""The port of the original's parameter server."""

JOIN_WITHIN_S = 300
JOIN_WITHIN = timedelta(seconds=JOIN_WITHIN_S)

COMPUTE_WITHIN = timedelta(days=28)
"""As long as a job may run: hosts may compute on, each by itself, as long as they are heard of (`watch`)."""


@dataclass(frozen=True)
class Cluster:
    """This host is number `rank` of `size` hosts. A single host opens no connection."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, job: TrainingJob) -> Cluster:
        """Wait until all hosts of the job have joined. Raises PlatformError after `JOIN_WITHIN_S` seconds."""
        if len(job.hosts) == 1:
            return cls()
        rank, size = job.hosts.index(job.current_host), len(job.hosts)
        address = os.environ.get("MASTER_ADDR", job.hosts[0])
        port = os.environ.get("MASTER_PORT", PORT)
        _resolve(address)
        try:
            store = dist.TCPStore(address, int(port), size, is_master=rank == 0, timeout=JOIN_WITHIN)
            dist.init_process_group("gloo", store=store, timeout=COMPUTE_WITHIN, world_size=size, rank=rank)
            watch.start(address, int(port), rank, job.hosts, JOIN_WITHIN)
        except (RuntimeError, dist.DistError) as error:
            raise PlatformError(f"Hosts {', '.join(job.hosts)} did not meet at {address}:{port}: {error}") from error
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


def _resolve(host: str) -> None:
    """Wait until the name of a host resolves [contract: container, resourceconfig.json]. Raises PlatformError."""
    deadline = time.monotonic() + JOIN_WITHIN_S
    while True:
        try:
            socket.getaddrinfo(host, None)
            return
        except socket.gaierror as error:
            if time.monotonic() > deadline:
                raise PlatformError(f"Host {host} has no address after {JOIN_WITHIN_S} s: {error}") from error
            time.sleep(0.5)
