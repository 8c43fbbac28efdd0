"""A weighted sample of a stream, of bounded size, that merges with other samples.

Axes: n rows of a batch · d features · r rows of the sample
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from wildsage.algorithms.base.parallel import over_rows


@dataclass
class Sample:
    """The r rows with the smallest keys of all rows seen, where a row's key is log(Exp(1)) - log(importance).

    This is a sample without replacement in which a row's chance grows with its importance [Efraimidis & Spirakis 2006]. The r
    smallest keys of two samples are a sample of both streams, in any order, so the samples of hosts and of days can be merged.
    Given the largest key τ, a row is in the sample with probability p = 1 - exp(-importance · exp(τ)), and stands for weight / p
    [Cohen & Kaplan 2007]; `log_importance_r` and `log_weight_r` are kept for that. A free place has a key of infinity. The rows
    (r, d) float32 stay on their device; keys, importance and weight, all (r,) float64, are on the CPU.
    """

    rows_rd: Tensor
    keys_r: Tensor
    log_importance_r: Tensor
    log_weight_r: Tensor
    _order: Tensor | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def empty(cls, capacity: int, like_nd: Tensor) -> Self:
        """A sample with `capacity` free places for rows of the width d, dtype and device of `like_nd`."""
        keys_r = torch.full((capacity,), torch.inf, dtype=torch.float64)
        return cls(like_nd.new_empty(capacity, like_nd.shape[1]), keys_r, keys_r.clone(), keys_r.clone())

    @property
    def capacity(self) -> int:
        """Rows that the sample can hold."""
        return len(self.keys_r)

    def absorb(self, x_nd: Tensor, log_importance_n: Tensor, log_weight_n: Tensor, rng: torch.Generator) -> None:
        """Let each row (n, d) compete for a place, given the logarithms of importance and weight (n,).

        A late batch costs its keys and the few rows that enter.
        """
        clocks_n = torch.empty(len(x_nd), dtype=torch.float64).exponential_(generator=rng)
        self._add(x_nd, clocks_n.log_() - log_importance_n, log_importance_n, log_weight_n)

    def merge(self, other: Self) -> None:
        """Become a sample of both streams."""
        self._add(other.rows_rd, other.keys_r, other.log_importance_r, other.log_weight_r)

    def _add(self, x_nd: Tensor, keys_n: Tensor, log_importance_n: Tensor, log_weight_n: Tensor) -> None:
        """Keep the smallest keys of those here and those given, overwriting rows in place."""
        self._order = None
        entering = (keys_n < self.keys_r.max()).nonzero().flatten()
        both = torch.cat([self.keys_r, keys_n[entering]])
        drops = torch.zeros(len(both), dtype=torch.bool)
        drops[both.topk(len(entering)).indices] = True
        free, entrants = drops[: self.capacity].nonzero().flatten(), entering[~drops[self.capacity :]]

        def put(part: slice) -> None:
            self.rows_rd[free[part]] = x_nd[entrants[part]]

        entries = len(free) * x_nd.shape[1]  # mutants: equivalent: decides about threads alone
        over_rows(len(free), entries, x_nd.device, put)
        self.keys_r[free], self.log_importance_r[free] = keys_n[entrants], log_importance_n[entrants]
        self.log_weight_r[free] = log_weight_n[entrants]

    def rows_by_key(self) -> Tensor:
        """A copy of the sampled rows (≤ r, d), by rising key."""
        return self.rows_rd[self._by_key().to(self.rows_rd.device)]

    def weights_by_key(self, most: int | None = None) -> Tensor:
        """Weights (≤ r,) float64 with which the first of `rows_by_key` stand for the whole stream: one for each row, or one less.

        The `most` smallest keys alone are a smaller sample with weights of its own. Where rows were left out, the row with the
        largest key only marks the threshold and has no weight.
        """
        taken = self._by_key()
        held = len(taken)
        taken = taken[:most]
        log_weight = self.log_weight_r[taken]
        weight = (log_weight - log_weight.max()).exp()
        if len(taken) == held < self.capacity:
            return weight.to(self.rows_rd.device)
        inside, threshold = taken[:-1], self.keys_r[taken[-1]]
        probability = -torch.expm1(-(self.log_importance_r[inside] + threshold).exp())
        return (weight[:-1] / probability).to(self.rows_rd.device)

    def _by_key(self) -> Tensor:
        """Indices of the taken places, by rising key. They are sorted once."""
        if self._order is None:
            taken = self._taken()
            self._order = taken[self.keys_r[taken].argsort()]
        return self._order

    def _taken(self) -> Tensor:
        """Indices of the taken places, as they lie."""
        return self.keys_r.isfinite().nonzero().flatten()

    def arrays(self) -> dict[str, Tensor]:
        """The taken places as plain arrays, named as state files have them: importance is "worth" there, and weight is "mass".

        The arrays of a full sample are its own and not copies.
        """
        taken = self._taken() if bool(self.keys_r.isinf().any()) else slice(None)
        return {
            "rows": self.rows_rd[taken],
            "keys": self.keys_r[taken],
            "log_worth": self.log_importance_r[taken],
            "log_mass": self.log_weight_r[taken],
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], capacity: int, device: torch.device | str = "cpu") -> Self:
        """The inverse of `arrays`."""
        rows_nd = arrays["rows"].to(device)
        sample = cls.empty(capacity, rows_nd)
        sample._add(rows_nd, arrays["keys"], arrays["log_worth"], arrays["log_mass"])
        return sample
