"""The steps of factorization machines [Rendle 2010], and Adam as MXNet computes it, on the columns that occur in a mini-batch.

Axes: n rows of a mini-batch · u columns that occur in it · f factors
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from wildsage.algorithms.factorization_machines.mini_batch import EmbeddingBags, IndexedMiniBatch, before

BETA_1, BETA_2 = 0.9, 0.999
"""Adam's decay rates, which are MXNet's defaults [contract: factorization-machines, Optimiser]."""


class Terms(NamedTuple):
    """Parameters, or the gradient with respect to them: bias w0 (1,), linear term w1 (u, 1) and factors v (u, f), float32."""

    bias_1: Tensor
    linear_u1: Tensor
    factors_uf: Tensor


class ParameterAndMoments(NamedTuple):
    """The same terms, stacked: the parameters, then Adam's moving means of the gradient, then those of its square."""

    bias_31: Tensor
    linear_3u1: Tensor
    factors_3uf: Tensor


@dataclass(frozen=True)
class Gradient:
    """The gradient of the loss, summed over rows, by the bias and by the parameters of the columns `columns_u`, ascending."""

    columns_u: Tensor
    terms: Terms

    def arrays(self) -> dict[str, Tensor]:
        """The gradient as plain arrays, to send to other hosts."""
        return {"columns": self.columns_u, **self.terms._asdict()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self:
        """The inverse of `arrays`."""
        return cls(arrays["columns"].to(device), Terms(*(arrays[term].to(device) for term in Terms._fields)))


class Rate(NamedTuple):
    """Learning rate and weight decay of one term."""

    lr: float
    wd: float


@dataclass(frozen=True)
class Rates:
    """Adam's settings: rates of each term, epsilon, and the size to which gradients are clipped, if at all."""

    bias: Rate
    linear: Rate
    factors: Rate
    epsilon: float
    clip: float | None = None

    @property
    def by_term(self) -> tuple[Rate, Rate, Rate]:
        """In the order of `Terms`."""
        return self.bias, self.linear, self.factors


def scores(parameters: Terms, batch: IndexedMiniBatch) -> tuple[Tensor, Tensor]:
    """The scores f(x) (n, 1), and the sums S = X V (n, f), which the gradient needs again.

    f = w0 + x w1 + ½ Σ_f [(x v_f)² − x² v_f²]  [Rendle 2010, lemma 3.1]
    """
    s_nf = batch.by_row.sum(parameters.factors_uf)
    norm_u1 = parameters.factors_uf.square().sum(1, keepdim=True)
    pairs_n1 = s_nf.square().sum(1, keepdim=True).sub_(batch.by_row.sum_by_squares(norm_u1))
    return torch.add(batch.by_row.sum(parameters.linear_u1), pairs_n1, alpha=0.5).add_(parameters.bias_1), s_nf


def gradient(error_n1: Tensor, s_nf: Tensor, parameters: Terms, batch: IndexedMiniBatch) -> Gradient:
    """The gradient from each row's error e = ∂loss/∂f (n, 1): Σ e for w0, Xᵀe for w1, Xᵀ(e S) − (X²)ᵀe v for v.

    [Rendle 2010, eq. 4]. Overwrites `s_nf`.
    """
    factors_uf = batch.by_column.sum(s_nf.mul_(error_n1))
    factors_uf.addcmul_(parameters.factors_uf, batch.by_column.sum_by_squares(error_n1), value=-1)
    return Gradient(batch.columns_u, Terms(error_n1.sum(0), batch.by_column.sum(error_n1), factors_uf))


def add_gradients(parts: Sequence[Gradient]) -> Gradient:
    """The gradient of all hosts' rows together. The same parts give the same bits."""
    columns, order = torch.cat([part.columns_u for part in parts]).sort(stable=True)
    columns_u, counts_u = torch.unique_consecutive(columns, return_counts=True)
    bias, linear, factors = (torch.cat(terms) for terms in zip(*(part.terms for part in parts), strict=True))
    bags = EmbeddingBags.from_members(order, before(counts_u), factors.new_ones(len(factors)))
    return Gradient(columns_u, Terms(bias.sum(0, keepdim=True), bags.sum(linear), bags.sum(factors)))


def adam(moved: ParameterAndMoments, gradient: Terms, updates: int, rates: Rates) -> None:
    """Move parameters and their moments in place. All tensors are contiguous and of one dtype. Overwrites the gradient.

    MXNet's `adam_update` adds weight decay to the gradient before it is clipped, and epsilon to the root of the second moment
    before the bias correction of the `updates`-th step [Kingma & Ba 2015, end of section 2]. torch adds epsilon after the
    correction, so epsilon is divided by the root of the correction first.
    """
    epsilon = rates.epsilon / (1 - BETA_2**updates) ** 0.5
    step = gradient.bias_1.new_full((), updates)
    for (parameter, mean, square), slope, (lr, decay) in zip(moved, gradient, rates.by_term, strict=True):
        if rates.clip is not None:
            slope.add_(parameter, alpha=decay).clamp_(-rates.clip, rates.clip)
            decay = 0.0
        torch._fused_adam_(  # what torch.optim.Adam calls: one pass over the numbers
            [parameter], [slope], [mean], [square], [], [step],
            lr=lr, beta1=BETA_1, beta2=BETA_2, weight_decay=decay, eps=epsilon, amsgrad=False, maximize=False,
        )  # fmt: skip
