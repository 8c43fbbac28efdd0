"""The hosts of a job as threads of one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from torch import Tensor

from wildsage.algorithms.base.run import RunContext

PATIENCE_S = 240
"""How long a host waits for another."""


class Exchange:
    """Where so many hosts leave their arrays for each other."""

    def __init__(self, hosts: int) -> None:
        self._arrays: list[Mapping[str, Tensor]] = [{}] * hosts
        self._barrier = Barrier(hosts, timeout=PATIENCE_S)

    def gather(self, rank: int, arrays: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        """The arrays of all hosts: copies, as processes send them."""
        self._arrays[rank] = {name: array.clone() for name, array in arrays.items()}
        self._barrier.wait()
        gathered = list(self._arrays)
        self._barrier.wait()  # nobody gathers again before all have read
        return gathered


class Host(RunContext):
    """One of several hosts, with random numbers of its own beside those that they share."""

    def __init__(self, rank: int, exchange: Exchange) -> None:
        super().__init__()
        self.rng.manual_seed(rank)
        self.rank, self._exchange = rank, exchange

    def gather(self, arrays):
        return self._exchange.gather(self.rank, arrays)


def on_hosts(count: int, work: Callable[[Any], Any], kind: type[Host] = Host) -> list:
    """What each of so many hosts returns from `work(host)`, in their order."""
    exchange = Exchange(count)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, [kind(rank, exchange) for rank in range(count)]))
