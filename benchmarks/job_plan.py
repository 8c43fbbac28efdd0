"""What a job takes on several hosts, computed from what rows, updates and exchanges cost: the arithmetic of `benchmarks.cost_plan`.

Each host reads and learns its share of the rows, and may have to wait for their bytes. The hosts exchange what they have learned
around a ring, as gloo does: at each step every host sends to the next one.

Axes: d columns · k centers · m streaming centers · r rows of a sample · o outputs of all models
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wildsage.algorithms.kmeans import algorithm as kmeans
from wildsage.algorithms.kmeans.state import StreamState
from wildsage.algorithms.linear_learner.training import ROWS_AT_ONCE
from wildsage.algorithms.linear_learner.variants import AUTO_MODELS
from wildsage.algorithms.pca.moments import Moments
from wildsage.containers.codecs.mxnet import ndarray

SIZE_BYTES = 8
"""Before hosts gather arrays they gather how large these are."""

STEP_BYTES = {"gather": 288, "sum": 96}
"""What gloo's messages add to each step, as counted: headers of 48 bytes, and messages that say that there is room."""


@dataclass(frozen=True)
class Link:
    """What an exchange costs: seconds of a step, and the bytes a second that a host sends."""

    step_s: float
    bytes_per_s: float

    def across(self, network: Link) -> Link:
        """The same exchange over a network: its delay is added to each step, and the slower rate holds."""
        return Link(self.step_s + network.step_s, min(self.bytes_per_s, network.bytes_per_s))


@dataclass(frozen=True)
class Exchange:
    """`count` exchanges, to each of which a host contributes `own_bytes`.

    In a gather the arrays of all hosts go all the way around the ring. A sum goes around twice, at each step a share of it
    [Patarasuk & Yuan 2009, doi:10.1016/j.jpdc.2008.09.002].
    """

    kind: Literal["gather", "sum"]
    own_bytes: float
    count: float = 1

    def sent_bytes(self, hosts: int) -> float:
        """What each host sends in all."""
        others = hosts - 1
        once = others * (self.own_bytes + SIZE_BYTES) if self.kind == "gather" else 2 * others / hosts * self.own_bytes
        return self.count * once + self._steps(hosts) * STEP_BYTES[self.kind]

    def seconds(self, hosts: int, link: Link) -> float:
        """How long all hosts are busy with it."""
        return self._steps(hosts) * link.step_s + self.sent_bytes(hosts) / link.bytes_per_s

    def _steps(self, hosts: int) -> float:
        return self.count * 2 * (hosts - 1)


@dataclass(frozen=True)
class Work:
    """What a job was measured to take where other hosts are not waited for.

    `fixed_s` is for start and end, and `join_s` for meeting other hosts. A row takes `serial_row_s` however many processors a host
    has, and `parallel_row_s` of one processor; an update takes `update_s`. The data is read `reads` times.
    """

    fixed_s: float
    join_s: float
    serial_row_s: float
    parallel_row_s: float
    update_s: float = 0.0
    reads: int = 1

    def sharing(self, share: float) -> Work:
        """The same work where each host has one thread, and a share of a processor."""
        row_s = self.serial_row_s + self.parallel_row_s
        return Work(self.fixed_s / share, self.join_s, row_s / share, 0.0, self.update_s / share, self.reads)

    def processor_s(self, rows: float, updates: float, hosts: int) -> float:
        """Processor seconds of all hosts together, without those of their exchanges."""
        return hosts * (self.fixed_s + updates * self.update_s) + rows * (self.serial_row_s + self.parallel_row_s)

    def seconds(self, rows: float, updates: float, processors: float) -> float:
        """Seconds of a host with its share of the rows, without start, end and exchange."""
        return rows * (self.serial_row_s + self.parallel_row_s / processors) + updates * self.update_s


