"""What k-means remembers of a stream: weighted centers, and a sample of rows.

Axes: n rows of a batch · d features · m streaming centers · q centers opened by a batch
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.parallel import on_one_thread
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.sample import Sample
from wildsage.algorithms.kmeans.steps import Look

DEAR = 1.5
"""A batch whose rows cost this many times what rows have cost so far opens centers before it moves any."""

OPEN_WHEN_DEAR, OPEN_ALWAYS, MERGE_ABOVE = 1 / 4, 1 / 32, 1.25
"""Shares of the capacity: opened in a round for a dear batch, opened by every batch, and how far it may be exceeded."""

ROUNDS_WHEN_DEAR = 4


@dataclass
class State:
    """Everything learned so far: at most 2.3 · `capacity` centers, and the sample, however long the stream.

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

    @on_one_thread()
    def absorb(self, x_nd: Tensor, half_life: int, rng: torch.Generator) -> None:
        """Take in one batch. Cost: 2·n·m·d operations, and now and then a merge of 2·m²·d.

        Raises UserError where squared distances leave float32.
        """
        seen = self._look(x_nd, rng)
        cost = float(seen.d2_n.sum(dtype=torch.float64))
        if not math.isfinite(cost):
            largest = float(x_nd.abs().max())
            raise UserError(
                f"Squared distances between rows are beyond float32: a row holds {largest:.3g}. Scale the data."
            )
        self.weights_m = self.weights_m * (0.5 ** (len(x_nd) / half_life) if half_life else 1.0)
        self.centers_md, self.weights_m = steps.move(self.centers_md, self.weights_m, seen)
        self._sample(x_nd, seen, half_life, rng)
        self._open(x_nd, seen, rng)
        if len(self.centers_md) > MERGE_ABOVE * self.capacity:
            self.centers_md, self.weights_m = steps.merge_nearest(self.centers_md, self.weights_m, self.capacity)
        self.rows += len(x_nd)
        self.cost += cost

    def _look(self, x_nd: Tensor, rng: torch.Generator) -> Look:
        """Look at the batch; while it is dear, open centers at far rows and look again [Meyerson 2001, §2].

        So a stream sorted by cluster gets centers for its next cluster before that drags old centers along.
        """
        seen = steps.look(x_nd, self.centers_md)
        for _ in range(ROUNDS_WHEN_DEAR if self.rows else 0):
            if float(seen.d2_n.mean(dtype=torch.float64)) <= DEAR * self.cost / self.rows:
                break
            opened = steps.draw(seen.d2_n, math.ceil(self.capacity * OPEN_WHEN_DEAR), rng)
            self.centers_md = torch.cat([self.centers_md, x_nd[opened]])
            self.weights_m = torch.cat([self.weights_m, self.weights_m.new_zeros(len(opened))])
            seen = steps.look(x_nd, self.centers_md)
        return seen

    def _open(self, x_nd: Tensor, seen: Look, rng: torch.Generator) -> None:
        """Rows that are far, drawn by squared distance, leave their center and become one: what is rare gets seen."""
        room = max(self.capacity - len(self.centers_md), math.ceil(self.capacity * OPEN_ALWAYS))
        opened = steps.draw(seen.d2_n, room, rng)
        ones_q = self.weights_m.new_ones(len(opened))
        self.weights_m = torch.cat([self.weights_m.index_add(0, seen.index_n[opened], -ones_q), ones_q])
        self.centers_md = torch.cat([self.centers_md, x_nd[opened]])

    def _sample(self, x_nd: Tensor, seen: Look, half_life: int, rng: torch.Generator) -> None:
        """Offer the batch to the sample. A row is worth the more, the farther it is and the fewer its center has won.

        worth = 1 + d² / usual d² + usual weight / weight of its center, the terms of the sensitivity bound [Bachem 2018, §4].
        """
        d2_n = seen.d2_n.double()
        usual = self.cost / self.rows if self.rows and self.cost else float(d2_n.mean())
        rarity_n = self.weights_m.mean() / self.weights_m[seen.index_n]
        log_worth_n = (1 + rarity_n + (d2_n / usual if usual else d2_n)).log().cpu()
        log_mass_n = torch.zeros_like(log_worth_n)
        if half_life:
            log_mass_n += torch.arange(self.rows, self.rows + len(x_nd), dtype=torch.float64) * (
                math.log(2) / half_life
            )
        self.sample.absorb(x_nd, log_worth_n + log_mass_n, log_mass_n, rng)

    @classmethod
    def merged(cls, states: Sequence[Self]) -> Self:
        """One state that has seen what all have seen; their order changes nothing but rounding.

        Its sample is as large as the smallest: beyond that, a full one has dropped rows that another would keep. A lone
        state shares its sample with the answer.
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
        """The state as plain arrays. "0" and "1" are centers and weights, the two arrays of the original's state files."""
        sizes = torch.tensor([self.capacity, self.sample.capacity, self.rows], dtype=torch.int64)
        cost = torch.tensor([self.cost], dtype=torch.float64)
        own = {"0": self.centers_md, "1": self.weights_m[:, None], "sizes": sizes, "cost": cost}
        return own | {f"sample_{name}": array for name, array in self.sample.arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], sample_rows: int, device: torch.device | str = "cpu") -> Self:
        """The inverse of `arrays`; a state of the original's, which holds only "0" and "1", gets a sample of `sample_rows`."""
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
        """Centers and weights alone: each center stands in the sample as a row of its weight."""
        state = cls.start(centers_md, len(centers_md), sample_rows)
        state.weights_m, state.rows = weights_m, round(float(weights_m.sum()))
        alive = weights_m > 0
        log_mass = weights_m[alive].log().cpu()
        state.sample.absorb(centers_md[alive], log_mass, log_mass, torch.Generator().manual_seed(0))
        return state
