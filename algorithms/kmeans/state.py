"""What k-means remembers of a stream: weighted centers, and a sample of rows.

Axes: n rows of a batch · d features · m streaming centers · r rows of the sample
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from algorithms.kmeans import steps


@dataclass
class Sample:
    """A random sample of r rows without replacement: those with the r smallest keys of all rows seen.

    A row's key is log(Exp(1)) - age_log2 · ln 2, where a row is worth twice as much for each unit of `age_log2`
    [Efraimidis & Spirakis 2006, A-ES]. Equal worth gives a uniform sample. Keys make two samples mergeable: the r
    smallest of both are a sample of both streams. Free places hold a key of infinity.
    """

    keys_r: Tensor
    rows_rd: Tensor

    @classmethod
    def empty(cls, capacity: int, like_nd: Tensor) -> Self:
        keys_r = torch.full((capacity,), torch.inf, dtype=torch.float64)
        return cls(keys_r, like_nd.new_empty(capacity, like_nd.shape[1]))

    def absorb(self, x_nd: Tensor, worth_log2_n: Tensor, rng: torch.Generator) -> None:
        """Let each row of a batch compete for a place. Cost of a late batch: its keys, and the few rows that enter."""
        clocks_n = torch.empty(len(x_nd), dtype=torch.float64).exponential_(generator=rng)
        self.add(clocks_n.log_() - worth_log2_n * math.log(2), x_nd)

    def add(self, keys_n: Tensor, x_nd: Tensor) -> None:
        """Keep the smallest keys of those here and those given, overwriting rows in place."""
        entering = (keys_n < self.keys_r.max()).nonzero()[:, 0]
        capacity = len(self.keys_r)
        both = torch.cat([self.keys_r, keys_n[entering]])
        kept = both.topk(capacity, largest=False).indices
        stays_r = torch.zeros(len(both), dtype=torch.bool).index_fill_(0, kept, True)[:capacity]
        free, entrants = (~stays_r).nonzero()[:, 0], kept[kept >= capacity].sort().values
        self.keys_r[free] = both[entrants]
        self.rows_rd[free] = x_nd[entering[entrants - capacity]]

    def taken(self) -> Tensor:
        """The sampled rows, (≤ r, d)."""
        return self.rows_rd[self.keys_r.isfinite()]


@dataclass
class State:
    """Everything learned so far: `capacity`·d numbers of centers and r·d of the sample, however long the stream.

    `weights_m` is float64: how many rows each center stands for, where a row halves every `half_life` later rows if that
    is above 0. `cost` is the sum of the squared distances at which `rows` rows were won.
    """

    centers_md: Tensor
    weights_m: Tensor
    sample: Sample
    capacity: int
    rows: int = 0
    cost: float = 0.0

    @classmethod
    def start(cls, centers_md: Tensor, capacity: int, sample_rows: int) -> Self:
        """Before the first row: centers without weight, of which there may be `capacity`."""
        weights_m = torch.zeros(len(centers_md), dtype=torch.float64, device=centers_md.device)
        return cls(centers_md, weights_m, Sample.empty(sample_rows, centers_md), capacity)

    def absorb(self, x_nd: Tensor, half_life: int, rng: torch.Generator) -> None:
        """Take in one batch: open centers where it is dear, move the winners, merge back to `capacity`.

        Cost: 2·n·m·d operations for the search, to which opening and merging add a share of about (q + m) / n.
        """
        index_n, d2_n = steps.nearest(x_nd, self.centers_md)
        opened = steps.facilities(d2_n, self.cost / max(self.rows, 1), self.capacity, rng)
        index_n, d2_n = _join(x_nd, index_n, d2_n, opened, len(self.centers_md))
        centers_md = torch.cat([self.centers_md, x_nd[opened]])
        weights_m = torch.cat([self.weights_m * _decay(len(x_nd), half_life), self.weights_m.new_zeros(len(opened))])
        centers_md, weights_m = steps.move(centers_md, weights_m, x_nd, index_n)
        self.centers_md, self.weights_m = steps.merge_nearest(centers_md, weights_m, self.capacity)
        ages_n = torch.arange(self.rows, self.rows + len(x_nd), dtype=torch.float64)
        self.sample.absorb(x_nd, ages_n / half_life if half_life else torch.zeros_like(ages_n), rng)
        self.rows += len(x_nd)
        self.cost += float(d2_n.sum(dtype=torch.float64))

    @classmethod
    def merged(cls, states: Sequence[Self]) -> Self:
        """One state that has seen what all have seen; their order changes nothing but rounding."""
        centers_md, weights_m = (torch.cat([getattr(s, name) for s in states]) for name in ("centers_md", "weights_m"))
        whole = cls.start(centers_md, max(s.capacity for s in states), max(len(s.sample.keys_r) for s in states))
        whole.centers_md, whole.weights_m = steps.merge_nearest(centers_md, weights_m, whole.capacity)
        for state in states:
            whole.sample.add(state.sample.keys_r, state.sample.rows_rd)
            whole.rows += state.rows
            whole.cost += state.cost
        return whole

    def arrays(self) -> dict[str, Tensor]:
        """The state as plain arrays, for other hosts and for checkpoints."""
        taken = self.sample.keys_r.isfinite()
        sizes = [self.capacity, len(self.sample.keys_r), self.rows]
        return {
            "centers": self.centers_md,
            "weights": self.weights_m,
            "sample_keys": self.sample.keys_r[taken],
            "sample_rows": self.sample.rows_rd[taken],
            "sizes": torch.tensor(sizes, dtype=torch.int64),
            "cost": torch.tensor([self.cost], dtype=torch.float64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor]) -> Self:
        """The inverse of `arrays`."""
        capacity, sample_rows, rows = arrays["sizes"].tolist()
        sample = Sample.empty(sample_rows, arrays["centers"])
        sample.add(arrays["sample_keys"], arrays["sample_rows"])
        return cls(arrays["centers"], arrays["weights"], sample, capacity, rows, float(arrays["cost"]))


def _decay(rows: int, half_life: int) -> float:
    return 0.5 ** (rows / half_life) if half_life else 1.0


def _join(x_nd: Tensor, index_n: Tensor, d2_n: Tensor, opened: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """Let each row move from its center to a newly opened one if that is nearer."""
    if not len(opened):
        return index_n, d2_n
    new_n, new_d2_n = steps.nearest(x_nd, x_nd[opened])
    moves_n = new_d2_n < d2_n
    return torch.where(moves_n, new_n + m, index_n), torch.where(moves_n, new_d2_n, d2_n)