@dataclass(frozen=True)
class Data:
    """The rows of a job, and how many there are in each update of all hosts together; 0 where updates cost nothing of their own."""

    rows: float
    row_bytes: float
    update_rows: int = 0

    @property
    def updates(self) -> float:
        """Updates of one pass."""
        return self.rows / self.update_rows if self.update_rows else 0.0


@dataclass(frozen=True)
class Host:
    """A machine of a job: how many of the measured processors it has, and what connects it to others and to the data."""

    processors: float
    network: Link
    data_bytes_per_s: float = float("inf")


@dataclass(frozen=True)
class Plan:
    """What a job takes: seconds from start to end, those of its exchanges, the bytes that each host sends in them, and what hosts
    wait for: their processors, or the network that brings the rows."""

    seconds: float
    exchange_s: float
    sent_bytes: float
    waits_for: Literal["processors", "network"]

    def usd(self, hosts: int, usd_per_hour: float) -> float:
        """What the hosts cost."""
        return hosts * usd_per_hour * self.seconds / 3600


def plan(work: Work, exchanges: Sequence[Exchange], data: Data, hosts: int, host: Host, link: Link) -> Plan:
    """What a job takes on `hosts` hosts, each with its share of the rows, which arrive while it learns (Pipe mode)."""
    across = link.across(host.network)
    learning_s = work.seconds(data.rows / hosts, data.updates, host.processors)
    arriving_s = work.reads * data.row_bytes * data.rows / hosts / host.data_bytes_per_s
    exchange_s = sum(exchange.seconds(hosts, across) for exchange in exchanges) if hosts > 1 else 0.0
    meeting_s = work.join_s if hosts > 1 else 0.0
    seconds = work.fixed_s + meeting_s + max(learning_s, arriving_s) + exchange_s
    waits_for: Literal["processors", "network"] = "network" if arriving_s > learning_s else "processors"
    return Plan(seconds, exchange_s, sum(exchange.sent_bytes(hosts) for exchange in exchanges), waits_for)


def kmeans_exchanges(d: int, k: int, passes: int = 1) -> list[Exchange]:
    """The states of all hosts at the end of the first pass; after each further one the sums, counts and costs of all candidates."""
    tallies = kmeans.CANDIDATES * (k * d + k + 1) * 8
    return [
        Exchange("gather", array_bytes({})),
        Exchange("gather", array_bytes(_kmeans_state(d, k).arrays())),
        Exchange("sum", tallies, passes - 1),
        Exchange("sum", 8, passes - 1),
    ]


def _kmeans_state(d: int, k: int) -> StreamState:
    """A state whose sample is full, with as many centers as there are between two merges in the mean."""
    settings = kmeans.KMeans(k=k, feature_dim=d)
    capacity = k * settings.center_factor
    state = StreamState.start(torch.zeros(round(1.125 * capacity), d), capacity, settings.sample_rows(d))
    state.sample.keys_r.zero_()
    return state


def pca_exchanges(d: int) -> list[Exchange]:
    """The moments of all hosts at the end: rows, mean and scatter matrix (`regular`)."""
    return [Exchange("gather", array_bytes(Moments.none(d, None).arrays()))]


def linear_learner_exchanges(d: int, data: Data, hosts: int, passes: int = 1) -> list[Exchange]:
    """For each mini-batch the slopes of all models of a regressor; now and then, how many rows the hosts have in the next ones."""
    o, updates = AUTO_MODELS, data.updates
    slopes = {"slope": torch.zeros(d, o), "bias": torch.zeros(1, o)}
    ahead = max(2, ROWS_AT_ONCE // -(-data.update_rows // hosts))
    return [
        Exchange("gather", array_bytes({"root": torch.zeros(d, d)})),
        Exchange("gather", array_bytes(slopes), passes * updates),
        Exchange("sum", 8 * (ahead + 1), passes * (updates // ahead + 1)),
    ]


def array_bytes(arrays: dict[str, Tensor]) -> int:
    """How many bytes hosts send for arrays."""
    return len(ndarray.write({name: array.numpy() for name, array in arrays.items()}))
