"""The steps of factorization machines [Rendle 2010], and of Adam as MXNet has it, on the columns that a batch touches.

Axes: n rows of a batch · u columns that occur in it · f factors
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from wildsage.algorithms.factorization_machines.incidence import Bags, Incidence

BETA_1, BETA_2 = 0.9, 0.999
"""Adam's decays, MXNet's defaults [contract: factorization-machines, Optimiser]."""


class Terms(NamedTuple):
    """Of the bias w0 (1,), the linear term w1 (u, 1) and the factors v (u, f): the parameters, or the slope by each."""

    bias_1: Tensor
    linear_u1: Tensor
    factors_uf: Tensor


class Planes(NamedTuple):
    """Of the same terms the parameters and Adam's two moments of them, one plane behind the other."""

    bias_31: Tensor
    linear_3u1: Tensor
    factors_3uf: Tensor


@dataclass(frozen=True)
class Gradient:
    """Of the loss summed over rows, by the bias and by the parameters of the columns `columns_u`, ascending."""

    columns_u: Tensor
    slopes: Terms

    def arrays(self) -> dict[str, Tensor]:
        """As plain arrays, for other hosts."""
        return {"columns": self.columns_u, **self.slopes._asdict()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self:
        """The inverse of `arrays`."""
        return cls(arrays["columns"].to(device), Terms(*(arrays[term].to(device) for term in Terms._fields)))


class Rate(NamedTuple):
    """Of one term: learning rate and weight decay."""

    lr: float
    wd: float


@dataclass(frozen=True)
class Rates:
    """Adam's settings. `clip` None: no clipping."""

    bias: Rate
    linear: Rate
    factors: Rate
    epsilon: float
    clip: float | None = None

    @property
    def of_terms(self) -> tuple[Rate, Rate, Rate]:
        """In the order of `Terms`."""
        return self.bias, self.linear, self.factors


def scores(of: Terms, batch: Incidence) -> tuple[Tensor, Tensor]:
    """f(x) (n, 1) and the sums S = X V (n, f), which the gradient needs again.

    f = w0 + x w1 + ½ Σ_f [(x v_f)² − x² v_f²]  [Rendle 2010, lemma 3.1]
    """
    s_nf = batch.by_row.sum(of.factors_uf)
    norm_u1 = of.factors_uf.square().sum(1, keepdim=True)
    pairs_n1 = s_nf.square().sum(1, keepdim=True).sub_(batch.by_row.sum_by_squares(norm_u1))
    return torch.add(batch.by_row.sum(of.linear_u1), pairs_n1, alpha=0.5).add_(of.bias_1), s_nf


def gradient(error_n1: Tensor, s_nf: Tensor, of: Terms, batch: Incidence) -> Gradient:
    """From each row's ∂loss/∂f: Σ e for w0, Xᵀe for w1, Xᵀ(e S) − (X²)ᵀe v for v [Rendle 2010, eq. 4]. Uses up `s_nf`."""
    factors_uf = batch.by_column.sum(s_nf.mul_(error_n1))
    factors_uf.addcmul_(of.factors_uf, batch.by_column.sum_by_squares(error_n1), value=-1)
    return Gradient(batch.columns_u, Terms(error_n1.sum(0), batch.by_column.sum(error_n1), factors_uf))


def added(parts: Sequence[Gradient]) -> Gradient:
    """The gradient of all parts' rows together, the same for the same parts."""
    columns, order = torch.cat([part.columns_u for part in parts]).sort(stable=True)
    columns_u, counts_u = torch.unique_consecutive(columns, return_counts=True)
    bias, linear, factors = (torch.cat(slopes) for slopes in zip(*(part.slopes for part in parts), strict=True))
    bags = Bags.of(order, counts_u.cumsum(0) - counts_u, factors.new_ones(len(factors)))
    return Gradient(columns_u, Terms(bias.sum(0, keepdim=True), bags.sum(linear), bags.sum(factors)))


def adam(planes: Planes, slopes: Terms, updates: int, rates: Rates) -> None:
    """Move parameters and their two moments in place; all tensors are contiguous and of one dtype. Uses up the slopes.

    MXNet's `adam_update`: weight decay is added to the slope before it is clipped, and epsilon to the root of the variance
    before the bias correction of the `updates`-th step [Kingma & Ba 2015, end of section 2]. torch adds it after: hence the
    quotient.
    """
    epsilon = rates.epsilon / (1 - BETA_2**updates) ** 0.5
    step = slopes.bias_1.new_full((), updates)
    for (parameter, mean, variance), slope, (lr, decay) in zip(planes, slopes, rates.of_terms, strict=True):
        if rates.clip is not None:
            slope.add_(parameter, alpha=decay).clamp_(-rates.clip, rates.clip)
            decay = 0.0
        torch._fused_adam_(  # what torch.optim.Adam calls: all of it in one pass over the numbers
            [parameter], [slope], [mean], [variance], [], [step],
            lr=lr, beta1=BETA_1, beta2=BETA_2, weight_decay=decay, eps=epsilon, amsgrad=False, maximize=False,
        )  # fmt: skip
