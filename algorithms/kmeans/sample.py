"""A weighted sample of a stream, of bounded size, that merges with other samples.

Axes: n rows of a batch · d features · r rows of the sample
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.base.parallel import over_rows


@dataclass
class Sample:
    """The r rows with the smallest keys of all rows seen, where a row's key is log(Exp(1)) - log(worth).

    This is a sample without replacement in which a row's chance grows with its worth [Efraimidis & Spirakis 2006]. The r
    smallest keys of two samples are a sample of both streams, in any order, so hosts and days merge. Given the largest
    key τ, a row is in with probability 1 - exp(-worth · eᵗ); a row weighs its mass over that [Cohen & Kaplan 2007].
    `log_worth_r` and `log_mass_r` are kept for that. Free places hold a key of infinity. Rows stay on their device; keys,
    worth and mass are the CPU's.
    """

    rows_rd: Tensor
    keys_r: Tensor
    log_worth_r: Tensor
    log_mass_r: Tensor

    @classmethod
    def empty(cls, capacity: int, like_nd: Tensor) -> Self:
        keys_r = torch.full((capacity,), torch.inf, dtype=torch.float64)
        return cls(like_nd.new_empty(capacity, like_nd.shape[1]), keys_r, keys_r.clone(), keys_r.clone())

    @property
    def capacity(self) -> int:
        return len(self.keys_r)

    def absorb(self, x_nd: Tensor, log_worth_n: Tensor, log_mass_n: Tensor, rng: torch.Generator) -> None:
        """Let each row of a batch compete for a place. Cost of a late batch: its keys, and the few rows that enter."""
        clocks_n = torch.empty(len(x_nd), dtype=torch.float64).exponential_(generator=rng)
        self._add(x_nd, clocks_n.log_() - log_worth_n, log_worth_n, log_mass_n)

    def merge(self, other: Self) -> None:
        """Become a sample of both streams."""
        self._add(other.rows_rd, other.keys_r, other.log_worth_r, other.log_mass_r)

    def _add(self, x_nd: Tensor, keys_n: Tensor, log_worth_n: Tensor, log_mass_n: Tensor) -> None:
        """Keep the smallest keys of those here and those given, overwriting rows in place."""
        entering = (keys_n < self.keys_r.max()).nonzero()[:, 0]
        both = torch.cat([self.keys_r, keys_n[entering]])
        drops = torch.zeros(len(both), dtype=torch.bool).index_fill_(0, both.topk(len(entering)).indices, True)
        free, entrants = drops[: self.capacity].nonzero()[:, 0], entering[~drops[self.capacity :]]

        def put(part: slice) -> None:
            self.rows_rd[free[part]] = x_nd[entrants[part]]

        over_rows(len(free), len(free) * x_nd.shape[1], x_nd.device, put)
        self.keys_r[free], self.log_worth_r[free] = keys_n[entrants], log_worth_n[entrants]
        self.log_mass_r[free] = log_mass_n[entrants]

    def rows_by_key(self) -> Tensor:
        """A copy of the sampled rows (≤ r, d), by rising key."""
        return self.rows_rd[self._by_key().to(self.rows_rd.device)]

    def weights_by_key(self, most: int | None = None) -> Tensor:
        """What the first of `rows_by_key` weigh (float64) so that they stand for the whole stream: one a row, or one less.

        The `most` smallest keys alone are a smaller sample, which has weights of its own. The row at the threshold only marks it.
        """
        taken = self._by_key()
        held = len(taken)
        taken = taken[:most]
        log_mass = self.log_mass_r[taken]
        mass = (log_mass - log_mass.max()).exp()
        if len(taken) == held < self.capacity:
            return mass.to(self.rows_rd.device)
        inside, threshold = taken[:-1], self.keys_r[taken[-1]]
        chance = -torch.expm1(-(self.log_worth_r[inside] + threshold).exp())
        return (mass[:-1] / chance).to(self.rows_rd.device)

    def _by_key(self) -> Tensor:
        """The taken places, by rising key."""
        return self.keys_r.argsort()[: int(self.keys_r.isfinite().sum())]

    def arrays(self) -> dict[str, Tensor]:
        """The taken places as plain arrays."""
        taken = self.keys_r.isfinite()
        names = ("rows_rd", "keys_r", "log_worth_r", "log_mass_r")
        return {name.rpartition("_")[0]: getattr(self, name)[taken] for name in names}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], capacity: int, device: torch.device | str = "cpu") -> Self:
        """The inverse of `arrays`."""
        rows_nd = arrays["rows"].to(device)
        sample = cls.empty(capacity, rows_nd)
        sample._add(rows_nd, arrays["keys"], arrays["log_worth"], arrays["log_mass"])
        return sample
