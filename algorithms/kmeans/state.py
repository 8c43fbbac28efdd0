"""What k-means remembers of a stream: weighted centers, and a sample of rows.

Axes: n rows of a batch · d features · m streaming centers · q centers opened by a batch
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.parallel import on_one_thread
from wildsage.algorithms.kmeans import int8_search, steps
from wildsage.algorithms.kmeans.int8_search import Int8Search
from wildsage.algorithms.kmeans.sample import Sample
from wildsage.algorithms.kmeans.steps import Assignment, ExactSearch

COSTLY = 1.5
"""A batch whose rows cost this many times what rows have cost so far opens centers before it moves any."""

OPEN_WHEN_COSTLY, OPEN_ALWAYS, MERGE_ABOVE = 1 / 4, 1 / 32, 1.25
"""Shares of the capacity: centers that a costly batch opens in a round, centers that any batch opens, and the most there may be."""

ROUNDS_WHEN_COSTLY = 4


@dataclass
class StreamState:
    """Everything learned from a stream of any length: at most 2.3 · `capacity` centers (m, d) float32, and the sample.

    `weights_m` float64 says how many rows each center stands for; with a half-life, a row counts half as much each time that
    many later rows have been read. `cost` is the sum of the squared distances of the `rows` rows read to their centers. `searches`
    counts, where int8 is possible, those of this process that used it (True) and that did not.
    """

    centers_md: Tensor
    weights_m: Tensor
    sample: Sample
    capacity: int
    rows: int = 0
    cost: float = 0.0
    searches: Counter[bool] = field(default_factory=Counter, init=False, compare=False)

    @classmethod
    def start(cls, centers_md: Tensor, capacity: int, sample_rows: int) -> Self:
        """The state before the first row: centers (m, d) without weight.

        It has places for `capacity` centers and `sample_rows` rows.
        """
        weights_m = torch.zeros(len(centers_md), dtype=torch.float64, device=centers_md.device)
        return cls(centers_md, weights_m, Sample.empty(sample_rows, centers_md), capacity)

    @on_one_thread()
    def absorb(self, x_nd: Tensor, half_life: int, rng: torch.Generator) -> None:
        """Learn from one batch (n, d). Cost: 2·n·m·d operations, and now and then a merge of 2·m²·d.

        Raises UserError where squared distances are beyond float32.
        """
        assigned = self._assign(x_nd, rng)
        cost = float(assigned.d2_n.sum(dtype=torch.float64))
        if not math.isfinite(cost):
            largest = float(x_nd.abs().max())
            raise UserError(
                f"Squared distances between rows are beyond float32: a row holds {largest:.3g}. Scale the data."
            )
        self.weights_m = self.weights_m * (0.5 ** (len(x_nd) / half_life) if half_life else 1.0)
        self.centers_md, self.weights_m = steps.move(self.centers_md, self.weights_m, assigned)
        self._sample(x_nd, assigned, half_life, rng)
        self._open(x_nd, assigned, rng)
        if len(self.centers_md) > MERGE_ABOVE * self.capacity:
            self.centers_md, self.weights_m = steps.merge_nearest(self.centers_md, self.weights_m, self.capacity)
        self.rows += len(x_nd)
        self.cost += cost

    def _assign(self, x_nd: Tensor, rng: torch.Generator) -> Assignment:
        """Assign the batch to centers; while it is costly, open centers at far rows and assign it again [Meyerson 2001, §2].

        So a stream sorted by cluster gets centers for its next cluster before that cluster pulls old centers towards it.
        """
        assigned = self._search(x_nd).assign(x_nd)
        for _ in range(ROUNDS_WHEN_COSTLY if self.rows else 0):
            if float(assigned.d2_n.mean(dtype=torch.float64)) <= COSTLY * self.cost / self.rows:
                break  # mutants: equivalent: the next round would find the same
            opened = steps.draw(assigned.d2_n, math.ceil(self.capacity * OPEN_WHEN_COSTLY), rng)
            self.centers_md = torch.cat([self.centers_md, x_nd[opened]])
            self.weights_m = torch.cat([self.weights_m, self.weights_m.new_zeros(len(opened))])
            assigned = self._search(x_nd).assign(x_nd)
        return assigned

    def _search(self, x_nd: Tensor) -> ExactSearch:
        """The search for the batch. Its kind depends on nothing but the processor, the job's shape, the batch and the centers."""
        exact = ExactSearch(self.centers_md)
        if not int8_search.suits(self.capacity, x_nd.shape[1], x_nd.device):
            return exact
        coarse = Int8Search(exact)
        by_int8 = int8_search.agrees(coarse, exact, x_nd)
        self.searches[by_int8] += 1
        return coarse if by_int8 else exact

    def _open(self, x_nd: Tensor, assigned: Assignment, rng: torch.Generator) -> None:
        """Turn far rows, drawn by squared distance, into centers of their own, so that rare clusters are found."""
        room = max(self.capacity - len(self.centers_md), math.ceil(self.capacity * OPEN_ALWAYS))
        opened = steps.draw(assigned.d2_n, room, rng)
        ones_q = self.weights_m.new_ones(len(opened))
        self.weights_m = torch.cat([self.weights_m.index_add(0, assigned.index_n[opened], -ones_q), ones_q])
        self.centers_md = torch.cat([self.centers_md, x_nd[opened]])

    def _sample(self, x_nd: Tensor, assigned: Assignment, half_life: int, rng: torch.Generator) -> None:
        """Offer the batch to the sample. A row is more important the farther it is, and the smaller the weight of its center.

        importance = 1 + d² / mean d² + mean weight / weight of its center: the sensitivity bound of coresets [Bachem et al. 2017].
        """
        d2_n = assigned.d2_n.double()
        mean_d2 = self.cost / self.rows if self.rows and self.cost else float(d2_n.mean())
        rarity_n = self.weights_m.mean() / self.weights_m[assigned.index_n]
        log_importance_n = (1 + rarity_n + (d2_n / mean_d2 if mean_d2 else d2_n)).log().cpu()
        log_weight_n = torch.zeros_like(log_importance_n)
        if half_life:
            log_weight_n += torch.arange(self.rows, self.rows + len(x_nd), dtype=torch.float64) * (
                math.log(2) / half_life
            )
        self.sample.absorb(x_nd, log_importance_n + log_weight_n, log_weight_n, rng)

    @classmethod
    def merged(cls, states: Sequence[Self]) -> Self:
        """The state of all their streams together; their order matters for rounding only.

        Its sample is as large as the smallest of theirs: a full sample has dropped rows that a larger one would keep. A single
        state shares its sample with the result.
        """
        centers_md, weights_m = (torch.cat([getattr(s, name) for s in states]) for name in ("centers_md", "weights_m"))
        capacity = max(s.capacity for s in states)
        centers_md, weights_m = steps.merge_nearest(centers_md, weights_m, capacity)
        sample = states[0].sample
        if len(states) > 1:
            sample = Sample.empty(min(s.sample.capacity for s in states), centers_md)
            for state in states:
                sample.merge(state.sample)
        rows, cost = sum(s.rows for s in states), sum(s.cost for s in states)
        return cls(centers_md, weights_m, sample, capacity, rows, cost)

    def arrays(self) -> dict[str, Tensor]:
        """The state as plain arrays. "0" (m, d) are the centers and "1" (m, 1) their weights, as in the original's state files."""
        sizes = torch.tensor([self.capacity, self.sample.capacity, self.rows], dtype=torch.int64)
        cost = torch.tensor([self.cost], dtype=torch.float64)
        own = {"0": self.centers_md, "1": self.weights_m[:, None], "sizes": sizes, "cost": cost}
        return own | {f"sample_{name}": array for name, array in self.sample.arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], sample_rows: int, device: torch.device | str = "cpu") -> Self:
        """The inverse of `arrays`. A state of the original has only "0" and "1": its centers become a sample of `sample_rows`."""
        centers_md = arrays["0"].to(device, torch.float32)
        weights_m = arrays["1"].to(device, torch.float64).reshape(-1)
        if "sizes" not in arrays:
            return cls._of_centers(centers_md, weights_m, sample_rows)
        capacity, sample_rows, rows = arrays["sizes"].tolist()
        sampled = {name.removeprefix("sample_"): array for name, array in arrays.items() if name.startswith("sample_")}
        sample = Sample.from_arrays(sampled, sample_rows, device)
        return cls(centers_md, weights_m, sample, capacity, rows, float(arrays["cost"]))

    @classmethod
    def _of_centers(cls, centers_md: Tensor, weights_m: Tensor, sample_rows: int) -> Self:
        """A state from centers and weights alone: the sample holds each center as a row with its weight, if it has any."""
        state = cls.start(centers_md, len(centers_md), sample_rows)
        state.weights_m, state.rows = weights_m, round(float(weights_m.sum()))
        log_weight_m = weights_m.log().cpu()  # without weight minus infinity, with which no row enters
        state.sample.absorb(centers_md, log_weight_m, log_weight_m, torch.Generator().manual_seed(0))
        return state
